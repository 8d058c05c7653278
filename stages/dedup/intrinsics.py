"""Features of LLVM that Numba does not offer, for the kernels of this package.

Knows LLVM's instructions; does not know what the kernels compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending, types

# kernels call the functions made from these without the first argument
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic

_WORD = ir.IntType(64)


@intrinsic
def load_word(typing: Any, address: Any) -> Any:
    """The eight bytes from an address on (``array.ctypes.data``), in the machine's order; unchecked."""
    return types.uint64(types.intp), _load(_WORD)


@intrinsic
def load_byte(typing: Any, address: Any) -> Any:
    """The byte at an address."""
    return types.uint64(types.intp), _load(ir.IntType(8))


def _load(kind: ir.IntType) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        return value if kind == _WORD else builder.zext(value, _WORD)

    return generate


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
    """Call this in a kernel to vectorise it for 512 bits where the processor has such vectors.

    LLVM's own choice on such processors is 256 bits, which avoids a lower clock for mixed code; a loop of
    nothing but multiplications runs 1.4 times as fast on 512 bits. This has no effect on other processors.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # bypasses FunctionAttributes.add, which accepts only attributes without a value
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate
