"""The stage ``accept``: drops items by rules on the columns ``gate.*``.

A rule names a gate and its bounds; the rules of a task are those for all tasks and its own, of which one of
the same name, or ``off``, replaces the common one. Knows rules; reads no text, so that other thresholds are
other verdicts about the same columns. A gate that could not be measured (null) drops nothing.

    common:
      refusal: {gate: refusal, max: 0}
    tasks:
      diverse_qa:
        ungrounded: {gate: grounded, min: 0.5}
        refusal: off
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.base import AssetFile, Fault, Filter, StageConfig
from stages.synthesis.gates.measure import GATES, PREFIX

#: The rules that come with nanocorpus.
RULES = Path(__file__).parent / "rules.yaml"


class RuleError(ValueError):
    """A file of rules that cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """Bounds on a gate; a value that meets a bound exactly is kept."""

    gate: str
    min: float | None = None
    max: float | None = None
    #: Languages of the answer in which it holds; default: all.
    languages: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _usable(self) -> Rule:
        if self.gate not in GATES:
            raise ValueError(f"there is no gate {self.gate!r}; there are: {', '.join(GATES)}")
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both")
        return self


class RuleFile(_Strict):
    """A file of rules."""

    name: str
    source: str
    common: dict[str, Rule] = {}
    tasks: dict[str, dict[str, Rule | Literal["off", False]]] = {}

    def of(self, task: str) -> dict[str, Rule]:
        """The rules of a task, in the order in which they are named."""
        both = {**self.common, **self.tasks.get(task, {})}
        return {name: rule for name, rule in both.items() if isinstance(rule, Rule)}


def load(path: str | Path) -> RuleFile:
    """Read a file of rules. RuleError says what is wrong."""
    try:
        return RuleFile.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleError(f"{path}: cannot be read as YAML: {error}") from None
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise RuleError(f"{path}: {what}") from None


def _found(name: str) -> str:
    return str(RULES) if name == "synthesis" else name


#: A file of rules in a config; ``synthesis`` is the one that comes with nanocorpus.
RulesFile = Annotated[AssetFile, AfterValidator(_found)]


class AcceptConfig(StageConfig):
    #: A file of rules; `synthesis` is the one that comes with nanocorpus (stages/synthesis/rules.yaml).
    rules: RulesFile = Field(default="synthesis", validate_default=True)


class Accept(Filter):
    """The reason is the name of the first rule that an item breaks; the detail gives the gate's value, the
    bound, and what was seen."""

    name = "accept"
    version = 1
    Config = AcceptConfig
    sums = ("gate.words",)
    reads = ("task.name", "language", f"{PREFIX}seen")

    def __init__(self, config: AcceptConfig) -> None:
        super().__init__(config)
        self._rules: RuleFile | None = None

    def open(self) -> None:
        """Loads the rules. RuleError if they cannot be used."""
        self._rules = load(self.config.rules)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        assert self._rules is not None, "open() comes first"
        tasks = np.array(batch["task.name"].to_pylist(), dtype=object)
        languages = np.array(batch["language"].to_pylist(), dtype=object)
        seen = batch[f"{PREFIX}seen"].to_pylist()
        values: dict[str, np.ndarray[Any, Any]] = {}
        faults: list[Fault | None] = [None] * len(batch)
        for task in dict.fromkeys(tasks.tolist()):
            of_task = tasks == task
            for name, rule in self._rules.of(task).items():
                if rule.gate not in values:
                    values[rule.gate] = batch[PREFIX + rule.gate].to_numpy().astype(np.float32)
                value = values[rule.gate]
                low = np.float32(-np.inf if rule.min is None else rule.min)
                high = np.float32(np.inf if rule.max is None else rule.max)
                broken = of_task & ((value < low) | (value > high))
                if rule.languages is not None:
                    broken &= np.isin(languages, rule.languages)
                for row in np.flatnonzero(broken).tolist():
                    if faults[row] is None:
                        faults[row] = _fault(name, rule, float(value[row]), seen[row])
        return faults


def _fault(name: str, rule: Rule, value: float, seen: str | None) -> Fault:
    bound = f"< {rule.min:g}" if rule.min is not None and value < rule.min else f"> {rule.max:g}"
    things: Mapping[str, str] = dict(line.partition(": ")[::2] for line in (seen or "").split("\n"))
    what = f": {things[rule.gate]}" if rule.gate in things else ""
    return Fault(name, f"{PREFIX}{rule.gate} {value:g} {bound}{what}")
