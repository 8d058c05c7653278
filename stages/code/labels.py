"""Secrets without a form of their own, known by what stands before them: a name, a scheme, a header.

A value after ``api_key =`` is a secret if it looks drawn at random; a password that people make up is one if
it mixes letters, digits and signs, and is written in quotes. What else looks at random after such a name is
left: identifiers and digests (UUIDs, hashes of commits and files, integrity hashes of lock files), names of
functions and variables, templates (``${TOKEN}``, ``%s``, ``<password>``), and what calls itself a stand-in.

Knows text around a keyword. Does not know how keywords are found, nor what issuers print.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from stages.credentials.values import (
    entropy,
    is_example,
    is_hash,
    is_integrity,
    is_placeholder,
    is_random,
    is_uuid,
)

#: What the names of secrets have in them, in small letters.
LABELS = (
    "apikey",
    *(f"api{sign}{word}" for sign in "_-" for word in ("key", "token", "secret")),
    *(
        f"{word}{sign}key"
        for word in ("access", "auth", "private", "signing", "encryption", "master", "account")
        for sign in ("", "_", "-")
    ),
    *("secret", "token", "credential", "passw", "passphrase", "pwd"),
)

#: Least bits a character of a value that looks at random: 16 hexadecimal digits at random have 3.
LEAST_ENTROPY = 2.7


class Found(NamedTuple):
    """A secret from ``start`` to ``end``. ``example``: only what calls itself one, or another stand-in."""

    rule: str
    start: int
    end: int
    example: bool = False


_BEFORE = re.compile(r"[A-Za-z0-9_.-]*\Z", re.A)
_ASSIGNED = re.compile(
    r"(?P<rest>[A-Za-z0-9_.-]{0,24})(?:\\?[\"'`]|\])*[ \t]{0,8}(?P<sign>=>|:=|={1,3}|:|,|\()>?\s{0,8}"
    r"(?:[bfruL]{0,2}(?P<quote>\\?[\"'`])|)(?:bearer |token )?(?P<value>[^\s\"'`\\]{8,300})",
    re.A | re.I,
)
#: Names that are not of secrets, although a word in them is.
_OTHER = re.compile(
    r"public|pub_?key|csrf|xsrf|nonce|salt|hash|digest|checksum|sha\d|md5|commit|revision|fingerprint|integrity|etag"
    r"|uuid|guid|sitekey|site_key"
    r"|(?:key|token|secret|password|passwd|credential)s?[_.-]?(?:ids?|name|type|path|file|dir|url|uri|field|header|param"
    r"|format|pattern|regex|class|length|len|size|count|max|min|index|ref|version|alg|kind|hint|policy|label|text"
    r"|desc|me?ss?a?ge?|prompt|error|expir|ttl|scope|issuer|endpoint|provider|manager|store|arn|address|spec|config)"
    r"|tokeni[sz]|tokens\b|next_?(?:page_?)?token|page_?token|continuation|[_.-]id\Z|Id\Z|ID\Z|name\Z",
    re.I,
)
#: Names of which a digest in hexadecimal digits is a secret.
_STRONG = re.compile(
    r"api.?(?:key|secret|token)|(?:access|auth|private|client|consumer|app|signing|encryption)", re.I
)
_RANDOM = re.compile(r"[A-Za-z0-9_+/=.~!@#^&*-]{16,200}", re.A)
#: Parts of made-up values that guard nothing.
_MADE_UP = re.compile(
    r"fake|dummy|test|mock|foo|deadbeef|cafebabe|1234567|abcdef|7654321|qwerty|lorem|insert|replace", re.I
)
_GUESSABLE = re.compile(
    r"p[a@4]ss|s[e3]cr[e3]t|sesame|admin|user|root|hunter|login|guest|bar|baz|demo|local|null|none|1234|abcd|asdf|token|key|"
    r"pwd|my|some|\*\*|hello|value|string|database|server|service|config",
    re.I,
)
_TEMPLATE = re.compile(r"[${}<>%()\[\];|]|\.\.|:[a-z]|^[@&#*:,/-]", re.I)
_WORDS = re.compile(r"[A-Za-z_][A-Za-z_.-]*[0-9]*|[0-9.,:-]+|[A-Z_0-9]+|[a-z0-9_.-]+\.[a-z]{2,5}", re.A)


def labelled(text: str, at: int) -> Found | None:
    """The secret after a name that has a label at ``at``."""
    found = _ASSIGNED.match(text, at)
    if found is None:
        return None
    name = _BEFORE.search(text, max(0, at - 40), at)[0] + found["rest"]  # type: ignore[index]
    if _OTHER.search(name):
        return None
    value, start = found["value"], found.start("value")
    quoted = found["quote"] is not None
    if quoted and text[found.end() : found.end() + 1] not in ('"', "'", "`", "\\"):
        return None  # blanks in it: a sentence
    if (random := _RANDOM.match(value)) and _looks_random(
        random[0].rstrip("."), name, quoted, value[random.end() :]
    ):
        value = random[0].rstrip(".")
        return Found("labelled_secret", start, start + len(value), _stands_in(value))
    value = value if quoted else value.rstrip(",;")
    if re.search("passw|pwd|passphrase", name, re.I) and _made_by_people(value, quoted, found["sign"]):
        return Found(
            "password", start, start + len(value), bool(_stands_in(value) or _GUESSABLE.search(value))
        )
    return None


def _looks_random(value: str, name: str, quoted: bool, after: str) -> bool:
    if len(value) < (16 if quoted else 20) or (after[:1] and (quoted or after[0] in "([{")):
        return False
    if not is_random(value) or entropy(value) < LEAST_ENTROPY:
        return False
    if is_uuid(value) or is_integrity(value):
        return False
    return not is_hash(value) or _STRONG.search(name) is not None


def _made_by_people(value: str, quoted: bool, sign: str) -> bool:
    if not 8 <= len(value) <= 64 or sign in (",", "(", "==", "==="):
        return False
    if _TEMPLATE.search(value) or _WORDS.fullmatch(value) or is_uuid(value) or is_integrity(value):
        return False
    kinds = [any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit, _is_sign)]
    return kinds[2] and sum(kinds) >= (3 if quoted else 4)


def _is_sign(character: str) -> bool:
    return not character.isalnum() and character not in "_-./"


def _stands_in(value: str) -> bool:
    if is_example(value) or is_placeholder(value) or _MADE_UP.search(value) is not None:
        return True
    said = _decoded(value)
    return said is not None and (_MADE_UP.search(said) or _GUESSABLE.search(said)) is not None


def _decoded(value: str) -> str | None:
    """What base64 says, where it is printable ASCII: then it is no key."""
    try:
        said = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return said if said.isprintable() else None


_LOGIN = re.compile(r"(?P<user>[^\s:/@]{0,64}):(?P<value>[^\s/@]{6,100})\Z", re.A)


def login(text: str, at: int) -> Found | None:
    """The password of ``scheme://user:password@host``, by the position of its ``@``."""
    low = text.rfind("://", max(0, at - 160), at) + 3
    found = _LOGIN.match(text, low, at) if low > 2 else None
    if found is None:
        return None
    value = found["value"]
    if _TEMPLATE.search(value) or not (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        return None
    example = bool(_stands_in(value) or _GUESSABLE.search(value)) or text.startswith(
        ("example.", "localhost"), at + 1
    )
    return Found("url_password", found.start("value"), at, example)


_BEARER = re.compile(r"[A-Za-z0-9_+/=.~-]{20,400}", re.A)


def bearer(text: str, at: int) -> Found | None:
    """The token after ``Bearer ``, whose place is ``at``."""
    found = _BEARER.match(text, at + len("bearer "))
    if found is None or not is_random(found[0]) or entropy(found[0]) < LEAST_ENTROPY:
        return None
    return Found("bearer_token", found.start(), found.end(), _stands_in(found[0]))


def basic(text: str, at: int) -> Found | None:
    """User and password in base64 after ``Basic ``, whose place is ``at``."""
    found = _BEARER.match(text, at + len("basic "))
    if found is None:
        return None
    _, colon, password = (_decoded(found[0]) or "").partition(":")
    if not colon or len(password) < 6:
        return None
    example = bool(_stands_in(password) or _GUESSABLE.search(password) or password.isalpha())
    return Found("basic_login", found.start(), found.end(), example)
