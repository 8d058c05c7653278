"""``line_dedup`` against brute force; sites; paragraphs; earlier runs."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import documents

from stages.base import Fault
from stages.dedup.lines import LineDedup, LineDedupConfig, site
from tests import rounds

HOSTS = ["https://a.example/1", "http://www.A.example:80/x?y", "https://b.example/", None, "no url"]
NOTE = "All articles may be shared under the licence below."


def stage(**settings: object) -> LineDedup:
    return LineDedup(LineDedupConfig(**settings))


def result(config: LineDedup, docs: pa.Table, **sizes: int) -> tuple[list[dict[str, object]], list[object]]:
    tables, verdicts, _ = rounds.run(config, [docs.slice(s, 3) for s in range(0, len(docs), 3)], **sizes)
    return pa.concat_tables(tables).to_pylist(), list(itertools.chain(*verdicts))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.Example.com:8443/a?b#c", "example.com"),
        ("http://user:secret@news.example.com./", "news.example.com"),
        ("https://例え.jp/x", "例え.jp"),
        ("http://[::1]:80/", "::1"),
        ("http://[broken/", None),
        ("relative/path", None),
        ("", None),
        (None, None),
    ],
)
def test_site(url: str | None, host: str | None) -> None:
    assert site(url) == host


lines = st.lists(
    st.sampled_from(["", "  ", "ab", "abc d", " abc  d", "xyzz", "漢字漢字", "abc\td"]), max_size=8
)


@settings(max_examples=150, deadline=None)
@given(
    # more documents with a line than tables of a split round have rows
    st.lists(st.tuples(lines, st.sampled_from(HOSTS)), min_size=1, max_size=25),
    st.integers(2, 7),
    st.sampled_from(["first", "none"]),
    st.integers(1, 4),
)
def test_equal_to_brute_force(
    corpus: list[tuple[list[str], str | None]], least: int, keep: str, batch_rows: int
) -> None:
    docs = documents(["\n".join(text) for text, _ in corpus], urls=[url for _, url in corpus])
    config = stage(min_chars=4, min_documents=least, keep=keep)
    rows, verdicts = result(config, docs, batch_rows=batch_rows)
    having = defaultdict(set)
    for number, (text, url) in enumerate(corpus):
        for line in text:
            if site(url) and len(" ".join(line.split())) >= 4:
                having[site(url), " ".join(line.split())].add(number)
    for number, ((text, url), row, verdict) in enumerate(zip(corpus, rows, verdicts, strict=True)):
        left, gone = [], []
        for line in text:
            of = having[site(url), " ".join(line.split())]
            out = number in of and len(of) >= least and (keep == "none" or number != min(of))
            (gone if out else left).append(line)
        assert row["dedup.lines"] == len(gone)
        assert row["dedup.line_chars"] == sum(len(line.strip()) for line in gone)
        # blank lines at a cut are run together
        assert [x.split() for x in str(row["text"]).split("\n") if x.split()] == [
            x.split() for x in left if x.split()
        ]
        if not gone:
            assert row["text"] == "\n".join(text)
        assert (verdict is not None) == (bool(gone) and not any(x.split() for x in left))


def test_only_lines_of_the_site_and_the_reason() -> None:
    texts = [f"{NOTE}\nFirst.", f"Second.\n\n{NOTE}\n\nMore.", f"  {NOTE} ", f"{NOTE}\nElsewhere."]
    urls = ["https://a.example/1", "https://www.a.example/2", "http://a.example/3", "https://b.example/1"]
    rows, verdicts = result(stage(), documents(texts, urls=urls))
    assert [row["text"] for row in rows] == [texts[0], "Second.\n\nMore.", "", texts[3]]
    assert verdicts == [None, None, Fault("only_repeated_lines", "1 of 1"), None]
    rows, verdicts = result(stage(action="annotate"), documents(texts, urls=urls))
    assert [row["text"] for row in rows] == texts
    assert [row["dedup.lines"] for row in rows] == [0, 1, 1, 0]
    assert verdicts == [None] * 4


def test_characters_without_width_before_a_line_are_no_part_of_it_wherever_it_stands() -> None:
    """A byte order mark before a line, or a blank of no width, is not seen; it goes with the line."""
    texts = [
        f"\u200b{NOTE}\nFirst.",
        f"Second.\n \ufeff\u200b {NOTE}\n\u200b\nMore.",
        f"\u200b\n\u2060{NOTE}",
    ]
    docs = documents(texts, urls=["https://a.example"] * 3)
    rows, verdicts = result(stage(), docs)
    assert [row["text"] for row in rows] == [texts[0], "Second.\n\u200b\nMore.", "\u200b"]
    assert [row["dedup.line_chars"] for row in rows] == [0, len(NOTE) + 3, len(NOTE) + 1]
    assert verdicts == [None, None, None]
    within = documents([NOTE.replace(" ", "\u200b ")] * 2 + [NOTE], urls=["https://a.example"] * 3)
    rows, _ = result(stage(min_documents=2), within)
    assert [row["dedup.lines"] for row in rows] == [0, 1, 0]


def test_a_document_of_nothing_but_the_line_and_what_is_before_it_goes() -> None:
    docs = documents([NOTE, f"\ufeff{NOTE}", f"\u200b{NOTE}\n\u200b{NOTE}"], urls=["https://a.example"] * 3)
    rows, verdicts = result(stage(), docs)
    assert [row["text"] for row in rows] == [NOTE, "", ""]
    assert verdicts[1:] == [Fault("only_repeated_lines", "1 of 1"), Fault("only_repeated_lines", "2 of 2")]


def test_paragraphs() -> None:
    both = f"{NOTE}\nIt has two lines."
    texts = [f"Text.\n\n{both}", f"{both}\n \n\nText two.", f"One.\n\n{NOTE}\n\nIt has two lines."]
    docs = documents(texts, urls=["https://a.example"] * 3)
    rows, _ = result(stage(unit="paragraph", min_documents=2), docs)
    assert [row["text"] for row in rows] == [texts[0], "Text two.", texts[2]]


def test_an_earlier_run_keeps_the_line() -> None:
    urls = ["https://a.example"] * 2
    earlier = [documents([NOTE, NOTE], ids=[8, 9], urls=urls)]
    own = documents([f"{NOTE}\nOne.", f"Two.\n{NOTE}"], urls=urls)
    tables, _, counts = rounds.run(stage(), [own], earlier)
    assert tables[0]["text"].to_pylist() == ["One.", "Two."]
    assert counts["verdicts"] == {"repeated lines": 1, "repeats": 2, "rows": 2}


def test_one_partial_per_distinct_line() -> None:
    docs = documents([f"{NOTE}\n{NOTE}\nshort\n{NOTE} And more."], urls=["https://a.example"])
    partials = stage().map(docs)
    assert len(partials) == 2
    for name, value in {"min_documents": 9, "keep": "none", "action": "annotate"}.items():
        assert name in LineDedup.decides
        assert stage(**{name: value}).map(docs).equals(partials)
