"""Global stages of several rounds: through files, in buckets and regroupings of any size, resumed, and across runs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toys
from rich.console import Console
from runs import command, hashes, stats, toy_inputs

from pipeline import launch
from pipeline.config import schema
from pipeline.config.located import ConfigError
from pipeline.schedule import rounds
from pipeline.schedule.loop import RunFailed
from pipeline.tasks import reduce

CONFIG = """
name: {name}
output: {output}
execution: {{executor: inline}}
limits: {{max_failed: 0.2}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["{inputs}/*.jsonl"]}}
    stages:
      - toys:Longest: {settings}
"""


def run(tmp_path: Path, inputs: Path, name: str = "out", settings: str = "{}") -> Path:
    path = tmp_path / f"{name}.yaml"
    output = tmp_path / name
    path.write_text(CONFIG.format(name=name, output=output, inputs=inputs, settings=settings))
    launch.run(schema.read(path), Console(file=io.StringIO()))
    return output


def documents(output: Path) -> pa.Table:
    """The documents after the stage."""
    files = sorted((output / "work/web").glob("01-*/*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files])


def winners(inputs: Path) -> set[str]:
    """By brute force: the texts that stay."""
    best: dict[str, str] = {}
    for file in sorted(inputs.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            try:
                text = json.loads(line)["text"]
            except ValueError:
                continue
            words = " ".join(text.split()[1:3])
            best[words] = max(best.get(words, ""), text, key=len)
    return set(best.values())


def test_what_rounds_find_is_applied_to_documents(tmp_path: Path) -> None:
    inputs = toy_inputs(tmp_path / "in")
    output = run(tmp_path, inputs)
    kept = documents(output)
    assert set(kept.column("text").to_pylist()) == winners(inputs)
    assert len(kept) == len(winners(inputs))
    assert sum(kept.column("toy.same").to_pylist()) == 240
    judged = stats(output)["datasets"]["web"]["stages"][1]
    assert judged["rows_in"] == 240
    assert judged["dropped"] == {"shorter": 240 - len(kept)}


@pytest.mark.parametrize(("bucket", "files", "of_part"), [(7, 512, 64), (7, 3, 2), (50, 2, 1), (10**6, 2, 0)])
def test_the_result_does_not_depend_on_how_rows_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: int, files: int, of_part: int
) -> None:
    inputs = toy_inputs(tmp_path / "in", files=7, rows=35)
    plain = documents(run(tmp_path, inputs, "plain", "{laps: 0}"))
    monkeypatch.setattr(rounds, "BUCKET_ROWS", bucket)
    monkeypatch.setattr(rounds, "MOST_FILES", files)
    monkeypatch.setattr(rounds, "MOST_FILES_OF_PART", of_part)
    monkeypatch.setattr(reduce, "BATCH_ROWS", 3)
    output = run(tmp_path, inputs, "cut", "{laps: 0}")
    assert documents(output).equals(plain)
    merged = {path.name.removesuffix("-merged") for path in (output / "work/web").glob("*/*-merged")}
    placed = {
        path.name.removesuffix("-by-position") for path in (output / "work/web").glob("*/*-by-position")
    }
    if (bucket, files) == (7, 3):
        assert merged == {"groups", "lengths", "verdicts", "apply"}
        assert placed == {"lengths", "apply"}
    if files == 512:
        assert not merged
    # all that stands in work/ is known to the run: a second one computes nothing and deletes nothing
    before = hashes(output)
    assert run(tmp_path, inputs, "cut", "{laps: 0}") == output
    assert hashes(output) == before


def test_a_changed_decision_does_not_map_again(tmp_path: Path) -> None:
    inputs = toy_inputs(tmp_path / "in")
    output = run(tmp_path, inputs)
    mapped = {path: path.stat().st_mtime_ns for path in (output / "work/web").glob("00-*/receipts/*.json")}
    run(tmp_path, inputs, settings="{chars: 60, laps: 2}")
    assert {path: path.stat().st_mtime_ns for path in mapped} == mapped
    assert all(len(text) >= 60 for text in documents(output).column("text").to_pylist())
    assert (output / "work/web").glob("00-*/lap-1/*.runs")


def test_rounds_go_on_where_a_run_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = toy_inputs(tmp_path / "in")
    wanted = hashes(run(tmp_path, inputs, "whole", "{laps: 3}"))
    real = reduce.ReduceTask.run
    calls = []

    def dies(self, *arguments):  # type: ignore[no-untyped-def]
        calls.append(self.label)
        if self.round.name == "lap-1":
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(reduce.ReduceTask, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, inputs, "broken", "{laps: 3}")
    monkeypatch.setattr(reduce.ReduceTask, "run", real)
    found = hashes(run(tmp_path, inputs, "broken", "{laps: 3}"))
    assert {k: v for k, v in found.items() if k.startswith("work")} == {
        k: v for k, v in wanted.items() if k.startswith("work")
    }


def test_earlier_runs_give_partials_and_are_not_judged(tmp_path: Path) -> None:
    first = toy_inputs(tmp_path / "first", files=1, rows=20)
    second = toy_inputs(tmp_path / "second", files=4)
    earlier = run(tmp_path, first, "january")
    for part in (earlier / "work/web").glob("00-*/*.parquet"):
        part.unlink()  # documents of earlier runs are not needed
    output = run(tmp_path, second, "february", f"{{against: ['{earlier}']}}")
    known = {" ".join(text.split()[1:3]) for text in winners(first)}
    new = {text for text in winners(second) if " ".join(text.split()[1:3]) not in known}
    assert len(known) == 20
    assert set(documents(output).column("text").to_pylist()) == new
    # the same earlier run, nothing to do
    before = hashes(output)
    run(tmp_path, second, "february", f"{{against: ['{earlier}']}}")
    assert hashes(output) == before


@pytest.mark.parametrize(
    ("against", "what"),
    [("nowhere", "is not the output of a run"), ("unfinished", "is not finished"), ("other", "has no")],
)
def test_earlier_runs_that_cannot_be_used(tmp_path: Path, against: str, what: str) -> None:
    inputs = toy_inputs(tmp_path / "in")
    if against != "nowhere":
        output = run(tmp_path, inputs, against)
        plan = output / "plan.json"
        if against == "unfinished":
            (output / "stats.json").unlink()
        else:
            plan.write_text(plan.read_text().replace('"maps": "', '"maps": "0'))
    with pytest.raises(ConfigError, match=what):
        run(tmp_path, inputs, "new", f"{{against: ['{tmp_path / against}']}}")


def test_the_command_runs_rounds_on_ray(tmp_path: Path) -> None:
    inputs = toy_inputs(tmp_path / "in")
    wanted = documents(run(tmp_path, inputs))
    path = tmp_path / "ray.yaml"
    text = CONFIG.format(name="ray", output=tmp_path / "ray", inputs=inputs, settings="{laps: 2}")
    path.write_text(text.replace("inline", "ray"))
    command("run", "--config", path, "--workers", "2")
    assert documents(tmp_path / "ray").equals(wanted)


def test_a_round_that_fails_ends_the_run_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self, name, groups):  # type: ignore[no-untyped-def]
        raise ValueError("no such thing")
        yield

    monkeypatch.setattr(toys.Longest, "reduce", fails)
    with pytest.raises(RunFailed, match="parts of web/00-read-longest/groups failed"):
        run(tmp_path, toy_inputs(tmp_path / "in"))


def test_new_inputs_move_the_ranges_of_positions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "BUCKET_ROWS", 7)
    monkeypatch.setattr(rounds, "MOST_FILES_OF_PART", 1)
    inputs = toy_inputs(tmp_path / "in", files=3, rows=20, bad=False)
    run(tmp_path, inputs)
    # documents that nothing else is like: the verdicts about the others stay what they are
    lines = [json.dumps({"id": f"new-{i}", "text": f"lone word{i} other{i}"}) for i in range(50)]
    (inputs / "new.jsonl").write_text("\n".join(lines) + "\n")
    assert documents(run(tmp_path, inputs)).equals(documents(run(tmp_path, inputs, "fresh")))


def test_an_earlier_run_that_changes_in_the_meantime_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = toy_inputs(tmp_path / "in", files=2)
    earlier = run(tmp_path, inputs, "january")
    real = launch.prepare

    def prepare(*arguments):  # type: ignore[no-untyped-def]
        for path in (earlier / "work/web").glob("00-*/runs/*.runs"):
            path.write_bytes(path.read_bytes() + b" ")
        real(*arguments)

    monkeypatch.setattr(launch, "prepare", prepare)
    with pytest.raises(RunFailed):
        run(tmp_path, inputs, "february", f"{{against: ['{earlier}']}}")
    receipts = (tmp_path / "february/work/web").glob("00-*/groups/receipts/*.json")
    assert all("changed after the plan was made" in path.read_text() for path in receipts)


def test_a_run_begun_again_with_other_settings_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = toy_inputs(tmp_path / "in", files=2)
    earlier = run(tmp_path, inputs, "january")

    def stops(*arguments):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "_open_stages", stops)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, inputs, "january", "{laps: 2}")
    assert not (earlier / "stats.json").exists()


@pytest.mark.parametrize(("against", "what"), [("own", "this very run"), ("twice", "named twice")])
def test_earlier_runs_are_others_and_named_once(tmp_path: Path, against: str, what: str) -> None:
    inputs = toy_inputs(tmp_path / "in", files=2)
    output = run(tmp_path, inputs)
    (tmp_path / "link").symlink_to(output)
    named = {"own": f"'{tmp_path}/link'", "twice": f"'{output}', '{output}/'"}[against]
    with pytest.raises(ConfigError, match=what):
        run(tmp_path, inputs, "out" if against == "own" else "new", f"{{against: [{named}]}}")
