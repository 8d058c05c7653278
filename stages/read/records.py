"""Response records of a WARC file, in file order, and every damage on the way.

It knows how records lie in members, and which of two parsers to trust. It does not know documents:
``payload`` and ``warc`` decide which captures become one.

Primer. fastwarc is fast, but stops at the first fault, sometimes silently (a cut tail, an empty member), and
if a Content-Length is too large it swallows the records that follow. So its results are used only as far as
they can be checked:

1. *Fast*: fastwarc runs. A capture is held back until the next one has been seen, because only then has the
   checksum after it been read. A capture whose block extends beyond its member, or is shorter than it should
   be, is not accepted.
2. At any fault, and always at the end of the file, the *careful* reader starts at the first member that is
   not confirmed. It decompresses one member at a time, parses it strictly, reports faults, and finds the next
   record.
3. After a clean member fastwarc tries the next one; if that fails, the careful reader goes on for twice as
   many members before fastwarc is tried again, so that no file makes the two alternate for long.

So every byte between the first record and the end of the file belongs to a confirmed member or to a reported
damage.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator

from fastwarc.stream_io import GzipReader, ZstdReader
from fastwarc.warc import ArchiveIterator, WarcRecordType

from stages.files.members import (
    Codec,
    Cut,
    Damaged,
    Decoder,
    Member,
    check_window,
    skip_padding,
    sniff,
)
from stages.files.source import Source
from stages.read.captures import KINDS, Capture, capture, kind_of
from stages.read.careful import careful
from stages.read.damage import Damage
from stages.read.starts import find_record

#: How far into a file the first record is searched for if the file does not start with one.
_SEARCH = 1 << 20
#: fastwarc's names for record types: those that may be captures, and the type of records whose type field it
#: did not recognise, because it knows only one spelling of the name.
_KINDS = {
    int(WarcRecordType.response): "response",
    int(WarcRecordType.resource): "resource",
    int(WarcRecordType.conversion): "conversion",
    int(WarcRecordType.unknown): "",
    int(WarcRecordType.no_type): "",
}
_ARC = b"filedesc://"


def captures(
    source: Source,
    cap: int,
    fast: bool = True,
    wanted: Collection[str] = ("response",),
    memory: int = 0,
) -> Iterator[Capture | Damage]:
    """All records of ``source`` that may be documents and all its damages, by offset.

    Args:
        source: A WARC file or part of one that starts at a record; gzip, zstd or plain. cap: Longest payload
        in bytes that is read. fast: Whether to try fastwarc first. Not worthwhile for a single record.
        wanted: Types of which payloads are read. memory: Bytes that the input may take beyond what readers
        declare.

    Raises:
        ValueError: Nothing in the first MiB looks like the start of a record, or it is an ARC file.
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
            _refuse_arc(first)
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
        _refuse_arc(_beginning(source, offset, decoder))

    emitted = 0  # captures of the member at ``offset`` that were already yielded
    turns = 0  # members for the careful reader before fastwarc is tried again
    patience = 1
    while (offset := skip_padding(source, offset, codec)) < source.size:
        if fast and turns == 0:
            start = offset
            offset, emitted = yield from _fast(source, offset, decoder, cap, wanted)
            patience = 1 if offset > start else 2 * patience
            turns = patience
        if offset < source.size:
            check_window(source, offset, codec, memory)
            offset = yield from careful(source, offset, decoder, cap, wanted, emitted)
            emitted = 0
            turns = max(turns - 1, 0)


def _beginning(source: Source, offset: int, decoder: Decoder) -> bytes:
    """The first bytes of the first member; none if it is damaged."""
    try:
        return Member(source, offset, decoder).read(64)
    except Damaged:
        return b""


def _refuse_arc(first: bytes) -> None:
    if first.startswith(_ARC):
        raise ValueError("this is an ARC file, the format before WARC; convert it (`warcio recompress` does)")


def _fast(
    source: Source, offset: int, decoder: Decoder, cap: int, wanted: Collection[str]
) -> Generator[Capture | Damage, None, tuple[int, int]]:
    """fastwarc from ``offset`` on.

    Returns the offset of the first member that is not confirmed, and how many of its captures were already
    yielded.
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
        for record in ArchiveIterator(members or stream, parse_http=False):
            kind = _KINDS.get(int(record.record_type))
            if kind is None:
                continue
            get = record.headers.get
            kind = kind or kind_of(get)
            if kind and kind not in KINDS:
                continue
            position = members.frame_start_position() if members else record.stream_pos
            if position is None:
                break
            position += shift
            if held is not None:
                yield held
                emitted = emitted + 1 if held.offset == position else 0
                held = None
            offset = position
            block = record.reader if kind in wanted else None
            found = capture(get, kind, offset, record.content_length, block, cap)
            if source.error is not None:
                raise source.error
            short = found.body is not None and len(found.body) != found.length
            if not kind or short or (members and members.frame_start_position() != position - shift):
                break
            held = found
    except OSError:
        if source.error is not None:
            raise source.error from None
    return offset, emitted
