"""The stage ``code_language``: tells the language of a file and what kind of file it is, and keeps what is
wanted.

Knows the columns of readers of code (``path``, ``text``) and which settings drop what. Does not know how
languages are told (``detect``) nor kinds (``marks``), nor natural languages: ``language`` is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
from pydantic import Field, field_validator

from stages.base import MIB, Annotation, Annotator, Fault, Filter, Resources, StageConfig
from stages.code.languages.data import resolve, tables
from stages.code.languages.detect import Detected, detect
from stages.code.languages.marks import Marks, marks

Choice = Literal["keep", "drop"]
#: Characters at the beginning of a text that no NUL is in, unless it is binary (git looks at as many bytes).
_BINARY = 8000
#: What ``language_by`` says of those that have one.
BINARY = "binary"
#: In the order in which they are reasons: what is minified is generated as well.
_KINDS = ("vendored", "minified", "generated", "test")


class CodeLanguageConfig(StageConfig):
    #: Languages that are kept, by the names or aliases of GitHub's Linguist; ``nemotron43`` are the 43 of
    #: Nemotron-Pretraining-Code. Not given: all, unknown ones included.
    keep: list[str] | None = Field(default=None, min_length=1)
    #: Files of other projects: installed packages, ``vendor/``, ``third_party/``, well-known libraries.
    vendored: Choice = "keep"
    #: What tools write: lock files, bindings, bundles, designer files.
    generated: Choice = "keep"
    #: Scripts and style sheets without line breaks (they count as generated as well).
    minified: Choice = "keep"
    #: Tests and what only they use, by path.
    test: Choice = "keep"

    @field_validator("keep")
    @classmethod
    def _known(cls, keep: list[str] | None) -> list[str] | None:
        for name in keep or ():
            resolve(name)
        return keep


class CodeLanguage(Annotator, Filter):
    """``code_language`` is Linguist's name, or null; ``language_by`` is what told it (modeline, filename,
    shebang, extension, xml, manpage, rule, default, or binary); ``code_type`` is programming, markup, data or
    prose.

    Drops with the reasons ``binary`` (a NUL in the first 8,000 characters; always), ``code_language`` (not in
    ``keep``), ``vendored``, ``minified``, ``generated`` and ``test``. A null text fails with ``no_text``.
    """

    name = "code_language"
    version = 1
    Config = CodeLanguageConfig
    reads = ("text", "path")
    adds = pa.schema(
        [
            ("code_language", pa.string()),
            ("language_by", pa.string()),
            ("code_type", pa.string()),
            *((kind, pa.bool_()) for kind in Marks._fields),
        ]
    )
    decides = frozenset({"keep", *_KINDS})
    resources = Resources(memory=192 * MIB)

    def __init__(self, config: CodeLanguageConfig) -> None:
        super().__init__(config)
        names = config.keep
        self._keep = None if names is None else frozenset().union(*map(resolve, names))

    def open(self) -> None:
        """Compiles the rules."""
        tables()

    def annotate(self, batch: pa.Table) -> Annotation:
        types = tables().types
        faults: dict[int, Fault] = {}
        columns: dict[str, list[str | bool | None]] = {name: [] for name in self.adds.names}
        rows = zip(batch["text"].to_pylist(), batch["path"].to_pylist(), strict=True)
        for row, (text, path) in enumerate(rows):
            if text is None:
                faults[row] = Fault("no_text")
                values: tuple[str | bool | None, ...] = (None,) * len(columns)
            else:
                found = Detected(None, BINARY) if "\0" in text[:_BINARY] else detect(path or "", text)
                values = (*found, types.get(found.language or ""), *marks(path or "", text))
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        return Annotation(
            {name: pa.array(values, self.adds.field(name).type) for name, values in columns.items()}, faults
        )

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        languages, by = batch["code_language"].to_pylist(), batch["language_by"].to_pylist()
        kinds = [kind for kind in _KINDS if getattr(self.config, kind) == "drop"]
        marked = [(kind, batch[kind].to_pylist()) for kind in kinds]
        verdicts: list[Fault | None] = []
        for row, language in enumerate(languages):
            fault: Fault | None
            if by[row] == BINARY:
                fault = Fault(BINARY, f"a NUL in the first {_BINARY:,} characters")
            elif self._keep is not None and language not in self._keep:
                fault = Fault("code_language", language or "unknown")
            else:
                fault = next((Fault(kind) for kind, values in marked if values[row]), None)
            verdicts.append(fault)
        return verdicts
