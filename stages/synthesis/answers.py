"""Answers taken apart: pairs, facts, passages, dialogues, units, code.

Knows how answers are laid out; does not know whether they are any good. All that is in an answer goes into
one of its items, or the answer has none and says why: nothing is left out in silence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.base import Fault
from stages.synthesis.task import Task

_BULLET = re.compile(r"^[ \t]*(?:[-*•–‣]|\(?\d{1,3}[.)])(?:[ \t]+|$)")
_EMPHASIS = re.compile(r"\*\*(.+?)\*\*|__(.+?)__", re.DOTALL)
_SPEAKER = re.compile(
    r"^[ \t]*(?:\*\*)?([A-Z][\w.]*(?: [A-Z][\w.]*)?)(?:\*\*)?[ \t]*:(?:\*\*)?[ \t]*(?=\S)", re.MULTILINE
)
_SEEN = 200  # characters of an answer that a reject shows


class Item(NamedTuple):
    """A part of an answer: for a pair ``question`` and ``answer``, else ``answer`` alone."""

    text: str
    question: str
    answer: str


def taken_apart(task: Task, answer: str) -> list[Item] | Fault:
    """The items of an answer, which goes on from the task's prefix; or why there are none."""
    said = answer.strip()
    bare = said.removeprefix(task.answer.prefix).strip().strip("\"'*.").strip()
    if bare.upper() == task.none.upper():
        return Fault("none", f"the model found nothing: {task.none}")
    if not said:
        return Fault("no_answer", "the answer is empty")
    whole = f"{task.answer.prefix} {said}" if task.answer.prefix else said
    items = _PARSERS[task.parser](task, whole)
    if not items:
        return Fault("no_items", f"no {task.parser} in: {said[:_SEEN]}")
    return items


def _pairs(task: Task, text: str) -> list[Item]:
    """Pairs, each from the one tag to the next; what comes before the first tag makes the answer unusable."""
    first, second = task.tags
    plain = _EMPHASIS.sub(lambda match: match[1] or match[2] or "", text)
    either = f"({re.escape(first)}|{re.escape(second)})"
    tag = re.compile(rf"^[ \t]*(?:[-*•][ \t]+|\d{{1,3}}[.)][ \t]+)?{either}[ \t]*", re.MULTILINE)
    pieces = tag.split(plain)
    if pieces[0].strip():
        return []
    items: list[Item] = []
    question: str | None = None
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if name == first:
            if question is not None:
                items.append(Item(f"{first} {question}", question, ""))
            question = body.strip()
        else:
            # an answer to nothing is an item too, so that it is counted
            asked, question = question or "", None
            items.append(Item(f"{first} {asked}\n{second} {body.strip()}", asked, body.strip()))
    if question is not None:
        items.append(Item(f"{first} {question}", question, ""))
    return items


def _code(task: Task, text: str) -> list[Item]:
    """One exercise and its solution, which may hold lines that look like tags."""
    first, second = task.tags
    body = text.strip()
    if not body.startswith(first):
        return []
    question, tag, answer = body.removeprefix(first).partition(f"\n{second}")
    if not tag:
        return [Item(body, question.strip(), "")]
    return [Item(f"{first} {question.strip()}\n{second}\n{answer.strip()}", question.strip(), answer.strip())]


def _items(task: Task, text: str) -> list[Item]:
    """Facts, one a line; a line without a mark goes on with the one before, or is a preface and no list."""
    facts: list[str] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        if match := _BULLET.match(line):
            facts.append(line[match.end() :].strip())
        elif facts:
            facts[-1] += f" {line.strip()}"
        else:
            return []
    return [Item(f"- {fact}", "", fact) for fact in facts if fact]


def _passage(task: Task, text: str) -> list[Item]:
    """The whole answer, without quotation marks around it."""
    body = text.strip()
    for opening, closing in (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“")):
        if len(body) > 1 and body.startswith(opening) and body.endswith(closing):
            inner = body[1:-1]
            if opening not in inner and closing not in inner:
                body = inner.strip()
    return [Item(body, "", body)] if body else []


def _dialogue(task: Task, text: str) -> list[Item]:
    """The whole dialogue, if it begins with a speaker."""
    body = text.strip()
    return [Item(body, "", body)] if _SPEAKER.match(body) else []


def turns(text: str) -> dict[str, int]:
    """How often each speaker of a dialogue speaks."""
    found: dict[str, int] = {}
    for match in _SPEAKER.finditer(text):
        found[match[1]] = found.get(match[1], 0) + 1
    return found


_PARSERS = {
    "pairs": _pairs,
    "items": _items,
    "passage": _passage,
    "dialogue": _dialogue,
    "units": _passage,
    "code": _code,
}
