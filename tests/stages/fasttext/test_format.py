"""Files: what comes back, what is refused."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stages.fasttext.format import Loss, ModelError, read
from stages.fasttext.predict import Predictor
from tests.stages.fasttext.models import LABELS, TEXTS, file_of, random_model


def test_a_file_comes_back_as_it_was_and_is_mapped(tmp_path: Path) -> None:
    made = random_model("pairs", Loss.SOFTMAX)
    (tmp_path / "model.bin").write_bytes(file_of(made))
    found = read(tmp_path / "model.bin")
    assert file_of(found) == file_of(made)
    assert found.settings == made.settings
    assert found.dictionary.labels == [label.decode() for label in LABELS[:2]]
    for matrix in (found.input, found.output):
        assert not matrix.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            matrix[0, 0] = 0


def test_what_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    whole = file_of(random_model("pairs", Loss.SOFTMAX))

    def wrong(data: bytes) -> str:
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            read(path)
        assert str(caught.value).startswith(str(path))
        return str(caught.value)

    for end in (*range(0, 120, 5), *range(120, len(whole), 97), len(whole) - 1):
        wrong(whole[:end])
    assert "1 bytes more" in wrong(whole + b"\0")
    assert "no fastText model" in wrong(b"<!DOCTYPE html><html>")
    assert "version 13" in wrong(whole[:4] + b"\x0d" + whole[5:])
    assert "word vectors" in wrong(whole[:36] + b"\x01" + whole[37:])
    assert "unknown loss" in wrong(whole[:32] + b"\x09" + whole[33:])
    assert "no numbers" in wrong(whole[:-4] + np.float32(np.nan).tobytes())
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.bin")
    # any byte may be wrong, and reading either succeeds or says so; never worse
    for place, byte in itertools.product(range(8, 240), (0x7F, 0xFF)):
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        with suppress(ModelError):
            Predictor(read(path)).probabilities(pa.array(TEXTS[:4]))


def test_a_model_of_version_11_has_no_character_ngrams(tmp_path: Path) -> None:
    made = random_model("characters", Loss.SOFTMAX)
    data = file_of(made)
    (tmp_path / "old.bin").write_bytes(data[:4] + b"\x0b" + data[5:])
    assert read(tmp_path / "old.bin").settings == replace(made.settings, max_chars=0)
