"""The stage ``repository_order``: one document per repository, its files one after the other.

    - repository_order: {}                              # each file after those that it imports
    - repository_order: {order: path, max_bytes: 1_000_000}

Comes last: what is dropped before is in no repository, and near duplicates of files are found before.

    map        of each file its repository, path, and what it imports          (``imports``)
    places     repositories: which document a file is in, and its place there  (``repository``)
    texts      documents: each file's text goes to its place
    verdicts   documents put together; the row of the first file carries it

Only one document's texts are in memory at a time, however large a repository is.

Knows the config, rows and rounds. Does not know imports, nor how files are put in order.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.base import MIB, Fault, Resources, StageConfig
from stages.code.comments import SIGNS
from stages.code.imports import names
from stages.code.repository import File, order
from stages.global_stage import LAST, Applied, Global, Reduced, Round, Rounds
from stages.text.utf8 import as_array

_FIELDS = frozenset({"sign", "path", "repo"})
_OTHER_SIGN = "#"


class RepositoryOrderConfig(StageConfig):
    #: ``imports``: files of Python, Java, C#, C and C++ come after those that they import; files that import
    #: each other, and all others, by path. ``path``: by path.
    order: Literal["imports", "path"] = "imports"
    #: Most bytes of a document. A larger repository becomes several documents; a larger file is one by
    #: itself.
    max_bytes: int = Field(default=4_000_000, ge=1)
    #: Columns in which all files of a document are equal, such as ``license_group``: a repository becomes one
    #: document for each combination of values.
    within: tuple[str, ...] = ()
    #: What comes before each file. ``{path}`` and ``{repo}`` are the file's, ``{sign}`` begins a comment in
    #: its language.
    header: str = "{sign} {path}\n"

    @field_validator("header")
    @classmethod
    def _known_fields(cls, header: str) -> str:
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(header) if name is not None}
        except ValueError as error:
            raise ValueError(f"{error}; write a brace as two") from None
        if unknown := fields - _FIELDS:
            raise ValueError(f"{{{min(unknown)}}} is none of {{path}}, {{repo}} and {{sign}}")
        return header


class RepositoryOrder(Global):
    """The row of the first file has the document: ``text``, ``repository.files`` (paths in order),
    ``code_language`` (of most bytes) and ``license`` (all of the files', joined by ``AND``); its other
    columns are those of the first file. The rows of the other files are dropped with the reason
    ``in_repository`` and the id of that row as detail: their texts are in it.

    Files belong together by ``repo`` and ``commit``. The order depends on paths and imports alone.
    """

    name = "repository_order"
    Config = RepositoryOrderConfig
    reads = ("id", "text", "repo", "commit", "path", "code_language", "license")
    adds = pa.schema(
        [
            ("text", pa.string()),
            ("code_language", pa.string()),
            ("license", pa.string()),
            ("repository.files", pa.list_(pa.string())),
        ]
    )
    decides: ClassVar[frozenset[str]] = frozenset({"max_bytes", "header"})
    verdicts = pa.schema(
        [
            ("key", pa.uint64()),
            ("lead", pa.binary(16)),
            ("text", pa.large_string()),  # of the first file: that of the document
            ("language", pa.string()),
            ("license", pa.string()),
            ("files", pa.list_(pa.string())),
        ]
    )
    resources = Resources(memory=512 * MIB)

    @classmethod
    def needs(cls, config: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*cls.reads, *config.within]))

    def map(self, batch: pa.Table) -> pa.Table:
        """Of each file: its repository as ``key`` and ``low``, what its place depends on, and its size."""
        columns = [batch[name].to_pylist() for name in ("repo", "commit", *self.config.within)]
        digests = b"".join(
            blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for values in zip(*columns, strict=True)
        )
        halves = np.frombuffer(digests, "<u8").reshape(-1, 2)
        texts, languages = batch["text"], batch["code_language"].to_pylist()
        imported: list[list[str]] = [[] for _ in languages]
        if self.config.order == "imports":
            imported = [names(text.as_py() or "", of) for text, of in zip(texts, languages, strict=True)]
        return pa.table(
            {
                "key": halves[:, 0].astype(np.uint64),
                "row": np.arange(len(batch), dtype=np.uint32),
                "low": halves[:, 1].astype(np.uint64),
                "id": as_array(batch["id"]),
                "path": as_array(batch["path"]),
                "language": pa.array(languages, pa.string()),
                "names": pa.array(imported, pa.list_(pa.string())),
                "bytes": pc.fill_null(pc.binary_length(as_array(texts)), 0).cast(pa.int64()),
            }
        )

    def rounds(self) -> Rounds:
        yield Round("places", order=("low", "id"))
        yield Round("texts", ("places",), documents=True)
        yield Round(LAST, ("texts",), order=("lead", "place"))

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """``places``: counts ``repositories`` and ``documents``. ``verdicts``: documents put together."""
        if name == "places":
            counts: Counter[str] = Counter()
            for table in groups:
                yield self._places(table, counts)
            return dict(counts)
        for table in groups:
            for start, stop in _runs(table, "key", "lead"):
                yield _document(table.slice(start, stop - start), self.verdicts)
        return {}

    def _places(self, table: pa.Table, counts: Counter[str]) -> pa.Table:
        leads: list[bytes] = [b""] * len(table)
        places = np.zeros(len(table), np.uint64)
        ids = table["id"].to_pylist()
        for start, stop in _runs(table, "key", "low"):
            about = table.slice(start, stop - start)
            columns = (about[name].to_pylist() for name in ("path", "language", "names"))
            files = [
                File(path or "", language, found) for path, language, found in zip(*columns, strict=True)
            ]
            sizes = about["bytes"].to_pylist()
            counts["repositories"] += 1
            size = place = 0
            lead = b""
            for index in order(files):
                if not lead or size + sizes[index] > self.config.max_bytes:
                    lead, size, place = ids[start + index], 0, 0
                    counts["documents"] += 1
                leads[start + index], places[start + index] = lead, place
                size, place = size + sizes[index], place + 1
        return pa.table(
            {"key": table["position"], "lead": pa.array(leads, pa.binary(16)), "place": pa.array(places)}
        )

    def join(self, name: str, batch: pa.Table, found: pa.Table) -> pa.Table:
        """The text of each file with its header, for the document that it is in."""
        rows = found["row"]
        files = batch.select(["text", "repo", "path", "code_language", "license"]).take(rows)
        texts = [self._with_header(**file) for file in files.drop_columns("license").to_pylist()]
        leads = as_array(found["lead"])
        return pa.table(
            {
                "key": _keys(leads),
                "row": rows,
                "lead": leads,
                "place": found["place"],
                "text": pa.array(texts, pa.string()),
                "path": files["path"],
                "language": files["code_language"],
                "license": files["license"],
            }
        )

    def _with_header(
        self, text: str | None, repo: str | None, path: str | None, code_language: str | None
    ) -> str:
        fields = {"path": path or "", "repo": repo or "", "sign": SIGNS.get(code_language or "", _OTHER_SIGN)}
        header: str = self.config.header.format_map(
            {name: " ".join(value.split()) for name, value in fields.items()}
        )
        text = text or ""
        return header + text + ("" if text.endswith("\n") else "\n")

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """The first file's row becomes the document; the others go."""
        verdicts: list[Fault | None] = [None] * len(batch)
        changed = {name: batch[name].to_pylist() for name in ("text", "code_language", "license")}
        files: list[list[str] | None] = [None] * len(batch)
        for about in found.to_pylist():
            row = about["row"]
            if about["text"] is None:
                verdicts[row] = Fault("in_repository", about["lead"].hex())
                continue
            changed["text"][row], files[row] = about["text"], about["files"]
            changed["code_language"][row], changed["license"][row] = about["language"], about["license"]
        columns = {name: pa.array(values, pa.string()) for name, values in changed.items()}
        return Applied(columns | {"repository.files": pa.array(files, pa.list_(pa.string()))}, verdicts)


def _keys(leads: pa.Array) -> npt.NDArray[np.uint64]:
    """uint64[n]: half of each id; what is told apart is the whole id."""
    return np.array([int.from_bytes(lead[:8], "little") for lead in leads.to_pylist()], np.uint64)


def _runs(table: pa.Table, *names: str) -> Iterator[tuple[int, int]]:
    """Where rows that are equal in all of these columns start and stop; the table is sorted by them."""
    values = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    start = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or values[index] != values[start]:
            yield start, index
            start = index


def _document(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Verdicts about the files of one document, which are in order: the first has it, the others its id."""
    texts = table["text"].to_pylist()
    sizes: Counter[str] = Counter()
    for language, text in zip(table["language"].to_pylist(), texts, strict=True):
        if language is not None:
            sizes[language] += len(text)
    language = min(sizes, key=lambda name: (-sizes[name], name), default=None)
    none: list[None] = [None] * (len(table) - 1)
    return pa.table(
        [
            table["position"],
            table["lead"],
            ["\n".join(texts), *none],
            [language, *none],
            [_all_licenses(table["license"].to_pylist()), *none],
            [table["path"].to_pylist(), *none],
        ],
        schema=schema,
    )


def _all_licenses(found: list[str | None]) -> str | None:
    """Each expression once, joined by AND; null if that of any file is not known."""
    if any(one is None for one in found):
        return None
    known = sorted({one for one in found if one})
    if len(known) == 1:
        return known[0]
    return " AND ".join(f"({one})" if " OR " in one else one for one in known) or None
