"""Claim: while one WARC of 1 GB is read, the log and a terminal of 80 by 24 move within 3 s and every 5 s.

    python benchmarks/heartbeat.py FILE.warc.gz [--bytes 1000000000] [--seconds 30] [--ways inline-log …]

Makes a WARC of that size by repeating the file, and starts a run over it with both executors, with its stderr
in a pipe and on a terminal. Each is watched from the start of its process for some seconds, or to its end
with ``--seconds 0``, and then interrupted. A log moves when a line comes; a terminal when what it shows
differs from before. Prints for each way the seconds to the first movement and the longest without one, how
many documents the last heartbeat counted, and the longest that this number stood still; exits 1 above a
ceiling, if no heartbeat of a part came, or if a frame of the terminal hides the running part or is too high.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib import data as pages

ROOT = Path(__file__).resolve().parent.parent
NEEDS = ("data:web/pages.warc.gz",)
CEILINGS = {"seconds to the first movement": 3.0, "seconds between movements": 5.0}
FIRST, BETWEEN = CEILINGS.values()
WIDTH, HEIGHT = 80, 24
WAYS = ("inline-log", "inline-terminal", "ray-log", "ray-terminal")

CONFIG = """
name: heartbeat
output: {folder}/out
datasets:
  web:
    read: {{format: warc, paths: ["{folder}/large.warc.gz"]}}
    stages:
      - render: {{content: main}}
      - language: {{min_score: 0.3}}
"""
#: A refresh of the live table begins by erasing the lines of the one before.
_REFRESH = re.compile(r"\r?\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_DOCUMENTS = re.compile(r"part-\S+: ([\d,]+) documents")
_ROW = re.compile(r"part-\S+ .* MB +([\d,]+) ")


class Seen(NamedTuple):
    """What a way showed. Seconds since the start of the process."""

    moves: list[float]
    counts: list[tuple[float, int]]  # documents of the running part
    faults: list[str]
    until: float

    @property
    def first(self) -> float:
        """To the first movement."""
        return self.moves[0] if self.moves else self.until

    @property
    def longest(self) -> float:
        """Without a movement, after the first one."""
        return _longest(self.moves, self.until)

    @property
    def still(self) -> float:
        """The longest that the number of documents stood still."""
        changes = [(at, n) for i, (at, n) in enumerate(self.counts) if not i or n != self.counts[i - 1][1]]
        return _longest([at for at, _ in changes], self.until)


def _longest(times: list[float], until: float) -> float:
    return max((b - a for a, b in zip(times, [*times[1:], until], strict=True)), default=until)


def make(source: Path, target: Path, size: int) -> int:
    """Repeats a WARC, whole, until it has ``size`` bytes; returns how many it has."""
    data, written = source.read_bytes(), 0
    with target.open("wb") as file:
        while written < size:
            written += file.write(data)
    return written


def pieces(command: list[str], terminal: bool, seconds: float) -> Iterator[tuple[float, str]]:
    """What a command writes to stderr, with the time; it is interrupted after so many seconds."""
    if terminal:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    else:
        ours, theirs = os.pipe()
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    try:
        while not seconds or time.monotonic() - started < seconds:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    data = os.read(ours, 1 << 16)
                except OSError:  # a terminal whose other side is closed
                    break
                if not data:
                    break
                yield time.monotonic() - started, data.decode("utf-8", "replace")
        yield time.monotonic() - started, ""
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        os.close(ours)


def watch_log(found: Iterator[tuple[float, str]]) -> Seen:
    """A log moves when a line comes."""
    moves: list[float] = []
    counts: list[tuple[float, int]] = []
    at = 0.0
    for at, piece in found:
        if "\n" in piece:
            moves.append(at)
        counts += [(at, int(count.replace(",", ""))) for count in _DOCUMENTS.findall(piece)]
    return Seen(moves, counts, [], at)


def watch_terminal(found: Iterator[tuple[float, str]]) -> Seen:
    """A terminal moves when a frame differs from the one before."""
    moves: list[float] = []
    counts: list[tuple[float, int]] = []
    faults: set[str] = set()
    before, pending, at = "", "", 0.0
    for at, piece in found:
        *whole, pending = _REFRESH.split(pending + piece)
        for frame in (_CONTROL.sub("", text).replace("\r", "") for text in whole):
            if not frame.strip() or frame == before:
                continue
            before = frame
            moves.append(at)
            lines = frame.strip("\n").split("\n")
            if len(lines) > HEIGHT or max(map(len, lines)) > WIDTH:
                faults.add(f"a frame of {len(lines)} lines, the longest of {max(map(len, lines))}")
            working = re.search(r"^web/00\S* +0/1 ", frame, re.MULTILINE)
            if working and "part-" not in frame:
                faults.add("a frame that hides the running part")
            counts += [(at, int(count.replace(",", ""))) for count in _ROW.findall(frame)]
    return Seen(moves, counts, sorted(faults), at)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="heartbeat-") as name:
        folder = Path(name)
        source = options.file or pages.need("web/pages.warc.gz")
        size = make(source, folder / "large.warc.gz", options.bytes)
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(folder=folder))
        print(f"one WARC of {size / 1e6:,.0f} MB, each way watched for {options.seconds:g} s", flush=True)
        for way in options.ways:
            executor, _, shown = way.partition("-")
            command = [sys.executable, "-m", "nanocorpus", "run", "-c", str(config), "--executor", executor]
            found = pieces([*command, "--workers", "1"], shown == "terminal", options.seconds)
            seen = watch_terminal(found) if shown == "terminal" else watch_log(found)
            print(f"heartbeat.{way}.first  {seen.first:.1f}  -  -  {FIRST}")
            print(f"heartbeat.{way}.between  {seen.longest:.1f}  -  -  {BETWEEN}")
            last = seen.counts[-1][1] if seen.counts else 0
            print(
                f"  {last:,} documents in {seen.until:.0f} s; their number stood still for {seen.still:.1f} s"
            )
            for fault in seen.faults:
                print(f"  {fault}")
            failed |= seen.first > FIRST or seen.longest > BETWEEN or bool(seen.faults) or not last
            shutil.rmtree(folder / "out", ignore_errors=True)
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
