"""Checkpoints written and read, and everything that can be wrong with one named before weights are read."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")
pytest.importorskip("safetensors", reason="checkpoints need safetensors")

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from model import checkpoint
from model.checkpoint import CheckpointError, StoredTensor, stored_tensors, validate
from model.config import ModelConfig
from model.tiny import TINY, random_network, tiny_config, write_checkpoint


@pytest.mark.parametrize("shard_bytes", [5_000_000_000, 20_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_is_what_is_loaded(dtype: torch.dtype, shard_bytes: int, tmp_path: Path) -> None:
    network = random_network(dtype=dtype, seed=3)
    checkpoint.save(network, tmp_path, shard_bytes=shard_bytes)
    files = sorted(file.name for file in tmp_path.glob("*.safetensors"))
    assert files == ["model.safetensors"] if shard_bytes > 10**6 else len(files) > 5
    loaded = checkpoint.load(tmp_path)
    assert loaded.dtype == dtype
    assert loaded.config.pattern == TINY.pattern
    theirs = network.tensors()
    for name, tensor in loaded.tensors().items():
        assert torch.equal(tensor, theirs[name]), name
    ids = torch.arange(3, 40)[None]
    assert torch.equal(loaded.forward(ids), network.forward(ids))


def test_the_dtype_in_memory_is_chosen_and_small_weights_stay_fp32(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    loaded = checkpoint.load(tmp_path, dtype=torch.bfloat16).tensors()
    exact = checkpoint.load(tmp_path).tensors()
    for name in ("mixer.A_log", "mixer.D", "mixer.dt_bias", "mixer.conv1d.weight", "mixer.norm.weight"):
        assert torch.equal(loaded[f"backbone.layers.0.{name}"], exact[f"backbone.layers.0.{name}"])
    assert torch.equal(loaded["lm_head.weight"], exact["lm_head.weight"].bfloat16())


def test_saving_over_a_checkpoint_leaves_nothing_of_it(tmp_path: Path) -> None:
    for seed, shard_bytes in ((1, 20_000), (2, 10**9), (3, 50_000), (4, 20_000)):
        network = random_network(seed=seed)
        checkpoint.save(network, tmp_path, shard_bytes=shard_bytes)
        assert torch.equal(checkpoint.load(tmp_path).lm_head, network.lm_head)
        listed = {tensor.file for tensor in stored_tensors(tmp_path).values()}
        assert listed == set(tmp_path.glob("*.safetensors"))
    save_file({"lm_head.weight": network.lm_head}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="both"):
        stored_tensors(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int8])
def test_dtypes_that_are_not_implemented(dtype: torch.dtype, tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="there was asked for the dtype"):
        checkpoint.load(tmp_path, dtype=dtype)
    config = json.loads((tmp_path / "config.json").read_text()) | {"torch_dtype": str(dtype)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json names the dtype"):
        checkpoint.load(tmp_path)


def test_random_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(len(folder) + seed)
        write_checkpoint(tmp_path / folder, seed=seed)
    a, b, c = ((tmp_path / folder / "model.safetensors").read_bytes() for folder in "abc")
    assert a == b
    assert a != c


def rewritten(folder: Path, changes: dict[str, torch.Tensor | None]) -> Path:
    write_checkpoint(folder)
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in changes.items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone.layers.2.mixer.D": None}, r"missing: backbone\.layers\.2\.mixer\.D"),
        ({"backbone.layers.9.mixer.D": torch.zeros(8)}, r"unknown: backbone\.layers\.9\.mixer\.D"),
        ({"backbone.norm_f.weight": torch.zeros(63)}, r"norm_f\.weight is \[63\], not \[64\]"),
        ({"lm_head.weight_scale": torch.zeros(1)}, "quantised"),
        ({"lm_head.weight": torch.zeros(512, 64, dtype=torch.int8)}, "lm_head.weight is I8"),
        ({"lm_head.weight": torch.zeros(512, 64).to(torch.float8_e4m3fn)}, "lm_head.weight is F8_E4M3"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    changes: dict[str, torch.Tensor | None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(rewritten(tmp_path, changes))


def test_layers_for_multi_token_prediction_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = torch.zeros(64).to(torch.float8_e4m3fn)
    rewritten(tmp_path, {"mtp.layers.0.norm.weight": torch.zeros(64), "mtp.layers.0.proj.weight": small})
    with caplog.at_level(logging.INFO):
        assert "mtp" not in str(checkpoint.load(tmp_path).tensors().keys())
    assert "mtp.layers.0.norm.weight" in caplog.text


def test_files_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a directory"):
        stored_tensors(tmp_path / "none")
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors nor"):
        stored_tensors(tmp_path)
    write_checkpoint(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for cut in (0, 5, 100, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            stored_tensors(tmp_path)


def test_bytes_that_belong_to_no_tensor_or_to_two(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole + b"more")
    with pytest.raises(CheckpointError, match="4 bytes after the last tensor"):
        checkpoint.load(tmp_path)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    places = [header[f"backbone.layers.{number}.mixer.D"] for number in (0, 2)]
    places[1]["data_offsets"] = places[0]["data_offsets"]
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])
    with pytest.raises(CheckpointError, match="overlap or gap"):
        checkpoint.load(tmp_path)


def test_an_index_must_agree_with_its_shards(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, shard_bytes=50_000)
    index = tmp_path / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    first = listed["weight_map"]["lm_head.weight"]
    for change, message in (
        ({"lm_head.weight": "../elsewhere.safetensors"}, "outside"),
        ({"lm_head.weight": "model-00001-of-00099.safetensors"}, "00099"),
        ({"unheard.of": first}, r"unheard\.of"),
    ):
        index.write_text(json.dumps({"weight_map": listed["weight_map"] | change}))
        with pytest.raises(CheckpointError, match=message):
            stored_tensors(tmp_path)
    index.write_text("[]")
    with pytest.raises(CheckpointError, match="weight_map"):
        stored_tensors(tmp_path)
    index.write_text(json.dumps(listed))
    assert len(stored_tensors(tmp_path)) == len(TINY.tensor_shapes())


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_get_past_the_header(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, framed: bool
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "model.safetensors").write_bytes(len(data).to_bytes(8, "little") + data if framed else data)
    with pytest.raises(CheckpointError):
        validate(TINY, stored_tensors(folder))


@pytest.mark.parametrize("header", [b"[]", b"1 ", b'{"a": 3}', b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}', b'{"a": {"dtype": [], "shape": [1], "data_offsets": [0, 4]}}', b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": ["", null]}}'])  # fmt: skip
def test_headers_of_json_that_say_nothing(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(CheckpointError):
        stored_tensors(tmp_path)


def test_nothing_is_read_before_all_is_validated() -> None:
    shapes = tiny_config().tensor_shapes()
    tensors = {name: StoredTensor(Path("not/there"), "F32", shape) for name, shape in shapes.items()}
    assert list(validate(TINY, tensors)) == list(shapes)
    with pytest.raises(CheckpointError, match="missing"):
        validate(ModelConfig.from_dict(tiny_config(pattern="M-M*-M").to_dict()), tensors)
