"""Golden files: for every construct a page, and the text it must become."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import pytest

from stages.render import render
from tests.stages.render.references import referenced

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("page", sorted(GOLDEN.glob("*.html")), ids=lambda path: path.stem)
def test_golden(page: Path) -> None:
    assert render(page.read_text()).text + "\n" == page.with_suffix(".txt").read_text()


@pytest.mark.parametrize("content", ["full", "main"])
@pytest.mark.parametrize("page", sorted(GOLDEN.glob("*.html")), ids=lambda path: path.stem)
def test_references_in_attributes_change_nothing(page: Path, content: Literal["full", "main"]) -> None:
    html = page.read_text()
    assert render(referenced(html, random.Random(page.stem)), content=content) == render(
        html, content=content
    )
