"""Whose work is in a corpus, and under which licence: counted where documents become tokens.

A project is what the documents of one ``source`` with one ``license`` have in common. The receipts of parts
have a row for each, also where a document has neither; the list of a corpus, of those that carry a licence,
is made from them (``pipeline.output``). Receipts of earlier versions lack the others, and bytes and dates.

Knows the columns of documents; does not know what a licence says, nor where rows are kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_BY = ["source", "license"]
#: A row of the list of a corpus.
LISTED = pa.schema(
    [
        ("dataset", pa.string()),
        ("project", pa.string()),  # the source of its documents
        ("license", pa.string()),
        ("url", pa.string()),  # what the addresses of its documents have in common
        ("documents", pa.int64()),
        ("tokens", pa.int64()),
    ]
)


_ENDS = {"first": min, "last": max, "since": min, "until": max}
_NOTHING = {"documents": 0, "tokens": 0, "bytes": 0}


class Projects:
    """Sums by source and licence."""

    def __init__(self) -> None:
        self._found: dict[tuple[str | None, str | None], dict[str, Any]] = {}

    def count(self, table: pa.Table) -> None:
        """Add documents that have their ``n_tokens``."""
        size = pc.cast(pc.binary_length(table["text"]), pa.int64())
        columns = table.select([*_BY, "url", "date", "n_tokens"]).append_column("bytes", size)
        ends = [(name, end) for name in ("url", "date") for end in ("min", "max")]
        sums = [*ends, ("n_tokens", "count"), ("n_tokens", "sum"), ("bytes", "sum")]
        for group in columns.group_by(_BY).aggregate(sums).to_pylist() if len(columns) else ():
            row = {name: group[name] for name in _BY}
            urls = {"first": group["url_min"], "last": group["url_max"]}
            dates = {"since": group["date_min"], "until": group["date_max"]}
            counts = {"documents": group["n_tokens_count"], "tokens": group["n_tokens_sum"]}
            self.add([{**row, **urls, **dates, **counts, "bytes": group["bytes_sum"]}])

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add what ``rows`` gave elsewhere."""
        for row in rows:
            known = self._found.setdefault((row["source"], row["license"]), dict.fromkeys(_ENDS) | _NOTHING)
            for end, choose in _ENDS.items():
                known[end] = choose(filter(None, (known[end], row.get(end))), default=None)
            for count in _NOTHING:
                known[count] += row.get(count) or 0

    def rows(self) -> list[dict[str, Any]]:
        """By source and licence. ``first`` and ``last`` are the smallest and the largest address, ``since``
        and ``until`` the smallest and the largest date; ``bytes`` are those of the texts in UTF-8."""
        return [
            {"source": source, "license": license, **sums}
            for (source, license), sums in sorted(self._found.items(), key=_order)
        ]


def listed(projects: Mapping[str, Projects]) -> pa.Table:
    """The list of a corpus, from the projects of each dataset that carry a licence, by dataset, project and
    licence."""
    rows = []
    for dataset, found in projects.items():
        for row in found.rows():
            if row["license"] is None or row["source"] is None:
                continue
            rows.append(
                {
                    "dataset": dataset,
                    "project": row["source"],
                    "license": row["license"],
                    "url": _common(row["first"] or "", row["last"] or "") or None,
                    "documents": row["documents"],
                    "tokens": row["tokens"],
                }
            )
    return pa.Table.from_pylist(rows, schema=LISTED)


def _common(first: str, last: str) -> str:
    """The folder that all addresses are in that lie between two: what these have in common, all have."""
    if first == last:
        return first
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same].rpartition("/")[0]


def _order(item: tuple[tuple[str | None, str | None], Any]) -> tuple[str, str]:
    return item[0][0] or "", item[0][1] or ""


def parquet(table: pa.Table) -> bytes:
    """A table as a file."""
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def summary(table: pa.Table) -> dict[str, Any]:
    """Projects in all, and by licence the projects, documents and tokens, the most documents first."""
    sums = table.group_by("license").aggregate(
        [("project", "count"), ("documents", "sum"), ("tokens", "sum")]
    )
    rows = [
        {
            "license": row["license"], "projects": row["project_count"], "documents": row["documents_sum"],
            "tokens": row["tokens_sum"],
        }
        for row in sums.to_pylist()
    ]  # fmt: skip
    return {
        "projects": len(table),
        "licenses": sorted(rows, key=lambda row: (-row["documents"], row["license"])),
    }
