"""Partials (keys of documents) that earlier runs left, for global stages that compare with them.

Found by the settings of the stage that made them. Knows the files of a finished run; does not know what the
partials say.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pipeline import layout
from pipeline.ledger.receipts import DONE, RUNS, load_all
from pipeline.plan.recipe import Recipe, fingerprint
from pipeline.sealed import Stored
from pipeline.storage import Storage, StorageError, join


class EarlierPart(NamedTuple):
    """Partials of one part of an earlier run."""

    file: Stored  # run file, with the address of its run
    rows: int  # partials
    documents: int
    digest: str  # of the run file
    etag: str  # of the run file


class NoPartials(Exception):
    """Why an earlier run cannot be used."""


def map_identity(recipe: Recipe) -> str:
    """Partials of runs can be compared if their maps have the same identity."""
    return fingerprint(recipe.identity)


def find(storage: Storage, output: str, mapped: Recipe) -> list[EarlierPart]:
    """The partials under the output of an earlier run that ``mapped`` would have made, part by part.

    NoPartials if the run is not finished, or has none.
    """
    try:
        plan = json.loads(storage.read(join(output, layout.PLAN)))
        finished = storage.stat(join(output, layout.STATS)) is not None
        version = plan.get("format", 1)
        segments: list[dict[str, Any]] = plan["segments"]
        wanted = map_identity(mapped)
        keys = sorted(f"{s['dataset']}/{s['segment']}" for s in segments if s["maps"] == wanted)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StorageError) as error:
        raise NoPartials(f"{output} is not the output of a run: {error}") from None
    if version != layout.FORMAT:
        raise NoPartials(
            f"the run in {output} was made by another version of nanocorpus; run it again with this one"
        )
    if not finished:
        raise NoPartials(f"the run in {output} is not finished")
    if not keys:
        raise NoPartials(f"the run in {output} has no {mapped.label} with these settings and this version")
    found = []
    for key in keys:
        etags = {
            info.path: info.etag
            for info in storage.list(join(output, layout.runs_directory(layout.work(key))))
        }
        for _, receipt in sorted(load_all(storage, join(output, layout.receipts(layout.work(key))))):
            counts = receipt.counts
            for file in receipt.files if receipt.status == DONE else ():
                if file.role != RUNS:
                    continue
                stored = file.stored.below(output)
                if stored.path not in etags:
                    raise NoPartials(f"{stored.path} is missing")
                rows, documents = counts["partials"], counts["documents"]
                found.append(EarlierPart(stored, rows, documents, file.sha256, etags[stored.path]))
    return found
