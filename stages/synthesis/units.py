"""Texts as numbered units for translation, in which what must not change is replaced by marks.

``prepared`` makes of a text what a model is shown, ``restored`` makes of its answer a text again: line breaks
and tags come back by construction, and marks are counted. Knows lines and patterns; does not know languages
beyond their tags of questions and answers.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from stages.synthesis.languages import TAGS

#: Copied as they are: formulas, code, addresses, markup, placeholders.
_PROTECTED = re.compile(
    r"""
      \$\$.+?\$\$ | (?<![\\$])\$(?=\S)[^$\n]{0,400}?(?<=\S)\$(?!\d)   # formulas
    | ```[^\n]*?``` | `[^`\n]+`                                       # code
    | \\\(.+?\\\) | \\\[.+?\\\]
    | https?://[^\s<>"'）)\]]+[^\s<>"'）)\].,;:!?] | www\.[^\s<>"')\]]+[^\s<>"')\].,;:!?]
    | [\w.+-]+@[\w-]+\.[\w.-]*\w                                      # addresses
    | </?[A-Za-z][^<>\n]{0,200}> | \{\{[^{}\n]*\}\} | \{[A-Za-z_]\w*\} | %\(\w+\)[sd] | &[a-z]+;
    """,
    re.VERBOSE,
)
_MARK = re.compile(r"⟦\s*(\d+)\s*⟧")
_NUMBERED = re.compile(r"^[ \t]*\[(\d+)\][ \t]*", re.MULTILINE)
_OF_ENGLISH = re.compile(r"^(Question:|Answer:)\s*")
_FENCE = re.compile(r"^\s*(```|~~~)")
_LETTERS = re.compile(r"[^\W\d_]")


class Unit(NamedTuple):
    """A line that is translated: its text with marks, what stands for them, and its place."""

    line: int
    text: str
    tag: int  # of ``TAGS``; -1: none
    spans: tuple[str, ...]
    first_mark: int


class Prepared(NamedTuple):
    """A text ready to be translated."""

    lines: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def shown(self) -> str:
        """What the model is shown."""
        return "\n".join(f"[{number}] {unit.text}" for number, unit in enumerate(self.units, 1))


class Restored(NamedTuple):
    """What became of an answer: the text, and what is wrong with it."""

    text: str
    units: tuple[str, ...]  # translated, without tags; empty where there is none
    missing: tuple[int, ...]  # numbers of units without a translation
    extra: tuple[
        str, ...
    ]  # numbers that nobody asked for, twice or out of order, and words that belong to none
    marks: tuple[str, ...]  # what should have come back once and did not


@functools.lru_cache(maxsize=1024)
def prepared(text: str) -> Prepared:
    """Lines with letters become units; blank lines, code blocks and lines of figures stay as they are."""
    lines = text.split("\n")
    units: list[Unit] = []
    marks = 1
    fenced = False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced:
            continue
        bare, tag = line.strip(), -1
        if match := _OF_ENGLISH.match(bare):
            tag, bare = TAGS["en"].index(match[1]), bare[match.end() :]
        spans: list[str] = []

        def mark(found: re.Match[str], spans: list[str] = spans, start: int = marks) -> str:
            spans.append(found[0])
            return f"⟦{start + len(spans) - 1}⟧"

        shown = _PROTECTED.sub(mark, bare.replace("⟦", "[").replace("⟧", "]"))
        if not _LETTERS.search(_MARK.sub("", shown)):
            continue
        units.append(Unit(number, shown, tag, tuple(spans), marks))
        marks += len(spans)
    return Prepared(tuple(lines), tuple(units))


def restored(asked: Prepared, answer: str, target: str) -> Restored:
    """The answer, which begins with the first number, as a text in the lines of the original."""
    pieces = _NUMBERED.split(answer)
    extra = [pieces[0].strip()] if pieces[0].strip() else []
    found: dict[int, str] = {}
    last = 0
    for number, text in zip(pieces[1::2], pieces[2::2], strict=True):
        count = int(number) if len(number) < 6 else 0
        if not 1 <= count <= len(asked.units) or count in found or count < last:
            extra.append(f"[{number}]")
            continue
        body, *rest = text.strip().split("\n")
        if "".join(rest).strip():
            extra.append(f"[{number}] has {1 + sum(bool(one.strip()) for one in rest)} lines")
        found[count], last = body.strip(), count
    lines = list(asked.lines)
    units: list[str] = []
    marks: list[str] = []
    for count, unit in enumerate(asked.units, 1):
        text = found.get(count, "")
        numbers = range(unit.first_mark, unit.first_mark + len(unit.spans))
        there = [int(one) for one in _MARK.findall(text)]
        for one, span in zip(numbers, unit.spans, strict=True):
            if there.count(one) != 1:
                marks.append(span)
        marks += [f"⟦{one}⟧" for one in there if one not in numbers]

        def back(match: re.Match[str], unit: Unit = unit) -> str:
            at = int(match[1]) - unit.first_mark
            return unit.spans[at] if 0 <= at < len(unit.spans) else match[0]

        text = _MARK.sub(back, text)
        units.append(text)
        line = asked.lines[unit.line]
        blank = line[: len(line) - len(line.lstrip())]
        tag = f"{TAGS.get(target, TAGS['en'])[unit.tag]} " if unit.tag >= 0 else ""
        lines[unit.line] = f"{blank}{tag}{text}"
    missing = tuple(count for count in range(1, len(asked.units) + 1) if not found.get(count))
    return Restored("\n".join(lines), tuple(units), missing, tuple(extra), tuple(marks))
