"""Licence expressions of SPDX (annex D of its specification): AND, OR, WITH, brackets, and ``+``.

Knows the grammar; which ids there are and what they mean is asked of a ``Table``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from stages.licenses.groups import best, worst


@dataclass(frozen=True)
class Expression:
    """One id (``id``, perhaps with an exception), or several parts of which one may choose (``or``), or all
    of which hold (``and``)."""

    kind: Literal["id", "or", "and"]
    id: str = ""
    exception: str = ""
    parts: tuple[Expression, ...] = ()

    def __str__(self) -> str:
        if self.kind == "id":
            return f"{self.id} WITH {self.exception}" if self.exception else self.id
        word = f" {self.kind.upper()} "
        return word.join(
            f"({part})" if part.kind != "id" and part.kind != self.kind else str(part) for part in self.parts
        )

    def ids(self) -> Iterator[str]:
        """Each id, from left to right, without exceptions."""
        if self.kind == "id":
            yield self.id
        for part in self.parts:
            yield from part.ids()

    def group(self, of: Callable[[str], str]) -> str:
        """The group of an expression: the best that may be chosen, the worst of what holds together; an
        exception only ever allows more, so it leaves the group of its licence."""
        if self.kind == "id":
            return of(self.id)
        groups = [part.group(of) for part in self.parts]
        return best(groups) if self.kind == "or" else worst(groups)


def single(id: str, exception: str = "") -> Expression:
    return Expression("id", id, exception)


def either(parts: Iterable[Expression]) -> Expression:
    """Of several, the one that is chosen. At least one part."""
    return _joined("or", parts)


def both(parts: Iterable[Expression]) -> Expression:
    """Several that hold together. At least one part."""
    return _joined("and", parts)


def _joined(kind: Literal["or", "and"], parts: Iterable[Expression]) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        for item in part.parts if part.kind == kind else (part,):
            if item not in flat:
                flat.append(item)
    return flat[0] if len(flat) == 1 else Expression(kind, parts=tuple(flat))


_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9][A-Za-z0-9.:_-]*\+?(?=$|[\s()]))")


class NoExpression(ValueError):
    """A text that is no licence expression; the message says where it stops to be one."""


def parse(text: str, known: Callable[[str], Expression | None]) -> Expression:
    """The expression of a text; ``known`` gives the id of a name as it is spelt by SPDX, or None.

    Raises ``NoExpression``: for other grammar, for names that ``known`` does not know, and for more than 100
    tokens, which nobody writes.
    """
    tokens: list[str] = []
    position, text = 0, text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or len(tokens) >= 100:
            raise NoExpression(f"no licence expression at {text[position : position + 40]!r}")
        tokens.append(match[1])
        position = match.end()
    parser = _Parser(tokens, known)
    found = parser.choice()
    if parser.tokens:
        raise NoExpression(f"no licence expression at {parser.tokens[-1]!r}")
    return found


class _Parser:
    """AND binds closer than OR, WITH closer than AND. ``tokens`` is read from its end."""

    def __init__(self, tokens: list[str], known: Callable[[str], Expression | None]) -> None:
        self.tokens = tokens[::-1]
        self._known = known

    def choice(self) -> Expression:
        return either(self._separated("or", lambda: both(self._separated("and", self._item))))

    def _separated(self, word: str, part: Callable[[], Expression]) -> list[Expression]:
        parts = [part()]
        while self.tokens and self.tokens[-1].lower() == word:
            self.tokens.pop()
            parts.append(part())
        return parts

    def _item(self) -> Expression:
        if not self.tokens:
            raise NoExpression("a licence expression ends too early")
        token = self.tokens.pop()
        if token == "(":
            inside = self.choice()
            if not self.tokens or self.tokens.pop() != ")":
                raise NoExpression("a bracket is not closed")
            return inside
        found = None if token.lower() in (")", "and", "or", "with") else self._known(token)
        if found is None:
            raise NoExpression(f"unknown licence {token!r}")
        if self.tokens and self.tokens[-1].lower() == "with":
            self.tokens.pop()
            if not self.tokens:
                raise NoExpression("an exception is missing after WITH")
            exception = self.tokens.pop()
            if found.kind == "id":
                found = single(found.id, exception)
        return found
