"""The stage ``language``: identifies the language of a text, and keeps the languages that are wanted.

Knows when a language is accepted. Does not know HTML, page metadata, how identifiers work (``identifiers``),
what scripts are (``scripts``), nor several languages in one text: it gives the main language of a text, from
the point where it becomes prose (``sample``). Mathematical, full-width and similar letters are treated as
plain ones (``spelling``), and letters of a script that is rare in the text do not count.

Without ``model`` the identifier is py3langid, whose model of 4 MB comes with it. With ``model`` it is
fastText's ``lid.176`` from a file, ``.bin`` or ``.ftz``; that model is CC-BY-SA-3.0 and therefore not part of
this package. The table compares them on one core, on the part of a text that the stage passes to them, at
most 2,000 characters. Sentences, their first 25 characters and passages were written for
``benchmarks/language_id.py`` (which prints each of the 16 languages); pages are 1,663 real ones, with labels
for the first 2,000 characters that are partly based on lid.176.

    identifier            sentences  start of  passages   pages  pages/s  licence
    py3langid 0.4.0          99.9 %    96.9 %   100.0 %  99.2 %    4,200  BSD-3-Clause, one wheel for all
    fastText lid.176.ftz     99.7 %    93.1 %   100.0 %  99.5 %    5,200  model CC-BY-SA-3.0
    pycld2 0.42              98.2 %    90.4 %    99.9 %  98.6 %    6,800  Apache-2.0, wheels to Python 3.13
    resiliparse 2.0          66.8 %     5.4 %    95.7 %  95.9 %   42,600  Apache-2.0
    lingua 2.1               99.6 %    97.2 %    99.8 %  98.7 %      180  Apache-2.0, 1.3 GB of memory

py3langid is the default because it is as accurate as lid.176 and its wheel runs everywhere. Both scores are
probabilities, but not the same ones: of 1,792 pages in any language, a threshold of 0.3 drops 0.3 % with
py3langid and 0.9 % with lid.176. Shorter texts score lower.

``second`` is for the method of Nemotron-CC (section 2.1 of the paper): keep documents for which fastText and
pycld2 name the same language. This drops 1.1 % of the pages although lid.176 had their language right, most
of them half code or English, and keeps 0.3 % of the 0.5 % that it had wrong. With py3langid in place of
pycld2 it drops 0.4 % and keeps 0.3 %.

``scripts`` loses almost nothing: among pages in the 16 languages it drops none after py3langid, and after
lid.176 six of 1,900, which are fragments with a wrong language. It is meant for broken text, of which these
pages have none: of UTF-8 decoded as Shift_JIS it drops everything that py3langid takes for Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from stages.base import MIB, Annotation, Annotator, AssetFile, Fault, Filter, Resources, StageConfig
from stages.fasttext.backends import Backend
from stages.language import identifiers
from stages.language.identifiers import Identifier
from stages.language.sample import sample
from stages.language.scripts import fits, measure, without_rare
from stages.language.spelling import plain

_CODE = re.compile(r"[a-z]{2,3}")


def looked_at(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """For each text, the part whose script is counted, and the part of that which an identifier gets."""
    samples = [plain(sample(text)) for text in texts]
    return samples, list(map(without_rare, samples))


class LanguageConfig(StageConfig):
    #: A fastText lid.176 model. Without one, the built-in identifier (py3langid) is used.
    model: AssetFile | None = None
    #: What evaluates the fastText model: our own code (``own``), or the fastText ``library`` (extra
    #: ``[fasttext]``).
    backend: Backend = "own"
    #: A second identifier that must name the same language; otherwise the document is dropped.
    second: Literal["py3langid", "pycld2"] | None = None
    #: Languages that are kept (ISO 639-1). Default: all, including unknown ones.
    keep: list[str] | None = Field(default=None, min_length=1)
    #: Documents with a lower score are dropped.
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)
    #: Whether to drop texts that are not in the script of their language.
    scripts: bool = False

    @field_validator("keep")
    @classmethod
    def _codes(cls, keep: list[str] | None) -> list[str] | None:
        for code in keep or ():
            if not _CODE.fullmatch(code):
                raise ValueError(f"{code!r} is not an ISO 639 code in lower case, such as 'en'")
        return keep

    @model_validator(mode="after")
    def _two(self) -> LanguageConfig:
        if self.second == "py3langid" and self.model is None:
            raise ValueError("py3langid is already the first identifier if no model is given")
        if self.backend != "own" and self.model is None:
            raise ValueError("backend: library goes with a model; py3langid has only one implementation")
        return self


class Language(Annotator, Filter):
    """``language`` is an ISO 639-1 code, or a three-letter code for a language without one. A text without
    letters, or whose language the identifier cannot tell, has a null language and the score 0; ``keep`` never
    keeps it. ``language.second`` is the result of the second identifier.

    ``language.script`` is the ISO 15924 code of the script that most letters are in (null without letters);
    ``language.script_share`` is the share of letters in a script that the language is written in (null for
    languages that ``scripts.WRITTEN_IN`` does not list).

    Drops with the reasons ``language`` (not in ``keep``), ``language_disagrees`` (``second`` names another
    language), ``language_score`` (below ``min_score``) and ``language_script`` (in another script). A null
    text has no language and does not fail.
    """

    name = "language"
    version = 3
    Config = LanguageConfig
    reads = ("text",)
    adds = pa.schema(
        [
            ("language", pa.string()),
            ("language_score", pa.float32()),
            ("language.script", pa.string()),
            ("language.script_share", pa.float32()),
        ]
    )
    decides = frozenset({"keep", "min_score", "scripts"})

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__(config)
        self._first: Identifier | None = None
        self._second: Identifier | None = None

    @classmethod
    def added(cls, config: LanguageConfig) -> pa.Schema:
        return cls.adds.append(pa.field("language.second", pa.string())) if config.second else cls.adds

    @classmethod
    def requires(cls, config: LanguageConfig) -> Resources:
        # the library holds the file in the memory of each worker: 126 MiB for lid.176.bin
        return cls.resources if config.backend == "own" else Resources(memory=384 * MIB)

    def open(self) -> None:
        """Loads the identifiers. Raises ``ImportError`` if a package that they need is missing,
        ``ValueError`` if the model is not a lid.176 model or an identifier does not know a language in
        ``keep``."""
        path, second, backend = self.config.model, self.config.second, self.config.backend
        self._first = identifiers.py3langid() if path is None else identifiers.fasttext(path, backend)
        if second is not None:
            self._second = identifiers.pycld2() if second == "pycld2" else identifiers.py3langid()
        for name, identifier in (("the model", self._first), (second, self._second)):
            unknown = [code for code in self.config.keep or () if identifier and not identifier.knows(code)]
            if unknown:
                raise ValueError(f"language.keep: {name} does not know {', '.join(sorted(unknown))}")

    def annotate(self, batch: pa.Table) -> Annotation:
        if self._first is None:
            raise RuntimeError("Language.open() comes before annotate()")
        samples, shown = looked_at(text.as_py() or "" for text in batch["text"])
        answers = list(map(self._first, shown))
        codes = [code for code, _ in answers]
        most, shares = measure(samples, codes)
        columns = {
            "language": pa.array(codes, pa.string()),
            "language_score": pa.array([score for _, score in answers], pa.float32()),
            "language.script": pa.array(most, pa.string()),
            "language.script_share": pa.array(shares, pa.float32()),
        }
        if self._second is not None:
            others = [
                self._second(text)[0] if code else None for text, code in zip(shown, codes, strict=True)
            ]
            columns["language.second"] = pa.array(others, pa.string())
        return Annotation(columns)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        second, least = self.config.second, self.config.min_score
        keep = None if self.config.keep is None else frozenset(self.config.keep)
        codes, scores, most, shares = (batch[name].to_pylist() for name in self.adds.names)
        others = batch["language.second"].to_pylist() if second else codes

        def verdict(
            code: str | None, score: float | None, script: str | None, share: float | None, other: str | None
        ) -> Fault | None:
            if keep is not None and code not in keep:
                return Fault("language", code or "none")
            if code != other:
                return Fault("language_disagrees", f"{code}, by {second} {other or 'none'}")
            # Rounded for display: float32 holds 0.3 as 0.30000001.
            if (known := round(score or 0.0, 4)) < least:
                return Fault("language_score", f"{known:g} < {least:g}")
            if self.config.scripts and not fits(code, script, share):
                return Fault("language_script", f"{code} in {script}, {share:g} in its own")
            return None

        return list(map(verdict, codes, scores, most, shares, others))
