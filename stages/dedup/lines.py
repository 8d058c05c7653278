"""The stage ``line_dedup``: keeps a line that the documents of a site repeat in only one of them.

Menus, licence notes, "related articles": lines that a site prints on many of its pages, and that an extractor
takes for text. A line is compared with blanks collapsed, otherwise exactly; a *paragraph* is the text between
blank lines. The site is the host name of ``url``, without ``www.``: only the public suffix list could say
whether ``a.example.com`` and ``b.example.com`` belong together, and pages of one host share a template in any
case. A document without a host is not compared with others.

One partial per document and distinct line: a 128-bit hash of site and line, and the document's id. The
reducer counts documents. If enough of them have the line, it is kept only in the one with the smallest id
(all its occurrences there), or in a document of an earlier run.

Knows hosts, lines and hashes; does not know what a line says, nor how rows travel.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from stages.base import EarlierRun, Fault, StageConfig
from stages.dedup import kernels
from stages.dedup.cut import Span, cut, replace
from stages.dedup.groups import groups_of
from stages.dedup.pending import alike
from stages.global_stage import LAST, OWN, Applied, Global, Reduced, Round, Rounds
from stages.text.characters import table
from stages.text.utf8 import as_array, utf8

#: Sort order of rows with equal ``key``.
ORDER = ("low", "id")


class LineDedupConfig(StageConfig):
    #: What is compared: lines, or paragraphs (text between blank lines).
    unit: Literal["line", "paragraph"] = "line"
    #: Lines with fewer code points, after white space is collapsed, are not compared.
    min_chars: int = Field(default=20, ge=1)
    #: A line counts as repeated if this many documents of the site have it.
    min_documents: int = Field(default=3, ge=2)
    #: Which document keeps the line: the one with the smallest id, or none.
    keep: Literal["first", "none"] = "first"
    #: ``annotate`` counts, and leaves texts and documents unchanged.
    action: Literal["remove", "annotate"] = "remove"
    #: Outputs of earlier runs: lines that occur in one of their documents count as repeated.
    against: list[EarlierRun] = Field(default_factory=list)


class LineDedup(Global):
    """Cuts lines that a site repeats; documents that have no other lines are dropped with the reason
    ``only_repeated_lines``. A site is the host name of the URL without ``www.``.

    ``dedup.lines`` counts the repeated lines (or paragraphs) of a document, ``dedup.line_chars`` their code
    points.
    """

    name = "line_dedup"
    Config = LineDedupConfig
    reads = ("id", "text", "url")
    adds = pa.schema([("text", pa.string()), ("dedup.lines", pa.int32()), ("dedup.line_chars", pa.int32())])
    decides = frozenset({"min_documents", "keep", "action"})
    applies: ClassVar[frozenset[str]] = frozenset({"action"})
    #: Lines are identified by the low half of their hash, which is enough within one document.
    verdicts = pa.schema([("key", pa.uint64()), ("line", pa.uint64())])

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per document and distinct line."""
        seen = self._lines(batch)
        order = np.lexsort((seen.low, seen.high, seen.row))
        first, _ = groups_of(seen.row[order], seen.high[order], seen.low[order])
        distinct = order[first]
        row = seen.row[distinct]
        return pa.table(
            {
                "key": seen.high[distinct],
                "row": row,
                "low": seen.low[distinct],
                "id": as_array(batch.column("id").take(pa.array(row))),
            }
        )

    def rounds(self) -> Rounds:
        yield Round(LAST, order=ORDER, split=True)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """For each document, the lines to cut. Counts ``repeated lines`` and their ``repeats``."""
        counts = {"repeated lines": 0, "repeats": 0}
        for found in alike(groups, ORDER):
            position, low = (found.rows.column(name).to_numpy() for name in ("position", "low"))
            often = (found.size >= self.config.min_documents)[found.group]
            gone = often & (position >= np.uint64(OWN))
            if self.config.keep == "first":
                gone &= ~found.leads
            counts["repeated lines"] += int((often & found.leads).sum())
            counts["repeats"] += int(gone.sum())
            yield pa.table([position[gone], low[gone]], schema=self.verdicts)
        return counts

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """Texts without the repeated lines, how many those are, and which documents have nothing else."""
        text = batch.column("text")
        verdicts: list[Fault | None] = [None] * len(batch)
        lines, chars = np.zeros(len(batch), np.int32), np.zeros(len(batch), np.int32)
        rows = np.unique(found.column("row").to_numpy())
        if len(rows):
            some = batch.take(pa.array(rows))
            spans = self._spans(some, np.searchsorted(rows, found.column("row").to_numpy()), found)
            lines[rows] = [len(of) for of in spans]
            chars[rows] = [sum(end - begin for begin, end in of) for of in spans]
            if self.config.action == "remove":
                texts = some.column("text").to_pylist()
                shorter = [cut(whole, of) for whole, of in zip(texts, spans, strict=True)]
                text = replace(text, rows, shorter)
                for row, left in zip(rows, shorter, strict=True):
                    if not left:
                        verdicts[row] = Fault("only_repeated_lines", f"{lines[row]} of {lines[row]}")
        columns = {"text": text, "dedup.lines": pa.array(lines), "dedup.line_chars": pa.array(chars)}
        return Applied(columns, verdicts)

    def _spans(self, batch: pa.Table, rows: npt.NDArray[np.int64], found: pa.Table) -> list[list[Span]]:
        """For each document, the spans of the lines to cut."""
        wanted: list[set[int]] = [set() for _ in range(len(batch))]
        for row, line in zip(rows.tolist(), found.column("line").to_pylist(), strict=True):
            wanted[row].add(line)
        spans: list[list[Span]] = [[] for _ in range(len(batch))]
        seen = self._lines(batch)
        columns = (column.tolist() for column in (seen.row, seen.low, seen.begin, seen.end))
        for row, line, begin, end in zip(*columns, strict=True):
            if line in wanted[row]:
                spans[row].append((begin, end))
        return spans

    def _lines(self, batch: pa.Table) -> Lines:
        """Lines of documents that have a site, hashed together with the site."""
        sites = np.zeros((len(batch), 2), np.uint64)
        for row, url in enumerate(batch.column("url").to_pylist()):
            if host := site(url):
                sites[row] = np.frombuffer(blake2b(host.encode(), digest_size=16).digest(), np.uint64)
        seen = find_lines(*utf8(batch.column("text")), self.config.unit, self.config.min_chars)
        sited = (sites[seen.row] != 0).any(axis=1)
        seen = Lines._make(column[sited] for column in seen)
        of = sites[seen.row]
        return seen._replace(high=seen.high ^ of[:, 0], low=seen.low ^ of[:, 1])


def site(url: str | None) -> str | None:
    """Host name of a URL, lower case, without port and ``www.``; None if it has none."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:  # such as a bracket that is not closed
        return None
    return (host or "").rstrip(".").removeprefix("www.") or None


class Lines(NamedTuple):
    """Lines or paragraphs in the order of texts and of places in them, without surrounding white space."""

    row: npt.NDArray[np.uint32]
    high: npt.NDArray[np.uint64]  # 128 bits of hash, in two halves
    low: npt.NDArray[np.uint64]
    begin: npt.NDArray[np.int64]  # code point
    end: npt.NDArray[np.int64]  # the code point after it


def find_lines(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], unit: str, min_chars: int
) -> Lines:
    """Lines or paragraphs of at least ``min_chars`` of texts (``utf8``)."""
    # each line but the last of a text takes its characters and a line break
    size = int(starts[-1] - starts[0]) // (min_chars + 1) + len(starts)
    found = Lines._make(
        np.empty(size, kind) for kind in (np.uint32, np.uint64, np.uint64, np.int64, np.int64)
    )
    count = kernels.find_lines(data, starts, table(), 1 if unit == "line" else 2, min_chars, *found)
    return Lines._make(column[:count] for column in found)
