"""Keys and tokens that give access to something: by the form that their issuers give them, or by their label.

Knows prefixes and lengths as the issuers document them, and what a value drawn at random looks like. Does not
know whether a key is valid.

A publishable key (Stripe's ``pk_``), a certificate, a public key and the hash of something are no secrets. A
key that calls itself an example is found on request only.
"""

from __future__ import annotations

import base64
import binascii
import re

Span = tuple[int, int]

_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"  # AWS access key
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"
    r"|gl(?:pat|ptt|dt|rt|soat|ft)-[A-Za-z0-9_-]{20,64}"  # GitLab
    r"|xox[abceoprs]-[A-Za-z0-9-]{20,200}|xapp-[0-9]-[A-Za-z0-9-]{20,200}"  # Slack
    r"|https://hooks\.slack\.com/services/T[A-Za-z0-9]{8,12}/B[A-Za-z0-9]{8,12}/[A-Za-z0-9]{24}"
    r"|AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{60,400}"  # Google
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9]{32,64}"  # Stripe
    r"|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|sk-[A-Za-z0-9]{48}"
    r"|sk-(?:proj|svcacct|admin|ant-[a-z]{3,8}[0-9]{2}|or-v1)-[A-Za-z0-9_-]{40,250}"  # OpenAI and its like
    r"|hf_[A-Za-z0-9]{34}"  # Hugging Face
    r"|key[-_](?:[A-Za-z]{2,10}_)?[0-9a-f]{32}"  # Mailgun and its like
    r"|npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,400}"
    r"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|(?P<jwt>eyJ[A-Za-z0-9_-]{10,400})\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000}"
    r")(?![A-Za-z0-9])"
)
_LABELLED = re.compile(
    r"(?:api[_-]?key|api[_-]?token|(?:access|secret|auth|private|client|consumer|refresh|account|signing|encryption)"
    r"[_-]?(?:key|secret|token)|(?<![A-Za-z:])(?:secret|token|pwd)|passw(?:or)?d)(?:_base)?[\"'\]]{0,2}\s{0,3}(?:=>|:=|[=:]|(?<=[\"']),)\s{0,3}"
    r"(?:bearer )?[\"']?(?P<value>[A-Za-z0-9_+/=.-]{20,200}+)(?![(\[{])",
    re.I,
)
_EXAMPLE = re.compile(r"example|sample|placeholder", re.I)
_PLACEHOLDER = re.compile(r"x{4}|0{8}|your|dummy|change|redacted|123456789|abcdefgh|\.\.\.", re.I)
_CLASSES = str.maketrans(
    {**dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a"), **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A")}
    | dict.fromkeys("0123456789", "0")
)
_CHANGE = re.compile(r"(?=aA|Aa|a0|0a|A0|0A)")


def token(text: str, start: int, end: int, documentation: bool) -> list[Span]:
    """The secrets in a run of characters of tokens; a label may come before it."""
    spans = []
    for found in _PREFIXED.finditer(text, max(0, start - 8), end + 1):
        if _real(found[0], documentation) and (found["jwt"] is None or _is_header(found["jwt"])):
            spans.append(found.span())
    for found in _LABELLED.finditer(text, max(0, start - 32), end + 1):
        value = found["value"].rstrip(".")
        if _real(value, documentation) and (_random(value) or _EXAMPLE.search(value)):
            spans.append((found.start("value"), found.start("value") + len(value)))
    return spans


def _real(value: str, documentation: bool) -> bool:
    if _EXAMPLE.search(value):
        return documentation
    return not _PLACEHOLDER.search(value)


def _random(value: str) -> bool:
    """Whether it changes between small letters, capitals and digits as often as no name does.

    Two neighbours drawn at random differ in this with probability 0.62 (base 62) or 0.47 (hexadecimal)."""
    changes = len(_CHANGE.findall(value.translate(_CLASSES)))
    return changes >= 0.27 * len(value) and any(c.isdigit() for c in value) and len(set(value)) >= 8


def _is_header(part: str) -> bool:
    """Whether it is the header of a JSON Web Token (RFC 7515)."""
    try:
        return b'"alg"' in base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        return False


_KEY_BLOCK = re.compile(
    r"-----BEGIN (?P<name>(?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?)-----"
    r"(?P<body>[A-Za-z0-9+/=\s\\:,.()]{64,20000})-----END (?P=name)-----"
)


def key_blocks(text: str) -> list[Span]:
    """Private keys in PEM or OpenPGP armour, from BEGIN to END, where there is a key between them."""
    if "PRIVATE KEY" not in text:
        return []
    return [found.span() for found in _KEY_BLOCK.finditer(text)]


_PASSWORD = re.compile(r"://[^\s:/@]{0,64}:(?P<value>[^\s:/@]{8,64})\Z")


def url_password(text: str, at: int, documentation: bool) -> Span | None:
    """The password of ``scheme://user:password@host``, by the position of its ``@``."""
    low = max(0, at - 140)
    found = _PASSWORD.search(text[low:at])
    if not found or not _real(found["value"], documentation):
        return None
    value = found["value"]
    if value[0] in "$<{%[" or not (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        return None
    return low + found.start("value"), at
