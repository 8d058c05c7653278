"""Hands out sorted rows about the documents of one part, batch by batch, while the part is read.

Knows positions and sorted tables; does not know what the rows say.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipeline.exchange.positions import position, within


class Found:
    """Takes the rows about a part from ``tables``, whose keys are positions, in order.

    Holds one table and the rows of one batch in memory.
    """

    def __init__(self, tables: Iterator[pa.Table], schema: pa.Schema | None = None) -> None:
        self._tables = tables
        self._empty = schema.empty_table() if schema is not None else None
        self._rest: pa.Table | None = None

    def rows(self, index: int, start: int, stop: int) -> pa.Table | None:
        """Rows about documents ``start`` to ``stop`` of part ``index``; ``row``, counted from ``start``,
        replaces the key. ``start`` must rise from call to call. None if there are none and the schema is not
        known."""
        high = position(index, stop)
        taken = []
        while (table := self._next()) is not None:
            keys = table.column("key").to_numpy()
            count = int(np.searchsorted(keys, np.uint64(high)))
            taken.append(table.slice(0, count))
            self._rest = table.slice(count)
            if count < len(table):
                break
        if not taken and self._empty is None:
            return None
        found = pa.concat_tables(taken) if taken else self._empty
        assert found is not None
        return within(found, index, start)

    def any(self) -> bool:
        """Whether there are more rows."""
        while (table := self._next()) is not None:
            self._rest = table
            if len(table):
                return True
        return False

    def _next(self) -> pa.Table | None:
        if self._rest is not None and len(self._rest):
            return self._rest
        return next(self._tables, None)
