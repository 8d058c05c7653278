"""A checkpoint's ``config.json`` as one frozen dataclass, and the tensors that follow from it.

Knows the spellings in which NemotronH configurations occur (NVIDIA's own files, Megatron exports, files which
transformers writes) and which of their settings this engine can run. Does not know tensors, and does not need
torch.

A setting that would change the arithmetic in a way that is not implemented is refused by name. Keys that do
not affect inference (initialisation, dropout, router settings of a network without experts) or that no
implementation uses (``expand``, ``residual_in_fp32``, ``rope_theta``) are ignored.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

#: A layer of ``ModelConfig.pattern``: Mamba-2, MLP, attention.
LayerType = Literal["M", "-", "*"]

_LAYER_NAMES: dict[str, LayerType] = {
    "mamba": "M",
    "linear_attention": "M",
    "mlp": "-",
    "attention": "*",
    "full_attention": "*",
}

# A key here must have one of these values, or be absent or null (the values include the default).
_ONLY: dict[str, tuple[Any, ...]] = {
    "model_type": ("nemotron_h",),
    "mlp_hidden_act": ("relu2",),
    "mamba_hidden_act": ("silu",),
    "tie_word_embeddings": (False,),
    "use_conv_bias": (True,),
    "use_bias": (False,),
    "mlp_bias": (False,),
    "attention_bias": (False,),
    "mamba_proj_bias": (False,),
    "add_bias_linear": (False,),
    "norm_before_gate": (False,),
    "sliding_window": (),
    "quantization_config": (),
}

_ABSENT = object()


class ModelConfigError(ValueError):
    """A ``config.json`` that cannot be read, lacks a key, or requires something that this engine does not
    implement."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Shape of a NemotronH network. Widths are in elements; ``pattern`` has one character per layer."""

    pattern: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    mamba_num_heads: int
    mamba_head_dim: int
    n_groups: int
    ssm_state_size: int
    conv_kernel: int = 4
    chunk_size: int = 128
    norm_eps: float = 1e-5
    max_position_embeddings: int = 131_072
    bos_token_id: int | None = 1
    eos_token_ids: tuple[int, ...] = (2,)
    pad_token_id: int | None = 0
    #: dtype of the published weights, by torch's name.
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        if not self.pattern or set(self.pattern) - set("M-*"):
            raise ModelConfigError(
                f"hybrid_override_pattern: {self.pattern!r}; known layers are M (Mamba-2), - (MLP) and * "
                "(attention); mixtures of experts (E) are not implemented"
            )
        for key in _WIDTHS:
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ModelConfigError(f"{key}: {value!r} is not a positive integer")
        eps: Any = self.norm_eps
        if not isinstance(eps, int | float) or isinstance(eps, bool) or not 0 < eps < math.inf:
            raise ModelConfigError(f"layer_norm_epsilon: {eps!r} is not a positive number")
        if self.conv_kernel < 2:
            raise ModelConfigError(f"conv_kernel: {self.conv_kernel} keeps no state; at least 2 is expected")
        for key, whole, part in (
            ("num_key_value_heads", self.num_attention_heads, self.num_key_value_heads),
            ("n_groups", self.mamba_num_heads, self.n_groups),
        ):
            if whole % part:
                raise ModelConfigError(f"{key}: {part} does not divide {whole} heads")

    @property
    def inner_size(self) -> int:
        """Width of a Mamba-2 mixer. Not ``expand * hidden_size``: the 9B model has 128 * 80, not 2 * 4480."""
        return self.mamba_num_heads * self.mamba_head_dim

    @property
    def conv_size(self) -> int:
        """Channels of the convolution: x, B and C side by side."""
        return self.inner_size + 2 * self.n_groups * self.ssm_state_size

    @property
    def in_proj_size(self) -> int:
        """Rows of in_proj: gate z, then xBC, then one time step per head."""
        return self.inner_size + self.conv_size + self.mamba_num_heads

    @property
    def query_size(self) -> int:
        return self.num_attention_heads * self.head_dim

    @property
    def key_value_size(self) -> int:
        """Width of the keys; the values have the same width."""
        return self.num_key_value_heads * self.head_dim

    def layers(self, kind: LayerType) -> int:
        """Number of layers of a kind."""
        return self.pattern.count(kind)

    @property
    def ssm_elements(self) -> int:
        """Elements of recurrent state per sequence, over all layers."""
        return self.layers("M") * self.inner_size * self.ssm_state_size

    @property
    def conv_elements(self) -> int:
        """Elements of convolution state per sequence, over all layers."""
        return self.layers("M") * (self.conv_kernel - 1) * self.conv_size

    @property
    def kv_elements(self) -> int:
        """Elements of keys and values per token, over all layers."""
        return self.layers("*") * 2 * self.key_value_size

    def slot_bytes(self, max_length: int, *, element_bytes: int = 2, state_bytes: int = 4) -> int:
        """Bytes of state of a sequence with room for ``max_length`` tokens: ``state_bytes`` per element of
        recurrent state, ``element_bytes`` (of the weights' dtype) for the rest."""
        cached = self.conv_elements + self.kv_elements * max_length
        return self.ssm_elements * state_bytes + cached * element_bytes

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Published name and shape of every weight, in the order of the network."""
        hidden, inner, heads = self.hidden_size, self.inner_size, self.mamba_num_heads
        shapes: dict[str, tuple[int, ...]] = {"backbone.embeddings.weight": (self.vocab_size, hidden)}
        of_kind: dict[str, dict[str, tuple[int, ...]]] = {
            "M": {
                "in_proj.weight": (self.in_proj_size, hidden),
                "conv1d.weight": (self.conv_size, 1, self.conv_kernel),
                "conv1d.bias": (self.conv_size,),
                "dt_bias": (heads,),
                "A_log": (heads,),
                "D": (heads,),
                "norm.weight": (inner,),
                "out_proj.weight": (hidden, inner),
            },
            "-": {
                "up_proj.weight": (self.intermediate_size, hidden),
                "down_proj.weight": (hidden, self.intermediate_size),
            },
            "*": {
                "q_proj.weight": (self.query_size, hidden),
                "k_proj.weight": (self.key_value_size, hidden),
                "v_proj.weight": (self.key_value_size, hidden),
                "o_proj.weight": (hidden, self.query_size),
            },
        }
        for number, kind in enumerate(self.pattern):
            shapes[f"backbone.layers.{number}.norm.weight"] = (hidden,)
            for name, shape in of_kind[kind].items():
                shapes[f"backbone.layers.{number}.mixer.{name}"] = shape
        shapes["backbone.norm_f.weight"] = (hidden,)
        shapes["lm_head.weight"] = (self.vocab_size, hidden)
        return shapes

    @classmethod
    def load(cls, path: str | Path) -> ModelConfig:
        """From a checkpoint directory or a ``config.json``. Raises ``ModelConfigError``, which names the
        file."""
        file = Path(path)
        if file.is_dir():
            file = file / "config.json"
        try:
            # json accepts the bare Infinity in time_step_limit of the published files
            values = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelConfigError(f"{file}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise ModelConfigError(f"{file}: not JSON: {error}") from error
        if not isinstance(values, dict):
            raise ModelConfigError(f"{file}: a JSON object was expected")
        try:
            return cls.from_dict(values)
        except ModelConfigError as error:
            raise ModelConfigError(f"{file}: {error}") from error

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """From the parsed ``config.json``. Raises ``ModelConfigError`` with the key in the message."""
        for key, allowed in _ONLY.items():
            if values.get(key) is not None and values[key] not in allowed:
                expected = " or ".join(map(repr, allowed)) or "absence"
                raise ModelConfigError(f"{key}: {values[key]!r} is not implemented; expected {expected}")
        _check_time_step(values)
        heads = _integer(values, "num_attention_heads")
        return cls(
            pattern=_pattern(values),
            vocab_size=_integer(values, "vocab_size"),
            hidden_size=_integer(values, "hidden_size"),
            intermediate_size=_integer(values, "intermediate_size"),
            num_attention_heads=heads,
            num_key_value_heads=_integer(values, "num_key_value_heads", default=heads),
            head_dim=_integer(values, "head_dim", "attention_head_dim"),
            mamba_num_heads=_integer(values, "mamba_num_heads"),
            mamba_head_dim=_integer(values, "mamba_head_dim"),
            n_groups=_integer(values, "n_groups", "mamba_n_groups"),
            ssm_state_size=_integer(values, "ssm_state_size"),
            conv_kernel=_integer(values, "conv_kernel", "mamba_d_conv", default=4),
            chunk_size=_integer(values, "chunk_size", "mamba_chunk_size", default=128),
            norm_eps=_first(values, "layer_norm_epsilon", "rms_norm_eps", "norm_eps", default=1e-5),
            max_position_embeddings=_integer(values, "max_position_embeddings", default=131_072),
            bos_token_id=values.get("bos_token_id", 1),
            eos_token_ids=_token_ids(values, "eos_token_id", (2,)),
            pad_token_id=values.get("pad_token_id", 0),
            dtype=str(_first(values, "torch_dtype", "dtype", default="bfloat16")).removeprefix("torch."),
        )

    def to_dict(self) -> dict[str, Any]:
        """The ``config.json`` in NVIDIA's spelling; ``from_dict`` reads it back to an equal configuration."""
        return {
            "architectures": ["NemotronHForCausalLM"],
            "attention_bias": False,
            "bos_token_id": self.bos_token_id,
            "chunk_size": self.chunk_size,
            "conv_kernel": self.conv_kernel,
            "eos_token_id": self.eos_token_ids[0]
            if len(self.eos_token_ids) == 1
            else list(self.eos_token_ids),
            "head_dim": self.head_dim,
            "hidden_size": self.hidden_size,
            "hybrid_override_pattern": self.pattern,
            "intermediate_size": self.intermediate_size,
            "layer_norm_epsilon": self.norm_eps,
            "mamba_head_dim": self.mamba_head_dim,
            "mamba_hidden_act": "silu",
            "mamba_num_heads": self.mamba_num_heads,
            "mamba_proj_bias": False,
            "max_position_embeddings": self.max_position_embeddings,
            "mlp_bias": False,
            "mlp_hidden_act": "relu2",
            "model_type": "nemotron_h",
            "n_groups": self.n_groups,
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": len(self.pattern),
            "num_key_value_heads": self.num_key_value_heads,
            "pad_token_id": self.pad_token_id,
            "residual_in_fp32": False,
            "ssm_state_size": self.ssm_state_size,
            "tie_word_embeddings": False,
            "time_step_limit": [0.0, float("inf")],
            "torch_dtype": self.dtype,
            "use_bias": False,
            "use_conv_bias": True,
            "vocab_size": self.vocab_size,
        }


_WIDTHS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "mamba_num_heads",
    "mamba_head_dim",
    "n_groups",
    "ssm_state_size",
    "conv_kernel",
    "chunk_size",
    "max_position_embeddings",
)


def _first(values: dict[str, Any], *keys: str, default: Any = _ABSENT) -> Any:
    """The value under the first of several spellings of a key that is present and not null."""
    for key in keys:
        if values.get(key) is not None:
            return values[key]
    if default is _ABSENT:
        raise ModelConfigError(f"{keys[0]}: missing" + (f" (or {', '.join(keys[1:])})" if keys[1:] else ""))
    return default


def _integer(values: dict[str, Any], *keys: str, default: Any = _ABSENT) -> int:
    value = _first(values, *keys, default=default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ModelConfigError(f"{keys[0]}: {value!r} is not an integer")
    return value


def _token_ids(values: dict[str, Any], key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = values.get(key)
    if value is None:
        return default
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(isinstance(item, int) and not isinstance(item, bool) for item in ids):
        raise ModelConfigError(f"{key}: {value!r} is neither a token id nor a list of them")
    return tuple(ids)


def _pattern(values: dict[str, Any]) -> str:
    """The pattern string, or the same from a list of layer types, each under one of its two names."""
    named = _first(values, "layers_block_type", "layer_types", default=None)
    if named is None:
        pattern = _first(values, "hybrid_override_pattern")
        if not isinstance(pattern, str):
            raise ModelConfigError(f"hybrid_override_pattern: {pattern!r} is not a string")
    else:
        if not isinstance(named, list):
            raise ModelConfigError(f"layers_block_type: {named!r} is not a list")
        unknown = sorted({str(name) for name in named} - _LAYER_NAMES.keys())
        if unknown:
            raise ModelConfigError(f"layers_block_type: {', '.join(unknown)} not implemented")
        pattern = "".join(_LAYER_NAMES[name] for name in named)
        if values.get("hybrid_override_pattern") not in (None, pattern):
            raise ModelConfigError("hybrid_override_pattern: contradicts layers_block_type")
    layers = values.get("num_hidden_layers")
    if layers is not None and layers != len(pattern):
        raise ModelConfigError(f"num_hidden_layers: {layers}, but the pattern has {len(pattern)} layers")
    return pattern


def _check_time_step(values: dict[str, Any]) -> None:
    """Only an unlimited time step is implemented. transformers writes {"__float__": "Infinity"}."""
    limit = _first(values, "time_step_limit", "mamba_dt_limit", default=[0.0, float("inf")])
    try:
        low, high = (float(end["__float__"] if isinstance(end, dict) else end) for end in limit)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelConfigError(f"time_step_limit: {limit!r} is not a pair of numbers") from error
    # softplus of anything a checkpoint can hold stays below 1e9
    if not (low <= 0 and high >= 1e9):
        raise ModelConfigError(f"time_step_limit: {limit!r} is not implemented; expected [0.0, Infinity]")


#: NVIDIA-Nemotron-Nano-9B-v2: 8,888,227,328 parameters.
NANO_9B_V2 = ModelConfig(
    pattern="M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
    vocab_size=131_072,
    hidden_size=4480,
    intermediate_size=15_680,
    num_attention_heads=40,
    num_key_value_heads=8,
    head_dim=128,
    mamba_num_heads=128,
    mamba_head_dim=80,
    n_groups=8,
    ssm_state_size=128,
)

#: NVIDIA-Nemotron-Nano-12B-v2-Base: 12,310,001,152 parameters.
NANO_12B_V2 = replace(
    NANO_9B_V2,
    pattern="M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M-",
    hidden_size=5120,
    intermediate_size=20_480,
)
