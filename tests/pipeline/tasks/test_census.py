"""What is counted of documents that become tokens."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tasks.census import DOMAINS, LONGEST, Census, registered, rounded
from stages.base import Told

TOLD = (
    Told("pii.email", "redacted", "mail addresses"),
    Told("secrets", "redacted", "secrets in code"),
    Told("noai", "opt_out", "refuse"),
    Told("tdm", "opt_out", "say something"),
    Told("model", "teacher", "model"),
    Told("task", "task", "task"),
    Told("rank", "rank", "rank"),
    Told("absent", "rank", "a column that these documents do not have"),
)
SECRETS = pa.list_(pa.struct([("rule", pa.string()), ("count", pa.int32())]))
SCHEMA = pa.schema(
    [
        ("id", pa.binary(16)),
        ("text", pa.string()),
        ("url", pa.string()),
        ("n_tokens", pa.int32()),
        ("pii.email", pa.int32()),
        ("secrets", SECRETS),
        ("noai", pa.bool_()),
        ("tdm", pa.string()),
        ("model", pa.string()),
        ("task", pa.string()),
        ("rank", pa.int8()),
    ]
)
DOCUMENT = st.fixed_dictionaries(
    {
        "id": st.one_of(st.sampled_from([b"a" * 16, b"b" * 16]), st.binary(min_size=16, max_size=16)),
        "text": st.one_of(st.none(), st.text(max_size=5)),
        "url": st.sampled_from([None, "https://a.example.co.uk/x", "http://b.example.co.uk", "no address"]),
        "n_tokens": st.integers(0, 10**6),
        "pii.email": st.one_of(st.none(), st.integers(0, 3)),
        "secrets": st.sampled_from([None, [], [{"rule": "a", "count": 2}, {"rule": "b", "count": 1}]]),
        "noai": st.sampled_from([None, True, False]),
        "tdm": st.sampled_from([None, "", "1 https://policy"]),
        "model": st.sampled_from([None, "m"]),
        "task": st.sampled_from([None, "qa", "list"]),
        "rank": st.one_of(st.none(), st.integers(0, 19)),
    }
)


def documents(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@settings(deadline=None, max_examples=60)
@given(st.lists(DOCUMENT, max_size=12), st.integers(0, 12))
def test_parts_and_the_whole_are_the_same(rows: list[dict], cut: int) -> None:
    whole, together = Census(TOLD), Census(TOLD)
    whole.count(documents(rows))
    for some in (rows[cut:], rows[:cut]):
        part = Census(TOLD)
        part.count(documents(some))
        together.add(json.loads(json.dumps(part.as_json())))
    assert together.as_json() == whole.as_json()
    assert whole.documents == len(rows)
    assert sum(whole.lengths.values()) == len(rows)
    domains = whole.domains()
    assert domains.schema == DOMAINS
    with_host = [row for row in rows if (row["url"] or "").startswith("http")]
    assert domains.to_pylist() == (
        [{"domain": "example.co.uk", "documents": len(with_host),
          "tokens": sum(row["n_tokens"] for row in with_host)}] if with_host else []
    )  # fmt: skip


def test_what_stages_tell_of() -> None:
    rows = [
        {"id": bytes([9 - i]) * 16, "text": f"text {i}", "n_tokens": 10, "pii.email": i, "noai": i == 1,
         "secrets": [{"rule": "a", "count": 2}, {"rule": "b", "count": 3}] if i == 2 else [],
         "tdm": "0" if i < 2 else None, "model": "m", "task": "qa", "rank": i}
        for i in range(5)
    ]  # fmt: skip
    found = Census(TOLD)
    found.count(documents(rows))
    assert found.values[("pii.email", "")] == [4, 40, 10]
    assert found.values[("secrets", "")] == [1, 10, 5]
    assert found.values[("noai", "")] == [1, 10, 0]
    assert found.values[("tdm", "")] == [2, 20, 0]
    assert found.values[("model", "m")] == [5, 50, 0]
    assert found.values[("rank", "3")] == [1, 10, 0]
    assert [text for _, text in found.examples[("task", "qa")]] == ["text 4", "text 3", "text 2"]
    assert not any(column == "absent" for column, _ in found.values)


def test_equal_documents_are_one_example_in_whatever_parts_they_are() -> None:
    rows = [
        {"id": bytes([n]) * 16, "text": text, "n_tokens": 1, "task": "qa"}
        for n, text in [(1, "a"), (1, "a"), (1, "b"), (2, "c"), (3, "d")]
    ]
    for cut in range(len(rows)):
        found = Census(TOLD)
        found.count(documents(rows[cut:]))
        found.count(documents(rows[:cut]))
        assert [text for _, text in found.examples[("task", "qa")]] == ["a", "b", "c"]


def test_an_example_is_cut() -> None:
    found = Census(TOLD)
    found.count(documents([{"id": bytes(16), "text": "x" * 5000, "n_tokens": 1, "task": "qa"}]))
    assert found.examples[("task", "qa")] == [("00" * 16, "x" * LONGEST + "…")]


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.co.uk", "example.co.uk"),
        ("a.b.example.org", "example.org"),
        ("someone.github.io", "someone.github.io"),
        ("co.uk", "co.uk"),
        ("192.0.2.17", "192.0.2.17"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("localhost", "localhost"),
        ("www.bücher.example", "bücher.example"),
        ("." + "ü" * 80 + ".example", "." + "ü" * 80 + ".example"),
    ],
)
def test_registered_domains(host: str, domain: str) -> None:
    assert registered(host) == domain


@given(st.text(max_size=30))
def test_every_host_has_a_domain(host: str) -> None:
    assert isinstance(registered(host), str)


@given(st.integers(0, 2**31 - 1))
def test_lengths_are_rounded_down_by_little(length: int) -> None:
    assert length - length / 64 <= rounded(length) <= length


def test_quantiles() -> None:
    found = Census()
    found.add({"documents": 100, "lengths": [[n, 1] for n in range(1, 101)], "values": [], "examples": []})
    assert [found.quantile(share) for share in (0.05, 0.5, 0.95)] == [5, 50, 95]
    assert Census().quantile(0.5) is None
