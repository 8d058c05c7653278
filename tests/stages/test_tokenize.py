"""Tokenization with real tokenizers of several kinds, trained or built here."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from stages import tokenize
from stages.base import Annotation
from stages.tokenize import Tokenize, TokenizeConfig
from stages.vocabulary import vocabulary

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PROSE = [
    "The harbour master counts the boats twice, once in the morning and once at night.",
    "Der Hafenmeister zählt die Boote zweimal, einmal am Morgen und einmal in der Nacht.",
    "港の管理人は船を二度数えます。朝に一度、夜に一度。",
    "for boat in harbour:\n    count += 1  # twice\n",
]


@cache
def plain() -> Tokenizer:
    """Byte-level BPE, as trained; never changed by a test."""
    return byte_level()


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(PROSE, trainer)
    return tokenizer


def opened(tokenizer: Tokenizer, folder: Path) -> Tokenize:
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    stage = Tokenize(TokenizeConfig(path=str(path)))
    stage.open()
    return stage


def run(stage: Tokenize, texts: list[str | None]) -> tuple[list[list[int] | None], Annotation]:
    done = stage.annotate(pa.table({"text": pa.array(texts, pa.string())}))
    got = pa.table(dict(done.columns))
    assert got.schema.equals(Tokenize.adds)
    got.validate(full=True)
    ids = got["input_ids"].to_pylist()
    assert got["n_tokens"].to_pylist() == [None if row is None else len(row) for row in ids]
    return ids, done


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Tokenize:
    return opened(plain(), tmp_path_factory.mktemp("tokenizer"))


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("around", ["{}", "a{}b", " {}\n", "{0}{0}"])
def test_special_tokens_spelled_out_in_text_are_text(stage: Tokenize, special: str, around: str) -> None:
    text = around.format(special)
    (ids,), done = run(stage, [text])
    assert not done.faults
    assert ids is not None
    assert not {plain().token_to_id(token) for token in SPECIAL} & set(ids)
    assert plain().decode(ids, skip_special_tokens=True) == text


def test_begin_and_end_tokens_truncation_padding_and_dropout_of_the_file_are_off(tmp_path: Path) -> None:
    expected = [plain().encode(text).ids for text in PROSE]
    asking = byte_level()
    asking.enable_truncation(4)
    asking.enable_padding(length=64)
    asking.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A <|endoftext|>",
        special_tokens=[(token, plain().token_to_id(token)) for token in ("<|im_start|>", "<|endoftext|>")],
    )
    asking.model.dropout = 0.5
    ids, _ = run(opened(asking, tmp_path), list(PROSE))
    assert ids == expected


def test_a_control_piece_that_a_unigram_model_finds_in_text_is_a_fault(tmp_path: Path) -> None:
    letters = [(letter, -5.0) for letter in "abces<>/|dnoftxk▁"]
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("</s>", 0.0), *letters], unk_id=0))
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    ids, done = run(opened(tokenizer, tmp_path), ["abc", "ab</s>c", "aꙮ"])
    assert ids == [[2, 3, 4], None, [2, 0]]
    assert done.faults == {1: ("special_token", "'</s>' from the text")}


def test_a_byte_that_is_spelt_out_is_a_fault_where_it_would_become_the_byte(tmp_path: Path) -> None:
    pieces = [(f"<0x{number:02X}>", -8.0) for number in range(256)]
    letters = [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz <>x0123456789ABCDEF"]
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), *pieces, *letters], unk_id=0, byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    stage = opened(tokenizer, tmp_path)
    texts = ["plain words", "a <0x41> and <0x0A> here", "the sign ⚓ takes bytes", "<0xZZ> <0x4> are none"]
    ids, done = run(stage, texts)
    assert {row: fault.reason for row, fault in done.faults.items()} == {1: "special_token"}
    assert "'<0x41>'" in done.faults[1].detail
    for row in (0, 2, 3):
        assert tokenizer.decode(ids[row], skip_special_tokens=False) == texts[row]


def test_null_is_a_fault_and_empty_text_has_no_tokens(stage: Tokenize) -> None:
    ids, done = run(stage, [None, "", "boat", None])
    assert ids[0] is None
    assert ids[1] == []
    assert ids[2]
    assert {row: fault.reason for row, fault in done.faults.items()} == {0: "no_text", 3: "no_text"}


def test_no_rows_and_only_faults(stage: Tokenize) -> None:
    assert run(stage, [])[0] == []
    assert run(stage, [None])[0] == [None]


def test_a_text_that_fails_does_not_take_its_batch_with_it(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"boat": 0, "tide": 1}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ids, done = run(opened(tokenizer, tmp_path), ["boat tide", "boat whale", "tide"])
    assert ids == [[0, 1], None, [1]]
    assert done.faults[1].reason == "tokenize_error"
    assert "UNK" in done.faults[1].detail


def test_a_tokenizer_that_loses_characters_is_refused(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    with pytest.raises(ValueError, match="would silently lose text"):
        opened(tokenizer, tmp_path)


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match=r"x\.json is not a tokenizer\.json"):
        Tokenize(TokenizeConfig(path=str(tmp_path / "x.json"))).open()


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=6), limit=st.integers(1, 60))
def test_every_text_comes_back_and_grouping_does_not_matter(
    stage: Tokenize, texts: list[str | None], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenize, "CHARS_PER_CALL", limit)
        ids, done = run(stage, texts)
    assert not done.faults
    assert [plain().decode(row or [], skip_special_tokens=False) for row in ids] == texts
    assert ids == run(stage, texts)[0]


@pytest.mark.parametrize("unit", ["a", " ", "\n", "boat ", "1234567", "港の管理人", "=-"])
def test_a_line_of_a_million_characters(stage: Tokenize, unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    (ids,), _ = run(stage, [text])
    assert plain().decode(ids or []) == text


def test_no_threads_of_its_own(tmp_path: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("counts threads in /proc")
    opened(plain(), tmp_path)
    script = (
        "import os, pyarrow as pa\n"
        "from stages.tokenize import Tokenize, TokenizeConfig\n"
        "batch = pa.table({'text': ['the harbour master counts the boats'] * 200})\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        f"stage = Tokenize(TokenizeConfig(path={str(tmp_path / 'tokenizer.json')!r}))\n"
        "stage.open()\n"
        "stage.annotate(batch)\n"
        "print(len(os.listdir('/proc/self/task')) - before)\n"
    )
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "true", "RAYON_NUM_THREADS": "4"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"


def test_what_a_vocabulary_says_of_itself() -> None:
    found = vocabulary(plain())
    assert found.size == plain().get_vocab_size() == 400
    assert found.special == {token: plain().token_to_id(token) for token in SPECIAL}
    assert found.eos == "<|endoftext|>"
    assert vocabulary(plain(), "<|im_end|>").eos == "<|im_end|>"
    with pytest.raises(ValueError, match="'boat' is no special token of this tokenizer"):
        vocabulary(plain(), "boat")


def test_the_end_of_a_text_is_not_guessed() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"))
    assert vocabulary(tokenizer).eos is None
    tokenizer.add_special_tokens(["</s>"])
    assert vocabulary(tokenizer).eos == "</s>"
    tokenizer.add_special_tokens(["<eos>"])
    assert vocabulary(tokenizer).eos is None  # which of the two?
    assert vocabulary(tokenizer).special == {"</s>": 2, "<eos>": 3}
    assert vocabulary(tokenizer).size == 4


def test_a_wrong_end_is_found_when_the_stage_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    plain().save(str(path))
    with pytest.raises(ValueError, match=r"tokenize\.eos: '</s>' is no special token"):
        Tokenize(TokenizeConfig(path=str(path), eos="</s>")).open()
