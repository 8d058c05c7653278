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


def _add_rows(count: int) -> Any:
    """A function of ``y``, ``x``, ``matrix`` and ``i``: ``y[i] += x[i] @ matrix``, and so for the rows that
    follow, ``count`` in all."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (of_y, of_x, of_matrix, _), (y, x, matrix, first) = signature.args, arguments
        rows = [builder.add(first, ir.Constant(first.type, one)) for one in range(count)]
        inputs = [_row(context, builder, of_x, x, row) for row in rows]
        results = [part for row in rows for part in _parts(builder, _row(context, builder, of_y, y, row))]
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in results]
        for total, result in zip(sums, results, strict=True):
            builder.store(builder.load(result, align=4), total)
        terms = builder.extract_value(context.make_array(of_x)(context, builder, x).shape, 1)
        with cgutils.for_range(builder, terms) as loop:
            line = _parts(builder, _row(context, builder, of_matrix, matrix, loop.index))
            numbers = [builder.load(part, align=4) for part in line]
            for row, values in enumerate(inputs):
                value = builder.load(builder.gep(values, [loop.index]))
                one = builder.insert_element(ir.Constant(_VECTOR, None), value, _FIRST)
                factor = builder.shuffle_vector(one, one, _SAME)
                for total, number in zip(sums[row * len(line) :], numbers, strict=False):
                    builder.store(builder.fadd(builder.load(total), builder.fmul(factor, number)), total)
        for total, result in zip(sums, results, strict=True):
            builder.store(builder.load(total), result, align=4)
        return context.get_dummy_value()

    def add_rows(typing: Any, y: Any, x: Any, matrix: Any, i: Any) -> Any:
        return types.void(y, x, matrix, types.int64), generate

    return intrinsic(add_rows)


_add_two, _add_one = _add_rows(2), _add_rows(1)


@compiled
def add_product(y: Floats, x: Floats, matrix: Floats) -> None:
    """``y += x @ matrix``."""
    n = len(x)
    for i in range(0, n // 2 * 2, 2):
        _add_two(y, x, matrix, i)
    if n % 2:
        _add_one(y, x, matrix, n - 1)
