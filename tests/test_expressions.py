"""No regular expression reads hostile text in exponentially many ways.

Each repetition in an expression is fed what it repeats, thirty times, and then something that does not fit, so
that the expression tries all ways in which it can read the former. One that can read a piece in two ways needs
hours for that; the others need milliseconds.
"""

from __future__ import annotations

import ast
import importlib
import random
import re
import re._parser as parser  # type: ignore[import-not-found]
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CALLS = {"compile", "match", "search", "fullmatch", "sub", "split", "finditer", "findall"}
#: Seconds that an expression may take for one text; all need some milliseconds.
SECONDS = 1.0
TIMES = 30
MANY = 4  # a repetition that may occur so often is taken to be one
TRIES = 10  # of each repetition
ENDS = ("\0", " %\n~")
CATEGORIES = {
    "CATEGORY_DIGIT": "01", "CATEGORY_SPACE": " \t\n", "CATEGORY_WORD": "ab1_",
    "CATEGORY_NOT_DIGIT": "a -", "CATEGORY_NOT_SPACE": "a1/-", "CATEGORY_NOT_WORD": " -/.",
}  # fmt: skip


def expressions() -> dict[tuple[str, int | str], tuple[str, int]]:
    """All that stand in the code, and all that modules make when they are imported: text and flags, by where."""
    found: dict[tuple[str, int | str], tuple[str, int]] = {}
    for room in ("stages", "pipeline", "model"):
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT)
            made = False
            for node in ast.walk(ast.parse(path.read_text())):
                called = node.func if isinstance(node, ast.Call) and node.args else None
                if (
                    isinstance(called, ast.Attribute)
                    and called.attr in CALLS
                    and ast.unparse(called.value) == "re"
                ):
                    text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
                    made |= text is None
                    if isinstance(text, str | bytes):
                        plain = text if isinstance(text, str) else text.decode("latin-1")
                        flags = re.IGNORECASE if "IGNORECASE" in ast.unparse(node) else re.RegexFlag(0)
                        found[str(name), node.lineno] = plain, flags
            if made:
                module = importlib.import_module(".".join(name.with_suffix("").parts))
                for key, value in vars(module).items():
                    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                        found[str(name), key] = value.pattern, value.flags
    return found


class Sampler:
    """Texts that parts of an expression fit."""

    def __init__(self, seed: str) -> None:
        self.random, self.groups = random.Random(seed), dict[int | None, str]()

    def texts(self, parsed: Any) -> str:
        return "".join(self._text(str(kind), value) for kind, value in parsed)

    def _text(self, kind: str, value: Any) -> str:
        choice = self.random.choice
        if kind == "LITERAL":
            return chr(value)
        if kind in {"ANY", "NOT_LITERAL"}:
            return choice([one for one in "a1 -/" if kind == "ANY" or ord(one) != value])
        if kind == "IN":
            return self._of_class(value)
        if kind == "BRANCH":
            return self.texts(choice(value[1]))
        if kind == "SUBPATTERN":
            self.groups[value[0]] = text = self.texts(value[3])
            return text
        if kind.endswith("_REPEAT"):
            least, most, body = value
            return "".join(self.texts(body) for _ in range(self.random.randint(least, min(most, least + 2))))
        if kind == "ATOMIC_GROUP":
            return self.texts(value)
        return self.groups.get(value, "") if kind == "GROUPREF" else ""  # the rest takes no characters

    def _of_class(self, members: Any) -> str:
        characters = ""
        for kind, value in members:
            if str(kind) == "LITERAL":
                characters += chr(value)
            elif str(kind) == "RANGE":
                characters += chr(value[0]) + chr(value[1])
            elif str(kind) == "CATEGORY":
                characters += CATEGORIES.get(str(value), "")
        if str(members[0][0]) != "NEGATE":
            return self.random.choice(characters)
        return self.random.choice([one for one in 'a1 -/.:x"<(=\n!' if one not in characters] or ["é"])


def repetitions(parsed: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """What is repeated, and what stands before it."""
    for number, (kind, value) in enumerate(parsed):
        lead = before + tuple(parsed[:number])
        name = str(kind)
        if name.endswith("_REPEAT"):
            if value[1] >= MANY:
                yield lead, value[2]
            yield from repetitions(value[2], lead)
        elif name == "SUBPATTERN":
            yield from repetitions(value[3], lead)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from repetitions(branch, lead)
        elif name == "ATOMIC_GROUP":
            yield from repetitions(value, lead)


def hostile(where: object, text: str, flags: int) -> Iterator[str]:
    """Texts that take an expression long if it can read what it repeats in several ways."""
    sampler = Sampler(str(where))
    for before, body in repetitions(parser.parse(text, flags)):
        for _ in range(TRIES):
            lead, piece = sampler.texts(before), sampler.texts(body) + sampler.texts(body)
            if piece:
                yield from ((lead + piece * TIMES)[:500] + end for end in ENDS)


class TooLong(Exception):
    """An expression took more than ``SECONDS``."""


@pytest.fixture
def alarm() -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.signal(signal.SIGALRM, before)


def reads(expression: re.Pattern[str], text: str) -> bool:
    """Whether it is read in time."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        expression.fullmatch(text)
        expression.search(text)
    except TooLong:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def test_hostile_text_is_read_in_time(alarm: None) -> None:
    found = expressions()
    assert len(found) > 400
    slow = []
    for where, (text, flags) in found.items():
        expression = re.compile(text, flags)
        if bad := next((one for one in hostile(where, text, flags) if not reads(expression, one)), None):
            slow.append((where, text, bad))
    assert not slow


@pytest.mark.parametrize("text", ["(a|aa)+b", r"(?:\w+\s*)*;", "(?:--+)+!", r"(?:\d[\d.]*)*!"])
def test_what_is_exponential_is_found(alarm: None, text: str) -> None:
    expression = re.compile(text)
    assert not all(reads(expression, one) for one in hostile("", text, 0))
