"""Cuts a text into segments that a model can take, of nearly equal size, where it hurts least.

Between paragraphs if that is enough, else between lines, sentences, words, and at last between characters.
Never within a code block, a displayed formula, an environment or a table: what is too long of these is a
segment that is too long, and says so. Nothing is left out: segments and the blank space between them are the
text. Knows characters and a function that counts tokens; does not know tasks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

_FENCE = re.compile(r"[ \t]*(```+|~~~+)")
_BEGIN, _END = re.compile(r"\\begin\{(\w+\*?)\}"), re.compile(r"\\end\{(\w+\*?)\}")
_ROW = re.compile(r"\s*\|.*\|\s*$")
#: After the end of a sentence: marks of the scripts of the corpus, closing quotes, and a blank where the
#: script has any.
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])[」』”’）]*\s*|(?<=[؟।])\s+")
_WORD = re.compile(r"\s+")

Count = Callable[[str], int]


class Segment(NamedTuple):
    """``text[start:end]``, without blank space around it."""

    start: int
    end: int
    tokens: int


class _Atom(NamedTuple):
    start: int
    end: int
    tokens: int
    whole: bool  # must not be cut


def segments(text: str, most: int, count: Count) -> list[Segment]:
    """Segments of at most ``most`` tokens; only code blocks, formulas and tables may be longer."""
    atoms = list(_atoms(text, most, count))
    # as few as can be, and the largest of these as small as can be
    number, low, high = len(_packed(atoms, most)), 1, most
    while low < high:
        middle = (low + high) // 2
        if len(_packed(atoms, middle)) <= number:
            high = middle
        else:
            low = middle + 1
    return [found for group in _evened(_packed(atoms, high)) if (found := _trimmed(text, group))]


def _packed(atoms: list[_Atom], most: int) -> list[list[_Atom]]:
    """Neighbours together up to ``most`` tokens."""
    groups: list[list[_Atom]] = []
    size = 0
    for atom in atoms:
        if groups and size + atom.tokens <= most:
            groups[-1].append(atom)
            size += atom.tokens
        else:
            groups.append([atom])
            size = atom.tokens
    return groups


def _evened(groups: list[list[_Atom]]) -> list[list[_Atom]]:
    """The same with less difference between neighbours: the last group is what the others have left."""
    sizes = [sum(atom.tokens for atom in group) for group in groups]
    for right in range(len(groups) - 1, 0, -1):
        left = right - 1
        while len(groups[left]) > 1 and sizes[left] - groups[left][-1].tokens >= (
            sizes[right] + groups[left][-1].tokens
        ):
            atom = groups[left].pop()
            groups[right].insert(0, atom)
            sizes[left] -= atom.tokens
            sizes[right] += atom.tokens
    return groups


def _trimmed(text: str, group: list[_Atom]) -> Segment | None:
    start, end = group[0].start, group[-1].end
    body = text[start:end]
    if not body.strip():
        return None
    lead = len(body) - len(body.lstrip("\r\n"))
    return Segment(start + lead, start + len(body.rstrip()), sum(atom.tokens for atom in group))


def _atoms(text: str, most: int, count: Count) -> Iterator[_Atom]:
    """The text in pieces of at most ``most`` tokens, as coarse as that allows."""
    for start, end, whole in _blocks(text):
        tokens = count(text[start:end])
        if tokens <= most or whole:
            yield _Atom(start, end, tokens, whole)
        else:
            yield from _finer(text, start, end, most, count, 0)


def _finer(text: str, start: int, end: int, most: int, count: Count, level: int) -> Iterator[_Atom]:
    for low, high in pairwise(_cuts(text, start, end, level)):
        tokens = count(text[low:high])
        if tokens <= most or high - low == 1:
            yield _Atom(low, high, tokens, False)
        else:
            yield from _finer(text, low, high, most, count, min(level + 1, 3))


def _cuts(text: str, start: int, end: int, level: int) -> list[int]:
    """Places to cut, both ends included: after lines, sentences, groups of words, or in the middle."""
    if level == 0:
        inner = [match.end() for match in re.compile(r"\n").finditer(text, start, end)]
    elif level == 1:
        inner = [match.end() for match in _SENTENCE.finditer(text, start, end)]
    elif level == 2:
        words = [match.end() for match in _WORD.finditer(text, start, end)]
        inner = words[63::64]
    else:
        inner = [(start + end) // 2]
    return [start, *(cut for cut in inner if start < cut < end), end]


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start and end of paragraphs and of what must stay whole."""
    start = position = 0
    whole = False  # whether the block that began at ``start`` must not be cut
    fence = ""
    environments: list[str] = []
    display = False
    for line in text.splitlines(keepends=True):
        end = position + len(line)
        within = bool(fence or environments or display)
        match = _FENCE.match(line)
        opens = bool(match) or (not fence and (bool(_BEGIN.search(line)) or line.count("$$") % 2 == 1))
        row = not within and bool(_ROW.match(line))
        special = within or opens or row
        if special != whole and start < position and not within:
            yield start, position, whole
            start = position
        if not within:
            whole = special
        if fence:
            fence = "" if match and line.strip().startswith(fence) else fence
        elif match and not display:
            fence = match[1]
        else:
            environments += _BEGIN.findall(line)
            for name in _END.findall(line):
                if name in environments:
                    del environments[len(environments) - 1 - environments[::-1].index(name) :]
            display ^= line.count("$$") % 2 == 1
        position = end
        if not line.strip() and not (fence or environments or display):
            yield start, position, whole
            start, whole = position, False
    if start < position:
        # what was opened and never closed is no block
        yield start, position, whole and not (fence or environments or display)
