"""The same run with inputs and output on a real S3 endpoint that answers 503 and drops connections."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import ROOT, call, command, hashes, launched, toy_config
from s3_server import ENVIRONMENT, FaultProxy, S3Server

from pipeline.schedule import packing
from pipeline.storage import Storage, StorageSettings


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with S3Server() as server:
        server.make_bucket("corpus")
        yield server


def download(server: S3Server, prefix: str, folder: Path) -> None:
    storage = Storage(StorageSettings.model_validate({"s3": {"endpoint": server.endpoint}}))
    for info in storage.list(prefix):
        path = folder / info.path.removeprefix(prefix).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(storage.read(info.path))


def test_faults_leave_no_trace(tmp_path: Path, s3: S3Server) -> None:
    config = toy_config(tmp_path)
    launched(config)
    client = s3.client()
    for path in (tmp_path / "in").iterdir():
        client.upload_file(str(path), "corpus", f"in/{path.name}")
    with FaultProxy(s3.endpoint, unavailable=0.1, cut=0.1, seed=5) as proxy:
        command(
            "run", "-c", config, "--executor", "inline",
            "--set", "output=s3://corpus/out",
            "--set", "datasets.web.read.paths=['s3://corpus/in/*.jsonl']",
            "--set", f"storage.s3.endpoint={proxy.endpoint}",
        )  # fmt: skip
        assert proxy.faults.total() > 10
    download(s3, "s3://corpus/out", tmp_path / "copy")
    assert hashes(tmp_path / "copy") == hashes(tmp_path / "out")


def test_a_worker_that_dies_among_parts_under_way_leaves_the_same_files(tmp_path: Path, s3: S3Server) -> None:
    """On Ray three parts share two CPUs here."""
    config = toy_config(tmp_path)
    once = tmp_path / "was-here"
    poison = f"datasets.web.stages.toys:Poison={{how: kill, once: {once}}}"
    once.touch()
    launched(config, poison)
    once.unlink()
    client = s3.client()
    for path in (tmp_path / "in").iterdir():
        client.upload_file(str(path), "corpus", f"in/{path.name}")
    with FaultProxy(s3.endpoint, unavailable=0.05, seed=6, latency=0.01) as proxy:
        launched(
            config,
            "execution.executor=ray",
            "execution.workers=2",
            "output=s3://corpus/out",
            "datasets.web.read.paths=['s3://corpus/in/*.jsonl']",
            f"storage.s3.endpoint={proxy.endpoint}",
            poison,
        )
    assert once.exists()
    download(s3, "s3://corpus/out", tmp_path / "copy")
    assert hashes(tmp_path / "copy") == hashes(tmp_path / "out")


def test_a_finished_run_of_packed_groups_is_seen_to_be_finished_from_listings(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LEAST", 1)
    monkeypatch.setattr(packing, "_PAGE", 2)
    config = toy_config(tmp_path, bad=False)
    for path in (tmp_path / "in").iterdir():
        s3.client().upload_file(str(path), "corpus", f"in/{path.name}")
    with FaultProxy(s3.endpoint) as proxy:
        changes = (
            "output=s3://corpus/out",
            "datasets.web.read.paths=['s3://corpus/in/*.jsonl']",
            f"storage.s3.endpoint='{proxy.endpoint}'",
        )
        launched(config, *changes)
        storage = Storage(_settings(s3))
        stats = storage.read("s3://corpus/out/stats.json")
        before = len(proxy.handled)
        assert "0 parts computed" in launched(config, *changes)
        requests = proxy.handled[before:]
        asked = [one.path for one in requests if one.method != "HEAD" and "list-type" not in one.path]
        assert [path for path in asked if ".pack" in path]
        assert not [path for path in asked if ".json" in path and "/receipts/" in path]
        assert not [path for path in asked if path.endswith((".parquet", ".runs"))]
        # a file that is lost or changed is made again, also if nothing else is to be done
        lost, changed, *_ = (i.path for i in storage.list("s3://corpus/out/work/web") if _is_part(i.path))
        storage.delete(lost)
        good = storage.read(changed)
        storage.write(changed, bytes([good[0] ^ 1]) + good[1:])
        assert "1 damaged files were made again" in launched(config, *changes)
        assert storage.read("s3://corpus/out/stats.json") == stats
        assert storage.read(changed) == good
        assert storage.stat(lost) is not None


def _settings(s3: S3Server) -> StorageSettings:
    return StorageSettings.model_validate({"s3": {"endpoint": s3.endpoint}})


def _is_part(path: str) -> bool:
    return re.fullmatch(r".*/00-[^/]*/part-[^/]*\.parquet", path) is not None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("output=s3://nowhere/out", "nowhere"),
        ("datasets.web.read.paths=['s3://nowhere/*.jsonl']", "nowhere"),
        ("datasets.web.read.paths=['s3://corpus/none/*.jsonl']", "no inputs"),
        ("storage.s3.endpoint='http://127.0.0.1:1'", "127.0.0.1:1"),
    ],
)
def test_wrong_buckets_are_answered(tmp_path: Path, s3: S3Server, override: str, message: str) -> None:
    config = toy_config(tmp_path)
    done = call(
        "run", "-c", config, "--executor", "inline", "--set", "output=s3://corpus/out",
        "--set", f"storage.s3.endpoint={s3.endpoint}", "--set", override, check=2,
    )  # fmt: skip
    assert message in done.stderr


def _rows() -> bytes:
    """A Parquet file with a text."""
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["An article."]}), file)
    return file.getvalue()


def test_cc_v2_and_cc_math_are_valid_plans(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3.client()
    s3.make_bucket("commoncrawl")
    for number in range(3):
        key = f"crawl-data/CC-MAIN-2025-13/segments/1{number}/warc/CC-MAIN-{number}.warc.gz"
        client.put_object(Bucket="commoncrawl", Key=key, Body=b"x" * number)
    client.put_object(Bucket="corpus", Key="tokenizer.json", Body=b"{}")
    text = (ROOT / "configs/cc_v2.yaml").read_text()
    for name in set(re.findall(r"\$\{NANOCORPUS_HUB:-hf://\}([^\s\"]+)", text)):
        key = f"mirror/{name}" if "." in name.rsplit("/", 1)[1] else f"mirror/{name}/config.json"
        client.put_object(Bucket="corpus", Key=key, Body=name.encode())
        if "Nemotron-Nano" in name:
            client.put_object(Bucket="corpus", Key=f"mirror/{name}/tokenizer.json", Body=b"{}")
    client.put_object(Bucket="corpus", Key="wikipedia/1.parquet", Body=_rows())
    monkeypatch.setenv("NANOCORPUS_WIKIPEDIA", "s3://corpus/wikipedia/*.parquet")
    monkeypatch.setenv("NANOCORPUS_HUB", "s3://corpus/mirror/")
    monkeypatch.setenv("NANOCORPUS_S3_ENDPOINT", s3.endpoint)
    monkeypatch.setenv("NANOCORPUS_OUTPUT", "s3://corpus/out")
    monkeypatch.setenv("NANOCORPUS_TOKENIZER", "s3://corpus/tokenizer.json")
    done = call("plan", "--config", "cc_v2.yaml")
    assert "web: 3 inputs" in done.stdout
    for segment in (
        "web/00-read-render-language",
        "high/tokens",
        "multilingual/shards",
        "high_synthetic/01-complete",
        "low_rephrased/03-accept-assemble",
        "qa_translated/01-complete",
        "wikipedia/tokens",
    ):
        assert segment in done.stdout
    done = call("plan", "--config", "cc_math.yaml")
    assert "web: 3 inputs" in done.stdout
    assert "math_clean/tokens" in done.stdout
    assert "math_dialogues/01-complete" in done.stdout
