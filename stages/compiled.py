"""How the loops of stages (kernels) are compiled to machine code and cached on disk.

The first call in a fresh installation compiles, which takes seconds; later processes load the cache beside
the modules, or in the user's cache directory. If neither can be written to (a read-only container), every
process compiles anew. If several processes need the same loop, as the workers of a run do at its start, one
compiles and the others wait for it. Kernels compute in the order in which they are written on every
processor: "fast" mathematics is off. A kernel that others call is compiled with each of them (``parts``), and
on its own only if Python calls it too.

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

from stages import parts

#: The package whose kernels may be called by kernels of any other package.
_SHARED = Path(__file__).parent / "text"


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
    """Where a kernel is kept. None if no such place can be written to."""
    try:
        return Path(kernel._cache.cache_path)
    except AttributeError:
        return None


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    # no rewriting of array expressions, of which loops have none, and no entry for callers in C
    options |= {"nogil": True, "error_model": "numpy", "no_rewrites": True, "no_cfunc_wrapper": True}
    try:
        kernel: Any = numba.njit(cache=True, pipeline_class=parts.WholeCompiler, **options)(function)
        # Numba checks the date of one file only, but a kernel contains code and constants of others
        kernel._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename).parent)
        lock = Path(kernel._cache.cache_path) / f"{function.__module__}.lock"
        # Numba calls this for types that it has not compiled yet, and looks on disk first
        compile_or_load, compile_part = kernel.compile, parts.compile_as_part(kernel)

        def compile_alone(signature: Any) -> Any:
            signature = _plain(signature)
            if compile_part(signature):
                return None
            with alone(lock):
                return compile_or_load(signature)

        kernel.compile = compile_alone
    except (RuntimeError, AttributeError):
        kernel = numba.njit(**options)(function)
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
        fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(lock)
        try:
            yield
        finally:
            _held.remove(lock)


@cache
def _stamp(package: Path) -> str:
    """A stamp of all the code of a package, of ``stages.text``, and of what compiles it. Kernels must not
    call those of other packages, whose changes it would not notice."""
    compilers = (Path(__file__), Path(parts.__file__))
    sources = [*compilers, *sorted(_SHARED.glob("*.py")), *sorted(package.glob("*.py"))]
    return blake2b(b"\0".join(source.read_bytes() for source in sources), digest_size=16).hexdigest()
