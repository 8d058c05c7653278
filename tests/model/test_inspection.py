"""What is printed about a checkpoint, on figures that are known from elsewhere. Needs no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.checkpoint import CheckpointError
from model.config import NANO_9B_V2, ModelConfigError
from model.inspection import inspect

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_published_9b_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(NANO_9B_V2.to_dict()))
    seen = inspect(tmp_path)
    assert seen.total == 8_888_227_328
    rows = dict(seen.rows())
    assert rows["layers"] == "56: 27 Mamba-2, 25 MLP, 4 attention"
    assert rows["weights in memory"] == "16.56 GiB in 16 bits, 33.11 GiB in fp32"
    assert rows["weights on disk"] == "none here"
    assert rows["recurrent state per sequence"] == "135.00 MiB in fp32, 67.50 MiB in 16 bits"
    assert rows["convolution state per sequence"] == "1.90 MiB in 16 bits"
    assert rows["keys and values per token"] == "16,384 bytes in 16 bits"
    assert rows["batch in 80 GiB"].startswith("256 sequences, the most by default (2")
    assert 60 < seen.batch[48] < 150
    assert seen.max_length == 4096
    with pytest.raises(ModelConfigError, match="max_position_embeddings"):
        inspect(tmp_path, max_length=131_073)
    assert inspect(tmp_path, memory_gib=[16]).rows()[-1] == ("batch in 16 GiB", "does not fit")
    assert seen.batch[80] > inspect(tmp_path, max_length=8192).batch[80]


def test_weights_are_looked_at_by_their_headers(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="makes a checkpoint, which needs torch")
    from model.tiny import write_checkpoint

    write_checkpoint(tmp_path, shard_bytes=50_000)
    shards = len(list(tmp_path.glob("*.safetensors")))
    assert dict(inspect(tmp_path).rows())["weights on disk"].endswith(f"in {shards} files, F32")
    next(tmp_path.glob("*.safetensors")).unlink()
    with pytest.raises(CheckpointError, match="model-0000"):
        inspect(tmp_path)


def test_no_torch_is_loaded_for_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(NANO_9B_V2.to_dict()))
    code = f"import sys; from model.inspection import inspect; inspect({str(tmp_path)!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)
