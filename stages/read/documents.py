"""Identity of documents, and the tables that readers yield.

Knows the ``DOCUMENT`` schema. Does not know where documents come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages.base import DOCUMENT, MIB, PROVENANCE

#: A batch holds at most this many records (documents and rejects) …
BATCH_RECORDS = 256
#: … and is yielded once its documents have this many bytes of content.
BATCH_BYTES = 16 * MIB


def document_id(*parts: str | bytes) -> bytes:
    """16-byte blake2b of ``parts``, each preceded by its length so that no two lists collide."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.digest()


def utf8_array(values: Sequence[bytes | None]) -> pa.Array:
    """A string array from bytes that must be valid UTF-8.

    One join instead of a growing builder, and no detour through ``str``: on web pages this keeps a reader
    near the speed of its decompressor.
    """
    offsets = [0]
    end = 0
    for value in values:
        end += len(value) if value is not None else 0
        offsets.append(end)
    data = b"".join(value for value in values if value is not None)
    valid = pa.array([value is not None for value in values], pa.bool_()).buffers()[1]
    nulls = sum(value is None for value in values)
    return pa.Array.from_buffers(
        pa.string(),
        len(values),
        [valid if nulls else None, pa.array(offsets, pa.int32()).buffers()[1], pa.py_buffer(data)],
        nulls,
    )


def provenance_array(files: Sequence[str], offsets: Sequence[int], records: Sequence[str | None]) -> pa.Array:
    """The ``provenance`` column from its three fields."""
    return pa.StructArray.from_arrays(
        [pa.array(files, pa.string()), pa.array(offsets, pa.int64()), pa.array(records, pa.string())],
        fields=list(PROVENANCE),
    )


def document_table(columns: Mapping[str, Any], rows: int, adds: pa.Schema) -> pa.Table:
    """``columns`` in the order of ``DOCUMENT`` and ``adds``; those not given are null."""
    arrays = []
    schema = pa.schema([*DOCUMENT, *adds])
    for field in schema:
        column = columns.get(field.name)
        if column is None:
            column = pa.nulls(rows, field.type)
        elif not isinstance(column, pa.Array):
            column = pa.array(column, field.type)
        arrays.append(column)
    return pa.Table.from_arrays(arrays, schema=schema)
