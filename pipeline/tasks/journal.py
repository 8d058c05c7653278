"""What a part keeps while it is worked on: sealed files of results that are too dear to be had twice.

Each file is committed like a part of its own (``pipeline.ledger``), so that it is there whole or not at all,
and belongs to the run. They are removed when the run is finished: then its documents have the results. A part
that is done again, because something before it changed, finds in the documents of the last time what is still
the same. Knows keys and files; does not know what the results are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from pipeline import layout
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import DOCUMENTS, DONE, File, Receipt, load
from pipeline.sealed import Damaged, ParquetFile
from pipeline.tasks.outputs import Outputs

#: The role of the files in receipts.
KEPT = "kept"


class _Place(NamedTuple):
    file: int
    group: int
    row: int


class PartJournal:
    """See ``stages.base.Journal``."""

    def __init__(self, ledger: Ledger, directory: str, part: str, schema: pa.Schema) -> None:
        """``schema``: columns of what is kept, which documents have too. The first is the key."""
        self._ledger, self._directory, self._part = ledger, layout.journal(directory), part
        self._schema = schema
        self._files: list[ParquetFile] = []
        self._places: dict[bytes, _Place] = {}
        self._cached: tuple[tuple[int, int], pa.Table] | None = None
        self._next = 0
        for number, receipt in self._receipts():
            self._next = max(self._next, number + 1)
            self._index(receipt, KEPT)
        self._index(self._load(layout.receipt(directory, part)), DOCUMENTS)

    def find(self, keys: Sequence[bytes]) -> pa.Table:
        """The rows of those keys that there are."""
        wanted: dict[tuple[int, int], list[int]] = {}
        for key in dict.fromkeys(keys):
            if (place := self._places.get(key)) is not None:
                wanted.setdefault((place.file, place.group), []).append(place.row)
        tables = []
        for (file, group), rows in sorted(wanted.items()):
            with contextlib.suppress(Damaged):  # what it held is made again
                tables.append(self._group(file, group).take(pa.array(rows)))
        return pa.concat_tables([self._schema.empty_table(), *tables])

    def seal(self, rows: pa.Table) -> None:
        """Keep rows in a file of their own."""
        name = f"{self._part}-{self._next:05d}"
        receipt = layout.receipt(self._directory, name)
        with Outputs(self._ledger, receipt) as outputs:
            file = outputs.table(KEPT, layout.documents(self._directory, name), self._schema)
            file.add(rows.select(self._schema.names).cast(self._schema))
            self._index(outputs.publish(Receipt(self._part)), KEPT)
        self._next += 1

    def _receipts(self) -> Iterator[tuple[int, Receipt | None]]:
        directory = layout.receipts(self._directory)
        found = re.compile(rf"{re.escape(self._part)}-(\d+)\.json")
        for info in self._ledger.storage.list(self._ledger.path(directory)):
            name = info.path.rsplit("/", 1)[1]
            if match := found.fullmatch(name):
                yield int(match[1]), self._load(f"{directory}/{name}")

    def _load(self, name: str) -> Receipt | None:
        path = self._ledger.path(name)
        return next(receipt for _, receipt in load(self._ledger.storage, [path]))

    def _index(self, receipt: Receipt | None, role: str) -> None:
        """Note where the keys of a file are. A damaged file has none: what it held is made again."""
        if receipt is None or receipt.status != DONE or receipt.run != self._ledger.name:
            return
        for file in receipt.files:
            if file.role == role:
                try:
                    self._add(file)
                except Damaged:
                    continue

    def _add(self, file: File) -> None:
        storage = self._ledger.storage
        parquet = ParquetFile(storage, file.stored.below(self._ledger.output))
        if not set(self._schema.names) <= set(parquet.schema.names):
            return
        number, key = len(self._files), self._schema.names[0]
        places: dict[bytes, _Place] = {}
        for group in range(parquet.metadata.num_row_groups):
            for row, value in enumerate(parquet.table(group, [key]).column(key).to_pylist()):
                if value is not None:
                    places[value] = _Place(number, group, row)
        self._files.append(parquet)
        self._places = places | self._places

    def _group(self, file: int, group: int) -> pa.Table:
        if self._cached is None or self._cached[0] != (file, group):
            table = self._files[file].table(group, self._schema.names)
            self._cached = ((file, group), table.select(self._schema.names).cast(self._schema))
        return self._cached[1]
