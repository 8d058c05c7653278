"""Corpora of numbered tokens, for tests of what reads a corpus.

Every token of a document is ``document * 16 + dataset``, so that a packed sequence tells of each token where it
came from.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.blend.weights import Budget, Phase, weights
from pipeline.tasks.shards import SHARD

EOS = 7  # no document's tokens: 7 modulo 16 is no dataset


def write_corpus(
    output: Path, sizes: dict[str, list[list[int]]], phases: list[Phase], budget: Budget | None = None
) -> dict:
    """A corpus whose datasets have these shards (document lengths); returns its blend."""
    stats = {"name": "numbers", "seed": 5, "tokenizer": None, "datasets": {}}
    for code, (name, shards) in enumerate(sizes.items()):
        document, entries = 0, []
        for i, lengths in enumerate(shards):
            rows = []
            for length in lengths:
                rows.append(
                    {
                        "id": f"{name[:7]:7}{document:09}".encode(),
                        "input_ids": [document * 16 + code] * length,
                        "n_tokens": length,
                        "dataset": name,
                        "source": "test",
                        "url": None,
                        "language": "en",
                        "license": None,
                    }
                )
                document += 1
            path = f"corpus/{name}/train-{i:05}-of-{len(shards):05}.parquet"
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(rows, schema=SHARD)
            pq.write_table(table, output / path, compression="zstd", row_group_size=7)
            entries.append({"path": path, "documents": len(lengths), "tokens": sum(lengths)})
        stats["datasets"][name] = {
            "inputs": document,
            "stages": [],
            "documents": document,
            "tokens": sum(entry["tokens"] for entry in entries),
            "languages": {},
            "shards": entries,
        }
    blend = weights(phases, budget or Budget(), stats)
    (output / "corpus/blend.json").write_text(json.dumps(blend))
    return blend


def lengths(seed: int, shards: list[int], longest: int = 60) -> list[list[int]]:
    random = np.random.Generator(np.random.PCG64(seed))
    return [random.integers(1, longest, count).tolist() for count in shards]


SIZES = {"web": lengths(1, [40, 33]), "math": lengths(2, [25]), "code": lengths(3, [9, 9, 2])}
PHASES = [
    Phase(phase=1, until=0.4, weights={"web": 6, "math": 3, "code": 1}),
    Phase(phase=2, weights={"web": 0.25, "math": 0.75}),
]
