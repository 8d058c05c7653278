"""Which files of a repository are text.

The reasons are explained in ``repositories``. None of these is a failure. Knows bytes and paths. Does not
know where they come from.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote_from_bytes

from stages.base import Fault
from stages.read.charset import to_utf8
from stages.read.utf import is_utf8

#: Longest path that Linux has.
LONGEST_PATH = 4096
_LFS = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_REPLACEMENT = "\ufffd".encode()
#: Share of a text's bytes, as UTF-8, that may stand for bytes that are no character.
_UNDECODED = 0.01


def decode(data: bytes, stated: str | None = None) -> tuple[bytes, str] | Fault:
    """A file as UTF-8 and the name of its encoding, or why it is no text. ``stated`` is what somebody says
    that the encoding is; the bytes may say otherwise."""
    if data.startswith(_LFS) and len(data) < _LONGEST_POINTER:
        return Fault("lfs_pointer")
    if (where := data.find(b"\0")) >= 0 and not data.startswith(_UTF16):
        return Fault("binary", f"a NUL at byte {where}")
    if data.startswith(_UTF8_MARK):
        data = data[len(_UTF8_MARK) :]
    if not data or data.isspace():
        return Fault("empty", f"{len(data)} bytes")
    if is_utf8(data) and b"\0" not in data and b"\x1b$" not in data:
        return data, "utf-8"
    text, name = to_utf8(data, stated)
    if (lost := text.count(_REPLACEMENT)) * len(_REPLACEMENT) > _UNDECODED * len(text):
        return Fault("encoding", f"{lost} bytes or runs of them are no characters of {name}")
    if not text or text.isspace():
        return Fault("empty", f"{len(data)} bytes")
    return text, name


def path_of(raw: bytes) -> str:
    """A path as text: bytes that are no UTF-8 become ``%XX``, and so does ``%`` in such a path."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return quote_from_bytes(raw, safe="".join(map(chr, range(0x21, 0x7F))).replace("%", ""))


def wrong_path(path: str) -> str | None:
    """What is wrong with a path within a repository; None: nothing."""
    if not path or path.startswith("/") or path.endswith("/"):
        return "it does not lie in the repository"
    if ".." in path and ".." in path.split("/"):
        return "it leaves the repository"
    if len(path) > LONGEST_PATH // 4 and len(path.encode()) > LONGEST_PATH:
        return f"longer than {LONGEST_PATH} bytes"
    return "it has a NUL" if "\0" in path else None


def blob_of(data: bytes) -> str:
    """Git's name of a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
