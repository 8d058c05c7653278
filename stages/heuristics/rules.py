"""Rule files: which values of which signals a set of rules keeps, as data.

Knows the format of a rule file and the names of the signals; compiles a file to two tables of bounds. Does
not know how signals are measured, nor what happens to a document that a rule drops.

A file is YAML::

    name: example
    source: where the numbers come from
    rules:
      too_few_words: {signal: words, min: 50}
      mean_word_length:
        signal: mean_word_length
        min: 3
        max: 10
        except: [zh, ja]            # in these languages the rule is off
        by_language: {de: {max: 12}}  # here a bound is another; those not named stay
      stop_words: {signal: stop_words, min: 2, languages: [en]}  # on in these only

The name of a rule is the reason that a dropped document carries. A value that meets a bound exactly is kept
(as Gopher, C4, FineWeb and Curator all have it: "drop if more than"). Languages are ISO 639-1 codes; a
document without a language, or in one that a rule does not name, is judged as the rule says for all other
languages: with ``except`` the rule applies to it, with ``languages`` it does not.

Signals are float32 or whole numbers, so bounds are rounded to float32: a ratio of three in ten meets 0.3.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.signals.table import PREFIX, SIGNALS, Signal

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Languages = Annotated[list[Language], Field(min_length=1)]


class RuleError(ValueError):
    """The mistakes in a rule file, one per line: ``file:line: key: what``."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Bounds(_Strict):
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> _Bounds:
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: every document would be dropped")
        return self


class _Rule(_Bounds):
    signal: str
    languages: Languages | None = None
    except_: Languages = Field(default=[], alias="except")
    by_language: dict[Language, _Bounds] = {}

    @model_validator(mode="after")
    def _consistent(self) -> _Rule:
        if self.languages is not None and self.except_:
            raise ValueError("`languages` and `except` exclude each other")
        for code in self.by_language:
            if not self.on(code):
                raise ValueError(f"by_language: the rule is off for {code!r}")
            low, high = self.bounds(code)
            if low > high:
                raise ValueError(f"by_language: {code}: min {low:g} is above max {high:g}")
        return self

    def named(self) -> set[str]:
        """The languages that the rule names and treats differently."""
        return {*(self.languages or ()), *self.except_, *self.by_language}

    def on(self, language: str | None) -> bool:
        """Whether the rule applies to documents in a language; None stands for any language that it does not
        name."""
        return language not in self.except_ if self.languages is None else language in self.languages

    def bounds(self, language: str | None) -> tuple[float, float]:
        """Lowest and highest value that is kept, in a language; infinite where there is no bound."""
        if not self.on(language):
            return -np.inf, np.inf
        own = self.by_language.get(language or "", self)
        low = self.min if own.min is None else own.min
        high = self.max if own.max is None else own.max
        return -np.inf if low is None else low, np.inf if high is None else high


class _File(_Strict):
    name: str = Field(min_length=1)
    source: str = Field(min_length=1)
    rules: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], _Rule] = Field(min_length=1)


class Verdict(NamedTuple):
    """Which rules drop which documents, and what they looked at."""

    fired: npt.NDArray[np.bool_]  # [rows, rules]
    values: npt.NDArray[np.float64]  # [rows, rules]
    low: npt.NDArray[np.float32]  # [rows, rules]
    high: npt.NDArray[np.float32]  # [rows, rules]


@dataclass(frozen=True, eq=False)
class Rules:
    """A compiled rule file. Rules are in file order; the last row of ``low`` and ``high`` is for documents
    in none of ``languages``. A bound that does not apply is infinite."""

    reasons: tuple[str, ...]
    columns: tuple[str, ...]  # of the signal of each rule
    languages: tuple[str, ...]
    low: npt.NDArray[np.float32]  # [languages + 1, rules]
    high: npt.NDArray[np.float32]

    def judge(self, table: pa.Table) -> Verdict:
        """Every rule on every row. ValueError if a signal is null: there is no verdict without a value."""
        values = np.empty((len(table), len(self.columns)))
        for rule, column in enumerate(self.columns):
            values[:, rule] = table[column].to_numpy()
        if np.isnan(values).any():
            row, rule = np.argwhere(np.isnan(values))[0]
            raise ValueError(f"{self.columns[rule]} of row {row} is null")
        known = pa.array(self.languages, pa.string())
        language = pc.fill_null(pc.index_in(table["language"], known), len(known)).to_numpy()
        low, high = self.low[language], self.high[language]
        return Verdict((values < low) | (values > high), values, low, high)


def load(path: Path, signals: Mapping[str, Signal] = SIGNALS) -> Rules:
    """Read a rule file whose rules may use ``signals``. RuleError names every mistake with its line."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        value = yaml.SafeLoader("").construct_document(node) if node else {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleError(f"{path}: cannot be read as YAML: {error}") from None
    problems = list(_repeated(node))
    file = None
    try:
        file = _File.model_validate(value)
        problems += _against(file, signals)
    except ValidationError as error:
        problems += [_problem(found) for found in error.errors()]
    if problems or file is None:
        lines = (f"{path}:{_line(node, key)}: {'.'.join(map(str, key))}: {what}" for key, what in problems)
        raise RuleError("\n".join(lines))
    return _compile(file)


def _compile(file: _File) -> Rules:
    rules = file.rules.values()
    languages = sorted({code for rule in rules for code in rule.named()})
    table = np.array([[rule.bounds(code) for rule in rules] for code in (*languages, None)], np.float32)
    return Rules(
        reasons=tuple(file.rules),
        columns=tuple(PREFIX + rule.signal for rule in rules),
        languages=tuple(languages),
        low=table[:, :, 0],
        high=table[:, :, 1],
    )


_Problem = tuple[Sequence[str | int], str]


def _against(file: _File, signals: Mapping[str, Signal]) -> Iterator[_Problem]:
    """Mistakes that can be found without a document: unknown signals, bounds that have no effect."""
    for name, rule in file.rules.items():
        place = ("rules", name)
        if rule.signal not in signals:
            close = get_close_matches(rule.signal, signals, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(signals)}"
            yield (*place, "signal"), f"there is no signal {rule.signal!r}; {hint}"
            continue
        highest = 1 if signals[rule.signal].unit == "share" else np.inf  # the lowest is always 0
        own = [((*place, "by_language", code), bounds) for code, bounds in rule.by_language.items()]
        for at, bounds in [(place, rule), *own]:
            if bounds.min is not None and bounds.min <= 0:
                yield (*at, "min"), f"drops no document: no {rule.signal} is below 0"
            if bounds.min is not None and bounds.min > highest:
                yield (*at, "min"), f"drops every document: no {rule.signal} is above {highest}"
            if bounds.max is not None and bounds.max >= highest:
                yield (*at, "max"), f"drops no document: no {rule.signal} is above {highest}"
            if bounds.max is not None and bounds.max < 0:
                yield (*at, "max"), f"drops every document: no {rule.signal} is below 0"


def _problem(found: Mapping[str, Any]) -> _Problem:
    place = [part for part in found["loc"] if part != "[key]"]
    models: tuple[type[_Strict], ...] = (_File, _Rule, _Bounds)
    known = [field.alias or name for model in models for name, field in model.model_fields.items()]
    close = get_close_matches(str(place[-1]) if place else "", known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    plain = {
        "extra_forbidden": f"there is no such key{hint}",
        "model_type": "must be a mapping of keys to values",
    }
    return place, plain.get(found["type"], found["msg"].removeprefix("Value error, "))


def _repeated(node: yaml.Node | None, place: tuple[str, ...] = ()) -> Iterator[_Problem]:
    """Keys that occur twice in one mapping, where YAML would silently take the last."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            yield (*place, key.value), "given twice"
        seen.add(key.value)
        yield from _repeated(value, (*place, key.value))


def _line(node: yaml.Node | None, place: Sequence[Hashable]) -> int:
    """The line (from 1) of the deepest key of ``place`` that the file has."""
    line = 1
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
    return line
