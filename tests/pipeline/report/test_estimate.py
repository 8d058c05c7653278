"""What ``estimate`` says of a snapshot after a dry run of a part of it, beside what the run then is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import call, toy_config

from pipeline import launch
from pipeline.config import schema
from pipeline.report import costs, estimate, spread
from pipeline.report.measured import Did, measured
from pipeline.schedule import rounds
from pipeline.storage import Storage

INLINE = ("--executor", "inline")
CLUSTER = estimate.Cluster(nodes=2, cores=4, node_hour=3.0)


def made(tmp_path: Path, records: int = 20) -> Path:
    """The toy run, of which a dry run has been done, with a reader that knows what share it reads."""
    config = toy_config(tmp_path, files=6, rows=60, bad=False)
    config.write_text(config.read_text().replace('"toys:Lines"', "jsonl"))
    call("run", "-c", config, *INLINE, "--dry-run", "--records", records, "--inputs", 3)
    return config


def estimated(config: Path, *overrides: str) -> Any:
    return launch.estimated(schema.read(config, list(overrides)), CLUSTER)


def test_groups_tasks_rows_and_bytes_are_those_of_the_run(tmp_path: Path) -> None:
    config = made(tmp_path, records=100)  # half of the inputs, each as a whole
    before = estimated(config)
    assert before.took == {}
    assert before.share == pytest.approx(0.5, abs=0.01)
    call("run", "-c", config, *INLINE)
    after = estimated(config)
    ran = measured(Storage(None), str(tmp_path / "out"))
    assert {cost.key for cost in before.costs} == set(ran.states)
    for cost in before.costs:
        assert cost.tasks == len(ran.states[cost.key].made), cost.key
    (read,) = (cost for cost in before.costs if cost.key.startswith("web/00"))
    assert read.rows == pytest.approx(ran.states[read.key].total("documents"), rel=0.02)
    assert after.totals["written"] == before.totals["written"]
    assert after.totals["written"].value == pytest.approx(after.took["written"], rel=0.15)
    assert after.took["inputs"] == after.totals["inputs"].value
    files = [path for path in (tmp_path / "out/work").rglob("*") if path.suffix in (".parquet", ".runs")]
    parts = [path for path in files if path.parent.name != "receipts"]
    assert after.took["written"] == sum(p.stat().st_size for p in parts) + ran.whole


def test_seconds_for_rows_grow_with_bytes_and_those_around_with_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = made(tmp_path)
    settings = schema.read(config, [])
    storage = Storage(None)
    plan = launch.make_plan(settings, storage)
    basis = measured(storage, str(tmp_path / "out/dry-run"))
    spent = {"cpu": 1.5, "wall": 3.0, "opening": 0.2, "warming": 0.0, "rows": 1.0, "publishing": 0.1}
    basis.tasks = {
        key: [Did(d.name, spent | {"before": n}, d.files, d.peak) for n, d in enumerate(tasks)]
        for key, tasks in basis.tasks.items()
    }
    model = costs.Model(plan, basis)
    found = {cost.key: cost for cost in model.costs()}
    reads = next(cost for key, cost in found.items() if key.startswith("web/00"))
    segment = plan.segments[reads.key]
    scale = model.scale(segment)
    read = sum(basis.read("web", reads.key).values())
    assert scale == pytest.approx(sum(plan.sizes["web"].values()) / read)
    assert reads.cpu == pytest.approx(3 * 1.0 * scale + 6 * (1.5 - 1.2 + 0.1))
    assert reads.held == pytest.approx(2 * reads.cpu)  # it waited half of the time
    (verdicts,) = (cost for key, cost in found.items() if key.endswith("/verdicts"))
    assert verdicts.cpu == pytest.approx(1.0 * model.scale(segment) + 0.4, rel=0.01)
    assert model.once() == pytest.approx(0.2 * len(basis.tasks))


def test_what_a_process_does_slowly_at_first_is_not_scaled() -> None:
    def tasks(*seconds: float) -> list[Did]:
        spent = {"cpu": 9.0, "wall": 9.0, "opening": 0.0, "warming": 0.0, "publishing": 0.0}
        return [
            Did(str(n), spent | {"rows": rows, "before": float(n)}, {}, 0) for n, rows in enumerate(seconds)
        ]

    model = object.__new__(costs.Model)
    model.basis = replace(_nothing(), tasks={"many": tasks(5.0, 1.0, 1.0, 1.0), "few": tasks(5.0, 1.0)})
    assert 8.0 * model.weighed("many") == pytest.approx(4.0)
    assert model.weighed("few") == 1.0  # a second part alone may be a small one
    assert model.weighed("none") == 1.0


def test_regroupings_that_only_the_snapshot_needs_are_foreseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rounds, costs):
        monkeypatch.setattr(module, "MOST_FILES", 4)
    monkeypatch.setattr(rounds, "MOST_FILES_OF_PART", 3)
    config = toy_config(tmp_path, files=6, rows=60, bad=False)
    text = config.read_text().replace("exact_dedup: {}", "fuzzy_dedup: {ngram: 4}")
    config.write_text(text)
    call("run", "-c", config, *INLINE, "--dry-run", "--inputs", 2)
    foreseen = {cost.key: cost for cost in estimated(config).costs}
    call("run", "-c", config, *INLINE)
    ran = measured(Storage(None), str(tmp_path / "out"))
    added = [key for key in ran.states if key.endswith(("-merged", "-by-position"))]
    assert added
    assert set(ran.states) <= set(foreseen)
    for key in added:
        assert foreseen[key].shuffled > 0


def test_what_there_is_no_measurement_for_is_said(tmp_path: Path) -> None:
    config = toy_config(tmp_path, bad=False)
    said = call("estimate", "-c", config, check=2)
    assert "holds no finished run" in said.stderr
    assert "--dry-run" in said.stderr
    call("run", "-c", config, *INLINE, "--dry-run", "--inputs", 1)
    said = call(
        "estimate", "-c", config, "--set", "datasets.web.stages=[{toys:AtLeast: {chars: 3}}]", check=2
    )
    assert "was made by other stages" in said.stderr
    said = call("estimate", "-c", config)
    assert "what share of the inputs was read is not known" not in said.stdout
    assert "From 1 parts" in said.stdout
    assert "it is not known how much parts differ" in said.stdout


def test_an_unknown_share_is_said(tmp_path: Path) -> None:
    config = toy_config(tmp_path, bad=False)  # of a reader that does not know it
    call("run", "-c", config, *INLINE, "--dry-run", "--records", 10)
    assert "web: what share of the inputs was read is not known" in call("estimate", "-c", config).stdout


def test_the_command_prints_numbers_with_their_spread(tmp_path: Path) -> None:
    config = made(tmp_path)
    said = call("estimate", "-c", config, "--nodes", 2, "--cores", 8, "--node-hour", 2.5, "--groups").stdout
    for word in ("core-hours", "bytes written", "duration on 2 × 8 cores", "price", "largest worker", "–"):
        assert word in said
    assert "more are duplicates" in said
    assert "took" not in said
    found: Mapping[str, Any] = json.loads(call("estimate", "-c", config, "--json").stdout)
    total = found["totals"]["cpu_hours"]
    assert 0 < total["low"] <= total["value"] <= total["high"]
    assert "price" not in found["totals"]
    assert found["memory"]["largest_worker_bytes"] > 1e6
    call("run", "-c", config, *INLINE)
    said = call("estimate", "-c", config).stdout
    assert "took" in said
    assert "%" in said
    own = call("estimate", "-c", config, "--from", tmp_path / "out", "--json").stdout
    assert json.loads(own)["basis"]["share_of_inputs"] == 1.0


def test_plan_says_what_is_known(tmp_path: Path) -> None:
    config = toy_config(tmp_path, files=6, bad=False)
    config.write_text(config.read_text().replace('"toys:Lines"', "jsonl"))

    def rows() -> dict[str, list[str]]:
        lines = call("plan", "-c", config).stdout.splitlines()
        return {line.split()[0]: line.split()[1:] for line in lines if "/" in line.split()[0]}

    before = rows()
    twice = next(key for key in before if key.startswith("twice/"))
    assert before[twice][0] == "~12"  # parts of both datasets that it comes from
    assert not any("?" in cell for key, cells in before.items() if "shards" not in key for cell in cells)
    call("run", "-c", config, *INLINE, "--dry-run", "--records", 100, "--inputs", 3)
    after = rows()
    assert set(before) < set(after)  # the rounds are shown too
    reads = next(key for key in after if key.startswith("web/00"))
    assert after[reads][:3] == ["6", "0", "6"]
    assert float(after[reads][3].removeprefix("~")) == pytest.approx(360, rel=0.02)
    assert after[reads][-2].startswith("~")
    call("run", "-c", config, *INLINE)
    assert all(cells[2] == "0" for cells in rows().values())


def test_a_run_that_computes_nothing_keeps_what_the_driver_took(tmp_path: Path) -> None:
    config = toy_config(tmp_path, bad=False)
    spent = tmp_path / "out/work/receipts/spent"
    call("run", "-c", config, *INLINE)
    first = spent.read_bytes()
    assert json.loads(first)["start"] > 0
    call("run", "-c", config, *INLINE)
    assert spent.read_bytes() == first


def test_the_spread_is_that_of_a_ratio() -> None:
    assert spread.deviation([1.0], [2.0]) is None
    assert spread.deviation([1.0, 2.0, 4.0], [3.0, 6.0, 12.0]) == pytest.approx(0.0, abs=1e-9)
    # costs 1 and 3 of equal parts: each differs by 1 from the mean, and 2 parts are one degree of freedom
    assert spread.deviation([1.0, 1.0], [1.0, 3.0]) == pytest.approx(2.0)
    assert spread.t95(1) == 6.314
    assert spread.t95(11) == spread.t95(10)
    assert spread.t95(10_000) == 1.658


def _nothing() -> Any:
    from pipeline.report.measured import Measured

    return Measured("", {}, {}, {}, 0)
