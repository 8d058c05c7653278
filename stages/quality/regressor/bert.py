"""BERT with a linear head over the first token, the architecture of the published quality regressors.

Knows ``config.json``, tensors by their published names and padded micro-batches of token ids. Does not know
texts, tokenizers, or what a logit means.

The layout is that of transformers' ``BertForSequenceClassification``, which NVIDIA's FineWeb classifiers and
FineWeb-Edu's (on Snowflake-arctic-embed-m: 12 layers of 768) share with FineMath's (on multilingual-e5-small:
12 layers of 384): learned positions, a norm after each sublayer, gelu, and the classifier over
tanh(pooler(state of the first token)). No other state of the last layer is ever read, so no other is computed
there, which saves 7 % of the work.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from model.checkpoint import CheckpointError, stored_tensors
from model.config import ModelConfigError

#: A table of 0, 1, 2 … in older exports; not loaded.
UNUSED = ("bert.embeddings.position_ids",)

ARCHITECTURE = "BertForSequenceClassification"

# Each of these keys must have the given value, or be absent or null (which means the same).
_ONLY: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "quantization_config": None,
}


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Shape of the network, by the keys of ``config.json``; ``labels`` is the number of logits."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    labels: int

    def __post_init__(self) -> None:
        for key in self.__slots__:
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ModelConfigError(f"{key}: {value!r} is not a positive number")
            if key != "layer_norm_eps" and not isinstance(value, int):
                raise ModelConfigError(f"{key}: {value!r} is not an integer")
        if self.hidden_size % self.num_attention_heads:
            heads = self.num_attention_heads
            raise ModelConfigError(f"num_attention_heads: {heads} does not divide hidden_size")

    @classmethod
    def load(cls, path: str | Path) -> EncoderConfig:
        """From the ``config.json`` of a directory. Raises ``ModelConfigError``, which names the file."""
        file = Path(path) / "config.json"
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise ModelConfigError("a JSON object was expected")
            return cls._from(values)
        except OSError as error:
            raise ModelConfigError(f"{file}: {error.strerror or error}") from error
        except ModelConfigError as error:
            raise ModelConfigError(f"{file}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise ModelConfigError(f"{file}: not JSON: {error}") from error

    @classmethod
    def _from(cls, values: dict[str, Any]) -> EncoderConfig:
        if values.get("architectures") != [ARCHITECTURE]:
            found = f"architectures {values.get('architectures')} of model_type {values.get('model_type')!r}"
            raise ModelConfigError(f"{found} is not implemented; expected {ARCHITECTURE}")
        for key, value in _ONLY.items():
            if values.get(key) not in (None, value):
                raise ModelConfigError(f"{key}: {values[key]!r} is not implemented; expected {value!r}")
        keys = [key for key in cls.__slots__ if key != "labels"]
        if absent := [key for key in keys if key not in values]:
            raise ModelConfigError(f"no {', '.join(absent)}")
        # transformers omits the labels if there are two
        return cls(**{key: values[key] for key in keys}, labels=len(values.get("id2label") or (0, 1)))

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor under its published name. Linear weights are [out, in]."""
        hidden, inner = self.hidden_size, self.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "bert.embeddings.word_embeddings.weight": (self.vocab_size, hidden),
            "bert.embeddings.position_embeddings.weight": (self.max_position_embeddings, hidden),
            "bert.embeddings.token_type_embeddings.weight": (self.type_vocab_size, hidden),
        }
        linear = {"bert.pooler.dense": (hidden, hidden), "classifier": (self.labels, hidden)}
        norms = ["bert.embeddings.LayerNorm"]
        for number in range(self.num_hidden_layers):
            layer = f"bert.encoder.layer.{number}"
            linear |= {f"{layer}.attention.self.{name}": (hidden, hidden) for name in _QKV}
            linear[f"{layer}.attention.output.dense"] = (hidden, hidden)
            linear[f"{layer}.intermediate.dense"] = (inner, hidden)
            linear[f"{layer}.output.dense"] = (hidden, inner)
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, shape in [*linear.items(), *((name, (hidden,)) for name in norms)]:
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        return shapes


_QKV = ("query", "key", "value")

#: Weight and bias.
Affine = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class _Layer:
    """Linear maps and norms in the order in which they are used; keys and values are computed by one map."""

    query: Affine
    key_value: Affine
    mix: Affine
    mix_norm: Affine
    up: Affine
    down: Affine
    down_norm: Affine


class Encoder:
    """The network, ready for inference. ``weights`` are by published name, on one device, in one dtype."""

    def __init__(self, config: EncoderConfig, weights: dict[str, Tensor]) -> None:
        def affine(*names: str) -> Affine:
            """Joins several maps of one input into one map, with their outputs side by side."""
            weight = [weights[f"{name}.weight"] for name in names]
            bias = [weights[f"{name}.bias"] for name in names]
            return (weight[0], bias[0]) if len(names) == 1 else (torch.cat(weight), torch.cat(bias))

        self.config = config
        embeddings = "bert.embeddings"
        self._words = weights[f"{embeddings}.word_embeddings.weight"]
        # in a single text all tokens have type 0
        types = weights[f"{embeddings}.token_type_embeddings.weight"]
        self._positions = weights[f"{embeddings}.position_embeddings.weight"] + types[0]
        self._norm = affine(f"{embeddings}.LayerNorm")
        self._layers = []
        for number in range(config.num_hidden_layers):
            name = f"bert.encoder.layer.{number}"
            attention = f"{name}.attention.self"
            self._layers.append(
                _Layer(
                    query=affine(f"{attention}.query"),
                    key_value=affine(f"{attention}.key", f"{attention}.value"),
                    mix=affine(f"{name}.attention.output.dense"),
                    mix_norm=affine(f"{name}.attention.output.LayerNorm"),
                    up=affine(f"{name}.intermediate.dense"),
                    down=affine(f"{name}.output.dense"),
                    down_norm=affine(f"{name}.output.LayerNorm"),
                )
            )
        self._pooler, self._classifier = affine("bert.pooler.dense"), affine("classifier")

    @classmethod
    def load(
        cls, path: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> Encoder:
        """From a checkpoint directory: ``config.json`` and safetensors, in one file or in shards.

        ``dtype`` is used for weights and arithmetic, whatever the files hold. Raises ``ModelConfigError`` or
        ``CheckpointError``: the message names tensors that are missing, unknown or of another shape.
        """
        config = EncoderConfig.load(path)
        stored, expected = stored_tensors(path, UNUSED), config.tensor_shapes()
        problems = [
            f"{name} is {list(stored[name].shape) if name in stored else 'missing'}, not {list(shape)}"
            for name, shape in expected.items()
            if name not in stored or stored[name].shape != shape
        ]
        unknown = (name for name in sorted(stored.keys() - expected.keys()) if not name.startswith(UNUSED))
        problems += [f"{name} is unknown" for name in unknown]
        if problems:
            more = f" and {len(problems) - 4} more" if len(problems) > 4 else ""
            what = "; ".join(problems[:4])
            raise CheckpointError(f"{path}: the weights do not fit config.json: {what}{more}")
        weights: dict[str, Tensor] = {}
        for file in sorted({tensor.file for tensor in stored.values()}):
            try:
                loaded = load_file(file)
            except SafetensorError as error:
                raise CheckpointError(f"{file}: {error}") from error
            weights |= {name: tensor.to(device, dtype) for name, tensor in loaded.items()}
        return cls(config, weights)

    @torch.inference_mode()
    def logits(self, sequences: Sequence[Sequence[int]], batch_tokens: int) -> Tensor:
        """float32[n, labels] on the host, in the order of ``sequences``: token ids with special tokens.

        Micro-batches consist of sequences of similar length, padded to the longest, with at most
        ``batch_tokens`` tokens or one sequence. A result depends on the rest of its micro-batch only by
        rounding (1e-5 in fp32); with ``batch_tokens`` 1 every sequence is alone, and its result does not
        depend on others. Raises ``ValueError`` for a sequence without tokens or longer than there are
        positions.
        """
        lengths = [len(sequence) for sequence in sequences]
        most = self.config.max_position_embeddings
        if wrong := [length for length in lengths if not 0 < length <= most]:
            raise ValueError(f"a sequence of {wrong[0]} tokens; there must be 1 to {most}")
        out = torch.empty(len(lengths), self.config.labels, device=self._words.device)
        for rows in _micro_batches(lengths, batch_tokens):
            out[rows] = self._forward([sequences[row] for row in rows]).float()
        return out.cpu()

    def _forward(self, sequences: Sequence[Sequence[int]]) -> Tensor:
        """[batch, labels]; the first sequence is the longest."""
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        longest = int(lengths[0])
        ids = torch.tensor([[*sequence, *[0] * (longest - len(sequence))] for sequence in sequences])
        mask = None
        if int(lengths[-1]) < longest:
            mask = (torch.arange(longest) < lengths[:, None])[:, None, None].to(self._words.device)
        h = F.embedding(ids.to(self._words.device), self._words) + self._positions[:longest]
        h = self._normed(h, self._norm)
        for layer in self._layers[:-1]:
            h = self._layer(layer, h, h, mask)
        first = self._layer(self._layers[-1], h[:, :1], h, mask)[:, 0]
        return F.linear(torch.tanh(F.linear(first, *self._pooler)), *self._classifier)

    def _layer(self, layer: _Layer, x: Tensor, h: Tensor, mask: Tensor | None) -> Tensor:
        """``x``, [batch, t, hidden], are those positions of ``h``, [batch, longest, hidden], that are
        needed."""
        batch, heads = len(h), self.config.num_attention_heads
        q = F.linear(x, *layer.query).view(batch, x.shape[1], heads, -1).transpose(1, 2)
        key_value = F.linear(h, *layer.key_value).view(batch, h.shape[1], 2, heads, -1)
        k, v = key_value.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(2)
        x = self._normed(x + F.linear(mixed, *layer.mix), layer.mix_norm)
        inner = F.gelu(F.linear(x, *layer.up))
        return self._normed(x + F.linear(inner, *layer.down), layer.down_norm)

    def _normed(self, x: Tensor, norm: Affine) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], *norm, self.config.layer_norm_eps)


def _micro_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Batches of rows in order of falling length, so that the first row of each batch is its longest."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        stop = start + max(1, tokens // lengths[order[start]])
        yield order[start:stop]
        start = stop
