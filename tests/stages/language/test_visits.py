"""The compiled loop over bytes gives what py3langid gives."""

from __future__ import annotations

import numpy as np
import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from stages.language.identifiers import py3langid
from stages.language.visits import Visits

TEXTS = (
    "The quick brown fox jumps over the lazy dog, and nobody knows why it should.",
    "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß, weshalb.",
    "我们今天去学校的时候看到了一只很大的狗。",
    "Мы сегодня видели большую собаку по дороге в школу.",
    "この文章は日本語で書かれています。",
    "نحن ذاهبون إلى المدرسة اليوم",
    "SHOUTED ENGLISH WORDS ARE READ AS LOWER CASE",
    "a",
    "\ud800 a lone surrogate",
    "word " * 400,
)


@pytest.fixture(scope="module")
def library() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def test_languages_and_scores_are_the_same_to_the_last_bit(library: LanguageIdentifier) -> None:
    classify = py3langid().classify
    for text in (*TEXTS, "".join(TEXTS), *TEXTS):  # twice: nothing is left of one text in the next
        assert classify(text) == library.classify(text)


def test_random_bytes(library: LanguageIdentifier) -> None:
    visits = Visits(library.tk_nextmove, library.tk_row, library.tk_output)
    random = np.random.default_rng(0)
    for size in (0, 1, 3000):
        data = random.integers(0, 256, size, np.uint8).tobytes()
        state, expected = 0, {}
        for byte in data:
            state = library.tk_nextmove[(library.tk_row[state] << 8) + byte]
            if (feature := library.tk_output[state]) >= 0:
                expected[feature] = expected.get(feature, 0) + 1
        features, counts = visits.count(data)
        assert list(zip(features.tolist(), counts.tolist(), strict=True)) == list(expected.items())


@pytest.mark.parametrize("size", [1, 63, 64, 65, 500, 5000])
def test_states_that_depend_on_all_bytes_before(size: int) -> None:
    """No guess from the last few bytes is right: a state counts the odd bytes, modulo three."""
    steps = np.array([[(state + byte % 2) % 3 for byte in range(256)] for state in range(3)])
    visits = Visits(steps.ravel(), [0, 1, 2], [-1, 0, 1])
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    states = np.cumsum(data % 2) % 3
    features, counts = visits.count(data.tobytes())
    expected = {
        state - 1: float((states == state).sum()) for state in dict.fromkeys(states.tolist()) if state
    }
    assert dict(zip(features.tolist(), counts.tolist(), strict=True)) == expected
    assert features.tolist() == list(expected)
