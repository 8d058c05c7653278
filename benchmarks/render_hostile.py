"""Claim: no page crashes the renderer, holds it up beyond its deadline, or comes out empty in silence.

    python benchmarks/render_hostile.py [--pages FILE.warc.gz] [--count 10000] [--deadline 2] [--seed 0]
    python benchmarks/render_hostile.py --page 4711 > page.html     # one of the mutated pages, to look at

Two sets of pages, each rendered in ``full`` and in ``main``: the hostile and odd records of the WARC file (by
their kind in ``pages.jsonl``), and ``--count`` mutations of real and of generated pages, each a function of
seed and number. Pages are rendered in child processes, so that a crash of a C library is seen and counted:
the child's page is named and another child goes on. A page's time is the child's processor time, its deadline
2 s for up to 1 MB and in proportion beyond; a child that is silent for a minute is killed.

Empty in silence is: no text, although lxml (``dom.visible``) and resiliparse both see words. What the
reader rejects with a reason (nothing in it, not text) is accounted for; it is rendered as well, for crashes.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.lib.dom import visible
from benchmarks.lib.mutations import MB, mutant
from benchmarks.lib.pages import add_pages, labels, line, parser, read_pages, settle, tokens, tools
from stages.render import render
from stages.render.main import prepare

NEEDS = ("lxml", "resiliparse", "data:web/pages.warc.gz")
CEILINGS = {"crashes": 0, "over the deadline": 0, "empty in silence": 0}
SILENCE = 60.0  # seconds of wall time after which a child is killed
MEMORY = 6 << 30  # bytes of address space of a child
HOSTILE = (
    "binary_as_html",
    "deep_nesting",
    "empty",
    "many_attrs",
    "nul_html",
    "one_line_huge",
    "unclosed_comment",
    "unclosed_script",
    "utf16",
)

# Children ----------------------------------------------------------------------------------------------


class Done(NamedTuple):
    """What became of one page."""

    page: int
    size: int  # bytes of UTF-8
    seconds: dict[str, float]  # by mode
    empty: tuple[str, ...]  # modes whose text is empty in silence
    error: str  # of the renderer; "" without one


_RECORDS: list[tuple[str, str]] = []  # name, html
_BASES: list[str] = []


def page_of(number: int, seed: int) -> str:
    """Records first, then mutants."""
    if number < len(_RECORDS):
        return _RECORDS[number][1]
    return mutant(seed, number - len(_RECORDS), _BASES)


def attempt(number: int, html: str) -> Done:
    """Renders one page in both modes."""
    seconds: dict[str, float] = {}
    empty: list[str] = []
    error = ""
    for mode in ("full", "main"):
        start = time.process_time()
        try:
            text = render(html, content=mode).text
            text.encode("utf-8")
        except Exception as raised:  # whatever it is, it is what is being counted
            error = f"{mode}: {type(raised).__name__}: {raised}"[:300]
        else:
            if not text.strip():
                empty.append(mode)
        seconds[mode] = time.process_time() - start
    if empty and not _has_words(html):
        empty.clear()
    return Done(number, len(html.encode("utf-8", "replace")), seconds, tuple(empty), error)


def _has_words(html: str) -> bool:
    from resiliparse.extract.html2text import extract_plain_text

    html = html.encode("utf-8", "replace").decode()
    return bool(tokens(extract_plain_text(html, alt_texts=False)) and tokens(visible(html)))


def _child(pipe: Connection, seed: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (number := pipe.recv()) is not None:
        pipe.send(attempt(number, page_of(number, seed)))


class Child:
    """One process and the page that it has."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_child, args=(theirs, self._seed), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, number: int) -> None:
        """The next page."""
        self.page, self.since = number, time.monotonic()
        self.pipe.send(number)

    def again(self) -> str:
        """A new process; how the last one ended."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        how = f"exit {self.process.exitcode}"
        self._start()
        return how

    def stop(self) -> None:
        """After its last page."""
        self.pipe.send(None)
        self.process.join()


def run(numbers: range, seed: int, processes: int) -> tuple[list[Done], dict[int, str]]:
    """What became of every page; pages that ended their process, and how."""
    done: list[Done] = []
    died: dict[int, str] = {}
    waiting = iter(numbers)
    children = [Child(seed) for _ in range(min(processes, len(numbers)))]
    busy = {child.pipe: child for child in children}
    for child in children:
        child.give(next(waiting))
    while busy:
        ready = {pipe for pipe in wait(list(busy), timeout=1.0) if isinstance(pipe, Connection)}
        for pipe, child in list(busy.items()):
            if pipe in ready:
                try:
                    done.append(pipe.recv())
                except EOFError:
                    child.process.join()
                    died[child.page] = f"died: exit {child.process.exitcode}"
            elif time.monotonic() - child.since > SILENCE:
                died[child.page] = f"no answer in {SILENCE:.0f} s"
            else:
                continue
            del busy[pipe]
            if child.page in died:
                child.again()
            following = next(waiting, None)
            if following is None:
                child.stop()
            else:
                busy[child.pipe] = child
                child.give(following)
    return done, died


# The run -----------------------------------------------------------------------------------------------


def records(path: Path) -> list[tuple[str, str]]:
    """Kind and address of the hostile records, and their HTML: from the reader, else the bytes as UTF-8."""
    known = {offset: row for offset, row in labels(path).items() if row["kind"] in HOSTILE}
    wanted = {row["url"]: row["kind"] for row in known.values()}
    read = {page.url: page.html for page in read_pages(path) if page.url in wanted}
    found = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            url = record.headers.get("WARC-Target-URI") or ""
            if url in wanted:
                how = "" if url in read else ", rejected by the reader"
                html = read.get(url) or record.reader.read().decode("utf-8", "replace")
                found.append((f"{wanted[url]} {url}{how}", html))
    return found


def main() -> int:
    """Print what went wrong and the slowest pages; 1 if anything did."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--count", type=int, default=10_000, help="mutated pages")
    options.add_argument("--deadline", type=float, default=2.0, help="seconds for a page of up to 1 MB")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--page", type=int, metavar="N", help="write mutated page N to standard output")
    given = options.parse_args()
    _RECORDS.extend(records(given.pages))
    _BASES.extend(page.html for page in read_pages(given.pages) if page.kind not in HOSTILE)
    if given.page is not None:
        html = mutant(given.seed, given.page, _BASES)
        sys.stdout.buffer.write(html.encode("utf-8", "surrogatepass"))
        return 0
    tools("ours full")
    prepare()  # as the stage does before its first page
    settle()

    count = len(_RECORDS) + given.count
    done, died = run(range(count), given.seed, given.processes)

    def name(number: int) -> str:
        first = len(_RECORDS)
        return _RECORDS[number][0] if number < first else f"--seed {given.seed} --page {number - first}"

    def slowness(one: Done) -> float:
        return max(one.seconds.values()) / max(one.size / MB, 1.0)

    for one in sorted(done):
        if one.page < len(_RECORDS):
            times = "  ".join(f"{mode} {seconds * 1e3:.0f} ms" for mode, seconds in one.seconds.items())
            print(f"{name(one.page)}: {one.size} bytes  {times}")
    failed = [one for one in done if one.error]
    late = [one for one in done if slowness(one) > given.deadline]
    empty = [one for one in done if one.empty]
    for number, how in sorted(died.items()):
        print(f"CRASH {name(number)}: {how}")
    for one in sorted(failed):
        print(f"ERROR {name(one.page)}: {one.error}")
    for one in sorted(empty):
        print(f"EMPTY {name(one.page)}: {', '.join(one.empty)}")
    print(f"slowest of {len(done)} pages (seconds of processor time, MB):")
    for one in sorted(done, key=slowness, reverse=True)[:5]:
        times = "  ".join(f"{mode} {seconds:.3f}" for mode, seconds in one.seconds.items())
        print(f"  {times}  {one.size / MB:.2f} MB  {name(one.page)}")

    good = len(_RECORDS) > 0 and len(done) + len(died) == count
    for what, bad in (
        ("crashes", len(died) + len(failed)),
        ("over the deadline", len(late)),
        ("empty in silence", len(empty)),
    ):
        good &= line(f"render_hostile.{what} of {count}", bad, 0, 0.0, ratio=0.0 - bad)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
