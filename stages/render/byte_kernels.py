"""Bytes that compiled loops look at many at a time, in one instruction of the processor.

What is made here is read by Numba and compiled into the loops that call it: ``first_of(b"<&")`` gives a
function of a page and a place in it. All of them but ``search`` may read ``WIDTH`` bytes and one more from
that place on, so pages come from ``readable``; ``copy`` writes as many, so outputs have that much more than
is used of them. Knows bytes only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from stages.compiled import compiled

Bytes = npt.NDArray[np.uint8]

#: Bytes that are looked at together.
WIDTH = 32


def readable(data: bytes | memoryview, tail: bytes = b"") -> Bytes:
    """The bytes, and ``tail`` after them, as a page: memory goes on behind it."""
    size, last = len(data), len(data) + len(tail)
    page = np.empty(last + 2 * WIDTH, np.uint8)
    page.data[:size], page.data[size:last], page.data[last:] = data, tail, bytes(2 * WIDTH)
    return page[:last]


_BYTE, _PLACE = ir.IntType(8), ir.IntType(64)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, size: int) -> Any:
    """To ``size`` bytes of an array, as one value."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(_BYTE, size).as_pointer())


def _load(context: Any, builder: Any, kind: Any, array: Any, at: Any, size: int) -> Any:
    return builder.load(_pointer(context, builder, kind, array, at, size), align=1)


def _all(letters: bytes) -> Any:
    return ir.Constant(ir.VectorType(_BYTE, len(letters)), list(letters))


def _count(builder: Any, found: Any) -> Any:
    """Bytes before the first that is found, as a place; ``WIDTH`` if none is."""
    bits = builder.bitcast(found, ir.IntType(WIDTH))
    return builder.zext(builder.cttz(bits, ir.Constant(ir.IntType(1), 0)), _PLACE)


def _reader(emit: Callable[..., Any], returns: Any = types.int64) -> Any:
    """A function of a page and a place in it, of which ``emit`` writes the instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(context, builder, signature.args[0], *arguments)

    def read(typing: Any, page: Any, at: Any) -> Any:
        return returns(page, types.int64), generate

    return intrinsic(read)


def first_of(letters: bytes, *, below: int = 0, above: int = 255, twice: int = 0) -> Any:
    """A function that counts the bytes from a place on before the first that is one of ``letters``, or lower
    than ``below``, or higher than ``above``, or ``twice`` and followed by itself; ``WIDTH`` if none of so
    many is."""

    def emit(context: Any, builder: Any, kind: Any, page: Any, at: Any) -> Any:
        bytes_ = _load(context, builder, kind, page, at, WIDTH)
        tests = [builder.icmp_unsigned("==", bytes_, _all(bytes([one]) * WIDTH)) for one in letters]
        if below:
            tests.append(builder.icmp_unsigned("<", bytes_, _all(bytes([below]) * WIDTH)))
        if above < 255:
            tests.append(builder.icmp_unsigned(">", bytes_, _all(bytes([above]) * WIDTH)))
        if twice:
            following = _load(context, builder, kind, page, builder.add(at, ir.Constant(_PLACE, 1)), WIDTH)
            same = [
                builder.icmp_unsigned("==", one, _all(bytes([twice]) * WIDTH)) for one in (bytes_, following)
            ]
            tests.append(builder.and_(*same))
        return _count(builder, reduce(builder.or_, tests))

    return _reader(emit)


def says(word: bytes) -> Any:
    """A function that tells whether a word of small letters is at a place, in large or small letters."""

    def emit(context: Any, builder: Any, kind: Any, page: Any, at: Any) -> Any:
        letters = builder.or_(_load(context, builder, kind, page, at, len(word)), _all(b" " * len(word)))
        size = ir.IntType(8 * len(word))
        return builder.icmp_unsigned("==", builder.bitcast(letters, size), builder.bitcast(_all(word), size))

    return _reader(emit, types.boolean)


def writes(word: bytes) -> Any:
    """A function that writes a word at a place; it returns the place after it."""

    def emit(context: Any, builder: Any, kind: Any, out: Any, put: Any) -> Any:
        builder.store(_all(word), _pointer(context, builder, kind, out, put, len(word)), align=1)
        return builder.add(put, ir.Constant(_PLACE, len(word)))

    return _reader(emit)


def _copy(typing: Any, page: Any, at: Any, out: Any, put: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        page, at, out, put = arguments
        bytes_ = _load(context, builder, signature.args[0], page, at, WIDTH)
        builder.store(bytes_, _pointer(context, builder, signature.args[2], out, put, WIDTH), align=1)
        return context.get_dummy_value()

    return types.void(page, types.int64, out, types.int64), generate


#: A function that copies ``WIDTH`` bytes: from a place in one array to one in another.
copy: Any = intrinsic(_copy)


def _eight(context: Any, builder: Any, kind: Any, page: Any, at: Any) -> Any:
    return builder.bitcast(_load(context, builder, kind, page, at, 8), _PLACE)


#: A function that reads eight bytes as a number, the first as its lowest.
eight = _reader(_eight, types.uint64)


def _splat(builder: Any, letter: Any) -> Any:
    """A byte, as often as bytes are looked at together."""
    none = ir.Constant(ir.VectorType(_BYTE, WIDTH), None)
    one = builder.insert_element(none, letter, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None))


def _equal(typing: Any, page: Any, at: Any, letter: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        page, at, letter = arguments
        bytes_ = _load(context, builder, signature.args[0], page, at, WIDTH)
        return _count(builder, builder.icmp_unsigned("==", bytes_, _splat(builder, letter)))

    return types.int64(page, types.int64, types.uint8), generate


def _pair(typing: Any, page: Any, at: Any, further: Any, letter: Any, last: Any, fold: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        page, at, further, letter, last, fold = arguments
        bits = _splat(builder, fold)
        found = []
        for place, one in ((at, letter), (builder.add(at, further), last)):
            bytes_ = builder.or_(_load(context, builder, signature.args[0], page, place, WIDTH), bits)
            found.append(builder.icmp_unsigned("==", bytes_, _splat(builder, one)))
        return _count(builder, builder.and_(*found))

    numbers = (types.int64, types.int64, types.uint8, types.uint8, types.uint8)
    return types.int64(page, *numbers), generate


#: As ``first_of``: of a byte that is not known before; of one that another follows at some distance.
_first_equal: Any = intrinsic(_equal)
_first_pair: Any = intrinsic(_pair)


@compiled
def find(page: Any, at: Any, end: Any, letter: Any) -> Any:
    """The place of a byte from ``at`` on; ``end`` if there is none before it."""
    while at < end:
        count = _first_equal(page, at, letter)
        if count < WIDTH:
            return min(at + count, end)
        at += WIDTH
    return end


@compiled
def search(page: Any, word: Any, at: Any, fold: Any) -> Any:
    """The place of a word from ``at`` on, -1 if it is not there. A tenth of the time of ``bytes.find`` if the
    letters of the word are frequent. ``fold``: bits that are set in the word, and count as set in the page:
    32 for a word in large or small letters. Unlike the others it reads nothing beyond ``page``."""
    size, last = len(page), len(word) - 1
    while at + last < size:
        if at + last + WIDTH <= size:
            count = _first_pair(page, at, last, word[0], word[last], fold)
            if count == WIDTH:
                at += WIDTH
                continue
            at += count
        same = True
        for index in range(last + 1):
            same &= (page[at + index] | fold) == word[index]
        if same:
            return at
        at += 1
    return -1
