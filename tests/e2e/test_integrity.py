"""Files of a run that have changed are noticed by whoever reads them, named, and made again."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from runs import call, flip, hashes, toy_inputs

from pipeline import launch
from pipeline.blend.reader import BlendedReader
from pipeline.config import schema
from pipeline.sealed import Damaged

CONFIG = """
name: toy
output: {output}
execution: {{executor: inline}}
limits: {{max_failed: 0.2, document_seconds: 5}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["{inputs}/*.jsonl"]}}
    stages:
      - toys:AtLeast: {{chars: 20}}
{more}      - exact_dedup: {{}}
      - toys:Longest: {{}}
tokenizer: {{path: {tokenizer}}}
shards: {{tokens: 1500}}
blend: [{{phase: 1, weights: {{web: 1}}}}]
"""
ROOT = Path(__file__).parents[2]
TOKENIZER = ROOT / "configs/sample/tokenizer.json"


def make(tmp_path: Path, more: str = "", output: str = "out") -> Path:
    inputs = tmp_path / "in"
    if not inputs.exists():
        toy_inputs(inputs, files=3)
    path = tmp_path / f"{output}.yaml"
    text = CONFIG.format(output=tmp_path / output, inputs=inputs, more=more, tokenizer=TOKENIZER)
    path.write_text(text)
    return path


def run(path: Path) -> str:
    said = io.StringIO()
    launch.run(schema.read(path), Console(file=said, width=200))
    return said.getvalue()


def sequences(output: Path) -> list[bytes]:
    return [row.tobytes() for row in BlendedReader(str(output), sequence_length=32, eos="none")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("finished")
    run(make(folder))
    return folder, hashes(folder / "out")


KINDS = ["00-*/*.parquet", "*/rejects/*.parquet", "*/runs/*.runs", "tokens/runs/*.runs", "*/*/bucket*.runs"]


@pytest.mark.parametrize("kind", [*KINDS, "../../corpus/web/*.parquet"])
def test_a_flipped_bit_is_named_and_mended(
    finished: tuple[Path, dict[str, str]], tmp_path: Path, kind: str
) -> None:
    folder, before = finished
    output = folder / "out"
    rng = random.Random(kind)
    victims = [path.resolve() for path in sorted((output / "work/web").glob(kind))]
    damaged = rng.choice(victims)
    flip(damaged, rng.randrange(8 * damaged.stat().st_size))
    done = call("verify", output, check=1)
    assert str(damaged) in done.stdout
    assert "1 of " in done.stderr
    if "corpus" in kind:
        with pytest.raises(Damaged, match=damaged.name):
            sequences(output)
    said = run(folder / "out.yaml")
    assert f"damaged: {damaged}" in said
    assert "1 damaged files were made again" in said
    assert hashes(output) == before
    assert "all as written" in call("verify", output).stdout


def test_damage_is_met_where_something_else_is_made(
    finished: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """A part is read whose file is damaged, and the file that it is made of as well."""
    folder, before = finished
    output = folder / "out"
    for pattern in ("00-*/*.parquet", "01-*/*.parquet", "01-*/runs/*.runs"):
        flip(sorted((output / "work/web").glob(pattern))[0], 900)
    shutil.rmtree(next((output / "work/web").glob("02-*")))
    said = run(folder / "out.yaml")
    assert said.count("damaged: ") >= 2
    assert hashes(output) == before


def test_a_file_that_is_gone_or_of_another_part_is_made_again(finished: tuple[Path, dict[str, str]]) -> None:
    folder, before = finished
    output = folder / "out"
    one, other, *_ = sorted((output / "work/web").glob("01-*/*.parquet"))
    shutil.copy(other, one)
    sorted((output / "work/web").glob("01-*/runs/*"))[0].unlink()
    shutil.rmtree(next((output / "work/web").glob("02-*")))
    run(folder / "out.yaml")
    assert hashes(output) == before


def test_a_corpus_is_verified_on_its_own(finished: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(finished[0] / "out/corpus", corpus)
    assert "all as written" in call("verify", corpus).stdout
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=corpus, check=True)
    shard, *_ = sorted(corpus.glob("web/*.parquet"))
    flip(shard, 8 * 500)
    assert f"{shard}: has changed" in call("verify", corpus, check=1).stdout
    shard.unlink()
    assert f"{shard}: is gone" in call("verify", corpus, check=1).stdout
    assert "neither the output of a run nor a corpus" in call("verify", corpus / "web", check=2).stderr


def test_verify_knows_what_must_be_there(finished: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    output = tmp_path / "copy"
    shutil.copytree(finished[0] / "out", output)
    assert "all as written" in call("verify", output.as_uri()).stdout
    (output / "work/web/00-read-at_least/receipts/mine.json").write_text("of a user")
    assert "all as written" in call("verify", output).stdout
    with (output / "plan.json").open("a") as plan:
        plan.write(" ")
    assert "plan.json: has changed" in call("verify", output, check=1).stdout
    run_config = finished[0] / "out.yaml"
    shutil.rmtree(output / "work/web/02-exact_dedup-longest")
    said = call("verify", output, check=1).stdout
    assert said.count("02-exact_dedup-longest/receipts/part-") == 3
    call("run", "-c", run_config, "--set", f"output={output}")
    assert "all as written" in call("verify", "-c", run_config, "--set", f"output={output}").stdout


def test_the_blend_tells_when_it_has_changed(finished: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    shutil.copytree(finished[0] / "out", tmp_path / "copy")
    blend = tmp_path / "copy/corpus/blend.json"
    blend.write_text(blend.read_text().replace('"weight": 1.0', '"weight": 0.5'))
    with pytest.raises(Damaged, match=r"blend\.json"):
        BlendedReader(str(tmp_path / "copy"))


# -- what a stage is called, and where segments stand ----------------------------------------------------


def computed(said: str) -> set[str]:
    """Segments and rounds of which parts were computed."""
    lines = [line.partition(" ")[2] for line in said.splitlines()]  # without the clock
    lines = [line for line in lines if " parts" in line and line.startswith("web/")]
    return {line.split(":")[0] for line in lines if ", " in line and "reused" not in line}


@pytest.mark.parametrize(
    ("more", "its_own"),
    [
        ("      - length: {min_chars: 1}\n", "length"),
        # it opens segments of its own and moves those behind it
        ("      - toys:Exits: {where: nowhere}\n", "exits"),
        ("      - toys:AtLeast: {chars: 20}\n", "at_least_2"),
    ],
)
def test_a_stage_that_changes_nothing_costs_its_own_segments(tmp_path: Path, more: str, its_own: str) -> None:
    path = make(tmp_path)
    run(path)
    before = hashes(tmp_path / "out")
    made = computed(run(make(tmp_path, more)))
    assert made
    assert all(its_own in name for name in made), made
    run(make(tmp_path, more, output="fresh"))
    assert hashes(tmp_path / "out") == hashes(tmp_path / "fresh")
    back = computed(run(make(tmp_path)))  # and taken out again
    assert all(its_own in name or "at_least" in name for name in back), back
    assert hashes(tmp_path / "out") == before


def test_what_is_gone_or_behind_a_link_is_not_moved(tmp_path: Path) -> None:
    more = "      - toys:Exits: {where: nowhere}\n"
    run(make(tmp_path, more))
    longest = tmp_path / "out/work/web/04-longest"
    sorted(longest.glob("part-*.parquet"))[0].unlink()
    run(make(tmp_path))
    run(make(tmp_path, output="fresh"))
    assert hashes(tmp_path / "out") == hashes(tmp_path / "fresh")
    run(make(tmp_path, more))
    shutil.move(longest, tmp_path / "elsewhere")
    longest.symlink_to(tmp_path / "elsewhere")
    before = hashes(tmp_path / "elsewhere")
    run(make(tmp_path))
    assert hashes(tmp_path / "elsewhere") == before


def test_renamed_code_recomputes_nothing(tmp_path: Path) -> None:
    path = make(tmp_path)
    run(path)
    checkout = tmp_path / "checkout"
    for name in ("pipeline", "stages", "tests"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.nb?"))
    moved = checkout / "stages/dedup/identical.py"
    (checkout / "stages/dedup/exact.py").rename(moved)
    moved.write_text(moved.read_text().replace("ExactDedup", "Identical"))
    registry = checkout / "stages/registry.py"
    registry.write_text(
        registry.read_text().replace("stages.dedup.exact:ExactDedup", "stages.dedup.identical:Identical")
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "tests")])}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "-c", path],
        cwd=checkout, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "0 parts computed" in done.stderr
