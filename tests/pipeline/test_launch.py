"""Whole runs of toy stages, inline: accounting, reuse, failures, and what is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pytest
from runs import call, command, documents, hashes, rejects, stats, toy_config, toy_inputs

from pipeline.storage import TEMP_PREFIX


def run(config: Path, *more: str, check: int = 0) -> str:
    return call("run", "--config", config, "--executor", "inline", *more, check=check).stderr


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    run(toy_config(tmp_path))
    found = stats(tmp_path / "out")["datasets"]
    by_stage = {s["stage"]: s for s in found["web"]["stages"]}
    assert list(by_stage) == ["read", "poison", "at_least", "exact_dedup"]
    assert by_stage["read"]["rows_in"] == 241
    assert by_stage["read"]["failed"] == {"bad_line": 1}
    assert by_stage["poison"]["failed"] == {"ValueError": 1}
    for dataset in found.values():
        for stage in dataset["stages"]:
            out = stage["kept"] + sum(stage["dropped"].values()) + sum(stage["failed"].values())
            assert stage["rows_in"] + stage["generated"] == out

    gone = rejects(tmp_path / "out", "web")
    assert len(gone) == 241 - found["web"]["documents"]
    assert {(r["stage"], r["kind"], r["reason"]) for r in gone} == {
        ("read", "failed", "bad_line"),
        ("poison", "failed", "ValueError"),
        ("at_least", "dropped", "short"),
        ("exact_dedup", "dropped", "exact_duplicate"),
    }
    kept = documents(tmp_path / "out", "web")
    assert len({row["text"] for row in kept}) == len(kept) == found["web"]["documents"]
    ids = {row["id"].hex() for row in kept}
    assert all(r["detail"] in ids for r in gone if r["reason"] == "exact_duplicate")
    assert all(r["provenance"]["file"].endswith(".jsonl") for r in gone)


def test_the_smallest_id_stays(tmp_path: Path) -> None:
    run(toy_config(tmp_path, bad=False))
    kept = {row["text"]: row["id"] for row in documents(tmp_path / "out", "web")}
    for text, identity in kept.items():
        xs = len("".join(text.split()[3:]))
        ids = [blake2b(f"{f}-{xs}".encode(), digest_size=16).digest() for f in range(4)]
        assert identity == min(ids)


def test_where_union_and_generated_rows(tmp_path: Path) -> None:
    run(toy_config(tmp_path))
    out = tmp_path / "out"
    assert {row["language"] for row in documents(out, "en")} == {"en"}
    twice = documents(out, "twice")
    sources = [r for name in ("en", "web") for r in documents(out, name) if r["toy.chars"] > 60]
    assert sorted(r["text"] for r in twice) == sorted(f"{r['text']} {n}" for r in sources for n in (1, 2))
    assert {r["parent"] for r in twice} == {r["id"] for r in sources}


def test_again_is_nothing_and_a_late_threshold_is_little(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    before = hashes(tmp_path / "out")
    assert "0 parts computed, 25 reused" in run(config)
    assert hashes(tmp_path / "out") == before

    changed = run(config, "--set", "datasets.web.stages.toys:AtLeast.chars=30")
    assert "web/00-read-poison-at_least: 4/4 parts, 4 reused" in changed  # nothing is read or measured again
    assert "web/01-at_least-exact_dedup: 4/4 parts, 239 documents" in changed
    assert hashes(tmp_path / "out") != before
    run(config)
    assert hashes(tmp_path / "out") == before


def test_a_new_input_leaves_the_others_alone(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    (tmp_path / "in" / "a-new.jsonl").write_text('{"id": "new", "text": "a new text of some length"}\n')
    text = run(config)
    assert "web/00-read-poison-at_least: 5/5 parts, 4 reused" in text
    assert "web/01-at_least-exact_dedup: 5/5 parts, 4 reused" in text


def test_touched_and_damaged_files_are_made_again(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    before = hashes(tmp_path / "out")
    part = next((tmp_path / "out/work/web/02-exact_dedup").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-10])
    receipt = next((tmp_path / "out/work/en/00-select/receipts").glob("*.json"))
    receipt.write_text(receipt.read_text()[:100])
    assert "reused" in run(config)
    assert hashes(tmp_path / "out") == before


def test_what_no_longer_belongs_goes(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    (tmp_path / "in" / "d3.jsonl").unlink()
    config.write_text(
        config.read_text()
        .replace("  en:\n    from: web\n    where: language = 'en'\n", "")
        .replace("[en, web]", "web")
    )
    run(config)
    left = hashes(tmp_path / "out")
    call("run", "-c", config, "--executor", "inline", "--set", f"output={tmp_path / 'fresh'}")
    assert left == hashes(tmp_path / "fresh")


def test_dry_run_is_beside_the_real_one(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config, "--dry-run", "--records", "5", "--inputs", "2")
    assert stats(tmp_path / "out/dry-run")["datasets"]["web"]["stages"][0]["rows_in"] == 10
    assert not (tmp_path / "out/stats.json").exists()


def test_plan_and_status(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    assert "web/00-read-poison-at_least" in call("plan", "-c", config).stdout
    assert not (tmp_path / "out").exists()
    run(config)
    groups = json.loads(call("status", "-c", config, "--json").stdout)
    assert all(group["parts"] == group["done"] for group in groups)
    late = ["--set", "datasets.web.stages.toys:AtLeast.chars=30"]
    groups = {g["group"]: g for g in json.loads(call("status", "-c", config, *late, "--json").stdout)}
    assert groups["web/00-read-poison-at_least"]["done"] == 4
    assert groups["web/01-at_least-exact_dedup"]["done"] == 0
    assert groups["en/00-select"]["parts"] is None


def test_too_many_failures_end_the_run(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    text = run(config, "--set", "limits.max_failed=0", check=1)
    assert "web: 2 of 241 documents failed (limits.max_failed: 0)" in text
    assert not (tmp_path / "out/stats.json").exists()
    assert not (tmp_path / "out/work/en").exists()  # nothing is built on it


def test_an_unreadable_input_is_a_failed_part(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    (tmp_path / "in" / "d0.jsonl").write_bytes(b"\xff\xfe\xfa not utf-8")
    text = run(config, check=1)
    assert "UnicodeDecodeError" in text
    assert "1 inputs failed (limits.max_failed_parts: 0)" in text
    run(config, "--set", "limits.max_failed_parts=1")
    assert stats(tmp_path / "out")["datasets"]["web"]["stages"][0]["rows_in"] == 181
    assert stats(tmp_path / "out")["datasets"]["web"]["failed_inputs"] == ["d0.jsonl"]
    assert (
        "Inputs that could not be read, and are not in it: web: d0.jsonl."
        in (tmp_path / "out/corpus/README.md").read_text()
    )
    # nor is what an earlier run made of it still lying there
    assert len(list((tmp_path / "out/work/web/00-read-poison-at_least").glob("*.parquet"))) == 3
    toy_inputs(tmp_path / "in")  # mended: tried again, and all that came of it with it
    run(config)
    assert stats(tmp_path / "out")["datasets"]["web"]["stages"][0]["rows_in"] == 241


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    text = run(config, "--set", "name=other", check=2)
    assert "holds the run 'toy'; give 'other' an output of its own" in text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("datasets.web.read.paths=[nothing/*.jsonl]", "no inputs"),
        ("datasets.en.where=langauge = 'en'", "no column 'langauge'"),
        ("datasets.en.where=toy.chars = 'en'", "cannot be evaluated"),
        ("output=/proc/nowhere", "/proc/nowhere"),
        ("output=gs://bucket/x", "gs:// is read and written as s3://"),
        ("execution.executor=slurm", "execution.executor"),
    ],
)
def test_wrong_environments_are_answered_before_any_work(tmp_path: Path, override: str, message: str) -> None:
    config = toy_config(tmp_path)
    done = call("run", "--config", config, "--set", override, check=2)
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_wrong_options(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    assert "executor" in call("run", "-c", config, "--executor", "slurm", check=2).stderr
    assert "workers" in call("run", "-c", config, "--workers", "0", check=2).stderr
    assert "no such config" in call("run", "-c", "nowhere.yaml", check=2).stderr


def test_a_full_disk_ends_the_run_and_leaves_no_half_file(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        config = toy_config(tmp_path)
        text = run(config, "--set", f"output={small / 'out'}", check=1)
        assert "no space" in text.lower() or "space left" in text.lower()
        left = [p for p in small.rglob("*") if p.is_file() and p.name.startswith(TEMP_PREFIX)]
        assert left == []
        for receipt in small.rglob("receipts/*.json"):
            for file in json.loads(receipt.read_text())["files"]:
                assert (small / "out" / file["name"]).stat().st_size == file["size"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_dry_runs_of_other_sizes_are_other_runs(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    for records in (5, 9):
        run(config, "--dry-run", "--records", str(records))
        read = stats(tmp_path / "out/dry-run")["datasets"]["web"]["stages"][0]["rows_in"]
        assert read == 4 * records
    assert "for --dry-run" in run(config, "--records", "5", check=2)


def test_failed_documents_are_tried_again_when_asked(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    once = ["--set", f"datasets.web.stages.toys:Poison={{how: sleep, once: {tmp_path / 'x'}}}",
            "--set", "limits.document_seconds=1"]  # fmt: skip
    (tmp_path / "x").touch()  # no poison any more
    run(config, *once)
    (tmp_path / "x").unlink()
    assert "0 parts computed" in run(config, *once)
    text = run(config, *once, "--retry-failed")  # two parts had failures: a line and nothing else
    assert "web/00-read-poison-at_least: 4/4 parts, 3 reused" in text


def test_an_empty_part_counts_like_any_other(tmp_path: Path) -> None:
    config = toy_config(tmp_path, bad=False)
    (tmp_path / "in" / "empty.jsonl").write_text("")
    run(config)
    stages = {s["stage"]: s for s in stats(tmp_path / "out")["datasets"]["twice"]["stages"]}
    assert list(stages) == ["where", "echo"]
    assert stages["where"]["rows_in"] == sum(
        stats(tmp_path / "out")["datasets"][name]["documents"] for name in ("web", "en")
    )


def test_a_stage_that_cannot_open_is_told_before_any_work(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    text = config.read_text()
    (tmp_path / "broken.json").write_text("{}")
    config.write_text(
        text + f"tokenizer: {{path: {tmp_path / 'broken.json'}}}\nblend: [{{phase: 1, weights: {{en: 1}}}}]\n"
    )
    answer = run(config, check=2)
    assert "stages of en/tokens" in answer
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_leftovers_of_killed_writers_are_swept(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    before = hashes(tmp_path / "out")
    (tmp_path / "out/work/web" / f"{TEMP_PREFIX}x").write_bytes(b"half")
    run(config)
    assert hashes(tmp_path / "out") == before


def test_python_run_py_from_anywhere(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    script = Path(__file__).parent.parent.parent / "pipeline" / "run.py"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run(
        [sys.executable, script, "--config", config, "--executor", "inline"],
        check=True, cwd=tmp_path, env=environment, capture_output=True,
    )  # fmt: skip
    assert stats(tmp_path / "out")["name"] == "toy"


def test_a_dry_run_that_empties_a_dataset_shows_where(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    tokenizer = Path(__file__).parents[2] / "configs/sample/tokenizer.json"
    blend = f"tokenizer: {{path: {tokenizer}}}\nblend: [{{phase: 1, weights: {{en: 1}}}}]\n"
    config.write_text(config.read_text().replace("language = 'en'", "language = 'fr'") + blend)
    text = run(config, "--dry-run", "--records", "30")
    assert "not_selected" in text
    assert not (tmp_path / "out/dry-run/corpus/blend.json").exists()
    assert "no tokens" in run(config, check=1)


def test_a_report_can_be_read_in_any_encoding(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert "exact_duplicate" in command("report", "-c", config, env=environment).stdout


def test_names_that_are_no_utf8_are_a_mistake(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    Path(os.fsdecode(bytes(tmp_path / "in") + b"/\xff.jsonl")).write_text("")
    text = run(config, check=2)
    assert "a name that is not UTF-8" in text.splitlines()[-1]
    assert len(text.splitlines()) == 2  # after "listing inputs"


def test_a_file_of_almost_that_name_is_suggested(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    blend = f"tokenizer: {{path: {tmp_path / 'tokeniser.json'}}}\nblend: [{{phase: 1, weights: {{en: 1}}}}]\n"
    config.write_text(config.read_text() + blend)
    assert "did you mean 'tokenizer.json'?" in run(config, check=2)
    run(config, "--set", "datasets.twice.where=toy.char > 3", check=2)


def test_ids_of_rows_that_other_texts_have_as_well_are_said_once(tmp_path: Path) -> None:
    for name in "ab":
        rows = [{"id": str(i), "text": f"file {name}, row {i}"} for i in range(300)]
        rows += [{"id": name, "text": "an id that no other text has"}, {"text": "no id"}]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = tmp_path / "ids.yaml"
    config.write_text(
        f"name: ids\noutput: {tmp_path}/out\n"
        f"datasets: {{web: {{read: {{format: jsonl, paths: ['file://{tmp_path}/[ab%5D.jsonl']}}}}}}\n"
    )
    (said,) = [line for line in run(config).splitlines() if "share their id" in line]
    assert said.partition(" ")[2].startswith(
        "web: about 100% of its rows share their id in the input with other texts ("
    )
    assert stats(tmp_path / "out")["datasets"]["web"]["repeated_given_ids"]["share"] > 0.95


def test_ids_of_rows_that_are_their_own_are_not_spoken_of(tmp_path: Path) -> None:
    for name in "ab":  # the same row twice is no other text
        rows = [{"id": i, "text": f"row {i}"} for i in range(300)] + [{"id": name, "text": name}]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = tmp_path / "ids.yaml"
    config.write_text(
        f"name: ids\noutput: {tmp_path}/out\n"
        f"datasets: {{web: {{read: {{format: jsonl, paths: ['{tmp_path}/*.jsonl']}}}}}}\n"
    )
    run(config)
    assert stats(tmp_path / "out")["datasets"]["web"]["repeated_given_ids"] is None
