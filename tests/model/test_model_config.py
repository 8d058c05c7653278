"""Configurations in the spellings that occur, and refusals by key. Needs no torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from model.config import NANO_9B_V2, NANO_12B_V2, ModelConfig, ModelConfigError

NVIDIA = {
    "model_type": "nemotron_h",
    "hybrid_override_pattern": "M-M*-",
    "num_hidden_layers": 5,
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "mamba_num_heads": 8,
    "mamba_head_dim": 12,
    "n_groups": 4,
    "ssm_state_size": 16,
    "conv_kernel": 4,
    "chunk_size": 8,
    "expand": 2,
    "layer_norm_epsilon": 1e-5,
    "time_step_limit": [0.0, math.inf],
    "mlp_hidden_act": "relu2",
    "use_conv_bias": True,
    "residual_in_fp32": False,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}


def variant(without: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in NVIDIA.items() if key not in without} | changes


@pytest.mark.parametrize(
    "values",
    [
        variant(
            ("hybrid_override_pattern",), layers_block_type=["mamba", "mlp", "mamba", "attention", "mlp"]
        ),
        variant(
            ("hybrid_override_pattern",),
            layers_block_type=["linear_attention", "mlp", "linear_attention", "full_attention", "mlp"],
        ),
        variant(time_step_limit=[0.0, {"__float__": "Infinity"}]),
        variant(time_step_limit=[0, 1e30]),
        variant(("time_step_limit",)),
        variant(("layer_norm_epsilon",), rms_norm_eps=1e-5),
        variant(("layer_norm_epsilon",), norm_eps=1e-5),
        variant(("head_dim",), attention_head_dim=24),
        variant(("n_groups", "conv_kernel"), mamba_n_groups=4, mamba_d_conv=4),
        variant(("torch_dtype",), dtype="bfloat16"),
        variant(("num_hidden_layers",), eos_token_id=[2]),
        variant(n_routed_experts=8, rope_theta=10_000, sliding_window=None, mystery=1),
    ],
)
def test_every_spelling_gives_the_same_configuration(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert (
        ModelConfig.load(tmp_path)
        == ModelConfig.load(tmp_path / "config.json")
        == ModelConfig.from_dict(NVIDIA)
    )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"model_type": "mamba2"}, "model_type"),
        ({"hybrid_override_pattern": "M-ME-"}, "hybrid_override_pattern"),
        ({"layers_block_type": ["mamba", "moe"]}, "layers_block_type"),
        ({"layers_block_type": ["mamba"] * 5}, "hybrid_override_pattern"),
        ({"num_hidden_layers": 4}, "num_hidden_layers"),
        ({"mlp_hidden_act": "silu"}, "mlp_hidden_act"),
        ({"mamba_hidden_act": "gelu"}, "mamba_hidden_act"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings"),
        ({"use_bias": True}, "use_bias"),
        ({"attention_bias": True}, "attention_bias"),
        ({"use_conv_bias": False}, "use_conv_bias"),
        ({"sliding_window": 4096}, "sliding_window"),
        ({"quantization_config": {"quant_method": "modelopt"}}, "quantization_config"),
        ({"time_step_limit": [0.001, 0.1]}, "time_step_limit"),
        ({"time_step_limit": "wide"}, "time_step_limit"),
        ({"hidden_size": "64"}, "hidden_size"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_size": None}, "hidden_size"),
        ({"num_key_value_heads": 3}, "num_key_value_heads"),
        ({"n_groups": 3}, "n_groups"),
        ({"conv_kernel": 1}, "conv_kernel"),
        ({"eos_token_id": "</s>"}, "eos_token_id"),
        ({"layers_block_type": 5}, "layers_block_type"),
        ({"layers_block_type": "mamba"}, "layers_block_type"),
        *(({"layer_norm_epsilon": eps}, "layer_norm_epsilon") for eps in ("x", [1], -1.0, math.nan, True)),
        ({"time_step_limit": [0.0, math.nan]}, "time_step_limit"),
    ],
)
def test_what_cannot_be_run_is_refused_by_key(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ModelConfigError, match=key):
        ModelConfig.from_dict(variant(**changes))


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"config\.json"):
        ModelConfig.load(tmp_path)
    for text in ("{", "[]", "\udcff"):
        (tmp_path / "config.json").write_text(text, errors="surrogateescape")
        with pytest.raises(ModelConfigError, match=r"config\.json"):
            ModelConfig.load(tmp_path)


@pytest.mark.parametrize(
    ("config", "parameters", "layers"),
    [(NANO_9B_V2, 8_888_227_328, (27, 25, 4)), (NANO_12B_V2, 12_310_001_152, (28, 28, 6))],
)
def test_the_published_models(config: ModelConfig, parameters: int, layers: tuple[int, ...]) -> None:
    assert sum(map(math.prod, config.tensor_shapes().values())) == parameters
    assert (config.layers("M"), config.layers("-"), config.layers("*")) == layers
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.slot_bytes(0, element_bytes=0) == layers[0] * 5 * 2**20  # 5 MiB of fp32 state per layer
    assert config.kv_elements * 2 == layers[2] * 4096
