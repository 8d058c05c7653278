"""Claim: tokens/s through the stage ``complete`` are at least 0.9 of those of ``Engine.generate`` for the
same requests, and judging stored answers anew takes less than 5 % of the time of generating them.

    python benchmarks/synthesis_throughput.py [--documents 300] [--rounds 3]

A checkpoint of random weights of the sample's shape (2.7 million parameters, fp32, one thread) answers two
tasks about every document with up to 96 tokens. Through the stage everything counts: prompts, tokenizing,
keys, sorting, and sealing files on disk in batches of 512. The peer is given all requests at once, ready
made, in the order in which the stage hands them on. In turns; the ratio is the median of neighbouring runs.
CPU seconds of the process. Judging is ``parse`` and ``accept`` on answers with four pairs each; generating
as many tokens is reckoned from the speed that was measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyarrow as pa
import pyarrow.compute
import torch

from benchmarks.lib.corruptions import pairs
from model import Engine
from model.tiny import tiny_config, write_checkpoint
from pipeline.ledger.commit import Ledger
from pipeline.storage import Storage
from pipeline.tasks.journal import PartJournal
from stages.base import DOCUMENT
from stages.synthesis.accept import Accept
from stages.synthesis.columns import COMPLETION
from stages.synthesis.complete import Complete
from stages.synthesis.parse import Parse
from stages.synthesis.segments import Segments
from stages.synthesis.task import found

NEEDS = ("torch",)
FLOORS = {"share of the engine's tokens/s": 0.9}
CEILINGS = {"judging again, share of generating": 0.05}
ROOT = Path(__file__).resolve().parent.parent
SHAPE: dict[str, Any] = {
    "pattern": "M*-M*-",
    "vocab_size": 4096,
    "hidden_size": 192,
    "intermediate_size": 576,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 48,
    "mamba_num_heads": 6,
    "mamba_head_dim": 64,
    "n_groups": 2,
    "ssm_state_size": 32,
}
SHORT = """---
name: {name}
version: 1
segment: {{max_tokens: 200}}
answer: {{max_tokens: 96, temperature: 0.0}}
parser: passage
---
# Before
Task {name}. DOCUMENT BEGINS
# After
DOCUMENT ENDS
"""


def spent(work: Callable[[], int]) -> float:
    """Tokens for each CPU second."""
    started = time.process_time()
    return work() / (time.process_time() - started)


def documents(count: int) -> pa.Table:
    texts = list(dict.fromkeys(pair.text for pair in pairs()))
    rows = [
        {"id": b"%016d" % number, "text": f"{number}. {texts[number % len(texts)]}", "language": "en"}
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT)


def opened(cls: Any, **settings: Any) -> Any:
    stage = cls(cls.Config.model_validate(settings))
    stage.open()
    return stage


def checkpoint(folder: Path) -> Path:
    """A checkpoint with a tokenizer that has the tokens of a chat."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    write_checkpoint(folder, tiny_config(**SHAPE))
    names = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{i}>" for i in range(3, 20))]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([pair.text for pair in pairs()], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = checkpoint(Path(name))
        tasks = []
        for task in ("first", "second"):
            (folder / f"{task}.md").write_text(SHORT.format(name=task))
            tasks.append(str(folder / f"{task}.md"))
        words = str(folder / "tokenizer.json")
        rows = opened(Segments, tasks=tasks, tokenizer=words).generate(documents(options.documents)).rows
        engine = {"device": "cpu", "dtype": "float32", "context": 1024, "slots": 64}
        stage = opened(Complete, tasks=tasks, tokenizer=words, backend="embedded", model=name, **engine)
        peer = Engine.load(folder, device="cpu", dtype="float32", max_length=1024, slots=64)
        batches = [rows.slice(start, stage.rows) for start in range(0, len(rows), stage.rows)]
        requests = [one.requests[key] for one in map(stage.asked, batches) for key in stage.order(one)]
        number = 0

        def ours() -> int:
            nonlocal number
            number += 1
            ledger = Ledger(Storage(), str(folder / f"out{number}"), "token", "run")
            ledger.take_over()
            journal = PartJournal(ledger, "work/d/s", "part-1", COMPLETION)
            done = list(stage.stream(iter(batches), journal))
            return sum(pa.compute.sum(one.columns["completion.tokens_out"]).as_py() for _, one in done)

        def theirs() -> int:
            return sum(one.completion_tokens for one in peer.generate(requests))

        peer.generate(requests[:64])
        speeds = [(spent(ours), spent(theirs)) for _ in range(options.rounds)]
    mine, other = (statistics.median(column) for column in zip(*speeds, strict=True))
    ratio = statistics.median(one / two for one, two in speeds)
    ((share, floor),) = FLOORS.items()
    print(f"{'name':<38}{'ours':>9}{'peer':>9}{'ratio':>8}{'floor':>8}")
    print(f"{share:<38}{mine:>9.0f}{other:>9.0f}{ratio:>8.3f}{floor:>8g}")
    again, generating = judging(rows, requests, 1 / mine)
    ((what, ceiling),) = CEILINGS.items()
    print(f"{what:<38}{again:>9.2f}{generating:>9.2f}{again / generating:>8.3f}{ceiling:>8g}")
    return int(ratio < floor or again / generating > ceiling)


def judging(rows: pa.Table, requests: list[Any], seconds: float) -> tuple[float, float]:
    """CPU seconds to parse and judge answers of question and answer, and to generate as many tokens."""
    parse, accept = opened(Parse, tasks=[found("diverse_qa")]), opened(Accept)
    said: dict[str, list[str]] = {}
    for pair in pairs():
        said.setdefault(pair.text, []).append(f"{pair.question}\nAnswer: {pair.answer}")
    answers = [
        " " + "\nQuestion: ".join(said[text.split(". ", 1)[1]][:4]) for text in rows["text"].to_pylist()
    ]
    columns: dict[str, Any] = {"completion.text": answers, "completion.finish": ["stop"] * len(rows)}
    for field in COMPLETION:
        values = columns.get(field.name, [None] * len(rows))
        rows = rows.append_column(field.name, pa.array(values, field.type))
    at = rows.schema.get_field_index("task.name")
    rows = rows.set_column(at, "task.name", pa.array(["diverse_qa"] * len(rows)))
    tokens = sum(len(answer) for answer in answers) / 4  # four characters a token
    started = time.process_time()
    for start in range(0, len(rows), 256):
        accept.judge(parse.generate(rows.slice(start, 256)).rows)
    return time.process_time() - started, tokens * seconds


if __name__ == "__main__":
    sys.exit(main())
