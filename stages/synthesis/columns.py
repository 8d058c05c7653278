"""Columns that the stages of synthesis add, and ids of what they make.

Knows names and types only.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa

#: Of a request: a segment of a document, for one task, language of the answer and sample. ``text`` is the
#: segment, ``parent`` the document.
REQUEST = pa.schema(
    [
        ("task.name", pa.string()),
        ("task.version", pa.int32()),
        ("task.target", pa.string()),  # language of the answer, ISO 639-1
        ("task.variant", pa.string()),
        ("task.sample", pa.int32()),
        ("segment.index", pa.int32()),  # within the document
        ("segment.count", pa.int32()),
        ("segment.start", pa.int32()),  # in characters of the document
        ("segment.end", pa.int32()),
        ("segment.tokens", pa.int32()),
        ("segment.whole", pa.bool_()),  # fits into the limits of its task
    ]
)
#: What was asked and answered.
COMPLETION = pa.schema(
    [
        ("completion.key", pa.binary(16)),  # of prompt ids, model, sampling and seed
        ("completion.text", pa.string()),  # as it came, without the words it was begun with
        ("completion.finish", pa.string()),  # stop, length, stop_string; null: not asked
        ("completion.tokens_in", pa.int32()),
        ("completion.tokens_out", pa.int32()),
        ("completion.seed", pa.int64()),
        ("completion.prompt", pa.string()),  # hash of the task's words
        ("completion.model", pa.string()),
        ("completion.model_hash", pa.string()),
        ("completion.backend", pa.string()),
    ]
)
#: Of an item: a pair, a fact, a passage. ``text`` is the item.
ITEM = pa.schema(
    [
        ("item.index", pa.int32()),  # within the answer
        ("item.count", pa.int32()),
        ("item.segment", pa.string()),  # text of the segment that it is about
    ]
)


def made_id(*parts: bytes | str | int) -> bytes:
    """16 bytes that depend on all parts and nothing else."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


def chance(*parts: bytes | str | int) -> int:
    """63 bits that depend on all parts and nothing else."""
    return int.from_bytes(made_id(*parts)[:8], "big") >> 1
