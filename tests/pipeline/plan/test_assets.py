"""What stages load, from files, directories, S3 and a hub; and what global stages leave for later runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from runs import toy_inputs

from pipeline import launch, layout
from pipeline.config import schema
from pipeline.config.located import ConfigError
from pipeline.plan import assets
from pipeline.sealed import Damaged
from pipeline.storage import Storage, StorageError, StorageSettings
from tests.s3_server import ENVIRONMENT, S3Server

CONFIG = """
name: scored
output: {output}
execution: {{executor: inline}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["inputs/*.jsonl"]}}
    stages:
      - toys:Score: {{name: a, tables: {{words: words, more: more.txt}}}}
      - ensemble: {{scores: [quality.a]{calibration}}}
  best:
    from: web
    where: quality.label in [high, medium_high]
"""


def tables(folder: Path) -> None:
    (folder / "words/deep").mkdir(parents=True)
    (folder / "words/.cache").mkdir()
    (folder / "words/a.txt").write_text("text")
    (folder / "words/deep/b.txt").write_text("number")
    (folder / "words/.cache/c.txt").write_text("0 1 2")
    (folder / "more.txt").write_text("3 4 5 6 7 8 9")


def run(folder: Path, name: str, calibration: str = "") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(CONFIG.format(output=folder / name, calibration=calibration))
    launch.run(schema.read(path), Console(file=io.StringIO()))
    return folder / name


def scored(output: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in sorted(output.glob("work/web/02-*/*.parquet"))])


def test_tables_of_all_kinds_are_loaded_and_a_calibration_is_left_and_used(tmp_path: Path) -> None:
    toy_inputs(tmp_path / "inputs", files=2, bad=False)
    tables(tmp_path)
    first = run(tmp_path, "first")
    rows = scored(first).to_pylist()
    kept = sorted(
        p.relative_to(first / "work/.assets").parts[1:] for p in first.glob("work/.assets/*/**/*.txt")
    )
    assert kept == [("a.txt",), ("deep", "b.txt")]  # hidden files are none of it
    listed = {"text", "number", *"3456789"}
    for row in rows:
        words = row["text"].split()
        assert row["quality.a"] == pytest.approx(sum(word in listed for word in words) / len(words))
    artefact = first / "artefacts/web-ensemble.json"
    assert json.loads(artefact.read_text())["scores"]["quality.a"]["documents"] == len(rows)

    toy_inputs(tmp_path / "inputs", files=4, bad=False)
    used = run(tmp_path, "used", f", calibration: {artefact}")
    ranks = {row["id"]: row["quality.rank"] for row in scored(used).to_pylist()}
    assert all(ranks[row["id"]] == row["quality.rank"] for row in rows)
    assert not (used / "artefacts").exists()
    # its own calibration stays where the config names it, though another name has the same content
    shutil.copy(artefact, tmp_path / "copy.json")
    for _ in range(2):
        run(
            tmp_path,
            "first",
            f", calibration: {artefact}}}\n      - ensemble: {{scores: [quality.a], calibration: copy.json",
        )
    assert artefact.exists()


def test_equal_files_of_several_stages_are_all_kept_and_errors_name_them(tmp_path: Path) -> None:
    toy_inputs(tmp_path / "inputs", files=1, bad=False)
    tables(tmp_path)
    shutil.copy(tmp_path / "more.txt", tmp_path / "more.lst")
    other = "}\n      - toys:Score: {name: b, tables: {more: more.lst}"
    rows = scored(run(tmp_path, "out", other)).to_pylist()
    assert any(0 < row["quality.b"] < row["quality.a"] for row in rows)
    with pytest.raises(ConfigError, match=rf"calibration: {tmp_path}/more\.lst is no calibration"):
        run(tmp_path, "wrong", ", calibration: more.lst")


def test_what_changes_after_it_was_hashed_is_not_kept(tmp_path: Path) -> None:
    tables(tmp_path)
    source, storage = str(tmp_path / "words"), Storage()
    asset = assets.find(storage, source, str(tmp_path / "out"))
    (tmp_path / "words/a.txt").write_text("other")
    with pytest.raises(StorageError, match=r"a\.txt: changed while"):
        assets.keep(storage, source, asset)
    assert not list((tmp_path / "out").rglob("a.txt"))


def test_a_changed_table_changes_the_fingerprint_and_a_missing_one_is_named(tmp_path: Path) -> None:
    tables(tmp_path)
    storage = Storage()
    before = assets.find(storage, str(tmp_path / "words"), "out")
    assert before == assets.find(storage, str(tmp_path / "words") + "/", "out")
    (tmp_path / "words/deep/b.txt").rename(tmp_path / "words/deep/c.txt")
    assert assets.find(storage, str(tmp_path / "words"), "out").sha256 != before.sha256
    toy_inputs(tmp_path / "inputs", files=1, bad=False)
    (tmp_path / "more.txt").unlink()
    with pytest.raises(
        ConfigError, match=r"yaml:9: datasets.web.stages.0.toys:Score.tables.more: cannot be read"
    ):
        run(tmp_path, "out")
    for nothing in ("", "hf://no-organisation"):
        with pytest.raises(StorageError):
            assets.find(storage, nothing, "out")


def test_directories_are_brought_from_s3_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tables(tmp_path)
    with S3Server() as server:
        server.make_bucket("bucket")
        storage = Storage(StorageSettings.model_validate({"s3": {"endpoint": server.endpoint}}))
        source = str(tmp_path / "words")
        asset = assets.find(storage, source, "s3://bucket/out")
        assets.keep(storage, source, asset)
        again = assets.find(storage, asset.path, "s3://bucket/out")
        assert again == asset
        storage.write(f"{asset.path}/a.txt", b"spoilt")
        with pytest.raises(Damaged, match="has changed"):
            assets.fetch(asset, storage)
        storage.write(f"{asset.path}/a.txt", b"text")
        opened: list[str] = []
        monkeypatch.setattr(
            Storage, "open", lambda self, path, do=Storage.open: opened.append(path) or do(self, path)
        )
        folder = tmp_path / f"nanocorpus-{os.getuid()}"
        left = folder / f"{asset.path.rsplit('/', 1)[1]}.part/whole"
        left.mkdir(parents=True)
        (left / "of_a_killed_worker.txt").touch()
        with ThreadPoolExecutor(4) as workers:
            (local,) = set(workers.map(lambda _: assets.fetch(asset, storage), range(8)))
        assert sorted(opened) == [f"{asset.path}/{name}" for name in ("a.txt", "deep/b.txt")]
        assert sorted(p.name for p in local.rglob("*.txt")) == ["a.txt", "b.txt"]
        assert (local / "deep/b.txt").read_text() == "number"
        assert not list(folder.glob("*.part"))


class Hub(BaseHTTPRequestHandler):
    """As much of a model hub as a download needs: one repository, one commit."""

    COMMIT = "c" * 40
    FILES: ClassVar = {"config.json": b"{}", "model.safetensors": b"\0" * 1000, "onnx/model.onnx": b"x"}

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/org/name/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.FILES.items()
            ]
            self._send(json.dumps(entries).encode())
        elif self.path.startswith("/api/models/org/name"):
            siblings = [{"rfilename": name} for name in self.FILES]
            self._send(json.dumps({"id": "org/name", "sha": self.COMMIT, "siblings": siblings}).encode())
        else:
            self._send(self.FILES.get(self.path.split("/resolve/")[-1].partition("/")[2]))

    do_HEAD = do_GET

    def _send(self, data: bytes | None) -> None:
        self.send_response(404 if data is None else 200)
        data = data or b""
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_repositories_of_a_hub_are_fetched_by_the_driver(tmp_path: Path, hub: str) -> None:
    code = """if True:
        import sys
        from pipeline.plan import assets
        from pipeline.storage import Storage, StorageError
        for source in sys.argv[1:]:
            try:
                found = assets.find(Storage(), source, "out")
                print(found.sha256, *[name for name, _ in found.contents()])
                assets.keep(Storage(), source, found)
            except StorageError as error:
                print(error)
    """
    file = "hf://datasets/org/name@main/config.json"
    sources = ["hf://org/name", "hf://org/name/config.json", file, "hf://org/other"]
    variables = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *sources],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    repository, *files, missing = done.stdout.splitlines()
    sha, *names = repository.split()
    assert names == ["config.json", "model.safetensors"]
    assert (tmp_path / f"out/{layout.ASSETS}/{sha[:32]}/model.safetensors").stat().st_size == 1000
    assert {line.split()[0] for line in files} == {hashlib.sha256(b"{}").hexdigest()}
    assert missing.startswith("hf://org/other: ")
