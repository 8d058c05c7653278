"""What LLVM can do and Numba does not offer, for the kernels of this package, and how they are compiled.

Knows LLVM's instructions and Numba's cache; does not know what the kernels compute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import extending, types

# kernels call what is made of these without the first argument
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic

_WORD = ir.IntType(64)


def compiled(function: Callable[..., Any]) -> Any:
    """``numba.njit`` for a kernel, with its machine code kept on disk: a worker then starts in a second
    instead of six. It is compiled in every process where neither the package nor the user's cache directory
    can be written to (a read-only container)."""
    return _compile(function, inline=False)


def inlined(function: Callable[..., Any]) -> Any:
    """``compiled``, and part of the kernels that call it: for what is small and called for every byte."""
    return _compile(function, inline=True)


def _compile(function: Callable[..., Any], inline: bool) -> Any:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": inline}
    try:
        kernel = numba.njit(cache=True, **options)(function)
        # Numba compares the date of the one file; a kernel has parts of other files in it
        kernel._cache._cache_file._source_stamp = _stamp()
    except (RuntimeError, AttributeError):
        return numba.njit(**options)(function)
    return kernel


@cache
def _stamp() -> str:
    """Of all the code of this package."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return blake2b(b"\0".join(source.read_bytes() for source in sources), digest_size=16).hexdigest()


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
    """Called in a kernel: vectorise it for 512 bits where the processor has them.

    LLVM's own choice on such processors is 256 bits, which spares mixed code a lower clock; a loop of
    nothing but multiplications runs 1.4 times as fast on the wide ones. Without effect on other processors.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # past FunctionAttributes.add, which knows only the attributes without a value
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate
