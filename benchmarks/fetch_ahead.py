"""Claim: behind an object store that takes 40 ms for each request, a run on Ray is at least 1.15 times
as fast with more parts under way than there are CPUs as with one for each, and leaves the same files.

    python benchmarks/fetch_ahead.py [FILE.warc.gz] [--inputs 6] [--latency 0.04] [--workers 1] [--rounds 3]

The captures of a WARC are dealt out to some inputs in a bucket on loopback, behind a proxy that holds up
every request. They are rendered, deduplicated and measured on Ray, with ``UNDER_WAY`` of
``pipeline.execute.on_ray`` as it is, and with 1: then the CPU waits whenever its part does. Server and proxy
take some of the machine's CPU, so have two more cores than ``--workers``. Seconds are those from when the run
looks for work. Exits 1 if the median of the ratios is under the floor, or if a file differs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data as pages
from benchmarks.lib.warcs import captures
from benchmarks.lib.watched import watched

NEEDS = ("ray", "moto", "data:web/pages.warc.gz")
FLOORS = {"times one part for each CPU": 1.15}
FLOOR = FLOORS["times one part for each CPU"]

CONFIG = """
name: ahead
output: {output}
storage: {{s3: {{endpoint: "{endpoint}"}}}}
datasets:
  web:
    read: {{format: warc, paths: ["s3://ahead/in/*.warc.gz"], damaged: keep}}
    stages:
      - render: {{content: main}}
      - exact_dedup: {{}}
      - fuzzy_dedup: {{}}
      - signals: {{}}
      - heuristics: {{rules: {rules}}}
"""
RULES = "name: one\nsource: this benchmark\nrules:\n  words: {signal: words, min: 20}\n"
RUN = """
import sys
from pipeline.execute import on_ray
on_ray.UNDER_WAY = float(sys.argv.pop(1))
from pipeline.cli import main
main()
"""


def run(config: Path, under_way: float, workers: int) -> float:
    """Seconds of a run from its first look for work to its end."""
    command = [sys.executable, "-c", RUN, str(under_way), "run", "-c", str(config)]
    return watched([*command, "--workers", str(workers)]).ending


def files(client: Any, prefix: str) -> dict[str, str]:
    """Version of every file that stages wrote, by name."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="ahead", Prefix=f"{prefix}/work/"):
        for entry in page.get("Contents", ()):
            if entry["Key"].endswith((".parquet", ".runs")):
                found[entry["Key"].removeprefix(prefix)] = entry["ETag"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = pages.find("web/pages.warc.gz")
    parser.add_argument("warc", type=Path, nargs="?" if default else None, default=default)
    parser.add_argument("--inputs", type=int, default=6)
    parser.add_argument("--captures", type=int, default=600, help="of the WARC that are taken")
    parser.add_argument("--latency", type=float, default=0.04)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    from pipeline.execute.on_ray import UNDER_WAY
    from tests.s3_server import ENVIRONMENT, FaultProxy, S3Server

    os.environ.update(ENVIRONMENT)
    records = [record for record, _ in captures(options.warc.read_bytes())][: options.captures]
    edges = [len(records) * number // options.inputs for number in range(options.inputs + 1)]
    ratios, kept = [], []
    with (
        tempfile.TemporaryDirectory(prefix="ahead-") as name,
        S3Server() as server,
        FaultProxy(server.endpoint, latency=options.latency) as proxy,
    ):
        folder, client = Path(name), server.client()
        server.make_bucket("ahead")
        for number, (low, high) in enumerate(pairwise(edges)):
            data = b"".join(records[low:high])
            client.put_object(Bucket="ahead", Key=f"in/{number:03d}.warc.gz", Body=data)
        (folder / "rules.yaml").write_text(RULES)
        for turn in range(options.rounds):
            seconds = {}
            for under_way in (1.0, UNDER_WAY):
                output = f"out-{turn}-{under_way:g}"
                path = folder / f"{output}.yaml"
                place = {"output": f"s3://ahead/{output}", "endpoint": proxy.endpoint}
                path.write_text(CONFIG.format(**place, rules=folder / "rules.yaml"))
                before = len(proxy.handled)
                seconds[under_way] = run(path, under_way, options.workers)
                kept.append(files(client, output))
                print(
                    f"{under_way:g} parts for each CPU: {seconds[under_way]:.1f} s, "
                    f"{len(proxy.handled) - before:,} requests, {len(kept[-1])} files",
                    flush=True,
                )
            ratios.append(seconds[1.0] / seconds[UNDER_WAY])
    same = all(one == kept[0] for one in kept)
    ratio = statistics.median(ratios)
    print(
        f"fetch_ahead.identical  {int(same)}  -  {int(same)}  1  ({len(kept[0])} files of {len(kept)} runs)"
    )
    print(f"fetch_ahead  {ratio:.2f}  1  {ratio:.2f}  {FLOOR}  (times the speed of one part for each CPU)")
    return 0 if same and ratio >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
