"""What the documentation shows of a run of the sample: the funnel of ``stats.json``, and rows of its files.

Knows the files of an output; does not run anything.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from docs import svg

_KEPT, _DROPPED, _FAILED = "#3b82c4", "#cbd2d9", "#d64545"
_BAR = 520
_LONGEST = 90  # characters of a value that are printed


def funnel(output: Path) -> str:
    """The documents that each stage of each dataset kept, dropped and failed, as SVG."""
    stats = json.loads((output / "stats.json").read_text(encoding="utf-8"))
    rows: list[tuple[str, str, dict[str, Any] | None]] = []
    for name, dataset in stats["datasets"].items():
        rows.append((name, _outcome(dataset), None))
        rows += [("", "", stage) for stage in dataset["stages"] if _matters(stage)]
    most = max(stage["rows_in"] for _, _, stage in rows if stage)
    shapes, y = _legend(), 62.0
    for title, said, stage in rows:
        if stage is None:
            y += 12
            shapes.append(svg.text(20, y + 16, title, 16, bold=True))
            shapes.append(svg.text(170, y + 16, said, 14, svg.PALE))
        else:
            shapes += _bar(y, stage, _BAR / most)
        y += 28
    return svg.document(1100, int(y) + 16, "What became of the documents of the sample", shapes)


def _matters(stage: dict[str, Any]) -> bool:
    """Whether it changed the number of documents; the first of a dataset always counts."""
    return bool(stage["dropped"] or stage["failed"] or stage["stage"] == "read")


def _outcome(dataset: dict[str, Any]) -> str:
    said = f"{dataset['documents']:,} documents"
    return said + (f", {dataset['tokens']:,} tokens" if dataset["tokens"] is not None else "")


def _legend() -> list[str]:
    shapes = [svg.text(20, 34, "What stages keep and drop (those that keep all are left out)", 18, bold=True)]
    for x, colour, said in ((700, _KEPT, "kept"), (790, _DROPPED, "dropped"), (900, _FAILED, "failed")):
        shapes += [svg.box(x, 22, 16, 14, colour, colour), svg.text(x + 22, 34, said)]
    return shapes


def _bar(y: float, stage: dict[str, Any], scale: float) -> list[str]:
    shapes = [svg.text(160, y + 17, stage["stage"], 14, anchor="end")]
    dropped, failed = sum(stage["dropped"].values()), sum(stage["failed"].values())
    x = 170.0
    for count, colour in ((stage["kept"], _KEPT), (dropped, _DROPPED), (failed, _FAILED)):
        if count:
            shapes.append(svg.box(x, y + 3, count * scale, 20, colour, colour))
            x += count * scale
    why = sorted([*stage["dropped"].items(), *stage["failed"].items()], key=lambda item: (-item[1], item[0]))
    said = ", ".join(f"{reason} {count:,}" for reason, count in why[:3]) + (" …" if len(why) > 3 else "")
    return [*shapes, svg.text(x + 8, y + 17, f"{stage['kept']:,}   − {said}", 12, svg.PALE)]


# Rows ---------------------------------------------------------------------------------------------------


def with_rows(page: str, output: Path) -> str:
    """A page with the rows that its marks ask for: ``<!-- row: PATTERN -->`` is followed by a block with the
    first row of the first file of the output that matches."""

    def printed(match: re.Match[str]) -> str:
        file = sorted(output.glob(match[1]))[0]
        row = pq.ParquetFile(file).read_row_group(0).slice(0, 1).to_pylist()[0]
        width = max(map(len, row)) + 2
        lines = [f"{name:{width}}{_shown(value)}" for name, value in row.items()]
        return f"<!-- row: {match[1]} -->\n```\n" + "\n".join(lines) + "\n```\n"

    return re.sub(r"<!-- row: (\S+) -->\n(?:```\n.*?\n```\n)?", printed, page, flags=re.DOTALL)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]} …"
