"""Shell patterns over paths: ``*``, ``?`` and ``[…]`` within a segment, ``**`` as a segment for any number.

Knows strings only: no file system, no S3. Names that start with a dot are names like any other.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

#: Characters that make a path a pattern.
MAGIC = re.compile(r"[*?\[]")


class Glob:
    """A pattern over path segments, as an automaton, so that a walk can skip directories that cannot match.

    A state is the number of pattern segments matched so far; several can hold at once because of ``**``.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        if segments and segments[-1] == "**":
            segments = [
                *segments,
                "*",
            ]  # ** matches files below a directory, not a file in place of the directory
        self._segments = [None if s == "**" else re.compile(fnmatch.translate(s)) for s in segments]
        self.start = self._closed({0})

    def _closed(self, states: set[int]) -> frozenset[int]:
        for state in sorted(states):
            while state < len(self._segments) and self._segments[state] is None:
                state += 1
                states.add(state)
        return frozenset(states)

    def step(self, states: frozenset[int], name: str) -> frozenset[int]:
        """States after one more path segment; empty if nothing below can match."""
        after = set()
        for state in states:
            if state < len(self._segments):
                segment = self._segments[state]
                if segment is None:
                    after.add(state)
                elif segment.match(name):
                    after.add(state + 1)
        return self._closed(after)

    def accepts(self, states: frozenset[int]) -> bool:
        """Whether a file whose last segment led to ``states`` matches."""
        return len(self._segments) in states


def split_pattern(pattern: str, exists: Callable[[str], bool]) -> tuple[str, Glob | None]:
    """The leading directory without wildcards (with its slash), and the rest as a pattern (None if there is
    none).

    A name that ``exists`` as it is spelt is not a pattern: brackets are common in names of directories.
    """
    segments = pattern.split("/")
    for index, segment in enumerate(segments):
        if MAGIC.search(segment) and not exists("/".join(segments[: index + 1])):
            return "".join(f"{part}/" for part in segments[:index]), Glob(segments[index:])
    return pattern, None
