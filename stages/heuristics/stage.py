"""The stage ``heuristics``: drops documents by the rules of a file, which are bounds on signals.

Knows columns ``signal.*`` and rule files (``stages.heuristics.rules``). Does not read the text: with another
threshold the same columns are judged again, and nothing is measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from stages.base import AssetFile, Fault, Filter, StageConfig
from stages.heuristics.rules import SIGNALS, RuleError, Rules, Verdict, load
from stages.signals.table import PREFIX
from stages.where import Where, WhereError, parse


class HeuristicsConfig(StageConfig):
    #: A rule file; ``configs/rules`` has those of Gopher, C4, FineWeb, RefinedWeb and Nemotron-CC, and for
    #: code those of OpenCoder, StarCoder and The Stack v2.
    rules: AssetFile
    #: Documents for which this expression is true are always kept, e.g. ``quality.label in [high]``.
    spare: str | None = None

    @field_validator("spare")
    @classmethod
    def _readable(cls, spare: str | None) -> str | None:
        if spare is not None:
            parse(spare)
        return spare


class Heuristics(Filter):
    """The reason is the name of the first rule that a document breaks; the detail gives the value, the bound,
    and the other rules that it breaks. The stage ``signals`` must come before it, or ``code_signals``."""

    name = "heuristics"
    version = 1
    Config = HeuristicsConfig

    def __init__(self, config: HeuristicsConfig) -> None:
        super().__init__(config)
        self._spare: Where | None = parse(config.spare) if config.spare is not None else None
        self._rules: Rules | None = None

    @classmethod
    def needs(cls, config: HeuristicsConfig) -> tuple[str, ...]:
        """Only columns that are certain: the rule file, which says what signals are used, may be on another
        machine."""
        spare = parse(config.spare).columns if config.spare is not None else ()
        return ("language", *sorted(set(spare) - {"language"}))

    @classmethod
    def check(cls, config: HeuristicsConfig, schema: pa.Schema) -> str | None:
        if not any(name.startswith(PREFIX) for name in schema.names):
            return "needs the stage `signals` or `code_signals` before it"
        try:
            if config.spare is not None:
                parse(config.spare).check(schema)
            if Path(config.rules).is_file():  # otherwise its mistakes are found when it is opened
                names = [name.removeprefix(PREFIX) for name in schema.names if name.startswith(PREFIX)]
                there = {name: SIGNALS[name] for name in names if name in SIGNALS}
                if absent := load(Path(config.rules), there).missing(schema.names):
                    return f"rules: {config.rules} asks for columns that there are not: {', '.join(absent)}"
        except WhereError as error:
            return f"spare: {error}"
        except RuleError as error:
            return f"rules:\n{error}"
        return None

    def open(self) -> None:
        """Loads the rules; RuleError names every mistake in the file with its line."""
        self._rules = load(Path(self.config.rules))

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        assert self._rules is not None, "open() comes first"
        verdict = self._rules.judge(batch)
        dropped = verdict.fired.any(axis=1)
        if self._spare is not None:
            dropped &= ~self._spare.mask(batch)
        faults: list[Fault | None] = [None] * len(batch)
        for row in np.flatnonzero(dropped).tolist():
            faults[row] = _fault(self._rules, verdict, row)
        return faults


def _fault(rules: Rules, verdict: Verdict, row: int) -> Fault:
    first, *others = np.flatnonzero(verdict.fired[row])
    value, low, high = (table[row, first] for table in (verdict.values, verdict.low, verdict.high))
    bound = f"< {_number(low)}" if value < low else f"> {_number(high)}"
    also = "; also " + ", ".join(rules.reasons[rule] for rule in others) if others else ""
    return Fault(rules.reasons[first], f"{rules.columns[first]} {_number(value)} {bound}{also}")


def _number(value: float) -> str:
    """The shortest digits that identify the float32: a ratio just above 0.1 is never printed as 0.1."""
    return str(int(value)) if value == int(value) else str(np.float32(value))
