"""What became of a document, asked of finished, failed and older outputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import call, documents, hashes, launched, rejects, toy_config

from pipeline import layout
from pipeline.ledger.receipts import DOCUMENTS, File
from pipeline.report import trace_index
from pipeline.report.trace import NotTraced, trace
from pipeline.report.trace_text import changes
from pipeline.schedule.loop import RunFailed
from pipeline.storage import Storage


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trace")
    launched(toy_config(folder))
    return folder


def asked(output: Path, what: str) -> dict[str, Any]:
    return json.loads(call("trace", what, "--output", output, "--json").stdout)


def test_every_reject_and_document_is_found(run: Path) -> None:
    output = run / "out"
    for row in rejects(output, "web")[::4]:
        (capture,) = asked(output, row["id"].hex())["captures"]
        last = capture["events"][-1]
        assert (last["outcome"], last["stage"]) == (row["kind"], row["stage"])
        assert (last["reason"], last["detail"]) == (row["reason"], row["detail"] or "")
        if row["reason"] == "exact_duplicate":
            assert last["copy"]["id"] == row["detail"]
            assert last["copy"]["outcome"].startswith("kept")
    for row in documents(output, "web")[:5]:
        events = asked(output, row["id"].hex())["captures"][0]["events"]
        assert events[0]["text"] == row["text"]
        assert [event["outcome"] for event in events if event["segment"].startswith("web/")] == ["kept"] * 3


def test_datasets_that_follow_are_told(run: Path) -> None:
    output = run / "out"
    made = [row for row in documents(output, "twice") if row["parent"]]
    parent, child = made[0]["parent"].hex(), made[0]["id"].hex()
    said = asked(output, child)
    assert said["captures"][0]["parent"] == parent
    events = asked(output, parent)["captures"][0]["events"]
    assert any(child in event["generated"] for event in events)
    short = next(row for row in documents(output, "web") if row["toy.chars"] <= 60)
    outcomes = {e["segment"]: e["outcome"] for e in asked(output, short["id"].hex())["captures"][0]["events"]}
    assert outcomes["twice/00-echo"] == "not_selected"


def test_without_an_index_the_answer_is_the_same(run: Path, tmp_path: Path) -> None:
    older = tmp_path / "out"
    shutil.copytree(run / "out", older)
    (older / layout.TRACE_PARTS).unlink()
    manifest = older / layout.MANIFEST
    data = json.loads(manifest.read_text())
    files = {name: sums for name, sums in data["files"].items() if not layout.is_trace(name)}
    from pipeline.sealed import seal

    manifest.write_bytes(seal({"format": data["format"], "name": data["name"], "files": files}))
    for row in [*rejects(older, "web")[:6], *documents(older, "en")[:2]]:
        before, after = asked(run / "out", row["id"].hex()), asked(older, row["id"].hex())
        assert (before["indexed"], after["indexed"]) == (True, False)
        assert before["captures"] == after["captures"]
    assert call("verify", older).exit_code == 0
    said = call("trace", "00" * 16, "--output", older, check=1).stderr
    assert "no document has the id or address" in said


def test_a_failed_run_says_what_is_known(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    with pytest.raises(RunFailed):
        launched(path, "limits.max_failed=0")
    row = rejects(tmp_path / "out", "web")[0]
    said = call("trace", row["id"].hex(), "-c", path).stdout
    assert "not finished" in said
    assert f"{row['kind']:8} {row['stage']}: {row['reason']}" in said
    kept = documents(tmp_path / "out", "web")[0]
    assert "not done yet" in call("trace", kept["id"].hex(), "-c", path).stdout


def test_an_output_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotTraced, match="holds no run"):
        trace(Storage(), str(tmp_path), "https://example.org/")


def test_the_index_is_kept_and_made_anew(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    launched(path)
    before = hashes(tmp_path / "out")
    parts = tmp_path / "out" / layout.TRACE_PARTS
    index = next((tmp_path / "out").glob("work/receipts/trace-*.parquet"))
    stood = index.stat().st_mtime_ns
    launched(path, "datasets.web.stages.toys:AtLeast.chars=30")  # inputs are not read again
    assert index.stat().st_mtime_ns == stood
    launched(path)
    assert hashes(tmp_path / "out") == before
    lines = parts.read_text()
    (tmp_path / "in/d0.jsonl").unlink()
    launched(path)
    assert parts.read_text() != lines
    assert call("verify", tmp_path / "out").exit_code == 0


def _origins(folder: Path, parts: int, rows: int) -> list[trace_index.Origin]:
    found = []
    for number in range(parts):
        ids = [np.random.default_rng((number, row)).bytes(16) for row in range(rows)]
        urls = [f"https://{row % 7}.example/{number}" for row in range(rows)]
        table = pa.table({"id": pa.array(ids, pa.binary(16)), "url": urls})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=10)
        file = File(DOCUMENTS, f"{number}.parquet", 0, f"{number:064d}", "")
        found.append(trace_index.Origin("web/00-read", f"part-{number}", (file,)))
    return found


@pytest.mark.parametrize("file_rows", [10, 1 << 20])
def test_index_finds_ids_and_addresses(tmp_path: Path, file_rows: int) -> None:
    origins = _origins(tmp_path, 9, 31)
    made = dict(trace_index.make(Storage(), str(tmp_path), origins, file_rows))
    again = dict(trace_index.make(Storage(), str(tmp_path), origins, file_rows))
    assert made == again
    assert (len(made) > 30) == (file_rows == 10)
    for name, data in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    index = trace_index.Index(Storage(), str(tmp_path), made)
    for number in range(9):
        here = ("web/00-read", f"part-{number}")
        for row in pq.read_table(tmp_path / f"{number}.parquet").to_pylist():
            assert index.find(trace_index.id_key(row["id"])) == [here]
            assert index.find(trace_index.url_key(row["url"])) == [here]
    assert index.find(trace_index.url_key("https://nowhere.example/")) == []


def test_changes_are_named() -> None:
    before = "a first line\nwrite to jo@example.org or not\nthe end"
    after = "write to <EMAIL> or not\nthe end"
    assert list(changes(before, after)) == [
        "cut      'a first line'",
        "replaced 'jo@example.org' -> '<EMAIL>'",
    ]


def test_of_a_config_only_the_output_is_asked(run: Path, tmp_path: Path) -> None:
    """Stages that are no longer there do not keep anybody from looking at what they did."""
    row = rejects(run / "out", "web")[0]
    config = tmp_path / "gone.yaml"
    config.write_text((run / "toy.yaml").read_text().replace("toys:", "no_longer_there:"))
    said = json.loads(call("trace", row["id"].hex(), "-c", config, "--json").stdout)
    assert said["captures"] == asked(run / "out", row["id"].hex())["captures"]
    assert "no_longer_there" in call("status", "-c", config, check=2).stderr
    config.write_text("name: x\noutputs: y\n")
    assert "gone.yaml:2: outputs" in call("trace", row["id"].hex(), "-c", config, check=2).stderr
