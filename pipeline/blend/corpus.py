"""A corpus as its receiver finds it: the folder, ``blend.json`` in it, and the shards that it names.

Knows names and checksums; does not know in which order anything is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import layout
from pipeline.sealed import SEAL, Damaged, ParquetFile, Stored, checksum
from pipeline.storage import Missing, Storage, join

GLUED = "none"


class Corpus(NamedTuple):
    """``folder`` is where shard paths in ``blend`` start; ``digest`` is the sha256 of ``blend.json``."""

    folder: str
    blend: dict[str, Any]
    digest: str

    def shards(self, dataset: str) -> list[Stored]:
        """The shards of a dataset, in order."""
        return [
            Stored(join(self.folder, shard["path"]), shard.get("bytes"), shard.get("foot", ""))
            for shard in self.blend["datasets"][dataset]["shards"]
        ]

    @property
    def tokenizer(self) -> Mapping[str, Any]:
        """What the corpus says of its tokenizer; corpora of earlier versions say little."""
        return self.blend["tokenizer"] or {}

    def end(self, eos: object = "tokenizer") -> int | None:
        """The id that ends a document: the given one, or the tokenizer's; None if documents are glued.
        ValueError if it is not known."""
        if eos == GLUED:
            return None
        if eos == "tokenizer":
            if self.tokenizer.get("eos_id") is None:
                raise ValueError(
                    "the corpus does not say which token ends a document: give its id as eos=…, or "
                    "eos='none' to glue documents to each other"
                )
            return int(self.tokenizer["eos_id"])
        if isinstance(eos, bool) or not isinstance(eos, int | np.integer):
            raise ValueError(f"eos is {eos!r}; give the id of a token, 'tokenizer' or 'none'")
        if not 0 <= eos <= np.iinfo(np.int32).max:
            raise ValueError(f"eos is {eos}; a token id is a non-negative int32")
        return int(eos)


def open_corpus(storage: Storage, path: str) -> Corpus:
    """The corpus at ``path``: its folder, or the output of a run that holds it. Missing if there is none, and
    Damaged if ``blend.json`` is not what was written."""
    for folder in (path, join(path, layout.CORPUS)):
        with suppress(Missing):
            raw = storage.read(join(folder, layout.BLEND_NAME))
            return Corpus(folder, _blend(folder, raw), hashlib.sha256(raw).hexdigest())
    raise Missing(
        f"{path}: there is no {layout.BLEND_NAME}, neither here nor in {layout.CORPUS}/: give the folder "
        "of a corpus, or the output of a run whose config has a blend"
    )


def check_tokens(file: ParquetFile) -> None:
    """ValueError unless it is a token shard."""
    names = file.schema.names
    if "input_ids" not in names or file.schema.field("input_ids").type != pa.list_(pa.int32()):
        raise ValueError(f"{file.path}: input_ids is not a list of int32: not a token shard")


def _blend(folder: str, raw: bytes) -> dict[str, Any]:
    try:
        blend: dict[str, Any] = json.loads(raw)
        if SEAL in blend and blend.pop(SEAL) != checksum(blend):
            raise ValueError("it has changed")
    except ValueError as error:
        path = join(folder, layout.BLEND_NAME)
        raise Damaged(path, f"is not what was written: {error}") from None
    return blend
