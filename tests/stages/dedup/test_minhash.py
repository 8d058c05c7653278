"""MinHash: bit for bit what datasketch makes of the same shingles; a hash that is good enough; words."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import LANGUAGES, UNSPACED, passage

from stages import kept
from stages.dedup import minhash
from stages.dedup.minhash import EMPTY, band_keys, is_empty, optimal_bands, signatures
from stages.dedup.shingles import shingle_hash, shingle_hashes

datasketch = pytest.importorskip("datasketch")

ROOT = Path(__file__).resolve().parents[3]
CHARS = "ab c_é\u0301ßÉ٣ñ,.-“+<€²½ \n\t\x00\u00ad\u200d\ufe0fกิเขา漢字々〇かなカー한글नमस्ते😀👍🏽𝒙𠀀"


def words_of(text: str) -> list[str]:
    """The words that the documentation speaks of, in plain Python."""
    found: list[str] = []
    kind = ""
    for char in text:
        category = unicodedata.category(char)
        if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
            continue
        if UNSPACED.match(char):
            now = "letter"
        elif category[0] in "LN" or char == "_":
            now = "word"
        elif category[0] == "M":
            now = kind or "word"
        else:
            kind = ""
            continue
        if now == kind and (now == "word" or category[0] == "M"):
            found[-1] += char
        else:
            found.append(char)
        kind = now
    return found


def shingles_of(text: str, ngram: int, words: bool) -> list[bytes]:
    units: Sequence[str] = words_of(text) if words else text
    if not units:
        pieces = [text] if text else []
    else:
        pieces = [
            (" " if words else "").join(units[start : start + ngram])
            for start in range(max(len(units) - ngram, 0) + 1)
        ]
    return [piece.encode("utf-8", "surrogatepass") for piece in pieces]


def check(texts: Sequence[str], ngram: int, permutations: int, seed: int, words: bool) -> None:
    found = signatures(texts, ngram, permutations, seed, words=words)
    assert found.dtype == np.uint32
    assert found.shape == (len(texts), permutations)
    for text, signature in zip(texts, found, strict=True):
        peer = datasketch.MinHash(permutations, seed, hashfunc=shingle_hash, scheme="affine32")
        for shingle in shingles_of(text, ngram, words):
            peer.update(shingle)
        assert np.array_equal(signature, peer.hashvalues), text


any_text = st.one_of(
    st.text(st.characters(), max_size=80),  # surrogates too
    st.text(st.sampled_from(CHARS), max_size=120),
    st.text(st.sampled_from("ab"), max_size=200),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(any_text, max_size=4), st.integers(1, 30), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_characters_as_datasketch(texts: list[str], ngram: int, permutations: int, seed: int) -> None:
    check(texts, ngram, permutations, seed, words=False)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.sampled_from(CHARS), max_size=150), max_size=3), st.integers(1, 8))
def test_words_as_datasketch(texts: list[str], ngram: int) -> None:
    check(texts, ngram, 20, 1, words=True)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_script(language: str, words: bool) -> None:
    rng = random.Random(language)
    texts = [passage(rng, language, length) for length in (0, 1, 3, 60, 200)]
    check(texts, 5 if words else 24, 260, 42, words)


def test_lengths_around_every_limit() -> None:
    """Steps of the hash, vectors and blocks of the kernel; each length from 1 to 100 bytes as a whole text."""
    rng = random.Random(0)
    letters = "".join(rng.choices("abcdefgh é漢😀", k=12_300))
    check(
        [letters[: 23 + count] for count in (0, 1, 63, 64, 65, 127, 128, 4095, 4096, 4097)], 24, 20, 3, False
    )
    check([letters], 24, 20, 3, False)
    check(["x" * length for length in range(101)], 101, 4, 3, False)


def test_short_and_empty_texts() -> None:
    rows = signatures(["", "a", "b", "a" * 23, "a" * 24, "a" * 100, ""], permutations=64)
    assert is_empty(rows).tolist() == [True, False, False, False, False, False, True]
    assert (rows[0] == EMPTY).all()
    assert len({row.tobytes() for row in rows[1:5]}) == 4
    assert np.array_equal(rows[4], rows[5]), "one shingle, often"
    by_words = signatures(["", "!!!", "???", "a b", "a,  b", "漢字", "漢 字", "ab"], 5, 64, words=True)
    assert is_empty(by_words).tolist() == [True] + [False] * 7
    assert [row.tobytes() == by_words[3].tobytes() for row in by_words[1:]] == [0, 0, 1, 1, 0, 0, 0]
    assert np.array_equal(by_words[5], by_words[6])
    assert signatures([]).shape == (0, 260)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Don't\tsnake_case = f(x1, x2);\n", ["Don", "t", "snake_case", "f", "x1", "x2"]),
        ("naïve cafe\u0301", ["naïve", "cafe\u0301"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("東京タワーで3回", [*"東京タワーで", "3", "回"]),
        ("กินข้าว", ["กิ", "น", "ข้", "า", "ว"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("co\u00adoperate", ["cooperate"]),
    ],
)
def test_words(text: str, wanted: list[str]) -> None:
    assert words_of(text) == wanted
    found, _ = shingle_hashes([text], 1, words=True)
    assert (found >> np.uint64(32)).tolist() == [shingle_hash(word.encode()) for word in wanted]


def test_columns_are_read_in_place() -> None:
    rng = random.Random(2)
    texts = [passage(rng, language, rng.randint(0, 80)) for language in LANGUAGES for _ in range(4)]
    wanted = signatures(texts)
    for kind in (pa.string(), pa.large_string()):
        column = pa.array(["before", *texts, "after"], kind)[1:-1]
        assert np.array_equal(signatures(column), wanted)
        chunks = pa.chunked_array([column[:5], column[5:5], column[5:]])
        assert np.array_equal(signatures(chunks), wanted)
        assert signatures(pa.chunked_array([], kind)).shape == (0, 260)
        assert signatures(pa.array([], kind)).shape == (0, 260)
        assert signatures(pa.array(["", ""], kind)).min() == EMPTY
    hashes, starts = shingle_hashes(pa.chunked_array([texts[:7], texts[7:]]))
    assert starts.tolist() == np.cumsum([0, *(len(shingles_of(text, 24, False)) for text in texts)]).tolist()
    alone, _ = shingle_hashes([texts[9]])
    assert np.array_equal(hashes[starts[9] : starts[10]], alone)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="without text"):
        signatures(pa.array(["a", None]))
    with pytest.raises(ValueError, match="without text"):
        signatures(["a", None])
    with pytest.raises(TypeError, match="not binary"):
        signatures(pa.array([b"a"]))
    with pytest.raises(TypeError, match="one text"):
        signatures("a")
    for ngram, permutations in ((0, 8), (3, 0)):
        with pytest.raises(ValueError, match="1 or more"):
            signatures(["a"], ngram, permutations)
    for bands, rows in ((20, 14), (0, 3), (3, 0)):
        with pytest.raises(ValueError, match="bands"):
            band_keys(signatures(["a"]), bands, rows)


def test_values_that_stay() -> None:
    """Signatures are kept from run to run, so the hash may not change unnoticed."""
    shingles = (b"", b"a", b"near duplicates", b"of documents, in 24 chars")
    assert [shingle_hash(shingle) for shingle in shingles] == [37156710, 541792182, 1844214491, 1585556828]
    rows = signatures(["The same text gives the same signature."])
    assert rows[0, :4].tolist() == [547209382, 496429054, 114957757, 584679645]
    assert band_keys(rows)[0, :2].tolist() == [17198388230364740015, 9711065504464443234]


# The hash ----------------------------------------------------------------------------------------------


def hashes_of(shingles: Sequence[str]) -> np.ndarray:
    found, starts = shingle_hashes(shingles, 10_000)
    assert len(found) == len(starts) - 1 == len(shingles)
    return found


def of_text() -> list[str]:
    letters = random.Random(1).choices(
        "etaoin shrdlu\n", [12, 9, 8, 8, 7, 7, 15, 6, 6, 6, 4, 4, 3, 1], k=150_023
    )
    page = "".join(letters)
    return sorted({page[start : start + 24] for start in range(150_000)})


def of_two_changes() -> list[str]:
    base = "the quick brown fox jumps over the lazy dog, and again"
    places = itertools.combinations(range(len(base)), 2)
    letters = list(itertools.product("abcdefghij", "klmnopqrst"))
    return sorted({base[:i] + x + base[i + 1 : j] + y + base[j + 1 :] for i, j in places for x, y in letters})


FAMILIES: dict[str, Callable[[], list[str]]] = {
    "text": of_text,
    "two changes": of_two_changes,
    "numbers": lambda: [f"{number:024d}" for number in range(150_000)],
    "short": lambda: ["".join(letters) for letters in itertools.product("abcdefghijklmnopqrst", repeat=4)],
    "runs": lambda: [char * length for char in "\x00 a漢" for length in range(1, 2_000)],
    "Thai": lambda: [a * 9 + b * 8 + c * 7 for a, b, c in itertools.product(LANGUAGES["th"][0], repeat=3)],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_hash_is_as_good_as_random(family: str) -> None:
    """No more collisions in 32 bits than chance has (to five standard deviations), every byte of it uniform,
    no bit depends on another; the 64 bits are all different."""
    shingles = FAMILIES[family]()
    count = len(shingles)
    whole, _ = shingle_hashes(shingles, 10_000)
    assert len(whole) == len(np.unique(whole)) == count
    for values in (whole >> np.uint64(32), whole & np.uint64(0xFFFFFFFF)):
        expected = count * (count - 1) / 2**33
        assert count - len(np.unique(values)) <= expected + 5 * expected**0.5 + 1
        for shift in range(0, 32, 8):
            cells = np.bincount(
                (values >> np.uint64(shift) & np.uint64(0xFF)).astype(np.int64), minlength=256
            )
            chi = float(((cells - count / 256) ** 2).sum() / (count / 256))
            assert chi < 255 + 5 * (2 * 255) ** 0.5
        bits = (values[:, None] >> np.arange(32, dtype=np.uint64) & np.uint64(1)).astype(np.float32) * 2 - 1
        correlation = np.abs(bits.T @ bits / count - np.eye(32))
        assert correlation.max() < 5.5 / count**0.5


@pytest.mark.parametrize("length", [1, 4, 7, 8, 12, 16, 17, 24, 33, 72])
def test_every_bit_of_the_input_changes_half_of_the_output(length: int) -> None:
    """For inputs at random; five and a half standard deviations for each pair of bits."""
    rng = np.random.default_rng(length)
    rounds = 100
    flips = np.zeros((length * 8, 32))
    for _ in range(rounds):
        data = int.from_bytes(rng.bytes(length), "little")
        before = shingle_hash(data.to_bytes(length, "little"))
        after = [shingle_hash((data ^ 1 << bit).to_bytes(length, "little")) for bit in range(length * 8)]
        changed = np.array(after, np.uint32)[:, None] ^ np.uint32(before)
        flips += changed >> np.arange(32, dtype=np.uint32) & 1
    assert np.abs(flips / rounds - 0.5).max() < 5.5 * 0.5 / rounds**0.5
    assert abs(flips.mean() / rounds - 0.5) < 0.01


def edited(rng: random.Random, text: str, edits: int) -> str:
    letters = list(text)
    for place in rng.sample(range(len(text)), edits):
        letters[place] = rng.choice("XYZ")
    return "".join(letters)


def test_signatures_and_bands_follow_the_theory() -> None:
    """Agreement is Jaccard similarity, and a shared band as frequent as 1 - (1 - s^13)^20."""
    rng = random.Random(5)
    pairs, similarity = [], []
    for _ in range(300):
        text = "".join(rng.choices("abcdefghijklmnop     ", k=2_000))
        other = edited(rng, text, rng.randint(3, 20))
        one, two = (set(shingles_of(each, 24, False)) for each in (text, other))
        pairs += [text, other]
        similarity.append(len(one & two) / len(one | two))
    rows = signatures(pairs)
    s = np.array(similarity)
    error = (rows[::2] == rows[1::2]).mean(axis=1) - s
    assert abs(error.mean()) < 4 * (s * (1 - s) / 260).mean() ** 0.5 / len(s) ** 0.5
    assert (np.abs(error) < 5 * (s * (1 - s) / 260) ** 0.5).all()
    keys = band_keys(rows)
    found = (keys[::2] == keys[1::2]).any(axis=1)
    chance = 1 - (1 - s**13) ** 20
    assert abs(found.mean() - chance.mean()) < 4 * (chance * (1 - chance)).sum() ** 0.5 / len(s)
    assert 0.2 < chance.mean() < 0.8, "the curve is tried where it is steep"


# Bands -------------------------------------------------------------------------------------------------


def test_band_keys() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2**32, (5_000, 260), dtype=np.uint32)
    keys = band_keys(rows)
    assert keys.dtype == np.uint64
    assert keys.shape == (5_000, 20)
    assert len(np.unique(keys)) == keys.size
    changed = rows.copy()
    places = rng.integers(0, 260, 5_000)
    changed[np.arange(5_000), places] ^= np.uint32(1) << rng.integers(0, 32, 5_000).astype(np.uint32)
    assert np.array_equal(np.argwhere(band_keys(changed) != keys)[:, 1], places // 13)
    assert np.array_equal(band_keys(rows[:, ::-1][:, ::-1]), keys), "any layout in memory"
    assert np.array_equal(band_keys(rows, 5, 7), band_keys(rows[:, :35], 5, 7))
    same = band_keys(np.tile(rows[:, :13], 20))
    assert len(np.unique(same)) == same.size, "bands of equal values have different keys"
    swapped = rows[:, [1, 0, *range(2, 260)]]
    assert (band_keys(swapped)[:, 0] != keys[:, 0]).all(), "the order of values counts"


@pytest.mark.parametrize(("threshold", "permutations"), [(0.5, 64), (0.7, 128), (0.8, 260)])
def test_optimal_bands(threshold: float, permutations: int) -> None:
    bands, rows = optimal_bands(threshold, permutations)
    assert 2 <= bands <= bands * rows <= permutations
    s = np.linspace(0, 1, 2001)
    found = {}
    for shape in (
        (bands, rows),
        (bands + 4, permutations // (bands + 4)),
        (bands - 2, permutations // (bands - 2)),
    ):
        chance = 1 - (1 - s ** shape[1]) ** shape[0]
        found[shape] = chance[s < threshold].sum() + (1 - chance[s > threshold]).sum()
    assert min(found, key=lambda shape: found[shape]) == (bands, rows)
    with pytest.raises(ValueError, match="threshold"):
        optimal_bands(1.5, permutations)


# Compiled code -----------------------------------------------------------------------------------------


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )


def test_nothing_is_read_outside_of_the_texts() -> None:
    """The texts end where the memory does: a byte too far would kill the process."""
    done = python(
        """
import ctypes, mmap
import numpy as np, pyarrow as pa
from stages.dedup.minhash import signatures
page = mmap.PAGESIZE
memory = mmap.mmap(-1, 3 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None, use_errno=True)
for guard in (start, start + 2 * page):
    assert libc.mprotect(ctypes.c_void_p(guard), page, 0) == 0
for text in [b"a", b"seven b", b"eight by", "naïve 漢字 กิน 😀".encode(), bytes([0xF0]), bytes([0xE6, 0xBC]), b"x" * page]:
    for first in (start + page, start + 2 * page - len(text)):
        ctypes.memmove(first, text, len(text))
        offsets = pa.py_buffer(np.array([0, len(text)], np.int32).tobytes())
        data = pa.foreign_buffer(first, len(text))
        column = pa.Array.from_buffers(pa.string(), 1, [None, offsets, data])
        for ngram in (1, 3, 24):
            for words in (False, True):
                signatures(column, ngram, 8, words=words)
print("whole")
"""
    )
    assert done.stdout == "whole\n", (done.returncode, done.stderr)


def test_without_a_place_for_machine_code() -> None:
    """As in a container that is read-only: compiled anew, not refused."""
    code = "from stages.dedup.shingles import shingle_hash; print(shingle_hash(b'a'))"
    done = python(code, NUMBA_CACHE_LOCATOR_CLASSES="ZipCacheLocator")
    assert done.stdout == f"{shingle_hash(b'a')}\n", done.stderr


def test_machine_code_is_dated_by_the_whole_package() -> None:
    """A kernel has parts of other files in it; Numba alone would take a change there for none."""
    assert minhash._sign._cache._cache_file._source_stamp == kept.stamp(Path(minhash.__file__).parent)
