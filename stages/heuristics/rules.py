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

Rules may differ by more than natural language, for source code by its language for instance::

    sections_by: [code_language, code_type]   # columns; the first whose value has a section decides
    seed: blob                                # what chance depends on: equal values, equal fate (default: id)
    rules:
      digits: {signal: code_digit_ratio, max: 0.2}
    sections:
      SQL: {rules: {digits: {max: 0.3}}}      # a section has all rules, with what it changes
      data:
        values: [CSS, data]                   # values of the columns; without, the name of the section
        rules:
          digits: off                         # without this rule
          chars: {signal: code_chars, max: 5000}               # and with one more
          tests: {signal: code_go_test, max: 0, drop_share: 0.8}  # which drops 80 % of what it would

Which of the documents go that a rule with ``drop_share`` would drop depends on the seed and the rule's name
only.

The name of a rule is the reason that a dropped document carries. A value that meets a bound exactly is kept
(as Gopher, C4, FineWeb and Curator all have it: "drop if more than"). Languages are ISO 639-1 codes; a
document without a language, or in one that a rule does not name, is judged as the rule says for all other
languages: with ``except`` the rule applies to it, with ``languages`` it does not.

Signals are float32 or whole numbers, so bounds are rounded to float32: a ratio of three in ten meets 0.3.
Some signals of code are null where there is nothing to measure: there the rule has no say.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.signals.table import PREFIX
from stages.signals.table import SIGNALS as OF_TEXT


class Signal(Protocol):
    """What a rule file has to know of a signal."""

    @property
    def unit(self) -> str: ...


class _Signals(Mapping[str, Signal]):
    """The signals of text and of code. What measures code is imported when a name is not among the first:
    rules for text do without it."""

    @cached_property
    def _of_code(self) -> Mapping[str, Signal]:
        from stages.code.signals.table import SIGNALS

        return SIGNALS

    def __getitem__(self, name: str) -> Signal:
        return OF_TEXT[name] if name in OF_TEXT else self._of_code[name]

    def __iter__(self) -> Iterator[str]:
        yield from OF_TEXT
        yield from self._of_code

    def __len__(self) -> int:
        return len(OF_TEXT) + len(self._of_code)


SIGNALS = _Signals()

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
    #: Which part of the documents beyond the bounds it drops.
    drop_share: float = Field(default=1.0, gt=0, le=1)
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


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Change(_Strict):
    """What a section changes of a rule; with ``signal`` it is a rule of its own."""

    signal: str | None = None
    min: float | None = None
    max: float | None = None
    drop_share: float | None = Field(default=None, gt=0, le=1)

    def applied(self, rule: _Rule | None) -> _Rule:
        """ValueError if there is no rule to change, or the result is none."""
        said = {key: value for key, value in self if value is not None}
        if self.signal is None:
            if rule is None:
                raise ValueError("there is no such rule to change; give `signal` for one of its own")
            said = {**rule.model_dump(by_alias=True, exclude_unset=True), **said}
        return _Rule.model_validate(said)


class _Section(_Strict):
    values: list[str] | None = Field(default=None, min_length=1)
    rules: dict[Name, Literal[False] | _Change] = {}


class _File(_Strict):
    name: str = Field(min_length=1)
    source: str = Field(min_length=1)
    seed: str = "id"
    sections_by: list[str] = []
    rules: dict[Name, _Rule] = Field(min_length=1)
    sections: dict[str, _Section] = {}

    @model_validator(mode="after")
    def _both(self) -> _File:
        if bool(self.sections) != bool(self.sections_by):
            raise ValueError("`sections` and `sections_by` (columns) go together")
        return self

    def of(self, section: str | None) -> Iterator[tuple[str, _Rule]]:
        """The rules of a section, those of all first; None: of documents in no section."""
        changes = self.sections[section].rules if section is not None else {}
        for name, rule in self.rules.items():
            change = changes.get(name)
            if change is not False:
                yield name, rule if change is None else change.applied(rule)
        for name, change in changes.items():
            if name not in self.rules and change is not False:
                yield name, change.applied(None)


class Verdict(NamedTuple):
    """Which rules drop which documents, and what they looked at."""

    fired: npt.NDArray[np.bool_]  # [rows, rules]
    values: npt.NDArray[np.float64]  # [rows, rules]
    low: npt.NDArray[np.float32]  # [rows, rules]
    high: npt.NDArray[np.float32]  # [rows, rules]


@dataclass(frozen=True, eq=False)
class Rules:
    """A compiled rule file. Rules are in file order, those of sections last; the last section is that of
    documents in none, and the last row of ``low`` and ``high`` is for documents in none of ``languages``. A
    bound that does not apply is infinite. A rule of two sections that looks at two signals is two rules of
    one name."""

    reasons: tuple[str, ...]
    columns: tuple[str, ...]  # of the signal of each rule
    languages: tuple[str, ...]
    low: npt.NDArray[np.float32]  # [sections + 1, languages + 1, rules]
    high: npt.NDArray[np.float32]
    share: npt.NDArray[np.float64]  # [sections + 1, rules]
    seed: str
    sections_by: tuple[str, ...]
    sections: Mapping[str, int]  # by value

    def missing(self, names: Sequence[str]) -> list[str]:
        """Columns that documents must have, beyond signals and language, and do not."""
        wanted = [*self.sections_by, *([self.seed] if (self.share < 1).any() else ())]
        return [name for name in wanted if name not in names]

    def judge(self, table: pa.Table) -> Verdict:
        """Every rule on every row. ValueError if a signal is null that never is: there is no verdict without
        a value."""
        values = np.empty((len(table), len(self.columns)))
        for rule, column in enumerate(self.columns):
            values[:, rule] = table[column].to_numpy()
            if len(null := np.flatnonzero(np.isnan(values[:, rule]))) and not _may_be_null(column):
                raise ValueError(f"{column} of row {null[0]} is null")
        known = pa.array(self.languages, pa.string())
        language = pc.fill_null(pc.index_in(table["language"], known), len(known)).to_numpy()
        section = self._section(table)
        low, high = self.low[section, language], self.high[section, language]
        fired = (values < low) | (values > high)
        share = self.share[section]
        for row, rule in np.argwhere(fired & (share < 1)).tolist():
            fired[row, rule] = _chance(self.reasons[rule], table[self.seed][row].as_py()) < share[row, rule]
        return Verdict(fired, values, low, high)

    def _section(self, table: pa.Table) -> npt.NDArray[np.int64]:
        none = len(self.low) - 1
        found = np.full(len(table), none, np.int64)
        for column in reversed(self.sections_by):
            numbers = [self.sections.get(value, -1) for value in table[column].to_pylist()]
            own = np.array(numbers, np.int64)
            found = np.where(own >= 0, own, found)
        return found


def _may_be_null(column: str) -> bool:
    """Some signals of code are null for some documents, which pass the rule."""
    return getattr(SIGNALS[column.removeprefix(PREFIX)], "nullable", False)


def _chance(reason: str, seed: object) -> float:
    """From 0 to 1, the same for the same rule and seed."""
    given = seed if isinstance(seed, bytes) else str(seed).encode("utf-8", "surrogatepass")
    digest = blake2b(given, digest_size=8, key=reason.encode()[:64]).digest()
    return int.from_bytes(digest, "big") / 2**64


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
    sections = [*file.sections, None]
    own = [dict(file.of(section)) for section in sections]
    order = list(dict.fromkeys((name, rule.signal) for rules in own for name, rule in rules.items()))
    every = [rule for rules in own for rule in rules.values()]
    languages = sorted({code for rule in every for code in rule.named()})
    table = np.empty((len(own), len(languages) + 1, len(order), 2), np.float32)
    table[..., 0], table[..., 1] = -np.inf, np.inf
    share = np.ones((len(own), len(order)))
    for at, rules in enumerate(own):
        for place, (name, signal) in enumerate(order):
            rule = rules.get(name)
            if rule is not None and rule.signal == signal:
                table[at, :, place] = [rule.bounds(code) for code in (*languages, None)]
                share[at, place] = rule.drop_share
    return Rules(
        reasons=tuple(name for name, _ in order),
        columns=tuple(PREFIX + signal for _, signal in order),
        languages=tuple(languages),
        low=table[..., 0],
        high=table[..., 1],
        share=share,
        seed=file.seed,
        sections_by=tuple(file.sections_by),
        sections={
            value: number
            for number, (name, section) in enumerate(file.sections.items())
            for value in section.values or [name]
        },
    )


_Problem = tuple[Sequence[str | int], str]


def _against(file: _File, signals: Mapping[str, Signal]) -> Iterator[_Problem]:
    """Mistakes that can be found without a document: unknown signals, bounds that have no effect, a value in
    two sections."""
    for name, rule in file.rules.items():
        yield from _of_rule(("rules", name), rule, signals)
    values: dict[str, str] = {}
    for title, section in file.sections.items():
        for value in section.values or [title]:
            if values.setdefault(value, title) != title:
                yield ("sections", title), f"{value!r} is in the section {values[value]!r} already"
        for name, change in section.rules.items():
            place = ("sections", title, "rules", name)
            if change is False:
                if name not in file.rules:
                    yield place, "there is no such rule to switch off"
                continue
            try:
                rule = change.applied(file.rules.get(name))
            except ValidationError as error:
                yield from ((place, _problem(found)[1]) for found in error.errors())
            except ValueError as error:
                yield place, str(error)
            else:
                yield from _of_rule(place, rule, signals)


def _of_rule(place: tuple[str, ...], rule: _Rule, signals: Mapping[str, Signal]) -> Iterator[_Problem]:
    if rule.signal not in signals:
        close = get_close_matches(rule.signal, signals, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(signals)}"
        yield (*place, "signal"), f"there is no signal {rule.signal!r}; {hint}"
        return
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
    models: tuple[type[_Strict], ...] = (_File, _Rule, _Bounds, _Section, _Change)
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
