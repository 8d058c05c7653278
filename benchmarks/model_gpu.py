"""Claim: on one GPU, with weights of Nemotron Nano 9B v2's shapes in bf16, the engine decodes at 70 % or more
of what memory bandwidth allows at a batch of 256, and at 65 % with top-p; passes over prompts of 28,672
tokens take no more memory than the formula says.

    python benchmarks/model_gpu.py [--context 1500] [--bandwidth TB/s --tflops N] [--transformers]
                                   [--vllm PYTHON]

Needs a CUDA device with about 70 GB for a batch of 256; without a device it says so and exits with 2, and
batches that do not fit are left out by name. Weights are random and made on the device. A step is what the
engine does for a token of every sequence: network, CUDA graph, sampling (greedy; temperature 0.6 and top-p
0.95; both by turns), ids to the host; sequences have ``--context`` tokens. Its roofline is the bytes that it
must move (all weights but the embedding once; the fp32 recurrent state of every sequence read and written;
keys and values read) over the device's bandwidth. That of prefill is the arithmetic, two operations per
weight and token and those of the scan and of attention, over the dense bf16 rate. Behind a shared beginning
of 2,048 tokens, prompts are timed through the engine, from requests to first tokens, and counted as if all
their tokens had been computed. Decoding through the engine, from requests to texts, is shown too: the device
is at the next step while texts are made, so it should be as fast as steps are. ``--vllm`` names a Python that
has vLLM, which then decodes as many tokens with dummy weights of the same shapes, as transformers does with
ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from model.config import NANO_9B_V2, ModelConfig
from model.engine import Engine
from model.graphs import Decoder, bucket
from model.memory import PREFILL_TOKENS, pass_bytes, slots_that_fit, step_bytes
from model.network import Network, PackedBatch
from model.requests import Request
from model.sampling import Sampler
from model.state import StatePool, free_bytes

BATCHES = (1, 16, 64, 256)
NEEDS = ("torch", "triton", "cuda")
FLOORS = {"of the roofline, decoding 256 sequences": 0.7, "the same with top-p": 0.65}
CEILINGS = {"memory of a pass, share of the formula": 1.0, "memory of a step, share of the formula": 1.0}
STEPS = 20
TOP_P: dict[str, Any] = {"temperature": 0.6, "top_p": 0.95}
#: By name: the settings that slots have by turns, and the least share of the roofline at the largest batch.
KINDS: dict[str, tuple[list[dict[str, Any]], float]] = {
    "greedy": ([{}], 0.7),
    "top-p": ([TOP_P], 0.65),
    "mixed": ([{}, TOP_P, {"temperature": 1.0}], 0.0),
}
#: Tokens of a long prompt, of a shared beginning and behind it.
LONG, SHARED, TAIL = 28_672, 2048, 64
#: By device name: TB/s of memory, dense bf16 TFLOP/s (NVIDIA's data sheets, SXM).
DEVICES = {"H100": (3.35, 989.0), "H200": (4.8, 989.0), "A100": (2.04, 312.0), "B200": (8.0, 2250.0)}


def random_weights(config: ModelConfig, device: str) -> Network:
    """Of tame size, so that nothing overflows; what they are does not matter for speed."""
    network = Network(config, device=device, dtype=torch.bfloat16)
    generator = torch.Generator(device).manual_seed(0)
    for name, tensor in network.tensors().items():
        if name.endswith(("A_log", "norm.weight", "norm_f.weight", ".D")):
            tensor.fill_(1.0)
        elif name.endswith(("dt_bias", "conv1d.bias")):
            tensor.fill_(-1.0 if name.endswith("dt_bias") else 0.0)
        else:
            tensor.normal_(0.0, 0.02, generator=generator)
    return network.freeze()


def median_seconds(work: Callable[[], Any], count: int) -> float:
    """Of ``work``, which ends with a word from the device; the first ones set things up."""
    for _ in range(3):
        work()
    taken = []
    for _ in range(count):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def decode_seconds(network: Network, batch: int, context: int) -> tuple[dict[str, float], float]:
    """A step of the engine for ``batch`` sequences, by kind of sampling; and the memory that steps take, as a
    share of the formula's."""
    config = network.config
    state = StatePool(config, batch, context + 2, device=network.device, dtype=network.dtype)
    before = memory_now()
    decoder, sampler = Decoder(network, state), Sampler(batch, config.vocab_size, network.device)
    tokens = torch.arange(3, 3 + batch, device=network.device)
    seconds = {}
    for name, (settings, _) in KINDS.items():
        for slot in range(batch):
            sampler.admit(slot, Request(str(slot), [1], 1, seed=slot, **settings[slot % len(settings)]))
        seconds[name] = median_seconds(
            lambda: sampler.sample(decoder.step(tokens, [context] * batch), range(batch)).tolist(), STEPS
        )
    taken = torch.cuda.max_memory_reserved() - before
    return seconds, taken / step_bytes(config, context + 2, bucket(batch))


def memory_now() -> int:
    """Bytes that PyTorch holds; the highest is counted from here."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_reserved()


def decode_bytes(config: ModelConfig, batch: int, context: int) -> int:
    weights = sum(
        _numbers(shape) for name, shape in config.tensor_shapes().items() if "embeddings" not in name
    )
    state = 2 * (4 * config.ssm_elements + 2 * config.conv_elements)
    return 2 * weights + batch * (state + 2 * context * config.kv_elements)


def prefill_seconds(network: Network, lengths: Sequence[int]) -> float:
    state = StatePool(network.config, len(lengths), max(lengths), device=network.device, dtype=network.dtype)
    tokens = torch.arange(sum(lengths), device=network.device) % network.config.vocab_size
    batch = PackedBatch(tokens, range(len(lengths)), [0] * len(lengths), lengths)
    return median_seconds(lambda: network.prefill(batch, state).argmax(-1).tolist(), STEPS)


def long_prompt(network: Network) -> tuple[float, float]:
    """Seconds of a prompt in as many passes as it takes; the memory of one as a share of the formula's."""
    budget = PREFILL_TOKENS["cuda"]
    state = StatePool(network.config, 1, LONG, device=network.device, dtype=network.dtype)
    tokens = torch.arange(LONG, device=network.device) % network.config.vocab_size

    def passes() -> None:
        for start in range(0, LONG, budget):
            part = tokens[start : start + budget]
            last = network.prefill(PackedBatch(part, [0], [start], [len(part)]), state)
        last.argmax(-1).tolist()

    passes()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    passes()
    taken = torch.cuda.max_memory_allocated() - before
    return median_seconds(passes, 3), taken / pass_bytes(network.config, LONG)


class Numbers:
    """Texts of no meaning."""

    def text_bytes(self, token_id: int) -> bytes:
        return b"%d " % token_id


def shared_seconds(network: Network, count: int) -> float:
    """From requests to first tokens, for prompts that share their beginning."""
    engine = Engine(network, Numbers(), max_length=SHARED + TAIL + 1, slots=count)
    common = [3 + number % 1000 for number in range(SHARED)]
    asked = [
        Request(str(number), [*common, *range(1003 + number, 1003 + number + TAIL)], 1)
        for number in range(count)
    ]
    return median_seconds(lambda: engine.generate(asked), 3)


def engine_rate(network: Network, batch: int, context: int) -> float:
    """Tokens/s of greedy requests, from prompts to texts, without what their first two tokens take."""
    engine = Engine(network, Numbers(), max_length=context + 4 * STEPS + 2, slots=batch)
    prompts = [[3 + (7 * row + at) % 1000 for at in range(context)] for row in range(batch)]

    def seconds(count: int) -> float:
        asked = [Request(str(row), prompt, count) for row, prompt in enumerate(prompts)]
        begin = time.perf_counter()
        engine.generate(asked)
        return time.perf_counter() - begin

    seconds(2)
    return batch * 4 * STEPS / (seconds(2 + 4 * STEPS) - seconds(2))


def prefill_operations(config: ModelConfig, lengths: Sequence[int]) -> float:
    """Of the linear layers, the scan (its recurrence: three multiply-adds per element of state) and
    attention; the head for the last tokens only."""
    inside = sum(
        _numbers(shape)
        for name, shape in config.tensor_shapes().items()
        if name.startswith("backbone.layers.") and len(shape) == 2
    )
    per_token = 2 * inside + 6 * config.ssm_elements
    attention = 2 * config.layers("*") * config.query_size  # per pair of tokens, causal halves it
    head = 2 * config.vocab_size * config.hidden_size
    return sum(per_token * n + attention * n * n + head for n in lengths)


def _numbers(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())


def line(name: str, rate: float, most: float, floor: str = "") -> None:
    print(f"{name:36} {rate:8.0f}  roofline {most:8.0f}  ratio {rate / most:.2f}{floor}", flush=True)


def memory(name: str, share: float) -> bool:
    print(f"{name:36} {share:8.2f} of the formula  ceiling 1", flush=True)
    return share <= 1


def peers(network: Network, context: int) -> None:
    """transformers with the same tensors: its ``generate`` after a prompt of ``context`` tokens."""
    from benchmarks.lib.engines import sharing

    theirs = sharing(network)
    for batch in BATCHES:
        ids = torch.randint(3, network.config.vocab_size, (batch, context), device=network.device)

        def generate(count: int) -> float:
            begin = time.perf_counter()
            settings = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None}
            theirs.generate(input_ids=ids, max_new_tokens=count, min_new_tokens=count, **settings).tolist()  # noqa: B023 - called at once
            return time.perf_counter() - begin

        try:
            generate(2)
            rate = batch * STEPS / (generate(2 + STEPS) - generate(2))
        except torch.OutOfMemoryError:
            print(f"transformers, batch {batch}: out of memory")
            return
        print(f"{f'transformers, batch {batch}':36} {rate:8.0f}", flush=True)


#: Run by the Python that has vLLM: folder with the configuration, context, steps, batches.
VLLM = """
import json, sys, time
import vllm
folder, context, steps, *batches = sys.argv[1:]
context, steps = int(context), int(steps)
engine = vllm.LLM(folder, load_format="dummy", skip_tokenizer_init=True, dtype="bfloat16",
    max_model_len=context + steps + 2, max_num_seqs=max(map(int, batches)), mamba_ssm_cache_dtype="float32",
    enable_prefix_caching=False)
for batch in map(int, batches):
    rows = [[3 + (7 * row + at) % 1000 for at in range(context)] for row in range(batch)]
    prompts = [{"prompt_token_ids": row} for row in rows]
    for name, heat in (("greedy", {"temperature": 0}), ("top-p", {"temperature": 0.6, "top_p": 0.95})):
        def generate(count):
            settings = vllm.SamplingParams(max_tokens=count, ignore_eos=True, detokenize=False, **heat)
            begin = time.perf_counter()
            engine.generate(prompts, settings, use_tqdm=False)
            return time.perf_counter() - begin
        generate(2)
        rate = batch * steps / (generate(2 + steps) - generate(2))
        print(json.dumps([batch, name, rate]), flush=True)
"""


def vllm(python: str, config: ModelConfig, context: int) -> None:
    """vLLM with dummy weights of the same shapes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config.to_dict()))
        command = [python, "-c", VLLM, folder, str(context), str(4 * STEPS), *map(str, BATCHES)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    for said in ran.stdout.splitlines():
        if said.startswith("["):
            batch, name, rate = json.loads(said)
            print(f"{f'vLLM, batch {batch}, {name}':36} {rate:8.0f}", flush=True)
    if ran.returncode:
        print(f"vLLM ended with {ran.returncode}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--context", type=int, default=1500, help="tokens that each sequence has")
    parser.add_argument("--bandwidth", type=float, help="of the device's memory, TB/s")
    parser.add_argument("--tflops", type=float, help="of the device, dense bf16")
    parser.add_argument("--transformers", action="store_true", help="time transformers too")
    parser.add_argument("--vllm", metavar="PYTHON", help="a Python that has vLLM, to time it too")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("this benchmark needs a CUDA device, and torch sees none", file=sys.stderr)
        return 2
    device = torch.cuda.get_device_name()
    known = next((values for name, values in DEVICES.items() if name in device), (None, None))
    bandwidth, tflops = options.bandwidth or known[0], options.tflops or known[1]
    if bandwidth is None or tflops is None:
        print(f"give --bandwidth and --tflops of {device}, which is not among those known", file=sys.stderr)
        return 2
    config = NANO_9B_V2
    print(f"{device}, {bandwidth} TB/s, {tflops:.0f} TFLOP/s, torch {torch.__version__}")
    fine = True
    with torch.inference_mode():
        network = random_weights(config, "cuda")
        for batch in BATCHES:
            taken = step_bytes(config, options.context + 2, bucket(batch))
            fit = slots_that_fit(config, options.context + 2, free_bytes("cuda") - taken)
            if fit < batch:
                print(f"decode, batch {batch}: left out, {fit} sequences fit")
                fine &= batch != BATCHES[-1]
                continue
            seconds, share = decode_seconds(network, batch, options.context)
            most = batch * bandwidth * 1e12 / decode_bytes(config, batch, options.context)
            for name, (_, goal) in KINDS.items():
                goal = goal if batch == BATCHES[-1] else 0.0
                rate = batch / seconds[name]
                line(f"decode tokens/s, batch {batch}, {name}", rate, most, f"  floor {goal}" if goal else "")
                fine &= rate >= goal * most
            fine &= memory(f"memory of a step, batch {batch}", share)
            torch.cuda.empty_cache()
            line(f"the engine, batch {batch}", engine_rate(network, batch, options.context), most)
        for length in (512, 2048):
            lengths = [length] * (PREFILL_TOKENS["cuda"] // length)
            rate = sum(lengths) / prefill_seconds(network, lengths)
            most = sum(lengths) * tflops * 1e12 / prefill_operations(config, lengths)
            line(f"prefill tokens/s, {len(lengths)} x {length}", rate, most)
        spent, share = long_prompt(network)
        most = LONG * tflops * 1e12 / prefill_operations(config, [LONG])
        line(f"prefill tokens/s, 1 x {LONG}", LONG / spent, most)
        fine &= memory(f"memory of a pass of {LONG}", share)
        torch.cuda.empty_cache()
        count = min(64, slots_that_fit(config, SHARED + TAIL + 1, free_bytes("cuda") // 2))
        if count > 1:
            lengths = [SHARED + TAIL] * count
            most = sum(lengths) * tflops * 1e12 / prefill_operations(config, lengths)
            spent = shared_seconds(network, count)
            line(f"{count} prompts, {SHARED} + {TAIL}, {SHARED} shared", sum(lengths) / spent, most)
        if options.transformers:
            torch.cuda.empty_cache()
            peers(network, options.context)
        if options.vllm:
            del network
            torch.cuda.empty_cache()
            vllm(options.vllm, config, options.context)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
