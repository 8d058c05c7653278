"""The table of a plan: what is done, what is to do, and what is expected of it.

Knows counts and how to print them; does not know where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from pipeline.report.costs import Cost
from pipeline.report.estimate_text import shown_bytes

WAITS = "after those before it"


def table(
    groups: Sequence[tuple[str, int | None, int]], parts: Mapping[str, int], expected: Mapping[str, Cost]
) -> Table:
    """``groups``: key, number of tasks (None: not known yet) and of those done. ``parts``: of segments, as
    far as the inputs tell. ``expected``: by group; with it, groups that are not known yet are shown too."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    extra = ("documents", "written") if expected else ()
    for name in ("segment", "parts", "done", "to do", *extra):
        made.add_column(name, justify="left" if name == "segment" else "right")
    listed = {key: (total, done) for key, total, done in groups}
    for key in _order(listed, expected):
        total, done = listed.get(key, (None, 0))
        cost = expected.get(key)
        more = ["", ""] if cost is None else [_about(cost.rows), f"~{shown_bytes(cost.written)}"]
        if total is not None:
            cells = [f"{total:,}", f"{done:,}", f"{total - done:,}"]
        else:
            count = cost.tasks if cost else parts.get(key)
            cells = ["?" if count is None else f"~{count:,}", "", WAITS]
        made.add_row(key, *cells, *(more if extra else []))
    return made


def _order(listed: Mapping[str, object], expected: Mapping[str, Cost]) -> list[str]:
    """All keys; a round that is only expected comes where the estimate has it."""
    order = [key for key in expected if key in listed or key.count("/") > 1]
    return [*order, *(key for key in listed if key not in expected)] if expected else list(listed)


def _about(rows: float) -> str:
    return f"~{rows:,.0f}" if rows else ""
