from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.lib import data
from stages.render.extractors import ExtractionError, open_extractor
from stages.render.extractors import lynx as lynx_module
from stages.render.extractors.lynx import Lynx

ROOT = Path(__file__).resolve().parents[4]

needs_lynx = pytest.mark.skipif(shutil.which("lynx") is None, reason="needs lynx: apt-get install lynx")


_others: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def _without_those_of_other_tests() -> None:
    """Other tests of this process may have left a process that lives on, such as multiprocessing's resource
    tracker."""
    _others.clear()
    _others.update(psutil.Process().children(recursive=True))


@pytest.fixture
def lynx() -> Iterator[Lynx]:
    with Lynx() as opened:
        yield opened


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what another process does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def children() -> list[psutil.Process]:
    """What the test has started."""
    return [process for process in psutil.Process().children(recursive=True) if process not in _others]


def channels() -> Counter[str]:
    """Open pipes, files in memory and handles of processes: what lynx is talked to with."""
    kinds: Counter[str] = Counter()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself is closed by now
            kinds[os.readlink(link).partition(":")[0]] += 1
    return Counter({kind: kinds[kind] for kind in ("pipe", "anon_inode", "/memfd")})


def names() -> list[str]:
    found = []
    for process in children():
        with contextlib.suppress(psutil.Error):
            found.append(process.name())
    return found


def fake(folder: Path, script: str) -> str:
    """A program that is started as lynx would be."""
    path = folder / "lynx"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


# The real one ------------------------------------------------------------------------------------------


@needs_lynx
def test_the_text_is_what_lynx_dump_prints(lynx: Lynx) -> None:
    if (folder := data.find("web/lynx_cases")) is None:
        pytest.skip(data.missing("web/lynx_cases"))
    cases = sorted(folder.glob("*.html"))
    assert len(cases) == 15
    for path in cases:
        text = lynx.render(path.read_text(encoding="utf-8")).text
        if path.name.startswith("15_"):
            assert text.split() == ["中文测试", "Ærø"]  # as distributed, lynx believes the page: gb2312
        else:
            expected = path.with_suffix(".lynx.txt").read_text(encoding="utf-8", errors="replace")
            assert text.split() == expected.split(), path.name


@needs_lynx
@pytest.mark.parametrize(
    "declaration",
    [
        "<meta charset=gb2312>",
        "<META CHARSET = 'shift_jis'>",
        '<meta name="a>b" charset="gb2312">',
        '<meta http-equiv="content-type" content="text/html; char&#115;et=windows-1251">',
        "<meta http-equiv=Content-Type content=text/html;charset=gb2312><meta charset=koi8-r>",
        '<?xml version="1.0" encoding="gb2312"?>',
        '<?xml version="1.0" encoding="gb2312"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "xhtml1-strict.dtd">',
        "<p>中文测试<meta charset=utf-16>",
        "\ufeff<meta charset=gb2312>",
    ],
)
def test_no_charset_of_a_page_is_believed(lynx: Lynx, declaration: str) -> None:
    text = lynx.render(f"{declaration}<p>中文测试 Ærø &eacute; 😀").text
    assert text.split()[-4:] == ["中文测试", "Ærø", "é", "😀"]


@needs_lynx
def test_nul_surrogates_and_titles(lynx: Lynx) -> None:
    page = lynx.render("<title>One\n two</title><p>be\0fore</p>\0<p>after \ud800</p>\0")
    assert page.text.split() == ["before", "after", "\ufffd"]
    assert page.title == "One two"
    assert (
        lynx.render("<!-- <title>no</title> --><script>'<title>no</title>'</script><title>Ærø</title>x").title
        == "Ærø"
    )
    assert lynx.render("<p>x").title == ""


@needs_lynx
def test_layout(lynx: Lynx) -> None:
    page = (
        "<p>"
        + "word " * 500
        + "</p><pre>"
        + "x" * 3000
        + "\n\tindented</pre><ul><li>item<li><a href=http://a.b/>link</a></ul>"
    )
    lines = lynx.render(page).text.splitlines()
    assert "x" * 3000 in lines
    assert "        indented" in lines
    assert lines[-2:] == ["     * item", "     * link"]
    assert max(len(line) for line in lines if "word" in line) > 900


@needs_lynx
def test_pages_without_text_are_empty(lynx: Lynx) -> None:
    for html in (
        "",
        " ",
        "<!-- x -->",
        "<script>x</script>",
        "<title>x</title>",
        "<img alt='' src=x>",
        "<p>&nbsp;</p>",
    ):
        assert lynx.render(html).text == ""


@needs_lynx
def test_many_pages_in_a_row(lynx: Lynx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LYNX_CFG", str(tmp_path / "nothing"))
    before = set(os.listdir(tempfile.gettempdir()))
    opened = None
    for number in range(200):
        size = 100_000 if number % 20 == 0 else 10  # more than a pipe holds, now and then
        words = lynx.render(f"<p>page {number} " + "word " * size).text.split()
        assert words == ["page", str(number)] + ["word"] * size
        opened = opened or channels()
    assert channels() == opened
    assert len(children()) == 2  # the keeper, and the lynx that waits
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - before if "lynx" in name.lower()]
    assert not list(tmp_path.iterdir())
    lynx.close()
    assert children() == []
    assert lynx.render("<p>again").text == "   again"


@needs_lynx
def test_a_waiting_process_that_was_killed_costs_nothing(lynx: Lynx) -> None:
    assert lynx.render("<p>one").text == "   one"
    for _ in range(2):
        for process in children():
            process.kill()
        until(lambda: all(p.status() == psutil.STATUS_ZOMBIE for p in children()), "killed processes live on")
        assert lynx.render("<p>two").text == "   two"
    (waiting,) = [p for p in children() if "lynx" in p.name()]
    waiting.kill()
    until(lambda: waiting.status() == psutil.STATUS_ZOMBIE, "a killed process lives on")
    assert lynx.render("<p>three").text == "   three"
    assert len(children()) == 2


def _numbers(first: int, opened: Lynx | None = None) -> list[str]:
    lynx = opened or Lynx()
    try:
        return [lynx.render(f"<p>{number}").text.strip() for number in range(first, first + 30)]
    finally:
        lynx.close()


@needs_lynx
def test_two_processes_at_once() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(_numbers, [0, 1000])
    assert found == [[str(i) for i in range(first, first + 30)] for first in (0, 1000)]


@needs_lynx
def test_a_fork_starts_its_own(lynx: Lynx) -> None:
    assert lynx.render("<p>before").text.strip() == "before"
    reading, writing = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            writing.send(_numbers(500, lynx))
        finally:
            os._exit(0)
    ours = [lynx.render(f"<p>{number}").text.strip() for number in range(30)]
    assert reading.poll(20)
    assert reading.recv() == [str(i) for i in range(500, 530)]
    os.waitpid(pid, 0)
    assert ours == [str(i) for i in range(30)]
    assert lynx.render("<p>after").text.strip() == "after"


# What can go wrong -------------------------------------------------------------------------------------


def test_without_the_binary() -> None:
    with pytest.raises(FileNotFoundError, match="'no-such-lynx': apt-get install lynx"):
        open_extractor("lynx", binary="no-such-lynx")


def test_main_content_is_refused(tmp_path: Path) -> None:
    with Lynx(binary=fake(tmp_path, "cat")) as lynx, pytest.raises(ValueError, match="whole pages"):
        lynx.render("<p>x", content="main")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("cat >/dev/null; echo broken >&2; exit 3", "ended with exit status 3: broken"),
        ("cat >/dev/null; exit 1", "ended with exit status 1"),
        ("exit 1", "ended with exit status 1"),
        ("cat; echo warning >&2", "complained: warning"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("cat >/dev/null", "printed nothing for a page that has text"),
    ],
)
def test_a_failure_is_never_an_empty_text(tmp_path: Path, script: str, message: str) -> None:
    with Lynx(binary=fake(tmp_path, script)) as lynx:
        for html in ("<p>text</p>", "<p>" + "text " * 200_000):
            with pytest.raises(ExtractionError, match=message):
                lynx.render(html)
    assert children() == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("cat >/dev/null; exec head -c 3000000 /dev/zero", "killed by SIGXFSZ"),
        ("cat >/dev/null; x=x; while :; do x=$x$x; done", "exit status|killed by"),
    ],
)
def test_floods_are_failures(
    tmp_path: Path, script: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lynx_module, "_OUTPUT", 1 << 20)
    monkeypatch.setattr(lynx_module, "_MEMORY", 64 << 20)
    with Lynx(binary=fake(tmp_path, script)) as lynx, pytest.raises(ExtractionError, match=message):
        lynx.render("<p>text")


def test_the_page_is_utf8_with_the_charset_first(tmp_path: Path) -> None:
    with Lynx(binary=fake(tmp_path, "cat")) as lynx:
        assert lynx.render("<p>Ærø\0</p>").text == "<meta charset=utf-8>\n<p>Ærø</p>"


@pytest.mark.parametrize(
    "script",
    ["sleep 60", "cat >/dev/null; sleep 60", "trap '' TERM; while :; do :; done", "cat; sleep 60 & wait"],
)
@pytest.mark.parametrize("size", [1, 200_000])
def test_the_deadline_ends_the_page_and_all_it_started(tmp_path: Path, script: str, size: int) -> None:
    with Lynx(binary=fake(tmp_path, script), deadline=0.3) as lynx:
        with pytest.raises(ExtractionError, match=r"took more than 0\.3 s"):
            lynx.render("<p>" + "text " * size)
        until(lambda: children() == [], "processes outlive the deadline")


@needs_lynx
def test_after_a_deadline_it_goes_on(tmp_path: Path) -> None:
    real = shutil.which("lynx")
    slow = fake(tmp_path, f'test -e {tmp_path}/slow && sleep 60\nexec {real} "$@"')
    with Lynx(binary=slow, deadline=5) as lynx:
        assert lynx.render("<p>one").text == "   one"
        lynx.close()
        (tmp_path / "slow").touch()
        lynx._deadline = 0.3
        with pytest.raises(ExtractionError, match="took more"):
            lynx.render("<p>two")
        (tmp_path / "slow").unlink()
        lynx._deadline = 5
        assert lynx.render("<p>three").text == "   three"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_no_process_outlives_its_parent(tmp_path: Path, how: signal.Signals | None) -> None:
    program = (
        "import sys\n"
        "from stages.render.extractors import open_extractor\n"
        "lynx = open_extractor('lynx', binary=sys.argv[1])\n"
        "lynx.render('<p>x')\n"
        "print('rendered', flush=True)\n"
        "lynx.render('<p>slow') if sys.argv[2] == 'stay' else None\n"
    )
    script = 'page=$(cat); case "$page" in *slow*) sleep 600;; *) echo "$page";; esac'
    parent = subprocess.Popen(
        [sys.executable, "-c", program, fake(tmp_path, script), "stay" if how else "leave"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        assert parent.stdout.readline() == "rendered\n"
        if how is not None:
            until(lambda: "sleep" in names(), "the second page is not being rendered")
            started = [p for p in children() if p.pid != parent.pid]
            assert len(started) >= 3
            parent.send_signal(how)
        else:
            started = [p for p in children() if p.pid != parent.pid]
        parent.wait(20)
    until(
        lambda: not [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE],
        "processes outlive the parent",
    )
