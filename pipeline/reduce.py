"""One bucket of a global stage: the partials of all parts in a range of keys, reduced to verdicts.

Knows the exchange and the ``Global`` contract; does not know what is decided.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.exchange import merge
from pipeline.execute.base import Context
from pipeline.guard import Guard
from pipeline.parts import Outputs
from pipeline.receipts import Receipt
from pipeline.steps import Recipe, open_stage
from pipeline.storage import Storage, join
from stages.base import Resources

#: Verdicts are keyed by position, so that a part finds those about its own rows in one range.
VERDICTS = pa.schema([("key", pa.uint64()), ("reason", pa.string()), ("detail", pa.string())])

#: Partials that one reducer takes. The number of buckets follows from the data alone.
BUCKET_ROWS = 4_000_000


@dataclass(frozen=True)
class ReduceTask:
    """Reduce the keys from ``low`` to ``high`` of all run files of a segment."""

    directory: str  # of the verdicts, relative to the output
    bucket: str
    fingerprint: str
    judge: Recipe
    runs: tuple[tuple[int, str], ...]  # part index and run file, relative to the output
    low: int
    high: int
    resources: Resources

    @property
    def label(self) -> str:
        return f"{self.directory.removeprefix('work/')}/{self.bucket}"

    @property
    def receipt_name(self) -> str:
        return f"{self.directory}/receipts/{self.bucket}.json"

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Reduce and publish; see ``execute.base.Task``. A bucket is not watched row by row."""
        stage = open_stage(self.judge, context.storage)
        name = verdict_file(self.directory, self.bucket)
        files = [(index, join(context.output, run)) for index, run in self.runs]
        with Outputs(context.ledger(storage), self.receipt_name) as outputs:
            writer = outputs.runs(name, VERDICTS, ())
            for table in stage.reduce(merge(storage, files, self.low, self.high, stage.order)):
                columns = [table.column(column) for column in ("position", "reason", "detail")]
                writer.add(pa.table(columns, names=VERDICTS.names).cast(VERDICTS))
            receipt = Receipt(self.fingerprint, counts={"verdicts": writer.rows})
            return outputs.publish(receipt, [name])


def verdict_file(directory: str, bucket: str) -> str:
    """Name of the verdicts of a bucket."""
    return f"{directory}/{bucket}.runs"
