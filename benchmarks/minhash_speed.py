"""Claim: MinHash signatures equal to datasketch's, made from texts 60 times as fast as by datasketch as it
comes, 90 times as fast as by datatrove's signature step and five times as fast as by rensa, on one core.

    pip install '.[bench]'
    python benchmarks/minhash_speed.py [--pages FILE.warc.gz] [--size 120] [--rounds 5]

**Identity.** 10,000 texts: pieces of the pages, in all their languages, and letters of many scripts at
random. Every value is compared with ``MinHash(260, seed=42, hashfunc=shingle_hash, scheme="affine32")``.

**Speed.** MB/s of UTF-8 of the main text of real pages, into 260 values each. Everyone starts from the
texts; runs of ours and of the peer take turns, and the ratio is the median of those of neighbouring runs.
Shingles are of 24 characters, but for datatrove, which has words only: 5 of them, a sixth as many shingles.

- datasketch: its default hash (sha1) and its fastest call, ``update_batch`` of all shingles of a text.
- datatrove: ``get_shingles`` and ``get_signature``, without the files that the step writes.
- rensa: ``RMinHash`` of shingles as strings, all texts in one call.
- rensa, given shingles: the same, the strings being made before and not timed. Ours starts from the texts.
- rensa, given hashes: as before, but given our hash of each shingle in one array, its fastest call.

The last two are for the record, without a floor: they leave out most of what rensa needs for a text. Its
sketch takes a step or three per shingle, where MinHash with independent permutations, which is what
datasketch can read, takes 260; so it is faster once somebody else has hashed the shingles.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ |= dict.fromkeys(("RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import pyarrow as pa

from benchmarks.lib.compare import compare
from benchmarks.lib.pages import add_pages, line, parser, read_pages, sample
from stages.dedup.minhash import shingle_hash, signatures
from stages.dedup.shingles import shingle_hashes
from stages.render import render

NEEDS = ("datasketch", "datatrove", "rensa", "data:web/pages.warc.gz")
FLOORS = {"times datasketch": 60.0, "times datatrove": 90.0, "times rensa": 5.0}
NGRAM, PERMUTATIONS, SEED = 24, 260, 42
TEXTS = 10_000
#: Blocks to take letters from: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Burmese, Hangul,
#: kana, Han, Deseret, mathematical letters, emoji, Han of plane 2, marks, controls with NUL, private use.
BLOCKS = (
    (0x20, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F),
    (0xE00, 0xE7F), (0x1000, 0x109F), (0xAC00, 0xAD00), (0x3040, 0x30FF), (0x4E00, 0x5000),
    (0x10400, 0x1044F), (0x1D400, 0x1D4FF), (0x1F300, 0x1F64F), (0x20000, 0x20100), (0x300, 0x36F),
    (0x00, 0x1F), (0xE000, 0xE100),
)  # fmt: skip


def shingles(text: str) -> list[str]:
    """What a user of the peers writes."""
    return [text[start : start + NGRAM] for start in range(max(len(text) - NGRAM + 1, 1))]


def assorted(pages: Sequence[str], rng: random.Random) -> list[str]:
    """Texts of 0 to 300 characters: two in three from the pages, one of a block or two."""
    texts: list[str] = []
    while len(texts) < TEXTS:
        length = rng.choice((rng.randint(0, 30), rng.randint(0, 300)))
        if len(texts) % 3:
            page = rng.choice(pages)
            start = rng.randrange(len(page))
            texts.append(page[start : start + length])
        else:
            blocks = rng.sample(BLOCKS, rng.randint(1, 2))
            texts.append("".join(chr(rng.randint(*rng.choice(blocks))) for _ in range(length)))
    return texts


def identical(texts: Sequence[str]) -> int:
    """How many signatures are equal to datasketch's."""
    from datasketch import MinHash

    equal = 0
    for text, row in zip(texts, signatures(pa.array(texts), NGRAM, PERMUTATIONS, SEED), strict=True):
        peer = MinHash(PERMUTATIONS, SEED, hashfunc=shingle_hash, scheme="affine32")
        if text:
            peer.update_batch([shingle.encode() for shingle in shingles(text)])
        equal += np.array_equal(row, peer.hashvalues)
    return equal


# Those who make signatures ------------------------------------------------------------------------------


def by_datasketch(texts: Sequence[str]) -> Callable[[], object]:
    from datasketch import MinHash

    def sign() -> None:
        for text in texts:
            MinHash(PERMUTATIONS, SEED).update_batch([shingle.encode() for shingle in shingles(text)])

    return sign


def by_datatrove(texts: Sequence[str], folder: str) -> Callable[[], object]:
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig

    # its default hash does not take text with xxhash 4; both are under a tenth of its time
    config = MinhashConfig(5, 20, 13, SEED, hash_config=HashConfig(precision=32, hash_fc="sha1"))
    step = MinhashDedupSignature(folder, config)

    def sign() -> None:
        for text in texts:
            found = step.get_shingles(text)
            if len(found):
                step.get_signature(found)

    return sign


def by_rensa(texts: Sequence[str]) -> Callable[[], object]:
    from rensa import RMinHash

    return lambda: RMinHash.digest_matrix_from_token_sets(map(shingles, texts), PERMUTATIONS, SEED)


def by_rensa_given_shingles(texts: Sequence[str]) -> Callable[[], object]:
    from rensa import RMinHash

    lists = [shingles(text) for text in texts]
    return lambda: RMinHash.digest_matrix_from_token_sets(lists, PERMUTATIONS, SEED)


def by_rensa_given_hashes(texts: Sequence[str]) -> Callable[[], object]:
    from rensa import RMinHash

    hashes, starts = shingle_hashes(texts, NGRAM)
    starts = starts.astype(np.uint64)
    return lambda: RMinHash.digest_matrix_from_flat_token_hashes(hashes, starts, PERMUTATIONS, SEED)


def main() -> int:
    """Print the lines; 1 if something is under its floor."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--size", type=int, default=120, help="pages that speed is measured on")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    pages = sample(list(read_pages(given.pages)), 500, SEED)
    rendered = [render(page.html, content="main").text for page in pages]
    rendered = [text for text in rendered if text]
    rng = random.Random(SEED)
    mixed = assorted(rendered, rng)
    equal = identical(mixed)
    good = line(f"minhash.identical to datasketch, of {TEXTS}", equal, len(mixed), 1.0)

    texts = rng.sample(rendered, min(given.size, len(rendered)))
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts)} texts, {megabytes:.2f} MB; one core, MB/s:")
    column = pa.array(texts)
    with tempfile.TemporaryDirectory() as folder:
        peers = {
            "datasketch": (by_datasketch(texts), FLOORS["times datasketch"]),
            "datatrove": (by_datatrove(texts, folder), FLOORS["times datatrove"]),
            "rensa": (by_rensa(texts), FLOORS["times rensa"]),
            "rensa, given shingles": (by_rensa_given_shingles(texts), 0.0),
            "rensa, given hashes": (by_rensa_given_hashes(texts), 0.0),
        }
        for name, (peer, floor) in peers.items():
            mine, theirs, ratio = compare(
                lambda: signatures(column, NGRAM, PERMUTATIONS, SEED), peer, given.rounds
            )
            good &= line(f"minhash.MB/s ours/{name}", megabytes / mine, megabytes / theirs, floor, ratio)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
