"""Completions that were stored by runs before: Parquet files with the columns of ``complete``.

They are found by the key of a request, which the model, the prompt's ids, the sampling and the seed make.
Knows keys and files; does not know engines. Keys are held in memory (about 100 bytes each), answers are read
as they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.synthesis.columns import COMPLETION

KEY = COMPLETION.names[0]


class StoredError(ValueError):
    """There are no stored completions where they should be."""


class Stored:
    """The completions in some files or folders; the first that has a key is asked."""

    def __init__(self, places: Sequence[str]) -> None:
        self._files: list[pq.ParquetFile] = []
        self._rows: dict[bytes, tuple[int, int, int]] = {}
        self._cached: tuple[tuple[int, int], pa.Table] | None = None
        self._models: set[str] = set()
        for place in places:
            path = Path(place)
            files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
            before = len(self._files)
            for file in files:
                self._add(file)
            if len(self._files) == before:
                raise StoredError(f"{place}: no file of completions (Parquet with the column {KEY})")

    def _add(self, file: Path) -> None:
        parquet = pq.ParquetFile(file)
        if not set(COMPLETION.names) <= set(parquet.schema_arrow.names):
            return
        number = len(self._files)
        self._files.append(parquet)
        for group in range(parquet.metadata.num_row_groups):
            table = parquet.read_row_group(group, [KEY, "completion.finish", "completion.model_hash"])
            columns = zip(*(column.to_pylist() for column in table.columns), strict=True)
            for row, (key, finish, model) in enumerate(columns):
                if key is not None and finish is not None:
                    self._rows.setdefault(key, (number, group, row))
                    self._models.add(model)

    @property
    def model_hash(self) -> str | None:
        """The model that gave all of them, if it is one."""
        return next(iter(self._models)) if len(self._models) == 1 else None

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, keys: Sequence[bytes]) -> pa.Table:
        """The rows of those keys that there are, each once, in the columns ``COMPLETION``."""
        wanted: dict[tuple[int, int], list[int]] = {}
        for key in dict.fromkeys(keys):
            if (place := self._rows.get(key)) is not None:
                wanted.setdefault(place[:2], []).append(place[2])
        tables = [self._group(*place).take(pa.array(rows)) for place, rows in sorted(wanted.items())]
        return pa.concat_tables([COMPLETION.empty_table(), *tables])

    def _group(self, file: int, group: int) -> pa.Table:
        if self._cached is None or self._cached[0] != (file, group):
            table = self._files[file].read_row_group(group, COMPLETION.names)
            self._cached = ((file, group), table.select(COMPLETION.names).cast(COMPLETION))
        return self._cached[1]
