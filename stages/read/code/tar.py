"""Tar archives, entry by entry, with names as bytes and in bounded memory.

Of POSIX.1-1988 (ustar), POSIX.1-2001 (pax: path, size, comment) and GNU tar (long names) what archives of
source trees have; contents are read or passed over, and no name is ever used on this machine. Sources: pax(1)
of POSIX.1-2017, and the GNU tar manual, "Basic Tar Format".

Knows headers. Does not know compression, nor what files are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

_BLOCK = 512
#: Longest extended header or long name; GNU tar and git write some hundred bytes.
_LONGEST = 1 << 20
_KINDS = {
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "device",
    b"4": "device",
    b"5": "directory",
    b"6": "FIFO",
    b"S": "sparse file",
}
_FILES = frozenset({b"0", b"\0", b"7"})
_CHECKSUM = slice(148, 156)


class BadTar(Exception):
    """From here on it is no tar archive."""


class Stream(Protocol):
    """Bytes from the start to the end."""

    def take(self, size: int) -> bytes:
        """``size`` bytes, fewer only at the end."""
        ...

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; how many there were."""
        ...


class Header(NamedTuple):
    """One entry. ``kind`` is "file", or what it is instead."""

    name: bytes
    kind: str
    size: int
    mtime: int
    comment: str = ""  # of the archive: git writes the commit there


def entries(stream: Stream) -> Iterator[Header]:
    """The headers of all entries; whoever takes one reads or skips its ``size`` bytes and the padding after
    (``padded``) before the next.

    BadTar: it ends without its end mark, or a header's checksum is wrong.
    """
    comment = ""
    long_name: bytes | None = None
    extended: dict[bytes, bytes] = {}
    first = True
    while True:
        block = stream.take(_BLOCK)
        if block == bytes(_BLOCK):
            return
        if len(block) < _BLOCK:
            raise BadTar("it ends without its end mark" if not first else "it has no entry")
        size = _checked(block)
        first = False
        type_ = block[156:157]
        if type_ in (b"x", b"g", b"L", b"K"):
            if size > _LONGEST:
                raise BadTar(f"an extended header of {size} bytes")
            data = stream.take(padded(size))
            if len(data) < padded(size):
                raise BadTar("it ends inside an extended header")
            if type_ == b"L":
                long_name = data[:size].rstrip(b"\0")
            elif type_ == b"x":
                extended = _records(data[:size])
            elif type_ == b"g":
                comment = _records(data[:size]).get(b"comment", b"").decode("ascii", "replace") or comment
            continue
        name = extended.get(b"path") or long_name or _name(block)
        if b"size" in extended:
            size = _decimal(extended[b"size"])
        kind = "file" if type_ in _FILES else _KINDS.get(type_, f"an entry of type {type_!r}")
        if type_ == b"\0" and name.endswith(b"/"):
            kind = "directory"  # of archives older than POSIX
        if type_ != b"S" and kind in ("hard link", "symbolic link", "device", "directory", "FIFO"):
            size = 0  # POSIX: nothing is stored, whatever the header says
        mtime = 0
        with suppress(BadTar):
            mtime = _number(block[136:148])
        yield Header(name, kind, size, mtime, comment)
        long_name, extended = None, {}


def padded(size: int) -> int:
    """Bytes that a content of ``size`` takes."""
    return -(-size // _BLOCK) * _BLOCK


def _checked(block: bytes) -> int:
    """The size in a header whose checksum is right."""
    stated = _number(block[_CHECKSUM])
    # the field counts as blanks; some old programs added signed bytes
    rest = block[:148] + b" " * 8 + block[156:]
    if stated not in (sum(rest), sum(rest) - 256 * sum(byte > 127 for byte in rest)):
        raise BadTar("a header has a wrong checksum")
    return _number(block[124:136])


def _number(field: bytes) -> int:
    """Octal digits, or (GNU) base 256."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.replace(b"\0", b" ").split()
    try:
        return int(digits[0], 8) if digits else 0
    except ValueError:
        raise BadTar(f"a header has no number but {field!r}") from None


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise BadTar(f"an extended header has the size {value[:40]!r}")
    return int(value)


def _name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0":
        prefix = block[345:500].partition(b"\0")[0]
        return prefix + b"/" + name if prefix else name
    return name


def _records(data: bytes) -> dict[bytes, bytes]:
    """Records ``length key=value`` of an extended header."""
    found = {}
    while data:
        digits, _, _ = data.partition(b" ")
        if not digits.isdigit() or not (len(digits) + 1 < int(digits) <= len(data)):
            raise BadTar("an extended header is damaged")
        record, data = data[len(digits) + 1 : int(digits)], data[int(digits) :]
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        found[key] = value
    return found
