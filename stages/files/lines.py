"""Lines of a text file that may be compressed, in bounded memory, up to its first damage.

It knows compression and line ends. It knows nothing of what a line says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stages.files.members import (
    Damaged,
    Decoder,
    Member,
    NoMember,
    check_window,
    is_cut_magic,
    skip_padding,
    sniff,
)
from stages.files.source import Source

_PIECE = 256 << 10


class Line(NamedTuple):
    """One line without its end."""

    number: int  # from 1
    offset: int  # of its first byte in the decompressed text
    data: bytes | None  # None: longer than allowed
    zeros: int = 0  # bytes of it that are zero, as none of a text is


class Break(NamedTuple):
    """The compressed file is damaged: what follows its last line cannot be read."""

    number: int  # of the first line that is lost
    offset: int  # of the damaged member in the file
    detail: str
    read: int  # bytes of the file up to which it was decompressed
    whole: bool  # all members are whole; what follows the last is none


def lines(source: Source, cap: int, memory: int = 0) -> Iterator[Line | Break]:
    """All lines; those longer than ``cap`` bytes come without their data. They end at the first damage.

    Plain, gzip and zstd (also of several members) are told apart by their first bytes.

    Raises:
        MoreMemory: A zstd frame needs more than readers declare, and than ``memory`` bytes.
    """
    codec = sniff(source.read_exactly(0, 8)) or "plain"
    if codec == "plain" and is_cut_magic(source.read_exactly(0, 4)):
        yield Break(1, 0, "the file ends in its first bytes", source.size, whole=False)
        return
    try:
        decoder = Decoder.of(source, codec)
    except Damaged as damage:
        yield Break(1, 0, str(damage), 0, whole=False)
        return
    number, start = 1, 0
    buffer = bytearray()
    overlong = 0  # bytes dropped of a line that is too long
    zeros = 0
    offset = len(decoder.dictionary)
    while (offset := skip_padding(source, offset, codec)) < source.size:
        member = None
        try:
            check_window(source, offset, codec, memory)
            member = Member(source, offset, decoder)
            while piece := member.read(_PIECE):
                buffer += piece
                begin = 0
                with memoryview(buffer) as view:
                    while (end := buffer.find(b"\n", begin)) >= 0:
                        length = overlong + end - begin
                        zeros += buffer.count(0, begin, end)
                        data = bytes(view[begin:end]) if length <= cap else None
                        yield Line(number, start, data, zeros)
                        number, start, begin, overlong = number + 1, start + length + 1, end + 1, 0
                        zeros = 0
                del buffer[:begin]
                if overlong + len(buffer) > cap:
                    zeros += buffer.count(0)
                    overlong += len(buffer)
                    buffer.clear()
        except Damaged as damage:
            read = member.consumed if member else offset
            whole = isinstance(damage, NoMember) and offset > 0
            yield Break(number, offset, f"member at byte {offset}: {damage}", read, whole)
            return
        assert member.end is not None
        offset = member.end
    if buffer or overlong:
        data = bytes(buffer) if overlong + len(buffer) <= cap else None
        yield Line(number, start, data, zeros + buffer.count(0))
