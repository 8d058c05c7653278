"""Loops as machine code: the one module that knows Numba.

A page is small: what takes long is not its numbers, but hundreds of calls of NumPy for a few of them each. A
loop over blocks is one call. What is ``compiled`` gets arrays and numbers only, always of the same types, and
computes in the order in which it is written (no "fast" mathematics), whatever the processor.

The first call in a fresh installation compiles, which takes seconds; the machine code is then kept beside the
module, or in the user's cache directory, and later processes load it. Where neither can be written to, every
process compiles anew. Kept code is out of date when its own module has changed, and only then: so whatever a
compiled function calls, or takes a constant from, has to be in the same module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Decorates a function of arrays and numbers; division by zero gives infinity, as in NumPy."""
    result: _Function
    try:
        result = numba.njit(function, cache=True, error_model="numpy")
    except RuntimeError:  # no directory for the machine code
        result = numba.njit(function, error_model="numpy")
    return result
