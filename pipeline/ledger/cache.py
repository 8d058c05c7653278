"""Parts of another output that a run may copy, found by their fingerprints: equal ones have equal results.

Which directories are looked at follows from the plans of both: where a segment has the same recipe, its parts
may be the same, whatever its dataset and number are called. Nothing is ever written there.

Knows plans, receipts and names; does not know what parts are made of.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline import layout
from pipeline.ledger.receipts import DONE, Receipt, load_all
from pipeline.storage import Storage, StorageError, join


class NoCache(Exception):
    """Why an output cannot be used; the message names it."""


class Cache:
    """The parts of the run in ``output``, for a run with the segments ``ours`` (as in ``plan.json``)."""

    def __init__(self, storage: Storage, output: str, ours: Sequence[Mapping[str, Any]]) -> None:
        self.storage, self.output = storage, output
        try:
            plan = json.loads(storage.read(join(output, layout.PLAN)))
            version, theirs = plan.get("format", 1), _recipes(plan["segments"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StorageError) as error:
            raise NoCache(f"{output} is not the output of a run: {error}") from None
        if version != layout.FORMAT:
            raise NoCache(f"the run in {output} was made by another version of nanocorpus")
        same = defaultdict(list)
        for key, recipe in theirs.items():
            same[recipe].append(key)
        #: Their segments with the recipe of ours, by key; one of the same name first.
        self._same = {
            key: [other for other in same[recipe] if other == key]
            + [other for other in sorted(same[recipe]) if other != key]
            for key, recipe in _recipes(ours).items()
        }

    def find(self, receipts: str) -> Iterator[Receipt]:
        """Receipts of finished parts that may be those of ours below the directory ``receipts``."""
        for directory in self._directories(receipts):
            for name, receipt in load_all(self.storage, join(self.output, directory)):
                place = f"{directory}/{name}.json"
                if (
                    receipt.status == DONE
                    and receipt.name == place  # a copy of a receipt does not count
                    and all(layout.belongs(place, file.name) for file in receipt.files)
                ):
                    yield receipt

    def _directories(self, receipts: str) -> list[str]:
        """Theirs for a directory of ours: of a segment, of a round of it, or of shards, which hold the name
        of their dataset."""
        _, dataset, segment, *rest = receipts.split("/")
        if f"{dataset}/{segment}" not in self._same:
            return [receipts]
        return ["/".join((layout.work(key), *rest)) for key in self._same[f"{dataset}/{segment}"]]


def renamed(file: str, theirs: str, ours: str) -> str:
    """The name of a file of the part whose receipt is named ``theirs``, for the part of ``ours``."""
    (old, old_part), (new, new_part) = (
        name.removesuffix(".json").split("/receipts/") for name in (theirs, ours)
    )
    if not file.startswith(f"{old}/"):
        return file  # a shard, which lies in the corpus
    directory, _, base = (new + file.removeprefix(old)).rpartition("/")
    return f"{directory}/{new_part}{base.removeprefix(old_part)}"


def _recipes(segments: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {f"{one['dataset']}/{one['segment']}": one["recipe"] for one in segments}
