"""Golden files: for every construct a page, and the text it must become."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.render import render

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("page", sorted(GOLDEN.glob("*.html")), ids=lambda path: path.stem)
def test_golden(page: Path) -> None:
    assert render(page.read_text()).text + "\n" == page.with_suffix(".txt").read_text()
