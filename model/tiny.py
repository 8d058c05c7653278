"""Networks with random weights in the published format: small ones for tests, and of any width for
benchmarks.

Deterministic in the seed, without the global random state. The weights are spread wider than a usual
initialisation (time steps, decay and skip differ from head to head and channels from each other), because
with the usual ones a wrong recurrence gives almost the right logits. Does not know training or text.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.checkpoint import save
from model.config import ModelConfig
from model.network import Network

#: Widths that reveal confusions: 8 * 12 is not 2 * 64, and 4 * 24 is not 64.
TINY = ModelConfig(
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
    chunk_size=8,
    max_position_embeddings=4096,
    dtype="float32",
)


def tiny_config(**changes: Any) -> ModelConfig:
    """``TINY`` with other fields."""
    return replace(TINY, **changes)


def random_network(
    config: ModelConfig = TINY,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Network:
    """A network with random weights, ready for inference. The same numbers in every dtype, up to rounding."""
    network = Network(config, device=device, dtype=dtype)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.tensors().items():
        tensor.copy_(_values(name, tensor.shape, generator))
    return network.freeze()


def write_checkpoint(
    path: str | Path,
    config: ModelConfig = TINY,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    shard_bytes: int = 5_000_000_000,
) -> None:
    """A checkpoint directory with random weights."""
    save(random_network(config, seed=seed, dtype=dtype), path, shard_bytes=shard_bytes)


def _values(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    noise = torch.randn(shape, generator=generator)
    if name.endswith("A_log"):
        return torch.log(torch.rand(shape, generator=generator) * 7 + 0.5)
    if name.endswith("dt_bias"):
        return noise - 2.0
    if name.endswith(".D"):
        return 1 + 0.3 * noise
    if name.endswith(("norm.weight", "norm_f.weight")):
        return 1 + 0.1 * noise
    if name.endswith("conv1d.bias"):
        return 0.1 * noise
    if name.endswith("conv1d.weight"):
        return 0.4 * noise
    if name.endswith("embeddings.weight"):
        return noise
    return noise / math.sqrt(shape[-1])
