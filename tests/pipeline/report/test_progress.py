"""Progress on a small terminal and in logs."""

from __future__ import annotations

import io
import json
import re
import threading
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from rich.console import Console

from pipeline.ledger.receipts import FAILED, Receipt
from pipeline.report import log, progress
from pipeline.report.log import Log
from pipeline.report.progress import Board, amount
from pipeline.report.screen import Screen, rendered
from pipeline.report.view import view
from pipeline.tasks.beat import Beat

WIDTH, HEIGHT = 80, 24


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "now", clock)
    return clock


@dataclass(frozen=True)
class Grouped:
    key: str


@dataclass(frozen=True)
class Work:
    label: str


def a_group(board: Board, key: str, total: int, running: int = 0, reused: int = 0, ended: int = 0) -> None:
    group: Any = Grouped(key)
    board.begin(group, total, reused)
    for number in range(ended + running):
        task: Any = Work(f"{key}/part-{number:016x}")
        board.start(group, task)
        if number < ended:
            board.stop(task)
            board.end(group, task, Receipt("", counts={"documents": 100}))


def lines_of(board: Board, height: int = HEIGHT) -> list[str]:
    console = Console(file=io.StringIO(), width=WIDTH, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(rendered(board, height - 1))
    return capture.get().splitlines()


def quiet() -> Board:
    return Board(Screen(Console(quiet=True)))


def test_running_rows_are_never_hidden(clock: Clock) -> None:
    board = quiet()
    for number in range(40):
        a_group(
            board,
            f"english/{number:02d}-signals-fasttext-fasttext_2-decontaminate/verdicts",
            90_000,
            reused=90_000,
        )
    a_group(board, "english/07-waits", 5)
    a_group(
        board, "english/08-signals-fasttext-fasttext_2-decontaminate-ensemble", 90_000, running=64, ended=8
    )
    a_group(board, "web/01-length", 3, running=1)
    board.beat("web/01-length/part-0000000000000000", Beat(512, 21_400_000, 1_024_000_000, "bytes", "render"))
    clock.now += 10
    shown = lines_of(board)
    assert len(shown) == HEIGHT - 1
    assert all(len(line) <= WIDTH for line in shown)
    assert shown[0].startswith("40 segments done: 3,600,000 parts, 3,600,000 of them reused")
    assert re.fullmatch(r"segment +parts +documents +per second +ETA", shown[1].strip())
    assert re.match(r"english/08-signals-.*… +8/90,000 +800 +80 +", shown[2])
    assert any(re.match(r"web/01-length +0/3 +512 +51 +23:46", line) for line in shown), shown
    part = next(line for line in shown if "render" in line)
    assert re.search(r"0:10 render +21 of 1,024 MB +512 +51 +7:49", part), part
    assert sum("part-" in line for line in shown) == HEIGHT - 1 - 5  # as many as there is room for
    assert shown[-1].startswith("english/07-waits")  # what waits comes after what runs


def test_a_window_that_is_too_small_says_what_it_hides(clock: Clock) -> None:
    board = quiet()
    for number in range(9):
        a_group(board, f"web/0{number}-x", 2, running=int(number > 5))
    shown = lines_of(board, height=8)
    assert len(shown) == 7
    assert [line.split()[0] for line in shown[1:4]] == ["web/06-x", "web/07-x", "web/08-x"]
    assert shown[-1].strip() == "… and 4 more segments"


def test_a_phase_is_shown_while_nothing_runs(clock: Clock) -> None:
    board = quiet()
    board.phase("loading stages")
    clock.now += 65
    assert [line.strip() for line in lines_of(board)] == ["loading stages 1:05"]
    a_group(board, "web/00-read", 1, running=1)
    assert not any("loading" in line for line in lines_of(board))


def test_the_live_table_moves_by_itself() -> None:
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, height=HEIGHT, force_terminal=True)
    with Board(view(console, "auto")) as board:
        a_group(board, "web/00-read", 1, running=1)
        board.beat("web/00-read/part-0000000000000000", Beat(77, 1, 2, "rows", "render"))
        until = threading.Event()
        for _ in range(200):
            if "77" in file.getvalue():
                break
            until.wait(0.05)
        assert "77" in file.getvalue()


def said(form: Literal["text", "json"], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The log of a run of two groups, in which something happens, until it has spoken by itself."""
    monkeypatch.setattr(log, "LOG_SECONDS", 0.01)
    file = io.StringIO()
    board = Board(Log(Console(file=file, width=40), form))
    with board:
        board.phase("loading stages")
        a_group(board, "web/00-read", 3, running=1, reused=1)
        board.beat("web/00-read/part-0000000000000000", Beat(1500, 30_500_000, 61_000_000, "bytes", "render"))
        failed: Any = Work("web/00-read/part-ffff")
        group: Any = Grouped("web/00-read")
        board.start(group, failed)
        board.stop(failed)
        board.end(group, failed, Receipt("", FAILED, error="it ends [too] early :smile:"))
        board.note("a note", "yellow")
        a_group(board, "web/01-length", 9, reused=9)
        wait = threading.Event()
        for _ in range(500):
            if "1,500" in file.getvalue() or '"documents": 1500' in file.getvalue():
                break
            wait.wait(0.01)
    assert not any(thread.name == "log" for thread in threading.enumerate())
    return file.getvalue().splitlines()


def test_the_log_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said("text", monkeypatch)
    clock = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ "
    assert all(re.match(clock, line) for line in lines), lines
    texts = [re.sub(clock, "", line) for line in lines]
    assert texts[0] == "loading stages"
    assert "web/00-read/part-ffff: failed: it ends [too] early :smile:" in texts
    assert "a note" in texts
    assert "web/01-length: 9/9 parts, 9 reused" in texts
    group = r"web/00-read: 2/3 parts, 1 running, 1 reused, 1 failed, 1,500 documents, [\d,]+/s, ETA 0:00"
    assert any(re.fullmatch(group, text) for text in texts), texts
    part = "web/00-read/part-0000000000000000: 1,500 documents, 30.5 of 61.0 MB, at render, 0:00, ETA 0:00"
    assert part in texts


def test_the_log_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [json.loads(line) for line in said("json", monkeypatch)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"]) for event in events)
    named = {event["event"]: event for event in events}
    assert named["phase"]["phase"] == "loading stages"
    assert named["note"]["text"] == "a note"
    assert named["part_failed"]["error"] == "it ends [too] early :smile:"
    assert named["group_done"]["group"] == "web/01-length"
    found = named["progress"]
    assert {key: found[key] for key in ("group", "parts", "reused", "done", "failed", "running")} == {
        "group": "web/00-read", "parts": 3, "reused": 1, "done": 1, "failed": 1, "running": 1,
    }  # fmt: skip
    part = found["oldest"][0]
    assert (part["documents"], part["done"], part["total"], part["unit"], part["stage"]) == (
        1500, 30_500_000, 61_000_000, "bytes", "render",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("beat", "text"),
    [
        (Beat(5), ""),
        (Beat(0, 1234, 0, "rows"), "1,234 rows"),
        (Beat(0, 12, 1234, "rows"), "12 of 1,234 rows"),
        (Beat(0, 1_500_000, 3_000_000, "bytes"), "1.5 of 3.0 MB"),
        (Beat(0, 312_000_000, 1_024_000_000, "bytes"), "312 of 1,024 MB"),
    ],
)
def test_amounts(beat: Beat, text: str) -> None:
    assert amount(beat) == text


def test_a_quiet_console_has_no_thread() -> None:
    with Board(view(Console(quiet=True), "auto")):
        assert not any(thread.name == "log" for thread in threading.enumerate())
