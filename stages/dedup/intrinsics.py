"""Three things that LLVM can do and Numba does not offer, for the kernels of this package.

Knows LLVM's instructions; does not know what they are used for.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD = ir.IntType(64)


def compiled(function: Any) -> Any:
    """``numba.njit``, with the machine code kept on disk where there is a place to write it.

    A worker then starts in tenths of a second instead of seconds. Numba refuses to cache where neither the
    package nor the user's cache directory can be written to (a read-only container): compiled anew there.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)


@intrinsic
def load_word(typing: Any, data: Any, index: Any) -> Any:
    """The eight bytes from ``data[index]`` on as a little-endian number; ``data`` is uint8, contiguous.

    Nothing is checked: ``index + 8 <= len(data)`` is the caller's duty.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), _WORD.as_pointer())
        return builder.load(place, align=1)

    return types.uint64(data, types.intp), generate


@intrinsic
def fold(typing: Any, left: Any, right: Any) -> Any:
    """The 128-bit product of two uint64, its halves xored: one multiplication which mixes every bit."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        high = builder.lshr(product, ir.Constant(wide, 64))
        return builder.trunc(builder.xor(product, high), _WORD)

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def use_widest_vectors(typing: Any) -> Any:
    """Called in a kernel: vectorise it for 512 bits where the processor has them.

    LLVM's own choice on such processors is 256 bits, which spares mixed code a lower clock; a loop of
    nothing but multiplications runs 1.4 times as fast on the wide ones. Without effect on other processors.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # past FunctionAttributes.add, which knows only the attributes without a value
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate
