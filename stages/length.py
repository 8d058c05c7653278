"""The stage ``length``: drops texts that are too short or too long, in code points.

Knows one column. Does not know words, tokens or quality.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from stages.base import Fault, Filter, StageConfig


class LengthConfig(StageConfig):
    #: Texts with fewer code points are dropped.
    min_chars: int = Field(default=0, ge=0)
    #: Texts with more code points are dropped.
    max_chars: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> LengthConfig:
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars {self.max_chars} is below min_chars {self.min_chars}")
        return self


class Length(Filter):
    """Drops with the reasons ``too_short`` and ``too_long``. A null text counts as empty."""

    name = "length"
    version = 1
    Config = LengthConfig
    reads = ("text",)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        least, most = self.config.min_chars, self.config.max_chars
        chars = pc.fill_null(pc.utf8_length(batch["text"]), 0).to_numpy()
        verdicts: list[Fault | None] = [None] * len(chars)
        for row in np.flatnonzero(chars < least):
            verdicts[row] = Fault("too_short", f"{chars[row]} < {least} chars")
        if most is not None:
            for row in np.flatnonzero(chars > most):
                verdicts[row] = Fault("too_long", f"{chars[row]} > {most} chars")
        return verdicts
