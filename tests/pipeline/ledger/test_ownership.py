"""An output belongs to its run: what others put there is refused at first, and left alone later."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from runs import call, command, hashes, toy_config

from pipeline.layout import MANIFEST
from pipeline.storage import TEMP_PREFIX

TOKENIZER = Path(__file__).parents[3] / "configs/sample/tokenizer.json"

NAMES = [
    "corpus/mine.jsonl",
    "work/notes.txt",
    "blend-ideas.md",
    "README.md",
    "artefacts/x/y.bin",
    "stats.json",
]


def run(config: Path, *more: str, check: int = 0) -> str:
    return call("run", "--config", config, "--executor", "inline", *more, check=check).stderr


def litter(output: Path, names: list[str]) -> dict[str, str]:
    before = {name: f"of the user: {name}" for name in names}
    for name, text in before.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(text)
    return before


def untouched(output: Path, before: dict[str, str]) -> bool:
    return all((output / name).read_text() == text for name, text in before.items())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_an_output_that_holds_anything_else_is_refused(tmp_path: Path, name: str, more: list[str]) -> None:
    config = toy_config(tmp_path)
    litter(tmp_path / "out", [name])
    before = hashes(tmp_path / "out")
    text = run(config, *more, check=2)
    assert f"holds files that are not of this run: {name}" in text
    assert hashes(tmp_path / "out") == before


def test_inputs_below_the_output_are_never_touched(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    shutil.move(tmp_path / "in", tmp_path / "out/corpus")
    config.write_text(config.read_text().replace(f"{tmp_path}/in", f"{tmp_path}/out/corpus"))
    before = hashes(tmp_path / "out")
    run(config, check=2)
    assert hashes(tmp_path / "out") == before


def test_what_is_no_file_of_users_is_no_hindrance(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    before = litter(tmp_path / "out", [".git/config", ".hidden", "lost+found/x"])
    (tmp_path / "out/empty/directory").mkdir(parents=True)
    run(config, "--dry-run", "--records", "3")
    run(config)  # the dry run is its own
    run(config)
    assert untouched(tmp_path / "out", before)
    assert (tmp_path / "out/dry-run/stats.json").exists()


def test_links_count_and_are_not_followed(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    before = litter(tmp_path / "mine", ["notes.txt", f"{TEMP_PREFIX}1-a"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/work").symlink_to(tmp_path / "mine")
    assert "not of this run: work" in run(config, check=2)
    (tmp_path / "out/work").unlink()
    run(config)
    (tmp_path / "out/work/web/link").symlink_to(tmp_path / "mine")
    (tmp_path / "out/corpus/link").symlink_to(tmp_path / "mine")
    assert "2 files in" in run(config)
    assert untouched(tmp_path / "mine", before)
    # an output that is itself a link is where the user wants it
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    run(config, "--set", f"output={tmp_path / 'linked'}")
    assert (tmp_path / "elsewhere/stats.json").exists()


def test_files_that_appear_later_are_left_alone_and_named(tmp_path: Path) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    run(config)
    clean = hashes(out)
    segment = next(path for path in (out / "work/web").iterdir())
    names = [
        "corpus/web/train-00000-of-00001.parquet",
        "blend.json",
        f"{segment.relative_to(out)}/mine.parquet",
        f"{segment.relative_to(out)}/receipts/mine.json",
        "work/old/00-read/receipts/part-0.json",
        "artefacts/mine.json",
    ]
    before = litter(out, names)
    # also where a receipt of another run speaks of files of ours, or of the user
    stray = next(segment.glob("receipts/part-*.json"))
    (out / "work/web/copy/receipts").mkdir(parents=True)
    shutil.copy(stray, out / "work/web/copy/receipts/part-1.json")
    text = run(config)
    assert "7 files in" in text  # the copied receipt is one
    assert "not of this run and were left alone" in text
    assert untouched(out, before)
    text = run(config, "--set", "datasets.web.stages.toys:AtLeast.chars=30")
    assert untouched(out, before)
    run(config, "--set", "limits.max_failed=0", "--set", "datasets.web.stages.toys:AtLeast.chars=10", check=1)
    assert untouched(out, before)
    run(config)
    found = hashes(out)
    assert {name: digest for name, digest in found.items() if name not in before} == clean


def test_a_file_that_stands_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    run(config)
    card = out / "corpus/README.md"
    card.write_text("a card that was edited")
    assert "README.md is not as this run wrote it and was left alone" in run(config)
    assert card.read_text() == "a card that was edited"
    assert "all as written" in call("verify", out / "corpus").stdout  # its checksum is of the edited card
    card.unlink()
    run(config)
    assert card.exists()
    (out / "stats.json").write_text("{}")
    assert f"1 damaged files were made again: {out}/stats.json" in run(config)
    (out / "corpus/blend.json").write_text("of the user: this run has no blend")
    run(config)
    tokens = f"tokenizer: {{path: {TOKENIZER}}}\nblend: [{{phase: 1, weights: {{en: 1}}}}]\n"
    config.write_text(config.read_text() + tokens)
    assert "blend.json was not written by this run" in run(config, check=2)
    assert (out / "corpus/blend.json").read_text() == "of the user: this run has no blend"


@pytest.mark.parametrize(
    "name",
    [
        *("stats.json", "corpus/blend.json", "corpus/tokenizer.json", "corpus/SHA256SUMS", "plan.json"),
        *("work/receipts/trace-parts", "work/receipts/trace-00000-of-00001.parquet"),
    ],
)
def test_damaged_files_of_the_whole_are_made_again(tmp_path: Path, name: str) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    tokens = f"tokenizer: {{path: {TOKENIZER}}}\nblend: [{{phase: 1, weights: {{en: 1}}}}]\n"
    config.write_text(config.read_text() + tokens)
    run(config)
    before = hashes(out)
    data = bytearray((out / name).read_bytes())
    data[len(data) // 2] ^= 2
    (out / name).write_bytes(data)
    assert name in call("verify", out, check=1).stdout
    said = run(config)
    assert f"1 damaged files were made again: {out / name}" in said or name == "plan.json"
    assert hashes(out) == before
    call("verify", out)
    (out / MANIFEST).unlink()
    assert "manifest: is gone" in call("verify", out, check=1).stdout


def test_another_name_is_told_how_to_go_on(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    run(config)
    text = run(config, "--set", "name=other", check=2)
    assert "holds the run 'toy'; give 'other' an output of its own" in text
    assert "name: toy" in text


def test_a_lost_manifest_does_not_lose_the_run(tmp_path: Path) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    run(config)
    before = hashes(out)
    (out / MANIFEST).write_text("{}")
    assert "is damaged; remove it and start again" in run(config, check=2)
    (out / MANIFEST).unlink()
    assert "stats.json was not written by this run" in run(config, check=2)  # nothing says that it was
    for name in ("stats.json", "corpus/README.md", "corpus/SHA256SUMS"):
        (out / name).unlink()
    assert "0 parts computed" in run(config)
    assert hashes(out) == before


def test_the_plan_of_a_run_alone_is_no_run(tmp_path: Path) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    run(config)
    shutil.rmtree(out / "work")
    (out / "README.md").write_text("mine")
    assert "holds files that are not of this run: README.md, plan.json" in run(config, check=2)
    assert (out / "README.md").read_text() == "mine"


def test_a_copy_of_a_segment_is_somebody_elses(tmp_path: Path) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    run(config)
    shutil.copytree(out / "work/web/02-exact_dedup", out / "work/web/backup")
    copied = sorted(path for path in (out / "work/web/backup").rglob("*") if path.is_file())
    for _ in range(2):
        run(config)
        assert sorted(path for path in (out / "work/web/backup").rglob("*") if path.is_file()) == copied
    assert "all as written" in call("verify", out).stdout


def test_a_directory_in_the_way_is_told_before_any_work(tmp_path: Path) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    run(config)
    (out / "stats.json").unlink()
    (out / "stats.json").mkdir()
    assert "stats.json was not written by this run" in run(config, check=2)
    (out / "stats.json").rmdir()
    (out / "stats.json").symlink_to(tmp_path / "nowhere")
    assert "stats.json was not written by this run" in run(config, check=2)


@pytest.mark.parametrize("plan", ['{"name": "toy", "segments": []}', "{", "[1]", '{"name": "mine"}'])
def test_outputs_of_other_formats_are_refused_in_a_line(tmp_path: Path, plan: str) -> None:
    config, out = toy_config(tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "plan.json").write_text(plan)
    text = run(config, check=2)
    assert [line.partition(" ")[2] for line in text.strip().splitlines()[:-1]] == ["listing inputs"]
    assert ("another version" in text) == (plan == '{"name": "toy", "segments": []}')


@pytest.mark.parametrize("value", ["", "' '", "null", "s3://", "/", "file://"])
def test_an_empty_output_is_a_mistake(tmp_path: Path, value: str) -> None:
    config = toy_config(tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/thesis.txt").write_text("years of work")
    text = command("run", "-c", config, "--set", f"output={value}", check=2, cwd=tmp_path).stderr
    assert "output" in text
    assert (tmp_path / "work/thesis.txt").read_text() == "years of work"


def test_a_relative_output_is_refused_in_a_ray_job(tmp_path: Path) -> None:
    config = toy_config(tmp_path)
    environment = {**os.environ, "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}
    text = command("run", "-c", config, "--set", "output=out", check=2, cwd=tmp_path, env=environment).stderr
    assert "is relative" in text
