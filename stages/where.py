"""The filter expressions of a config: ``where: language = 'en' and render.equations >= 3``.

Knows a small grammar over the columns of documents and turns it into a pyarrow expression; nothing is ever
evaluated as Python.

    expression := term {"or" term}          term := factor {"and" factor}
    factor     := "not" factor | "(" expression ")" | test
    test       := column ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
                | column ["not"] "in" ("(" | "[") value {"," value} (")" | "]")
                | column "is" ["not"] "null"
    column     := name{.name}, or anything between double quotes or backticks
    value      := 'string' | number | true | false; in a list also a bare name: [high, medium]

A comparison with null is null, and a row is selected only if the whole expression is true, as in SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"|(?P<string>'(?:[^']|'')*')"
    r'|(?P<quoted>"[^"]+"|`[^`]+`)'
    r"|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<mark><=|>=|==|!=|<>|[=<>()\[\],]))"
)
#: Limits on nested parentheses and `not`, and on comparisons in all: nobody writes longer expressions by
#: hand, and the stacks of Python and Arrow are limited.
MOST_NESTED, MOST_TESTS = 50, 500
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "true", "false"}
_COMPARE = {
    "=": "equal",
    "==": "equal",
    "!=": "not_equal",
    "<>": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


class WhereError(ValueError):
    """The expression cannot be read; the message says where."""


@dataclass(frozen=True)
class Where:
    """A parsed expression and the columns it needs."""

    text: str
    expression: pc.Expression
    columns: frozenset[str]

    def select(self, table: pa.Table) -> pa.Table:
        """The rows for which the expression is true."""
        return _run(table, "filter", self.expression)

    def mask(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        """bool[rows]: whether the expression is true for each row."""
        found = _run(table, "project", [self.expression], ["true"])
        mask: npt.NDArray[np.bool_] = pc.fill_null(found.column("true"), False).to_numpy()
        return mask

    def check(self, schema: pa.Schema) -> None:
        """WhereError if columns are missing or cannot be compared in this way."""
        for column in sorted(self.columns):
            if column not in schema.names:
                close = get_close_matches(column, schema.names, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(schema.names)}"
                raise WhereError(f"there is no column {column!r}; {hint}")
        try:
            self.select(schema.empty_table())
        except (pa.ArrowException, NotImplementedError) as error:
            raise WhereError(f"cannot be evaluated: {error}") from error


def _run(table: pa.Table, step: Literal["filter", "project"], *options: object) -> pa.Table:
    from pyarrow import acero  # loads pandas where it is installed, which most commands do not need

    kind = {"filter": acero.FilterNodeOptions, "project": acero.ProjectNodeOptions}[step]
    # Table.filter uses threads and does not guarantee the order
    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(table))
    nodes = [source, acero.Declaration(step, kind(*options))]
    return acero.Declaration.from_sequence(nodes).to_table(use_threads=False)


def parse(text: str) -> Where:
    """Parse an expression; WhereError with the offending position."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []  # kind, text, position
        self.columns: set[str] = set()
        self.next = self.nested = self.tests = 0
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(
                    "cannot be read", position + len(text[position:]) - len(text[position:].lstrip())
                )
            kind = str(match.lastgroup)
            token, start = match.group(kind), match.start(kind)
            if kind == "name" and token.lower() in _KEYWORDS:
                kind, token = "word", token.lower()
            self.tokens.append((kind, token, start))
            position = match.end()

    def parse(self) -> Where:
        if not self.tokens:
            raise WhereError("the expression is empty")
        expression = self._or()
        if self.next < len(self.tokens):
            raise self._unexpected("`and`, `or` or the end")
        return Where(self.text, expression, frozenset(self.columns))

    def _or(self) -> pc.Expression:
        left = self._and()
        while self._take("or"):
            left = left | self._and()
        return left

    def _and(self) -> pc.Expression:
        left = self._factor()
        while self._take("and"):
            left = left & self._factor()
        return left

    def _factor(self) -> pc.Expression:
        self.nested += 1
        if self.nested > MOST_NESTED:
            raise self._error(f"nested more than {MOST_NESTED} deep", self._peek()[2])
        if self._take("not"):
            found = ~self._factor()
        elif self._take("("):
            found = self._or()
            self._expect(")")
        else:
            found = self._test()
        self.nested -= 1
        return found

    def _test(self) -> pc.Expression:
        self.tests += 1
        if self.tests > MOST_TESTS:
            raise self._error(f"more than {MOST_TESTS} comparisons; use `in`", self._peek()[2])
        column = pc.field(self._column())
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return column.is_valid() if negated else column.is_null()
        negated = self._take("not")
        if self._take("in"):
            # isin gives false for null; SQL gives null, which `not` leaves null
            among = pc.if_else(column.is_valid(), column.isin(self._values()), pa.scalar(None, pa.bool_()))
            return ~among if negated else among
        if negated:
            raise self._unexpected("`in`")
        kind, token, _ = self._peek()
        if kind != "mark" or token not in _COMPARE:
            raise self._unexpected("a comparison")
        self.next += 1
        return getattr(pc, _COMPARE[token])(column, pc.scalar(self._value()))

    def _column(self) -> str:
        kind, token, _ = self._peek()
        if kind not in ("name", "quoted"):
            raise self._unexpected("a column")
        self.next += 1
        name = token[1:-1] if kind == "quoted" else token
        self.columns.add(name)
        return name

    def _values(self) -> pa.Array:
        closing = {"(": ")", "[": "]"}.get(self._peek()[1])
        if closing is None:
            raise self._unexpected("a list in parentheses")
        self.next += 1
        values = [self._listed()]
        while self._take(","):
            values.append(self._listed())
        self._expect(closing)
        try:
            return pa.array(values)
        except pa.ArrowException:
            raise WhereError("the values of a list must be of one type") from None

    def _listed(self) -> str | int | float | bool:
        kind, token, _ = self._peek()
        if kind != "name":
            return self._value()
        self.next += 1
        return token

    def _value(self) -> str | int | float | bool:
        kind, token, position = self._peek()
        if kind == "string":
            value: str | int | float | bool = token[1:-1].replace("''", "'")
        elif kind == "number":
            value = float(token) if re.search(r"[.eE]", token) else int(token)
            if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
                raise self._error("a whole number beyond 64 bits", position)
        elif token in ("true", "false") and kind == "word":
            value = token == "true"
        else:
            raise self._unexpected("a value ('text', a number, true or false)")
        self.next += 1
        return value

    def _peek(self) -> tuple[str, str, int]:
        return self.tokens[self.next] if self.next < len(self.tokens) else ("end", "the end", len(self.text))

    def _take(self, token: str) -> bool:
        if self._peek()[0] in ("word", "mark") and self._peek()[1] == token:
            self.next += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._unexpected(f"`{token}`")

    def _unexpected(self, wanted: str) -> WhereError:
        _, token, position = self._peek()
        return self._error(f"expected {wanted}, found {token}", position)

    def _error(self, message: str, position: int) -> WhereError:
        start = max(0, position - 40)  # shortened, because an expression may be very long
        shown = self.text if len(self.text) <= 200 else f"…{self.text[start : position + 40]}…"
        return WhereError(f"{message} (at character {position + 1} of {shown!r})")
