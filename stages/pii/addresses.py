"""E-mail and IP addresses, recognised around a candidate.

Knows the common part of RFC 5322, the top-level domains (``tlds.txt``: IANA's, from the Public Suffix List of
April 2025), the special ranges of RFC 6890, and other text in code and prose with an ``@`` or three dots.
Does not know where candidates come from.

Addresses that identify nobody are not personal data: private networks, loopback, multicast, public resolvers
and blocks (93.184.0.0/16). Addresses reserved for documentation (RFC 2606, 5737, 3849) are found on request
only.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from pathlib import Path

from stages.pii.glue import LOOK, NOTICE, WORD
from stages.pii.logs import AFTER, BEFORE, in_log

Span = tuple[int, int]


@cache
def _top_level() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").split())


# E-mail --------------------------------------------------------------------------------------------------

#: RFC 5321: 64 octets of local part, 255 of domain, 63 of a label.
_LOCAL = re.compile(r"[A-Za-z0-9À-ɏ_+-][A-Za-z0-9À-ɏ_.+%&'-]{0,63}")  # reads from right to left
_LABEL = r"[A-Za-z0-9À-ɏ](?:[A-Za-z0-9À-ɏ-]{0,61}[A-Za-z0-9À-ɏ])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,63}}")
_SPOKEN = re.compile(
    rf"[\[({{]at[\])}}] ?"
    rf"({_LABEL}(?:(?:\.| ?[\[({{](?:dot|punkt|point|punto|ponto)[\])}}] ?){_LABEL}){{1,4}})",
    re.I,
)
_DOT = re.compile(r" ?[\[({]\w{3,5}[\])}] ?")
_ESCAPES = re.compile(r".*%[0-9A-Fa-f]{2}")
#: ``git@host`` names a service; ``this@Label.name`` is Kotlin.
_NO_PERSON = frozenset({"git", "hg", "svn", "this", "super", "return"})
_DOCUMENTATION_HOST = re.compile(r"(?:.*\.)?example\.(?:com|net|org)|.*\.(?:example|test|invalid)", re.I)
_PATH = re.compile(r":(?:[~/.]|[\w.-]{1,64}/)")


def email(text: str, at: int, documentation: bool) -> Span | None:
    """The address around the ``@`` at a position, or around the bracket that begins ``(at)``."""
    plain = text[at] == "@"
    stop = _domain(text, at, documentation) if plain else _spoken_domain(text, at, documentation)
    end = at if plain or text[at - 1 : at] != " " else at - 1
    local = _local_part(text[max(0, end - 66) : end])
    start = end - len(local)
    before = text[max(0, start - 80) : start]
    if stop is None or not local or local.lower() in _NO_PERSON or _NO_START.search(before):
        return None
    if plain and (_PATH.match(text, stop) or _CALL.match(text, stop) or _USER.search(before)):
        return None
    return start, stop


def _domain(text: str, at: int, documentation: bool) -> int | None:
    """Where the domain after an ``@`` ends."""
    found = _DOMAIN.match(text, at + 1, at + 256)
    host = found[0] if found else ""
    while "." in host:
        rest, _, label = host.rpartition(".")
        end = _top_level_end(text, at + 2 + len(rest), rest, documentation)
        # "jo@site.org.The next sentence", "jo@site.org.v2_"
        if end is not None or not (label[0].isupper() or _NAME.match(text, at + 1 + len(host))):
            return end
        host = rest
    return None


def _spoken_domain(text: str, at: int, documentation: bool) -> int | None:
    found = _SPOKEN.match(text, at, at + 256)
    if not found:
        return None
    rest, _, label = _DOT.sub(".", found[1]).rpartition(".")
    return _top_level_end(text, found.end() - len(label), rest, documentation)


def _top_level_end(text: str, start: int, rest: str, documentation: bool) -> int | None:
    """End of the top-level domain that begins at a position, after the ``rest`` of a host, or None. It may be
    followed directly by a word, or by digits such as a postal code or a telephone number."""
    found = _LETTERS.match(text, start)
    if not found:
        return None
    label, end = found[0], found.end()
    if _may_be_host(f"{rest}.{label}", documentation) and (
        not _NAME.match(text, end)
        or _EMPHASIS.match(text, end)
        or (_RUN_ON_DIGITS.match(text, end) and _LETTERS.search(rest.rpartition(".")[2]))
    ):
        return end
    for size in range(len(label) - 1, 1, -1):
        name, end = label[:size], start + size
        word = _RUN_ON if name.islower() else _RUN_ON_UPPER if name.isupper() else None
        if word and word.match(text, end) and _may_be_host(f"{rest}.{name}", documentation):
            return end
    return None


_LETTERS = re.compile(r"[A-Za-z]{2,63}")
_NAME = re.compile(r"[A-Za-z0-9_]")
#: The end of ``_jo@site.org_``.
_EMPHASIS = re.compile(r"_+(?![a-z0-9])")
_RUN_ON_DIGITS = re.compile(r"0\d|\d{4}")
_NOTICE = rf"{NOTICE}[ \t]{{0,2}}[:.+(\d]"
#: A word directly after small letters: it has a capital and no call bracket after it; or it is a word that
#: stands beside addresses; or it is another address.
_RUN_ON = re.compile(
    rf"[A-Z](?![A-Za-z0-9_]{{0,40}}\((?![0+]|\d\d))|(?:www|https?)[.:]|{_NOTICE}|[a-z][\w.+-]{{1,40}}@[A-Za-z0-9]"
)
#: The same after capitals.
_RUN_ON_UPPER = re.compile(rf"[A-Z][a-z]|{_NOTICE}")
#: The bracket of a function call, unless it holds an area code; a second ``@``.
_CALL = re.compile(r"\((?![0+]|\d\d)|@")


def _may_be_host(host: str, documentation: bool) -> bool:
    if _DOCUMENTATION_HOST.fullmatch(host):
        return documentation
    return host.rpartition(".")[2].lower() in _top_level()


def _local_part(before: str) -> str:
    """The part of the text before an ``@`` that belongs to the address; empty if none does."""
    found = _LOCAL.match(before[::-1])
    local = found[0][::-1].rpartition("..")[2] if found else ""
    local = _ESCAPES.sub("", local).lstrip(".'%&+-")
    # "030 1234567jo@site.org": the digits continue the number before them
    number = _NUMBER_END.match(local)
    return local[number.end() :] if number and _NUMBER.search(before[: -len(local)]) else local


_NUMBER_END, _NUMBER = re.compile(r"\d{4,}(?=[A-Za-z])"), re.compile(r"[\d)][ ./-]{1,2}\Z")
#: Not a mailbox: a handle (``@anna@site.org``), a user in a URL, the end of a path
#: (``<team/pull/1@site.org>``), the id of a message.
_NO_START = re.compile(r"@\Z|/[^\s/]*/\Z|(?i:message-id|in-reply-to|references)\W{1,4}\Z")
#: The text before the password in ``scheme://user:password@host``.
_USER = re.compile(r"://[^\s:/@]{0,64}:\Z")

# IPv4 ----------------------------------------------------------------------------------------------------

_V4 = re.compile(
    r"(?:(?<![A-Za-z0-9_.])|(?<=\bIP))(?<![A-Za-z]-)(?:(?<![A-Za-z0-9]/)|(?=[\d.]{7,15}:\d{4}))"
    r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})"
    rf"(?!(?!{WORD})[A-Za-z0-9_]|\.(?!\d{{1,5}}(?: > |: ))[A-Za-z0-9]|-[A-Za-z]|\+\d)(/\d{{1,2}}(?!\d))?"
)
_VERSION = re.compile(
    r"(?:version(?:e|en|s)?|versi[oóòãa]n?|versão|versie|wersj[aięe]|верси[яию]|\bver|\bv|release|\brel|build|revision|\brev"
    r"|update|section|\bsec[t]?|chapter|clause|table|figure|\bfig|\brule|abschnitt|kapitel|ziffer|раздел\w{0,2}|\boid"
    r"|player|firmware|driver|patch|バージョン|版本|버전|§)[\s:=.\"'#_-]{0,7}v?\Z",
    re.I,
)
_NETWORK = re.compile(
    r"IP|\bip\b|[aA]ddr|[aA]dress|host|[sS]erv[e]u?r|\b[pP]ing|peer|remote|client|\bport\b|ssh|dns|proxy|block|bann"
    r"|адрес|地址|アドレス|주소|http",
)
#: Text before an address with a port after a dot, as tcpdump writes it; elsewhere this would be a fifth
#: number.
_DUMP = re.compile(r"\bIP \Z|\d > \Z")
#: Public resolvers, and the address that is commonly used as an example.
_COMMON = frozenset(
    (
        "1.2.3.4",
        "1.1.1.1",
        "1.0.0.1",
        "8.8.8.8",
        "8.8.4.4",
        "9.9.9.9",
        "208.67.222.222",
        "208.67.220.220",
        "4.2.2.2",
    )
)
_DOCUMENTATION = [
    ipaddress.ip_network(name)
    for name in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]
#: If three of four numbers are below this, and the first is below twice this, they look like a version; so
#: does one public address in 200. They count as an address only near a word about networks, or where logs
#: have one.
_SMALL = 32


def ipv4(text: str, start: int, end: int, documentation: bool) -> list[Span]:
    """The addresses in a run of digits and separators."""
    spans: list[Span] = []
    if text.count(".", start, end) < 3:
        return spans
    for found in _V4.finditer(text, start, min(end + LOOK, len(text))):
        if found.start() >= end:
            break
        parts = [int(part) for part in found.groups()[:4]]
        if max(parts) > 255 or any(len(part) > 1 and part[0] == "0" for part in found.groups()[:4]):
            continue
        last = found.end(4)
        address = ipaddress.IPv4Address(text[found.start() : last])
        if not _of_somebody(address, found[5], documentation):
            continue
        before = text[max(0, found.start() - BEFORE) : found.start()]
        near, after = before[-40:], text[last : last + AFTER]
        if _VERSION.search(near) or (after[:1] == "." and after[1:2].isdigit() and not _DUMP.search(near)):
            continue
        small = parts[0] < 2 * _SMALL and sum(part < _SMALL for part in parts) >= 3
        if small and not _NETWORK.search(near + after[:12]) and not in_log(before, after):
            continue
        spans.append((found.start(), last))
    return spans


def _of_somebody(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: str | None, documentation: bool
) -> bool:
    if any(address in network for network in _DOCUMENTATION if network.version == address.version):
        return documentation
    if not address.is_global or address.is_multicast or str(address) in _COMMON:
        return False
    # a block such as 93.184.0.0/16 concerns routing, not a person
    bits = address.max_prefixlen - int(prefix[1:]) if prefix else 0
    return not (bits > 0 and int(address) % (1 << bits) == 0)


# IPv6 ----------------------------------------------------------------------------------------------------

_V6 = re.compile(rf"(?<![A-Za-z0-9_:.])[0-9A-Fa-f:]{{4,39}}(?!(?!{WORD})[0-9A-Za-z_:])(/\d{{1,3}}(?!\d))?")


def ipv6(text: str, start: int, documentation: bool) -> Span | None:
    """The address that begins at a position."""
    found = _V6.match(text, start)
    if not found:
        return None
    prefix = found[1]
    written = found[0].removesuffix(prefix or "")
    if written.endswith(":") and not written.endswith("::"):
        written, prefix = written[:-1], None
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return None
    if not _of_somebody(address, prefix, documentation):
        return None
    return start, start + len(written)
