"""Language identifiers under one interface, and what their labels mean in ISO 639.

Knows two packages and fastText models, and their labels. Does not know which languages are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from stages.fasttext.backends import Backend, open_model
from stages.fasttext.format import ModelError

#: A function from one text without line breaks to a label and its score.
Classify = Callable[[str], tuple[str, float]]

#: Labels that differ from the ISO 639-1 code that they mean: varieties of a macrolanguage (ISO 639-3 tables),
#: codes that ISO 639 has replaced, labels with scripts.
_MEANS = {
    "arz": "ar",
    "ary": "ar",
    "azb": "az",
    "ckb": "ku",
    "fuv": "ff",
    "gug": "gn",
    "iw": "he",
    "jw": "jv",
    "kik": "ki",
    "sdh": "ku",
    "sr-ME": "sr",
    "uzs": "uz",
    "wuu": "zh",
    "yue": "zh",
    "zh-Hant": "zh",
}
#: Their labels for "no language".
_NONE = frozenset({"zxx", "un"})

_LETTER = re.compile(r"[^\W\d_]")
#: Code points for which CLD2 rejects a text: controls and noncharacters.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def meaning(label: str) -> str | None:
    """The ISO 639 code of a label; None if it means no language."""
    return None if label in _NONE else _MEANS.get(label, label)


@dataclass(frozen=True)
class Identifier:
    classify: Classify
    labels: frozenset[str]

    def __call__(self, text: str) -> tuple[str | None, float]:
        """Code and score, 0 to 1; None and 0 for a text without a letter or in no language."""
        if not _LETTER.search(text):
            return None, 0.0
        label, score = self.classify(text.replace("\n", " "))
        code = meaning(label)
        # the fifth digit may depend on the processor
        return code, round(float(score), 4) if code else 0.0

    def knows(self, code: str) -> bool:
        return code in set(map(meaning, self.labels))


def py3langid() -> Identifier:
    """Naive Bayes over byte n-grams; the score is its probability, tempered by the length of the text."""
    from stages.language import langid

    identifier = langid.identifier()
    return Identifier(identifier.classify, frozenset(identifier.labels))


def fasttext(path: str, backend: Backend) -> Identifier:
    """A fastText model with the labels of lid.176, ``.bin`` or ``.ftz``. ValueError for another file."""
    try:
        scorer = open_model(path, backend)
    except ModelError as error:
        raise ValueError(f"language.model: {error}") from None
    labels = [label.removeprefix("__label__") for label in scorer.labels]
    if not {"en", "zh", "th"} <= set(labels):
        raise ValueError(
            f"language.model: {path} does not name languages as lid.176 does; its labels start with "
            + ", ".join(sorted(labels)[:5])
        )

    def classify(text: str) -> tuple[str, float]:
        (found,) = scorer.probabilities(pa.array([text]))
        best = int(found.argmax())
        return labels[best], float(found[best])

    return Identifier(classify, frozenset(labels))


def pycld2() -> Identifier:
    """Compact Language Detector 2; the score is the share of the text in the first language it names."""
    try:
        import pycld2
    except ImportError as error:
        raise ImportError("language.second: pycld2 needs its package: pip install pycld2") from error

    def classify(text: str) -> tuple[str, float]:
        _, _, found = pycld2.detect(_REFUSED.sub(" ", text), isPlainText=True, bestEffort=True)
        _, label, percent, _ = found[0]
        return label, percent / 100

    return Identifier(classify, frozenset(label for _, label in pycld2.LANGUAGES))
