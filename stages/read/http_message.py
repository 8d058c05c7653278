"""HTTP responses as crawlers store them: a status line, header fields, and then the payload.

Parsed as recommended for recipients (RFC 9112, 2.2; RFC 9110, 15.2): lines may end in a bare line feed,
fields may be folded, interim responses precede the final one.

It knows the header of a message. It knows nothing of payloads, nor of WARC.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

#: Longest header block that is accepted.
MAX_HEADER = 64 << 10
_LONGEST = MAX_HEADER + 1

_STATUS = re.compile(rb"HTTP/\d+(?:\.\d+)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
#: The fields that readers use. Repeated fields are joined by commas, except those with a single value.
_USED = frozenset(
    b"content-type content-encoding transfer-encoding x-robots-tag tdm-reservation tdm-policy".split()
)
#: What their lines begin with: most other fields are skipped without a further look.
_FIRST = frozenset(name[:3] for name in _USED)
_SINGLE = "content-type"
_TUNNEL = re.compile(rb"connection established", re.IGNORECASE)


class Lines(Protocol):
    """The source that a message is read from."""

    def readline(self, size: int, /) -> bytes:
        """A line with its end, or the first ``size`` bytes of it; no bytes at the end."""
        ...


class Message(NamedTuple):
    """The header of a response."""

    status_line: str
    status: int | None  # None: the first line is not a status line
    fields: dict[str, str]  # by name in lower case
    length: int  # bytes before the payload
    ahead: bytes  # bytes of the payload that were already read


def parse(block: Lines) -> Message | None:
    """The header of the final response in ``block``, which is read up to its payload; None if no header ends
    within 64 KiB."""
    length = 0
    readline = block.readline
    line = readline(_LONGEST)
    while True:
        while line in (b"\r\n", b"\n") and length <= MAX_HEADER:
            length += len(line)
            line = readline(_LONGEST)
        first, last = line, ""
        fields: dict[str, str] = {}
        while line not in (b"\r\n", b"\n", b""):
            length += len(line)
            if length > MAX_HEADER:
                return None
            if line[:1] in (b" ", b"\t"):
                if last:
                    fields[last] = f"{fields[last]} {_text(line)}".strip()
            else:
                last = _add(fields, line) if line[:3].lower() in _FIRST else ""
            line = readline(_LONGEST)
        length += len(line)
        status = _STATUS.match(first)
        line = b""
        if status and ((status[1][:1] == b"1" and status[1] != b"101") or _TUNNEL.search(first)):
            line = readline(
                _LONGEST
            )  # status line of the response after an interim one, or after a proxy's reply
        if not _STATUS.match(line):
            return Message(_text(first), int(status[1]) if status else None, fields, length, line)


def _add(fields: dict[str, str], line: bytes) -> str:
    """Store a field that is used; returns its name, to which folded lines are added."""
    name, _, value = line.partition(b":")
    name = name.rstrip().lower()
    if name not in _USED:
        return ""
    key, found = name.decode(), _text(value)
    if key not in fields:
        fields[key] = found
    elif key != _SINGLE:
        fields[key] += f", {found}"
    else:
        return ""
    return key


def _text(value: bytes) -> str:
    return value.strip().decode("latin-1")
