"""Parses one member of a WARC file at a time, strictly: reports every fault, and finds the next record.

It knows how records lie in a member. It does not know what comes before or after the member.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Generator

from fastwarc.warc import HeaderMap

from stages.files.members import (
    Cut,
    Damaged,
    Decoder,
    Member,
    skip_padding,
)
from stages.files.source import Source
from stages.read.captures import KINDS, Capture, capture, kind_of
from stages.read.damage import Damage
from stages.read.http_message import MAX_HEADER
from stages.read.starts import RECORD_START, find_record


class _BadRecord(Exception):
    """The member does not contain a record here. ``tail`` was read and may hold the start of the next record.

    ``cut``: it is the beginning of a record, and the member ends inside it.
    """

    def __init__(self, detail: str, url: str | None = None, tail: bytes = b"", cut: bool = False) -> None:
        super().__init__(detail)
        self.url = url
        self.tail = tail
        self.cut = cut


def careful(
    source: Source, offset: int, decoder: Decoder, cap: int, wanted: Collection[str], skip: int
) -> Generator[Capture | Damage, None, int]:
    """The member at ``offset`` (one record of a plain file), without its first ``skip`` captures.

    ``cap`` and ``wanted`` are as for ``records.captures``. Returns the offset where the next member starts.
    """
    plain = decoder.codec == "plain"
    begin = offset  # of the record, about
    try:
        text = _Text(Member(source, offset, decoder))
        text.skip_blank_lines()
        while not text.at_end():
            begin = offset + text.position if plain else text.place()
            try:
                found = text.record(begin if plain else offset, cap, wanted)
            except _BadRecord as bad:
                if plain:
                    end = find_record(source, begin + 1, decoder)
                    cut = bad.cut and end == source.size
                    what = f"bytes {begin}-{end}: {bad}"
                    yield Damage(begin, "bad_record", what, bad.url, end - begin, cut)
                    return end
                what = f"record {text.records} of the member: {bad}"
                failure = text.find_next(bad.tail)
                end = text.place()
                cut = (
                    bad.cut
                    and failure is None
                    and text.at_end()
                    and skip_padding(source, end, decoder.codec) == source.size
                )
                yield Damage(offset, "bad_record", what, bad.url, end - begin, cut)
                if failure is not None:
                    begin = end
                    raise failure from None
                continue
            if found is not None:
                skip -= 1
                if skip < 0:
                    yield found
            if plain:
                return offset + text.position
    except Damaged as damage:
        end = find_record(source, offset + 1, decoder)
        cut = isinstance(damage, Cut) and end == source.size
        what = f"bytes {offset}-{end}: {damage}"
        yield Damage(offset, "damaged_member", what, None, max(end - begin, 0), cut)
        return end
    assert text.member.end is not None  # at_end() was true
    return text.member.end


class _Text:
    """The decompressed content of one member, as far as it is read."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.position = 0  # decompressed bytes taken so far
        self.records = 0  # records begun
        self._buffer = bytearray()
        self._given = 0  # decompressed bytes that the member gave
        self._start = member.consumed

    def place(self) -> int:
        """Approximate offset of the next byte in the file; exact at both ends of the member."""
        consumed, ahead = self.member.consumed, len(self._buffer) + self.member.ahead
        given = self._given + self.member.ahead
        return consumed - round((min(ahead / given, 1.0) if given else 1.0) * (consumed - self._start))

    def _fill(self, size: int) -> bool:
        while len(self._buffer) < size:
            piece = self.member.read(max(size - len(self._buffer), 4096))
            if not piece:
                return False
            self._buffer += piece
            self._given += len(piece)
        return True

    def _take(self, size: int) -> bytes:
        self._fill(size)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self.position += len(taken)
        return taken

    def at_end(self) -> bool:
        """Whether all of the member was taken (and its checksum verified)."""
        return not self._fill(1)

    def skip_blank_lines(self) -> None:
        """Skip the blank lines between two records."""
        while self._fill(1) and self._buffer[0] in b"\r\n":
            self._take(1)

    def find_next(self, tail: bytes) -> Damaged | None:
        """Go to the next start of a record, which may be in ``tail``, or to the end of the member, or to a
        damage in the member, which is then returned."""
        self._buffer[:0] = tail[1:]  # do not search the same place again
        try:
            while True:
                more = self._fill(len(self._buffer) + 4096)
                match = RECORD_START.search(self._buffer)
                if match:
                    self._take(match.start())
                    return None
                # A record start may extend beyond the bytes read so far.
                self._take(len(self._buffer) - 64 if more else len(self._buffer))
                if not more:
                    return None
        except Damaged as damage:
            return damage

    def record(self, offset: int, cap: int, wanted: Collection[str]) -> Capture | None:
        """The next record: a capture, or None if it is of another type.

        Raises:
            _BadRecord: It is not a record, or does not end where its length says.
        """
        self.records += 1
        head = self._header()
        fields = HeaderMap()
        try:
            fields.parse(io.BytesIO(head), True)
        except OSError as error:
            raise _BadRecord(f"header: {error}", tail=head) from None
        url = fields.get("WARC-Target-URI")
        said = (fields.get("Content-Length") or "").strip()
        if not re.fullmatch(r"[0-9]{1,18}", said):
            raise _BadRecord(f"Content-Length is {said[:32]!r}", url, head)
        length = int(said)
        # Only the start of an overlong page is kept, because its payload would not be used.
        block = self._take(length if length <= cap + MAX_HEADER else MAX_HEADER)
        taken = len(block) + self._skip(length - len(block))
        if taken < length:
            what = f"Content-Length is {length}, but only {taken} bytes follow"
            raise _BadRecord(what, url, block, cut=True)
        # A line end or the end of the member has to follow; checking this also reads the checksum after it.
        if self._fill(1) and self._buffer[0] not in b"\r\n":
            raise _BadRecord(f"Content-Length is {length}, but the block does not end there", url, block)
        self.skip_blank_lines()
        kind = kind_of(fields.get)
        if not kind:
            raise _BadRecord("no WARC-Type", url)
        if kind not in KINDS:
            return None
        content = io.BytesIO(block) if kind in wanted else None
        return capture(fields.get, kind, offset, length, content, cap)

    def _header(self) -> bytes:
        size = 512
        while True:
            more = self._fill(size)
            match = re.search(rb"\r?\n\r?\n", self._buffer)
            if match:
                head = self._take(match.end())
                break
            if not more or size > MAX_HEADER:
                cut = not more and self._buffer.startswith((b"WARC/", b"WARC/"[: len(self._buffer)]))
                raise _BadRecord("no header block ends within the limit", tail=self._take(size), cut=cut)
            size *= 2
        if not head.startswith(b"WARC/"):
            raise _BadRecord(f"no record starts here but {head[:24]!r}", tail=head)
        return re.sub(rb"\r?\n", b"\r\n", head)

    def _skip(self, size: int) -> int:
        skipped = 0
        while skipped < size and (piece := self._take(min(size - skipped, MAX_HEADER))):
            skipped += len(piece)
        return skipped
