"""``passage_dedup`` against brute force over all windows; the guarantees; every split of the documents."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from texts import LANGUAGES, documents, passage, values

from stages.dedup.passages import PassageDedup, PassageDedupConfig
from tests import rounds

Place = tuple[int, int]  # document, token


def stage(**settings: object) -> PassageDedup:
    return PassageDedup(PassageDedupConfig(**settings))


def windows(texts: list[str], size: int) -> dict[tuple[str, ...], list[Place]]:
    """Where each window is, in the order of documents and places."""
    found: dict[tuple[str, ...], list[Place]] = {}
    for number, text in enumerate(texts):
        words = values(text)
        for start in range(len(words) - size + 1):
            found.setdefault(tuple(words[start : start + size]), []).append((number, start))
    return found


def cuts(texts: list[str], size: int, keep: str = "first") -> dict[Place, Place | None]:
    """The tokens that go, each with an earlier place where the same stands in the same window."""
    gone: dict[Place, Place | None] = {}
    for places in windows(texts, size).values():
        if len(places) < 2:
            continue
        number, first = places[0]
        for at, start in places if keep == "none" else places[1:]:
            begin = start if at != number or keep == "none" else max(start, first + size)
            for token in range(begin, start + size):
                gone.setdefault((at, token), (number, first + token - start) if keep == "first" else None)
    return gone


def result(
    config: PassageDedup, texts: list[str], split: int = 1, **sizes: int
) -> tuple[list[dict[str, object]], list[object]]:
    docs = documents(texts)
    step = -(-len(texts) // split)
    parts = [docs.slice(start, step) for start in range(0, len(texts), step)]
    tables, verdicts, _ = rounds.run(config, parts, **sizes)
    return pa.concat_tables(tables).to_pylist(), list(itertools.chain(*verdicts))


def check(texts: list[str], size: int, keep: str = "first", **sizes: int) -> None:
    gone = cuts(texts, size, keep)
    rows, verdicts = result(stage(min_tokens=size, keep=keep), texts, **sizes)
    for number, (text, row, verdict) in enumerate(zip(texts, rows, verdicts, strict=True)):
        marked = [(number, token) in gone for token in range(len(values(text)))]
        assert row["dedup.passage_tokens"] == sum(marked)
        assert row["dedup.passages"] == sum(1 for value, _ in itertools.groupby(marked) if value)
        left = [value for value, out in zip(values(text), marked, strict=True) if not out]
        assert values(str(row["text"])) == left
        if not any(marked):
            assert row["text"] == text
        assert (verdict is not None) == (any(marked) and len(left) < size)


words = st.lists(st.sampled_from("ab"), max_size=40)
corpus = st.lists(words, min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(corpus, st.sampled_from(["first", "none"]), st.integers(1, 5), st.integers(1, 3))
def test_equal_to_brute_force(corpus: list[list[str]], keep: str, batch_rows: int, buckets: int) -> None:
    check([" ".join(text) for text in corpus], 8, keep, batch_rows=batch_rows, buckets=buckets)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("漢ก1é .\n"), max_size=80), min_size=1, max_size=4), st.integers(8, 12)
)
def test_equal_to_brute_force_in_mixed_scripts(texts: list[str], size: int) -> None:
    check(texts, size)


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_brute_force_on_spliced_documents(seed: int) -> None:
    """Passages of all lengths around the least one, overlapping and nested, in several documents."""
    rng = random.Random(seed)
    sources = [passage(rng, "en", 300).split() for _ in range(4)]
    texts = []
    for _ in range(60):
        parts = []
        for _ in range(rng.randint(1, 5)):
            source, length = rng.choice(sources), rng.randint(10, 120)
            start = rng.randrange(len(source) - length)
            parts += source[start : start + length] + passage(rng, "en", rng.randint(1, 20)).split()
        texts.append(" ".join(parts))
    check(texts, 50)


@settings(max_examples=100, deadline=None)
@given(corpus)
def test_what_is_gone_can_be_written_from_what_is_left(corpus: list[list[str]]) -> None:
    texts = [" ".join(text) for text in corpus]
    gone = cuts(texts, 8)
    for place in gone:
        number, token = place
        while (earlier := gone.get(place)) is not None:
            assert earlier < place, "the chain goes to earlier places only"
            place = earlier
        assert corpus[place[0]][place[1]] == corpus[number][token]
    for places in windows(texts, 8).values():
        for number, start in places[1:]:
            assert any((number, token) in gone for token in range(start, start + 8))


@pytest.mark.parametrize("language", LANGUAGES)
def test_planted_passages(language: str) -> None:
    """At the least length all are found, in every place of a document; one token shorter, none."""
    rng = random.Random(language)
    planted, shorter = passage(rng, language, 50), passage(rng, language, 49)
    texts = []
    for number in range(12):
        before, after = passage(rng, language, 10 * number), passage(rng, language, 110 - 10 * number)
        pieces = [before, planted, passage(rng, language, 60), shorter, after]
        # between pieces a word that is nowhere else: single characters would be equal by chance
        texts.append("".join(f"{piece} {number}a{place} " for place, piece in enumerate(pieces)))
    rows, verdicts = result(stage(), texts)
    assert [row["dedup.passages"] for row in rows] == [0] + [1] * 11
    assert [row["dedup.passage_tokens"] for row in rows] == [0] + [50] * 11
    assert [row["text"].count(planted) for row in rows] == [1] + [0] * 11
    assert [row["text"].count(shorter) for row in rows] == [1] * 12
    assert verdicts == [None] * 12


@settings(max_examples=100, deadline=None)
@given(corpus, corpus, st.sampled_from(["first", "none"]), st.integers(1, 5), st.integers(1, 3))
def test_earlier_runs_equal_to_brute_force(
    before: list[list[str]], now: list[list[str]], keep: str, batch_rows: int, buckets: int
) -> None:
    """Everything that an earlier run has goes; what only this run has, as without one. Splits of keys too."""
    old, texts = ([" ".join(text) for text in some] for some in (before, now))
    known = {*windows(old, 8)}
    gone = set()
    for window, places in windows(texts, 8).items():
        if window in known:
            gone |= {(at, token) for at, start in places for token in range(start, start + 8)}
    for text, places in windows(texts, 8).items():
        if text not in known and len(places) > 1:
            number, first = places[0]
            for at, start in places if keep == "none" else places[1:]:
                begin = start if at != number or keep == "none" else max(start, first + 8)
                gone |= {(at, token) for token in range(begin, start + 8)}
    # ids of the earlier run come last: it is not by them that it comes first
    earlier = documents(old, ids=range(1000, 1000 + len(old)))
    tables, _, _ = rounds.run(
        stage(min_tokens=8, keep=keep), [documents(texts)], [earlier], buckets, batch_rows
    )
    for number, row in enumerate(tables[0].to_pylist()):
        left = [value for token, value in enumerate(values(texts[number])) if (number, token) not in gone]
        assert values(row["text"]) == left


def test_documents_of_earlier_runs_are_read_only_for_what_this_run_shares() -> None:
    rng = random.Random(14)
    ours, theirs = passage(rng, "en", 80), passage(rng, "en", 80)
    earlier = documents([theirs, theirs, ours], ids=range(100, 103))
    tables, verdicts, counts = rounds.run(stage(), [documents([ours])], [earlier], buckets=1, split_rows=1000)
    assert tables[0]["text"].to_pylist() == [""]
    assert [tuple(reason) for reason in verdicts[0] if reason] == [
        ("mostly_repeated_passages", "80 of 80 tokens")
    ]
    # 31 windows here and there; those of the two that are alike are not looked at
    assert counts["windows"]["rows"] <= 62 + 31


def test_case_punctuation_and_line_breaks_do_not_hide_a_passage() -> None:
    rng = random.Random(3)
    plain = passage(rng, "en", 60).split()
    dressed = " ".join(word.title() + ("," if i % 7 == 0 else "") for i, word in enumerate(plain))
    texts = [
        " ".join(plain),
        f"Start here.\n\n“{dressed}.”\n\nThe end of all of it is long enough " + passage(rng, "de", 50),
    ]
    rows, _ = result(stage(), texts)
    assert rows[1]["dedup.passage_tokens"] == 60
    assert str(rows[1]["text"]).startswith("Start here.\n\nThe end of all")


def test_symbols_are_compared() -> None:
    rng = random.Random(4)
    terms = passage(rng, "en", 60).split()
    texts = [" + ".join(terms), " = ".join(terms)]
    rows, _ = result(stage(), texts)
    assert [row["dedup.passages"] for row in rows] == [0, 0]


def test_the_first_of_overlapping_repeats_stays_whole() -> None:
    rows, verdicts = result(stage(), ["la " * 500, "ta ra " * 300])
    assert [row["text"] for row in rows] == [("la " * 50).strip(), ("ta ra " * 25).strip()]
    assert verdicts == [None, None]


def test_documents_left_too_short_go_with_a_reason() -> None:
    rng = random.Random(5)
    shared = passage(rng, "en", 80)
    texts = [shared, f"{shared} {passage(rng, 'en', 49)}", f"{shared} {passage(rng, 'en', 50)}", "short"]
    _, verdicts = result(stage(), texts)
    assert [verdict and tuple(verdict) for verdict in verdicts] == [
        None,
        ("mostly_repeated_passages", "80 of 129 tokens"),
        None,
        None,
    ]
    _, verdicts = result(stage(min_left=10), texts)
    assert verdicts == [None] * 4
    rows, verdicts = result(stage(keep="none"), texts)
    assert [verdict is None for verdict in verdicts] == [False, False, True, True]
    assert rows[0]["text"] == ""


def test_annotate_leaves_texts_alone() -> None:
    shared = passage(random.Random(6), "th", 70)
    rows, verdicts = result(stage(action="annotate"), [shared, shared])
    assert [row["text"] for row in rows] == [shared, shared]
    assert [row["dedup.passages"] for row in rows] == [0, 1]
    assert [row["dedup.passage_tokens"] for row in rows] == [0, 70]
    assert verdicts == [None, None]


def test_the_same_however_documents_are_spread() -> None:
    rng = random.Random(8)
    pool = [passage(rng, "sv", 120).split() for _ in range(5)]
    texts = [
        " ".join([*passage(rng, "sv", 60).split(), *rng.choice(pool)[rng.randrange(60) :]]) for _ in range(40)
    ]
    docs = documents(texts, ids=rng.sample(range(1000), 40))
    seen = set()
    for seed, buckets, batch_rows in [(0, 1, 40), (1, 3, 7), (2, 5, 1)]:
        shuffled = docs.take(pa.array(np.random.default_rng(seed).permutation(40)))
        parts = [shuffled.slice(0, 11), shuffled.slice(11, 1), shuffled.slice(12)]
        tables, verdicts, _ = rounds.run(stage(), parts, buckets=buckets, batch_rows=batch_rows)
        rows = pa.concat_tables(tables).sort_by([("text", "ascending")]).to_pylist()
        kept = sorted(rounds.kept(parts, verdicts))
        seen.add(repr((sorted(rows, key=lambda row: row["id"]), kept)))
    assert len(seen) == 1


def test_rows_grow_with_copies_not_with_pairs() -> None:
    rng = random.Random(9)
    shared = passage(rng, "en", 50)
    texts = [f"{shared} {number} {passage(rng, 'en', 5)}" for number in range(2000)]
    tables, _, counts = rounds.run(stage(), [documents(texts)], batch_rows=500)
    assert counts["windows"]["rows"] <= 7 * 2000  # each has 56 tokens, so seven windows
    assert counts["verdicts"] == {"repeated windows": 1, "repeats": 1999, "rows": 1999}
    assert sum(tables[0]["dedup.passages"].to_pylist()) == 1999


def test_a_fingerprint_is_there_at_most_twice_for_a_document() -> None:
    partials = stage().map(documents(["la " * 5000]))
    assert len(partials) == 2


def test_fingerprints_are_few_and_spread_over_all_keys() -> None:
    rng = random.Random(10)
    partials = stage().map(documents([passage(rng, "en", 20_000)]))
    assert 0.9 * 2 / 27 < len(partials) / 20_000 < 1.1 * 2 / 27
    counts = np.bincount(partials["key"].to_numpy() >> np.uint64(61), minlength=8)
    assert counts.min() > 0.7 * len(partials) / 8


def test_nothing_to_find() -> None:
    rows, verdicts = result(stage(), ["", "one two", "...", passage(random.Random(12), "zh", 500)])
    assert [row["dedup.passages"] for row in rows] == [0, 0, 0, 0]
    assert verdicts == [None] * 4


def test_a_document_without_text_is_an_error() -> None:
    docs = documents(["a"]).set_column(1, "text", pa.array([None], pa.string()))
    with pytest.raises(ValueError, match="without text"):
        stage().map(docs)


@pytest.mark.parametrize(
    "settings", [{"min_tokens": 50, "min_left": 51}, {"min_tokens": 7}, {"keep": "last"}]
)
def test_settings_that_break_the_guarantee_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PassageDedupConfig(**settings)


def test_map_does_not_depend_on_what_decides() -> None:
    docs = documents([passage(random.Random(13), "en", 200)])
    base = stage().map(docs)
    assert stage(against=["earlier"]).map(docs).equals(base)
    for name, value in {"keep": "none", "action": "annotate", "min_left": 3}.items():
        assert name in PassageDedup.decides
        assert stage(**{name: value}).map(docs).equals(base)
