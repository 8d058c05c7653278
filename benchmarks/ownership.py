"""Claim: a run touches no file that it did not write.

100 files of somebody else, in the places where a run's own files would be: before a first start (the run is
refused with exit 2), and after it (the run completes, and names them). On a file system, on an S3 endpoint on
loopback with an unfinished upload among them, through links, in a dry run, and in a run that fails.

    python benchmarks/ownership.py

Prints one line per way: what was asked, files touched, ceiling 0; exits 1 if any was touched or any
answer was another.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: What it needs, and the most that there may be.
NEEDS = ("moto", "flask")
CEILINGS = {"files touched": 0}
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

from runs import command, toy_config
from s3_server import ENVIRONMENT, S3Server

FILES = 100
PLACES = (
    "", "work", "work/web", "work/web/00-read-poison-at_least", "work/web/00-read-poison-at_least/rejects",
    "work/web/00-read-poison-at_least/receipts", "work/old/00-read", "corpus", "corpus/web", "artefacts",
    "other/team",
)  # fmt: skip
NAMES = (
    "notes.txt",
    "part-{}.parquet",
    "train-{:05d}-of-00100.parquet",
    "blend-{}.md",
    "{}.json",
    "x{}.runs",
    "data {}.bin",
)


def litter(seed: int) -> dict[str, bytes]:
    """Names below an output, and what is in them."""
    rng = random.Random(seed)
    found: dict[str, bytes] = {}
    while len(found) < FILES:
        name = f"{rng.choice(PLACES)}/{rng.choice(NAMES).format(rng.randrange(10**4))}".lstrip("/")
        found[name] = rng.randbytes(rng.randrange(1, 200))
    return found


class Local:
    """A directory."""

    def __init__(self, folder: Path) -> None:
        self.output, self.options = folder / "out", []

    def put(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            path = self.output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def touched(self, files: dict[str, bytes]) -> int:
        paths = {name: self.output / name for name in files}
        return sum(not path.is_file() or path.read_bytes() != files[name] for name, path in paths.items())


class Bucket:
    """A bucket that others use too."""

    def __init__(self, server: S3Server, name: str) -> None:
        self.client, self.bucket, self.output = server.client(), name, server.make_bucket(name)
        self.options = ["--set", f"storage.s3.endpoint={server.endpoint}"]
        self.uploads: list[Any] = []

    def put(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            self.client.put_object(Bucket=self.bucket, Key=name, Body=data)
        for key in ("other/team/upload.bin", "work/web/00-read-poison-at_least/upload.parquet"):
            self.client.create_multipart_upload(Bucket=self.bucket, Key=key)
        self.uploads = self._uploads()

    def touched(self, files: dict[str, bytes]) -> int:
        gone = len(self.uploads) - len(self._uploads())
        for name, data in files.items():
            try:
                gone += self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read() != data
            except self.client.exceptions.NoSuchKey:
                gone += 1
        return gone

    def _uploads(self) -> list[Any]:
        return self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])


def run(config: Path, place: Local | Bucket, *more: str) -> subprocess.CompletedProcess[str]:
    output = ["--set", f"output={place.output}"]
    return command("run", "-c", config, "--executor", "inline", *output, *place.options, *more, check=None)


def main() -> None:
    bad, most = 0, CEILINGS["files touched"]

    def show(what: str, touched: int, code: int, expected: int) -> None:
        nonlocal bad
        bad += touched > 0 or code != expected
        print(
            f"{what:58} exit {code} (expected {expected})   files touched {touched}   ceiling {most}",
            flush=True,
        )

    os.environ |= ENVIRONMENT
    with tempfile.TemporaryDirectory() as name, S3Server() as server:
        folder = Path(name)
        config = toy_config(folder)
        dry = ("--dry-run", "--records", "5")
        fails = ("--set", "limits.max_failed=0")
        for number, kind in enumerate(("local", "s3")):

            def place(which: str, kind: str = kind) -> Local | Bucket:
                return Local(folder / which) if kind == "local" else Bucket(server, which)

            before = place(f"before{number}")
            files = litter(number)
            before.put(files)
            for what, more in (("first start", ()), ("dry run", dry)):
                code = run(config, before, *more).returncode
                show(f"{kind}: {FILES} files before a {what}", before.touched(files), code, 2)
            after = place(f"after{number}")
            assert run(config, after).returncode == 0
            files = litter(10 + number)
            after.put(files)
            for what, more, expected in (
                ("run", (), 0),
                ("run with other thresholds", ("--set", "datasets.web.stages.toys:AtLeast.chars=30"), 0),
                ("run that fails", fails, 1),
                ("dry run", dry, 0),
                ("run after that", (), 0),
            ):
                code = run(config, after, *more).returncode
                show(f"{kind}: {FILES} files before a later {what}", after.touched(files), code, expected)
        mine, linked = Local(folder / "mine"), Local(folder / "linked")
        files = litter(20)
        mine.put(files)
        linked.output.mkdir(parents=True)
        (linked.output / "work").symlink_to(mine.output)
        show("links: before a first start", mine.touched(files), run(config, linked).returncode, 2)
        (linked.output / "work").unlink()
        assert run(config, linked).returncode == 0
        for place_of in ("corpus/web", "artefacts", "work/web/link", "work/web/00-read-poison-at_least/more"):
            (linked.output / place_of).symlink_to(mine.output)
        show("links: before a later run", mine.touched(files), run(config, linked).returncode, 0)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
