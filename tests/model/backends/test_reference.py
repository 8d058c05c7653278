"""The backend in NumPy: what becomes of requests, and that it is what the embedded engine makes of them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from model.backends.reference import Reference
from model.chat import Chat, Tokenizer
from model.config import ModelConfigError
from model.reference import Network
from model.requests import Request
from tests.model import numpy_checkpoint, small_tokenizer
from tests.model.numpy_checkpoint import CONFIG

TOKENIZER = Tokenizer(small_tokenizer.content())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    numpy_checkpoint.write(path)
    return path


def mixed(count: int = 60) -> list[Request]:
    """Prompts of 1 to 90 tokens with all kinds of settings."""
    chance = random.Random(0)
    kinds = [
        {},
        {"temperature": 0.7},
        {"temperature": 0.7, "top_p": 0.9},
        {"temperature": 1.0, "top_k": 20},
        {"temperature": 0.8, "top_k": 30, "top_p": 0.5, "repetition_penalty": 1.2},
        {"repetition_penalty": 1.3},
        {"stop_ids": tuple(range(100, 130))},
        {"stop_strings": ("e", "the")},
    ]
    return [
        Request(
            str(number),
            [chance.randrange(13, CONFIG.vocab_size) for _ in range(chance.randint(1, 90))],
            chance.randint(1, 50),
            seed=chance.randrange(1 << 63),
            **chance.choice(kinds),  # type: ignore[arg-type]
        )
        for number in range(count)
    ]


def test_the_embedded_engine_gives_the_same(folder: Path) -> None:
    torch = pytest.importorskip("torch", reason="the engine needs torch (pip install 'nanocorpus[model]')")
    from model.engine import Engine

    asked = mixed()
    engine = Engine.load(folder, dtype=torch.float32, max_length=256)
    assert Reference.load(folder, max_length=256).generate(asked) == engine.generate(asked)


def test_reasoning_with_a_budget_is_closed_as_the_engine_does(folder: Path) -> None:
    torch = pytest.importorskip("torch", reason="the engine needs torch (pip install 'nanocorpus[model]')")
    from model.engine import Engine

    chat = Chat(TOKENIZER)
    asked = [
        chat.prompt("The harbour", thinking=budget).request(str(budget), 40, temperature=0.9, seed=budget)
        for budget in (0, 1, 7, 30)
    ]
    ours = Reference.load(folder, max_length=256).generate(asked)
    assert ours == Engine.load(folder, dtype=torch.float32, max_length=256).generate(asked)
    assert ours[0].thinking is not None


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_a_completion_does_not_depend_on_what_runs_beside_it(rows: int, folder: Path) -> None:
    asked = mixed(20)
    alone = [completion for request in asked for completion in Reference.load(folder).generate([request])]
    assert Reference.load(folder, rows=rows).generate(asked) == alone


def test_what_does_not_fit_is_the_error_of_its_request(folder: Path) -> None:
    backend = Reference.load(folder, max_length=20)
    assert backend.max_length == 20
    good, long, strange = backend.generate(
        [Request("good", [5], 19), Request("long", [5] * 10, 11), Request("strange", [512], 2)]
    )
    assert good.finish_reason == "length"
    assert len(good.token_ids) == 19
    assert (long.finish_reason, long.error) == (
        "error",
        "10 of the prompt and max_tokens 11 are 21 tokens, but there is room for 20",
    )
    assert strange.error == "prompt has token id 512, but the vocabulary ends at 511"
    assert backend.generate([]) == []
    with pytest.raises(TypeError, match=r"a model\.Request was expected"):
        backend.generate([Request("a", [1], 1), "b"])  # type: ignore[list-item]


def test_logits_that_are_no_numbers_cost_their_request_alone(folder: Path) -> None:
    weights = numpy_checkpoint.weights()
    weights["backbone.embeddings.weight"][7] = np.nan
    backend = Reference(Network(CONFIG, weights), TOKENIZER, rows=2)
    asked = [Request("a", [5, 6], 6), Request("b", [5, 7], 6), Request("c", [5, 8], 6), Request("d", [9], 3)]
    found = backend.generate(asked)
    assert found[1].error == "the logits after 2 tokens are not finite"
    sound = Reference(Network(CONFIG, numpy_checkpoint.weights()), TOKENIZER)
    for place in (0, 2, 3):
        assert found[place] == sound.generate([asked[place]])[0]
        assert found[place].error is None


def test_settings_that_cannot_be(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="float32 or float64, not 'bfloat16'"):
        Reference.load(folder, dtype="bfloat16")
    with pytest.raises(ModelConfigError, match="4097 is not from 1 to max_position_embeddings, 4096"):
        Reference.load(folder, max_length=4097)
    with pytest.raises(ValueError, match="rows must be 1 or more"):
        Reference.load(folder, rows=0)
    numpy_checkpoint.write(tmp_path)
    (tmp_path / "tokenizer.json").write_text(small_tokenizer.content(specials=300))
    with pytest.raises(ValueError, match="the network 512"):
        Reference.load(tmp_path)
