"""Products of matrices that have ``WIDTH`` columns, in single precision.

The loop over terms is written in the instructions of LLVM, so that the rows of a result stay in registers
until they are done: made from loops of Python, they go to memory after every few terms, which takes three
times the time. A sum is taken in the order of its terms, and no product is rounded together with its sum, so
the result is the same on every processor. Knows neither the network nor pages.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils as _cgutils
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from stages.compiled import compiled

Floats = NDArray[np.float32]

#: Numba is not typed.
cgutils: Any = _cgutils

#: A constant at compile time; otherwise the loops would not be vectorised.
WIDTH = 40
#: Numbers in one register.
_LANES = 8
_VECTOR, _FIRST = ir.VectorType(ir.FloatType(), _LANES), ir.Constant(ir.IntType(32), 0)
_SAME = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), None)


def _row(context: Any, builder: Any, kind: Any, array: Any, row: Any) -> Any:
    """To the first number of a row of a contiguous matrix."""
    made = context.make_array(kind)(context, builder, array)
    return builder.gep(made.data, [builder.mul(row, builder.extract_value(made.shape, 1))])


def _parts(builder: Any, row: Any) -> list[Any]:
    """To the parts of a row of ``WIDTH`` numbers."""
    places = [ir.Constant(ir.IntType(64), at) for at in range(0, WIDTH, _LANES)]
    return [builder.bitcast(builder.gep(row, [at]), _VECTOR.as_pointer()) for at in places]


def _load(builder: Any, row: Any) -> list[Any]:
    return [builder.load(part, align=4) for part in _parts(builder, row)]


def _store(builder: Any, rows: list[Any], values: list[Any]) -> None:
    parts = [part for row in rows for part in _parts(builder, row)]
    for part, value in zip(parts, values, strict=True):
        builder.store(value, part, align=4)


def _product(context: Any, builder: Any, kinds: Any, arrays: Any, rows: Any, starts: Any) -> list[Any]:
    """The parts of ``starts + x[rows] @ matrix``, one row after another. ``arrays``: x and the matrix;
    ``starts``: vectors."""
    inputs = [_row(context, builder, kinds[0], arrays[0], row) for row in rows]
    sums = [cgutils.alloca_once(builder, _VECTOR) for _ in starts]
    for total, start in zip(sums, starts, strict=True):
        builder.store(start, total)
    terms = builder.extract_value(context.make_array(kinds[0])(context, builder, arrays[0]).shape, 1)
    with cgutils.for_range(builder, terms) as loop:
        line = _load(builder, _row(context, builder, kinds[1], arrays[1], loop.index))
        for row, values in enumerate(inputs):
            value = builder.load(builder.gep(values, [loop.index]))
            one = builder.insert_element(ir.Constant(_VECTOR, None), value, _FIRST)
            factor = builder.shuffle_vector(one, one, _SAME)
            for total, number in zip(sums[row * len(line) :], line, strict=False):
                builder.store(builder.fadd(builder.load(total), builder.fmul(factor, number)), total)
    return [builder.load(total) for total in sums]


def _rows(first: Any, builder: Any, count: int) -> list[Any]:
    return [builder.add(first, ir.Constant(first.type, one)) for one in range(count)]


def _adding(count: int) -> Any:
    """A function of ``y``, ``x``, ``matrix`` and ``i``: ``y[i] += x[i] @ matrix``, and so for the rows that
    follow, ``count`` in all."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (of_y, *kinds, _), (y, *arrays, first) = signature.args, arguments
        rows = _rows(first, builder, count)
        results = [_row(context, builder, of_y, y, row) for row in rows]
        starts = [part for result in results for part in _load(builder, result)]
        _store(builder, results, _product(context, builder, kinds, arrays, rows, starts))
        return context.get_dummy_value()

    def add(typing: Any, y: Any, x: Any, matrix: Any, i: Any) -> Any:
        return types.void(y, x, matrix, types.int64), generate

    return intrinsic(add)


def _dense(count: int, *, residual: bool) -> Any:
    """A function of ``y``, ``x``, ``matrix``, ``bias`` and ``i``: ``y[i] = x[i] @ matrix + bias``, and so for
    the rows that follow, ``count`` in all. ``residual``: that is added to ``y[i]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (of_y, *kinds, of_bias, _), (y, *arrays, bias, first) = signature.args, arguments
        rows = _rows(first, builder, count)
        results = [_row(context, builder, of_y, y, row) for row in rows]
        starts = _load(builder, context.make_array(of_bias)(context, builder, bias).data) * count
        sums = _product(context, builder, kinds, arrays, rows, starts)
        if residual:
            old = [part for result in results for part in _load(builder, result)]
            sums = [builder.fadd(one, other) for one, other in zip(old, sums, strict=True)]
        _store(builder, results, sums)
        return context.get_dummy_value()

    def layer(typing: Any, y: Any, x: Any, matrix: Any, bias: Any, i: Any) -> Any:
        return types.void(y, x, matrix, bias, types.int64), generate

    return intrinsic(layer)


_add_one, _add_two = _adding(1), _adding(2)
_dense_one, _dense_two = _dense(1, residual=False), _dense(2, residual=False)
_residual_one, _residual_two = _dense(1, residual=True), _dense(2, residual=True)


@compiled
def add_product(y: Floats, x: Floats, matrix: Floats) -> None:
    """``y += x @ matrix``."""
    n = len(x)
    for i in range(0, n // 2 * 2, 2):
        _add_two(y, x, matrix, i)
    if n % 2:
        _add_one(y, x, matrix, n - 1)


@compiled
def dense(y: Floats, x: Floats, matrix: Floats, bias: Floats) -> None:
    """``y = x @ matrix + bias``."""
    n = len(x)
    for i in range(0, n // 2 * 2, 2):
        _dense_two(y, x, matrix, bias, i)
    if n % 2:
        _dense_one(y, x, matrix, bias, n - 1)


@compiled
def add_dense(y: Floats, x: Floats, matrix: Floats, bias: Floats) -> None:
    """``y += x @ matrix + bias``."""
    n = len(x)
    for i in range(0, n // 2 * 2, 2):
        _residual_two(y, x, matrix, bias, i)
    if n % 2:
        _residual_one(y, x, matrix, bias, n - 1)
