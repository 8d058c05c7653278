"""The stage ``exact_dedup``: keeps one of the documents that have the same text.

The map sends a 128-bit hash of each text, never the text; documents meet at the reducer of their hash. The
one with the smallest id is kept, so the result does not depend on the order of inputs; if a document of an
earlier run has the text, none is kept.

Knows texts and hashes; does not know parts, nor how partials travel.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.base import EarlierRun, Fault, StageConfig
from stages.dedup.columns import places
from stages.dedup.pending import alike
from stages.global_stage import LAST, OWN, Applied, Global, Reduced, Round, Rounds
from stages.text.utf8 import as_array

#: Sort order of rows with equal ``key``.
ORDER = ("low", "id")
PARTIAL = pa.schema([("key", pa.uint64()), ("row", pa.uint32()), ("low", pa.uint64()), ("id", pa.binary(16))])


class ExactDedupConfig(StageConfig):
    #: ``none`` compares bytes. ``whitespace`` compares after Unicode NFC with every run of white space as one
    #: space, so that line wrapping makes no difference.
    normalize: Literal["none", "whitespace"] = "none"
    #: ``annotate`` adds the columns and drops nothing.
    action: Literal["drop", "annotate"] = "drop"
    #: Outputs of earlier runs: a document that has the text of one of theirs is dropped.
    against: list[EarlierRun] = Field(default_factory=list)


class ExactDedup(Global):
    """The document with the smallest id is kept; the others are dropped with the reason ``exact_duplicate``
    or ``exact_duplicate_of_earlier_run``, and the id of the one that is kept as detail.

    ``dedup.exact_cluster`` is the id of the document that is kept, null for a text that occurs once;
    ``dedup.exact_copies`` is the number of documents with the text, those of earlier runs included.
    """

    name = "exact_dedup"
    Config = ExactDedupConfig
    reads = ("id", "text")
    adds = pa.schema([("dedup.exact_cluster", pa.binary(16)), ("dedup.exact_copies", pa.int32())])
    decides = frozenset({"action"})
    applies: ClassVar[frozenset[str]] = frozenset({"action"})
    verdicts = pa.schema(
        [
            ("key", pa.uint64()),
            ("survivor", pa.binary(16)),
            ("copies", pa.int32()),
            ("kept", pa.bool_()),
            ("earlier", pa.bool_()),  # the survivor is of an earlier run
        ]
    )

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per document: the hash's high half as key, its low half, the id."""
        digests = b"".join(blake2b(text, digest_size=16).digest() for text in self._texts(batch))
        halves = np.frombuffer(digests, ">u8").reshape(-1, 2).astype(np.uint64)
        rows = np.arange(len(batch), dtype=np.uint32)
        ids = as_array(batch.column("id"))
        return pa.table([halves[:, 0], rows, halves[:, 1], ids], schema=PARTIAL)

    def _texts(self, batch: pa.Table) -> Iterator[bytes]:
        """The texts as they are compared, in UTF-8."""
        column = batch.column("text")
        if column.null_count:
            raise ValueError("a document without text cannot be compared")
        if self.config.normalize == "none":
            yield from column.cast(pa.large_binary()).to_pylist()
            return
        for text in column.to_pylist():
            yield " ".join(unicodedata.normalize("NFC", text).split()).encode()

    def rounds(self) -> Rounds:
        yield Round(LAST, order=ORDER, split=True)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """For each document whose text others have too, which of them is kept. Counts ``clusters``, the
        ``duplicates`` in them that are dropped, and those dropped for a text ``of an earlier run``."""
        counts = {"clusters": 0, "duplicates": 0, "of an earlier run": 0}
        for found in alike(groups, ORDER):
            position = found.rows.column("position").to_numpy()
            several = (found.size > 1)[found.group]
            told = np.flatnonzero(several & (position >= np.uint64(OWN)))
            cluster, kept = found.group[told], found.leads[told]
            earlier = found.earlier[cluster]
            counts["clusters"] += int((found.leads & several).sum())
            counts["duplicates"] += int((~kept).sum())
            counts["of an earlier run"] += int(earlier.sum())
            yield pa.table(
                [
                    position[told],
                    found.leaders.column("id").take(pa.array(found.leader[cluster])),
                    found.size[cluster].astype(np.int32),
                    kept,
                    earlier,
                ],
                schema=self.verdicts,
            )
        return counts

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """Columns for all documents, and reasons for those that are dropped."""
        verdicts: list[Fault | None] = [None] * len(batch)
        about = places(found, len(batch))
        if self.config.action == "drop":
            told = (found.column(name).to_pylist() for name in ("row", "survivor", "kept", "earlier"))
            for row, survivor, kept, earlier in zip(*told, strict=True):
                if not kept:
                    reason = "exact_duplicate_of_earlier_run" if earlier else "exact_duplicate"
                    verdicts[row] = Fault(reason, survivor.hex())
        columns = {
            "dedup.exact_cluster": found.column("survivor").take(about),
            "dedup.exact_copies": found.column("copies").take(about).fill_null(1),
        }
        return Applied(columns, verdicts)
