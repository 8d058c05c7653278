"""Claim: on a CPU the engine gives at least as many tokens/s as vLLM's CPU build, and 1.2 times as many where
prompts share a beginning.

    NANOCORPUS_VLLM=PYTHON python benchmarks/model_cpu.py [--threads 1 2] [--dtypes float32 bfloat16]

``NANOCORPUS_VLLM`` names a Python that has vLLM for the CPU. A checkpoint of random weights, an eighth of the
9B network in width and a quarter in depth, answers greedily: 32 requests with prompts of 8 to 64 tokens and
completions of 16 to 96; 32 short prompts behind 512 tokens that all share, with 32 tokens each; and one
request of 48 tokens by itself. Each engine is a process that stays; both are asked in turns, ``--rounds``
times, and the ratio is the median of neighbouring turns. With one thread CPU seconds of the process are
counted, which other work on the machine disturbs least; with more, seconds by the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NEEDS = ("torch",)
FLOORS = {"times vLLM's tokens/s": 1.0, "the same, shared prompts": 1.2}
CASES = {"ragged": 1.0, "shared": 1.2, "single": 1.0}
LENGTH = 1024
SEQUENCES = 32
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
#: Prompts and tokens to generate.
Work = list[tuple[list[int], int]]


def work(vocab: int) -> dict[str, Work]:
    source = random.Random(0)

    def prompt(length: int) -> list[int]:
        return [source.randrange(20, vocab) for _ in range(length)]

    common = prompt(512)
    return {
        "ragged": [(prompt(source.randint(8, 64)), source.randint(16, 96)) for _ in range(SEQUENCES)],
        "shared": [(common + prompt(source.randint(8, 32)), 32) for _ in range(SEQUENCES)],
        "single": [(prompt(32), 48)],
    }


def checkpoint(folder: Path) -> int:
    """A checkpoint of the shape that ``model_engine`` calls medium; returns its vocabulary."""
    from benchmarks.model_engine import MEDIUM
    from benchmarks.synthesis_throughput import checkpoint as with_tokenizer
    from model.tiny import write_checkpoint

    with_tokenizer(folder)
    write_checkpoint(folder, MEDIUM)
    return 2000  # ids of the tokenizer


def ours(folder: str, dtype: str) -> Callable[[Work], int]:
    from model import Engine, Request

    engine = Engine.load(folder, dtype=dtype, max_length=LENGTH, slots=SEQUENCES)

    def answer(asked: Work) -> int:
        requests = [Request(str(number), prompt, most) for number, (prompt, most) in enumerate(asked)]
        return sum(one.completion_tokens for one in engine.generate(requests))

    return answer


def theirs(folder: str, dtype: str) -> Callable[[Work], int]:
    import vllm

    engine = vllm.LLM(
        folder, dtype=dtype, max_model_len=LENGTH, max_num_seqs=SEQUENCES, enforce_eager=True,
        mamba_ssm_cache_dtype="float32", skip_tokenizer_init=True,
    )  # fmt: skip

    def answer(asked: Work) -> int:
        prompts: Any = [{"prompt_token_ids": prompt} for prompt, _ in asked]
        settings = [
            vllm.SamplingParams(temperature=0, max_tokens=most, ignore_eos=True, detokenize=False)
            for _, most in asked
        ]
        return sum(
            len(one.outputs[0].token_ids) for one in engine.generate(prompts, settings, use_tqdm=False)
        )

    return answer


def serve(name: str, folder: str, dtype: str, threads: int) -> None:
    """Answer each line, the name of a case, by a line: tokens, seconds of CPU and by the clock."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever engines print
    import torch

    torch.set_num_threads(threads)
    answer = {"ours": ours, "vllm": theirs}[name](folder, dtype)
    cases = json.loads((Path(folder) / "work.json").read_text())
    for line in sys.stdin:
        begin, cpu = time.perf_counter(), time.process_time()
        tokens = answer(cases[line.strip()])
        spent = (tokens, time.process_time() - cpu, time.perf_counter() - begin)
        os.write(out, (json.dumps(spent) + "\n").encode())


class Server:
    def __init__(self, python: str, name: str, folder: Path, dtype: str, threads: int) -> None:
        command = [python, __file__, "--serve", name, str(folder), dtype, str(threads)]
        environment = os.environ | ENVIRONMENT | {"OMP_NUM_THREADS": str(threads)}
        self.log = (folder / f"{name}.log").open("w+")
        self.process = subprocess.Popen(
            command, env=environment, stdin=-1, stdout=-1, stderr=self.log, text=True
        )
        self.cpu = threads == 1

    def rate(self, case: str) -> float:
        """Tokens a second."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"{self.log.name} ends: {self.log.read()[-2000:]}")
        tokens, cpu, clock = json.loads(line)
        return float(tokens / (cpu if self.cpu else clock))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


def compare(servers: Sequence[Server], label: str, cases: Sequence[str], rounds: int) -> bool:
    fine = True
    for case in cases:
        for server in servers:
            server.rate(case)
        turns = [[server.rate(case) for server in servers] for _ in range(rounds)]
        mine, other = (statistics.median(column) for column in zip(*turns, strict=True))
        ratio = statistics.median(one / two for one, two in turns)
        print(f"{label + ' ' + case:<32}{mine:>9.0f}{other:>9.0f}{ratio:>8.2f}{CASES[case]:>8g}", flush=True)
        fine &= ratio >= CASES[case]
    return fine


def main() -> int:
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:5], threads=int(sys.argv[5]))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    other = os.environ.get("NANOCORPUS_VLLM")
    if other is None:
        print("NANOCORPUS_VLLM does not name a Python that has vLLM", file=sys.stderr)
        return 2
    fine = True
    with tempfile.TemporaryDirectory(prefix="model-cpu-") as name:
        folder = Path(name)
        vocab = checkpoint(folder)
        (folder / "work.json").write_text(json.dumps(work(vocab)))
        print(f"{'tokens/s':<32}{'ours':>9}{'peer':>9}{'ratio':>8}{'floor':>8}")
        for threads in options.threads:
            for dtype in options.dtypes:
                servers = [
                    Server(python, engine, folder, dtype, threads)
                    for python, engine in ((sys.executable, "ours"), (other, "vllm"))
                ]
                try:
                    label = f"{threads} thread{'s'[: threads > 1]}, {dtype}"
                    fine &= compare(servers, label, options.cases, options.rounds)
                finally:
                    for server in servers:
                        server.close()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
