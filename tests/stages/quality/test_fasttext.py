"""The stage ``fasttext``: its column, its faults, and what it refuses to open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stages.base import Fault
from stages.fasttext.format import Loss, entries
from stages.quality.fasttext import FastText, FastTextConfig
from tests.stages.fasttext.models import TEXTS, WORDS, answers, file_of, random_model


def opened(path: Path, **config: str) -> FastText:
    stage = FastText(FastTextConfig(model=str(path), name="dclm", **config))
    stage.open()
    return stage


def test_the_stage_adds_the_probability_of_its_label(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(random_model("triples", Loss.SOFTMAX)))
    stage = opened(path, label="__label__lq")
    batch = pa.table({"text": pa.chunked_array([TEXTS[:3], [None], TEXTS[3:]], pa.string())})
    done = stage.annotate(batch)
    assert not done.faults
    got = pa.table(dict(done.columns))
    assert got.schema == FastText.added(stage.config)
    wanted = [answers(path)(text, ["__label__lq"])[0] for text in TEXTS]
    scores = got["quality.dclm"].to_pylist()
    assert scores.pop(3) is None
    np.testing.assert_allclose(scores, wanted, atol=2e-6)
    assert stage.annotate(batch.slice(0, 0)).columns["quality.dclm"] == pa.array([], pa.float32())


def test_the_library_in_its_place(tmp_path: Path) -> None:
    pytest.importorskip("fasttext", reason="needs the fastText library (pip install 'nanocorpus[fasttext]')")
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(random_model("pairs", Loss.SOFTMAX)))
    batch = pa.table({"text": pa.array([*TEXTS, None], pa.string())})
    own, library = (opened(path, backend=name).annotate(batch) for name in ("own", "library"))
    assert own.faults == library.faults == {}
    scores = [done.columns["quality.dclm"].to_numpy(zero_copy_only=False) for done in (own, library)]
    np.testing.assert_allclose(*scores, atol=2e-6)


def test_the_backend_of_before_is_not_part_of_what_was_asked_for() -> None:
    config = FastTextConfig(model="m.bin", name="dclm")
    assert config.model_dump() == {"model": "m.bin", "label": "__label__hq", "name": "dclm"}
    library = FastTextConfig.model_validate({**config.model_dump(), "backend": "library"})
    assert library.model_dump()["backend"] == "library"
    assert FastText.requires(library).memory > FastText.requires(config).memory


def test_a_text_that_the_model_has_no_row_for_is_a_fault(tmp_path: Path) -> None:
    made = random_model("words", Loss.SOFTMAX)
    dictionary = entries([(b"w%d" % n, 1) for n in range(len(WORDS))], [(b"__label__hq", 1), (b"x", 1)], 9)
    (tmp_path / "model.bin").write_bytes(file_of(replace(made, dictionary=dictionary)))
    done = opened(tmp_path / "model.bin").annotate(pa.table({"text": ["w1", "other words", None]}))
    assert done.columns["quality.dclm"].is_valid().to_pylist() == [True, False, False]
    assert done.faults == {1: Fault("no_score", "the model has nothing about this text")}


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(file_of(random_model("words", Loss.SOFTMAX)))
    with pytest.raises(ValueError, match="no __label__good; it has __label__hq, __label__lq"):
        opened(path, label="__label__good")
    path.write_bytes(b"no model at all")
    with pytest.raises(ValueError, match=r"fasttext\.model: .* is no fastText model"):
        opened(path)
