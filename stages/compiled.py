"""How the loops of stages (kernels) are compiled to machine code and cached on disk.

The first call in a fresh installation compiles, which takes seconds; later processes load what is kept
(``kept``). If it can be kept nowhere, every process compiles anew. If several processes need the same loop,
as the workers of a run do at its start, one compiles and the others wait for it. Kernels compute in the order
in which they are written on every processor: "fast" mathematics is off. A kernel that others call is compiled
with each of them (``parts``), and on its own only if Python calls it too.

Knows Numba's options and types. Does not know what kernels compute, nor where they are kept.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numba

from stages import parts
from stages.cached import Cache


def compiled(function: Callable[..., Any]) -> Any:
    """Decorates a function of arrays and numbers that makes no arrays: callers provide all outputs. It runs
    without the interpreter's lock; division by zero gives infinity, as in NumPy. Numba does not count
    references in it, which would take ten times the time of a small function that is called for every word,
    and a tenth more to compile."""
    return _compile(function, _nrt=False)


def inlined(function: Callable[..., Any]) -> Any:
    """``compiled``, and inlined in its callers: for small functions that are called for every byte."""
    return _compile(function, _nrt=False, forceinline=True)


def allocating(function: Callable[..., Any]) -> Any:
    """``compiled``, for functions that make arrays."""
    return _compile(function)


def directory(kernel: Any) -> Path | None:
    """Where a kernel is kept. None if it is not: Numba is switched off, or its source is no file."""
    path = kernel._cache.cache_path if hasattr(kernel, "_cache") else None
    return Path(path) if path else None


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    # no rewriting of array expressions, of which loops have none, and no entry for callers in C
    options |= {"nogil": True, "error_model": "numpy", "no_rewrites": True, "no_cfunc_wrapper": True}
    kernel: Any = numba.njit(pipeline_class=parts.WholeCompiler, **options)(function)
    if kernel is function:
        return kernel  # Numba is switched off
    with suppress(RuntimeError):
        kernel._cache = Cache(function)
    place = directory(kernel)
    lock = place / f"{function.__module__}.lock" if place else None
    # Numba calls this for types that it has not compiled yet, and looks on disk first
    compile_or_load, compile_part = kernel.compile, parts.compile_as_part(kernel)

    def compile_alone(signature: Any) -> Any:
        signature = _plain(signature)
        if compile_part(signature):
            return None
        with alone(lock) if lock else nullcontext():
            return compile_or_load(signature)

    kernel.compile = compile_alone
    return kernel


def _plain(signature: tuple[Any, ...]) -> tuple[Any, ...]:
    """Types of arguments without what one function serves as well: Numba would compile a small function once
    for each literal number that it is called with, and again for 32 bits, which it computes in 64."""
    from numba import types

    unliteral: Any = types.unliteral
    plain = map(unliteral, signature)
    return tuple(types.int64 if kind == types.int32 else kind for kind in plain)


#: Locks that this process holds, perhaps in another thread.
_held: set[Path] = set()


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until no other process holds this lock, and take it; where there can be none, go on. Modules call
    each other's loops in one direction only, so no two processes wait for each other."""
    if lock in _held:
        yield
        return
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a")
    except OSError:
        yield
        return
    with file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(lock)
        try:
            yield
        finally:
            _held.remove(lock)
