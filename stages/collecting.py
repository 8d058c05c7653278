"""Python's garbage collector, told what stays.

Importing and opening stages makes some 200,000 objects that live as long as the process. The collector looks
through all of them each time that there are a quarter more, which takes a run a third of a second.

Knows Python's collector. Does not know what stays.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile; Python looks for it afterwards."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@cache
def settled() -> None:
    """Most of what stays is there: it is not looked through again. Once in a process, since the garbage of
    that moment stays too."""
    gc.freeze()
