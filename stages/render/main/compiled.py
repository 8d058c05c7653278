"""Loops as machine code: the one module that knows Numba.

A page is small: what takes long are not its numbers, but hundreds of calls of NumPy for a few of them each.
A loop over blocks is one call. What is ``compiled`` gets arrays and numbers only, always of the same types, and
computes in the order in which it is written (no "fast" mathematics), so results do not depend on the processor.

The first call in a fresh installation compiles, which takes seconds; the machine code is then kept beside the
module, or in the user's cache directory, and later processes load it. Where there is neither, every process
compiles anew. Kept code is out of date when its own module has changed, and only then: so whatever a compiled
function calls or takes a constant from is to be in the same module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Decorates a function of arrays and numbers."""
    try:
        return numba.njit(function, cache=True, error_model="numpy")  # type: ignore[no-any-return]
    except RuntimeError:  # no directory that can be written to
        return numba.njit(function, error_model="numpy")  # type: ignore[no-any-return]
