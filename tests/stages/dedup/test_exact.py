"""``exact_dedup``: which copy stays, what the others are told, earlier runs, every split."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import documents

from stages.base import Fault
from stages.dedup.exact import ExactDedup, ExactDedupConfig
from tests import rounds


def stage(**settings: object) -> ExactDedup:
    return ExactDedup(ExactDedupConfig(**settings))


@settings(max_examples=150, deadline=None)
@given(
    # more copies than tables of a split round have rows
    st.lists(st.sampled_from("aaaabcd"), min_size=1, max_size=30),
    st.randoms(),
    st.integers(1, 5),
    st.integers(0, 12),
)
def test_equal_to_brute_force(texts: list[str], rng: object, batch_rows: int, earlier: int) -> None:
    ids = list(range(len(texts)))
    rng.shuffle(ids)  # type: ignore[attr-defined]
    docs = documents(texts, ids)
    before, own = docs.slice(0, min(earlier, len(texts) - 1)), docs.slice(min(earlier, len(texts) - 1))
    parts = [own.slice(start, 4) for start in range(0, len(own), 4)]
    tables, verdicts, counts = rounds.run(stage(), parts, [before], batch_rows=batch_rows)
    members = defaultdict(list)
    for text, identity in zip(before["text"].to_pylist(), before["id"].to_pylist(), strict=True):
        members[text].append((0, identity))
    for text, identity in zip(own["text"].to_pylist(), own["id"].to_pylist(), strict=True):
        members[text].append((1, identity))
    reasons: Counter[str] = Counter()
    for row, verdict in zip(pa.concat_tables(tables).to_pylist(), itertools.chain(*verdicts), strict=True):
        of_own, survivor = min(members[row["text"]])
        copies = len(members[row["text"]])
        assert row["dedup.exact_copies"] == copies
        assert row["dedup.exact_cluster"] == (survivor if copies > 1 else None)
        if row["id"] == survivor:
            assert verdict is None
        else:
            reason = "exact_duplicate" if of_own else "exact_duplicate_of_earlier_run"
            assert verdict == Fault(reason, survivor.hex())
            reasons[reason] += 1
    assert counts["verdicts"]["duplicates"] == sum(reasons.values())
    assert counts["verdicts"]["of an earlier run"] == reasons["exact_duplicate_of_earlier_run"]


def test_annotate_drops_nothing() -> None:
    tables, verdicts, _ = rounds.run(stage(action="annotate"), [documents(["x", "y", "x"])])
    assert verdicts == [[None] * 3]
    assert tables[0]["dedup.exact_copies"].to_pylist() == [2, 1, 2]
    assert tables[0]["dedup.exact_cluster"].to_pylist() == [bytes(16), None, bytes(16)]


@pytest.mark.parametrize(
    ("one", "other", "normalize", "same"),
    [
        ("a  b\n", "a b", "none", False),
        ("a  b\n", "a b", "whitespace", True),
        ("caf\u00e9", "cafe\u0301", "whitespace", True),
        ("caf\u00e9", "cafe\u0301", "none", False),
        ("東 京", "東京", "whitespace", False),
        ("", " ", "whitespace", True),
    ],
)
def test_what_is_the_same(one: str, other: str, normalize: str, same: bool) -> None:
    parts = [documents([one]), documents([other], ids=[1])]
    _, verdicts, _ = rounds.run(stage(normalize=normalize), parts)
    assert (verdicts[1][0] is not None) == same


def test_one_partial_of_fixed_size_per_document() -> None:
    partials = stage().map(documents(["x" * 100_000, "y"]))
    assert partials.schema.names == ["key", "row", "low", "id"]
    assert partials["row"].to_pylist() == [0, 1]
    assert stage(action="annotate").map(documents(["x" * 100_000, "y"])).equals(partials)
    assert "action" in ExactDedup.decides


def test_a_document_without_text_is_an_error() -> None:
    docs = documents(["a"]).set_column(1, "text", pa.array([None], pa.string()))
    with pytest.raises(ValueError, match="without text"):
        stage().map(docs)


def ranked(texts: str, ranks: list[int | None], stars: list[int | None]) -> pa.Table:
    """Documents 0, 1, 2 … with two columns of numbers."""
    table = documents(list(texts), list(range(len(texts))))
    return table.append_column("rank", pa.array(ranks, pa.int8())).append_column(
        "stars", pa.array(stars, pa.int64())
    )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("aab"), st.none() | st.integers(-3, 3), st.none() | st.integers(0, 3)),
        min_size=1,
        max_size=24,
    ),
    st.integers(1, 5),
    st.sampled_from(["max", "min"]),
    st.integers(0, 8),
)
def test_prefer_and_carry_are_equal_to_brute_force(
    rows: list[tuple[str, int | None, int | None]], batch_rows: int, how: str, earlier: int
) -> None:
    table = ranked(
        "".join(text for text, _, _ in rows), [rank for _, rank, _ in rows], [n for _, _, n in rows]
    )
    cut = min(earlier, len(rows) - 1)
    before, own = table.slice(0, cut), table.slice(cut)
    made = stage(prefer=("stars desc",), carry={"rank": how})
    parts = [own.slice(start, 4) for start in range(0, len(own), 4)]
    tables, verdicts, _ = rounds.run(made, parts, [before], batch_rows=batch_rows)
    found = pa.concat_tables(tables)
    assert found.schema.field("rank").type == pa.int64()
    listed = list(enumerate(rows))
    for (place, (text, _, _)), row, verdict in zip(
        listed[cut:], found.to_pylist(), itertools.chain(*verdicts), strict=True
    ):
        same = [(number, item) for number, item in listed if item[0] == text]
        values = [rank for _, (_, rank, _) in same if rank is not None]
        assert row["rank"] == ((max if how == "max" else min)(values) if values else None)
        older = any(number < cut for number, _ in same)
        first = min(same, key=lambda item: (item[1][2] is None, -(item[1][2] or 0), item[0]))[0]
        assert (verdict is None) == (not older and place == first)


def test_columns_that_cannot_be_carried() -> None:
    config = ExactDedupConfig(carry={"rank": "max"}, prefer=("stars desc",))
    assert ExactDedup.needs(config) == ("id", "text", "stars", "rank")
    schema = pa.schema([("rank", pa.string()), ("stars", pa.int64())])
    assert ExactDedup.check(config, schema) == (
        "`carry: rank`: a column of type string does not hold whole numbers"
    )
    schema = pa.schema([("rank", pa.int8()), ("stars", pa.list_(pa.int8()))])
    assert "`prefer: stars`" in str(ExactDedup.check(config, schema))
