"""What a dry run forecasts of a stage that asks a model, compared with what the whole run then counts."""

from __future__ import annotations

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_tokenizer
import zstandard
from rich.console import Console
from runs import command, documents, stats

from pipeline import launch
from pipeline.config import schema
from pipeline.report import forecast
from pipeline.storage import Storage
from pipeline.tasks import dry
from stages.base import Input
from stages.read.tables import Tables, TablesConfig
from stages.read.warc import Warc, WarcConfig
from tests.stages.read.warc_files import members, record

CONFIG = """
name: asked
output: {output}
datasets:
  web:
    read: {{format: {format}, paths: ["{inputs}/*"]}}
    stages: [length: {{min_chars: 10}}]
  qa:
    from: web
    stages:
      - synthesize:
          task: [diverse_qa, wikipedia]
          backend: "fake_engine:make"
          tokenizer: {tokenizer}
          device: cpu
          memory: 1000000
  translated:
    from: qa
    stages:
      - translate: {{to: [de], backend: "fake_engine:make", tokenizer: {tokenizer}, device: cpu, memory: 1000000}}
"""
SENTENCES = [
    "The harbour of Marn was built in 1831 by masons from Tarbat.",
    "It holds forty boats and two cranes.",
    "Fishermen sell herring there every Monday.",
    "The lighthouse is 34 metres high and was painted white in May.",
]


def texts(rows: int, seed: int) -> list[str]:
    """Of lengths that differ by a factor of forty, some of which become several segments."""
    drawn = random.Random(seed)
    made = []
    for row in range(rows):
        count = drawn.choice((4, 8, 20, 80))
        lines = [f"{drawn.choice(SENTENCES)[:-1]} {row}-{n}." for n in range(count)]
        made.append("\n\n".join(" ".join(lines[n : n + 4]) for n in range(0, count, 4)))
    return made


def config(folder: Path, kind: str, files: int = 3, rows: int = 100) -> Path:
    inputs = folder / "in"
    inputs.mkdir(parents=True)
    for number in range(files):
        found = [
            {"id": f"{number}-{n}", "text": text, "language": "en"}
            for n, text in enumerate(texts(rows, number))
        ]
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist(found), inputs / f"{number}.parquet")
        else:
            data = "".join(json.dumps(one) + "\n" for one in found).encode()
            ending, packed = {
                "jsonl": ("", bytes),
                "gzip": (".gz", gzip.compress),
                "zstd": (".zst", zstandard.compress),
            }[kind]
            (inputs / f"{number}.jsonl{ending}").write_bytes(packed(data))
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(small_tokenizer.content())
    path = folder / "asked.yaml"
    read = "parquet" if kind == "parquet" else "jsonl"
    path.write_text(CONFIG.format(output=folder / "out", inputs=inputs, tokenizer=tokenizer, format=read))
    return path


def tried(path: Path, records: int, inputs: int | None, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    """The forecasts of a dry run by dataset, and what it printed."""
    seen: list[forecast.Forecast] = []

    def kept(plan: Any, states: Any) -> Any:
        seen.extend(forecast.forecasts(plan, states))
        yield from forecast.forecast(plan, states)

    monkeypatch.setattr(launch, "forecast", kept)
    said = io.StringIO()
    settings = launch.dry(schema.read(path, ["execution.executor=inline"]))
    launch.run(settings, Console(file=said, width=200), records, inputs)
    return {one.dataset: one for one in seen}, said.getvalue()


def test_a_dry_run_forecasts_what_the_run_will_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(tmp_path, "gzip")
    found, said = tried(path, 50, 2, monkeypatch)
    launch.run(schema.read(path, ["execution.executor=inline"]), Console(file=io.StringIO()))
    counted = stats(tmp_path / "out")["datasets"]
    for name, margin in (("qa", 0.2), ("translated", 0.35)):
        assert found[name].scaled
        lines = found[name].lines
        asked = next(s["kept"] for s in counted[name]["stages"] if s["stage"] == "complete")
        assert sum(line.requests for line in lines) == pytest.approx(asked, rel=margin)
        for column, total in counted[name]["sums"]["complete"].items():
            assert sum(line.sums[column] for line in lines) == pytest.approx(total, rel=margin)
        assert all(line.hours > 0 for line in lines)
    assert {line.kind for line in found["qa"].lines} == {"diverse_qa", "wikipedia"}
    assert "forecast for all inputs" in said
    for word in ("diverse_qa", "tokens in", "tokens out", "CPU-hours", "translate"):
        assert word in said
    assert "is not known" not in said


def test_a_dry_run_asks_few_requests_of_each_task_and_counts_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("FAKE_ENGINE_NOTES", str(notes))
    found, _ = tried(config(tmp_path, "jsonl", files=5, rows=60), 60, None, monkeypatch)
    asked = [line for line in notes.read_text().splitlines() if not line.endswith("loaded")]
    assert min(line.asked for line in found["qa"].lines) >= dry.ROWS / 2
    assert 2 * dry.ROWS <= sum(line.asked for line in found["qa"].lines) <= 3 * dry.ROWS
    assert len(asked) <= 5 * dry.ROWS
    tallies = {s["stage"]: s for s in stats(tmp_path / "out/dry-run")["datasets"]["qa"]["stages"]}
    picked = tallies["dry run"]
    assert picked["rows_in"] == tallies["segments"]["kept"]
    assert picked["dropped"] == {"not_asked": picked["rows_in"] - picked["kept"]}
    assert tallies["complete"]["rows_in"] == picked["kept"] == sum(line.asked for line in found["qa"].lines)
    assert documents(tmp_path / "out/dry-run", "qa")
    notes.write_text("")
    again, said = tried(tmp_path / "asked.yaml", 60, None, monkeypatch)  # nothing is asked again
    assert [line for line in notes.read_text().splitlines() if not line.endswith("loaded")] == []
    assert again == found
    assert "0 parts computed" in said


def test_a_share_that_is_not_known_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config(tmp_path, "jsonl", rows=40)
    path.write_text(path.read_text().replace("format: jsonl", 'format: "toys:Lines"'))
    found, said = tried(path, 20, None, monkeypatch)
    assert not found["qa"].scaled
    assert "qa: what share of the inputs was read is not known" in said
    found, said = tried(path, 41, None, monkeypatch)  # all of each input
    assert found["qa"].scaled
    assert "is not known" not in said


def test_a_forecast_from_next_to_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, said = tried(config(tmp_path, "jsonl", files=1, rows=4), 2, None, monkeypatch)
    asked = sum(line.asked for line in found["qa"].lines)
    assert f"qa: {asked} requests say little about the rest" in said


@pytest.mark.parametrize("arguments", [("--dry-run",), ()])
def test_a_model_without_the_tokens_of_the_chat_is_refused_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("FAKE_ENGINE_NOTES", str(notes))
    path = config(tmp_path, "jsonl", files=1, rows=4)
    (tmp_path / "tokenizer.json").write_text(small_tokenizer.content(specials=5))
    done = command("run", "-c", path, "--executor", "inline", *arguments, check=2)
    said = " ".join((done.stdout + done.stderr).split())
    assert "the tokenizer has no token <SPECIAL_10>" in said
    assert not notes.exists()
    assert not list((tmp_path / "out").rglob("*.parquet"))


@pytest.mark.parametrize("kind", ["jsonl", "gzip", "zstd", "parquet"])
def test_readers_know_how_much_of_a_file_they_read(tmp_path: Path, kind: str) -> None:
    config(tmp_path, kind, files=1, rows=400)
    inputs = tmp_path / "in"
    reader = Tables(TablesConfig(paths=[f"{inputs}/*"], format="parquet" if kind == "parquet" else "jsonl"))
    storage = Storage(None)
    (item,) = reader.list(storage)
    for limit in (100, 300):
        *_, last = reader.read(item, storage, limit)
        assert dry.share(reader, item, storage, limit, limit, last) == pytest.approx(limit / 400, rel=0.15)
    assert dry.share(reader, item, storage, 400, 401, None) == 1.0


def test_the_share_of_a_warc_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    records = [record(number) for number in range(60)]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(members(records, "gzip")))
    reader = Warc(WarcConfig(paths=[str(tmp_path / "a.warc.gz")]))
    storage = Storage(None)
    (item,) = reader.list(storage)
    *_, last = reader.read(item, storage, 20)
    assert dry.share(reader, item, storage, 20, 20, last) == pytest.approx(1 / 3, rel=0.05)
    *_, last = reader.read(item, storage, 1)
    assert dry.share(reader, item, storage, 1, 1, last) is None


def test_parts_of_a_file_share_its_bytes_by_their_rows() -> None:
    inputs = [
        ("a", Input("f", "f", 900, "", 0, 100)),
        ("b", Input("f", "f", 900, "", 100, 300)),
        ("c", Input("g", "g", 50, "")),
        ("d", Input("h", "h", 0, "")),
    ]
    assert forecast.sizes(inputs) == {"a": 300.0, "b": 600.0, "c": 50.0, "d": 1.0}


def test_rows_are_taken_of_a_few_parts_that_have_any() -> None:
    parts = dict.fromkeys(range(100), 7) | {0: 0}
    chosen = dry.spread(parts)
    assert len(chosen) == dry.PARTS
    assert 0 not in chosen
    assert max(chosen) - min(chosen) > 70
    assert sum(chosen.values()) == dry.ROWS
    assert dry.spread({}) == dry.spread({1: 0}) == {}
