"""MinHash signatures and band keys, bit for bit those of datasketch 2, computed by compiled code.

A signature has one number for each of its permutations: the smallest value that a pseudo-random permutation
of all 32-bit numbers gives to the hashes of the text's shingles. Two texts have the same number at a given
index with a probability equal to the Jaccard similarity of their sets of shingles. The package opens with a
primer.

The permutations are datasketch's scheme ``affine32``: the finaliser of MurmurHash3 once per shingle, then
``factor * hash + summand`` modulo 2^32 for each permutation, with factors and summands from datasketch. So a
signature is that of ``datasketch.MinHash(permutations, seed, hashfunc=shingle_hash, scheme="affine32")``
after an update with each shingle.

It costs a multiplication, an addition and a minimum per shingle and permutation; the kernel does them sixteen
at a time, from the first-level cache. Finding characters and hashing shingles takes a quarter of the time.

Knows hashes of shingles. Does not know where documents come from, nor what happens to those that agree.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from stages.compiled import allocating, compiled
from stages.dedup.intrinsics import fold, use_widest_vectors
from stages.dedup.shingles import character_table, shingle, shingle_hash
from stages.text.utf8 import Texts, pieces

__all__ = ["EMPTY", "band_keys", "is_empty", "optimal_bands", "shingle_hash", "signatures"]

#: Every value in the signature of a text without shingles, that is, of the empty text.
EMPTY = np.uint32(0xFFFFFFFF)

#: Hashes that are permuted at a time: 16 KiB, which stay in the first-level cache.
_BLOCK = 4096
#: A block is filled up to a multiple of this: four vectors of 512 bits, as many as the loop takes at once.
_STRIDE = 64

# The finaliser of MurmurHash3, 32 bits (Austin Appleby, public domain), as in datasketch.
_MIX_A, _MIX_B = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_SHIFT_A, _SHIFT_B = np.uint32(16), np.uint32(13)

# Odd constants without further meaning: the fractional parts of the square roots of 11, 13 and 17.
_BAND = np.uint64(0x510E527FADE682D1)
_ROWS = np.uint64(0x9B05688C2B3E6C1F)
_LAST = np.uint64(0x1F83D9ABFB41BD6B)
_HALF = np.uint64(32)

Signatures = npt.NDArray[np.uint32]


def signatures(
    texts: Texts, ngram: int = 24, permutations: int = 260, seed: int = 42, *, words: bool = False
) -> Signatures:
    """uint32[texts, permutations]: the MinHash signatures of texts, in the order given.

    Shingles have ``ngram`` characters, or that many words with ``words``; ``stages/dedup/shingles.py``
    defines these, and the single shingle of a shorter text. A pyarrow column is read in place, chunk by
    chunk. The row of an empty text is ``EMPTY`` throughout; empty texts are not duplicates of each other, so
    leave them out of comparisons (``is_empty`` finds them).

    Raises ValueError for a null text and for numbers out of range, TypeError for anything but texts.
    """
    if ngram < 1 or permutations < 1:
        raise ValueError(f"ngram and permutations are 1 or more, not {ngram} and {permutations}")
    found = np.full((len(texts), permutations), EMPTY, np.uint32)
    factors, summands = _permutations(permutations, seed)
    first = 0
    for data, starts in pieces(texts):
        rows = found[first : first + len(starts) - 1]
        _sign(data, starts, ngram, character_table(words), factors, summands, rows)
        first += len(rows)
    return found


def is_empty(signatures: Signatures) -> npt.NDArray[np.bool_]:
    """bool[n]: which signatures are of empty texts. They take no part in a comparison."""
    empty: npt.NDArray[np.bool_] = (signatures == EMPTY).all(axis=1)
    return empty


def band_keys(signatures: Signatures, bands: int = 20, rows: int = 13) -> npt.NDArray[np.uint64]:
    """uint64[n, bands]: a hash of each band's number and its ``rows`` values.

    Band i is columns i * rows to (i + 1) * rows - 1; columns beyond the last band are ignored. Two documents
    are a candidate pair if they share a key. The band's number is part of the hash, so the keys of all bands
    may be mixed: among the 2 * 10^11 keys of 10 billion documents about a thousand pairs are equal by chance.
    Empty texts have keys as well; leave them out (``is_empty``).

    Raises ValueError if the signatures are too short for that.
    """
    if bands < 1 or rows < 1 or bands * rows > signatures.shape[1]:
        raise ValueError(
            f"{bands} bands of {rows} rows take signatures of {bands * rows} values, "
            f"these have {signatures.shape[1]}"
        )
    keys = np.empty((len(signatures), bands), np.uint64)
    _keys(np.ascontiguousarray(signatures, np.uint32), rows, keys)
    return keys


@cache
def optimal_bands(threshold: float, permutations: int) -> tuple[int, int]:
    """Bands and rows, whose product is at most ``permutations``, with the fewest errors as datasketch weighs
    them: candidates below the similarity ``threshold``, and pairs above it that are not candidates,
    integrated over all similarities.

    Raises ValueError for a threshold outside of 0 to 1, and if fewer than two bands would be best.
    """
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=permutations)
    return index.b, index.r


@cache
def _permutations(count: int, seed: int) -> tuple[Signatures, Signatures]:
    """The draws of datasketch's ``affine32``: importing it takes every process a third of a second, most of
    which is SciPy."""
    draws = np.random.RandomState(seed)  # its sequence is fixed for all versions of NumPy
    factors = draws.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, draws.randint(0, 1 << 32, count, dtype=np.uint32)


@allocating
def _sign(data, starts, ngram, table, factors, summands, signatures):  # type: ignore[no-untyped-def]
    """Lower each row of ``signatures`` to the minimum over the shingles of its text."""
    longest = 0
    for text in range(len(starts) - 1):
        longest = max(longest, starts[text + 1] - starts[text])
    spelled = np.empty(2 * longest + 2 if len(table) else 0, np.uint8)
    places = np.empty(longest + 1, np.int64)
    hashes = np.empty(longest, np.uint64)
    block = np.empty(_BLOCK, np.uint32)
    for text in range(len(starts) - 1):
        count = shingle(data, starts[text], starts[text + 1], ngram, table, spelled, places, hashes)
        for first in range(0, count, _BLOCK):
            size = _mix(hashes[first : min(first + _BLOCK, count)], block)
            _lower(signatures[text], block[:size], factors, summands)


@compiled
def _mix(hashes, block):  # type: ignore[no-untyped-def]
    """Write the upper halves of hashes into a block, each passed through the finaliser; returns how many,
    including padding."""
    for index in range(len(hashes)):
        value = np.uint32(hashes[index] >> _HALF)
        value = np.uint32((value ^ (value >> _SHIFT_A)) * _MIX_A)
        value = np.uint32((value ^ (value >> _SHIFT_B)) * _MIX_B)
        block[index] = value ^ (value >> _SHIFT_A)
    size = -(-len(hashes) // _STRIDE) * _STRIDE
    block[len(hashes) : size] = block[0]  # once more, which changes no minimum
    return size


@compiled
def _lower(signature, hashes, factors, summands):  # type: ignore[no-untyped-def]
    """The smallest ``factor * hash + summand`` modulo 2^32 for each permutation. Most of the time is spent
    here."""
    use_widest_vectors()
    for permutation in range(len(factors)):
        factor, summand, least = factors[permutation], summands[permutation], signature[permutation]
        for index in range(len(hashes)):
            least = min(least, np.uint32(factor * hashes[index] + summand))
        signature[permutation] = least


@compiled
def _keys(signatures, rows, keys):  # type: ignore[no-untyped-def]
    """Hash the bands, two values per step."""
    for text in range(len(keys)):
        for band in range(keys.shape[1]):
            start, stop = band * rows, (band + 1) * rows
            state = _BAND ^ np.uint64(band)
            for index in range(start, stop, 2):
                pair = np.uint64(signatures[text, index])
                if index + 1 < stop:
                    pair |= np.uint64(signatures[text, index + 1]) << _HALF
                state = fold(state ^ pair, _ROWS)
            keys[text, band] = fold(state ^ np.uint64(rows), _LAST)
