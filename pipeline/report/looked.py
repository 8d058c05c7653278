"""What a report shows of the documents themselves: registered domains, lengths, and examples.

Read from as many files as ``FILES`` says, in the order of their names: shards are random samples of their
dataset, and the name of a part is a hash. Examples are those with the smallest ids, masked. Knows receipts
and the columns of documents; does not know how to show it (``report.page``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from pipeline import layout
from pipeline.ledger.receipts import DOCUMENTS, DONE, REJECTS, SHARD, Receipt, load_all
from pipeline.report.trace_index import columns
from pipeline.storage import Storage, join
from pipeline.tasks.census import host_of, registered
from stages.base import Told

FILES = 64
EXAMPLES = 3
_CHARS = 300  # of an example's text
_MAIL = re.compile(r"\S+@\S+")
_DIGIT = re.compile(r"\d")


@dataclass
class Looked:
    """Of one dataset. ``read`` of ``files`` files were looked into."""

    files: int = 0
    read: int = 0
    domains: Counter[str] = field(default_factory=Counter)
    #: Documents by length: the power of two that it reaches.
    lengths: Counter[int] = field(default_factory=Counter)
    unit: str = "tokens"
    #: By the name of a rank, documents by its value.
    ranks: dict[str, Counter[int]] = field(default_factory=dict)
    kept: list[dict[str, Any]] = field(default_factory=list)
    dropped: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    #: Seconds by stage, documents that it took, and the largest worker in bytes; of all receipts.
    seconds: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    memory: dict[str, int] = field(default_factory=dict)


def look(
    storage: Storage, output: str, plan: Mapping[str, Any], dataset: str, told: Iterable[Told] = ()
) -> Looked:
    """Look into the files of a dataset. Damaged if one cannot be read. ``told``: columns that its stages tell
    of."""
    found = Looked()
    segments = [one for one in plan["segments"] if one["dataset"] == dataset]
    receipts: dict[str, list[tuple[str, Receipt]]] = {}
    for segment in segments:
        key = f"{dataset}/{segment['segment']}"
        directory = join(output, layout.receipts(layout.work(key)))
        receipts[key] = sorted(load_all(storage, directory), key=lambda item: item[0])
        _speed(found, receipts[key])
    documents = [s for s in segments if s["segment"] != "tokens"][-1]
    last = f"{dataset}/{documents['segment']}"
    shards = sorted(
        load_all(storage, join(output, layout.receipts(layout.shards(dataset)))), key=lambda i: i[0]
    )
    files = _files(shards, SHARD) or _files(receipts[last], DOCUMENTS)
    found.files, found.read = len(files), min(len(files), FILES)
    hosts: Counter[str] = Counter()
    for name in files[:FILES]:
        names = ["url", "n_tokens"] if shards else ["url", "text"]
        for table in columns(storage, join(output, name), names):
            hosts.update(filter(None, map(host_of, table["url"].to_pylist())))
            lengths = table["n_tokens"] if shards else pc.utf8_length(pc.fill_null(table["text"], ""))
            found.lengths.update(value.bit_length() for value in lengths.to_pylist())
    found.unit = "tokens" if shards else "characters"
    for host, count in hosts.items():
        found.domains[registered(host)] += count
    for rank in (item for item in told if item.what == "rank"):
        found.ranks[rank.name] = _ranks(
            storage, output, _files(receipts[last], DOCUMENTS)[:FILES], rank.column
        )
    for name in _files(receipts[last], DOCUMENTS)[:1]:
        found.kept = list(_examples(storage, join(output, name)))
    for segment in segments:
        _dropped(storage, output, found, segment, receipts[f"{dataset}/{segment['segment']}"])
    return found


def _ranks(storage: Storage, output: str, files: Iterable[str], column: str) -> Counter[int]:
    counts: Counter[int] = Counter()
    for name in files:
        for table in columns(storage, join(output, name), [column]):
            if column in table.schema.names:  # not in the files of a run that ended before it
                counts.update(value for value in table[column].to_pylist() if value is not None)
    return counts


def _speed(found: Looked, receipts: list[tuple[str, Receipt]]) -> None:
    for _, receipt in receipts:
        found.seconds.update(receipt.seconds)
        for tally in receipt.tallies:
            found.rows[tally.stage] += tally.rows_in
            if tally.stage in receipt.seconds:
                found.memory[tally.stage] = max(found.memory.get(tally.stage, 0), receipt.peak_memory)


def _files(receipts: list[tuple[str, Receipt]], role: str) -> list[str]:
    done = (receipt for _, receipt in receipts if receipt.status == DONE)
    return [file.name for receipt in done for file in receipt.files if file.role == role]


def _examples(storage: Storage, path: str) -> Iterator[dict[str, Any]]:
    for table in columns(storage, path, ["id", "url", "text"]):
        rows = table.take(pc.sort_indices(table, [("id", "ascending")])[:EXAMPLES]).to_pylist()
        yield from ({"url": masked_url(row["url"]), "text": masked(row["text"])} for row in rows)
        return


def _dropped(
    storage: Storage,
    output: str,
    found: Looked,
    segment: Mapping[str, Any],
    receipts: list[tuple[str, Receipt]],
) -> None:
    """Examples by stage and reason; their texts from the part that they were dropped from."""
    names = ["id", "url", "stage", "reason", "detail"]
    for part, receipt in receipts[:FILES]:
        chosen: list[dict[str, Any]] = []
        for name in _files([(part, receipt)], REJECTS):
            for table in columns(storage, join(output, name), names):
                for row in sorted(table.to_pylist(), key=lambda row: (row["id"] or b"", row["detail"] or "")):
                    some = found.dropped.setdefault((row["stage"], row["reason"]), [])
                    if len(some) < EXAMPLES:
                        some.append(
                            {"url": masked_url(row["url"]), "detail": row["detail"] or "", "text": ""}
                        )
                        chosen.append(some[-1] | {"id": row["id"], "of": some[-1]})
        if not chosen or len(segment["from"]) != 1:
            continue
        path = join(output, layout.documents(layout.work(segment["from"][0]), part))
        wanted = {row["id"]: row["of"] for row in chosen}
        for table in columns(storage, path, ["id", "text"]) if storage.stat(path) else ():
            ids = table["id"].to_pylist()
            for number in (n for n, identity in enumerate(ids) if identity in wanted):
                wanted[ids[number]]["text"] = masked(table["text"][number].as_py())


def masked(text: str | None) -> str:
    """The beginning of a text without addresses of persons and numbers: a report is passed on."""
    said = " ".join((text or "").split())
    said = said[:_CHARS] + ("…" if len(said) > _CHARS else "")
    return _DIGIT.sub("0", _MAIL.sub("…@…", said))


def masked_url(url: str | None) -> str:
    """An address without its query, which may name persons."""
    return re.split("[?#]", url or "(no address)")[0]
