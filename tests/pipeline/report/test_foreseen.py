"""What a config would do in an output, told without running, and compared with what the run then does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from runs import call, documents, launched, toy_config

from pipeline.config import schema
from pipeline.launch import foreseen
from pipeline.report.foreseen import Foreseen

CHARS = "datasets.web.stages.toys:AtLeast.chars=40"
WHERE = "datasets.twice.where=toy.chars > 70"
DEDUP = "      - exact_dedup: {}\n"


def told(path: Path, *overrides: str) -> Foreseen:
    return foreseen(schema.read(path, list(overrides)), str(path.parent / "out"))


def totals(found: Foreseen) -> tuple[int, int, int]:
    """Reused, again, perhaps."""
    steps = found.steps
    return (
        sum(step.reused for step in steps),
        sum(step.again.total() for step in steps),
        sum(step.after for step in steps),
    )


def ran(path: Path, *overrides: str) -> tuple[int, int]:
    """Computed and reused by a run."""
    match = re.search(r"(\d+) parts computed, (\d+) reused", launched(path, *overrides))
    assert match
    return int(match[1]), int(match[2])


def comes_true(path: Path, *overrides: str) -> Foreseen:
    """Tells what a run would do, runs, and compares."""
    found = told(path, *overrides)
    reused, again, perhaps = totals(found)
    did, kept = ran(path, *overrides)
    assert reused <= kept <= reused + perhaps
    assert again <= did <= again + perhaps
    return found


def reasons(found: Foreseen) -> dict[str, dict[str, int]]:
    return {step.key: dict(step.again) for step in found.steps if step.again}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = toy_config(tmp_path)
    launched(path)
    return path


def test_the_same_config_does_nothing(run: Path) -> None:
    before = sorted(run.parent.rglob("*"))
    found = comes_true(run)
    assert totals(found) == (25, 0, 0)
    assert (found.settings, found.unneeded, found.name) == ([], [], None)
    assert sorted(run.parent.rglob("*")) == before


def test_a_threshold(run: Path) -> None:
    found = comes_true(run, CHARS)
    assert found.settings == [("datasets.web.stages.toys:AtLeast.chars", "20", "40")]
    assert reasons(found) == {"web/01-at_least-exact_dedup": {"at_least.chars: 20 -> 40": 4}}
    step = next(step for step in found.steps if step.again)
    paths = {str(path) for path in run.parent.glob("in/*")}
    assert set(*step.examples.values()) < paths
    assert next(step for step in found.steps if step.key.startswith("web/00-")).reused == 4
    later = {step.key: (step.after, step.because) for step in found.steps if step.after}
    assert later["web/01-at_least-exact_dedup/verdicts"] == (1, "web/01-at_least-exact_dedup")
    assert later["twice/00-echo"] == (8, "en/00-select")


def test_which_documents_are_selected(run: Path) -> None:
    found = comes_true(run, WHERE)
    assert totals(found) == (17, 8, 0)
    assert reasons(found) == {"twice/00-echo": {"where: toy.chars > 60 -> toy.chars > 70": 8}}


def test_a_global_stage_that_decides_otherwise(run: Path) -> None:
    run.write_text(run.read_text().replace(DEDUP, '      - exact_dedup: {prefer: ["toy.chars"]}\n'))
    found = comes_true(run)
    why = 'exact_dedup.prefer: [] -> ["toy.chars"]'
    assert reasons(found) == {
        "web/01-at_least-exact_dedup": {why: 4},
        "web/01-at_least-exact_dedup/verdicts": {why: 1},
        "web/02-exact_dedup": {why: 4},
    }


def test_inputs_that_come_go_and_change(run: Path) -> None:
    folder = run.parent / "in"
    (folder / "d0.jsonl").rename(folder / "d9.jsonl")
    (folder / "d1.jsonl").write_text(json.dumps({"id": "x", "text": "abc"}) + "\n")
    found = comes_true(run)
    inputs = found.inputs["web"]
    assert [inputs.new, inputs.gone, inputs.changed] == [
        [str(folder / "d9.jsonl")], [str(folder / "d0.jsonl")], [str(folder / "d1.jsonl")]
    ]  # fmt: skip
    assert inputs.same == 2
    assert reasons(found) == {"web/00-read-poison-at_least": {"a new input": 1, "the input is another": 1}}
    # whose parents are reused is known one by one
    second = next(step for step in found.steps if step.key.startswith("web/01-"))
    assert (second.reused, second.after) == (2, 2)


def test_parts_that_changed_place_are_reused(run: Path) -> None:
    run.write_text(run.read_text().replace(DEDUP, f"      - toys:AtLeast: {{chars: 25}}\n{DEDUP}"))
    found = comes_true(run)
    assert "at_least_2 is new" in str(reasons(found))
    run.write_text(run.read_text().replace("      - toys:AtLeast: {chars: 25}\n", "", 1))
    assert totals(comes_true(run))[0] >= 4


def test_a_new_global_stage(run: Path) -> None:
    text = run.read_text()
    echo = "      - toys:Echo: {}\n"
    run.write_text(text.replace(echo, f"{echo}      - exact_dedup: {{}}\n"))
    found = told(run)
    assert reasons(found) == {
        "twice/01-exact_dedup": {"a new segment": 8},
        "twice/02-exact_dedup": {"a new segment": 8},
    }
    assert ran(run) == (8 + 8 + 1, 25)  # and the round, which cannot be counted beforehand


def test_what_is_missing_or_failed(run: Path) -> None:
    directory = run.parent / "out/work/en/00-select"
    next(directory.glob("*.parquet")).unlink()
    next(iter((run.parent / "out/work/twice/00-echo/receipts").glob("*.json"))).unlink()
    found = told(run)
    assert reasons(found)["en/00-select"] == {"files of it are missing or cut off": 1}
    later = next(step for step in found.steps if step.key == "twice/00-echo")
    assert (later.again["not done yet"], later.after) in {(1, 1), (0, 1)}


def test_an_output_of_an_earlier_version_says_less(run: Path) -> None:
    path = run.parent / "out/plan.json"
    plan = json.loads(path.read_text())
    for segment in plan["segments"]:
        for key in ("does", "decides", "where", "columns"):
            del segment[key]
    path.write_text(json.dumps(plan))
    assert totals(told(run)) == (25, 0, 0)
    found = reasons(told(run, CHARS))
    assert list(found) == ["web/01-at_least-exact_dedup"]
    assert "does not say what" in str(found)


def test_a_new_dataset_is_one_line(run: Path) -> None:
    run.write_text(run.read_text() + "  more:\n    from: web\n    stages:\n      - toys:Echo: {}\n")
    said = call("diff", run.parent / "out", run).stdout.splitlines()
    assert said[:2] == ["datasets.more: new", ""]
    assert "more/00-echo: 4 again: a new segment" in said


def test_the_command(run: Path, tmp_path: Path) -> None:
    said = call("diff", tmp_path / "out", run, "--set", CHARS).stdout
    assert "datasets.web.stages.toys:AtLeast.chars: 20 -> 40" in said
    assert "web/01-at_least-exact_dedup: 4 again: at_least.chars: 20 -> 40" in said
    assert "4 parts reused, 4 computed again, 17 perhaps" in said
    assert len(documents(tmp_path / "out", "web"))
    other = call("diff", tmp_path / "out", run, "--set", "name=other").stdout
    assert "the output belongs to the run 'toy'" in other
    assert "holds no run that could be continued" in call("diff", tmp_path / "in", run, check=1).stderr
    wrong = call("diff", tmp_path / "out", run, "-c", run, check=2).stderr
    assert "here the second argument is the config" in wrong
