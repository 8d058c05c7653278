"""What the elements of tables do to the page being written, when they open and when they close.

Knows rows, cells and their spans. Does not know which tables are data and which are layout, nor how a row is
printed (``tables``).
"""

from __future__ import annotations

from stages.render.blocks import Kind
from stages.render.layout import Page
from stages.render.lists import integer
from stages.render.tables import TO_THE_END, Cell, Row, Table


def open_head_rows(page: Page, about: int) -> None:
    if page.inline:
        page.line()
    if page.tables:
        page.tables[-1].headed = True


def open_table(page: Page, about: int) -> None:
    page.blank_line()
    for_layout = page.scan.attributes(about).get("role") in ("presentation", "none")
    page.tables.append(Table(len(page.blocks), len(page.merged), for_layout))


def close_table(page: Page, saved: None, about: int) -> None:
    if page.inline:
        page.line()
    page.table_count += 1
    page.tables.pop().finish(page.blocks, page.merged, page.table_count)
    page.blank_line()


def open_row(page: Page, about: int) -> None:
    if page.inline:
        page.line()
    if page.tables:
        page.tables[-1].rows.append(Row(page.container, [], about))


def close_row(page: Page, saved: None, about: int) -> None:
    if page.inline:
        page.line()


def open_cell(page: Page, about: int) -> tuple[int, Kind]:
    if page.inline:
        page.line()
    saved = len(page.blocks), page.kind
    page.kind = "text"
    return saved


def open_header_cell(page: Page, about: int) -> tuple[int, Kind]:
    if page.tables:
        page.tables[-1].headed = True
    return open_cell(page, about)


def close_cell(page: Page, saved: tuple[int, Kind], about: int) -> None:
    if page.inline:
        page.line()
    first, page.kind = saved
    if not page.tables or not page.tables[-1].rows:
        return
    columns = rows = 1
    if attributes := page.scan.attributes(about):
        columns = max(integer(attributes.get("colspan")) or 1, 1)
        given = integer(attributes.get("rowspan"))
        rows = TO_THE_END if given == 0 else max(given or 1, 1)
    page.tables[-1].rows[-1].cells.append(Cell(first, len(page.blocks), columns, rows))
