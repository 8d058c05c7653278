"""Claim: from WARC to kept text, one core does 17 times (``main``) and 20 times (``full``) datatrove's work.

    pip install 'datatrove[processing]' trafilatura spacy python-magic faust-cchardet
    python benchmarks/end_to_end.py FILE.warc.gz [--rounds 3]

Both go through the same captures with the same steps, each as its documentation has it: reader, main
content, language, Gopher's quality and repetition rules, C4's, FineWeb's, MinHash (words in fives, 14 bands
of 8). Ours is a run with the inline executor, with files, receipts and checksums, in a process of its own,
twice: with ``render: {content: main}``, which does what trafilatura does, and with ``full``, which keeps
whole pages. Theirs is datatrove's blocks one after the other (``examples/fineweb.py``) in a process of its
own, with the child that runs trafilatura. Its own language model has to be downloaded; py3langid takes its
place, whose model ours reads too.

Seconds are those of the processor, of all processes of a side, with Python's start; loops are compiled before
(a run over no more than a few captures goes first). Printed are the shares of the steps, the documents left
(they differ: another main content, other rules of words), and core-hours for a terabyte of compressed WARC.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data as pages

NEEDS = ("datatrove", "trafilatura", "spacy", "data:web/pages.warc.gz")
FLOORS = {"times datatrove, main": 17.0, "times datatrove, full": 20.0}

CONFIG = """
name: end_to_end
output: {output}
limits: {{max_failed: 0.5}}
datasets:
  web:
    read: {{format: warc, paths: ["{warc}"]}}
    stages:
      - render: {{content: {content}}}
      - language: {{keep: [en], min_score: 0.65}}
      - signals: {{}}
      - heuristics: {{rules: {rules}/gopher.yaml}}
      - heuristics: {{rules: {rules}/c4.yaml}}
      - heuristics: {{rules: {rules}/fineweb.yaml}}
      - fuzzy_dedup: {{unit: words, ngram: 5, bands: 14, rows: 8}}
"""
#: Seconds for a page: with datatrove's one, a busy machine loses pages and starts its child again and again.
PATIENCE = 300
#: Stages by the step that they are.
STEPS = {"read": "reading", "render": "extraction", "fuzzy_dedup": "MinHash"}


def spent(command: list[str], **options: Any) -> tuple[float, str]:
    """Seconds of the processor of a process and its children, and what it printed."""
    before = os.times()
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options
    )
    after = os.times()
    mine = after.children_user + after.children_system - before.children_user - before.children_system
    return mine, done.stdout


def ours(folder: Path, warc: Path, content: str, name: str, limit: bool = False) -> tuple[float, Path]:
    """Seconds of a run, and its output. ``limit``: a run over a few captures."""
    path = folder / f"{name}.yaml"
    path.write_text(
        CONFIG.format(output=folder / name, warc=warc, content=content, rules=ROOT / "configs/rules")
    )
    command = [sys.executable, "-m", "nanocorpus", "run", "-c", str(path), "--executor", "inline"]
    command += ["--dry-run", "--records", "50"] if limit else []
    return spent(command, env=os.environ | {"PYTHONPATH": str(ROOT)})[0], folder / name


def shares(output: Path, seconds: float) -> dict[str, float]:
    """Seconds of the processor of the steps of a run that took ``seconds``, as its receipts tell. Those of a
    stage are its share of the wall clock of a task, of the seconds that the task computed."""
    found: dict[str, float] = {}
    tasks = 0.0
    for path in output.glob("work/**/receipts/*.json"):
        receipt = json.loads(path.read_text())
        spent, segment = receipt.get("spent"), path.parent.parent.name
        if not spent:
            continue
        tasks += spent["cpu"]
        computed = spent["cpu"] / max(spent["wall"], 1e-9)
        for label, wall in receipt.get("seconds", {}).items():
            step = STEPS.get(label, "filters")
            if label == "read" and not segment.startswith("00"):
                step = "between"  # documents of the segment before
            found[step] = found.get(step, 0.0) + wall * computed
    around = max(tasks - sum(found.values()), 0.0)
    return found | {"rounds and files": around, "start, plan and accounts": max(seconds - tasks, 0.0)}


def theirs(warc: Path) -> None:
    """datatrove's blocks over the file, in this process; prints the seconds of each step and what is left."""
    import py3langid.langid
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LambdaFilter,
    )
    from datatrove.pipeline.readers import WarcReader

    langid = py3langid.langid.LanguageIdentifier.from_model_file(py3langid.langid.MODEL_FILE, norm_probs=True)

    def is_english(document: Any) -> bool:
        language, score = langid.classify(document.text)
        return bool(language == "en" and score >= 0.65)

    seconds: dict[str, float] = {}
    left: dict[str, int] = {}

    def step(name: str, blocks: list[Any], documents: Any = None) -> Any:
        before = os.times()
        for block in blocks:
            documents = block(documents, 0, 1)
        documents = [*documents] if documents is not None else None
        after = os.times()
        seconds[name] = seconds.get(name, 0.0) + sum(after[:4]) - sum(before[:4])
        left[name] = len(documents or ())
        return documents

    with tempfile.TemporaryDirectory(prefix="datatrove-") as folder:
        documents = step(
            "reading, extraction",
            [
                WarcReader(str(warc.parent), glob_pattern=warc.name),
                Trafilatura(favour_precision=True, timeout=PATIENCE),
            ],
        )
        filters = [
            LambdaFilter(is_english), GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(),
            FineWebQualityFilter(),
        ]  # fmt: skip
        documents = step("filters", filters, documents)
        places = [f"{folder}/{name}" for name in ("signatures", "buckets", "remove")]
        kept = [*documents]
        step("MinHash", [MinhashDedupSignature(places[0])], kept)
        for rank in range(14):
            before = os.times()
            MinhashDedupBuckets(places[0], places[1])(None, rank, 14)
            seconds["MinHash"] += sum(os.times()[:4]) - sum(before[:4])
        before = os.times()
        MinhashDedupCluster(places[1], places[2])(None, 0, 1)
        seconds["MinHash"] += sum(os.times()[:4]) - sum(before[:4])
        step("MinHash", [MinhashDedupFilter(places[2])], documents)
    print(json.dumps({"seconds": seconds, "left": left}))


def told(name: str, seconds: float, steps: dict[str, float], left: int, size: int) -> None:
    """A side in one line."""
    said = ", ".join(
        f"{step} {value:.1f} s" for step, value in sorted(steps.items(), key=lambda item: -item[1])
    )
    hours = seconds / 3600 * 1e12 / size
    print(
        f"{name:10} {seconds:6.1f} s of CPU ({said}); {left} documents; {hours:,.0f} core-hours a TB of WARC"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = pages.find("web/pages.warc.gz")
    parser.add_argument("warc", type=Path, nargs="?" if default else None, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.theirs:
        theirs(options.warc)
        return 0
    size = options.warc.stat().st_size
    good = True
    with tempfile.TemporaryDirectory(prefix="end-to-end-") as name:
        folder = Path(name)
        for content in ("main", "full"):
            ours(folder, options.warc, content, f"warm-{content}", limit=True)
        times: dict[str, list[float]] = {"main": [], "full": []}
        ratios: dict[str, list[float]] = {"main": [], "full": []}
        for number in range(options.rounds):
            command = [sys.executable, __file__, str(options.warc), "--theirs"]
            peer, said = spent(command)
            found = json.loads(said.splitlines()[-1])
            told("datatrove", peer, found["seconds"], found["left"]["MinHash"], size)
            for content in ("main", "full"):
                seconds, output = ours(folder, options.warc, content, f"{content}-{number}")
                stats = json.loads((output / "stats.json").read_text())["datasets"]["web"]
                told(content, seconds, shares(output, seconds), stats["documents"], size)
                times[content].append(seconds)
                ratios[content].append(peer / seconds)
            sys.stdout.flush()
    for content, floor in zip(("main", "full"), FLOORS.values(), strict=True):
        mine, ratio = statistics.median(times[content]), statistics.median(ratios[content])
        good &= ratio >= floor
        print(f"end_to_end.{content}.s  {mine:.1f}  {mine * ratio:.1f}  {ratio:.1f}  {floor:g}")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
