"""The stage ``language``: which language a text is in, and whether to keep it.

Knows two identifiers and what their labels mean in ISO 639. Does not know HTML, page metadata or
several languages in one text: it says what the start of the text is mostly written in.

Without ``model`` the identifier is py3langid (naive Bayes over byte n-grams; its model of 4 MB comes
with it). With ``model`` it is fastText's ``lid.176`` from a file, ``.bin`` or ``.ftz``; that model is
CC-BY-SA-3.0 and therefore not part of this package. How they compare, on one core and over the first
2,000 characters (``benchmarks/language_id.py --all``): "pages" are 1,655 real pages in English and the 15
other languages of the Nemotron corpus, with labels that lid.176 had a say in (a tenth of them for lingua);
"parts" are 150 characters from their middle; "sentences" are 88 written for the benchmark, with close pairs
and mixed scripts.

    identifier               pages    parts   sentences   pages/s   licence
    py3langid 0.4.0          99.5 %   96.4 %   98.9 %       1,200   BSD-3-Clause, one wheel for all
    fastText lid.176.ftz     99.5 %   97.0 %   98.9 %       2,100   model CC-BY-SA-3.0
    pycld2 0.42              98.6 %   96.3 %   90.9 %       7,900   Apache-2.0, wheels up to Python 3.13
    resiliparse 2.0          91.4 %   77.0 %   39.8 %      32,000   Apache-2.0
    lingua 2.1               100  %   95.8 %   98.9 %         170   Apache-2.0, 1.3 GB of memory

py3langid is the default because it is as accurate as lid.176 on pages and on sentences, and its wheel runs
everywhere. Both scores are probabilities, but not the same ones: of 1,930 pages in any language, 0.3 cuts off
0.3 % with py3langid and 0.7 % with lid.176. Shorter texts score lower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.base import Annotation, Annotator, Fault, Filter, ResourceFile, StageConfig

#: Code points that are looked at. For 99 % of pages lid.176 answers the same when it is given all of them.
PREFIX = 2_000

#: Varieties that identifiers tell apart, under the ISO 639-1 code of their macrolanguage (ISO 639-3 tables).
MACROLANGUAGE = {
    "arz": "ar",
    "ary": "ar",
    "azb": "az",
    "ckb": "ku",
    "fuv": "ff",
    "gug": "gn",
    "kik": "ki",
    "sdh": "ku",
    "uzs": "uz",
    "wuu": "zh",
    "yue": "zh",
}

_LETTER = re.compile(r"[^\W\d_]")
_CODE = re.compile(r"[a-z]{2,3}")

#: An identifier: one text without line breaks to a label and its probability.
Identify = Callable[[str], tuple[str, float]]


def _py3langid() -> tuple[Identify, list[str]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return identifier.classify, identifier.labels


def _fasttext(path: str) -> tuple[Identify, list[str]]:
    try:
        import fasttext
    except ImportError as error:
        raise ImportError(
            "language.model needs a fastText package: pip install 'nanocorpus[fasttext]'"
        ) from error
    try:
        model = fasttext.load_model(path)
    except ValueError as error:
        raise ValueError(f"language.model: {path} is not a fastText model: {error}") from error

    # The binding itself: Model.predict fails under NumPy 2 in some of the packages of this name.
    # It wants each line with its end.
    def predictions(text: str, count: int) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = model.f.predict(text + "\n", count, 0.0, "strict")
        return found

    def identify(text: str) -> tuple[str, float]:
        ((score, label),) = predictions(text, 1)
        return label.removeprefix("__label__"), score

    labels = [label.removeprefix("__label__") for _, label in predictions("language", 10_000)]
    if not {"en", "zh", "th"} <= set(labels):
        raise ValueError(
            f"language.model: {path} does not name languages as lid.176 does; its labels start with "
            + ", ".join(sorted(labels)[:5])
        )
    return identify, labels


class LanguageConfig(StageConfig):
    #: A fastText lid.176 model; without one, py3langid.
    model: ResourceFile | None = None
    #: Languages that stay; all, also unknown ones, when not given.
    keep: list[str] | None = Field(default=None, min_length=1)
    #: Lowest score that stays.
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)

    @field_validator("keep")
    @classmethod
    def _codes(cls, keep: list[str] | None) -> list[str] | None:
        for code in keep or ():
            if not _CODE.fullmatch(code):
                raise ValueError(f"{code!r} is not an ISO 639 code in lower case, such as 'en'")
        return keep


class Language(Annotator, Filter):
    """``language`` is an ISO 639-1 code, or of three letters for a language that has none in that
    standard. A text without a letter, or that the identifier holds for no language at all
    (``zxx``), has the language null and the score 0; null is in no ``keep``.

    A null text is not a mistake here: it has no language.
    """

    name = "language"
    version = 1
    Config = LanguageConfig
    reads = ("text",)
    adds = pa.schema([("language", pa.string()), ("language_score", pa.float32())])
    decides = frozenset({"keep", "min_score"})

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__(config)
        self._identify: Identify | None = None

    def open(self) -> None:
        """Loads the identifier. Raises ``ImportError`` without a package it needs, ``ValueError`` when the
        model is no lid.176 or knows none of a language in ``keep``."""
        path = self.config.model
        self._identify, labels = _py3langid() if path is None else _fasttext(path)
        known = {MACROLANGUAGE.get(label, label) for label in labels}
        if unknown := sorted(set(self.config.keep or ()) - known):
            raise ValueError(f"language.keep: the model does not know {', '.join(unknown)}")

    def annotate(self, batch: pa.Table) -> Annotation:
        heads = pc.utf8_slice_codeunits(batch["text"], 0, PREFIX)
        answers = [self._answer(head.as_py() or "") for head in heads]
        return Annotation(
            {
                "language": pa.array([code for code, _ in answers], pa.string()),
                "language_score": pa.array([score for _, score in answers], pa.float32()),
            }
        )

    def _answer(self, text: str) -> tuple[str | None, float]:
        if self._identify is None:
            raise RuntimeError("Language.open() comes before annotate()")
        if not _LETTER.search(text):
            return None, 0.0
        label, score = self._identify(text.replace("\n", " "))
        if label == "zxx":
            return None, 0.0
        # fastText's probabilities overshoot 1 by a little; the fifth digit depends on the processor.
        return MACROLANGUAGE.get(label, label), min(round(float(score), 4), 1.0)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        keep, least = self.config.keep, self.config.min_score
        wanted = None if keep is None else frozenset(keep)

        def verdict(code: str | None, score: float | None) -> Fault | None:
            if wanted is not None and code not in wanted:
                return Fault("language", code or "none")
            # Rounded as written: float32 holds 0.3 as 0.30000001.
            if (known := round(score or 0.0, 4)) < least:
                return Fault("language_score", f"{known:g} < {least:g}")
            return None

        return list(map(verdict, *_columns(batch, "language", "language_score")))


def _columns(batch: pa.Table, *names: str) -> list[list[Any]]:
    return [batch[name].to_pylist() for name in names]
