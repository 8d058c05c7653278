"""What became of a document: every capture of an address, or a document by its id, from where it came into
being to the row of a shard.

Where a run is finished, its index (``report.trace_index``) says in which parts to look; else all parts are
looked through, and what is known so far is told. Everything is read from the files of the output: no stage is
known by name. Knows plans, receipts and the columns of documents; does not know how to show it
(``report.trace_text``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import layout
from pipeline.exchange.runs import KEYS
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import DOCUMENTS, DONE, FAILED, REJECTS, SHARD, Receipt, find
from pipeline.report.trace_index import Index, columns, id_key, url_key
from pipeline.sealed import ParquetFile
from pipeline.storage import Missing, Storage, join
from pipeline.tasks.calls import shuffle_keys

_ID = re.compile("[0-9a-f]{32}")
_READERS = 8
#: Columns that are told apart from the others.
_APART = ("id", "url", "text", "html", "provenance", "parent")


class NotTraced(Exception):
    """There is no output, or no such document in it; the message says what was looked through."""


@dataclass
class Event:
    """What a segment did to a document."""

    segment: str
    part: str
    outcome: str  # kept, dropped, failed, not_selected, not_done, in_shard
    passed: list[str] = field(default_factory=list)  # stages that let it through
    stage: str = ""  # that did not
    reason: str = ""
    detail: str = ""
    copy: dict[str, str] | None = None  # the document that stays instead: id, url, outcome
    generated: list[str] = field(default_factory=list)  # ids of the documents that were made from it
    columns: dict[str, Any] = field(default_factory=dict)  # what the segment added or changed
    text: str | None = None  # where it is another than before
    chars: int | None = None
    shard: str = ""
    row: int | None = None


@dataclass
class Capture:
    """One document, and what became of it."""

    id: str
    url: str | None
    file: str | None  # the input that it is from
    record: str | None
    offset: int | None
    parent: str | None
    events: list[Event] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """Where its ways end, in a few words."""
        ends = [event for event in self.events if event.outcome not in ("kept", "not_selected")]
        return "; ".join(dict.fromkeys(map(_ended, ends))) or "kept"


@dataclass
class Trace:
    """The answer. ``parts``: how many were looked into. ``finished``: whether the run is."""

    what: str
    finished: bool
    indexed: bool
    parts: int
    captures: list[Capture]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        data = asdict(self)
        for capture, said in zip(self.captures, data["captures"], strict=True):
            said["outcome"] = capture.outcome
        return data


def _ended(event: Event) -> str:
    if event.outcome == "in_shard":
        return f"row {event.row:,} of {event.shard}"
    if event.outcome == "not_done":
        return f"{event.segment} is not done yet"
    return f"{event.outcome} by {event.stage}: {event.reason}"


def trace(storage: Storage, output: str, what: str) -> Trace:
    """Every document with the address ``what``, or the id in hex. NotTraced if there is none; Damaged if a
    file that is read for it is not as it was written."""
    output = output.rstrip("/")
    tracer = _Tracer(storage, output)
    wanted = _wanted(what)
    found = tracer.find(wanted)
    if not found:
        looked = "by its index" if tracer.index else f"in {tracer.looked} parts"
        raise NotTraced(f"{output}: no document has the id or address {what} ({looked})")
    return Trace(what, tracer.finished, tracer.index is not None, tracer.looked, found)


def _wanted(what: str) -> tuple[set[bytes], set[str]]:
    """The ids and the addresses that may be meant."""
    if _ID.fullmatch(what.lower()):
        return {bytes.fromhex(what)}, {what}
    urls = {what} if "://" in what else {what, f"https://{what}", f"http://{what}"}
    bare = {url for url in urls if url.split("://")[-1].count("/") == 0}
    return set(), urls | {f"{url}/" for url in bare}


class _Tracer:
    """An output that is looked through."""

    def __init__(self, storage: Storage, output: str) -> None:
        self.storage, self.output = storage, output
        try:
            manifest = Manifest.read(storage, output)
            plan = json.loads(storage.read(join(output, layout.PLAN)))
            self.segments = {f"{one['dataset']}/{one['segment']}": one for one in plan["segments"]}
            self.inputs, self.seed = plan["inputs"], plan["config"]["seed"]
        except (Missing, NotOurs, ValueError, KeyError, TypeError) as error:
            raise NotTraced(f"{output} holds no run that can be read: {error}") from None
        names = manifest.files if manifest else {}
        self.finished = layout.STATS in names
        self.looked = 0
        self.index = Index(storage, output, names) if self.finished and layout.TRACE_PARTS in names else None
        self._receipts: dict[str, Receipt | None] = {}
        self._naming = False

    def find(self, wanted: tuple[set[bytes], set[str]]) -> list[Capture]:
        """The documents that are meant, by where they are from, with what became of them."""
        ids, urls = wanted
        if self.index:
            keys = [*map(id_key, sorted(ids)), *map(url_key, sorted(urls))]
            places = sorted({place for key in keys for place in self.index.find(key)})
        else:
            places = list(self._origins())
        self.looked += len(places)
        found: dict[tuple[str, str, str], Capture] = {}
        with ThreadPoolExecutor(_READERS) as pool:
            for (key, part), rows in zip(
                places, pool.map(lambda place: self._rows(place[0], place[1], ids, urls), places), strict=True
            ):
                for row in rows:
                    one = _capture(row)
                    if (key, part, one.id) not in found:
                        found[key, part, one.id] = one
        for (key, part, _), capture in found.items():
            self._follow(capture, key, part, {})
        return list(found.values())

    def _origins(self) -> Iterator[tuple[str, str]]:
        """Where documents come into being: segment and part of all receipts that there are."""
        for key, segment in self.segments.items():
            if not segment["from"] or any(step.endswith("(generate)") for step in segment["steps"]):
                directory = join(self.output, layout.receipts(layout.work(key)))
                for info in self.storage.list(directory):
                    yield key, info.path.rsplit("/", 1)[1].removesuffix(".json")

    def _receipt(self, key: str, part: str) -> Receipt | None:
        name = layout.receipt(layout.work(key), part)
        if name not in self._receipts:
            self._receipts[name] = find(self.storage, join(self.output, name))
        return self._receipts[name]

    def _rows(self, key: str, part: str, ids: set[bytes], urls: set[str]) -> list[dict[str, Any]]:
        """The rows of documents and rejects of a part that are meant."""
        receipt = self._receipt(key, part)
        found: list[dict[str, Any]] = []
        for file in receipt.files if receipt and receipt.status == DONE else ():
            if file.role in (DOCUMENTS, REJECTS):
                found += self._matching(file.stored.below(self.output), ids, urls)
        return found

    def _matching(self, stored: Any, ids: Iterable[bytes], urls: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Rows with these ids or addresses, whole, each with its number in the file as ``row``."""
        wanted = pa.array(sorted(ids), pa.binary(16)), pa.array(sorted(urls), pa.string())
        sealed, start = None, 0
        for group, table in enumerate(columns(self.storage, stored.path, ["id", "url"])):
            mask = pc.or_(*(pc.is_in(table.column(n), v) for n, v in zip(("id", "url"), wanted, strict=True)))
            if pc.any(mask).as_py():
                sealed = sealed or ParquetFile(self.storage, stored)
                numbers = pc.indices_nonzero(mask).to_pylist()
                rows = sealed.table(group, sealed.schema.names).take(numbers).to_pylist()
                yield from ({**row, "row": start + n} for row, n in zip(rows, numbers, strict=True))
            start += len(table)

    def _follow(self, capture: Capture, key: str, part: str, before: Mapping[str, Any]) -> None:
        """Add what a segment did to a document, and all that come after it."""
        receipt = self._receipt(key, part)
        event = Event(key, part, "not_done")
        capture.events.append(event)
        if receipt is not None and receipt.status == FAILED:
            event.outcome, event.stage, event.reason = "failed", "the part", receipt.error or ""
        if receipt is None or receipt.status != DONE:
            return
        stages = [tally.stage for tally in receipt.tallies]
        event.passed = stages
        files = {file.role: file.stored.below(self.output) for file in receipt.files}
        identity = {bytes.fromhex(capture.id)}
        lost = next(self._matching(files[REJECTS], identity, ()), None) if REJECTS in files else None
        if lost is not None:
            self._lost(event, lost, stages)
        if DOCUMENTS not in files:
            if lost is None:
                self._in_shard(capture, event, key.split("/")[0])
            return
        if any(step.endswith("(generate)") for step in self.segments[key]["steps"]):
            event.generated = self._children(files[DOCUMENTS].path, bytes.fromhex(capture.id))
        row = next(self._matching(files[DOCUMENTS], identity, ()), None)
        if row is None:
            if lost is None:
                event.outcome, event.stage, event.reason = "not_selected", "where", "not_selected"
                event.passed = stages[: stages.index("where")] if "where" in stages else []
            return
        if lost is None:
            event.outcome = "kept"
        event.chars = len(row["text"]) if row["text"] is not None else None
        event.text = row["text"] if row["text"] != before.get("text") else None
        event.columns = {
            name: value
            for name, value in row.items()
            if name not in (*_APART, "row") and value is not None and value != before.get(name)
        }
        for child, segment in self.segments.items():
            if key in segment["from"]:
                name = part if len(segment["from"]) == 1 else layout.child_part(key.split("/")[0], part)
                self._follow(capture, child, name, row)

    def _lost(self, event: Event, lost: Mapping[str, Any], stages: list[str]) -> None:
        event.outcome, event.stage = lost["kind"], lost["stage"]
        event.reason, event.detail = lost["reason"], lost["detail"] or ""
        event.passed = stages[: stages.index(event.stage)] if event.stage in stages else stages
        if _ID.fullmatch(event.detail) and event.detail != lost["id"].hex():
            event.copy = {"id": event.detail, "url": "", "outcome": ""}
            self._name(event.copy)

    def _name(self, copy: dict[str, str]) -> None:
        """The address of the document that stays, and what became of it in turn."""
        if self._naming:
            return  # of copies of a copy only the ids are told
        self._naming = True
        for other in self.find(({bytes.fromhex(copy["id"])}, set()))[:1]:
            copy |= {"url": other.url or "", "outcome": other.outcome}
        self._naming = False

    def _children(self, path: str, identity: bytes) -> list[str]:
        found: list[str] = []
        for table in columns(self.storage, path, ["id", "parent"]):
            rows = table.filter(pc.equal(table.column("parent"), pa.scalar(identity, pa.binary(16))))
            found += [one.hex() for one in rows.column("id").to_pylist()]
        return found

    def _in_shard(self, capture: Capture, event: Event, dataset: str) -> None:
        """Find the row of the shard: which shard it is follows from the id."""
        identity = bytes.fromhex(capture.id)
        place = int(shuffle_keys(pa.chunked_array([pa.array([identity], pa.binary(16))]), self.seed)[0])
        directory = join(self.output, layout.receipts(layout.shards(dataset)))
        names = [info.path.rsplit("/", 1)[1].removesuffix(".json") for info in self.storage.list(directory)]
        names = [name for name in names if name == layout.shard_name(*_numbers(name))]
        count = len(names)
        event.segment = f"{dataset}/shards" if count else event.segment
        for name in names:
            number, of = _numbers(name)
            if of != count or not number * KEYS // count <= place < (number + 1) * KEYS // count:
                continue
            receipt = self._receipt(f"{dataset}/shards", name)
            for file in receipt.files if receipt and receipt.status == DONE else ():
                if file.role == SHARD:
                    row = next(self._matching(file.stored.below(self.output), {identity}, ()), None)
                    if row is not None:
                        event.outcome, event.shard, event.row = "in_shard", file.name, row["row"]
                        event.columns = {"n_tokens": row["n_tokens"]}


def _numbers(name: str) -> tuple[int, int]:
    match = re.fullmatch(r"train-(\d+)-of-(\d+)", name)
    return (int(match[1]), int(match[2])) if match else (-1, -1)


def _capture(row: Mapping[str, Any]) -> Capture:
    where = row["provenance"] or {}
    parent = row.get("parent")
    return Capture(
        row["id"].hex() if row["id"] else "",
        row["url"],
        where.get("file"),
        where.get("record"),
        where.get("offset"),
        parent.hex() if parent else None,
    )
