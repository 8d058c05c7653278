"""The files of one repository that may state the licence of others, and to which documents they go.

Their texts lie in a temporary file, so a tree with thousands of packages takes no more memory than one with
a single licence. Which names count and for whom they speak is said in ``stages.licenses.names``.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Self

from stages.base import MIB
from stages.licenses.names import Notices, excerpt
from stages.read.charset import to_utf8

#: Bytes of a notice that are looked at; ``excerpt`` keeps fewer.
LOOKED_AT = MIB
#: Most bytes of the notices of one document, the nearest first; those after are left out.
MOST = 512 << 10
_IN_MEMORY = 4 * MIB
_CACHED = 8 * MIB


class NoticeTexts:
    """Collects the notices of a tree by ``add``; then ``of`` gives those of a path. A context manager."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, tuple[int, int]] = {}
        self._known: dict[bytes, tuple[int, int]] = {}  # equal texts are stored once
        self._end = 0
        self._cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._cached = 0
        self._notices: Notices | None = None
        self._last: tuple[tuple[str, ...], Sequence[tuple[str, bytes]]] = ((), ())
        self._prefix = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, path: str, data: bytes) -> None:
        """A notice; the last one of a path counts."""
        if b"\0" in data[:1024] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return
        self.add_text(path, excerpt(path, to_utf8(data[:LOOKED_AT])[0].decode()).encode())

    def add_text(self, path: str, text: bytes) -> None:
        """As ``add``, of what is kept of a notice (UTF-8)."""
        digest = blake2b(text, digest_size=16).digest()
        if (place := self._known.get(digest)) is None:
            place = self._known[digest] = (self._end, len(text))
            self._file.write(text)
            self._end += len(text)
        self._places[path] = place

    def close(self, prefix: str = "") -> None:
        """All are there. ``prefix`` is what paths have in common and documents do not have."""
        self._prefix = prefix
        self._notices = Notices(path.removeprefix(prefix) for path in self._places)

    def of(self, path: str) -> Sequence[tuple[str, bytes]]:
        """Path and text of each notice that may speak for a file, the nearest first."""
        assert self._notices is not None
        names = self._notices.of(path)
        if names == self._last[0]:
            return self._last[1]
        found: list[tuple[str, bytes]] = []
        size = 0
        for name in names:
            place = self._places[self._prefix + name]
            size += place[1]
            if size > MOST and found:
                break
            found.append((name, self._text(place)))
        self._last = (names, found)
        return found

    def _text(self, place: tuple[int, int]) -> bytes:
        if place in self._cache:
            self._cache.move_to_end(place)
            return self._cache[place]
        self._file.seek(place[0])
        text = self._file.read(place[1])
        self._file.seek(0, 2)
        self._cache[place] = text
        self._cached += len(text)
        while self._cached > _CACHED and len(self._cache) > 1:
            self._cached -= len(self._cache.popitem(last=False)[1])
        return text
