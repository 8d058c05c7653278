"""Fuzzy deduplication from config to verdicts, in memory: against brute force, over any split of the documents."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import rounds
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from rounds import kept, run

from pipeline.plan.recipe import Recipe, canonical
from stages.base import PROVENANCE, Fault
from stages.dedup import candidates, fuzzy, minhash
from stages.dedup.fuzzy import FuzzyDedup, FuzzyDedupConfig, _tags
from stages.global_stage import OWN, Reduced

NONE = 10**9  # edges that no test has


def stage(**config: Any) -> FuzzyDedup:
    return FuzzyDedup(FuzzyDedupConfig(**config))


def identity(number: int) -> bytes:
    """Ids in another order than numbers."""
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)).to_bytes(16, "big")


def documents(texts: Sequence[str], first: int = 0, **columns: Any) -> pa.Table:
    ids = [identity(first + i) for i in range(len(texts))]
    return pa.table({"id": pa.array(ids, pa.binary(16)), "text": pa.array(texts, pa.string()), **columns})


def split(table: pa.Table, parts: int, seed: int) -> list[pa.Table]:
    """The rows dealt out at random."""
    rng = random.Random(seed)
    rows = list(range(len(table)))
    rng.shuffle(rows)
    cuts = sorted(rng.choices(range(len(rows) + 1), k=parts - 1))
    return [table.take(pa.array(rows[a:b])) for a, b in itertools.pairwise([0, *cuts, len(rows)]) if b > a]


def annotated(tables: Sequence[pa.Table]) -> dict[bytes, tuple[bytes | None, int]]:
    """Cluster and copies by id."""
    table = pa.concat_tables(tables)
    ids, cluster, copies = (
        table.column(name).to_pylist() for name in ("id", "dedup.cluster", "dedup.copies")
    )
    return dict(zip(ids, zip(cluster, copies, strict=True), strict=True))


class Planted(FuzzyDedup):
    """The keys are a column of the documents: any graph there is."""

    def map(self, batch: pa.Table) -> pa.Table:
        keys = batch.column("keys").to_pylist()
        rows = np.repeat(np.arange(len(keys), dtype=np.uint32), [len(k) for k in keys])
        partials = {
            "key": pa.array([k * 0x9E3779B97F4A7C15 % 2**64 for some in keys for k in some], pa.uint64()),
            "row": rows,
        }
        if self.config.verify != "none":
            partials["tag"] = _tags(batch.column("id"))[rows]
        return pa.table(partials)


def clusters(keys: Sequence[Iterable[int]]) -> list[list[int]]:
    """By brute force: documents that share a key, and so on; those of two and more."""
    leader = list(range(len(keys)))

    def find(item: int) -> int:
        while leader[item] != item:
            item = leader[item]
        return item

    first: dict[int, int] = {}
    for number, some in enumerate(keys):
        for key in some:
            one, two = find(first.setdefault(key, number)), find(number)
            leader[max(one, two)] = min(one, two)
    groups = defaultdict(list)
    for number in range(len(keys)):
        groups[find(number)].append(number)
    return [group for group in groups.values() if len(group) > 1]


# Any graph ---------------------------------------------------------------------------------------------

KEYS = st.lists(st.lists(st.integers(0, 12), max_size=3, unique=True), min_size=1, max_size=24)


@settings(deadline=None, max_examples=150)
@given(KEYS, st.integers(0, 8), st.sampled_from([0, 2, NONE]), st.integers(0, 99))
def test_who_is_kept_follows_from_the_clusters_alone(
    keys: list[list[int]], earlier: int, limit: int, seed: int
) -> None:
    earlier = min(earlier, len(keys) - 1)
    rng = random.Random(seed)
    texts = ["x" * rng.randint(1, 3) for _ in keys]
    table = documents(texts, keys=pa.array(keys, pa.list_(pa.int64())))
    before, now = table.slice(0, earlier), table.slice(earlier)
    planted = Planted(FuzzyDedupConfig(single_process_edges=limit))
    parts = split(now, 3, seed)
    tables, verdicts, counts = run(planted, parts, [before] if earlier else [], buckets=4, batch_rows=5)
    ids, stay = table.column("id").to_pylist(), set(now.column("id").to_pylist())
    column = annotated(tables)
    alone = set(stay)
    for group in clusters(keys):
        own = [number for number in group if number >= earlier]
        best = min(own, key=lambda n: (-len(texts[n]), ids[n]), default=None)
        if len(own) == len(group):
            assert {column[ids[n]] for n in own} == {(ids[best], len(own))}
            stay -= {ids[n] for n in own if n != best}
        else:
            # what is connected by earlier documents only is not one cluster, but goes all the same
            assert all(column[ids[n]][0] is None and column[ids[n]][1] >= 2 for n in own)
            stay -= {ids[n] for n in own}
        alone -= {ids[n] for n in own}
    assert kept(parts, verdicts) == stay
    assert {column[i] for i in alone} <= {(None, 1)}
    assert counts["verdicts"].get("near duplicates", 0) + counts["verdicts"].get(
        "of an earlier run", 0
    ) == len(now) - len(stay)
    reasons = Counter(v.reason for some in verdicts for v in some if v)
    assert reasons["near_duplicate_of_earlier_run"] == counts["verdicts"].get("of an earlier run", 0)


@pytest.mark.parametrize("limit", [0, NONE])
@pytest.mark.parametrize(("parts", "buckets", "batch_rows"), [(1, 1, 10**6), (7, 5, 997), (40, 11, 61)])
def test_a_long_chain(limit: int, parts: int, buckets: int, batch_rows: int) -> None:
    count = 3_000
    keys = pa.array([[i, i + 1] for i in range(count)], pa.list_(pa.int64()))
    table = documents(["same"] * count, keys=keys)
    dealt = split(table, parts, 5)
    _, verdicts, counts = run(
        Planted(FuzzyDedupConfig(single_process_edges=limit)), dealt, (), buckets, batch_rows
    )
    assert kept(dealt, verdicts) == {min(table.column("id").to_pylist())}
    assert counts["verdicts"]["clusters of 2049-4096"] == 1
    assert ("labels" in counts) == (limit == 0)


def test_stars_hand_over_to_one_process_when_the_edges_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 keys of the same two documents are 20 edges, until they meet; then the one is there from both ends."""
    monkeypatch.setattr(rounds, "SPLIT_ROWS", 1_000)
    keys = pa.array([[(i // 2) * 20 + band for band in range(20)] for i in range(400)], pa.list_(pa.int64()))
    table = documents(["same"] * 400, keys=keys)
    for limit, last in ((400, ["components"]), (399, ["large-star-1", "labels"])):
        _, verdicts, counts = run(Planted(FuzzyDedupConfig(single_process_edges=limit)), [table], (), 16, 400)
        assert list(counts) == ["edges", "small-star-1", *last, "members", "verdicts"]
        assert counts["edges"]["pairs"] == 20 * 200
        assert counts["edges"]["rows"] > limit
        assert counts["small-star-1"] == {"edges": 200, "rows": 400}
        assert len(kept([table], verdicts)) == 200


def drained(generator: Reduced) -> tuple[list[pa.Table], dict[str, int]]:
    tables = []
    while True:
        try:
            tables.append(next(generator))
        except StopIteration as stop:
            return tables, dict(stop.value)


def test_a_bucket_of_very_many_is_as_many_edges() -> None:
    count = 300_000
    position = np.arange(count, dtype=np.uint64) + np.uint64(OWN)
    table = pa.table({"key": np.full(count, 7, np.uint64), "position": position})
    tables, counts = drained(candidates.stars(iter([table])))
    assert sum(map(len, tables)) == count - 1 == counts["pairs"]
    # with verification: as many pairs, and a copy of the centre for every group of bounded size
    tagged = table.append_column("tag", pa.array(position))
    (pairs,), _ = drained(candidates.pairs(iter([tagged])))
    group, sizes = np.unique(pairs.column("group").to_numpy(), return_counts=True)
    assert len(pairs) == count - 1 + len(group)
    assert len(group) == 512
    assert sizes.max() < 2 * candidates.GROUP


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=5),
    st.integers(1, 7),
    st.integers(0, 99),
)
def test_pairs_are_counted_once_however_buckets_are_cut(
    buckets: list[list[bool]], rows: int, seed: int
) -> None:
    """Each bucket is documents of this run (true) and of an earlier one."""
    position, key = [], []
    for number, bucket in enumerate(buckets):
        key += [number] * len(bucket)
        position += [len(position) + i | (OWN if own else 0) for i, own in enumerate(bucket)]
    order = np.random.default_rng(seed).permutation(len(key))
    order = order[np.argsort(np.array(key)[order], kind="stable")]
    table = pa.table({"key": pa.array(key, pa.uint64()), "position": pa.array(position, pa.uint64())})
    table = table.take(pa.array(order))
    _, counts = drained(candidates.stars(iter([table])))
    pieces = [table.slice(start, rows) for start in range(0, len(table), rows)]
    assert drained(candidates.stars(iter(pieces)))[1] == counts
    # of one bucket all are linked, and one to its twin if any of them is of an earlier run
    assert counts["pairs"] == sum(
        sum(bucket) - (0 if not any(bucket) else 1) + (any(bucket) and not all(bucket)) for bucket in buckets
    )


def test_a_star_of_very_many_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SPLIT_ROWS", 30_000)
    count = 200_000
    table = documents(["same"] * count, keys=pa.array([[3]] * count, pa.list_(pa.int64())))
    for limit in (0, NONE):
        _, verdicts, counts = run(
            Planted(FuzzyDedupConfig(single_process_edges=limit)), [table], (), 3, 50_000
        )
        assert kept([table], verdicts) == {min(table.column("id").to_pylist())}
        assert counts["edges"] == {"pairs": count - 1, "rows": count - 1}


# Texts -------------------------------------------------------------------------------------------------

SCRIPTS = (
    "abcdefghijklmnop qrstuvwxyz ",
    "абвгдежзийклмнопрст ",
    "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来",
    "กขคงจฉชซฌญฎฏฐ",
)


def text(rng: random.Random, size: int = 400) -> str:
    letters = rng.choice(SCRIPTS)
    return "".join(rng.choices(letters, k=size))


def edited(rng: random.Random, original: str, edits: int) -> str:
    pieces = list(original)
    for _ in range(edits):
        pieces[rng.randrange(len(pieces))] = "#"
    return "".join(pieces)


def corpus(seed: int, families: int = 25) -> list[str]:
    rng = random.Random(seed)
    texts = ["", "", "short", "short", "shorter"]
    for _ in range(families):
        original = text(rng)
        texts.append(original)
        texts += [edited(rng, original, rng.choice([0, 1, 2, 8])) for _ in range(rng.choice([0, 1, 3]))]
    return texts


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_copies_are_found_and_others_left_alone(unit: str) -> None:
    rng = random.Random(3)
    originals = [" ".join(text(rng, 9) for _ in range(60)) for _ in range(30)]
    copies = [t + " End." for t in originals]
    table = documents([*originals, *copies, "", "", "brief", "brief"])
    parts = split(table, 3, 1)
    tables, verdicts, counts = run(stage(ngram=5, unit=unit), parts)
    stay = kept(parts, verdicts)
    ids = table.column("id").to_pylist()
    assert {ids[30 + i] for i in range(30)} <= stay  # the longer ones
    assert not {ids[i] for i in range(30)} & stay
    assert {ids[60], ids[61]} <= stay  # the empty are not alike
    assert len({ids[62], ids[63]} & stay) == 1
    assert counts["verdicts"]["clusters of 2"] == counts["verdicts"]["clusters"] == 31
    for part, reasons in zip(tables, verdicts, strict=True):
        for cluster, copy, verdict in zip(
            part.column("dedup.cluster").to_pylist(),
            part.column("dedup.copies").to_pylist(),
            reasons,
            strict=True,
        ):
            assert (cluster is None) == (copy == 1)
            if verdict:
                assert verdict == Fault("near_duplicate", cluster.hex())


CONFIGS: list[dict[str, Any]] = [
    {},
    {"single_process_edges": 0},
    {"verify": "signatures", "min_similarity": 0.7},
    {"verify": "jaccard", "min_similarity": 0.7},
    {"verify": "jaccard", "min_similarity": 0.7, "single_process_edges": 0},
    {"unit": "words", "ngram": 2},
    {"threshold": 0.5, "permutations": 64},
]


@pytest.mark.parametrize("number", range(len(CONFIGS)))
def test_kept_ids_do_not_depend_on_how_documents_are_dealt_out(number: int) -> None:
    table = documents(corpus(number, 15))
    found = set()
    for seed, (parts, buckets, batch_rows) in enumerate([(1, 1, 1000), (1, 5, 7), (4, 3, 11), (9, 2, 3)]):
        dealt = split(table, parts, seed)
        config = {"ngram": 8, **CONFIGS[number]}
        if "threshold" not in config:
            config |= {"bands": 20, "rows": 5}
        tables, verdicts, _ = run(stage(**config), dealt, (), buckets, batch_rows)
        found.add((frozenset(kept(dealt, verdicts)), frozenset(annotated(tables).items())))
    assert len(found) == 1
    ((stay, _),) = found
    assert 10 < len(stay) < len(table)


def shingles(content: str, size: int) -> set[str]:
    return {content[i : i + size] for i in range(max(len(content) - size + 1, 1))}


@pytest.mark.parametrize("limit", [4, candidates.GROUP])
def test_pairs_are_verified_once_and_false_ones_refused(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Keys say that all are alike; in the texts some are. Groups of any size give the same."""
    monkeypatch.setattr(candidates, "GROUP", limit)
    rng = random.Random(11)
    base = text(rng, 300)
    texts = [edited(rng, base, rng.choice([0, 1, 3, 6, 12, 30])) for _ in range(60)]
    keys = [[0, 1, 2]] * 40 + [
        [0, 3]
    ] * 20  # the buckets 0, 1 and 3 have other sizes, the centres may be equal
    table = documents(texts, keys=pa.array(keys, pa.list_(pa.int64())))
    ids = table.column("id").to_pylist()
    tags = _tags(table.column("id"))
    chosen = set()
    for members in (range(60), range(40), range(40, 60)):
        centre = min(members, key=lambda n: tags[n])
        chosen |= {(n, centre) for n in members if n != centre}
    sets = [shingles(t, 8) for t in texts]
    true = {(a, b) for a, b in chosen if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= 0.6}
    assert 10 < len(true) < len(chosen) - 10
    linked: list[list[int]] = [[] for _ in texts]
    for number, (a, b) in enumerate(sorted(true)):
        linked[a].append(number)
        linked[b].append(number)
    gone = {ids[n] for group in clusters(linked) for n in group}
    gone -= {ids[min(group, key=lambda n: (-len(texts[n]), ids[n]))] for group in clusters(linked)}
    for verify in ("jaccard", "signatures"):
        planted = Planted(FuzzyDedupConfig(ngram=8, verify=verify, min_similarity=0.6))
        parts = split(table, 4, 2)
        _, verdicts, counts = run(planted, parts)
        assert counts["verified"]["pairs"] == len(chosen)
        assert counts["verified"]["unverified"] == 0
        if verify == "jaccard":
            assert counts["verified"]["false positives"] == len(chosen) - len(true)
            assert kept(parts, verdicts) == set(ids) - gone
        else:
            assert abs(counts["verified"]["false positives"] - len(chosen) + len(true)) <= 6


@pytest.mark.parametrize("config", CONFIGS[:4])
def test_an_earlier_run_has_the_older_copies(config: dict[str, Any]) -> None:
    rng = random.Random(5)
    old = [text(rng) for _ in range(20)]
    again = [edited(rng, t, 1) for t in old[:10]]
    new = [text(rng) for _ in range(10)]
    before, now = documents([*old, ""]), documents([*again, *again[:3], *new, new[0], "", ""], first=100)
    parts, earlier = split(now, 3, 1), split(before, 2, 2)
    tables, verdicts, counts = run(stage(ngram=8, bands=20, rows=5, **config), parts, earlier)
    ids = now.column("id").to_pylist()
    assert kept(parts, verdicts) == {*ids[14:23], *ids[24:], min(ids[13], ids[23])}
    assert counts["verdicts"]["of an earlier run"] == 13
    if "verify" in config:
        assert counts["verified"]["unverified"] == 13
        # the new text twice; and the second copies of three old ones, by bands that the edit has changed
        assert counts["verified"]["pairs"] == 1 + 3
    column = annotated(tables)
    assert all(column[i][0] is None and column[i][1] >= 2 for i in ids[:13])
    reasons = Counter(v for some in verdicts for v in some if v)
    assert reasons[Fault("near_duplicate_of_earlier_run")] == 13


@pytest.mark.parametrize("config", CONFIGS)
def test_within_a_column_each_value_is_a_corpus_of_its_own(config: dict[str, Any]) -> None:
    config = {"ngram": 8, **config}
    values = ["C", "Java", None]
    texts = [t for t in corpus(13, 12) for _ in values]
    languages = [value for _ in corpus(13, 12) for value in values]
    table = documents(texts, language=pa.array(languages, pa.string()))
    alone: set[bytes] = set()
    for value in values:
        rows = table.filter(pa.array([language == value for language in languages]))
        _, verdicts, _ = run(stage(**config), [rows])
        alone |= kept([rows], verdicts)
    for seed, (count, buckets, batch_rows) in enumerate([(1, 1, 1000), (4, 3, 11)]):
        parts = split(table, count, seed)
        _, verdicts, _ = run(stage(**config, within="language"), parts, (), buckets, batch_rows)
        assert kept(parts, verdicts) == alone
    assert 3 * 12 <= len(alone) < len(table) - 12


def test_within_is_a_string_or_an_integer() -> None:
    names = ("id", "text", "stars", "tags")
    kinds = (pa.binary(16), pa.string(), pa.int64(), pa.list_(pa.string()))
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    assert FuzzyDedup.needs(FuzzyDedupConfig(within="stars")) == ("id", "text", "stars")
    assert FuzzyDedup.check(FuzzyDedupConfig(within="stars"), schema) is None
    wrong = FuzzyDedup.check(FuzzyDedupConfig(within="tags"), schema)
    assert wrong is not None
    assert "`within: tags`" in wrong


def test_annotate_keeps_everything() -> None:
    table = documents(corpus(8))
    parts = split(table, 3, 1)
    dropped, verdicts, _ = run(stage(ngram=8), parts)
    annotated, none, _ = run(stage(ngram=8, action="annotate"), parts)
    assert any(v for some in verdicts for v in some)
    assert not any(v for some in none for v in some)
    assert [t.to_pylist() for t in annotated] == [t.to_pylist() for t in dropped]
    names = set(pa.concat_tables(annotated).column("dedup.cluster").to_pylist()) - {None}
    assert names <= kept(parts, verdicts)


# Who survives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefer", "survivor"),
    [
        (["quality.rank desc", "length desc"], 2),
        (["quality.rank asc"], 1),
        (["score desc"], 4),
        (["score asc"], 3),
        (["date asc"], 4),
        (["date desc"], 1),
        (["language desc", "quality.rank desc"], 3),
        (["length asc", "date desc"], 1),
        ([], None),
        (["quality.rank is high"], ValidationError),
        (["date asc", "date desc"], ValidationError),
    ],
)
def test_the_order_of_preference(prefer: list[str], survivor: Any) -> None:
    if survivor is ValidationError:
        with pytest.raises(ValidationError):
            stage(prefer=prefer)
        return
    same = "the same text, more or less. " * 10
    table = documents(
        [same, same, same + ".", same + ".", same],
        **{
            "quality.rank": pa.array([None, 3, 17, 17, 5], pa.int8()),
            "score": pa.array([float("nan"), 0.5, None, -0.25, 0.75]),
            "date": pa.array(
                [None, "2025-03-01T00:00:09Z", "2025-03-01T00:00:08Z", None, "2024-12-31T00:00:00Z"]
            ),
            "language": pa.array(["en", None, "de", "zh", "zh"]),
        },
    )
    config = stage(prefer=prefer, ngram=8)
    assert set(config.needs(config.config)) <= {*table.column_names}
    parts = split(table, 2, 1)
    _, verdicts, _ = run(config, parts, (), batch_rows=2)
    ids = table.column("id").to_pylist()
    assert kept(parts, verdicts) == {min(ids) if survivor is None else ids[survivor]}


@pytest.mark.parametrize(
    ("column", "kind"), [("provenance", PROVENANCE), ("tags", pa.list_(pa.string())), ("score", pa.float32())]
)
def test_columns_without_an_order_are_found_before_the_run(column: str, kind: pa.DataType) -> None:
    schema = pa.schema([("id", pa.binary(16)), ("text", pa.string()), ("length", pa.list_(pa.int8()))])
    schema = schema.append(pa.field(column, kind))
    config = FuzzyDedupConfig(prefer=["length desc", f"{column} desc"])
    problem = FuzzyDedup.check(config, schema)
    if column == "score":
        assert problem is None
    else:
        assert problem == f"`prefer: {column}`: a column of type {kind} has no order"
    assert FuzzyDedup.check(FuzzyDedupConfig(), schema) is None


def map_identity(**config: Any) -> Any:
    """What decides partials, as the plan has it."""
    checked = FuzzyDedupConfig(**config)
    dumped = canonical(checked.model_dump(mode="json"))
    assert FuzzyDedupConfig.model_validate_json(dumped) == checked
    target = f"{FuzzyDedup.__module__}:{FuzzyDedup.__qualname__}"
    return Recipe("fuzzy_dedup", "map", target, 1, dumped, unused=tuple(sorted(FuzzyDedup.decides))).identity


BANDS, ROWS = minhash.optimal_bands(0.5, 64)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"bands": 20, "rows": 13}),
        ({"threshold": 0.5, "permutations": 64}, {"bands": BANDS, "rows": ROWS}),
        ({"threshold": 0.8}, {"threshold": 0.8, "permutations": 260}),
        ({"verify": "signatures"}, {"verify": "jaccard", "min_similarity": 0.7, "threshold": None}),
        ({"verify": "jaccard"}, {"tags": True, "action": "annotate", "prefer": [], "against": ["earlier"]}),
    ],
)
def test_settings_with_the_same_partials_are_the_same_to_later_runs(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    table = documents(["some text that is long enough for a shingle", "short", ""])
    assert stage(**one).map(table).equals(stage(**other).map(table))
    assert map_identity(**one) == map_identity(**other)


@pytest.mark.parametrize(
    "other", [{"verify": "jaccard"}, {"tags": True}, {"bands": 19}, {"seed": 1}, {"threshold": 0.8}]
)
def test_settings_with_other_partials_are_others(other: dict[str, Any]) -> None:
    table = documents(["some text that is long enough for a shingle"])
    assert not stage().map(table).equals(stage(**other).map(table))
    assert map_identity() != map_identity(**other)


def test_a_run_with_tags_may_verify_against_one_that_does_not() -> None:
    table = documents(corpus(2))
    for before, now in (({"tags": True}, {"verify": "jaccard"}), ({"verify": "jaccard"}, {"tags": True})):
        assert map_identity(**before) == map_identity(**now)
        parts, earlier = [table], [table.slice(0, 40)]
        _, verdicts, counts = run(stage(ngram=8, **now), parts, earlier)
        assert counts["verdicts"]["of an earlier run"] >= 38  # all that have a text
        assert len(kept(parts, verdicts)) < len(table) - 36


def test_columns_that_are_preferred_by_are_needed() -> None:
    config = FuzzyDedupConfig(prefer=["quality.rank desc", "length desc", "date"])
    assert FuzzyDedup.needs(config) == ("id", "text", "quality.rank", "date")
    assert FuzzyDedup.decides < set(FuzzyDedupConfig.model_fields)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"threshold": 0.8, "bands": 20}, "either `threshold`"),
        ({"threshold": 0.8, "rows": 13}, "either `threshold`"),
        ({"permutations": 128}, "goes with `threshold`"),
        ({"verify": "jaccard", "tags": False}, "needs `tags`"),
        ({"threshold": 0.999, "permutations": 2}, "bands are too small"),
        ({"min_similarity": 0.8}, "needs `verify"),
        ({"ngrams": 5}, "Extra inputs"),
        ({"unit": "tokens"}, "unit"),
        ({"action": "keep"}, "action"),
    ],
)
def test_mistakes_in_the_config(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        stage(**config)


def test_bands_follow_from_a_threshold() -> None:
    found = stage(threshold=0.7, permutations=128)
    table = found.map(documents(["some text that is long enough for a shingle"]))
    bands = len(table)
    assert bands == found.config.bands
    assert bands * found.config.rows <= 128
    assert 0.6 < (1 / bands) ** (1 / found.config.rows) < 0.8


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_sets_of_shingles_whatever_the_pieces_they_are_made_in(
    monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    rng = random.Random(4)
    texts = ["", *(text(rng, rng.choice([0, 3, 200, 3000])) for _ in range(40)), "la la " * 100, ""]
    size = 24 if unit == "characters" else 2
    made = []
    for piece in (1, 4000, 1 << 20):
        monkeypatch.setattr(fuzzy, "SKETCH_BYTES", piece)
        column = pa.chunked_array([texts[:7], [], texts[7:]], pa.string())
        made.append(stage(verify="jaccard", unit=unit, ngram=size)._sketch(column))
    assert made[0].equals(made[1])
    assert made[0].equals(made[2])
    for content, hashes in zip(texts, made[0].to_pylist(), strict=True):
        assert hashes == sorted(set(hashes))
        if unit == "characters":
            assert len(hashes) == (len(shingles(content, size)) if content else 0)
    assert len(stage(verify="jaccard")._sketch(pa.chunked_array([], pa.string()))) == 0


def test_sets_of_shingles_take_little_more_than_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzy, "SKETCH_BYTES", 1 << 14)
    rng = random.Random(4)
    texts = pa.chunked_array([["".join(rng.choices("abcdefgh", k=1 << 14)) for _ in range(64)]])
    config = stage(verify="jaccard")
    config._sketch(texts)
    tracemalloc.start()
    config._sketch(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * (64 << 14)


def test_band_keys_are_all_that_travels() -> None:
    table = stage().map(documents(["", "a text", "another"]))
    assert table.schema == pa.schema([("key", pa.uint64()), ("row", pa.uint32())])
    assert table.column("row").to_pylist() == [1] * 20 + [2] * 20
    with pytest.raises(ValueError, match="without text"):
        stage().map(documents(["text", None]))  # type: ignore[list-item]
