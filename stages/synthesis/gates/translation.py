"""Gates of translations, unit by unit: all are there, are translated, and keep what must be kept.

Knows units (``stages.synthesis.units``) and usual lengths. Does not know whether a translation is right.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from stages.synthesis.gates.measure import Measured
from stages.synthesis.gates.words import NUMBER_WORDS, forms, numbers
from stages.synthesis.languages import LENGTHS
from stages.synthesis.units import Prepared, Restored

_LETTERS = re.compile(r"[^\W\d_]{2,}")
_ENOUGH = 40  # characters of a unit whose length says something
_MARK = re.compile(r"⟦\s*\d+\s*⟧")


def measure(found: Measured, asked: Prepared, answer: Restored, source: str, target: str) -> None:
    """Units, spans, figures and lengths of a translation from ``source`` into ``target``."""
    found.count("units_missing", (*(f"[{number}]" for number in answer.missing), *answer.extra))
    found.count("spans_missing", answer.marks)
    same: list[str] = []
    changed: list[str] = []
    usual = LENGTHS.get(target, 1.0) / LENGTHS.get(source, 1.0)
    worst = 1.0
    before = after = 0
    for unit, text in zip(asked.units, answer.units, strict=True):
        if not text:
            continue
        original = unit.text
        for number, span in enumerate(unit.spans, unit.first_mark):
            original = original.replace(f"⟦{number}⟧", span)
        if text.strip() == original.strip() and len(_LETTERS.findall(_MARK.sub("", unit.text))) > 2:
            same.append(text)
        bare = _MARK.sub(" ", unit.text)
        shown = text
        for span in unit.spans:
            shown = shown.replace(span, " ", 1)
        if wrong := _figures(bare, shown):
            changed += wrong
        before, after = before + len(bare), after + len(shown)
        if len(bare) >= _ENOUGH:
            worst = max(worst, _factor(len(shown), len(bare) * usual))
    found.count("units_same", same)
    found.count("numbers_changed", changed)
    if before:
        found["length_off"] = _factor(after, before * usual)
    found["units_off"] = worst


def _factor(length: float, usual: float) -> float:
    return math.exp(abs(math.log((length + 1) / (usual + 1))))


def _figures(original: str, translation: str) -> list[str]:
    """Figures that one has and the other has not; one may be a word, if it is small."""
    one, other = [forms(number) for number in numbers(original)], [forms(n) for n in numbers(translation)]
    if one == other:
        return []
    left = list(other)
    missing = []
    for figure in one:
        match = next((candidate for candidate in left if candidate & figure), None)
        if match is None:
            missing.append(figure)
        else:
            left.remove(match)
    said = re.findall(r"[a-z]+", original.lower())
    spelled = Counter(NUMBER_WORDS[word] for word in said if word in NUMBER_WORDS)
    wrong = [min(figure) for figure in missing if not any(_small(form) for form in figure)]
    for figure in left:
        word = next((form for form in figure if spelled[form]), None)
        if word is None:
            wrong.append(min(figure))
        else:
            spelled[word] -= 1
    return wrong


def _small(form: str) -> bool:
    return form.isdigit() and int(form) <= 12
