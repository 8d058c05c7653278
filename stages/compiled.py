"""Loops as machine code, kept on disk: how kernels of stages are compiled.

The first call in a fresh installation compiles, which takes seconds; later processes load what is kept
beside the modules, or in the user's cache directory. Where neither can be written to (a read-only
container), every process compiles anew. Of several processes that need the same loop, one compiles and the
others wait for it: the workers of a run all begin at once. Kernels compute in the order in which they are
written, whatever the processor: there is no "fast" mathematics.

Knows Numba's cache. Does not know what kernels compute.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba

#: The package whose kernels those of any other may call.
_SHARED = Path(__file__).parent / "text"


def compiled(function: Callable[..., Any]) -> Any:
    """Decorates a function of arrays and numbers. It runs without the interpreter's lock; division by zero
    gives infinity, as in NumPy."""
    return _compile(function)


def inlined(function: Callable[..., Any]) -> Any:
    """``compiled``, and part of its callers: for what is small and called for every byte."""
    return _compile(function, forceinline=True)


def lean(function: Callable[..., Any]) -> Any:
    """``compiled``, for what makes no arrays: callers give all that is written to. Numba need not count
    references then, which costs a small function called for every word ten times what it does itself."""
    return _compile(function, _nrt=False)


def lean_inlined(function: Callable[..., Any]) -> Any:
    """``lean``, and part of its callers."""
    return _compile(function, _nrt=False, forceinline=True)


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        kernel: Any = numba.njit(cache=True, **options)(function)
        # Numba looks at the date of the one file; a kernel has parts and constants of others in it
        kernel._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename).parent)
        lock = Path(kernel._cache.cache_path) / f"{function.__module__}.lock"
        # Numba calls this for types that it has not met, and looks on disk first
        compile_or_load = kernel.compile

        def compile_alone(signature: Any) -> Any:
            with _alone(lock):
                return compile_or_load(signature)

        kernel.compile = compile_alone
    except (RuntimeError, AttributeError):
        kernel = numba.njit(**options)(function)
    return kernel


#: Locks that this process has: a loop may call others of its module, whose compilation is part of its own.
_held: set[Path] = set()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process has this lock, and have it. Modules that call each other's loops do so in
    one direction, so that no two processes wait for each other."""
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
        fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(lock)
        try:
            yield
        finally:
            _held.remove(lock)


@cache
def _stamp(package: Path) -> str:
    """Of all the code of a package, of ``stages.text``, and of this module. Kernels call those of no other
    package, whose changes it would not see."""
    sources = [Path(__file__), *sorted(_SHARED.glob("*.py")), *sorted(package.glob("*.py"))]
    return blake2b(b"\0".join(source.read_bytes() for source in sources), digest_size=16).hexdigest()
