"""Asks vLLM for completions, in a Python that has vLLM: ``vllm_answers.py CHECKPOINT REQUESTS ANSWERS``.

``REQUESTS`` is a JSON list of batches of requests (fields of ``Request``), ``ANSWERS`` gets a list of batches of
completions. Settings are those of a CPU build: float32, no compilation.
"""

import dataclasses
import json
import os
import sys
import time
from pathlib import Path

QUIET = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
}


def main(checkpoint: str, requests: str, answers: str) -> None:
    from model.backends.vllm import VLLM
    from model.requests import Request, Thinking

    started = time.monotonic()
    engine = VLLM.load(checkpoint, 512, dtype="float32", enforce_eager=True, max_num_seqs=8)
    print(f"loaded in {time.monotonic() - started:.0f} s", flush=True)
    found = []
    for batch in json.loads(Path(requests).read_text()):
        for one in batch:
            thinking = one.pop("thinking")
            one["thinking"] = None if thinking is None else Thinking(**thinking)
        started = time.monotonic()
        completions = engine.generate([Request(**one) for one in batch])
        tokens = sum(one.completion_tokens for one in completions)
        print(f"{len(batch)} requests, {tokens} tokens in {time.monotonic() - started:.1f} s", flush=True)
        found.append([dataclasses.asdict(one) for one in completions])
    Path(answers).write_text(json.dumps(found))


if __name__ == "__main__":  # vLLM's own processes import this module again
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    main(*sys.argv[1:])
