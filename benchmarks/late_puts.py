"""Claim: what a driver left on its way when another took over changes nothing.

Two drivers with different configs run into one output on an S3 endpoint on loopback. All that the first one
puts arrives late (default 25 s); the second starts a moment later and is not delayed. Once with the first
driver left alone, once killed when the second starts. When everything has arrived, every object must be what
a run of the second config alone writes, and nothing else may be there.

    python benchmarks/late_puts.py [--delay 25]

Prints one line per way: objects, objects that differ, ceiling 0; exits 1 if any differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What it needs, and the most that there may be.
NEEDS = ("moto", "flask")
CEILINGS = {"objects that differ": 0}
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

from runs import command, toy_config
from s3_server import ENVIRONMENT, FaultProxy, S3Server

OTHER = ["--set", "datasets.web.stages.toys:AtLeast.chars=25"]


def arguments(config: Path, bucket: str, endpoint: str) -> list[str]:
    return [
        "run", "-c", str(config), "--executor", "inline",
        "--set", f"output={bucket}/out", "--set", f"storage.s3.endpoint={endpoint}",
    ]  # fmt: skip


def objects(server: S3Server, bucket: str) -> dict[str, str]:
    """Etags by key; of receipts and the plan, which hold times, the keys alone."""
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket.removeprefix("s3://"))
    found = {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", ())}
    return {
        key: "" if "/receipts/" in key or key.endswith("plan.json") else etag for key, etag in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--delay", type=float, default=25.0)
    options = parser.parse_args()
    os.environ |= ENVIRONMENT
    bad, most = 0, CEILINGS["objects that differ"]
    with tempfile.TemporaryDirectory() as name, S3Server() as server:
        config = toy_config(Path(name))
        alone = server.make_bucket("alone")
        command(*arguments(config, alone, server.endpoint), *OTHER)
        expected = objects(server, alone)
        for way in ("goes on", "is killed"):
            for begun in ("from its first request on", "when it is at work"):
                bucket = server.make_bucket(f"b{way.replace(' ', '')}{len(begun)}")
                late = begun.startswith("from")
                with FaultProxy(server.endpoint, delay=options.delay if late else 0) as proxy:
                    first = subprocess.Popen(
                        [sys.executable, "-m", "pipeline", *arguments(config, bucket, proxy.endpoint)],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    )  # fmt: skip
                    while not late and not any("/receipts/part-" in key for key in objects(server, bucket)):
                        time.sleep(0.01)
                    proxy.delay = options.delay
                    time.sleep(2.0 if late else 0.2)
                    if way == "is killed":
                        first.kill()
                    started = time.monotonic()
                    command(*arguments(config, bucket, server.endpoint), *OTHER)
                    while first.poll() is None and time.monotonic() - started < 8 * options.delay:
                        time.sleep(0.5)
                    time.sleep(max(0.0, options.delay + 5 - (time.monotonic() - started)))
                    first.kill()
                    found = objects(server, bucket)
                    differ = {key for key in {*found, *expected} if found.get(key) != expected.get(key)}
                    bad += bool(differ)
                    what = f"the first {way}, late {begun}, exit {first.wait()}"
                    print(
                        f"{what:70} objects {len(found)}   differ {len(differ)}   ceiling {most}",
                        flush=True,
                    )
                    for key in sorted(differ)[:10]:
                        print(f"    {key}: {found.get(key)} {expected.get(key)}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
