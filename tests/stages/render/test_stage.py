"""The stage around the renderer: columns, faults, routing of maths pages, other extractors."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from stages.render import render
from stages.render.stage import Render, RenderConfig

MATHS = (
    "<nav><a href=/>Home</a> <a href=/b>Blog</a></nav><article><h1>Roots</h1>"
    + "<p>A root of \\(x^2 = 2\\) is irrational, as the Greeks found out to their dismay long ago.</p>" * 3
    + "</article>"
)
PROSE = (
    "<nav><a href=/>Home</a> <a href=/b>Blog</a></nav><article><h1>Tides</h1>"
    + "<p>The tide comes in twice a day, and it goes out as often, as sailors know very well.</p>" * 3
    + "</article>"
)


def stage(**config: Any) -> Render:
    made = Render(RenderConfig(**config))
    made.open()
    return made


def table(*rows: tuple[str | None, str | None]) -> pa.Table:
    html, texts = zip(*rows, strict=True) if rows else ((), ())
    columns = {"html": html, "text": texts, "url": ["http://a.test/"] * len(rows)}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_columns_and_documents_that_came_as_text() -> None:
    page = "<title>T</title><p>a<pre class=language-py>b</pre>"
    done = stage().annotate(table((page, None), (None, "plain"), ("", None)))
    assert not done.faults
    got = pa.table(dict(done.columns))
    assert got.schema.equals(Render.adds)
    assert got["text"].to_pylist() == ["a\n\nb", "plain", ""]
    assert got["title"].to_pylist() == ["T", None, None]
    assert got["render.extractor"].to_pylist() == ["nanocorpus", "none", "nanocorpus"]
    assert got["render.content"].to_pylist() == ["full", None, "full"]
    assert got["render.code_languages"].to_pylist() == [["python"], [], []]
    assert got["render.chars"].to_pylist() == [4, 5, 0]


def test_no_rows() -> None:
    assert pa.table(dict(stage().annotate(table()).columns)).schema.equals(Render.adds)


def test_maths_pages_come_out_in_full_where_asked() -> None:
    rows = table((MATHS, None), (PROSE, None))
    got = pa.table(dict(stage(content="main", full_from_equations=3).annotate(rows).columns))
    assert got["render.content"].to_pylist() == ["full", "main"]
    assert got["render.equations"].to_pylist() == [3, 0]
    assert ["Blog" in text for text in got["text"].to_pylist()] == [True, False]
    main = stage(content="main").annotate(rows).columns["text"].to_pylist()
    assert main == [render(html, content="main").text for html in (MATHS, PROSE)]
    assert "Blog" not in main[0] + main[1]


@pytest.mark.parametrize(
    "config",
    [
        {"content": "full", "full_from_equations": 3},
        {"content": "main", "full_from_equations": 0},
        {"content": "main", "extractor": "lynx"},
        {"content": "full", "extractor": "trafilatura"},
        {"content": "main", "extractor": "resiliparse", "full_from_equations": 3},
        {"extractor": "boilerpipe"},
    ],
)
def test_what_does_not_go_together_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RenderConfig(**config)


def test_another_extractor() -> None:
    got = pa.table(
        dict(stage(extractor="resiliparse", content="main").annotate(table((PROSE, None))).columns)
    )
    assert got["render.extractor"].to_pylist() == ["resiliparse"]
    assert "twice a day" in got["text"][0].as_py()
    assert got["render.equations"].to_pylist() == [None]


def test_a_row_that_cannot_be_rendered_is_a_fault_and_no_text() -> None:
    done = stage().annotate(table(("<p>a", None), (None, None), ("x" * (17 << 20), None)))
    assert {row: fault.reason for row, fault in done.faults.items()} == {1: "render_error", 2: "render_error"}
    assert "larger than" in done.faults[2].detail
    assert done.columns["text"].to_pylist() == ["a", None, None]


def test_an_exception_stays_with_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(html: str, **options: Any) -> object:
        if "bad" in html:
            raise ValueError("unheard of")
        return render(html, **options)

    monkeypatch.setattr("stages.render.stage.render", failing)
    done = stage().annotate(table(("<p>a", None), ("bad", None), ("<p>b", None)))
    assert done.columns["text"].to_pylist() == ["a", None, "b"]
    assert done.faults[1] == ("render_error", "ValueError: unheard of")
