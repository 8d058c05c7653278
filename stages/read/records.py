"""Response records of a WARC file, in file order, and every damage on the way.

It knows how records lie in members, and which of two parsers to trust. It knows nothing of
documents: what a capture is worth is judged by ``payload`` and ``warc``.

Primer. fastwarc is quick and stops for good at the first fault; sometimes it stops in silence (a
cut tail, an empty member), and a Content-Length that is too large makes it swallow the records that
follow. So it is believed only as far as it can be checked:

1. *Fast*: fastwarc runs. A capture is held back until the next one has been seen, because only
   then was the checksum behind it read. A capture whose block left its member, or is shorter than
   it should be, is not believed.
2. At any fault, and always at the end of the file, the *careful* reader starts at the first member
   that is not confirmed. It decompresses one member at a time, parses it strictly, reports what is
   wrong, and finds the next record.
3. After a clean member fastwarc gets the next one; if that brought nothing, the careful reader goes on
   for twice as many members before it asks again, so that no file makes the two take turns for long.

Every byte between the first record and the end of the file is thus part of a confirmed member, or of
a reported damage.
"""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

from fastwarc.stream_io import GzipReader, ZstdReader
from fastwarc.warc import ArchiveIterator, HeaderMap, WarcRecord, WarcRecordType

from stages.read.members import (
    RECORD_START,
    Codec,
    Cut,
    Damaged,
    Decoder,
    Member,
    check_window,
    find_record,
    skip_padding,
    sniff,
)
from stages.read.source import Source

#: Longest header block of a record or an HTTP message that is believed to be one.
MAX_HEADER = 64 << 10
#: How far into a file the first record is looked for where the file does not start with one.
_SEARCH = 1 << 20
_CONTENT_LENGTH = re.compile(rb"(?im)^Content-Length[ \t]*:[^\r\n]*")


class Capture(NamedTuple):
    """A response record: what its headers say, and the payload as stored."""

    offset: int  # of the record's member in the compressed file (of the record in a plain one)
    record: str | None  # WARC-Record-ID without <>
    url: str | None
    date: str | None
    digest: str  # WARC-Payload-Digest
    truncated: str | None  # WARC-Truncated
    media: str  # Content-Type of the record: application/http for a page
    http: bool  # the block is an HTTP message that could be parsed
    status_line: str
    status: int | None
    content_type: str | None
    content_encoding: str
    transfer_encoding: str
    length: int  # of the payload as stored, in bytes
    body: bytes | None  # None: not read, because the status is not 200 or it is longer than allowed


class Damage(NamedTuple):
    """A stretch of the file that gave nothing."""

    offset: int  # where it starts, in the file as stored
    reason: str  # damaged_member or bad_record
    detail: str
    url: str | None = None
    lost: int = 0  # bytes of the file that gave nothing; an estimate inside a member of many records
    cut: bool = False  # the file ends inside it


def captures(source: Source, cap: int, fast: bool = True, memory: int = 0) -> Iterator[Capture | Damage]:
    """All response records of ``source`` and all its damages, by offset.

    Args:
        source: A WARC file or part of one that starts at a record; gzip, zstd or plain.
        cap: Longest payload in bytes that is read.
        fast: Whether fastwarc goes first. Not worth it for a single record.
        memory: Bytes that the input may take beyond what readers declare.

    Raises:
        ValueError: Nothing in the first MiB looks like the start of a record.
        MoreMemory: A zstd frame needs more.
    """
    first = source.read_exactly(0, _SEARCH)
    codec = sniff(first)
    if codec is None:
        # A file whose first member is damaged in its first bytes is still a WARC file.
        candidates: tuple[Codec, ...] = ("gzip", "zstd", "plain")
        start, codec = min(
            (find_record(source, 0, Decoder(one), min(_SEARCH, source.size)), one) for one in candidates
        )
        if start >= min(_SEARCH, source.size):
            what = "is empty" if not first else f"starts with {first[:16]!r}"
            raise ValueError(f"not a WARC file: it {what}, and no record starts in its first MiB")
        what = f"bytes 0-{start}: no {codec} member starts here"
        yield Damage(0, "damaged_member", what, lost=start)
        offset = start
        decoder = Decoder(codec)
    else:
        try:
            decoder = Decoder.of(source, codec)
        except Damaged as damage:
            what = f"bytes 0-{source.size}: {damage}"
            yield Damage(0, "damaged_member", what, lost=source.size, cut=isinstance(damage, Cut))
            return
        offset = len(decoder.dictionary)

    emitted = 0  # captures of the member at ``offset`` that are out already
    careful = 0  # members for the careful reader before fastwarc is asked again
    patience = 1
    while (offset := skip_padding(source, offset, codec)) < source.size:
        if fast and careful == 0:
            start = offset
            offset, emitted = yield from _fast(source, offset, decoder, cap)
            patience = 1 if offset > start else 2 * patience
            careful = patience
        if offset < source.size:
            check_window(source, offset, codec, memory)
            offset = yield from _careful(source, offset, decoder, cap, emitted)
            emitted = 0
            careful = max(careful - 1, 0)


def _fast(
    source: Source, offset: int, decoder: Decoder, cap: int
) -> Generator[Capture | Damage, None, tuple[int, int]]:
    """fastwarc from ``offset`` on.

    Returns the offset of the first member that is not confirmed, and how many captures it gave already.
    """
    prefix = decoder.dictionary if offset > len(decoder.dictionary) else b""
    start = 0 if decoder.dictionary and not prefix else offset
    stream = source.stream(start, prefix)
    shift = start - len(prefix)
    # The readers know where the current member starts; ``stream_pos`` is only exact without them.
    reader = {"gzip": GzipReader, "zstd": ZstdReader}.get(decoder.codec)
    members = reader(stream) if reader else None
    held: Capture | None = None
    emitted = 0
    try:
        for record in ArchiveIterator(
            members or stream, record_types=WarcRecordType.response, parse_http=False
        ):
            position = members.frame_start_position() if members else record.stream_pos
            if position is None:
                break
            position += shift
            if held is not None:
                yield held
                emitted = emitted + 1 if held.offset == position else 0
                held = None
            offset = position
            capture = _capture(record, offset, cap)
            if source.error is not None:
                raise source.error
            short = capture.body is not None and len(capture.body) != capture.length
            if short or (members and members.frame_start_position() != position - shift):
                break
            held = capture
    except OSError:
        if source.error is not None:
            raise source.error from None
    return offset, emitted


def _capture(record: WarcRecord, offset: int, cap: int) -> Capture:
    """The fields of ``record``; its payload is read."""
    header = record.headers.get
    status_line, status, content_type = "", None, None
    content_encoding = transfer_encoding = ""
    length = record.content_length
    http = record.is_http
    if http:
        try:
            record.parse_http(max_header_len=MAX_HEADER)
        except OSError:
            http = False
            status_line = "header block too long or damaged"
        else:
            length = record.content_length
            fields = record.http_headers
            status_line, status = (fields.status_line or "").strip(), fields.status_code
            http = status is not None
            content_type = fields.get("Content-Type")
            content_encoding = fields.get("Content-Encoding") or ""
            transfer_encoding = fields.get("Transfer-Encoding") or ""
    name = record.record_id
    url = header("WARC-Target-URI")
    return Capture(
        offset,
        name.strip("<> \t") if name else None,
        url.strip("<> \t") if url else None,
        header("WARC-Date"),
        header("WARC-Payload-Digest") or "",
        header("WARC-Truncated"),
        header("Content-Type") or "",
        http,
        status_line,
        status,
        content_type,
        content_encoding,
        transfer_encoding,
        length,
        record.reader.read() if http and status == 200 and length <= cap else None,
    )


class _BadRecord(Exception):
    """What stands in the member is no record. ``tail`` was read and may hold the start of the next.

    ``cut``: it is the beginning of a record, and the member ends inside it.
    """

    def __init__(self, detail: str, url: str | None = None, tail: bytes = b"", cut: bool = False) -> None:
        super().__init__(detail)
        self.url = url
        self.tail = tail
        self.cut = cut


def _careful(
    source: Source, offset: int, decoder: Decoder, cap: int, skip: int
) -> Generator[Capture | Damage, None, int]:
    """The member at ``offset`` (one record of a plain file), less its first ``skip`` captures.

    Returns the offset where the next member starts.
    """
    plain = decoder.codec == "plain"
    begin = offset  # of the record, about
    try:
        text = _Text(Member(source, offset, decoder))
        text.skip_blank_lines()
        while not text.at_end():
            begin = offset + text.position if plain else text.place()
            try:
                capture = text.record(begin if plain else offset, cap)
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
            if capture is not None:
                skip -= 1
                if skip < 0:
                    yield capture
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
    """The decompressed content of one member, as far as it is looked at."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.position = 0  # decompressed bytes taken so far
        self.records = 0  # records begun
        self._buffer = bytearray()
        self._given = 0  # decompressed bytes that the member gave
        self._start = member.consumed

    def place(self) -> int:
        """About where in the file the next byte lies; exact at both ends of the member."""
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
        """What stands between two records."""
        while self._fill(1) and self._buffer[0] in b"\r\n":
            self._take(1)

    def find_next(self, tail: bytes) -> Damaged | None:
        """Go to the next start of a record, which may be in ``tail``, or to the end of the member, or to
        what is returned: where the member is damaged."""
        self._buffer[:0] = tail[1:]  # not where it was looked for already
        try:
            while True:
                more = self._fill(len(self._buffer) + 4096)
                match = RECORD_START.search(self._buffer)
                if match:
                    self._take(match.start())
                    return None
                # A start may lie across the end of what is here.
                self._take(len(self._buffer) - 64 if more else len(self._buffer))
                if not more:
                    return None
        except Damaged as damage:
            return damage

    def record(self, offset: int, cap: int) -> Capture | None:
        """The next record: a capture, or None if it is no response.

        Raises:
            _BadRecord: It is no record, or ends elsewhere than it says.
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
        keep = length <= cap + MAX_HEADER
        block = self._take(length if keep else MAX_HEADER)
        taken = len(block) if keep else len(block) + self._skip(length - MAX_HEADER)
        if taken < length:
            what = f"Content-Length is {length}, but only {taken} bytes follow"
            raise _BadRecord(what, url, block, cut=True)
        # A line end or the end of the member has to follow: looking also reads the checksum behind it.
        if self._fill(1) and self._buffer[0] not in b"\r\n":
            raise _BadRecord(f"Content-Length is {length}, but the block does not end there", url, block)
        self.skip_blank_lines()
        if (fields.get("WARC-Type") or "").strip().lower() != "response":
            return None
        if not keep:
            # Only the start of an overlong page is parsed: its payload would not be used.
            head = _CONTENT_LENGTH.sub(b"Content-Length: %d" % len(block), head)
        try:
            capture = _capture(WarcRecord.from_bytes(head + block + b"\r\n\r\n"), offset, cap)
        except OSError as error:
            raise _BadRecord(f"header: {error}", url) from None
        if not keep:
            capture = capture._replace(length=capture.length + length - len(block), body=None)
        return capture

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
