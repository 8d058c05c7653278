"""What is kept of finished tasks."""

from __future__ import annotations

import json

from pipeline.ledger.receipts import DOCUMENTS, RUNS, File
from pipeline.schedule.parts import Made, Named, Parts, pattern


def test_results_are_kept_as_they_were() -> None:
    parts = Parts()
    one = Made(True, {DOCUMENTS: File(DOCUMENTS, "w/p-1.parquet", 7, "aa", "")}, {"documents": 3, "rows": 0})
    two = Made(
        True,
        {
            DOCUMENTS: File(DOCUMENTS, "w/p-2.parquet", 8, "bb", "f"),
            RUNS: File(RUNS, "w/runs/p-2.runs", 9, "cc", "g"),
        },
        {},
    )
    failed = Made(False, {}, {})
    for name, made in (("p-2", two), ("p-1", one), ("p-3", failed)):
        parts.put(name, made)
    again = Parts.of(json.loads(json.dumps(parts.tables())), [*parts], [parts.row(name) for name in parts])
    for kept in (parts, again):
        assert [*kept.sorted()] == [("p-1", one), ("p-2", two), ("p-3", failed)]
        assert [*kept.digests(RUNS)] == [("p-1", True, ""), ("p-2", True, "cc"), ("p-3", False, "")]
        assert [*kept.sizes("p-2")] == [("w/p-2.parquet", 8), ("w/runs/p-2.runs", 9)]
    named = Named()
    named.add_all(pattern(lambda task: f"w/receipts/{task}.json"), parts)
    assert all(name in named for name in ("w/p-1.parquet", "w/runs/p-2.runs", "w/receipts/p-3.json"))
    assert not any(
        name in named for name in ("w/p-3.parquet", "w/runs/p-1.runs", "w/receipts/p-4.json", "w/p")
    )
