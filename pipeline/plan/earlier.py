"""Partials (keys of documents) that earlier runs left, for global stages that compare with them.

Found by the settings of the stage that made them; with the documents, for a stage that reads those again.
Knows the files of a finished run; does not know what the partials say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline import layout
from pipeline.ledger.receipts import DOCUMENTS, DONE, RUNS, File, load_all
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
    texts: Stored | None = None  # the documents, with the address of their run, if they are read again
    texts_digest: str = ""


class NoPartials(Exception):
    """Why an earlier run cannot be used."""


def map_identity(recipe: Recipe) -> str:
    """Partials of runs can be compared if their maps have the same identity."""
    return fingerprint(recipe.identity)


def find(storage: Storage, output: str, mapped: Recipe, texts: bool) -> list[EarlierPart]:
    """The partials under the output of an earlier run that ``mapped`` would have made, part by part; with the
    documents, if their ``texts`` are to be read.

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
        directory = layout.work(key)
        read = directory if texts else layout.runs_directory(directory)
        etags = {info.path: info.etag for info in storage.list(join(output, read))}
        for _, receipt in sorted(load_all(storage, join(output, layout.receipts(directory)))):
            files = {file.role: file for file in receipt.files if receipt.status == DONE}
            if (runs := files.get(RUNS)) is None:
                continue
            stored, counts = _there(runs, output, etags), receipt.counts
            part = EarlierPart(
                stored, counts["partials"], counts["documents"], runs.sha256, etags[stored.path]
            )
            if texts:
                documents = files[DOCUMENTS]
                part = part._replace(texts=_there(documents, output, etags), texts_digest=documents.sha256)
            found.append(part)
    return found


def _there(file: File, output: str, etags: Mapping[str, str]) -> Stored:
    stored = file.stored.below(output)
    if stored.path not in etags:
        raise NoPartials(f"{stored.path} is missing")
    return stored
