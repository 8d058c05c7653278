"""A stage of one's own: how much of a text is capitals, and which texts have too many.

It measures (``annotate``) and decides (``judge``). ``decides`` names the settings that only the decision
uses: with another ``max_share`` nothing is measured again.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pydantic import Field

from stages.base import Annotation, Annotator, Fault, Filter, StageConfig


class CapitalsConfig(StageConfig):
    """The settings in the config; a wrong one is answered with file, line and key."""

    #: Largest share of the letters of a text that may be capitals.
    max_share: float = Field(default=0.5, ge=0, le=1)


class Capitals(Annotator, Filter):
    """Adds ``capitals.share`` (float32, 0 to 1). Reason ``capitals`` where it is above ``max_share``."""

    name = "capitals"
    version = 1  # raise it when the same settings give another result: what depends on it is then done again
    Config = CapitalsConfig
    reads = ("text",)
    adds = pa.schema([("capitals.share", pa.float32())])
    decides = frozenset({"max_share"})

    def annotate(self, batch: pa.Table) -> Annotation:
        """A row that cannot be done gets a fault, never a guess."""
        shares: list[float | None] = []
        faults = {}
        for row, text in enumerate(batch["text"].to_pylist()):
            letters = sum(map(str.isalpha, text or ""))
            if letters:
                shares.append(sum(map(str.isupper, text)) / letters)
            else:
                shares.append(None)
                faults[row] = Fault("no_letters")
        return Annotation({"capitals.share": pa.array(shares, pa.float32())}, faults)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        """One entry per row: None keeps it, a reason with its detail drops it."""
        most = self.config.max_share
        return [
            Fault("capitals", f"{share:.2f} > {most:g}") if share is not None and share > most else None
            for share in batch["capitals.share"].to_pylist()
        ]
