"""The account of a run: ``stats.json`` of a finished run, or what is known of a run that failed.

Knows states, rejects and the files that describe the whole; does not know how a run works.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import layout
from pipeline.config.schema import Config
from pipeline.ledger.commit import Ledger, Superseded
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import DOCUMENTS, REJECTS, load_all
from pipeline.plan.segment import Plan
from pipeline.report.stats import stats
from pipeline.schedule.state import State
from pipeline.sealed import Damaged, ParquetFile, Stored, digest
from pipeline.storage import Storage, StorageError, join


def leave(plan: Plan, ledger: Ledger, manifest: Manifest, states: Mapping[str, State], reason: str) -> str:
    """Write the account of a run that failed, for ``report``. Returns the reason, with the stage that failed
    most often, its most frequent error with an example, and where the other failures are listed."""
    with suppress(StorageError, Superseded, Damaged):
        worst = [_worst(plan, ledger, states, name) for name in plan.config.datasets]
        reason = "\n".join([reason, *filter(None, worst)])
        found = {**stats(plan, states, partial=True), "failed": reason}
        manifest.put(
            ledger, {layout.ACCOUNT: (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()}
        )
    return reason


def _worst(plan: Plan, ledger: Ledger, states: Mapping[str, State], dataset: str) -> str:
    """The most frequent error of a dataset's documents in one line; "" if none failed."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for key, segment in plan.segments.items():
        if segment.dataset == dataset and key in states:
            for tally in states[key].tallies:
                counts.update({(key, tally.stage, reason): n for reason, n in tally.failed.items()})
    if not counts:
        return ""
    (key, stage, reason), count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    line = f"{dataset}: failed most often in {stage}: {reason}, {count} documents"
    for row in _failed(ledger, states, key, stage, reason):
        name = row["url"] or row["provenance"]["record"] or row["id"].hex()
        line += f", for example {name} of {row['provenance']['file']}"
        line += f": {' '.join((row['detail'] or '').split())[:200]}" if row["detail"] else ""
        break
    return f"{line}; all failures are listed in {ledger.path(layout.rejects_directory(layout.work(key)))}"


def _failed(
    ledger: Ledger, states: Mapping[str, State], key: str, stage: str, reason: str
) -> Iterator[dict[str, Any]]:
    """Rejected rows of a stage that failed for a reason, in the order of parts."""
    for _, made in states[key].made.sorted():
        if REJECTS not in made.files:
            continue
        parquet = ParquetFile(ledger.storage, made.files[REJECTS].stored.below(ledger.output))
        for group in range(parquet.metadata.num_row_groups):
            for row in parquet.table(group, parquet.schema.names).to_pylist():
                if (row["stage"], row["kind"], row["reason"]) == (stage, "failed", reason):
                    yield row


def account(config: Config, characters: int = 200) -> tuple[dict[str, Any], dict[str, str]]:
    """``stats.json`` of a finished run, and the beginnings of the texts that its largest clusters keep, by id
    in hex. For a run that failed: what is known so far, with the reason as ``failed``. ConfigError if there
    is neither.
    """
    storage = Storage(config.storage)
    try:
        manifest = Manifest.read(storage, config.output)
    except NotOurs as error:
        raise config.problem(("output",), str(error)) from None
    if manifest is None or not {layout.STATS, layout.ACCOUNT} & set(manifest.files):
        raise config.problem(("output",), f"{config.output} holds no finished run")
    try:
        name = layout.STATS if layout.STATS in manifest.files else layout.ACCOUNT
        path = join(config.output, name)
        if manifest.files[name] != [digest(storage, path)[1]]:
            raise Damaged(path, "has changed")
        found = json.loads(storage.read(path))
        texts: dict[str, str] = {}
        for segment in json.loads(storage.read(join(config.output, layout.PLAN)))["segments"]:
            if segment["judged"] is not None and "failed" not in found:
                texts |= _texts(storage, config.output, segment, found, characters)
    except (Damaged, ValueError, KeyError, TypeError) as error:
        raise config.problem(("output",), f"{error}; start the run again, which writes it anew") from None
    return found, texts


def _texts(
    storage: Storage, output: str, segment: Mapping[str, str], found: Mapping[str, Any], characters: int
) -> dict[str, str]:
    """Beginnings of the texts that the largest clusters of a segment's global stage keep."""
    clusters = found["datasets"][segment["dataset"]]["largest_clusters"].get(segment["judged"], ())
    wanted = pa.array([bytes.fromhex(cluster["id"]) for cluster in clusters], pa.binary(16))
    texts: dict[str, str] = {}
    for stored in _documents(storage, output, segment) if clusters else ():
        parquet = ParquetFile(storage, stored)
        for group in range(parquet.metadata.num_row_groups):
            table = parquet.table(group, ["id", "text"])
            rows = table.filter(pc.is_in(table.column("id"), wanted)).to_pylist()
            texts |= {row["id"].hex(): row["text"][:characters] for row in rows}
    return texts


def _documents(storage: Storage, output: str, segment: Mapping[str, str]) -> Iterator[Stored]:
    directory = join(output, layout.receipts(layout.work(f"{segment['dataset']}/{segment['segment']}")))
    for _, receipt in sorted(load_all(storage, directory), key=lambda item: item[0]):
        for file in receipt.files:
            if file.role == DOCUMENTS:
                yield file.stored.below(output)
