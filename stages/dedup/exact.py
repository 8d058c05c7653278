"""Exact deduplication: of documents with the same text, one stays.

The map sends a 128-bit hash of each text, never the text; documents meet at the reducer of their
hash. The one with the smallest id stays, so the result does not depend on the order of inputs.

Knows texts and hashes; does not know parts or how partials travel.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

import numpy as np
import pyarrow as pa

from stages.base import LAST, Global, Round, StageConfig

PARTIAL = pa.schema([("key", pa.uint64()), ("row", pa.uint32()), ("low", pa.uint64()), ("id", pa.binary(16))])


class ExactDedupConfig(StageConfig):
    """``normalize: none`` compares bytes; ``whitespace`` compares after Unicode NFC with every run of
    white space as one space, so that a page re-wrapped by its template is still the same."""

    normalize: Literal["none", "whitespace"] = "none"


class ExactDedup(Global):
    """Drops documents whose text another document has; reason ``exact_duplicate``, detail its id."""

    name = "exact_dedup"
    Config = ExactDedupConfig
    reads = ("id", "text")

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per document: the hash's high half as key, its low half, the id."""
        texts = batch.column("text").to_pylist()
        if None in texts:
            raise ValueError("a document without text cannot be compared")
        if self.config.normalize == "whitespace":
            texts = [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]
        # texts come from arbitrary tables: a lone surrogate must hash, not raise
        digests = b"".join(
            blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts
        )
        halves = np.frombuffer(digests, ">u8").reshape(-1, 2).astype(np.uint64)
        rows = np.arange(len(texts), dtype=np.uint32)
        return pa.table(
            [halves[:, 0], rows, halves[:, 1], batch.column("id").combine_chunks()], schema=PARTIAL
        )

    def rounds(self):
        yield Round(LAST, order=("low","id"))

    def reduce(self, name, groups):
        """All but the first of each run of equal hashes; the sort has put the smallest id first."""
        for table in groups:
            key, low = (table.column(name).to_numpy() for name in ("key", "low"))
            first = np.ones(len(table), bool)
            first[1:] = (key[1:] != key[:-1]) | (low[1:] != low[:-1])
            leader = np.maximum.accumulate(np.where(first, np.arange(len(table)), 0))
            gone = np.flatnonzero(~first)
            kept = table.column("id").take(pa.array(leader[gone])).to_pylist()
            yield pa.table(
                {
                    "key": table.column("position").take(pa.array(gone)),
                    "reason": pa.array(["exact_duplicate"] * len(gone), pa.string()),
                    "detail": pa.array([identity.hex() for identity in kept], pa.string()),
                }
            )
        return {}
