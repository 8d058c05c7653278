"""The same requests through every backend: the same rows, where sampling is greedy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_tokenizer
from synthesis_cases import HARBOUR, documents, opened, through

from stages.base import Unusable

torch = pytest.importorskip(
    "torch", reason="a checkpoint is made with torch (pip install 'nanocorpus[model]')"
)

from model import Engine, Request  # noqa: E402
from model.tiny import tiny_config, write_checkpoint  # noqa: E402

TASK = """---
name: continued
version: 1
segment: {max_tokens: 60}
answer: {max_tokens: 12, temperature: 0.0, prefix: "So"}
parser: passage
---
# Before
DOCUMENT BEGINS
# After
DOCUMENT ENDS
"""
SAME = [
    "completion.key", "completion.text", "completion.finish", "completion.tokens_in", "completion.tokens_out", "completion.seed",
    "completion.prompt", "completion.model_hash",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights, and a task."""
    place = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(place, tiny_config(vocab_size=512), seed=1)
    (place / "tokenizer.json").write_text(small_tokenizer.content())
    (place / "continued.md").write_text(TASK)
    return place


def answered(folder: Path, backend: str, **settings: Any) -> pa.Table:
    tokenizer = str(folder / "tokenizer.json")
    task = str(folder / "continued.md")
    rows, _ = through(
        opened("segments", tasks=[task], tokenizer=tokenizer),
        documents(HARBOUR, HARBOUR.replace("1888", "1777")),
    )
    given = {
        "tasks": [task],
        "tokenizer": tokenizer,
        "device": "cpu",
        "dtype": "float32",
        "context": 2048,
        **settings,
    }
    done, faults = through(opened("complete", backend=backend, **given), rows)
    assert not faults, faults
    assert len(done) == len(rows) > 4
    return done


@pytest.fixture(scope="module")
def embedded(folder: Path) -> pa.Table:
    return answered(folder, "embedded", model=str(folder), slots=4)


def test_the_reference_answers_as_the_engine_does(folder: Path, embedded: pa.Table) -> None:
    found = answered(folder, "reference", model=str(folder))
    assert found.select(SAME) == embedded.select(SAME)
    assert set(found["completion.backend"].to_pylist()) == {"reference"}
    assert set(embedded["completion.finish"].to_pylist()) <= {"stop", "length"}
    assert max(embedded["completion.tokens_out"].to_pylist()) == 12
    assert len(set(embedded["completion.text"].to_pylist())) > 1


def test_stored_answers_are_those_of_the_engine(folder: Path, embedded: pa.Table, tmp_path: Path) -> None:
    pq.write_table(embedded, tmp_path / "stored.parquet")
    found = answered(folder, "replay", against=[str(tmp_path)])
    assert found.select(SAME) == embedded.select(SAME)
    assert set(found["completion.backend"].to_pylist()) == {"embedded"}


class Handler(BaseHTTPRequestHandler):
    """``/v1/completions`` of a server that runs the engine."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = Request(
            "r",
            body["prompt"],
            body["max_tokens"],
            temperature=body["temperature"],
            stop_ids=tuple(body["stop_token_ids"]),
            seed=body["seed"],
        )
        with self.server.lock:  # type: ignore[attr-defined]
            (done,) = self.server.engine.generate([request])  # type: ignore[attr-defined]
        choice = {
            "index": 0,
            "text": done.text,
            "finish_reason": done.finish_reason,
            "stop_reason": None,
            "token_ids": list(done.token_ids),
        }
        data = json.dumps(
            {"choices": [choice], "usage": {"completion_tokens": done.completion_tokens}}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(folder: Path) -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.lock = threading.Lock()  # type: ignore[attr-defined]
    made.engine = Engine.load(folder, dtype="float32", device="cpu", max_length=2048, slots=1)  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_server_answers_as_the_engine_does(
    folder: Path, embedded: pa.Table, server: ThreadingHTTPServer
) -> None:
    address = {"url": f"http://127.0.0.1:{server.server_port}/v1", "name": "tiny"}
    found = answered(folder, "endpoint", endpoint=address)
    same = [name for name in SAME if name not in ("completion.key", "completion.model_hash")]
    assert found.select(same) == embedded.select(same)
    assert set(found["completion.model"].to_pylist()) == {"tiny"}


def test_without_a_server_no_document_is_to_blame(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"url": "http://127.0.0.1:9/v1", "name": "none", "attempts": 1}
    with pytest.raises(Unusable, match="cannot be reached"):
        answered(folder, "endpoint", endpoint=address)


def test_a_model_without_the_tokens_of_the_chat_is_refused_before_work(tmp_path: Path) -> None:
    plain = json.loads(small_tokenizer.content())
    for token in plain["added_tokens"]:
        token["content"] = token["content"].replace("SPECIAL", "OTHER")
    plain["model"]["vocab"] = {
        name.replace("SPECIAL", "OTHER"): number for name, number in plain["model"]["vocab"].items()
    }
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(plain))
    with pytest.raises(ValueError, match="has no token <SPECIAL_1"):
        opened("segments", tasks=["distill"], tokenizer=str(file))
    stage = opened("segments", tasks=["distill"], tokenizer=str(file), prompt="text")
    assert len(through(stage, documents(HARBOUR))[0]) == 1


def test_a_key_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    address = {"url": "http://127.0.0.1:9/v1", "name": "none", "api_key_env": "NO_SUCH_KEY"}
    with pytest.raises(ValueError, match="NO_SUCH_KEY, which is to hold a key, is not set"):
        answered(folder, "endpoint", endpoint=address)
