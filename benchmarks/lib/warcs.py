"""Copies of a WARC file that a run takes for other captures. Knows gzip members, record ids, and where a page
has text; does not know what a run does with it.
"""

from __future__ import annotations

import gzip
import hashlib
import random
import re
import zlib
from collections.abc import Iterator

CHUNK = 1 << 16
RECORD_ID = re.compile(rb"(WARC-Record-ID: <urn:uuid:)[0-9a-f]{8}", re.IGNORECASE)
_TYPE = re.compile(rb"WARC-Type: (\w+)", re.IGNORECASE)
#: Left as it is: headers, the head of a page, scripts.
_APART = re.compile(
    rb"(\A.*?\r\n\r\n.*?\r\n\r\n|<(?:script|style|head)\b.*?</(?:script|style|head)\s*>)",
    re.IGNORECASE | re.DOTALL,
)
_TEXT = re.compile(rb"(?<=>)[^<>]++(?=<)")
#: A character of a script that is written without blanks (Thai and Lao, Burmese, Khmer, CJK), in UTF-8 or as
#: a reference.
_SPACELESS = (
    rb"(?:\xe0[\xb8-\xbb]|\xe1[\x80-\x82\x9e\x9f]|[\xe3-\xe9][\x80-\xbf])[\x80-\xbf]"
    rb"|&#(?:[xX][0-9a-fA-F]{4}|\d{5});"
)
#: What changes places.
_WORD = re.compile(rb"%s|(?:(?!%s)\S)++" % (_SPACELESS, _SPACELESS))
_LONG = 12  # words from which on a text is mixed by itself


def with_other_ids(data: bytes, number: int) -> bytes:
    """The WARC with ``number`` written into the start of every record id."""
    return b"".join(_packed(_renamed(record, number)) for _, record in _members(data))


def captures(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Each response with what follows it up to the next, as gzip members, and a number of 32 bits that
    depends on its bytes alone."""
    pieces: list[bytes] = []
    for member, record in _members(data):
        kind = _TYPE.search(record[:3000])
        if kind is not None and kind[1] == b"warcinfo":
            continue
        if (kind is None or kind[1] == b"response") and pieces:
            yield b"".join(pieces), zlib.crc32(pieces[0])
            pieces = []
        pieces.append(member)
    if pieces:
        yield b"".join(pieces), zlib.crc32(pieces[0])


def with_other_order(data: bytes, number: int) -> bytes:
    """The WARC with another id in every record, and the words of its pages in another order, which depends on
    ``number``: pages of the same length with the same words, but other texts.

    A text of a dozen words is mixed by itself, in a way that follows from its words: where two pages have a
    passage in common, they have one afterwards. Shorter texts of a page are mixed with each other. So pages
    of one copy are as much alike as they were, and those of two copies are not alike. Only where blanks or
    UTF-8 tell where words end: see ``mixable``.
    """
    return b"".join(_packed(_mixed(_renamed(record, number), number)) for _, record in _members(data))


def mixable(capture: bytes) -> bool:
    """Whether ``with_other_order`` finds words: not in a page in an older encoding of Chinese,
    Japanese, Korean or Thai."""
    for _, record in _members(capture):
        try:
            record.decode()
        except UnicodeDecodeError:
            if sum(byte >= 0x80 for byte in record) > len(record) / 20:
                return False
    return True


def _packed(record: bytes) -> bytes:
    return gzip.compress(record, 1, mtime=0)


def _renamed(record: bytes, number: int) -> bytes:
    digest = hashlib.md5(record[:2000] + bytes([number])).hexdigest()[:8].encode()
    return RECORD_ID.sub(rb"\g<1>" + digest, record, count=1)


def _mixed(record: bytes, number: int) -> bytes:
    pieces = _APART.split(record)  # what is between, and every second what is left as it is
    found = [words for piece in pieces[::2] for words in map(_WORD.findall, _TEXT.findall(piece))]
    short = _shuffled([word for words in found if len(words) < _LONG for word in words], number)
    rest = iter(short)

    def again(text: re.Match[bytes]) -> bytes:
        words = _WORD.findall(text[0])
        others = iter(_shuffled(words, number)) if len(words) >= _LONG else rest
        return _WORD.sub(lambda _: next(others), text[0])

    pieces[::2] = [_TEXT.sub(again, piece) for piece in pieces[::2]]
    return b"".join(pieces)


def _shuffled(words: list[bytes], number: int) -> list[bytes]:
    drawn = random.Random(zlib.crc32(b" ".join(words)) ^ number * 0x9E3779B1)
    return drawn.sample(words, len(words))


def _members(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The gzip members of a WARC, as they are and unpacked; what follows a damaged one is left out."""
    position = 0
    while position < len(data):
        inflate, record, start = zlib.decompressobj(wbits=31), b"", position
        try:
            while not inflate.eof and position < len(data):
                chunk = data[position : position + CHUNK]
                record += inflate.decompress(chunk)
                position += len(chunk) - len(inflate.unused_data)
        except zlib.error:
            return
        yield data[start:position], record
