"""Keys and tokens that give access to something, recognised by their issuer's format or by their label.

Knows how a label precedes a value. Does not know the formats of issuers, nor what random values look like
(both in ``stages.credentials``), nor whether a key is valid.

Publishable keys (Stripe's ``pk_``), certificates, public keys and hashes are not secrets. A key that is
marked as an example is found on request only.
"""

from __future__ import annotations

import re

from stages.credentials.forms import FORMS, key_blocks
from stages.credentials.values import is_example, is_jwt_header, is_placeholder, is_random

__all__ = ["key_blocks", "token", "url_password"]

Span = tuple[int, int]

_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:" + "|".join(f"(?:{form.pattern})" for form in FORMS) + r")(?![A-Za-z0-9])"
)
_LABELLED = re.compile(
    r"(?:api[_-]?key|api[_-]?token|(?:access|secret|auth|private|client|consumer|refresh|account|signing|encryption)"
    r"[_-]?(?:key|secret|token)|(?<![A-Za-z:])(?:secret|token|pwd)|passw(?:or)?d)(?:_base)?[\"'\]]{0,2}\s{0,3}(?:=>|:=|[=:]|(?<=[\"']),)\s{0,3}"
    r"(?:bearer )?[\"']?(?P<value>[A-Za-z0-9_+/=.-]{20,200}+)(?![(\[{])",
    re.I,
)


def token(text: str, start: int, end: int, documentation: bool) -> list[Span]:
    """The secrets in a run of characters of tokens; a label may precede it."""
    spans = []
    for found in _PREFIXED.finditer(text, max(0, start - 8), end + 1):
        if _real(found[0], documentation) and (found["jwt"] is None or is_jwt_header(found["jwt"])):
            spans.append(found.span("value") if found["value"] else found.span())
    for found in _LABELLED.finditer(text, max(0, start - 32), end + 1):
        value = found["value"].rstrip(".")
        if _real(value, documentation) and (is_random(value) or is_example(value)):
            spans.append((found.start("value"), found.start("value") + len(value)))
    return spans


def _real(value: str, documentation: bool) -> bool:
    if is_example(value):
        return documentation
    return not is_placeholder(value)


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
