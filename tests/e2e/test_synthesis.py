"""Synthesis as a run: what fails is a row, what was answered is not asked again, and kills leave no trace."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import small_tokenizer
from chaos import bury, run_with_kills, strike
from runs import call, documents, hashes, launched, rejects, stats

TEXT = (
    "The harbour of Marn was built in {year} by masons from Tarbat. It holds forty boats and two cranes. "
    "Fishermen sell herring there every Monday. The lighthouse is 34 metres high."
)
CONFIG = """
name: synthetic
output: {output}
limits: {{max_failed: 0.5}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["{inputs}/*.jsonl"]}}
    stages: [length: {{min_chars: {least}}}]
  qa:
    from: web
    stages:
      - synthesize:
          task: [diverse_qa, knowledge_list]
          backend: {backend}
          tokenizer: {tokenizer}
          device: cpu
          memory: 1000000
          batch: 16
          {more}
"""


def config(
    folder: Path, files: int = 2, rows: int = 30, odd: str = "", least: int = 10, backend: str = "fake_engine:make", more: str = ""
) -> Path:  # fmt: skip
    inputs = folder / "in"
    inputs.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        texts = [TEXT.format(year=1000 + number * rows + row) for row in range(rows)]
        if odd and number == 0:
            texts[rows // 2] = f"{odd} is here. {texts[rows // 2]}"
        lines = [
            json.dumps({"id": f"{number}-{row}", "text": text, "language": "en"})
            for row, text in enumerate(texts)
        ]
        (inputs / f"{number}.jsonl").write_text("\n".join(lines) + "\n")
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(small_tokenizer.content())
    file = folder / "synthetic.yaml"
    file.write_text(CONFIG.format(output=folder / "out", inputs=inputs, tokenizer=tokenizer, least=least, backend=f'"{backend}"', more=more))  # fmt: skip
    return file


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "notes"
    file.touch()
    monkeypatch.setenv("FAKE_ENGINE_NOTES", str(file))
    return file


def asked(notes: Path) -> list[str]:
    """Ids of the requests that the engine got, in order; the file begins anew."""
    lines = [line.split() for line in notes.read_text().splitlines()]
    notes.write_text("")
    return [word for _, word in lines if word != "loaded"]


def tallies(output: Path) -> dict[str, dict[str, object]]:
    return {stage["stage"]: stage for stage in stats(output)["datasets"]["qa"]["stages"]}


def test_every_row_is_accounted_for_when_requests_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE_FAILS_EVERY", "7")
    launched(config(tmp_path))
    found = tallies(tmp_path / "out")
    failed = found["complete"]["failed"]["request_failed"]
    assert 0 < failed < 60
    assert found["segments"]["kept"] == found["complete"]["rows_in"] == 120
    assert found["complete"]["kept"] == 120 - failed == found["parse"]["dropped"]["source"]
    lost = [row for row in rejects(tmp_path / "out", "qa") if row["stage"] == "complete"]
    assert Counter(row["detail"] for row in lost) == {"it was to fail": failed}
    sums = stats(tmp_path / "out")["datasets"]["qa"]["sums"]
    assert sums["complete"]["completion.tokens_in"] > 100 * found["complete"]["kept"]
    assert 0 < sums["accept"]["gate.words"] <= sums["parse"]["gate.words"]
    items = found["parse"]["kept"]
    assert items == found["accept"]["kept"] + sum(found["accept"]["dropped"].values())
    made = documents(tmp_path / "out", "qa")
    assert sum(row["synthetic.items"] for row in made) == found["accept"]["kept"] - found["assemble"][
        "dropped"
    ].get("over_limit", 0)
    monkeypatch.delenv("FAKE_ENGINE_FAILS_EVERY")
    again = config(tmp_path / "whole")
    launched(again)
    whole = {row["id"]: row["text"] for row in documents(tmp_path / "whole/out", "qa")}
    assert {row["id"]: row["text"] for row in made}.items() <= whole.items()


def test_other_thresholds_and_fewer_documents_ask_nothing_again(tmp_path: Path, notes: Path) -> None:
    path = config(tmp_path)
    launched(path)
    assert len(set(asked(notes))) == 120
    first = documents(tmp_path / "out", "qa")
    rules = tmp_path / "rules.yaml"
    rules.write_text("name: strict\nsource: a test\ncommon:\n  brief: {gate: words, max: 9}\n")
    config(tmp_path, more=f"rules: {rules}")
    launched(path)
    assert asked(notes) == []
    assert set(tallies(tmp_path / "out")["accept"]["dropped"]) == {"brief"}
    # a document that is another changes its part, in which the rest was answered
    config(tmp_path, odd="Something more")
    launched(path)
    assert len(asked(notes)) == 2
    assert len(documents(tmp_path / "out", "qa")) == len(first)
    config(tmp_path, odd="Something more", least=len(TEXT.format(year=1000)) + 1)
    launched(path)
    assert asked(notes) == []
    assert tallies(tmp_path / "out")["complete"]["kept"] == 2


def test_replaying_gives_the_same_documents(tmp_path: Path) -> None:
    launched(config(tmp_path))
    stored = tmp_path / "out/work/qa/01-complete"
    launched(config(tmp_path / "again", backend="replay", more=f"against: [{stored}]"))
    assert documents(tmp_path / "again/out", "qa") == documents(tmp_path / "out", "qa")


@pytest.mark.parametrize("word", ["KILLME", "RAISEME"])
def test_a_request_that_kills_or_breaks_the_engine_is_found(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("FAKE_ENGINE_KILLS", "1")
    path = config(tmp_path, odd=word)
    if word == "KILLME":  # which would kill the process of the test
        launched(path, "execution.executor=ray", "execution.workers=1")
    else:
        launched(path)
    lost = [row for row in rejects(tmp_path / "out", "qa") if row["stage"] == "complete"]
    assert len(lost) == 2  # one for each task
    assert {row["reason"] for row in lost} == {"worker_died"}
    if word == "RAISEME":
        assert {row["detail"] for row in lost} == {"RuntimeError: the engine is broken"}
    found = tallies(tmp_path / "out")
    assert found["complete"]["kept"] == 118
    counts = Counter(asked(notes))
    assert len(counts) == 120
    # all others were asked once, but for the batches that were open: 16 and what had begun of the next
    twice = [one for one, count in counts.items() if count > 1]
    assert len(twice) <= 4 * 16
    monkeypatch.delenv("FAKE_ENGINE_KILLS")
    launched(path)
    assert asked(notes) == []
    call("run", "-c", path, "--executor", "inline", "--retry-failed")
    assert len(asked(notes)) == 2
    assert tallies(tmp_path / "out")["complete"]["kept"] == 120


def test_kills_lose_one_open_batch_each(tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(tmp_path)
    launched(path)
    expected = hashes(tmp_path / "out")
    asked(notes)
    monkeypatch.setenv("FAKE_ENGINE_SECONDS", "0.02")
    arguments = ["run", "-c", str(path), "--executor", "inline", "--set", f"output={tmp_path / 'again'}"]
    runs = run_with_kills(arguments, kills=4, seed=3, window=3.0).starts
    assert runs > 1
    assert hashes(tmp_path / "again") == expected
    counts = Counter(asked(notes))
    assert len(counts) == 120
    assert sum(counts.values()) - 120 <= (runs - 1) * (16 + 2)
    assert not list((tmp_path / "again").rglob("journal/*.parquet"))


def test_workers_and_drivers_of_ray_that_die_lose_one_open_batch_each(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config(tmp_path, files=3)
    launched(path)
    expected = hashes(tmp_path / "out")
    asked(notes)
    monkeypatch.setenv("FAKE_ENGINE_SECONDS", "0.05")
    arguments = [sys.executable, "-m", "pipeline", "run", "-c", str(path), "--executor", "ray", "--workers", "2",
                 "--set", f"output={tmp_path / 'again'}"]  # fmt: skip
    run = subprocess.Popen(arguments, start_new_session=True)
    drawn = random.Random(5)
    killed: set[int] = set()
    while run.poll() is None and len(killed) < 2:
        time.sleep(0.2 + drawn.random())
        busy = [int(line.split()[0]) for line in notes.read_text().splitlines()[-1:] if "loaded" not in line]
        for pid in set(busy) - killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
    size = notes.stat().st_size
    while run.poll() is None and notes.stat().st_size == size:
        time.sleep(0.05)
    assert strike(run.pid, "all", drawn)
    run.wait()
    bury(run.pid)
    subprocess.run(arguments, check=True, timeout=200)
    assert len(killed) == 2
    assert hashes(tmp_path / "again") == expected
    counts = Counter(asked(notes))
    assert len(counts) == 180
    assert sum(counts.values()) - 180 <= (len(killed) + 2) * (16 + 2)


def test_an_actor_loads_the_model_once_for_all_parts(tmp_path: Path, notes: Path) -> None:
    path = config(tmp_path, files=5, rows=4)
    launched(path, "execution.executor=ray", "execution.workers=1")
    loaded = [line for line in notes.read_text().splitlines() if line.endswith("loaded")]
    # once to find out early whether it can be loaded at all, once for the five parts
    assert len(loaded) == 2
    assert len({line.split()[0] for line in notes.read_text().splitlines()}) == 2


def test_the_plan_gives_the_model_a_segment_of_its_own(tmp_path: Path) -> None:
    path = config(tmp_path)
    said = call("plan", "-c", path).stdout
    for name in ("qa/00-segments", "qa/01-complete", "qa/02-parse", "qa/03-accept-assemble"):
        assert name in said


def test_mistakes_in_a_short_form_are_named_at_its_place(tmp_path: Path) -> None:
    path = config(tmp_path, more="samples: 0")
    done = call("plan", "-c", path, check=2)
    assert "synthesize.samples" in done.stdout + done.stderr
    path = config(tmp_path, backend="embedded")
    done = call("plan", "-c", path, check=2)
    assert "synthesize: backend embedded needs `model`" in done.stdout + done.stderr
    path.write_text(path.read_text().replace("diverse_qa", "diverse"))
    done = call("plan", "-c", path, check=2)
    assert "there is no task 'diverse'" in done.stdout + done.stderr


def test_documents_say_where_they_come_from(tmp_path: Path) -> None:
    launched(config(tmp_path, files=1, rows=3))
    web = {row["id"] for row in documents(tmp_path / "out", "web")}
    made = documents(tmp_path / "out", "qa")
    assert {row["parent"] for row in made} == web
    stored = next((tmp_path / "out/work/qa/01-complete").glob("*.parquet"))
    asked_for = pq.read_table(stored)
    assert set(asked_for["completion.finish"].to_pylist()) == {"stop"}
    assert min(asked_for["completion.tokens_in"].to_pylist()) > 100
    assert len(set(asked_for["completion.key"].to_pylist())) == 6
