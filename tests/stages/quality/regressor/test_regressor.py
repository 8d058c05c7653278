"""Scores of checkpoints as transformers writes them against the use that the classifiers' cards show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")
pytest.importorskip("safetensors", reason="checkpoints need safetensors")

import torch
from safetensors.torch import save_file

from stages.base import Annotation, Fault
from stages.quality.regressor.bert import EncoderConfig
from stages.quality.regressor.stage import CHARS, Regressor, RegressorConfig

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PROSE = (
    "The harbour master counts the boats twice, once in the morning and once at night; what he writes down "
    "is 12.5 per cent less than the sum. Der Hafenmeister zählt die Boote zweimal. 港の管理人は船を二度数えます。"
)
TEXTS = [
    PROSE,
    "",
    "a [SEP] boat \n\t in the [MASK]",
    " ".join(f"boat {number}" for number in range(900)),  # over 512 tokens
    "x" * 300 + " 👩‍🚀 ꙮ \x00 " + "night",
    PROSE * 3,
    "morning",
]
VALUES: dict[str, Any] = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "id2label": {"0": "LABEL_0"},
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """``open`` leaves torch one thread; the tests after these get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def word_piece() -> Tokenizer:
    """Of the FineWeb classifiers."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=180, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([PROSE], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def unigram() -> Tokenizer:
    """Of the FineMath classifier."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([PROSE], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def write(folder: Path, tokenizer: Tokenizer, *, shift: float = 2.5, **changes: Any) -> Path:
    """A checkpoint with random weights; ``shift`` is the score that the others lie about."""
    values = VALUES | {"vocab_size": tokenizer.get_vocab_size()} | changes
    (folder / "config.json").write_text(json.dumps(values))
    generator = torch.Generator().manual_seed(3)
    weights = {}
    for name, shape in EncoderConfig.load(folder).tensor_shapes().items():
        noise = 0.3 * torch.randn(shape, generator=generator)
        weights[name] = 1 + noise if name.endswith("LayerNorm.weight") else noise
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], shift)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def opened(folder: Path) -> Regressor:
    stage = Regressor(RegressorConfig(model=str(folder), name="edu"))
    stage.open()
    return stage


def annotate(stage: Regressor, texts: list[str | None]) -> Annotation:
    return stage.annotate(pa.table({"text": pa.array(texts, pa.string())}))


def scores(stage: Regressor, texts: list[str | None]) -> list[float]:
    annotation = annotate(stage, texts)
    assert not annotation.faults
    assert list(annotation.columns) == stage.added(stage.config).names == ["quality.edu"]
    assert annotation.columns["quality.edu"].type == pa.float32()
    return annotation.columns["quality.edu"].to_pylist()


@pytest.mark.parametrize("tokenizer", [word_piece, unigram])
def test_scores_are_those_of_the_cards(tokenizer: Any, tmp_path: Path) -> None:
    """Tokenizer and network as ``Auto`` classes load them; 512 tokens; clipped as the cards say."""
    transformers = pytest.importorskip("transformers", reason="the reference is transformers")
    made = tokenizer()
    folder = write(tmp_path, made)
    pad = "[PAD]" if made.token_to_id("[PAD]") == 0 else "<pad>"
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    network.save_pretrained(folder)
    inputs = fast(TEXTS, return_tensors="pt", padding="longest", truncation=True, max_length=512)
    assert inputs["input_ids"].shape[1] == 512
    with torch.no_grad():
        logits = network(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        ).logits.squeeze(-1)
    expected = logits.clamp(0, 5).tolist()
    assert max(expected) - min(expected) > 0.2  # the trained vocabulary differs a little from run to run
    stage = opened(folder)
    mixed = scores(stage, TEXTS)
    assert mixed == pytest.approx(expected, abs=1e-5)
    assert [scores(stage, [text])[0] for text in TEXTS] == mixed
    assert scores(stage, TEXTS[::-1]) == mixed[::-1]


def test_an_older_vocabulary_is_the_same_tokenizer(tmp_path: Path) -> None:
    tokenizer = word_piece()
    stage = opened(write(tmp_path, tokenizer))
    expected = scores(stage, TEXTS)
    (tmp_path / "tokenizer.json").unlink()
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (tmp_path / "vocab.txt").write_text("".join(word + "\n" for word, _ in words))
    assert scores(opened(tmp_path), TEXTS) == expected
    assert scores(opened(tmp_path), ["Night Harbour"]) == scores(stage, ["night harbour"])
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert scores(opened(tmp_path), ["Night Harbour"]) != scores(stage, ["night harbour"])


def test_null_clipping_and_scores_that_are_no_numbers(tmp_path: Path) -> None:
    stage = opened(write(tmp_path, word_piece()))
    annotation = annotate(stage, [None, PROSE, None])
    assert annotation.faults == {0: Fault("no_text"), 2: Fault("no_text")}
    assert annotation.columns["quality.edu"].to_pylist() == [None, *scores(stage, [PROSE]), None]
    assert annotate(stage, [None]).columns["quality.edu"].to_pylist() == [None]
    assert scores(opened(write(tmp_path, word_piece(), shift=50.0)), [PROSE]) == [5.0]
    assert scores(opened(write(tmp_path, word_piece(), shift=-50.0)), [PROSE]) == [0.0]
    broken = annotate(opened(write(tmp_path, word_piece(), shift=float("inf"))), [PROSE])
    assert broken.faults == {0: Fault("not_finite", "score inf")}
    assert broken.columns["quality.edu"].null_count == 1


def test_a_long_text_is_read_no_further_than_need_be(tmp_path: Path) -> None:
    stage = opened(write(tmp_path, word_piece()))
    page = " ".join(TEXTS[3].split() * 2)[:CHARS]
    assert scores(stage, [page + " night" * 200_000]) == scores(stage, [page])


def test_directories_that_are_refused(tmp_path: Path) -> None:
    tokenizer = word_piece()

    def refused(message: str) -> None:
        with pytest.raises(ValueError, match=rf"regressor\.model: .*{message}"):
            opened(tmp_path)

    refused(r"config\.json: No such file")
    write(tmp_path, tokenizer, architectures=["BertForSequenceClassification"], id2label=None)
    refused("a classifier of 2 labels; a regressor has one")
    write(tmp_path, tokenizer, vocab_size=tokenizer.get_vocab_size() - 1)
    refused(r"the tokenizer has \d+ tokens, the network \d+")
    write(tmp_path, tokenizer)
    tokenizer.post_processor = processors.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    refused("puts no special token before a text")
    (tmp_path / "tokenizer.json").write_text("{")
    refused("the tokenizer cannot be read")
    (tmp_path / "tokenizer.json").unlink()
    refused(r"neither tokenizer\.json nor vocab\.txt")
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    refused(r"vocab\.txt has no \[PAD\], \[UNK\], \[CLS\]")
    if not torch.cuda.is_available():
        stage = Regressor(RegressorConfig(model=str(tmp_path), name="edu", device="cuda"))
        with pytest.raises(ValueError, match=r"regressor\.device: cuda, and torch finds no CUDA device"):
            stage.open()


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from stages.quality.regressor.stage import Regressor, RegressorConfig\n"
        f"stage = Regressor(RegressorConfig(model={str(tmp_path)!r}, name='edu'))\n"
        "try:\n    stage.open()\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "regressor needs torch: pip install 'nanocorpus[model]'"


def test_settings() -> None:
    for name in ("Edu", "1edu", "edu.x", ""):
        with pytest.raises(ValueError, match="name"):
            RegressorConfig(model="m", name=name)
    cuda = RegressorConfig(model="m", name="edu", device="cuda")
    assert 0 < Regressor.requires(cuda).gpus <= 1
    assert Regressor(cuda).rows > Regressor(RegressorConfig(model="m", name="edu")).rows
    assert not Regressor.requires(RegressorConfig(model="m", name="edu")).gpus
