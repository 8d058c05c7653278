"""The report as one HTML file."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from runs import call, documents, launched, rejects, stats, toy_config

from pipeline.report.looked import Looked, look, masked, masked_url
from pipeline.report.page import bar, page
from pipeline.schedule.loop import RunFailed
from pipeline.storage import Storage
from stages.base import Told

_VOID = {"meta", "!doctype"}


class _Parsed(HTMLParser):
    """Asserts that what is opened is closed, and that nothing is loaded or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        given = dict(attrs)
        assert "src" not in given
        assert (given.get("href") or "#").startswith("#")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "rect"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.said.append(data)


def test_equal_runs_give_equal_files(tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        path = toy_config(tmp_path / name)
        launched(path)
        call("report", "-c", path, "--html", tmp_path / f"{name}.html", "--no-speed")
        pages.append((tmp_path / f"{name}.html").read_bytes())
    assert pages[0] == pages[1]
    said = "\n".join(_Parsed(pages[0].decode()).said)
    for row in rejects(tmp_path / "a/out", "web"):
        assert f"{row['stage']}: {row['reason']}" in said
    for dataset in stats(tmp_path / "a/out")["datasets"].values():
        for stage in dataset["stages"]:
            assert stage["stage"] in said
            assert f"{stage['kept']:,}" in said
    assert "documents per second" not in said
    call("report", "-c", path, "--html", tmp_path / "c.html")
    assert "documents per second" in (tmp_path / "c.html").read_text()


def test_a_failed_run_and_an_older_plan_have_a_report(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    with pytest.raises(RunFailed):
        launched(path, "limits.max_failed=0")
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    del plan["config"]["datasets"], plan["versions"]  # as if these had been added later
    (tmp_path / "out/plan.json").write_text(json.dumps(plan))
    call("report", "-c", path, "--html", tmp_path / "r.html")
    assert "Not finished:" in (tmp_path / "r.html").read_text()


def test_texts_are_escaped_and_masked() -> None:
    looked = Looked(
        kept=[{"url": masked_url("https://a.example/?q=jo"), "text": masked("<b> jo@a.example 4711")}]
    )
    found = {
        "name": "<x>",
        "datasets": {
            "web": {"documents": 1, "tokens": None, "stages": [], "languages": {"en": {"documents": 1}}}
        },
    }
    said = page(found, None, {"web": looked})
    _Parsed(said)
    assert "&lt;b&gt; …@… 0000" in said
    assert "https://a.example/<" in said
    assert "jo" not in said
    assert "<x>" not in said


def test_ranks_and_lengths_are_shown_without_gaps() -> None:
    looked = Looked(lengths=Counter({3: 2, 5: 1}), ranks={"rank of quality": Counter({7: 4, 9: 1})})
    found = {"name": "x", "datasets": {"web": {"documents": 3, "tokens": 9, "stages": [], "languages": {}}}}
    said = _Parsed(page(found, None, {"web": looked}))
    rows = [text for text in said.said if text.strip()]
    start = rows.index("Length in tokens")
    assert rows[start : start + 7] == ["Length in tokens", "4 to 7", "2", "8 to 15", "0", "16 to 31", "1"]
    start = rows.index("Rank of quality")
    assert rows[start : start + 7] == ["Rank of quality", "7", "4", "8", "0", "9", "1"]


def test_the_ranks_of_documents_are_looked_at(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    launched(path)
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    told = (Told("toy.chars", "rank", "characters"), Told("absent", "rank", "not there"))
    looked = look(Storage(), str(tmp_path / "out"), plan, "web", told)
    kept = Counter(row["toy.chars"] for row in documents(tmp_path / "out", "web"))
    assert looked.ranks == {"characters": kept, "not there": Counter()}
    assert looked.ranks["characters"].total() == stats(tmp_path / "out")["datasets"]["web"]["documents"]


def test_a_bar_is_as_wide_as_its_shares() -> None:
    drawn = ElementTree.fromstring(bar(("kept", 0.5), ("dropped", 0.25), ("failed", 0)))
    assert [(r.get("class"), r.get("x"), r.get("width")) for r in drawn] == [
        ("kept", "0.000%", "50.000%"),
        ("dropped", "50.000%", "25.000%"),
    ]
