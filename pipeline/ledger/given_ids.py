"""Detects ids of the input that repeat with different texts, with a sketch of bounded size.

Row numbers are often used as ids, and start again in every file. This does no harm here, since the id of a
document also depends on its text, but users who rely on the ids of the input have to know. Knows given ids
and the ids of documents; does not know parts or receipts.

How it works. The given ids with the smallest hashes are kept, each with its number of rows. Every row with a
kept id is counted wherever it is, so the sketches of parts add up to the sketch of the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

KEPT = 64
_SHOWN = 40  # characters of an example that are shown

#: By the hash of a given id, in hex: number of rows, their document id ("" if they differ), the given id.
Sketch = dict[str, tuple[int, str, str]]


def add_rows(sketch: Sketch, documents: pa.Table) -> None:
    """Count the rows of a batch of documents, in place."""
    given = pc.struct_field(documents.column("provenance"), "record").to_pylist()
    rows = zip(documents["source"].to_pylist(), given, documents["id"].to_pylist(), strict=True)
    for source, record, identity in rows:
        if record is not None:
            key = hashlib.blake2b(f"{len(source)} {source}{record}".encode("utf-8", "replace"), digest_size=8)
            _count(sketch, key.hexdigest(), 1, identity.hex(), record[:_SHOWN])
    _shrink(sketch)


def add(sketch: Sketch, other: Mapping[str, Any]) -> None:
    """Add the sketch of another part, in place."""
    for key, (rows, identity, record) in other.items():
        _count(sketch, key, rows, identity, record)
    _shrink(sketch)


def repeated(sketch: Sketch) -> dict[str, Any] | None:
    """The estimated ``share`` of rows whose given id also belongs to other texts, and an ``example``.

    None if there is no such id among those kept.
    """
    shared = sorted((-rows, record) for rows, identity, record in sketch.values() if not identity)
    if not shared:
        return None
    share = -sum(rows for rows, _ in shared) / sum(rows for rows, *_ in sketch.values())
    return {"share": round(share, 3), "example": shared[0][1]}


def _count(sketch: Sketch, key: str, rows: int, identity: str, record: str) -> None:
    before, known, _ = sketch.get(key, (0, identity, record))
    sketch[key] = (before + rows, known if known == identity else "", record)


def _shrink(sketch: Sketch) -> None:
    for key in sorted(sketch)[KEPT:]:
        del sketch[key]
