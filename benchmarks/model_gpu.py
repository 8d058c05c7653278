"""Claim: on one GPU, with weights of Nemotron Nano 9B v2's shapes in bf16, the engine decodes at 70 % or more
of what memory bandwidth allows at a batch of 256.

    python benchmarks/model_gpu.py [--context 1500] [--bandwidth TB/s --tflops N] [--transformers]

Needs a CUDA device with about 70 GB for a batch of 256; without a device it says so and exits with 2, and
batches that do not fit are left out by name. Weights are random and made on the device. A step is what the
engine does for a token of every sequence: network, CUDA graph, greedy sampling, ids to the host; sequences
have ``--context`` tokens. Its roofline is the bytes that it must move (all weights but the embedding once;
the fp32 recurrent state of every sequence read and written; keys and values read) over the device's
bandwidth. That of prefill is the arithmetic, two operations per weight and token and those of the scan, over
the dense bf16 rate.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from model.config import NANO_9B_V2, ModelConfig
from model.graphs import Decoder
from model.memory import PREFILL_TOKENS
from model.network import Network, PackedBatch
from model.requests import Request
from model.sampling import Sampler
from model.state import StatePool, free_bytes, slots_that_fit

BATCHES = (1, 16, 64, 256)
NEEDS = ("torch", "triton", "cuda")
FLOORS = {"of the roofline, decoding 256 sequences": 0.7}
GOAL = FLOORS["of the roofline, decoding 256 sequences"]
STEPS = 20
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


def decode_seconds(network: Network, batch: int, context: int) -> float:
    """A step of the engine for ``batch`` sequences."""
    config = network.config
    state = StatePool(config, batch, context + 2, device=network.device, dtype=network.dtype)
    decoder, sampler = Decoder(network, state), Sampler(batch, config.vocab_size, network.device)
    for slot in range(batch):
        sampler.admit(slot, Request(str(slot), [1], 1))
    tokens = list(range(3, 3 + batch))
    return median_seconds(
        lambda: sampler.sample(decoder.step(tokens, [context] * batch), range(batch)).tolist(), STEPS
    )


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
    print(f"{name:28} {rate:8.0f}  roofline {most:8.0f}  ratio {rate / most:.2f}{floor}", flush=True)


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
        print(f"{f'transformers, batch {batch}':28} {rate:8.0f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--context", type=int, default=1500, help="tokens that each sequence has")
    parser.add_argument("--bandwidth", type=float, help="of the device's memory, TB/s")
    parser.add_argument("--tflops", type=float, help="of the device, dense bf16")
    parser.add_argument("--transformers", action="store_true", help="time transformers too")
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
            fit = slots_that_fit(config, options.context + 2, free_bytes("cuda") - (3 << 30))
            if fit < batch:
                print(f"decode, batch {batch}: left out, {fit} sequences fit")
                fine &= batch != BATCHES[-1]
                continue
            rate = batch / decode_seconds(network, batch, options.context)
            most = batch * bandwidth * 1e12 / decode_bytes(config, batch, options.context)
            last = batch == BATCHES[-1]
            line(f"decode tokens/s, batch {batch}", rate, most, f"  floor {GOAL}" if last else "")
            fine &= not last or rate >= GOAL * most
            torch.cuda.empty_cache()
        for length in (512, 2048):
            lengths = [length] * (PREFILL_TOKENS["cuda"] // length)
            rate = sum(lengths) / prefill_seconds(network, lengths)
            most = sum(lengths) * tflops * 1e12 / prefill_operations(config, lengths)
            line(f"prefill tokens/s, {len(lengths)} x {length}", rate, most)
        if options.transformers:
            torch.cuda.empty_cache()
            peers(network, options.context)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
