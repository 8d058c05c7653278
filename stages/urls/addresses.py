"""The canonical form of an address, in which lists and documents are compared.

Knows the syntax of URLs (RFC 3986, with the backslash that browsers take for a slash) and of host names. Does
not know lists, public suffixes or the content of an address.

A host is in lower case, ASCII (punycode, RFC 3492, of the NFKC form), without user, port and last dot. A path
is everything from the host to the fragment, percent-decoded and in lower case: squidGuard, for which the
lists are written, folds case, and so do their authors. Of a longer path only the first ``LONGEST`` characters
are compared, so that an address with a million slashes costs no more than others.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

LONGEST = 2_000

_ADDRESS = re.compile(
    r"(?:(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}|(?![a-z][a-z0-9+.-]*:[/\\]))"  # scheme, or none
    r"(?:[^/\\?#]*@)?+"  # user; tried once, since a row of @ would take seconds
    r"(\[[0-9a-f:.]+\]|[^\[\]:/\\?#]{1,1000})"  # host
    r"(?::[0-9]*)?"  # port
    r"([/\\?][^#]*)?"  # path and query
    r"(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
_HOST = re.compile(r"(?:[\w-]+\.)*[\w-]+|\[.+\]", re.ASCII)
_WWW = re.compile(r"\Awww\d*\.(?=.+\.)", re.ASCII)
_OTHER = re.compile(r"\A(?:www|web|ftp)\d*\.(?=.+\.)", re.ASCII)
_BREAKS = re.compile(r"[\r\n]")


def split(address: str) -> tuple[str, str] | None:
    """Host and path of a URL, with or without scheme; None if there is no host."""
    found = _ADDRESS.fullmatch(address.strip())
    host = found and _host(found[1])
    return (host, _path(found[2] or "")) if found and host else None


def _host(text: str) -> str | None:
    host = unquote(text).lower()
    if not host.isascii():
        host = ".".join(map(_punycode, unicodedata.normalize("NFKC", host).replace("。", ".").split(".")))
    host = host.removesuffix(".")
    return host if _HOST.fullmatch(host) else None


def _punycode(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def _path(text: str) -> str:
    path = _BREAKS.sub(" ", unquote(text.strip())).replace("\\", "/").lower()
    return path[:LONGEST].rstrip("/")


def bare(host: str) -> str:
    """A host without the ``www`` or ``www2`` before it; ``www.com`` is whole."""
    return _WWW.sub("", host)


def keys(host: str, path: str) -> set[str]:
    """Forms under which a list of URLs may contain this one: as ``bare``, and without ``web`` or ``ftp``, as
    in squidGuard."""
    return {bare(host) + path, _OTHER.sub("", host) + path}
