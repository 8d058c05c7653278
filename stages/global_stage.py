"""The contract of stages that decide about the documents of all parts at once, such as deduplication.

Such a stage knows documents, rows with keys, and the order of its rounds. It does not know how rows get from
one round to the next, where they are stored, or how many tasks share the work: ``pipeline`` does that. The
contracts of stages that see one batch at a time are in ``stages.base``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from stages.base import Fault, Stage

#: Positions below this belong to documents of an earlier run (``Global.rounds``), which are only compared
#: with; no decision is made about them.
OWN = 1 << 63


class Round(NamedTuple):
    """One pass of a global stage over rows with a 64-bit ``key``.

    ``takes`` names the rounds before it whose rows it gets, sorted by ``key`` and the columns of ``order``
    (uint64 or 16-byte binary); "map" are the partials. A round over keys passes ranges of keys to ``reduce``,
    in one task if ``whole``. A round over ``documents`` is for rows keyed by position: it passes each part's
    documents, with the rows about them, to ``join``.
    """

    name: str
    takes: tuple[str, ...] = ("map",)
    order: tuple[str, ...] = ()
    #: A key with more rows than fit in memory comes in several tables, one after the other, each sorted on
    #: its own. Otherwise rows of equal key always come in one table, however many they are.
    split: bool = False
    documents: bool = False
    whole: bool = False


#: The last round of every global stage: its rows, keyed by position, go to ``apply``.
LAST = "verdicts"


@dataclass(frozen=True)
class Applied:
    """New or changed columns (those of ``added``) for every row, and reasons for dropped rows: None keeps a
    row."""

    columns: Mapping[str, pa.Array | pa.ChunkedArray]
    verdicts: Sequence[Fault | None]


@dataclass(frozen=True)
class Summary:
    """What ``Global.reduce`` returns besides rows, if it is more than counts.

    counts: sums by name. clusters: the number of documents in each of the largest groups of similar
    documents, by the id (in hex) of the one that is kept.
    """

    counts: Mapping[str, int]
    clusters: Mapping[str, int]


#: Types of the generators ``Global.rounds`` and ``Global.reduce``.
Rounds = Generator[Round, Mapping[str, int], None]
Reduced = Generator[pa.Table, None, Mapping[str, int] | Summary]


class Global(Stage):
    """Decides about documents of all parts at once: map, rounds over the exchange, apply.

    In rows that it gives to the exchange, a document is named by ``row`` (uint32, index in the batch). In
    rows that it gets, it is named by ``position`` (uint64), unique among all parts; rows about a document
    return to the document with its position as ``key``.
    """

    #: Config keys that ``map`` does not use: changing them does not map again.
    decides: ClassVar[frozenset[str]] = frozenset()
    #: Config keys that only ``apply`` uses: changing them does no round again.
    applies: ClassVar[frozenset[str]] = frozenset()
    #: Rounds over documents that also take the documents of earlier runs, whose texts are read again.
    rereads: ClassVar[frozenset[str]] = frozenset()
    #: If set, the rows of the last round are about all documents, not only about those whose positions they
    #: have: ``apply`` gets all of them with every batch, including ``key``. There must be few.
    shared: ClassVar[bool] = False
    #: Schema of the rows of the last round, ``key`` (position) first. If it depends on settings, it is set in
    #: ``__init__``.
    verdicts: pa.Schema = pa.schema([("key", pa.uint64()), ("reason", pa.string()), ("detail", pa.string())])

    def map(self, batch: pa.Table) -> pa.Table:
        """Partials: ``key`` (uint64), ``row`` (uint32), and other columns."""
        raise NotImplementedError

    def rounds(self) -> Rounds:
        """The rounds, in order; the last, and only the last, is named "verdicts". ``yield`` returns the
        counts of the round that was yielded: the ``rows`` that it wrote, and the sums of the counts of
        ``reduce``. The rounds must depend only on config and counts."""
        yield Round(LAST)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """Rows for later rounds, with a ``key`` and any other columns; it returns counts for the receipt, or
        a ``Summary``.

        ``groups`` are sorted rows; rows of equal key arrive in the same table, unless the round is ``split``.
        """
        raise NotImplementedError

    def join(self, name: str, batch: pa.Table, found: pa.Table) -> pa.Table:
        """As ``map``, for a round over documents. ``found`` are the rows about documents of the batch,
        sorted, with ``row`` (uint32, index in the batch) in place of their key."""
        raise NotImplementedError

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """Applies the last round to these documents; ``found`` as in ``join``, or all rows if the stage is
        ``shared``. By default every row of ``found`` drops its document, with its ``reason`` and
        ``detail``."""
        verdicts: list[Fault | None] = [None] * len(batch)
        columns = (found.column(name).to_pylist() for name in ("row", "reason", "detail"))
        for row, reason, detail in zip(*columns, strict=True):
            verdicts[row] = verdicts[row] or Fault(reason, detail or "")
        return Applied({}, verdicts)

    def artefact(self, found: pa.Table) -> Mapping[str, Any] | None:
        """Results of the last round for later runs, as JSON, or None. ``found`` are all its rows. For stages
        that are ``shared``; the core writes it to ``artefacts/<dataset>-<stage>.json``."""
        return None
