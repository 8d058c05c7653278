"""What Numba and LLVM are asked for: machine code that is kept on disk, and two instructions.

Kept code is out of date when any module of the package has changed, since a kernel has parts of others in it.
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

_intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic


def compiled(function: Callable[..., Any]) -> Any:
    """Decorates a function of arrays and numbers; it runs without the interpreter's lock. Where neither the
    package nor the user's cache directory can be written to, every process compiles anew."""
    return _compile(function, inline=False)


def inlined(function: Callable[..., Any]) -> Any:
    """``compiled``, and part of its callers: for what is called for each byte or token."""
    return _compile(function, inline=True)


def _compile(function: Callable[..., Any], inline: bool) -> Any:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": inline}
    try:
        kernel = numba.njit(cache=True, **options)(function)
        kernel._cache._cache_file._source_stamp = _stamp()
    except (RuntimeError, AttributeError):
        return numba.njit(**options)(function)
    return kernel


@cache
def _stamp() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return blake2b(b"\0".join(source.read_bytes() for source in sources), digest_size=16).hexdigest()


@_intrinsic
def load_float(typing, address, index):  # type: ignore[no-untyped-def]
    """The float32 number ``index`` after an address that need not be a multiple of four."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        base = builder.inttoptr(arguments[0], ir.FloatType().as_pointer())
        return builder.load(builder.gep(base, [arguments[1]]), align=1)

    return types.float32(types.intp, types.intp), generate


@_intrinsic
def prefetch(typing, address):  # type: ignore[no-untyped-def]
    """Have the cache line at an address brought nearer."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        # to read, to stay in all caches, data
        builder.call(hint, [builder.inttoptr(arguments[0], pointer), *(number(n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.intp), generate
