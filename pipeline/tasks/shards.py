"""Token shards: the documents of a dataset, globally shuffled, in Parquet files of about equal token count.

The place of a document is a hash of seed and id, so the order depends neither on parts nor on workers. A
shard is a range of that hash; the number of shards follows from the tokens of the dataset.

Knows the exchange and the shard schema; does not know tokenizers or weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline import layout
from pipeline.exchange.runs import merge
from pipeline.ledger.receipts import SHARD as SHARD_ROLE
from pipeline.ledger.receipts import Receipt
from pipeline.sealed import Stored
from pipeline.storage import Storage
from pipeline.tasks.base import Context
from pipeline.tasks.beat import Beat
from pipeline.tasks.calls import TOKEN_ORDER
from pipeline.tasks.guard import Guard
from pipeline.tasks.outputs import Outputs
from stages.base import MIB, Resources

SHARD = pa.schema(
    [
        ("id", pa.binary(16)),
        ("input_ids", pa.list_(pa.int32())),
        ("n_tokens", pa.int32()),
        ("dataset", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("language", pa.string()),
        ("license", pa.string()),
    ]
)
#: The same with the text that the tokens are of.
WITH_TEXT = SHARD.append(pa.field("text", pa.string()))

#: Row groups are small, since training ranks read whole row groups and every rank needs some.
GROUP_BYTES, GROUP_ROWS = 4 * MIB, 512


@dataclass(frozen=True)
class ShardTask:
    """Write shard ``shard`` of a dataset: the keys from ``low`` to ``high``."""

    dataset: str
    shard: str
    fingerprint: str
    runs: tuple[Stored, ...]  # relative to the output
    low: int
    high: int
    resources: Resources
    text: bool = False  # whether the run files have it, and the shard is to

    @property
    def label(self) -> str:
        return f"{self.dataset}/{self.shard}"

    @property
    def receipt_name(self) -> str:
        return layout.receipt(layout.shards(self.dataset), self.shard)

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Merge and publish; see ``execute.base.Task``."""
        name = layout.shard(self.dataset, self.shard)
        files = enumerate(run.below(context.output) for run in self.runs)
        counts = {"documents": 0, "tokens": 0, "repeated_ids": 0}
        last = b""
        schema = WITH_TEXT if self.text else SHARD
        with Outputs(context.ledger(storage), self.receipt_name) as outputs:
            writer = outputs.table(SHARD_ROLE, name, schema, group_bytes=GROUP_BYTES, group_rows=GROUP_ROWS)
            outputs.clock.begin()
            for table in merge(storage, files, self.low, self.high, TOKEN_ORDER):
                dataset = pa.array([self.dataset] * len(table), pa.string())
                writer.add(table.append_column("dataset", dataset).select(schema.names).cast(schema))
                counts["documents"] += len(table)
                guard.beat = Beat(counts["documents"])
                ids = np.array([last, *table.column("id").to_pylist()], "S16")
                counts["repeated_ids"] += int(np.count_nonzero(ids[1:] == ids[:-1]))
                last = table.column("id")[-1].as_py()  # rows with the same id are next to each other
                counts["tokens"] += int(table.column("n_tokens").to_numpy().sum())
            return outputs.publish(Receipt(self.fingerprint, counts=counts))
