"""What a run or a dry run measured of itself: for each group its receipts, summed and task by task.

Knows the files of an output that is finished; does not know what will be made of the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from pipeline import layout
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import DONE, Receipt, load
from pipeline.report.forecast import sizes
from pipeline.schedule.state import State
from pipeline.storage import Storage, join
from pipeline.tasks.base import Task
from stages.base import Input, Member


class NotMeasured(Exception):
    """There is nothing to rest an estimate on; the message says why, and what to do."""


class Did(NamedTuple):
    """What a task took, and wrote."""

    name: str
    spent: Mapping[str, float]  # see ``pipeline.tasks.clock``
    files: Mapping[str, int]  # bytes by role
    peak: int  # bytes of memory of the worker

    @property
    def rows(self) -> float:
        """Seconds of the processor that grow with the rows."""
        return self.spent["rows"]

    @property
    def around(self) -> float:
        """Seconds of the processor that any task takes."""
        spent = self.spent
        inside = spent["opening"] + spent["warming"] + spent["rows"]
        return max(spent["cpu"] - inside, 0.0) + spent["publishing"]

    @property
    def once(self) -> float:
        """Seconds of the processor that its process takes at its first task of the kind."""
        return self.spent["opening"] + max(self.spent["warming"] - self.spent["rows"], 0.0)

    @property
    def written(self) -> int:
        """Bytes of its files."""
        return sum(self.files.values())


@dataclass
class Measured:
    """A finished output. ``inputs``, ``shares`` (0 to 1, that was read; None: not known): by dataset and
    part."""

    output: str
    recipes: Mapping[str, str]  # of segments, by key
    inputs: dict[str, list[tuple[str, Input]]]
    driver: Mapping[str, float]  # see ``pipeline.tasks.clock``; empty if not known
    whole: int  # bytes of files about the whole
    states: dict[str, State] = field(default_factory=dict)
    tasks: dict[str, list[Did]] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, dict[str, float]]:
        """Bytes of the inputs, by dataset and part."""
        return {name: sizes(items) for name, items in self.inputs.items()}

    def read(self, dataset: str, reading: str) -> dict[str, float]:
        """By part, bytes of the input that were read by the segment ``reading``."""
        dry, found = self.states[reading].dry, self.sizes[dataset]
        shares = {part: dry.get(part, {}).get("share", 1.0) for part in found}
        return {part: size * (shares[part] or 0.0) for part, size in found.items()}


def finished(storage: Storage, output: str) -> bool:
    """Whether an output holds a finished run."""
    try:
        manifest = Manifest.read(storage, output)
    except NotOurs:
        return False
    return manifest is not None and {layout.PLAN, layout.INDEX} <= set(manifest.files)


def measured(storage: Storage, output: str) -> Measured:
    """All receipts of a finished output. NotMeasured if there are none, or none that say what was taken."""
    if not finished(storage, output):
        raise NotMeasured(
            f"{output} holds no finished run; an estimate rests on one, or on a dry run: "
            "nanocorpus run --dry-run"
        )
    try:
        plan = json.loads(storage.read(join(output, layout.PLAN)))
        recipes = {f"{one['dataset']}/{one['segment']}": one["recipe"] for one in plan["segments"]}
        inputs = {
            name: [(item["part"], _input(item)) for item in items] for name, items in plan["inputs"].items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise NotMeasured(f"{join(output, layout.PLAN)}: {error}; start the run again") from None
    found = Measured(output, recipes, inputs, _driver(storage, output), _whole(storage, output))
    names = storage.read(join(output, layout.INDEX)).decode().splitlines()
    for name, receipt in _receipts(storage, output, names):
        key = layout.label(name.rpartition("/receipts/")[0])
        found.states.setdefault(key, State()).add(cast(Task, _Named(name)), receipt)
        if receipt.status == DONE and receipt.spent:
            files: dict[str, int] = {}
            for file in receipt.files:
                files[file.role] = files.get(file.role, 0) + file.size
            part = name.rpartition("/")[2].removesuffix(".json")
            found.tasks.setdefault(key, []).append(Did(part, receipt.spent, files, receipt.peak_memory))
    if not found.tasks:
        raise NotMeasured(f"{output} was written by an earlier version, which measured no seconds of the CPU")
    return found


def _receipts(storage: Storage, output: str, names: list[str]) -> Iterator[tuple[str, Receipt]]:
    for name, (_, receipt) in zip(names, load(storage, [join(output, n) for n in names]), strict=True):
        if receipt is not None:
            yield name, receipt


@dataclass(frozen=True)
class _Named:
    """What a ``State`` asks of a task."""

    receipt_name: str

    @property
    def label(self) -> str:
        return self.receipt_name


def _input(item: Mapping[str, Any]) -> Input:
    known = {name: item[name] for name in Input._fields if name in item}
    return Input(**{**known, "members": tuple(Member(*one) for one in known.get("members", ()))})


def _driver(storage: Storage, output: str) -> Mapping[str, float]:
    path = join(output, layout.SPENT)
    if storage.stat(path) is None:
        return {}
    found: dict[str, float] = json.loads(storage.read(path))
    return found


def _whole(storage: Storage, output: str) -> int:
    """Bytes of the files that no receipt names, without copies of models."""
    manifest = Manifest.read(storage, output)
    names = [n for n in manifest.files if not n.startswith(f"{layout.ASSETS}/")] if manifest else []
    return sum(info.size for name in names if (info := storage.stat(join(output, name))) is not None)
