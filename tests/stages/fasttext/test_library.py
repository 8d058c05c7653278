"""The library as a backend: the same answers, and what is said where it is missing."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stages.fasttext.backends import open_model
from stages.fasttext.format import Loss, ModelError, entries
from tests.stages.fasttext.models import TEXTS, WORDS, file_of, random_model

needs_library = pytest.mark.skipif(
    not find_spec("fasttext"),
    reason="needs the fastText library (pip install 'nanocorpus[fasttext]')",
)
COLUMN = pa.chunked_array([[*TEXTS, None], TEXTS[:2]], pa.string())


@needs_library
@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name.lower())
@pytest.mark.parametrize("kind", ["triples", "everything"])
def test_both_backends_answer_the_same(tmp_path: Path, kind: str, loss: Loss) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(random_model(kind, loss)))
    own, library = open_model(str(path), "own"), open_model(str(path), "library")
    assert library.labels == own.labels
    found = library.probabilities(COLUMN)
    assert (found.shape, found.dtype) == ((len(COLUMN), len(own.labels)), np.float32)
    np.testing.assert_allclose(found, own.probabilities(COLUMN), atol=5e-5)
    assert np.isnan(found[len(TEXTS)]).all()


@needs_library
def test_a_text_without_a_row_or_a_number_has_no_answer(tmp_path: Path) -> None:
    made = random_model("words", Loss.SOFTMAX)
    dictionary = entries([(b"w%d" % n, 1) for n in range(len(WORDS))], [(b"__label__hq", 1), (b"x", 1)], 9)
    rows = made.input.copy()
    rows[2] = np.nan
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(replace(made, dictionary=dictionary, input=rows)))
    for backend in ("own", "library"):
        found = open_model(str(path), backend).probabilities(pa.array(["w1", "other words", "w2", "w1 w2"]))
        assert np.isnan(found).any(axis=1).tolist() == [False, True, True, True], backend


def test_files_are_checked_before_the_library_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(random_model("words", Loss.SOFTMAX))[:-1])
    with pytest.raises(ModelError, match=r"model\.bin"):
        open_model(str(path), "library")


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(random_model("words", Loss.SOFTMAX)))
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(ImportError, match=r"nanocorpus\[fasttext\]"):
        open_model(str(path), "library")
    open_model(str(path), "own")
