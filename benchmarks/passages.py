"""Claim: all planted passages that repeat are found and no shorter ones, as by brute force; and the speed.

The corpus is the text of real pages (``stages.render``, full content). Into them, between words that are
nowhere else, go passages of other pages in the same language, each into three documents: of exactly 50 tokens
(the guaranteed length), of 49 and of 25.

Claims:

- of every planted passage of 50 tokens at most the first copy is left, and shorter ones stay everywhere;
- on a part of the pages, the tokens cut are exactly those that a dictionary of all windows says (in Python);
- the stage from map to apply, all rounds in memory, is faster than a suffix array with its table of common
  prefixes, which is how the same is done by Lee et al. 2022 (and the reference to it in NVIDIA's recipe):
  libdivsufsort and Kasai's algorithm over the bytes of the same texts, not counting what follows from them;
- its map, the one step that every text goes through in full, is faster than the signatures of datatrove's
  sentence deduplication (spans of three sentences), which finds less: whole sentences only.

Prints ``name ours peer ratio floor`` per claim, in MB of UTF-8 per second of one core or in numbers, and
exits with 1 under a floor. Needs ``pip install pydivsufsort datatrove spacy 'xxhash<4'`` for the
peers; one that is not there is named and left out.
"""

from __future__ import annotations

import importlib.util
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.pages import add_pages, line, parser, read_pages, render, settle
from stages.dedup import winnow
from stages.dedup.passages import PassageDedup, PassageDedupConfig
from stages.dedup.tokens import tokenize
from stages.text.characters import table
from stages.text.utf8 import utf8
from tests import rounds

LENGTH = 50
NEEDS = ("pydivsufsort", "datatrove", "spacy", "data:web/pages.warc.gz")
FLOORS = {
    "of planted passages found": 1.0,
    "times a suffix array's MB/s": 2.0,
    "times the MB/s of datatrove's signatures": 40.0,
}


class Planted(NamedTuple):
    """A passage between two words of its own, in several documents."""

    tokens: int
    before: str
    after: str
    documents: list[int]


def words(text: str) -> list[tuple[int, int, int]]:
    """128-bit hash of each token, and the code points where it begins and ends."""
    data, (start, stop) = utf8(pa.array([text]))
    hashes = [np.empty(stop - start, np.uint64) for _ in range(2)]
    places = [np.empty(stop - start, np.int64) for _ in range(2)]
    count = tokenize(data, start, stop, table(), *hashes, *places)
    first, second, begins, ends = (column[:count].tolist() for column in (*hashes, *places))
    return [(a << 64 | b, c, d) for a, b, c, d in zip(first, second, begins, ends, strict=True)]


def documents(texts: list[str]) -> pa.Table:
    ids = [blake2b(str(number).encode(), digest_size=16).digest() for number in range(len(texts))]
    return pa.table({"id": pa.array(ids, pa.binary(16)), "text": pa.array(texts, pa.string())})


def deduplicated(texts: list[str]) -> tuple[list[str], list[int], dict[str, dict[str, int]]]:
    """What the stage makes of the texts, how many tokens it cut from each, and its counts."""
    stage = PassageDedup(PassageDedupConfig(min_tokens=LENGTH))
    (result,), _, counts = rounds.run(
        stage, [documents(texts)], buckets=1, batch_rows=1024, split_rows=1 << 16
    )
    return result["text"].to_pylist(), result["dedup.passage_tokens"].to_pylist(), counts


def plant(
    rng: random.Random, corpus: list[tuple[str, str]], held: list[tuple[str, str]]
) -> tuple[list[Planted], list[str]]:
    """Passages of the ``held`` pages (language, text), and the texts of ``corpus`` with them."""
    by_language: dict[str, list[int]] = {}
    for number, (language, _) in enumerate(corpus):
        by_language.setdefault(language, []).append(number)
    planted: list[Planted] = []
    pieces: dict[int, list[str]] = {}
    for language, text in held:
        into = by_language.get(language, [])
        found = words(text)
        for length in (LENGTH, LENGTH - 1, LENGTH // 2):
            if len(found) < length or len(into) < 3:
                continue
            start = rng.randrange(len(found) - length + 1)
            passage = text[found[start][1] : found[start + length - 1][2]]
            if len(words(passage)) != length:  # cut out it is another, as a mark at its start is
                continue
            name = f"xq{len(planted)}q"
            chosen = sorted(rng.sample(into, 3))
            for copy, number in enumerate(chosen):
                pieces.setdefault(number, []).append(f" {name}{copy}b {passage} {name}{copy}e ")
            planted.append(Planted(length, f"{name}{{}}b", f"{name}{{}}e", chosen))
    texts = [text for _, text in corpus]
    for number, put in pieces.items():
        text = texts[number]
        places = sorted(rng.choices([end for _, _, end in words(text)] or [0], k=len(put)))
        edges = [0, *places, len(text)]
        kept = [text[begin:end] for begin, end in itertools.pairwise(edges)]
        texts[number] = "".join(itertools.chain(*zip(kept, [*put, ""], strict=True)))
    return planted, texts


def copies_left(passage: Planted, texts: list[str]) -> list[int]:
    """Tokens between the two words, in each document that the passage was put into."""
    left = []
    for copy, number in enumerate(passage.documents):
        _, _, rest = texts[number].partition(passage.before.format(copy))
        inside, end, _ = rest.partition(passage.after.format(copy))
        if not end:
            raise AssertionError("a word around a planted passage is gone")
        left.append(len(words(inside)))
    return left


def brute_force(texts: list[str]) -> list[int]:
    """Tokens that go from each text, by a dictionary of all windows in the order of ids."""
    ids = documents(texts)["id"].to_pylist()
    hashes = [[value for value, _, _ in words(text)] for text in texts]
    first: dict[tuple[int, ...], tuple[int, int]] = {}
    gone: list[set[int]] = [set() for _ in texts]
    for number in sorted(range(len(texts)), key=ids.__getitem__):
        for start in range(len(hashes[number]) - LENGTH + 1):
            window = tuple(hashes[number][start : start + LENGTH])
            at, place = first.setdefault(window, (number, start))
            if (at, place) != (number, start):
                begin = start if at != number else max(start, place + LENGTH)
                gone[number].update(range(begin, start + LENGTH))
    return [len(tokens) for tokens in gone]


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Least processor time of some calls."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def suffix_array(texts: list[str]) -> Callable[[], object]:
    import pydivsufsort

    data = b"\0".join(text.encode() for text in texts)
    return lambda: pydivsufsort.kasai(data, pydivsufsort.divsufsort(data))


def sentence_signatures(texts: list[str]) -> Callable[[], object]:
    from datatrove.data import Document
    from datatrove.pipeline.dedup.sentence_dedup import SentDedupConfig, SentenceDedupSignature

    step = SentenceDedupSignature("memory://signatures", config=SentDedupConfig())
    found = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
    step.get_hashes(found[0], 0)  # loads its tokenizer
    return lambda: [step.get_hashes(document, number) for number, document in enumerate(found)]


def installed(*names: str) -> bool:
    missing = [name for name in names if not importlib.util.find_spec(name)]
    if missing:
        print(f"{', '.join(missing)} not installed: a peer is left out (pip install)", file=sys.stderr)
    return not missing


def main() -> int:
    command = parser(__doc__)
    add_pages(command)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--brute", type=int, default=300, help="pages for the brute force (0: none)")
    options = command.parse_args()
    rng = random.Random(options.seed)

    found = [(page.lang, render(page.html, content="full").text) for page in read_pages(options.pages)]
    found = [(language, text) for language, text in found if text]
    rng.shuffle(found)
    held, corpus = found[: len(found) // 4], found[len(found) // 4 :]
    real = [text for _, text in corpus]
    planted, texts = plant(rng, corpus, held)
    languages = Counter(corpus[item.documents[0]][0] for item in planted if item.tokens == LENGTH)
    print(
        f"# {len(texts)} texts; planted in: "
        + ", ".join(f"{k or 'unlabelled'} {n}" for k, n in languages.most_common())
    )

    after, _, _ = deduplicated(texts)
    good, floor = True, FLOORS["of planted passages found"]
    for length in (LENGTH, LENGTH - 1, LENGTH // 2):
        left = [copies_left(item, after) for item in planted if item.tokens == length]
        if length == LENGTH:
            right = sum(sorted(copies)[:2] == [0, 0] and copies.count(LENGTH) <= 1 for copies in left)
        else:
            right = sum(copies == [length] * 3 for copies in left)
        what = "found" if length == LENGTH else "left alone"
        good &= line(f"passages.planted.{length}_tokens_{what.replace(' ', '_')}", right, len(left), floor)

    some = texts[: options.brute]
    if some:
        ours, theirs = deduplicated(some)[1], brute_force(some)
        equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
        good &= line("passages.brute_force.texts_with_equal_cuts", equal, len(some), 1)
        good &= line("passages.brute_force.tokens_cut", sum(ours), sum(theirs), 1)

    size = sum(len(text.encode()) for text in real) / 1e6
    _, cut, counts = deduplicated(real)
    column = pa.array(real, pa.string())
    settle()
    mapped = size / seconds(lambda: winnow.fingerprints(*utf8(column), LENGTH))
    whole = size / seconds(lambda: deduplicated(real), 2)
    rows = len(winnow.fingerprints(*utf8(column), LENGTH)[0])
    moved = (rows * 16 + counts["shared"]["rows"] * 16 + counts["windows"]["rows"] * 44) / 1e6
    tokens = sum(len(words(text)) for text in real)
    print(
        f"# {size:.1f} MB, {sum(cut) / tokens:.1%} of {tokens} tokens repeated; to the exchange, before"
        f" compression: {moved:.1f} MB, of which windows {counts['windows']['rows'] * 44 / 1e6:.1f}"
    )
    if installed("pydivsufsort"):
        peer = size / seconds(suffix_array(real), 2)
        good &= line(
            "passages.stage_vs_suffix_array.MB/s", whole, peer, FLOORS["times a suffix array's MB/s"]
        )
    if installed("datatrove", "spacy"):
        part = real[:200]
        share = sum(len(text.encode()) for text in part) / 1e6
        peer = share / seconds(sentence_signatures(part), 1)
        floor = FLOORS["times the MB/s of datatrove's signatures"]
        good &= line("passages.map_vs_datatrove_sentences.MB/s", mapped, peer, floor)
    print(f"# map {mapped:.1f} MB/s, whole stage {whole:.1f} MB/s")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
