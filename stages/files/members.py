"""The members of a compressed file, one at a time, and where each one ends.

A file may hold many gzip members or zstd frames, one after the other: a WARC has one per record, so that
records can be read alone. For the same reason, reading can go on at a later member after damage. ``Member``
decompresses one member with its checksum verified and knows where it ends.

It knows compression. It does not know what is in a member.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal

import zstandard

from stages.base import MIB, MoreMemory
from stages.files.source import Source

Codec = Literal["gzip", "zstd", "plain"]

#: The first bytes of a file of each kind; a plain file is recognised only if it is a WARC.
MAGIC: dict[Codec, bytes] = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd", "plain": b"WARC/"}
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
_DICTIONARY = b"\x5d\x2a\x4d\x18"  # skippable frame with the dictionary of all later frames (WARC-zst)
_MAX_DICTIONARY = 64 * MIB
#: zstd windows up to this size fit into the memory that readers declare; for longer ones (``--long``) more
#: memory is requested.
USUAL_WINDOW = 128 * MIB
#: Longest window that the format's own tools decode (``--long=31``).
_LONGEST_WINDOW = 1 << 31
#: Memory requested beyond a long window: for decoded bytes not yet taken, and for the reader itself.
_BESIDE_WINDOW = 1024 * MIB
_FRAME_HEADER = 18  # bytes at most
_CHUNK = 64 << 10
# One KiB of zstd decodes to at most some 32 MiB (four bytes can hold a block of 128 KiB); there is no other
# bound.
_ZSTD_CHUNK = 1 << 10


class Damaged(Exception):
    """The member does not decompress, its checksum is wrong, or the file ends inside it."""


class Cut(Damaged):
    """The file ends inside the member."""


class NoMember(Damaged):
    """No member starts here."""


def sniff(head: bytes) -> Codec | None:
    """Compression of a file that starts with ``head``; None if it starts with no known first bytes."""
    if _SKIPPABLE.match(head):
        return "zstd"
    for codec, magic in MAGIC.items():
        if head.startswith(magic):
            return codec
    return None


def is_cut_magic(head: bytes) -> bool:
    """Whether a file that consists of ``head`` alone is the beginning of a compressed file."""
    return len(head) > 1 and any(MAGIC[codec].startswith(head) for codec in ("gzip", "zstd"))


def _is_skippable(head: bytes) -> bool:
    """Whether a frame that is passed over starts with ``head`` (four bytes; fewer where the file ends)."""
    return b"\x50\x2a\x4d\x18".startswith(bytes([head[0] & 0xF0]) + head[1:])


def _dictionary_frame(source: Source) -> bytes:
    """The leading frame of a WARC-zst file that holds its dictionary, else no bytes."""
    head = source.read_exactly(0, 8)
    if head[:4] != _DICTIONARY or len(head) < 8:
        return b""
    length = int.from_bytes(head[4:], "little")
    if length > _MAX_DICTIONARY:
        return b""
    frame = source.read_exactly(0, 8 + length)
    if len(frame) < 8 + length:
        raise Cut("the file ends inside the dictionary")
    return frame


class Decoder:
    """How members of one file are decompressed: its codec, and for zstd its dictionary."""

    def __init__(self, codec: Codec, dictionary: bytes = b"") -> None:
        self.codec = codec
        self.dictionary = dictionary  # the whole skippable frame that starts the file
        self._zstd: zstandard.ZstdDecompressor | None = None
        if codec == "zstd":
            data = dictionary[8:]
            if data.startswith(MAGIC["zstd"]):
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_DICTIONARY)
            trained = zstandard.ZstdCompressionDict(data) if data else None
            self._zstd = zstandard.ZstdDecompressor(dict_data=trained, max_window_size=_LONGEST_WINDOW)

    @classmethod
    def of(cls, source: Source, codec: Codec) -> Decoder:
        """How the members of ``source`` are decompressed.

        Raises:
            Damaged: Its dictionary is cut or does not decompress: nothing that follows can be read.
        """
        try:
            return cls(codec, _dictionary_frame(source) if codec == "zstd" else b"")
        except zstandard.ZstdError as error:
            raise Damaged(f"dictionary: zstd: {error}") from error

    def zstd(self) -> zstandard.ZstdDecompressionObj:
        """A decompressor of one frame."""
        assert self._zstd is not None
        return self._zstd.decompressobj()


def check_window(source: Source, offset: int, codec: Codec, memory: int) -> None:
    """Raise ``MoreMemory`` if the zstd frame at ``offset`` needs more than the usual memory and more than
    ``memory``."""
    if codec != "zstd":
        return
    try:
        frame = zstandard.get_frame_parameters(source.read_exactly(offset, _FRAME_HEADER))
    except zstandard.ZstdError:
        return  # decompressing it will say what is wrong
    window = min(frame.window_size, frame.content_size)  # an unknown size is the largest number
    if window > _LONGEST_WINDOW:
        return  # a damaged header: decompressing refuses it
    if window > USUAL_WINDOW and window + _BESIDE_WINDOW > memory:
        raise MoreMemory(window + _BESIDE_WINDOW)


def skip_padding(source: Source, offset: int, codec: Codec) -> int:
    """Where the zeros end that stand at ``offset``, between gzip members or behind the last one.

    Storage in blocks leaves them; gzip and its libraries pass over them.
    """
    if codec == "gzip":
        while (block := source.read_at(offset, _CHUNK)) and block[0] == 0:
            rest = block.lstrip(b"\0")
            offset += len(block) - len(rest)
            if rest:
                break
    return offset


class Member:
    """Decompresses the member at ``offset`` of ``source``.

    ``end`` is the offset behind it, once ``read`` has returned no bytes. A plain file is one member
    from ``offset`` to its end.
    """

    def __init__(self, source: Source, offset: int, decoder: Decoder) -> None:
        self._source = source
        self._offset = offset
        self._position = offset  # of the next compressed byte to be read
        self._codec = decoder.codec
        self.end: int | None = None
        self._output = b""  # decompressed, not yet returned (zstd only)
        head = source.read_exactly(offset, 8)
        if self._codec == "zstd" and _is_skippable(head[:4]):
            self.end = offset + 8 + int.from_bytes(head[4:], "little")
            if len(head) < 8 or self.end > source.size:
                raise Cut("the file ends inside a skippable frame")
            return
        magic = MAGIC[self._codec]
        if self._codec != "plain" and head[: len(magic)] != magic[: len(head)]:
            raise NoMember(f"no {self._codec} member starts here but {head!r}")
        if self._codec == "gzip":
            self._gzip = zlib.decompressobj(wbits=31)
        elif self._codec == "zstd":
            self._zstd = decoder.zstd()

    @property
    def ahead(self) -> int:
        """Bytes decompressed and not read yet."""
        return len(self._output)

    @property
    def consumed(self) -> int:
        """Offset up to which the file was decompressed."""
        if self.end is not None:
            return self.end
        if self._codec == "gzip":
            return self._position - len(self._gzip.unconsumed_tail)
        return self._position

    def read(self, size: int) -> bytes:
        """Up to ``size`` (> 0) decompressed bytes; none when the member is complete and verified.

        Raises:
            Damaged: with what the decompressor said.
        """
        if self.end is not None:
            return b""
        if self._codec == "plain":
            piece = self._source.read_at(self._position, size)
            self._position += len(piece)
            if not piece:
                self.end = self._position
            return piece
        try:
            return self._read_gzip(size) if self._codec == "gzip" else self._read_zstd(size)
        except zlib.error as error:
            raise Damaged(f"zlib: {error}") from error
        except zstandard.ZstdError as error:
            raise Damaged(f"zstd: {error}") from error

    def _next_input(self, size: int) -> bytes:
        piece = self._source.read_at(self._position, size)
        self._position += len(piece)
        return piece

    def _read_gzip(self, size: int) -> bytes:
        stream = self._gzip
        while not stream.eof:
            data = stream.unconsumed_tail or self._next_input(_CHUNK)
            output = stream.decompress(data, size)
            if output:
                return output
            if not data and not stream.eof:
                raise Cut("the file ends inside the member")
        self.end = self._position - len(stream.unused_data)
        return b""

    def _read_zstd(self, size: int) -> bytes:
        stream = self._zstd
        while not self._output and not stream.eof:
            data = self._next_input(_ZSTD_CHUNK)
            if not data:
                raise Cut("the file ends inside the frame")
            self._output = stream.decompress(data)
        if self._output:
            output, self._output = self._output[:size], self._output[size:]
            return output
        self.end = self._position - len(stream.unused_data)
        return b""
