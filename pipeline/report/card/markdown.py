"""Pieces of Markdown: tables, code, and text that stays text.

Knows Markdown; does not know what a card says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml


def inline_code(text: str) -> str:
    """Inline code; two backticks around text that has one."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def reasons(counts: Mapping[str, int]) -> str:
    """Reasons with counts, the most frequent first."""
    return ", ".join(
        f"{reason} {n:,}" for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def yaml_block(value: Any) -> str:
    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(value, Dumper=NoAliases, sort_keys=False, allow_unicode=True, width=100)


def yaml_inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def fenced(language: str, lines: Iterable[str]) -> str:
    """A block of code, between fences that are longer than any row of backticks in it."""
    lines = list(lines)
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}{language}", *lines, fence))


def plain(value: str) -> str:
    """Text that stays text: one line, no table cell or HTML opened by accident."""
    escaped = " ".join(value.split()).replace("\\", "\\\\").replace("|", "\\|")
    return escaped.replace("<", "&lt;")


def table_of(
    headings: Sequence[str], rows: Iterable[Sequence[str | int | None]], numbers: Sequence[int] = ()
) -> str:
    """A Markdown table with its columns aligned; the columns ``numbers`` to the right."""
    cells = [[_cell(value) for value in row] for row in (headings, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(headings))]
    rule = ["-" * (width - 1) + ":" if i in numbers else "-" * width for i, width in enumerate(widths)]
    padded = [
        [cell.rjust(widths[i]) if i in numbers else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        for row in (cells[0], rule, *cells[1:])
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in padded)


def _cell(value: str | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else plain(value)
