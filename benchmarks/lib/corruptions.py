"""Answers made wrong by rule, for benchmarks of gates: each rule knows one way in which models go wrong.

Knows pairs of question and answer, and texts. Does not know gates. What is drawn depends on the pair alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

PAIRS = Path(__file__).with_name("synthesis_pairs.txt")
_NAMES = (
    "Dornoch",
    "Belinda Harrow",
    "Zacharias",
    "Pemberton",
    "Olsztyn",
    "Mirabel Quint",
    "Novgorod",
    "Tavares",
)
_REFUSALS = (
    "I'm sorry, but I cannot answer this question.",
    "As an AI language model, I do not have access to this information.",
    "I am unable to help with that request.",
    "Unfortunately, I cannot provide an answer based on what is given.",
    "I apologize, but I can't determine that.",
)


class Pair(NamedTuple):
    """A question with its answer about a text; ``other`` is an answer about another text."""

    number: int
    title: str
    text: str
    question: str
    answer: str
    verbatim: bool
    other: str
    judges: bool  # written after the gates had been tuned


def pairs(path: Path = PAIRS) -> list[Pair]:
    """The pairs of the file."""
    texts: list[tuple[str, str, list[tuple[str, str, bool]]]] = []
    fresh: list[bool] = []
    judges = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            texts.append((line[2:], "", []))
            fresh.append(judges)
        elif line[:3] in ("E: ", "A: "):
            question, _, answer = line[3:].partition(" | ")
            texts[-1][2].append((question, answer, line[0] == "E"))
        elif line.startswith("# From here on"):
            judges = True
        elif line and not line.startswith("#"):
            title, text, found = texts[-1]
            texts[-1] = (title, f"{text} {line}".strip(), found)
    made = []
    for number, (title, text, found) in enumerate(texts):
        away = texts[(number + 7) % len(texts)][2]
        for place, (question, answer, verbatim) in enumerate(found):
            other = away[(place + 2) % len(away)][1]
            made.append(Pair(number, title, text, question, answer, verbatim, other, fresh[number]))
    return made


def _random(pair: Pair, rule: str) -> Random:
    return Random(hashlib.sha256(f"{rule} {pair.question}".encode()).digest())


def _figure(pair: Pair, random: Random) -> str:
    while True:
        figure = str(random.randint(13, 9999))
        if figure not in pair.text:
            return figure


def number_changed(pair: Pair) -> str | None:
    """A figure is another one."""
    random = _random(pair, "number")
    found = list(re.finditer(r"\d[\d,.]*\d|\d", pair.answer))
    if not found:
        return None
    match = random.choice(found)
    return pair.answer[: match.start()] + _figure(pair, random) + pair.answer[match.end() :]


def number_added(pair: Pair) -> str:
    """A figure that nobody gave."""
    figure = _figure(pair, _random(pair, "add"))
    return f"{pair.answer.rstrip('.')}, in all {figure}."


def name_changed(pair: Pair) -> str | None:
    """A name within the answer is another one."""
    random = _random(pair, "name")
    found = list(re.finditer(r"(?<=[a-z,] )[A-Z][\w']+(?: [A-Z][\w']+)*", pair.answer))
    if not found:
        return None
    match = random.choice(found)
    return pair.answer[: match.start()] + random.choice(_NAMES) + pair.answer[match.end() :]


def name_added(pair: Pair) -> str:
    """A name that nobody gave."""
    return f"{pair.answer.rstrip('.')}, as {_random(pair, 'named').choice(_NAMES)} found."


def other_text(pair: Pair) -> str:
    """An answer about another text."""
    return pair.other


def refusal(pair: Pair) -> str:
    """The model refuses."""
    return _random(pair, "refusal").choice(_REFUSALS)


def cut(pair: Pair) -> str | None:
    """It stops in the middle, and the engine does not say so."""
    inner = range(max(4, len(pair.answer) * 3 // 10), len(pair.answer) * 9 // 10)
    if len(pair.answer.split()) < 4 or not inner:
        return None
    return pair.answer[: _random(pair, "cut").choice(inner)].rstrip()


def loop(pair: Pair) -> str:
    """It goes round in circles."""
    random = _random(pair, "loop")
    said = pair.answer.rstrip(".").split()
    period = random.randint(1, min(6, len(said)))
    return " ".join([*said, *said[-period:] * random.randint(3, 6)]) + "."


def preface(pair: Pair) -> str:
    """It talks about itself."""
    before = (
        "Sure, here is the answer: ",
        "Based on the text, ",
        "Certainly! ",
        "According to the passage, ",
    )
    return _random(pair, "preface").choice(before) + pair.answer


def negated(pair: Pair) -> str | None:
    """It says the contrary."""
    said = re.sub(r"\b(is|was|are|were|has|can|must)\b", r"\1 not", pair.answer, count=1)
    return said if said != pair.answer else None


def swapped(pair: Pair) -> str | None:
    """One word that carries meaning is another of the text."""
    random = _random(pair, "swap")
    mine = re.findall(r"\b[a-z]{5,}\b", pair.answer)
    theirs = [word for word in re.findall(r"\b[a-z]{5,}\b", pair.text) if word not in mine]
    if not mine or not theirs:
        return None
    return re.sub(rf"\b{random.choice(mine)}\b", random.choice(theirs), pair.answer, count=1)


#: Rules by name.
RULES: dict[str, Callable[[Pair], str | None]] = {
    "number changed": number_changed,
    "number added": number_added,
    "name changed": name_changed,
    "name added": name_added,
    "refusal": refusal,
    "preface": preface,
    "cut": cut,
    "loop": loop,
    "one answer of another text": other_text,
    "negation": negated,
    "another word": swapped,
}


def corrupted(given: list[Pair], rule: str) -> Iterator[tuple[Pair, str]]:
    """Each pair that a rule fits, with its wrong answer."""
    for pair in given:
        wrong = RULES[rule](pair)
        if wrong is not None and wrong != pair.answer:
            yield pair, wrong
