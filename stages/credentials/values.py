"""What of a value says that it is a secret, a stand-in for one, or something else that looks at random.

Knows one value at a time, as ASCII. Does not know what issuers print (``forms``) nor what is around a value.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter

_EXAMPLE = re.compile(r"example|sample|placeholder", re.I)
_PLACEHOLDER = re.compile(r"x{4}|0{8}|your|dummy|change|redacted|123456789|abcdefgh|\.\.\.", re.I)
_CLASSES = str.maketrans(
    {**dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a"), **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A")}
    | dict.fromkeys("0123456789", "0")
)
_CHANGE = re.compile(r"(?=aA|Aa|a0|0a|A0|0A)")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.I)
_HASH = re.compile(
    r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})", re.I
)
_INTEGRITY = re.compile(r"(?:sha(?:1|256|384|512)[-:=]|h1:)", re.I)


def is_example(value: str) -> bool:
    """Whether it calls itself an example."""
    return _EXAMPLE.search(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether something else is to be written in its place."""
    return _PLACEHOLDER.search(value) is not None


def is_random(value: str) -> bool:
    """Whether it changes between small letters, capitals and digits as often as no name does.

    Two neighbours drawn at random differ in this with probability 0.62 (base 62) or 0.47 (hexadecimal)."""
    changes = len(_CHANGE.findall(value.translate(_CLASSES)))
    return changes >= 0.27 * len(value) and any(c.isdigit() for c in value) and len(set(value)) >= 8


def is_jwt_header(part: str) -> bool:
    """Whether it is the header of a JSON Web Token (RFC 7515)."""
    try:
        return b'"alg"' in base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        return False


def is_uuid(value: str) -> bool:
    """Whether it has the form of a UUID: most are names of things."""
    return _UUID.fullmatch(value) is not None


def is_hash(value: str) -> bool:
    """Whether it is as long as a digest in hexadecimal digits: of a commit, a file, a layer."""
    return _HASH.fullmatch(value) is not None


def is_integrity(value: str) -> bool:
    """Whether it says that it is a digest, as lock files have them: ``sha512-…``, ``h1:…``."""
    return _INTEGRITY.match(value) is not None


def entropy(value: str) -> float:
    """Bits a character, after Shannon, of how often each occurs in it."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())
