"""The sample's checkpoint: what it can do, how it was made, and that both engines make the same of it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lessons import mix, phrases
from lessons.measure import FLOORS, measure
from lessons.mix import TASKS, Mix, held_out
from lessons.pages import pages
from lessons.prompts import Prompts
from lessons.rules import ANSWERS, question

from model import reference
from model.backends.reference import Reference
from model.chat import Tokenizer
from model.checkpoint import stored_tensors
from model.config import ModelConfig

SAMPLE = Path(__file__).parents[1] / "configs" / "sample"
CHECKPOINT = SAMPLE / "checkpoint"


WORDS = Tokenizer.load(CHECKPOINT)


@pytest.fixture(scope="module")
def backend() -> Reference:
    return Reference.load(CHECKPOINT)


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_figures_on_what_was_held_out(name: str, figures: dict[str, float]) -> None:
    assert figures[name] >= FLOORS[name]


@pytest.fixture(scope="module")
def figures(backend: Reference) -> dict[str, float]:
    return measure(backend, WORDS, count=60)


def test_it_is_small_and_in_the_published_format() -> None:
    assert sum(file.stat().st_size for file in CHECKPOINT.iterdir()) < 5_000_000
    assert ModelConfig.load(CHECKPOINT).max_position_embeddings == 2048
    matrices = {tensor.dtype for tensor in stored_tensors(CHECKPOINT).values() if len(tensor.shape) == 2}
    assert matrices == {"BF16"}
    assert (CHECKPOINT / "README.md").read_text(encoding="utf-8").startswith("---\nlicense: apache-2.0\n")


def test_lessons_have_nothing_that_is_held_out() -> None:
    kept = {s for page in pages() if page.held_out for group in page.paragraphs for s in group}
    lessons = Mix(3)
    taught = [lessons.lesson(4) for _ in range(3000)]
    texts = " ".join(text for _, text, _ in taught)
    assert len(kept) > 100
    assert [sentence for sentence in kept if sentence in texts] == []
    translated = " ".join(text for task, text, _ in taught if task == "translate")
    assert len(translated) > 10_000
    for noun, adjective in phrases.HELD_OUT:
        assert f" {adjective} {noun} " not in translated


def test_lessons_are_those_of_the_seed() -> None:
    assert [Mix(5).lesson(3) for _ in range(3)] == [Mix(5).lesson(3) for _ in range(3)]
    assert Mix(5).lesson(3) != Mix(6).lesson(3)
    assert held_out("qa", 20, 3) == held_out("qa", 20, 3)


def test_right_answers() -> None:
    assert question("The harbour is quiet in winter.") == ("What is the harbour?", "quiet in winter.")
    assert question("Edward Jenner tested the belief.") == (
        "What did Edward Jenner do?",
        "tested the belief.",
    )
    assert question("It was late, and the lamps were out.") == (
        'What follows "It was late, and"?',
        "the lamps were out.",
    )
    assert question("Add the flour.") == ("What is there to do?", "Add the flour.")
    sentences = ["It's a small boat.", "Many people can't swim."]
    assert ANSWERS["list"](sentences) == "- It's a small boat.\n- Many people can't swim.\n"
    assert ANSWERS["distill"](sentences) == "It is a small boat.\n"
    assert ANSWERS["rephrase"](sentences) == "It is a little boat. Numerous persons is unable to swim.\n"
    for task in ("qa", "list"):
        for text, answer in held_out(task, 30, 3):
            assert all(
                line.split(": ", 1)[-1].removeprefix("- ") in text for line in answer.splitlines()[1::2]
            )
    assert set(mix.SHARES) == set(TASKS) == {file.stem for file in (SAMPLE / "tasks").glob("*.md")}


def test_both_engines_make_the_same_of_it(backend: Reference) -> None:
    torch = pytest.importorskip("torch", reason="the engine needs torch (pip install 'nanocorpus[model]')")
    from model import checkpoint
    from model.engine import Engine

    prompts = Prompts(WORDS)
    asked = [
        prompts.prompt(task, text).request(f"{task} {number}", 240, temperature=number % 2 * 0.7, seed=number)
        for task in TASKS
        for number, (text, _) in enumerate(held_out(task, 6, 3))
    ]
    texts = backend.generate(asked)
    engine = Engine.load(CHECKPOINT, dtype="float32", max_length=512)
    assert engine.generate(asked) == texts
    network = checkpoint.load(CHECKPOINT, dtype=torch.float32)
    plain = reference.Network.load(CHECKPOINT)
    for request, completion in list(zip(asked, texts, strict=True))[::4]:
        ids = np.array([[*request.prompt_ids, *completion.token_ids]])
        logits = plain.forward(ids, plain.state(*ids.shape))
        with torch.inference_mode():
            assert np.abs(network.forward(torch.tensor(ids)).numpy() - logits).max() < 1e-4


def test_trained_twice_it_is_the_same(tmp_path: Path) -> None:
    """A few steps; ``python configs/sample/train_checkpoint.py`` makes the whole."""
    pytest.importorskip("torch", reason="training needs torch (pip install 'nanocorpus[model]')")
    sums = []
    for folder in ("one", "two"):
        command = [sys.executable, str(SAMPLE / "train_checkpoint.py"), "--out", str(tmp_path / folder)]
        subprocess.run([*command, "--tokens", "8000"], check=True, capture_output=True)
        files = sorted((tmp_path / folder).iterdir())
        sums.append([(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files])
    assert sums[0] == sums[1]
    assert [name for name, _ in sums[0]] == ["config.json", "model.safetensors", "tokenizer.json"]
    for name in ("config.json", "tokenizer.json"):
        assert (tmp_path / "one" / name).read_bytes() == (CHECKPOINT / name).read_bytes()
