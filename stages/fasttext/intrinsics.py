"""Two LLVM instructions that Numba does not offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending, types

_intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic


@_intrinsic
def load_float(typing, address, index):  # type: ignore[no-untyped-def]
    """The float32 number ``index`` after an address that need not be a multiple of four."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        base = builder.inttoptr(arguments[0], ir.FloatType().as_pointer())
        return builder.load(builder.gep(base, [arguments[1]]), align=1)

    return types.float32(types.intp, types.intp), generate


@_intrinsic
def prefetch(typing, address):  # type: ignore[no-untyped-def]
    """Prefetch the cache line at an address."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        # for reading, to keep in all caches, data cache
        builder.call(hint, [builder.inttoptr(arguments[0], pointer), *(number(n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.intp), generate
