"""What a dry run does differently: of a stage too expensive to try on all rows it tries a few, and it notes
what a forecast needs.

``Receipt.dry`` of a part has ``share`` (of its input, 0 to 1, that was read; None if not known) where it was
read, and ``kinds`` where few rows were picked: for each kind the ``rows`` that came, those ``picked`` and
``asked``, and the sums of the stage's columns. Knows tables; does not know which stages there are.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ledger.tallies import Tally
from pipeline.plan.recipe import Recipe, located
from stages.base import Batch, Input, Reader, Storage, Streamer

#: About how many rows of each kind a dry run tries in a segment, and the parts that they come from: few
#: parts, so that an engine has several requests at once.
ROWS, PARTS = 64, 4

Key = TypeVar("Key", bound=Hashable)


def samples(steps: Sequence[Recipe]) -> bool:
    """Whether a dry run picks rows for these steps."""
    first = located(steps[0])[0] if steps else None
    return first is not None and issubclass(first, Streamer) and first.kinds is not None


def spread(rows: Mapping[Key, int]) -> dict[Key, int]:
    """For some of the parts, spread evenly over those that have rows, how many of each kind are picked."""
    filled = [key for key, count in rows.items() if count]
    if not filled:
        return {}
    parts = min(PARTS, len(filled))
    chosen = [filled[number * len(filled) // parts] for number in range(parts)]
    return dict.fromkeys(chosen, ROWS // parts)


class Few:
    """Picks rows of a part and counts what comes of them."""

    def __init__(self, stage: Streamer, most: int) -> None:
        """``most``: about how many rows of each kind."""
        assert stage.kinds is not None
        self._kinds, self._key, self._sums, self._most = stage.kinds, stage.keeps[0], stage.sums, most
        self.found: dict[str, dict[str, int]] = {}

    def picked(self, tables: Iterator[pa.Table], tally: Tally) -> Iterator[pa.Table]:
        """All rows of some documents, in their order; the others are counted as ``not_asked``.

        Whole documents, because what is made of them later does not grow evenly with their rows. Those whose
        ids are the least, since ids are hashes and prefer nothing; then further rows of kinds that are rare.
        """
        held: pa.Table | None = None
        for table in tables:
            tally.rows_in += len(table)
            self._add("rows", table)
            held = self._least(table if held is None else pa.concat_tables([held, table]))
        if held is None:
            return
        self._add("picked", held)
        tally.kept += len(held)
        if left := tally.rows_in - len(held):
            tally.dropped["not_asked"] += left
        yield held

    def _least(self, table: pa.Table) -> pa.Table:
        kinds = table.column(self._kinds).to_pylist()
        parents = pc.coalesce(table.column("parent"), table.column("id")).to_pylist()
        order = sorted(range(len(table)), key=lambda row: (parents[row], row))
        taken: list[int] = []
        counts: Counter[str] = Counter()
        for _, rows in itertools.groupby(order, key=parents.__getitem__):
            if len(taken) >= self._most * len(self.found):
                break
            document = list(rows)
            taken += document
            counts.update(kinds[row] for row in document)
        rare = max(1, self._most // 4) if self._most else 0
        for row in order[len(taken) :]:
            if counts[kinds[row]] < rare:
                counts[kinds[row]] += 1
                taken.append(row)
        return table.take(pa.array(sorted(taken), pa.int64()))

    def count(self, before: pa.Table, after: pa.Table) -> None:
        """A batch of picked rows, as the stage got it and as it left it: without those that failed, and with
        nulls in those that it did not ask about."""
        self._add("asked", before)
        self._add("asked", after.filter(pc.is_null(after.column(self._key))), -1)
        for column in self._sums:
            found = after.select([self._kinds, column]).rename_columns(["kind", "value"])
            for group in found.group_by("kind").aggregate([("value", "sum")]).to_pylist():
                self._of(group["kind"])[column] += group["value_sum"] or 0

    def _add(self, what: str, table: pa.Table, sign: int = 1) -> None:
        for kind, rows in Counter(table.column(self._kinds).to_pylist()).items():
            self._of(kind)[what] += sign * rows

    def _of(self, kind: str | None) -> dict[str, int]:
        return self.found.setdefault(
            kind or "", {"rows": 0, "picked": 0, "asked": 0, **dict.fromkeys(self._sums, 0)}
        )


def share(
    reader: Reader, item: Input, storage: Storage, records: int, limit: int, last: Batch | None
) -> float | None:
    """How much of an input was read, of which ``last`` is the last batch; see ``Reader.share``."""
    if records < limit:
        return 1.0
    assert last is not None
    places = [row.as_py() for row in last.documents.column("provenance")]
    places += [reject.provenance for reject in last.rejects]
    offset = max((place.get("offset") or 0 for place in places if place), default=0)
    found = reader.share(item, storage, records, offset)
    return None if found is None else round(min(max(found, 0.0), 1.0), 9)
