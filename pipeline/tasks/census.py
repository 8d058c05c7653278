"""What a dataset card tells of the documents of a corpus, counted where they become tokens.

A receipt has: lengths in tokens; of the columns that stages tell of (``stages.base.Told``) documents, tokens
and pieces by value; and of texts written by a model three examples of each task, those with the smallest ids.
Registered domains have a file of their own, since there are many.

Knows the columns of documents and the public suffix list; does not know which stages there are, nor how a
card looks.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from stages.base import Told

#: Rows of the list of domains of a part.
DOMAINS = pa.schema([("domain", pa.string()), ("documents", pa.int64()), ("tokens", pa.int64())])
EXAMPLES = 3
#: Characters of an example.
LONGEST = 600
#: Lengths are counted to this many binary digits, so quantiles are exact to 1.6 %.
_DIGITS = 7
_HOST = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@?#]*@)?(\[[^\]]*\]|[^/:?#]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9.]+|\[.*")


class Census:
    """Counts of one part, or of several together."""

    def __init__(self, told: Sequence[Told] = ()) -> None:
        self._told = told
        self.documents = 0
        self.lengths: Counter[int] = Counter()
        #: By column and value: documents, tokens and pieces.
        self.values: dict[tuple[str, str], list[int]] = {}
        #: By column and value: ids in hex and texts.
        self.examples: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._hosts: dict[str, list[int]] = {}

    def count(self, table: pa.Table) -> None:
        """Add documents that have their ``n_tokens``."""
        tokens = table["n_tokens"].to_pylist()
        self.documents += len(tokens)
        self.lengths.update(map(rounded, tokens))
        for told in self._told:
            if told.column not in table.schema.names:
                continue
            column = table[told.column]
            for row, value, pieces in _values(column, told):
                _add(self.values, (told.column, value), (1, tokens[row], pieces))
            if told.what == "task":
                self._show(told.column, table)
        for url, size in zip(table["url"].to_pylist(), tokens, strict=True):
            if (host := host_of(url)) is not None:
                _add(self._hosts, host, (1, size))

    def _show(self, column: str, table: pa.Table) -> None:
        for value in pc.unique(pc.drop_null(table[column])).to_pylist():
            rows = table.filter(pc.equal(table[column], value))
            # documents that are equal have the same id, and each is one example wherever the others are
            ids = pc.unique(rows["id"])
            smallest = ids.take(pc.array_sort_indices(ids)[:EXAMPLES])
            some = rows.select(["id", "text"]).filter(pc.is_in(rows["id"], smallest)).to_pylist()
            self._keep((column, value), [(row["id"].hex(), _beginning(row["text"])) for row in some])

    def _keep(self, key: tuple[str, str], rows: Iterable[tuple[str, str]]) -> None:
        self.examples[key] = sorted({*self.examples.get(key, ()), *rows})[:EXAMPLES]

    def as_json(self) -> dict[str, Any]:
        """What a receipt holds."""
        return {
            "documents": self.documents,
            "lengths": [list(item) for item in sorted(self.lengths.items())],
            "values": [[*key, *counts] for key, counts in sorted(self.values.items())],
            "examples": [[*key, [list(row) for row in rows]] for key, rows in sorted(self.examples.items())],
        }

    def add(self, counts: Mapping[str, Any]) -> None:
        """Add what ``as_json`` gave elsewhere."""
        self.documents += counts["documents"]
        for length, documents in counts["lengths"]:
            self.lengths[length] += documents
        for column, value, *sums in counts["values"]:
            _add(self.values, (column, value), sums)
        for column, value, rows in counts["examples"]:
            self._keep((column, value), [(identity, text) for identity, text in rows])

    def domains(self) -> pa.Table:
        """Documents and tokens of each registered domain, by name. Not among what ``add`` adds."""
        found: dict[str, list[int]] = {}
        for host, sums in self._hosts.items():
            _add(found, registered(host), sums)
        rows = sorted(found.items())
        columns = [[name for name, _ in rows], *([sums[i] for _, sums in rows] for i in range(2))]
        return pa.table(
            [pa.array(c, field.type) for c, field in zip(columns, DOMAINS, strict=True)], schema=DOMAINS
        )

    def quantile(self, share: float) -> int | None:
        """The length that this share of the documents does not exceed, rounded down by at most 1.6 %."""
        wanted, passed = share * self.documents, 0
        for length, documents in sorted(self.lengths.items()):
            passed += documents
            if passed >= wanted:
                return length
        return None


def rounded(length: int) -> int:
    """A length to seven binary digits, downwards."""
    shift = max(0, length.bit_length() - _DIGITS)
    return length >> shift << shift


def host_of(url: str | None) -> str | None:
    """The host of an address, in lower case."""
    found = _HOST.match(url) if url is not None else None
    return found[1].lower().rstrip(".") if found else None


def registered(host: str) -> str:
    """The registered domain of a host in lower case; the host itself if it has none."""
    if _ADDRESS.fullmatch(host):
        return host
    try:
        return _suffixes().privatesuffix(host) or host
    except UnicodeError:  # a name that no domain can have
        return host


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _values(column: pa.ChunkedArray, told: Told) -> Iterator[tuple[int, str, int]]:
    """Row, value and pieces, of the rows that count."""
    for row, value in enumerate(column.to_pylist()):
        if told.what == "redacted":
            pieces = sum(one["count"] for one in value) if isinstance(value, list) else value
            if pieces:
                yield row, "", pieces
        elif told.what == "opt_out":
            if value:
                yield row, "", 0
        elif value is not None:
            yield row, str(value), 0


def _beginning(text: str | None) -> str:
    said = text or ""
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def _add(sums: dict[Any, list[int]], key: Any, more: Sequence[int]) -> None:
    known = sums.setdefault(key, [0] * len(more))
    for i, count in enumerate(more):
        known[i] += count
