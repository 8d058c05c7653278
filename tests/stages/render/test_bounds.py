"""Compiled loops touch no memory but that of their arrays.

Each array that the renderer makes for them is placed before a page of memory that nobody may read or write: in
a process of its own, which one byte too far would kill.
"""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from typing import Any

import numpy as np

PAGES = (
    "", "a", "<p>a", "<p>&", "<p>&amp", "<!--", "<!-- a -->", "<a href=", "<a href='x", "<script>", "</", "<style>p{",
    "<p>a <b>b</b> c&nbsp;d", "<a href=x>" + "y" * 40 + "</a>", "<table><tr><td>1<td>" + "z" * 70, "&amp;" * 20,
    "<ul><li>one<li>two", "<h2>title</h2><p>text with  two spaces and `code`", "<img alt='a picture' class=latex>",
    "<div class='a b c' style='display:none'>", "<select><option>x", "<svg><style>", "<math><mi>x", "é" * 31,
)  # fmt: skip
LENGTHS = (0, 1, 7, 20, 31, 32, 33)

_libc = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """NumPy, whose new arrays end where memory ends."""

    def __init__(self) -> None:
        self._kept: list[mmap.mmap] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = np.float64) -> Any:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if not size:
            return np.empty(shape, dtype)
        usable = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, usable + mmap.PAGESIZE)
        whole = np.frombuffer(memory, np.uint8)
        assert not _libc.mprotect(ctypes.c_void_p(whole.ctypes.data + usable), mmap.PAGESIZE, 0)
        self._kept.append(memory)
        return whole[usable - size : usable].view(dtype).reshape(shape)

    zeros = empty

    def frombuffer(self, data: bytes, dtype: Any) -> Any:
        array = self.empty(len(data) // np.dtype(dtype).itemsize, dtype)
        array[...] = np.frombuffer(data, dtype)
        array.flags.writeable = False
        return array

    def clear(self) -> None:
        """Gives up what was made."""
        self._kept.clear()


def main() -> None:
    from stages.render import byte_kernels, guards, layout, regular, render, scan

    guarded: Any = Guarded()
    for module in (byte_kernels, guards, layout, regular, scan):
        module.np = guarded  # type: ignore[attr-defined]
    for page in PAGES:
        for length in LENGTHS:
            render(page + "q" * length)
            render(page + " q" * length, content="main")
            guarded.clear()
    print("done")


def test_nothing_beyond_arrays_is_touched() -> None:
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-2000:]


if __name__ == "__main__":
    main()
