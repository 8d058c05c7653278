"""Claim: fuzzy deduplication finds near duplicates as often as theory says, and finds those of real pages as
well as datasketch and datatrove do with the same shingles, bands and rows.

    pip install '.[bench]'
    python benchmarks/dedup_quality.py [--pages FILE.warc.gz] [--copies 2]

**Planted.** The main text of every page is copied with as many letters changed, here and there, as make a
Jaccard similarity of 0.6, 0.65, … 0.95 over shingles of 24 characters. Found is a copy that shares a band key
with its original. Theory is the mean of 1 - (1 - s^13)^20 over the similarities s that were really reached,
counted on the sets. They may differ by 3 points; the printed ratio is the allowance over the difference.

**Natural.** All pairs of pages are compared by brute force. Those of similarity 0.8 and more make clusters,
and so does what each tool finds; precision and recall are over pairs of pages in one cluster. A tool's
ratio is of F1. With ``verify`` the stage refuses candidates below 0.8. datatrove's own shingles are 5 words
of simplified text, another notion of similarity; that line is for the record.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rounds import run

from benchmarks.lib.pages import add_pages, line, parser, read_pages
from stages.dedup.components import contract
from stages.dedup.fuzzy import FuzzyDedup, FuzzyDedupConfig
from stages.dedup.shingles import shingle_hashes
from stages.render import render

NEEDS = ("datasketch", "datatrove", "scipy", "data:web/pages.warc.gz")
FLOORS = {"times the F1 of datasketch, datatrove": 0.98, "times the F1 of datasketch, verified": 1.0}
CEILINGS = {"of copies between found and theory": 0.03}
NGRAM, BANDS, ROWS, SEED = 24, 20, 13, 42
LEVELS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
ALLOWED = CEILINGS["of copies between found and theory"]
SAME = 0.8
#: Texts with fewer characters cannot be given a similarity within a percent or two.
LONG = 600

Pairs = set[tuple[int, int]]


def documents(texts: Sequence[str]) -> pa.Table:
    """As a reader would give them; ids are numbers."""
    ids = [number.to_bytes(16, "big") for number in range(len(texts))]
    return pa.table({"id": pa.array(ids, pa.binary(16)), "text": pa.array(texts, pa.string())})


def band_keys(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """uint64[texts, bands], of texts that are not empty."""
    partials = FuzzyDedup(FuzzyDedupConfig()).map(documents(texts))
    keys: npt.NDArray[np.uint64] = partials.column("key").to_numpy().reshape(len(texts), BANDS)
    return keys


# Planted -----------------------------------------------------------------------------------------------


def changed(text: str, similarity: float, rng: np.random.Generator) -> str:
    """A copy with letters changed at random places, so many that about this similarity is left."""
    windows = len(text) - NGRAM + 1
    left = 2 * windows * similarity / (1 + similarity)
    places = rng.permutation(len(text))

    def untouched(edits: int) -> int:
        borders = np.concatenate([[-1], np.sort(places[:edits]), [len(text)]])
        return int(np.maximum(np.diff(borders) - NGRAM, 0).sum())

    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if untouched(middle) >= left else (low, middle)
    letters = list(text)
    for place in places[:low]:
        letters[place] = "\u2021" if rng.random() < 0.5 else "\u2020"
    return "".join(letters)


def jaccard(one: str, two: str) -> float:
    """On sets of shingles."""
    hashes, starts = shingle_hashes([one, two], NGRAM)
    left, right = np.unique(hashes[: starts[1]]), np.unique(hashes[starts[1] :])
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def planted(texts: Sequence[str], copies: int) -> bool:
    """Every level; whether all are near enough to theory."""
    originals = [text for text in texts if len(text) >= LONG]
    keys = band_keys(originals)
    good = True
    print(f"{len(originals)} pages, {copies} copies of each at every level")
    for level in LEVELS:
        rng = np.random.default_rng([SEED, round(level * 100)])
        similarities: list[float] = []
        found = 0
        for _ in range(copies):
            edited = [changed(text, level, rng) for text in originals]
            similarities += map(jaccard, originals, edited)
            found += int(np.count_nonzero((band_keys(edited) == keys).any(axis=1)))
        reached = np.array(similarities)
        rate, theory = found / len(reached), float((1 - (1 - reached**ROWS) ** BANDS).mean())
        name = f"dedup_quality.found at {level:.2f} (mean {reached.mean():.3f})"
        good &= line(name, rate, theory, 1.0, ratio=ALLOWED / max(abs(rate - theory), 1e-4))
    return good


# Natural -----------------------------------------------------------------------------------------------


def alike(texts: Sequence[str]) -> dict[tuple[int, int], float]:
    """Jaccard similarity of all pairs that share any shingle."""
    import scipy.sparse

    hashes, starts = shingle_hashes(texts, NGRAM)
    distinct, shingle = np.unique(hashes, return_inverse=True)
    text = np.repeat(np.arange(len(texts)), np.diff(starts))
    ones = np.ones(len(text), np.int32)
    sets = scipy.sparse.csr_matrix((ones, (text, shingle)), (len(texts), len(distinct)))
    sets.data[:] = 1  # repeats have been added up
    sizes = np.diff(sets.indptr)
    shared = scipy.sparse.triu(sets @ sets.T, 1).tocoo()
    union = sizes[shared.row] + sizes[shared.col] - shared.data
    return dict(
        zip(zip(shared.row.tolist(), shared.col.tolist(), strict=True), shared.data / union, strict=True)
    )


def sharing(keys: Iterable[Iterable[object]]) -> Pairs:
    """Pairs of texts with a key in common."""
    buckets = defaultdict(list)
    for number, some in enumerate(keys):
        for key in some:
            buckets[key].append(number)
    return {pair for numbers in buckets.values() for pair in itertools.combinations(numbers, 2)}


def clustered(pairs: Pairs) -> Pairs:
    """All pairs that are connected."""
    ends = np.array(sorted(pairs), np.uint64).reshape(-1, 2)
    nodes, roots = contract(np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1]))
    clusters = defaultdict(list)
    for node, root in zip(nodes.tolist(), nodes[roots].tolist(), strict=True):
        clusters[root].append(node)
    return {pair for numbers in clusters.values() for pair in itertools.combinations(numbers, 2)}


def ours(texts: Sequence[str], verify: str) -> Pairs:
    """By the clusters that the stage gives, from map to apply."""
    config = FuzzyDedupConfig.model_validate({"verify": verify})
    (table,), _, _ = run(FuzzyDedup(config), [documents(texts)], batch_rows=256)
    survivors = table.column("dedup.cluster").to_pylist()
    return sharing([] if survivor is None else [survivor] for survivor in survivors)


def by_datasketch(texts: Sequence[str]) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    pairs = set()
    for number, text in enumerate(texts):
        signature = MinHash(num_perm=BANDS * ROWS, seed=SEED)
        windows = range(max(len(text) - NGRAM + 1, 1))
        signature.update_batch(list({text[start : start + NGRAM].encode() for start in windows}))
        pairs |= {(other, number) for other in index.query(signature)}
        index.insert(number, signature)
    return clustered(pairs)


def by_datatrove(texts: Sequence[str], own_shingles: bool) -> Pairs:
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig

    # its default hash does not take text with xxhash 4
    config = MinhashConfig(5, BANDS, ROWS, SEED, hash_config=HashConfig(hash_fc="sha1"))
    with tempfile.TemporaryDirectory() as folder:
        step = MinhashDedupSignature(folder, config)
        keys = []
        for text in texts:
            if own_shingles:
                shingles = step.get_shingles(text)
            else:
                shingles = np.unique(shingle_hashes([text], NGRAM)[0] >> np.uint64(32)).reshape(-1, 1)
            signature = step.get_signature(shingles) if len(shingles) else []
            keys.append([(band, *values) for band, values in enumerate(signature)])
    return clustered(sharing(keys))


def natural(texts: Sequence[str]) -> bool:
    """The table; whether we are as good as the others."""
    similar = alike(texts)
    direct = {pair for pair, similarity in similar.items() if similarity >= SAME}
    truth = clustered(direct)
    near = sum(SAME - 0.2 <= similarity < 1 for similarity in similar.values())
    print(
        f"{len(texts)} pages: {len(direct)} pairs of similarity {SAME} and more, {len(truth)} in clusters; "
        f"{near} between {SAME - 0.2:.1f} and 1"
    )
    tools = {
        "ours": ours(texts, "none"),
        "ours, verify: signatures": ours(texts, "signatures"),
        "ours, verify: jaccard": ours(texts, "jaccard"),
        "datasketch": by_datasketch(texts),
        "datatrove": by_datatrove(texts, own_shingles=False),
        "datatrove, 5 words": by_datatrove(texts, own_shingles=True),
    }
    score, precision = {}, {}
    print(f"{'':28} {'pairs':>6} {'precision':>10} {'recall':>8} {'F1':>7}")
    for name, pairs in tools.items():
        right = len(pairs & truth)
        precision[name] = right / max(len(pairs), 1)
        score[name] = 2 * right / max(len(pairs) + len(truth), 1)
        recall = right / max(len(truth), 1)
        print(f"{name:28} {len(pairs):6} {precision[name]:10.3f} {recall:8.3f} {score[name]:7.3f}")
    good = True
    for peer in ("datasketch", "datatrove"):
        floor = FLOORS["times the F1 of datasketch, datatrove"]
        good &= line(f"dedup_quality.F1 ours/{peer}", score["ours"], score[peer], floor)
    exact, estimated = "ours, verify: jaccard", "ours, verify: signatures"
    floor = FLOORS["times the F1 of datasketch, verified"]
    good &= line(f"dedup_quality.F1 {exact}/datasketch", score[exact], score["datasketch"], floor)
    # pairs near 0.8 go either way, so it is precision that an estimate can be asked for
    good &= line(f"dedup_quality.precision {estimated}/ours", precision[estimated], precision["ours"], 1.0)
    line("dedup_quality.F1 ours/datatrove, 5 words", score["ours"], score["datatrove, 5 words"], 0.0)
    return good


def main() -> int:
    """Print the tables; 1 if something is under its floor."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--copies", type=int, default=2, help="edited copies of a page at each level")
    given = options.parse_args()
    rendered = (render(page.html, content="main").text for page in read_pages(given.pages))
    texts = [text for text in rendered if text]
    good = planted(texts, given.copies)
    good &= natural(texts)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
