"""The stage ``repository_notices``: brings the licence files of a repository to all of its rows.

Readers of whole trees do that themselves. Rows of a table lie in any order in any file, so here they meet
through the exchange: the map sends the path of every row, and the text of those that are notices, to the
reducer of the repository; what comes back to a document are the notices that may speak for it.

Knows paths and texts. Does not know licences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from stages.base import MIB, StageConfig
from stages.global_stage import LAST, Applied, Global, Reduced, Round, Rounds
from stages.licenses.names import excerpt, is_notice
from stages.read.code.columns import NOTICES, NoticeColumn
from stages.read.code.notices import NoticeTexts
from stages.read.documents import document_id
from stages.text.utf8 import as_array

_PARTIAL = pa.schema(
    [
        ("key", pa.uint64()),
        ("row", pa.uint32()),
        ("id", pa.binary(16)),  # of the repository at its commit: keys of two may be equal
        ("path", pa.string()),
        ("text", pa.string()),  # of a notice
    ]
)
_EMITTED = 8 * MIB


class RepositoryNotices(Global):
    """Adds ``notices`` (path and text of each licence file, manifest and README that may speak for a file,
    the nearest first) to files that come as rows: those of ``stack``. Rows belong together by ``repo`` and
    ``commit``. Nothing is dropped."""

    name = "repository_notices"
    Config = StageConfig
    reads = ("text", "repo", "commit", "path")
    adds = pa.schema([("notices", NOTICES)])
    verdicts = pa.schema([("key", pa.uint64()), ("notices", NOTICES)])

    def map(self, batch: pa.Table) -> pa.Table:
        """A partial for each document, with the text of notices."""
        names = (batch.column(name).to_pylist() for name in ("repo", "commit", "path"))
        ids, paths, texts = [], [], []
        for row, (repo, commit, path) in enumerate(zip(*names, strict=True)):
            ids.append(document_id("repository", repo or "", commit or ""))
            paths.append(path or "")
            text = batch.column("text")[row].as_py() if path and is_notice(path) else None
            texts.append(None if text is None else excerpt(path, text))
        keys = np.frombuffer(b"".join(ids), ">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
        rows = np.arange(len(batch), dtype=np.uint32)
        return pa.table([keys, rows, pa.array(ids, pa.binary(16)), paths, texts], schema=_PARTIAL)

    def rounds(self) -> Rounds:
        """One."""
        yield Round(LAST, order=("id", "position"))

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """The notices of every document that has some. Counts ``repositories``, and ``documents`` with
        notices."""
        counts = {"repositories": 0, "documents": 0}
        for table in groups:
            ids = table.column("id").to_pylist()
            starts = [i for i, one in enumerate(ids) if i == 0 or one != ids[i - 1]]
            for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
                counts["repositories"] += 1
                for found in self._inherited(table.slice(start, stop - start)):
                    counts["documents"] += len(found)
                    yield found
        return counts

    def _inherited(self, rows: pa.Table) -> Iterator[pa.Table]:
        """For the rows of one repository."""
        paths = rows.column("path").to_pylist()
        positions = rows.column("position").to_pylist()
        texts = rows.column("text")
        with NoticeTexts() as notices:
            for index in np.flatnonzero(texts.is_valid().to_numpy()):
                notices.add_text(paths[index], texts[int(index)].as_py().encode())
            notices.close()
            keys: list[int] = []
            column = NoticeColumn()
            size = 0
            for path, position in zip(paths, positions, strict=True):
                if not (found := notices.of(path)):
                    continue
                keys.append(position)
                size += column.add(found)
                if size >= _EMITTED:
                    yield self._rows(keys, column)
                    keys, column, size = [], NoticeColumn(), 0
            if keys:
                yield self._rows(keys, column)

    def _rows(self, keys: Sequence[int], column: NoticeColumn) -> pa.Table:
        return pa.table([pa.array(keys, pa.uint64()), column.array()], schema=self.verdicts)

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """The column."""
        index = np.full(len(batch), -1)
        index[found.column("row").to_numpy()] = np.arange(len(found))
        column = as_array(found.column("notices")).take(pa.array(index, mask=index < 0))
        return Applied({"notices": column}, [None] * len(batch))
