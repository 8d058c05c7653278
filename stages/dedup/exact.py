"""The stage ``exact_dedup``: keeps one of the documents that have the same text.

The map sends a 128-bit hash of each text, never the text; documents meet at the reducer of their hash. The
first in an explicit order, then the one with the smallest id, is kept, so the result does not depend on the
order of inputs; if a document of an earlier run has the text, none is kept.

A value of all copies can be carried over to the one that is kept: the largest or smallest value of a column,
such as the rank of a licence, so that a text is not judged by its most permissive copy.

Knows texts and hashes; does not know parts, nor how partials travel, nor what a column says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.base import EarlierRun, Fault, StageConfig
from stages.dedup import survivors
from stages.dedup.columns import places
from stages.dedup.pending import alike
from stages.global_stage import LAST, OWN, Applied, Global, Reduced, Round, Rounds
from stages.text.utf8 import as_array

PARTIAL = pa.schema([("key", pa.uint64()), ("row", pa.uint32()), ("low", pa.uint64()), ("id", pa.binary(16))])
_VERDICTS = pa.schema(
    [
        ("key", pa.uint64()),
        ("survivor", pa.binary(16)),
        ("copies", pa.int32()),
        ("kept", pa.bool_()),
        ("earlier", pa.bool_()),  # the survivor is of an earlier run
    ]
)
#: In the exchange, before the name of a column that is carried.
_CARRIED = "carry "
#: Stands for null: every other value counts before it.
_NULL = {"max": np.iinfo(np.int64).min, "min": np.iinfo(np.int64).max}


class ExactDedupConfig(StageConfig):
    #: ``none`` compares bytes. ``whitespace`` compares after Unicode NFC with every run of white space as one
    #: space, so that line wrapping makes no difference.
    normalize: Literal["none", "whitespace"] = "none"
    #: Which of the copies is kept: columns with ``asc`` or ``desc``, in order of priority. Null comes last;
    #: ties go to the smallest id.
    prefer: tuple[str, ...] = ()
    #: Columns of whole numbers of which the copy that is kept gets the largest (``max``) or the smallest
    #: (``min``) value of all copies.
    carry: dict[str, Literal["max", "min"]] = Field(default_factory=dict)
    #: ``annotate`` adds the columns and drops nothing.
    action: Literal["drop", "annotate"] = "drop"
    #: Outputs of earlier runs: a document that has the text of one of theirs is dropped.
    against: list[EarlierRun] = Field(default_factory=list)

    @field_validator("prefer")
    @classmethod
    def _columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return survivors.parsed(value)


class ExactDedup(Global):
    """One document is kept, by ``prefer`` and then the smallest id; the others are dropped with the reason
    ``exact_duplicate`` or ``exact_duplicate_of_earlier_run``, and the id of the one that is kept as detail.

    ``dedup.exact_cluster`` is the id of the document that is kept, null for a text that occurs once;
    ``dedup.exact_copies`` is the number of documents with the text, those of earlier runs
    included. Columns that are carried (``carry``) hold what is said of all copies, in every copy.
    """

    name = "exact_dedup"
    Config = ExactDedupConfig
    reads = ("id", "text")
    adds = pa.schema([("dedup.exact_cluster", pa.binary(16)), ("dedup.exact_copies", pa.int32())])
    decides = frozenset({"action"})
    applies: ClassVar[frozenset[str]] = frozenset({"action"})
    verdicts = _VERDICTS

    def __init__(self, config: ExactDedupConfig) -> None:
        super().__init__(config)
        self._prefer = [survivors.parse(item) for item in config.prefer]
        #: Of rows with equal ``key``.
        self._order = ("low", *survivors.order(self._prefer))
        self._carry = {f"{_CARRIED}{name}": how for name, how in sorted(config.carry.items())}
        for name in self._carry:
            self.verdicts = self.verdicts.append(pa.field(name, pa.int64()))

    @classmethod
    def needs(cls, config: ExactDedupConfig) -> tuple[str, ...]:
        preferred = survivors.columns([survivors.parse(item) for item in config.prefer])
        return tuple(dict.fromkeys((*cls.reads, *preferred, *sorted(config.carry))))

    @classmethod
    def added(cls, config: ExactDedupConfig) -> pa.Schema:
        schema = cls.adds
        for name in sorted(config.carry):
            schema = schema.append(pa.field(name, pa.int64()))
        return schema

    @classmethod
    def check(cls, config: ExactDedupConfig, schema: pa.Schema) -> str | None:
        """What is wrong with columns that documents are preferred by, or that are carried; or None."""
        for name in sorted(config.carry):
            if name in schema.names and not pa.types.is_integer(kind := schema.field(name).type):
                return f"`carry: {name}`: a column of type {kind} does not hold whole numbers"
        return survivors.problem([survivors.parse(item) for item in config.prefer], schema)

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per document: the hash's high half as key, its low half, what it is preferred by, the
        id, and what is carried."""
        digests = b"".join(blake2b(text, digest_size=16).digest() for text in self._texts(batch))
        halves = np.frombuffer(digests, ">u8").reshape(-1, 2).astype(np.uint64)
        rows = np.arange(len(batch), dtype=np.uint32)
        ids = as_array(batch.column("id"))
        partials = pa.table([halves[:, 0], rows, halves[:, 1], ids], schema=PARTIAL)
        for name, values in survivors.ranked(batch, self._prefer).items():
            partials = partials.append_column(name, values)
        for name, how in self._carry.items():
            values = as_array(batch.column(name.removeprefix(_CARRIED))).cast(pa.int64())
            partials = partials.append_column(name, pc.fill_null(values, _NULL[how]))
        return partials

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
        yield Round(LAST, order=self._order, split=True)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """For each document whose text others have too, which of them is kept. Counts ``clusters``, the
        ``duplicates`` in them that are dropped, and those dropped for a text ``of an earlier run``."""
        counts = {"clusters": 0, "duplicates": 0, "of an earlier run": 0}
        for found in alike(groups, self._order, self._carry):
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
                    *(found.carried[name][cluster] for name in self._carry),
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
        for name, how in self._carry.items():
            own = batch.column(name.removeprefix(_CARRIED)).cast(pa.int64())
            of_all = found.column(name).take(about)
            told = pc.if_else(pc.equal(of_all, _NULL[how]), None, of_all)  # all of them are null
            columns[name.removeprefix(_CARRIED)] = pc.coalesce(told, own)
        return Applied(columns, verdicts)
