"""Two outputs compared: settings, what stages kept and dropped, and the documents that only one of them has.

A document that one output has and the other has not is looked for in the rejects of the other, of its dataset
and of those that it comes from; so each has the stage and the reason that took it there. Where there are many
documents, a share of them is compared, chosen by id. Knows plans, ``stats.json``, receipts and the columns of
documents; does not know how to show it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import layout
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import DOCUMENTS, DONE, REJECTS, SHARD, load_all
from pipeline.report.trace_index import columns
from pipeline.storage import Missing, Storage, join

#: Documents of a dataset that are compared at most: their ids are in memory, twice.
DOCUMENTS_AT_MOST = 20_000_000
EXAMPLES = 3
#: A key, and its value before and after, as JSON; "" where there is none.
Setting = tuple[str, str, str]
#: A setting that every dataset has one of.
_MADE = re.compile(r"datasets\.([^.]+)\.(?:from|read\.format)")
#: Where a document is that was not rejected: never read, or not selected for the dataset.
ABSENT = ("", "not there")


class NotCompared(Exception):
    """One of the two is not the output of a finished run."""


@dataclass
class Moved:
    """Documents that one output has and the other has not, by the stage and reason that took them there."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)


@dataclass
class Compared:
    """Of one dataset. ``share`` of the documents was compared; the counts in ``lost`` and ``gained`` are of
    that share."""

    documents: tuple[int, int]
    tokens: tuple[int | None, int | None]
    #: Stage, reason ("" for kept), number before and after; only where they differ.
    attrition: list[tuple[str, str, int, int]]
    share: float = 1.0
    both: int = 0
    lost: Moved = field(default_factory=Moved)
    gained: Moved = field(default_factory=Moved)


@dataclass
class Difference:
    """What ``compare`` found."""

    settings: list[Setting]
    datasets: dict[str, Compared]
    only: tuple[list[str], list[str]]  # datasets that only the first, or only the second has


class _Output:
    """A finished run."""

    def __init__(self, storage: Storage, output: str) -> None:
        self.storage, self.output = storage, output.rstrip("/")
        try:
            manifest = Manifest.read(storage, self.output)
            if manifest is None or layout.STATS not in manifest.files:
                raise NotCompared(f"{output} holds no finished run")
            self.plan = json.loads(storage.read(join(self.output, layout.PLAN)))
            self.stats = json.loads(storage.read(join(self.output, layout.STATS)))
        except (Missing, NotOurs, ValueError) as error:
            raise NotCompared(f"{output} cannot be read: {error}") from None

    def files(self, directory: str, role: str) -> Iterator[str]:
        """Paths of the files of a role, in the order of parts."""
        receipts = load_all(self.storage, join(self.output, layout.receipts(directory)))
        for _, receipt in sorted(receipts, key=lambda item: item[0]):
            for file in receipt.files if receipt.status == DONE else ():
                if file.role == role:
                    yield join(self.output, file.name)

    def ids(self, dataset: str, share: float) -> npt.NDArray[np.void]:
        """The ids of a share of the dataset's documents, sorted."""
        segments = [one["segment"] for one in self.plan["segments"] if one["dataset"] == dataset]
        last = [name for name in segments if name != "tokens"][-1]
        if "tokens" in segments:
            paths = self.files(layout.shards(dataset), SHARD)
        else:
            paths = self.files(layout.work(f"{dataset}/{last}"), DOCUMENTS)
        found = [np.empty(0, "V16")]
        for path in paths:
            for table in columns(self.storage, path, ["id"]):
                found.append(_chosen(table.column("id").drop_null().to_pylist(), share))
        return np.unique(np.concatenate(found))

    def rejects(self, dataset: str) -> Iterator[pa.Table]:
        """Rejects of a dataset, then of those that it comes from."""
        wanted = {dataset}
        for segment in reversed(self.plan["segments"]):
            if segment["dataset"] in wanted:
                wanted |= {key.split("/")[0] for key in segment["from"]}
        for segment in reversed(self.plan["segments"]):
            if segment["dataset"] in wanted:
                key = f"{segment['dataset']}/{segment['segment']}"
                for path in self.files(layout.work(key), REJECTS):
                    yield from columns(self.storage, path, ["id", "url", "stage", "reason", "detail"])


def compare(storage: Storage, first: str, second: str, at_most: int = DOCUMENTS_AT_MOST) -> Difference:
    """What differs between two outputs. NotCompared if one is not of a finished run; Damaged if a file of it
    cannot be read."""
    a, b = _Output(storage, first), _Output(storage, second)
    settings = differing(a.plan["config"], b.plan["config"])
    datasets = {}
    for name, data in a.stats["datasets"].items():
        if name in b.stats["datasets"]:
            datasets[name] = _dataset(a, b, name, data, b.stats["datasets"][name], at_most)
    only = (
        [name for name in a.stats["datasets"] if name not in datasets],
        [name for name in b.stats["datasets"] if name not in datasets],
    )
    return Difference(settings, datasets, only)


def _dataset(
    a: _Output, b: _Output, name: str, before: Mapping[str, Any], after: Mapping[str, Any], at_most: int
) -> Compared:
    documents = before["documents"], after["documents"]
    found = Compared(documents, (before["tokens"], after["tokens"]), list(_attrition(before, after)))
    found.share = min(1.0, at_most / max(*documents, 1))
    old, new = a.ids(name, found.share), b.ids(name, found.share)
    found.both = len(np.intersect1d(old, new, assume_unique=True))
    found.lost = _moved(b, name, np.setdiff1d(old, new, assume_unique=True))
    found.gained = _moved(a, name, np.setdiff1d(new, old, assume_unique=True))
    return found


def _attrition(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, int, int]]:
    old, new = _counts(before), _counts(after)
    for key in dict.fromkeys([*old, *new]):
        if old[key] != new[key]:
            yield *key, old[key], new[key]


def _counts(data: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for stage in data["stages"]:
        found[stage["stage"], ""] = stage["kept"]
        for reasons in (stage["dropped"], stage["failed"]):
            for reason, count in reasons.items():
                found[stage["stage"], reason] += count
    return found


def _moved(other: _Output, dataset: str, ids: npt.NDArray[np.void]) -> Moved:
    """Where the other output rejected these documents."""
    found, left = Moved(), np.ones(len(ids), bool)
    for table in other.rejects(dataset) if len(ids) else ():
        table = table.filter(table.column("id").is_valid())
        keys = _chosen(table.column("id").to_pylist(), 1.0)
        places = np.searchsorted(ids, keys) % len(ids)
        rows = np.flatnonzero((ids[places] == keys) & left[places])
        for row, place in zip(table.take(rows).to_pylist(), places[rows], strict=True):
            if not left[place]:
                continue  # two rejects of one document: the later stage counts
            left[place] = False
            key = row["stage"], row["reason"]
            found.counts[key] += 1
            some = found.examples.setdefault(key, [])
            if len(some) < EXAMPLES:
                some.append({"id": row["id"].hex(), "url": row["url"] or "", "detail": row["detail"] or ""})
    if left.any():
        found.counts[ABSENT] = int(left.sum())
        some_left = ids[left][:EXAMPLES]
        found.examples[ABSENT] = [{"id": one.tobytes().hex(), "url": "", "detail": ""} for one in some_left]
    return found


def _chosen(ids: list[bytes], share: float) -> npt.NDArray[np.void]:
    """Those of the ids that belong to the share: the smallest, a random sample since ids are hashes."""
    all_ids = np.frombuffer(b"".join(ids), "V16")
    if share >= 1:
        return all_ids
    first = np.frombuffer(b"".join(ids), ">u8").reshape(-1, 2)[:, 0]
    return all_ids[first < int(share * 2.0**64)]


def differing(before: Any, after: Any) -> list[Setting]:
    """The settings that differ between two configs as ``plan.json`` holds them, or parts of them."""
    old, new = _flat(before), _flat(after)
    return [(k, old.get(k, ""), new.get(k, "")) for k in sorted({*old, *new}) if old.get(k) != new.get(k)]


def _flat(value: Any, key: str = "") -> dict[str, str]:
    """Every setting by its path; an element of a list by the name that it has, else by its number."""
    if isinstance(value, dict) and value:
        found: dict[str, str] = {}
        for name, inner in value.items():
            found |= _flat(inner, f"{key}.{name}" if key else str(name))
        return found
    if isinstance(value, list) and value and all(isinstance(one, dict) and len(one) == 1 for one in value):
        found, seen = {}, Counter[str]()
        for one in value:
            ((name, inner),) = one.items()
            seen[name] += 1
            found |= _flat(inner, f"{key}.{name}" + (f"_{seen[name]}" if seen[name] > 1 else ""))
        return found
    return {key: json.dumps(value, ensure_ascii=False, sort_keys=True)}


def said(settings: Sequence[Setting]) -> Iterator[str]:
    """Settings that differ as text for people; of a dataset that only one side has, its name."""
    made = [(match[1], bool(old)) for key, old, _ in settings if (match := _MADE.fullmatch(key))]
    sides: dict[str, set[str]] = {name: set() for name, _ in made}
    for key, old, new in settings:
        if (name := key.split(".")[1:2]) and key.startswith("datasets.") and name[0] in sides:
            sides[name[0]].add("both" if old and new else "gone" if old else "new")
    alone = {name: gone for name, gone in made if len(sides[name]) == 1 and "both" not in sides[name]}
    yield from (f"datasets.{name}: {'gone' if gone else 'new'}" for name, gone in alone.items())
    for key, old, new in settings:
        if not any(key.startswith(f"datasets.{name}.") for name in alone):
            yield f"{key}: {old or 'not there'} -> {new or 'not there'}"
    if not settings:
        yield "same settings"


def lines(found: Difference) -> Iterator[str]:
    """The difference as text for people."""
    yield from said(found.settings)
    for which, names in zip(("first", "second"), found.only, strict=True):
        yield from (f"{name}: only in the {which}" for name in names)
    for name, one in found.datasets.items():
        yield ""
        tokens = "" if one.tokens[0] is None else f", {_arrow(one.tokens)} tokens"
        yield f"{name}: {_arrow(one.documents)} documents{tokens}"
        for stage, reason, old, new in one.attrition:
            yield f"  {stage}: {reason or 'kept'} {old:,} -> {new:,} ({new - old:+,})"
        if one.share < 1:
            yield f"  of the documents {one.share:.2%} were compared, chosen by id:"
        lost, gained = one.lost.counts.total(), one.gained.counts.total()
        yield f"  {one.both:,} documents in both, {lost:,} lost, {gained:,} gained"
        for what, moved, where in (
            ("lost", one.lost, "the second"),
            ("gained", one.gained, "the first"),
        ):
            for (stage, reason), count in sorted(moved.counts.items(), key=lambda item: (-item[1], item[0])):
                because = f"{stage}: {reason}" if stage else "not read or not selected"
                yield f"  {what} {count:,}: in {where} {because}"
                for example in moved.examples[stage, reason]:
                    detail = f" ({example['detail']})" if example["detail"] else ""
                    yield f"    {example['id']} {example['url']}{detail}"


def _arrow(values: tuple[int | None, int | None]) -> str:
    old, new = (f"{value:,}" if value is not None else "no" for value in values)
    return f"{old} -> {new}"
