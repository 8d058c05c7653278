"""Encoders against transformers' own network, alone and in padded batches, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")
pytest.importorskip("safetensors", reason="checkpoints need safetensors")

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.checkpoint import CheckpointError
from model.config import ModelConfigError
from stages.quality.regressor.bert import Encoder, EncoderConfig

VALUES: dict[str, Any] = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "vocab_size": 211,
    "hidden_size": 48,
    "intermediate_size": 88,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "id2label": {"0": "LABEL_0"},
}
LENGTHS = [17, 64, 1, 2, 64, 33, 5, 40, 17]
#: Everything that batches can be: alone, some together, all together.
BATCHES = [1, 100, 10_000]


def write(folder: Path, **changes: Any) -> dict[str, Tensor]:
    """A checkpoint of random weights, spread wide enough that a wrong term shows."""
    values = VALUES | changes
    (folder / "config.json").write_text(json.dumps(values))
    generator = torch.Generator().manual_seed(5)
    weights = {}
    for name, shape in EncoderConfig.load(folder).tensor_shapes().items():
        noise = torch.randn(shape, generator=generator)
        weights[name] = 1 + 0.2 * noise if name.endswith("LayerNorm.weight") else 0.2 * noise
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return weights


def sequences(vocab_size: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(11)
    return [torch.randint(0, vocab_size, (length,), generator=generator).tolist() for length in LENGTHS]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "vocab_size": 300,
            "hidden_size": 60,
            "num_attention_heads": 3,
            "num_hidden_layers": 1,
            "type_vocab_size": 1,
            "layer_norm_eps": 1e-3,
            "id2label": {"0": "a", "1": "b", "2": "c"},
        },
    ],
    ids=["regressor", "one layer, three labels"],
)
def test_logits_are_those_of_transformers(changes: dict[str, Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the reference is transformers")
    write(tmp_path, **changes)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    # what transformers writes is read as well, in shards too
    theirs.save_pretrained(tmp_path / "again", max_shard_size="40KB")
    assert len(list((tmp_path / "again").glob("*.safetensors"))) > 1
    ids = sequences(theirs.config.vocab_size)
    with torch.no_grad():
        expected = torch.cat([theirs(torch.tensor([one])).logits for one in ids])
    assert expected.std() > 0.1
    for folder in (tmp_path, tmp_path / "again"):
        encoder = Encoder.load(folder)
        for tokens in BATCHES:
            torch.testing.assert_close(encoder.logits(ids, tokens), expected, rtol=0, atol=1e-5)


def test_a_result_does_not_depend_on_the_batch(tmp_path: Path) -> None:
    write(tmp_path)
    encoder, ids = Encoder.load(tmp_path), sequences(211)
    alone = torch.cat([encoder.logits([one], 1) for one in ids])
    assert torch.equal(encoder.logits(ids, 1), alone)
    assert torch.equal(encoder.logits(ids[::-1], 1), alone.flip(0))
    for tokens in BATCHES:
        torch.testing.assert_close(encoder.logits(ids, tokens), alone, rtol=0, atol=1e-5)
    half = Encoder.load(tmp_path, dtype=torch.float16).logits(ids, 100)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, alone, rtol=0, atol=0.02)
    assert encoder.logits([], 100).shape == (0, 1)


def test_sequences_that_do_not_fit(tmp_path: Path) -> None:
    write(tmp_path)
    encoder = Encoder.load(tmp_path)
    for length in (0, 65):
        with pytest.raises(ValueError, match=f"a sequence of {length} tokens; there must be 1 to 64"):
            encoder.logits([[1, 2], [3] * length], 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architectures": ["DebertaV2ForSequenceClassification"], "model_type": "deberta-v2"},
            r"architectures \['DebertaV2ForSequenceClassification'\] of model_type 'deberta-v2' is not implemented",
        ),
        ({"architectures": ["BertModel"]}, "expected BertForSequenceClassification"),
        ({"architectures": None, "model_type": None}, "architectures None of model_type None"),
        ({"hidden_act": "relu"}, "hidden_act: 'relu' is not implemented; expected 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type: 'relative_key'"),
        ({"num_attention_heads": 5}, "num_attention_heads: 5 does not divide hidden_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: 0 is not a positive number"),
        ({"hidden_size": "48"}, "hidden_size: '48' is not a positive number"),
        ({"vocab_size": 2.5}, "vocab_size: 2.5 is not an integer"),
    ],
)
def test_configurations_that_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(VALUES | changes))
    with pytest.raises(ModelConfigError, match=rf"{tmp_path}/config\.json: .*{message}"):
        EncoderConfig.load(tmp_path)


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigError, match=r"config\.json: No such file"):
        Encoder.load(tmp_path)
    for text, message in (("{", "not JSON"), ("[]", "a JSON object"), ("{}", "architectures None")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ModelConfigError, match=message):
            Encoder.load(tmp_path)
    partial = {key: value for key, value in VALUES.items() if key not in ("vocab_size", "layer_norm_eps")}
    (tmp_path / "config.json").write_text(json.dumps(partial))
    with pytest.raises(ModelConfigError, match="no vocab_size, layer_norm_eps"):
        Encoder.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(VALUES))
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors nor"):
        Encoder.load(tmp_path)
    weights = write(tmp_path)
    del weights["classifier.weight"]
    weights["classifier.bias"] = torch.zeros(2)
    weights["head.weight"] = torch.zeros(1, 48)
    save_file(weights, tmp_path / "model.safetensors")
    message = (
        r"classifier.weight is missing, not \[1, 48\]; classifier.bias is \[2\], not \[1\]; "
        r"head.weight is unknown"
    )
    with pytest.raises(CheckpointError, match=message):
        Encoder.load(tmp_path)
