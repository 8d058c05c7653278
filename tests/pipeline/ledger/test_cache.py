"""Parts of another output are copied where they would come out the same, and that output is left as it is."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from runs import call, flip, hashes, launched, toy_config

from pipeline import launch
from pipeline.config import schema
from pipeline.ledger.cache import Cache, NoCache, renamed
from pipeline.ledger.receipts import Receipt
from pipeline.sealed import seal, unseal
from pipeline.storage import Storage
from tests.s3_server import S3Server


def run(
    path: Path, output: Path | str, caches: Sequence[Path | str] = (), *overrides: str
) -> tuple[int, int]:
    """Parts computed and copied."""
    said = io.StringIO()
    settings = schema.read(path, ["execution.executor=inline", f"output={output}", *overrides])
    launch.run(settings, Console(file=said, width=300), log_format="json", caches=[*map(str, caches)])
    done = json.loads(said.getvalue().splitlines()[-1])
    assert (done["event"], done["reused"]) == ("finished", 0)
    return done["parts"], done["copied"]


def state(output: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(output.rglob("*")) if p.is_file()}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = toy_config(tmp_path)
    launched(path)
    return path


#: The same as the toy run up to the threshold; its dataset and its number of segments are other ones.
OTHER = """
name: other
output: {folder}/unused
limits: {{max_failed: 0.2, document_seconds: 5}}
datasets:
  pages:
    read: {{format: "toys:Lines", source: web, paths: ["{folder}/in/*.jsonl"]}}
    stages:
      - toys:Poison: {{}}
      - toys:AtLeast: {{chars: 30}}
      - exact_dedup: {{}}
"""


def test_everything_of_an_equal_run_is_copied(first: Path, tmp_path: Path) -> None:
    before = state(tmp_path / "out")
    computed, copied = run(first, tmp_path / "second", [tmp_path / "out"], "name=second")
    assert computed == 0
    assert copied > 10
    assert state(tmp_path / "out") == before
    parts = {name: sha for name, sha in hashes(tmp_path / "out").items() if name.startswith("work/")}
    assert {name: sha for name, sha in hashes(tmp_path / "second").items() if name in parts} == parts
    receipts = [*(tmp_path / "second/work/web").rglob("receipts/*.json")]
    assert {Receipt.from_bytes(p.read_bytes()).copied for p in receipts} == {str(tmp_path / "out")}
    assert "0 parts computed" in call("run", "-c", first, "--executor", "inline", "--set", "name=second",
                                      "--set", f"output={tmp_path / 'second'}").stderr  # fmt: skip
    assert "all as written" in call("verify", tmp_path / "second").stdout


def test_only_what_is_equal_is_copied_whatever_it_is_called(first: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(OTHER.format(folder=tmp_path))
    alone, none = run(path, tmp_path / "alone")
    computed, copied = run(path, tmp_path / "with", [tmp_path / "out"])
    assert none == 0
    assert copied == 4  # the parts of the first segment, which measures; the next one decides
    assert computed == alone - copied
    assert hashes(tmp_path / "alone") == hashes(tmp_path / "with")


#: With tokens: shards lie in the corpus, not beside their receipts.
TOKENS = """
tokenizer: {{path: {tokenizer}}}
shards: {{tokens: 700}}
blend: [{{phase: 1, weights: {{web: 1}}}}]
"""
TOKENIZER = Path(__file__).parents[3] / "configs/sample/tokenizer.json"


def shards(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "corpus/web").glob("train-*.parquet")}


def test_shards_are_copied(tmp_path: Path) -> None:
    path = toy_config(tmp_path)
    path.write_text(path.read_text() + TOKENS.format(tokenizer=TOKENIZER))
    first, second = tmp_path / "out", tmp_path / "second"
    launched(path)
    made, before = shards(first), state(first)
    assert len(made) > 2
    assert run(path, second, [first], "name=second")[0] == 0
    assert shards(second) == made
    receipts = [*(second / "work/web/shards/receipts").glob("*.json")]
    assert {Receipt.from_bytes(one.read_bytes()).copied for one in receipts} == {str(first)}
    assert len(receipts) == len(made)
    assert "all as written" in call("verify", second).stdout
    assert "all as written" in call("verify", second / "corpus").stdout
    assert state(first) == before

    # one is damaged: it is computed from the copies of the tokens, and comes out the same
    flip(first / "corpus/web" / min(made), 999)
    assert run(path, tmp_path / "third", [first], "name=third")[0] == 1
    assert shards(tmp_path / "third") == made

    # other shards of the same tokens: only what comes before them is copied
    computed, copied = run(path, tmp_path / "fewer", [second], "name=fewer", "shards.tokens=1400")
    assert computed == len(shards(tmp_path / "fewer")) < len(made)
    assert copied > 10


def test_a_damaged_part_is_computed(first: Path, tmp_path: Path) -> None:
    damaged, gone, cut = sorted((tmp_path / "out/work/web").glob("00-*/part-*.parquet"))[:3]
    flip(damaged, 999)
    gone.unlink()
    receipt = cut.parent / "receipts" / f"{cut.stem}.json"
    receipt.write_bytes(receipt.read_bytes()[:-20])
    before = state(tmp_path / "out")
    computed, copied = run(first, tmp_path / "second", [tmp_path / "out"], "name=second")
    assert computed == 3
    assert copied > 10
    assert state(tmp_path / "out") == before
    alone = tmp_path / "alone"
    run(first, alone, (), "name=second")
    assert hashes(alone) == hashes(tmp_path / "second")


def test_a_receipt_names_only_files_of_its_part(first: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not of any run")
    receipt = sorted((tmp_path / "out/work/web").glob("00-*/receipts/*.json"))[0]
    data = unseal(receipt.read_bytes())
    data["files"][0]["name"] = "../secret"
    receipt.write_bytes(seal(data))
    assert run(first, tmp_path / "second", [tmp_path / "out"], "name=second")[0] == 1


def test_several_caches_and_documents_that_failed(first: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(OTHER.format(folder=tmp_path))
    run(path, tmp_path / "other")
    every = run(path, tmp_path / "a", [tmp_path / "out", tmp_path / "other"])
    assert every[0] == 0
    said = call("run", "-c", path, "--executor", "inline", "--set", f"output={tmp_path / 'b'}", "--cache",
                tmp_path / "out", "--cache", tmp_path / "other", "--retry-failed").stderr  # fmt: skip
    found = re.search(r"(\d+) parts computed, 0 reused, (\d+) copied, in", said)
    assert found is not None
    assert int(found[1]) == 2  # those with the poison and with the line that is no JSON
    assert int(found[2]) == every[1] - 2


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        ("out", "is the output of this very run"),
        ("in", "is not the output of a run"),
        ("nowhere", "is not the"),
    ],
)
def test_what_is_no_cache_is_refused(tmp_path: Path, cache: str, message: str) -> None:
    path = toy_config(tmp_path)
    said = call("run", "-c", path, "--executor", "inline", "--cache", tmp_path / cache, check=2).stderr
    assert f"--cache: {tmp_path / cache} {message}" in said
    assert not (tmp_path / "out").exists()


def test_another_format_is_refused(first: Path, tmp_path: Path) -> None:
    plan = tmp_path / "out/plan.json"
    plan.write_text(json.dumps(json.loads(plan.read_text()) | {"format": 1}))
    with pytest.raises(NoCache, match="another version"):
        Cache(Storage(), str(tmp_path / "out"), [])


def test_from_object_storage_and_to_it(first: Path, tmp_path: Path, server: S3Server) -> None:
    server.make_bucket("cache")
    more: list[Any] = [f"storage.s3.endpoint={server.endpoint}", "name=second"]
    there, back = "s3://cache/out", tmp_path / "back"
    computed, copied = run(first, there, [tmp_path / "out"], *more)
    assert (computed, copied > 10) == (0, True)
    assert run(first, back, [there], *more) == (0, copied)
    assert [name for name in hashes(tmp_path / "out") if name.endswith(".parquet")] == [
        name for name in hashes(back) if name.endswith(".parquet")
    ]


@pytest.mark.parametrize(
    ("file", "theirs", "ours", "name"),
    [
        ("work/a/00-x/part-1.parquet", "work/a/00-x/receipts/part-1.json", "work/b/03-x/receipts/part-2.json",
         "work/b/03-x/part-2.parquet"),
        ("work/a/00-x/rejects/part-1.parquet", "work/a/00-x/receipts/part-1.json",
         "work/a/01-x/receipts/part-1.json", "work/a/01-x/rejects/part-1.parquet"),
        ("work/a/00-x/edges/bucket-00000.runs", "work/a/00-x/edges/receipts/bucket-00000.json",
         "work/b/01-x/edges/receipts/bucket-00000.json", "work/b/01-x/edges/bucket-00000.runs"),
        ("corpus/a/train-00000-of-00002.parquet", "work/a/shards/receipts/train-00000-of-00002.json",
         "work/a/shards/receipts/train-00000-of-00002.json", "corpus/a/train-00000-of-00002.parquet"),
    ],
)  # fmt: skip
def test_names_of_copies(file: str, theirs: str, ours: str, name: str) -> None:
    assert renamed(file, theirs, ours) == name
