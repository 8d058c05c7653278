"""What the documents of a corpus are: sources, lengths, domains, and what stages tell of them.

Sums what parts counted where documents became tokens (``pipeline.tasks.census``). Parts of earlier versions
counted nothing: then it says of how many documents its numbers are. Knows receipts and the lists of domains
beside them; does not know how a card looks, nor who writes files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.told import told
from pipeline.ledger.commit import Ledger
from pipeline.ledger.receipts import DOMAINS
from pipeline.plan.segment import Plan
from pipeline.report.trace_index import columns
from pipeline.schedule.state import State
from pipeline.storage import Storage
from pipeline.tasks.census import DOMAINS as ROWS
from pipeline.tasks.census import Census
from pipeline.tasks.projects import Projects
from stages.base import Told

#: Of the list of domains of a corpus.
LISTED = pa.schema([("dataset", pa.string()), *ROWS])
TOP = 50
_QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
#: Rows of lists of parts that are in memory before they are added up.
_WAITING = 1 << 22
#: Lists that are read at the same time, and those that are read before the next look at memory.
_READERS, _AT_ONCE = 16, 64
_SUMS = [("documents", "sum"), ("tokens", "sum")]


@dataclass
class Composition:
    """Of one dataset. ``columns`` are those that stages tell of, ``projects`` are of all its parts,
    ``sources`` and the rest of those that counted."""

    columns: tuple[Told, ...] = ()
    projects: Projects = field(default_factory=Projects)
    sources: Projects = field(default_factory=Projects)
    census: Census = field(default_factory=Census)
    domains: pa.Table = field(default_factory=ROWS.empty_table)


def read(plan: Plan, ledger: Ledger, dataset: str, tokens: State) -> Composition:
    """What the parts of a dataset counted, of which ``tokens`` has the sums. Damaged if a list of domains
    cannot be read."""
    files = sorted(made.files[DOMAINS].name for made in tokens.made.values() if DOMAINS in made.files)
    domains = _added(ledger.storage, [*map(ledger.path, files)])
    return Composition(told(plan.config, dataset), tokens.projects, tokens.sources, tokens.census, domains)


def _added(storage: Storage, paths: Sequence[str]) -> pa.Table:
    """The lists of domains at ``paths`` added up, of which few are in memory at once."""

    def one(path: str) -> pa.Table:
        return pa.concat_tables([ROWS.empty_table(), *columns(storage, path, ROWS.names)])

    waiting: list[pa.Table] = []
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(paths), _AT_ONCE):
            waiting += pool.map(one, paths[start : start + _AT_ONCE])
            if sum(map(len, waiting)) > _WAITING:
                waiting = [summed(waiting)]
    return summed(waiting)


def summed(tables: list[pa.Table]) -> pa.Table:
    """Lists of domains added up; those with the most tokens first."""
    if not tables:
        return ROWS.empty_table()
    sums = pa.concat_tables(tables).group_by("domain").aggregate(_SUMS)
    sums = sums.select(["domain", "documents_sum", "tokens_sum"]).rename_columns(ROWS.names)
    return sums.cast(ROWS).sort_by([("tokens", "descending"), ("domain", "ascending")])


def listed(found: Mapping[str, Composition]) -> pa.Table:
    """The list of domains of a corpus, dataset by dataset, those with the most tokens first."""
    tables = [
        one.domains.add_column(0, "dataset", pa.array([name] * len(one.domains), pa.string()))
        for name, one in found.items()
    ]
    return pa.concat_tables([LISTED.empty_table(), *(table.cast(LISTED) for table in tables)])


def summary(found: Mapping[str, Composition]) -> dict[str, Any]:
    """The field ``composition`` of ``stats.json``."""
    return {
        "datasets": {name: _dataset(one) for name, one in found.items()},
        "domains": _domains(summed([one.domains for one in found.values()])),
    }


def _dataset(one: Composition) -> dict[str, Any]:
    names = ("source", "license", "documents", "tokens", "bytes", "since", "until")
    lengths = one.census.lengths
    return {
        "counted": one.census.documents,
        "sources": [{name: row[name] for name in names} for row in one.sources.rows()],
        "lengths": {
            "min": min(lengths, default=None),
            **{name: one.census.quantile(share) for name, share in _QUANTILES.items()},
            "max": max(lengths, default=None),
        },
        "told": list(_told(one)),
        "examples": [
            {"value": value, "texts": [text for _, text in rows]}
            for (_, value), rows in sorted(one.census.examples.items())
        ],
    }  # fmt: skip


def _told(one: Composition) -> Iterator[dict[str, Any]]:
    """A row for each value of a column; of what was searched for also where nothing was found."""
    for item in one.columns:
        values = {value: sums for (name, value), sums in one.census.values.items() if name == item.column}
        if not values and item.what in ("redacted", "opt_out"):
            values = {"": [0, 0, 0]}
        for value, (documents, tokens, pieces) in sorted(values.items()):
            yield {
                "what": item.what, "name": item.name, "value": value,
                "documents": documents, "tokens": tokens, "pieces": pieces,
            }  # fmt: skip


def _domains(table: pa.Table) -> dict[str, Any]:
    tokens = pc.sum(table["tokens"]).as_py() or 0
    tenth = -(-len(table) // 10)
    twentieth = min(-(-len(table) // 20), 1000)
    return {
        "domains": len(table),
        "tokens": tokens,
        "top": table.slice(0, TOP).to_pylist(),
        # the shares of domains that the EU's template asks about, the second for small and medium enterprises
        "largest": [
            {"domains": count, "tokens": pc.sum(table["tokens"].slice(0, count)).as_py() or 0}
            for count in (tenth, twentieth)
        ],
    }
