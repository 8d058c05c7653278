"""The contract of stages that decide about the documents of all parts at once, such as deduplication.

Such a stage knows documents, rows with keys, and the order of its rounds. It does not know how rows get from
one round to the next, where they lie, or how many tasks share the work: that is ``pipeline``'s. The contracts
of stages that see one batch at a time are in ``stages.base``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from stages.base import Fault, Stage

#: Positions below this are of documents of an earlier run (``Global.rounds``): they are compared with,
#: never decided about.
OWN = 1 << 63


class Round(NamedTuple):
    """One pass of a global stage over rows with a 64-bit ``key``.

    ``takes`` names the rounds before it whose rows it gets, sorted by ``key`` and the columns of
    ``order`` (uint64 or 16-byte binary); "map" are the partials. A round over keys hands ranges of keys to
    ``reduce``, in one task if ``whole``. A round over ``documents`` is for rows keyed by position: it hands
    each part's documents, with the rows about them, to ``join``.
    """

    name: str
    takes: tuple[str, ...] = ("map",)
    order: tuple[str, ...] = ()
    #: A key with more rows than fit in memory comes in several tables, one after the other, each sorted on
    #: its own. Otherwise rows of equal key always come in one table, however many they are.
    split: bool = False
    documents: bool = False
    whole: bool = False


#: The last round of every global stage: what comes of it, keyed by position, goes to ``apply``.
LAST = "verdicts"


@dataclass(frozen=True)
class Applied:
    """New or changed columns (those of ``added``) for every row, and why rows go: None keeps a row."""

    columns: Mapping[str, pa.Array | pa.ChunkedArray]
    verdicts: Sequence[Fault | None]


@dataclass(frozen=True)
class Summary:
    """What ``Global.reduce`` found besides rows, where it is more than counts.

    counts: sums by name. clusters: of the largest groups of like documents, how many documents each has, by
    the id (in hex) of the one that stays.
    """

    counts: Mapping[str, int]
    clusters: Mapping[str, int]


#: What ``Global.rounds`` and ``Global.reduce`` are: generators.
Rounds = Generator[Round, Mapping[str, int], None]
Reduced = Generator[pa.Table, None, Mapping[str, int] | Summary]


class Global(Stage):
    """Decides about documents of all parts at once: map, rounds over the exchange, apply.

    In what it gives to the exchange it names a document by ``row`` (uint32, index in the batch). What it
    gets names it by ``position`` (uint64), unique among all parts; the rows of a document come back to it
    under its position as ``key``.
    """

    #: Config keys that ``map`` does not use: changing them does not map again.
    decides: ClassVar[frozenset[str]] = frozenset()
    #: Config keys that only ``apply`` uses: changing them does no round again.
    applies: ClassVar[frozenset[str]] = frozenset()
    #: What the last round gives is about all documents, not about those whose positions it names: every
    #: batch is applied with all of it, ``key`` included. It must be little.
    shared: ClassVar[bool] = False
    #: The rows of the last round, ``key`` (position) first. Settings may say: then it is set in ``__init__``.
    verdicts: pa.Schema = pa.schema([("key", pa.uint64()), ("reason", pa.string()), ("detail", pa.string())])

    def map(self, batch: pa.Table) -> pa.Table:
        """Partials: ``key`` (uint64), ``row`` (uint32), and other columns."""
        raise NotImplementedError

    def rounds(self) -> Rounds:
        """The rounds, in order; the last, and only the last, is named "verdicts". What ``yield`` gives back
        are the counts of the round that was yielded: ``rows`` that it wrote, and the sums of what
        ``reduce`` counted. It must depend on config and counts alone."""
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
        """What the last round means for these documents; ``found`` as in ``join``, or all of it if it is
        ``shared``. Every row of ``found`` drops its document, by its ``reason`` and ``detail``, unless a
        stage does otherwise."""
        verdicts: list[Fault | None] = [None] * len(batch)
        columns = (found.column(name).to_pylist() for name in ("row", "reason", "detail"))
        for row, reason, detail in zip(*columns, strict=True):
            verdicts[row] = verdicts[row] or Fault(reason, detail or "")
        return Applied({}, verdicts)

    def artefact(self, found: pa.Table) -> Mapping[str, Any] | None:
        """What of the last round later runs may want, as JSON; None: nothing. ``found`` are all its rows.
        For stages that are ``shared``; the core writes it to ``artefacts/<dataset>-<stage>.json``."""
        return None
