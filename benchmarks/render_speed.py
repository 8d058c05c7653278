"""Claim: on one core, ``full`` renders 13.5 times as many pages a second as lynx, 20.5 times as many as
trafilatura and .7 times as many as resiliparse; ``main`` 13 times as many as trafilatura and .8 times as many
as resiliparse.

    python benchmarks/render_speed.py [--pages FILE.warc.gz] [--size 1000] [--slow-sample 200]

A seeded sample of real pages, already decoded, is given to every tool in chunks, in turn, on one core:
whatever disturbs the machine disturbs all alike. A page's time is the median of three rounds of wall time;
rates are over the sum of those. lynx reads files (file mode, no network, width 10000) written beforehand.
jusText gets the stop list of the page's language where it has one. Hostile pages are not in the sample:
they are ``render_hostile.py``'s.

With ``--slow-sample N`` lynx, trafilatura, inscriptis and jusText see only the first N pages of the sample
(in random order); then each ratio is between rates on the same N pages.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

# One core is one thread: a pool of BLAS threads on it would wait for itself. Before NumPy is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.pages import (
    Page,
    Tool,
    add_pages,
    line,
    lynx_file,
    parser,
    read_pages,
    sample,
    settle,
    tools,
)

ROUNDS = 3
CHUNK = 20
#: Kinds of ``pages.jsonl`` that stand for ordinary traffic.
ORDINARY = ("ok", "wrong_header_charset", "corrupt_bytes", "")
SLOW = ("lynx", "trafilatura", "trafilatura fast", "inscriptis", "justext")
NAMES = (
    "ours full",
    "ours main",
    *SLOW,
    "resiliparse full",
    "resiliparse main",
    "lexbor parse only",
)
NEEDS = ("lynx!", "resiliparse", "trafilatura", "data:web/pages.warc.gz")
FLOORS = {
    "full, times lynx": 13.5,
    "full, times trafilatura": 20.5,
    "full, times resiliparse": 0.7,
    "main, times trafilatura": 13.0,
    "main, times resiliparse": 0.8,
}
PAIRS = (
    ("ours full", "lynx", FLOORS["full, times lynx"]),
    ("ours full", "trafilatura", FLOORS["full, times trafilatura"]),
    ("ours full", "resiliparse full", FLOORS["full, times resiliparse"]),
    ("ours main", "trafilatura", FLOORS["main, times trafilatura"]),
    ("ours main", "resiliparse main", FLOORS["main, times resiliparse"]),
)
#: Printed for the record, without a floor.
BESIDE = (
    ("ours full", "lexbor parse only"),
    ("ours main", "lexbor parse only"),
    ("ours full", "inscriptis"),
    ("ours main", "trafilatura fast"),
    ("ours main", "justext"),
)


class Times:
    """Seconds per page and round of one tool, and the pages that came out empty."""

    def __init__(self) -> None:
        self.rounds: dict[int, list[float]] = {}
        self.empty: set[int] = set()

    def add(self, page: int, seconds: float, text: str) -> None:
        """One page of one round."""
        self.rounds.setdefault(page, []).append(seconds)
        if not text.strip():
            self.empty.add(page)

    def medians(self, pages: int) -> list[float]:
        """Seconds of the first ``pages`` pages."""
        return [statistics.median(self.rounds[page]) for page in range(pages)]


def measure(call: Tool, pages: list[Page], first: int, times: Times) -> None:
    """One chunk through one tool."""
    for number, page in enumerate(pages, first):
        start = time.perf_counter()
        text = call(page)
        times.add(number, time.perf_counter() - start, text)


def main() -> int:
    """Print the tables; 1 if a ratio is under its floor."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--size", type=int, default=1000, help="pages in the sample")
    options.add_argument("--slow-sample", type=int, metavar="N", help="slow tools see N pages only")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()

    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    pages = sample([p for p in read_pages(given.pages) if p.kind in ORDINARY], given.size, given.seed)
    random.Random(given.seed).shuffle(pages)
    few = min(given.slow_sample or len(pages), len(pages))
    megabytes = [len(p.html.encode("utf-8", "replace")) / 1e6 for p in pages]
    print(
        f"{len(pages)} pages, {sum(megabytes):.1f} MB of UTF-8, core {core}, median of {ROUNDS}, interleaved"
    )
    if few < len(pages):
        print(f"slow tools ({', '.join(SLOW)}) saw only the first {few} pages of them")

    calls = tools(*NAMES)
    times = {name: Times() for name in calls}
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for number, page in enumerate(pages):
            paths[page] = f"{folder}/{number}.html"
            Path(paths[page]).write_bytes(page.html.encode("utf-8", "replace"))
        if "lynx" in calls:
            calls["lynx"] = lambda page: lynx_file(paths[page])
        for call in calls.values():
            call(pages[0])  # imports and tables
        settle()
        order = list(calls)
        for _ in range(ROUNDS):
            for first in range(0, len(pages), CHUNK):
                for name in order:
                    stop = min(first + CHUNK, few if name in SLOW else len(pages))
                    measure(calls[name], pages[first:stop], first, times[name])
                order = order[1:] + order[:1]

    print(f"{'':18} {'pages/s':>8} {'MB/s':>7} {'p50 ms':>7} {'p99 ms':>7} {'worst ms':>9} {'empty':>6}")
    for name, result in times.items():
        count = few if name in SLOW else len(pages)
        seconds = result.medians(count)
        ranked = sorted(seconds)
        print(
            f"{name:18} {count / sum(seconds):8.1f} {sum(megabytes[:count]) / sum(seconds):7.1f} "
            f"{ranked[count // 2] * 1e3:7.2f} {ranked[min(int(count * 0.99), count - 1)] * 1e3:7.1f} "
            f"{ranked[-1] * 1e3:9.1f} {len(result.empty):6}"
        )

    good = True
    for mine, peer, floor in (*PAIRS, *((mine, peer, 0.0) for mine, peer in BESIDE)):
        if peer in times:
            count = few if peer in SLOW else len(pages)
            rates = [count / sum(times[name].medians(count)) for name in (mine, peer)]
            good &= line(f"render_speed.{mine}/{peer} pages/s", rates[0], rates[1], floor)
    missing = sorted({peer for _, peer, _ in PAIRS} - set(times))
    if missing:
        print(f"no verdict: {', '.join(missing)} is not installed", file=sys.stderr)
        return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
