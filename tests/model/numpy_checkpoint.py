"""A checkpoint of random weights, written without torch and safetensors."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np

from model.config import ModelConfig
from tests.model import small_tokenizer

CONFIG = ModelConfig(
    pattern="M-M*-",
    vocab_size=512,
    hidden_size=64,
    intermediate_size=160,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=24,
    mamba_num_heads=8,
    mamba_head_dim=12,
    n_groups=4,
    ssm_state_size=16,
    max_position_embeddings=4096,
)


def weights(config: ModelConfig = CONFIG) -> dict[str, np.ndarray]:
    """Float32 weights under which a wrong recurrence would show."""
    found = {}
    for name, shape in config.tensor_shapes().items():
        chance = np.random.default_rng(zlib.crc32(name.encode()))
        noise = chance.standard_normal(shape)
        if name.endswith("A_log"):
            noise = np.log(chance.random(shape) * 7 + 0.5)
        elif name.endswith("dt_bias"):
            noise -= 2
        elif name.endswith((".D", "norm.weight", "norm_f.weight")):
            noise = 1 + 0.2 * noise
        elif not name.endswith("embeddings.weight"):
            noise /= np.sqrt(shape[-1])
        found[name] = noise.astype(np.float32)
    return found


def rounded(array: np.ndarray) -> np.ndarray:
    """The upper halves of float32 numbers (towards zero), as bfloat16 is stored."""
    return (array.view(np.uint32) >> 16).astype("<u2")


def write(folder: Path, config: ModelConfig = CONFIG) -> dict[str, np.ndarray]:
    """The files, matrices in bf16 and the rest in fp32; gives the weights as they are stored."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data, stored = b"", {}
    for name, array in weights(config).items():
        half = array.ndim == 2
        raw = (rounded(array) if half else array.astype("<f4")).tobytes()
        stored[name] = (array.view(np.uint32) & 0xFFFF0000).view(np.float32) if half else array
        header[name] = {
            "dtype": "BF16" if half else "F32",
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    head = json.dumps(header).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "tokenizer.json").write_text(small_tokenizer.content())
    return stored
