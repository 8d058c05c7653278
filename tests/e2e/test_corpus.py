"""What whoever receives a corpus has: one folder with all that training needs, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import call, toy_inputs

from pipeline.blend.reader import BlendedReader
from pipeline.tasks.shards import SHARD, WITH_TEXT

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
      - exact_dedup: {{}}
tokenizer: {{path: {tokenizer}}}
shards: {{tokens: 1500}}
blend: [{{phase: 1, weights: {{web: 1}}}}]
"""
TOKENIZER = Path(__file__).parents[2] / "configs/sample/tokenizer.json"


def shards(out: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(out.glob("corpus/web/*.parquet")))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    toy_inputs(folder / "in", files=3)
    config = folder / "toy.yaml"
    config.write_text(CONFIG.format(output=folder / "out", inputs=folder / "in", tokenizer=TOKENIZER))
    call("run", "-c", config)
    return config


def test_the_folder_is_complete_and_holds_nothing_else(made: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "received"
    shutil.copytree(made.parent / "out/corpus", corpus)
    names = sorted(path.relative_to(corpus).as_posix() for path in corpus.rglob("*") if path.is_file())
    whole = [name for name in names if not name.startswith("web/train-")]
    assert whole == ["README.md", "SHA256SUMS", "blend.json", "croissant.json", "tokenizer.json"]
    sums = (corpus / "SHA256SUMS").read_text().split()[1::2]
    assert sorted([*sums, "SHA256SUMS"]) == names
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=corpus, check=True)
    assert "all as written" in call("verify", corpus).stdout
    assert (corpus / "tokenizer.json").read_bytes() == TOKENIZER.read_bytes()
    said = json.loads((corpus / "blend.json").read_text())["tokenizer"]
    assert (said["name"], said["vocabulary"], said["eos_token"]) == ("tokenizer.json", 4096, "<|endoftext|>")
    rows = list(BlendedReader(str(corpus), sequence_length=64))
    assert rows
    assert any(said["eos_id"] in row for row in rows)


def test_rows_say_where_they_are_from(made: Path) -> None:
    table = shards(made.parent / "out")
    assert table.schema.names == SHARD.names
    documents = [pq.read_table(path) for path in (made.parent / "out/work/web").glob("02-*/*.parquet")]
    urls = {row["id"]: row["url"] for part in documents for row in part.to_pylist()}
    assert {row["id"]: row["url"] for row in table.to_pylist()} == urls


def test_text_beside_the_tokens_costs_the_tokens_alone(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made.parent / "out", out)
    said = call("run", "-c", made, "--set", f"output={out}", "--set", "shards.text=true").stderr
    table = shards(out)
    assert table.schema.names == WITH_TEXT.names
    documents = [pq.read_table(path) for path in (out / "work/web").glob("02-*/*.parquet")]
    texts = {row["id"]: row["text"] for part in documents for row in part.to_pylist()}
    assert {row["id"]: row["text"] for row in table.to_pylist()} == texts
    assert table.drop_columns(["text"]).equals(shards(made.parent / "out"))
    lines = [line.partition(" ")[2] for line in said.splitlines()]  # without the clock
    computed = [line for line in lines if line.startswith("web/") and "reused" not in line]
    assert computed
    assert all(line.startswith(("web/tokens", "web/shards")) for line in computed)


def test_a_name_for_the_tokenizer_computes_nothing(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made.parent / "out", out)
    said = call("run", "-c", made, "--set", f"output={out}", "--set", "tokenizer.name=ours").stderr
    assert "0 parts computed" in said
    assert json.loads((out / "corpus/blend.json").read_text())["tokenizer"]["name"] == "ours"
    wrong = call("run", "-c", made, "--set", f"output={out}", "--set", "tokenizer.eos=boat", check=2).stderr
    assert "tokenize.eos: 'boat' is no special token" in wrong


def test_files_that_earlier_versions_left_beside_the_corpus(made: Path, tmp_path: Path) -> None:
    """A card that somebody edited stays; what a manifest says was written by the run goes."""
    from pipeline.ledger.commit import Ledger
    from pipeline.ledger.ownership import Manifest
    from pipeline.storage import Storage

    out = tmp_path / "out"
    shutil.copytree(made.parent / "out", out)
    storage = Storage()
    manifest = Manifest.read(storage, str(out))
    assert manifest is not None
    earlier = {"README.md": b"card", "blend.json": b"{}", "blend-phase1.txt": b"1.0 corpus/web/x"}
    ledger = Ledger(storage, str(out), "one", "toy")
    ledger.take_over()
    manifest.put(ledger, earlier)
    ledger.release()
    (out / "README.md").write_text("edited")
    call("run", "-c", made, "--set", f"output={out}")
    assert (out / "README.md").read_text() == "edited"
    assert not (out / "blend.json").exists()
    assert not (out / "blend-phase1.txt").exists()


def test_a_run_that_exports(made: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "megatron"
    shutil.copytree(made.parent / "out", out)
    options = ("run", "-c", made, "--set", f"output={out}", "--set", f"export.megatron={folder}")
    assert "(0 there already)" in call(*options).stderr
    words = (folder / "blend-phase1.txt").read_text().split()
    assert sum(map(float, words[::2])) == pytest.approx(1)
    for prefix in words[1::2]:
        assert Path(f"{prefix}.bin").exists()
        assert Path(f"{prefix}.idx").exists()
    said = call(*options).stderr
    assert "0 parts computed" in said
    assert "(0 there already)" not in said
    arrays = tmp_path / "arrays"
    count = len([*out.glob("corpus/web/train-*")])
    said = call(*options, "--set", f"export.npy={arrays}").stderr
    assert f"npy: {count} shards (0 there already) in {arrays}" in said
    assert f"megatron: {count} shards ({count} there already) in {folder}" in said
    tokens = np.concatenate([np.load(path) for path in sorted(arrays.glob("web/train-?????-of-?????.npy"))])
    rows = shards(out)
    end = json.loads((out / "corpus/blend.json").read_text())["tokenizer"]["eos_id"]
    wanted = [token for row in rows["input_ids"].to_pylist() for token in [*row, end]]
    assert tokens.tolist() == wanted
    inside = call("run", "-c", made, "--set", f"export.megatron={made.parent / 'out/x'}", check=2).stderr
    assert "lie in each other; give a folder of its own" in inside
    wrong = ("--set", "export.olmo=b/c", "--set", "export.npy=b", "--set", "export.megatrom=a")
    said = call("run", "-c", made, *wrong, check=2).stderr
    assert "export.megatrom: there is no form 'megatrom'; did you mean 'megatron'?" in said
    assert "/b and" in said


def test_an_export_without_an_end_token_is_refused_before_any_work(made: Path, tmp_path: Path) -> None:
    tokenizer = json.loads(TOKENIZER.read_text())
    for token in tokenizer["added_tokens"]:
        token["content"] = token["content"].replace("endoftext", "other")
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {key.replace("endoftext", "other"): id for key, id in vocabulary.items()}
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps(tokenizer))
    out = tmp_path / "out"
    answer = call(
        "run", "-c", made, "--set", f"output={out}", "--set", f"tokenizer.path={path}",
        "--set", f"export.megatron={tmp_path / 'megatron'}", check=2,
    ).stderr  # fmt: skip
    assert "it is not known which token ends a document" in answer
    assert not list(out.glob("work/web/*/part-*"))
