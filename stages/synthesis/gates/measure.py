"""What every answer is measured for against the segment that it is about.

Knows texts in one language, or in two for translations (``gates.translation``). A number that cannot be
measured for an answer is null, and no rule drops by it. Beside each count stands what was counted, so that a
reject names the thing at fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from stages.synthesis.gates import loops, phrases
from stages.synthesis.gates.words import (
    NUMBER_WORDS,
    content,
    forms,
    names,
    number_words,
    numbers,
    words,
)
from stages.synthesis.languages import (
    FUNCTION_WORDS,
    LATIN,
    LETTER,
    NAMES,
    NEVER_LAST,
    NO_NAMES,
    SCRIPTS,
    UNSPACED,
)

#: Every gate: its column is ``gate.<name>``. Counts and shares alike are float32.
GATES = {
    "truncated": "1 if the answer reached its limit of tokens in this item",
    "unfinished": "1 if it ends without a final mark, or with a word that never ends a sentence",
    "refusal": "phrases of refusal that the source does not have",
    "chat": "phrases of assistants, prefaces and roles that the source does not have",
    "prompt_overlap": "runs of eight words of the prompt that the source does not have",
    "repeats": "how often the same one to eight words come one after the other",
    "same_lines": "how often the most frequent line comes",
    "compression": "compressed bytes for one byte, of texts of 400 bytes and more",
    "script": "share of letters that are of the script of the language",
    "wrong_language": "function words of another language, less twice those of the right one",
    "numbers_missing": "figures that the source does not have",
    "numbers_lost": "share of the figures of the source that are not there",
    "names_missing": "names within sentences that the source does not have",
    "grounded": "share of meaningful words whose stem the source has; of a pair, of its answer",
    "words_missing": "meaningful words whose stem the source does not have, if grounded is below .3",
    "all_grounded": "grounded of all items of the answer together",
    "question_grounded": "the same of the question of a pair",
    "copied": "share of runs of eight words that the source has",
    "coverage": "share of the source's meaningful words that are there",
    "length_ratio": "characters for one of the source",
    "off_question": "1 if an answer says yes or no where the question asks who, what, how or the like",
    "refers_to_text": "1 if a question or answer speaks of the text",
    "duplicate": "1 if an earlier item of the segment says nearly the same",
    "words": "words of the item",
    "turns": "of a dialogue, the least number of turns of one of its speakers",
    "units_missing": "of a translation, units without one, and numbers that nobody asked for",
    "units_same": "units that are as they were",
    "spans_missing": "formulas, code and addresses that did not come back exactly once",
    "numbers_changed": "of a translation, units whose figures are not those of the original",
    "length_off": "of a translation, the distance of its length from the usual one, as a factor from 1 up",
    "units_off": "the same of the unit that is farthest off, of those of 40 characters and more",
    "unbalanced": "delimiters of formulas, braces and environments that do not match",
    "formulas_missing": "formulas of the page that are not there",
    "formulas_added": "formulas that the page does not have, beyond those that it had as plain text",
    "numbers_added": "figures more often than in the page",
    "numbers_dropped": "share of the figures of the page that are not there as often",
    "code_changed": "code blocks that are not as they were",
    "code_blocks": "code blocks of the answer",
    "code_errors": "code blocks that do not parse",
    "code_unknown": "code blocks in a language without a parser",
}
PREFIX = "gate."
#: Columns of items: every gate, and what was seen, one line for each gate that has something to name.
SCHEMA = pa.schema([*((PREFIX + name, pa.float32()) for name in GATES), (f"{PREFIX}seen", pa.string())])

_SHARED = 8  # words of a run that two texts have in common
_FINAL = re.compile(r"[.!?…。！？؟۔।:][\"'”’»)\]」』）*_]*$|```$|\$$|\\\]$|[)\]]$|\|$")
_TRAILING = re.compile(r"[,;:\-–—(\[]$")
_ENOUGH_LETTERS = 40
_DOUBTFUL = 0.3
#: Meaningful words of an answer from which on it can be told that it is about something else.
ENOUGH_WORDS = 8
#: Words that an answer may have without a final mark, and characters where words are not parted.
_WITHOUT_END, _WITHOUT_END_UNSPACED = 1, 4
_OPTION = re.compile(r"\(?[A-H][).:] \S")


class Measured(dict[str, float]):
    """Values of gates by name, and what was seen for them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[str]] = {}
        #: Meaningful words of the item, and how many of them the source does not have.
        self.compared = (0, 0)

    def count(self, gate: str, things: Iterable[str]) -> None:
        """Note things that were seen and how many they are."""
        found = list(things)
        self[gate] = len(found)
        if found:
            self.seen[gate] = found

    @property
    def lines(self) -> str:
        """What was seen, one line for each gate."""
        return "\n".join(
            f"{gate}: {', '.join(one[:60].replace(chr(10), ' ') for one in things[:5])}"
            for gate, things in self.seen.items()
        )


class Source:
    """A segment, taken apart once for all items about it."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text, language
        self.lower = text.lower()
        self.words = words(text)
        self.vocabulary = frozenset(self.words)
        self.stems = frozenset(content(self.words, language))
        self.numbers = numbers(text)
        self.figures = frozenset(form for number in self.numbers for form in forms(number))
        spelled = {NUMBER_WORDS[word] for word in self.words if word in NUMBER_WORDS}
        self.values = self.figures | spelled

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """Runs of eight words."""
        return frozenset(runs(self.words))

    def has_name(self, name: str) -> bool:
        """Whether a name is there, in whatever case or ending."""
        low = name.lower()
        parts = re.split(r"['’-]", low)
        if low in self.lower or all(part in self.vocabulary for part in parts if len(part) > 1):
            return True
        stem = parts[0]
        return len(stem) > 3 and any(
            (word.startswith(stem) or stem.startswith(word)) for word in self.vocabulary if len(word) > 3
        )


def runs(found: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """Runs of eight words."""
    return zip(*(found[start:] for start in range(_SHARED)), strict=False)


def prompt_runs(text: str) -> frozenset[tuple[str, ...]]:
    """Runs of eight words of the words of a prompt."""
    return frozenset(runs(words(text)))


def surface(
    found: Measured, text: str, source: Source, language: str, prompt: frozenset[tuple[str, ...]]
) -> list[str]:
    """What needs no comparison of meaning: phrases, loops, script, language, end. Returns the words."""
    lower = text.lower()
    said = words(text)
    found.count("refusal", phrases.REFUSAL.found(lower, source.lower))
    found.count("chat", phrases.CHAT.found(lower, source.lower))
    leaked = [run for run in runs(said) if run in prompt] if prompt and len(said) >= _SHARED else []
    found.count("prompt_overlap", (" ".join(run) for run in leaked if run not in source.runs))
    found["repeats"] = loops.repeats(said)
    found["same_lines"] = loops.same_lines(text) if len(text) > 60 else 1
    found["compression"] = loops.compression(text)
    found["words"] = len(said)
    found["script"] = script(text, language)
    found["wrong_language"] = wrong_language(said, language)
    found["unfinished"] = unfinished(text, said, source, language)
    return said


def script(text: str, language: str) -> float:
    """Share of letters in the script of a language; 1 where there are too few to tell."""
    pattern = SCRIPTS.get(language, LATIN)
    if pattern is LATIN and text.isascii():
        return 1.0
    letters = len(LETTER.findall(text))
    return len(pattern.findall(text)) / letters if letters >= _ENOUGH_LETTERS // 2 else 1.0


def wrong_language(said: list[str], language: str) -> float:
    """Function words of that other language which has most, less twice those of this one; 0 or more."""
    if len(said) < 6 or language not in NAMES:
        return 0.0
    own = FUNCTION_WORDS.get(language, frozenset())
    right = sum(word in own for word in said)
    most = 0
    for code, known in FUNCTION_WORDS.items():
        if code != language:
            most = max(most, sum(word in known and word not in own for word in said))
    return float(max(most - 2 * right, 0))


def unfinished(text: str, said: list[str], source: Source, language: str) -> float:
    """1 if a text seems to stop in the middle."""
    bare = text.rstrip()
    if not bare or not said:
        return 1.0
    if _TRAILING.search(bare) and not bare.endswith(":"):
        return 1.0
    if _FINAL.search(bare):
        return 0.0
    if language == "th":
        return 0.0  # has no final marks
    last = said[-1]
    if last in NEVER_LAST:
        return 1.0
    unknown = not last.isdigit() and last not in source.vocabulary and len(last) > 1
    if unknown and language not in UNSPACED and any(word.startswith(last) for word in source.vocabulary):
        return 1.0  # the beginning of a word
    if _OPTION.match(bare):
        return 0.0
    few = _WITHOUT_END_UNSPACED if language in UNSPACED else _WITHOUT_END
    return float(len(said) > few and not (len(said) == 2 and any(word.isdigit() for word in said)))


def comparison(found: Measured, text: str, said: list[str], source: Source, language: str) -> None:
    """What an answer has that its source has not."""
    found.count(
        "numbers_missing",
        (
            *(number for number in numbers(text) if not forms(number) & source.values),
            *(word for word in number_words(said) if not _spelled(word, source)),
        ),
    )
    if language not in NO_NAMES:
        found.count("names_missing", (name for name in names(text) if not source.has_name(name)))
    grounding(found, content(said, language), source.stems)
    if source.text:
        found["length_ratio"] = len(text) / len(source.text)


def grounding(found: Measured, stems: list[str], known: frozenset[str]) -> None:
    """Share of stems that are known; null where there are none."""
    found.pop("grounded", None)
    missing = [stem for stem in stems if stem not in known]
    found.compared = len(stems), len(missing)
    if stems:
        found["grounded"] = 1 - len(missing) / len(stems)
        found.count("words_missing", dict.fromkeys(missing) if found["grounded"] < _DOUBTFUL else ())
        if found["grounded"] < 2 * _DOUBTFUL:
            found.seen["grounded"] = list(dict.fromkeys(missing))


def _spelled(word: str, source: Source) -> bool:
    return word in source.vocabulary or NUMBER_WORDS[word] in source.values


def passage(found: Measured, text: str, said: list[str], source: Source, language: str) -> None:
    """What is measured of longer texts only."""
    if len(said) >= _SHARED:
        own = list(runs(said))
        found["copied"] = sum(run in source.runs for run in own) / len(own)
    if source.stems:
        found["coverage"] = len(source.stems & set(content(said, language))) / len(source.stems)
    if source.figures:
        mine = frozenset(form for number in numbers(text) for form in forms(number))
        lost = [number for number in source.numbers if not forms(number) & mine]
        found["numbers_lost"] = len(lost) / len(source.numbers)


def similar(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets of words are nearly the same: Jaccard of .8 and more."""
    both = len(one & other)
    return both >= 0.8 * (len(one) + len(other) - both)


def row(found: Measured) -> dict[str, Any]:
    """The columns of an item."""
    return {**{PREFIX + name: found.get(name) for name in GATES}, f"{PREFIX}seen": found.lines or None}
