"""``nanocorpus train classifier``: what is read, what is left out, the card, and every mistake's answer."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import ROOT, call, command

from pipeline.config.located import ConfigError
from pipeline.storage import Storage
from pipeline.train.card import markdown, measured
from pipeline.train.classifier import MAX_CHARS, Side, classifier
from stages.fasttext.train import TrainingPlan
from stages.quality.fasttext import FastText, FastTextConfig

PLAN = TrainingPlan(dim=8, epochs=8, rate=0.5, buckets=500)
GOOD = [
    "the",
    "proof",
    "uses",
    "a",
    "lemma",
    "about",
    "primes",
    "and",
    "an",
    "exact",
    "sequence",
    "of",
    "groups",
]
POOR = ["buy", "cheap", "pills", "now", "best", "price", "click", "here", "free", "offer", "deal"]


def rows(kind: str, count: int) -> list[dict[str, Any]]:
    numbers = random.Random(kind)
    both = ["and", "the", "of", "Straße", "灯台"]
    return [
        {
            "id": hashlib.blake2b(f"{kind} {i}".encode(), digest_size=16).digest(),
            "text": " ".join(numbers.choices((GOOD if kind == "good" else POOR) + both, k=25)),
            "language": ("en", "de", None)[i % 3],
            "quality.label": kind,
        }
        for i in range(count)
    ]


def as_jsonl(some: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row | {"id": row["id"].hex()}) + "\n" for row in some).encode()


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A directory as a run has it: both kinds in its parts, and what was rejected below."""
    folder = tmp_path / "work" / "web" / "03-quality"
    (folder / "rejects").mkdir(parents=True)
    mixed = rows("good", 150) + rows("poor", 150)
    for part in range(2):
        pq.write_table(pa.Table.from_pylist(mixed[part::2]), folder / f"part-{part}.parquet")
    pq.write_table(pa.table({"id": [b"0" * 16], "reason": ["language"]}), folder / "rejects/part-0.parquet")
    return folder


def sides(folder: Path, negative: str = "`quality.label` = 'poor'") -> tuple[Side, Side]:
    return Side([str(folder)], "quality.label in [good]"), Side([str(folder)], negative)


def test_the_command_trains_writes_a_card_and_does_the_same_twice(tmp_path: Path, segment: Path) -> None:
    poor = rows("poor", 150)
    extra = [
        poor[0],
        rows("poor", 151)[-1] | {"text": " \n"},
        rows("poor", 152)[-1] | {"text": "x" * 200_000},
    ]
    (tmp_path / "poor.jsonl.gz").write_bytes(gzip.compress(as_jsonl(poor + extra)))
    settings = ["--dim", "8", "--epochs", "8", "--lr", "0.5", "--buckets", "500", "--holdout", "0.2"]
    done = command(
        "train", "classifier", "--positive", segment, "--where-positive", "quality.label in [good]",
        "--negative", tmp_path / "poor.jsonl.gz", "--output", tmp_path / "out" / "first.bin", *settings,
        "--note", "Proofs | pills.",
    )  # fmt: skip
    assert done.stdout.strip() == str(tmp_path / "out" / "first.bin")

    card = json.loads((tmp_path / "out" / "first.json").read_text())
    model = (tmp_path / "out" / "first.bin").read_bytes()
    assert card["model"]["sha256"] == hashlib.sha256(model).hexdigest()
    assert card["model"]["bytes"] == len(model)
    assert card["held_out"]["auc"] > 0.99
    good, bad = card["data"]["positive"], card["data"]["negative"]
    assert (good["files"], good["rows"], good["selected"], good["documents"]) == (2, 300, 150, 150)
    assert good["languages"] == {"de": 50, "en": 50, "": 50}
    assert (bad["rows"], bad["documents"]) == (153, 151)
    assert (bad["no_text"], bad["repeated"], bad["cut"]) == (1, 1, 1)
    held = [side["held_out"] for side in (good, bad)]
    assert all(15 < count < 50 for count in held)
    cells = card["held_out"]["confusion"]
    assert [
        cells["true_positive"] + cells["false_negative"],
        cells["false_positive"] + cells["true_negative"],
    ] == held
    shown = (tmp_path / "out" / "first.md").read_text()
    assert "Proofs | pills." in shown
    assert str(card["held_out"]["auc"]) in shown
    assert str(tmp_path) not in shown + json.dumps(card)

    # the same documents, in other files and in another order; what stood there is replaced
    (tmp_path / "out" / "second.bin").write_bytes(b"old")
    pq.write_table(pa.Table.from_pylist(rows("good", 150)[::-1]), tmp_path / "good.parquet")
    (tmp_path / "a.jsonl").write_bytes(as_jsonl((poor + extra)[70:]))
    (tmp_path / "b.jsonl").write_bytes(as_jsonl(poor[:90]))
    again = classifier(
        Storage(),
        Side([str(tmp_path / "good.parquet")]),
        Side([str(tmp_path / "[ab].jsonl")]),
        str(tmp_path / "out" / "second.bin"),
        PLAN,
        0.2,
    )
    assert (tmp_path / "out" / "second.bin").read_bytes() == model
    assert again["held_out"] == card["held_out"]
    assert [again["data"][side]["sha256"] for side in again["data"]] == [good["sha256"], bad["sha256"]]
    assert len(list((tmp_path / "out").iterdir())) == 6

    stage = FastText(FastTextConfig(model=str(tmp_path / "out" / "first.bin"), name="proofs"))
    stage.open()
    scores = stage.annotate(pa.table({"text": ["a lemma about groups", "best price"]})).columns[
        "quality.proofs"
    ]
    assert scores[0].as_py() > 0.5 > scores[1].as_py()


def test_a_directory_may_be_a_pattern_and_thresholds_are_exact(tmp_path: Path, segment: Path) -> None:
    pattern = Side([str(segment.parent / "03-*")], "quality.label in [good]")
    card = classifier(Storage(), pattern, sides(segment)[1], str(tmp_path / "x.bin"), PLAN, 0.3)
    assert card["data"]["positive"]["files"] == 2
    scores = np.array([0.9999997, 0.9999996, 0.2], np.float32)
    step = measured(scores, np.array([True, True, False]))["thresholds"][-1]
    assert (scores.astype(np.float64) >= step["threshold"]).sum() == 2


def test_nearly_the_same_documents_are_held_out_nearly_alike(tmp_path: Path, segment: Path) -> None:
    def held(*gone: str) -> Any:
        where = " and ".join(["quality.label = 'poor'", *gone])
        return classifier(Storage(), *sides(segment, where), str(tmp_path / "x.bin"), PLAN, 0.3)["data"]

    every, fewer = held(), held("language = 'de'")
    assert every["positive"] == fewer["positive"]
    assert fewer["negative"]["documents"] == 50
    assert 0 < fewer["negative"]["held_out"] < every["negative"]["held_out"]


def test_mistakes_are_answered(tmp_path: Path, segment: Path) -> None:
    good, poor = sides(segment)
    output = str(tmp_path / "new" / "model.bin")

    def file(name: str, content: bytes) -> Side:
        (tmp_path / name).write_bytes(content)
        return Side([str(tmp_path / name)])

    pq.write_table(pa.table({"input_ids": [[1, 2]]}), tmp_path / "shard.parquet")
    texts = as_jsonl(rows("poor", 5))
    for match, negative in {
        "300 rows 0 are selected": Side(good.paths, "quality.label in [bad]"),
        "there is no column 'quality.lable'": Side(good.paths, "quality.lable = 'x'"),
        "where of the negative side: expected": Side(good.paths, "quality.label ="),
        "where of the negative side: cannot be evaluated": Side(good.paths, "quality.label > 3"),
        "no such file": Side([str(tmp_path / "absent")]),
        "there is no column 'text'; there are: input_ids": Side([str(tmp_path / "shard.parquet")]),
        "150 documents are on both sides": good,
        "documents 0 are held out": file("few.jsonl", as_jsonl(rows("poor", 1))),
        "line 6: no JSON object": file("list.jsonl", texts + b"[1]\n"),
        "line 6: Expecting": file("cut.jsonl", texts + b'{"text": \n'),
        "damaged": file("cut.jsonl.gz", gzip.compress(texts)[:-30]),
        "no row has 'text'; there are: body": file("other.jsonl", b'{"body": "x"}\n'),
        "not a Parquet file": file("no.parquet", b"PAR1"),
        "several types": file("mixed.jsonl", b'{"text": "x"}\n{"text": 1}\n'),
        "1 of them without text": file("blank.jsonl", b'{"text": " "}\n'),
    }.items():
        with pytest.raises(ConfigError, match=match):
            classifier(Storage(), good, negative, output, PLAN)
    with pytest.raises(ConfigError, match=r"end with \.bin"):
        classifier(Storage(), good, poor, output + ".gz", PLAN)
    with pytest.raises(ConfigError, match="try a lower one"):
        classifier(Storage(), good, poor, output, PLAN._replace(rate=1e30))
    with pytest.raises(ConfigError, match="Unable to allocate"):
        classifier(Storage(), good, poor, output, PLAN._replace(dim=10**9))
    assert not Path(output).parent.exists()
    assert MAX_CHARS < 200_000
    failed = call(
        "train", "classifier", "--positive", segment, "--negative", segment, "--output", output, check=2
    )
    assert failed.stderr.startswith("nanocorpus: 300 documents are on both sides")


def test_the_classifiers_of_the_sample_are_those_of_their_cards() -> None:
    folder = ROOT / "configs" / "sample" / "classifiers"
    texts = pa.table(
        {"text": ["This page gives the proof of the lemma.", "Cheap pills! Buy now, click here!"]}
    )
    for name in ("clean", "instructive"):
        model = folder / f"{name}.bin"
        card = json.loads((folder / f"{name}.json").read_text())
        assert hashlib.sha256(model.read_bytes()).hexdigest() == card["model"]["sha256"]
        assert model.stat().st_size < 300_000
        assert markdown(card) == (folder / f"{name}.md").read_text()
        assert card["held_out"]["auc"] > 0.9
        stage = FastText(FastTextConfig(model=str(model), name=name))
        stage.open()
        (scores,) = stage.annotate(texts).columns.values()
        assert scores[0].as_py() > scores[1].as_py()
