"""Partials of earlier runs: what a global stage of this run may use again, found by the settings of its map.

Knows the files that a finished run leaves; does not know what the partials say.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pipeline.receipts import DONE, load_all
from pipeline.segment import run_file
from pipeline.steps import Recipe, fingerprint
from pipeline.storage import Storage, StorageError, join


class EarlierPart(NamedTuple):
    """Partials of one part of an earlier run."""

    file: str  # run file, with the address of its run
    rows: int  # partials
    documents: int
    digest: str
    etag: str  # of the run file


class NoPartials(Exception):
    """An earlier run that cannot be used, and why."""


def map_identity(recipe: Recipe) -> str:
    """Runs whose maps have the same identity have partials that can be compared."""
    return fingerprint(recipe.identity)


def find(storage: Storage, output: str, mapped: Recipe) -> list[EarlierPart]:
    """The partials under the output of an earlier run that ``mapped`` would have made, part by part.

    NoPartials if the run is not finished, or has none.
    """
    try:
        plan = json.loads(storage.read(join(output, "plan.json")))
        finished = storage.stat(join(output, "stats.json")) is not None
        segments: list[dict[str, Any]] = plan["segments"]
        wanted = map_identity(mapped)
        keys = sorted(f"{s['dataset']}/{s['segment']}" for s in segments if s["maps"] == wanted)
    except (OSError, ValueError, KeyError, TypeError, StorageError) as error:
        raise NoPartials(f"{output} is not the output of a run: {error}") from None
    if not finished:
        raise NoPartials(f"the run in {output} is not finished")
    if not keys:
        raise NoPartials(f"the run in {output} has no {mapped.label} with these settings and this version")
    found = []
    for key in keys:
        etags = {info.path: info.etag for info in storage.list(join(output, f"work/{key}/runs"))}
        for part, receipt in sorted(load_all(storage, join(output, f"work/{key}/receipts"))):
            if receipt.status == DONE and receipt.counts["partials"]:
                file = join(output, run_file(f"work/{key}", part))
                counts = receipt.counts
                if file not in etags:
                    raise NoPartials(f"{file} is gone")
                found.append(
                    EarlierPart(file, counts["partials"], counts["documents"], receipt.digest, etags[file])
                )
    return found
