"""A network of ours and transformers' network of the same tensors, for the benchmarks of the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
import transformers

from model.network import Network


def sharing(network: Network) -> Any:
    """transformers' network over the tensors of ours."""
    config = transformers.NemotronHConfig(**network.config.to_dict())
    with torch.device("meta"):
        theirs = transformers.NemotronHForCausalLM(config).eval()
    weights = {name.replace("backbone.", "model.", 1): tensor for name, tensor in network.tensors().items()}
    theirs.load_state_dict(weights, assign=True)
    for module in theirs.modules():
        if hasattr(module, "time_step_limit"):
            module.time_step_limit = (0.0, float("inf"))
    return theirs


def cast(network: Network, dtype: torch.dtype) -> Network:
    """The same network in another dtype."""
    rounded = Network(network.config, dtype=dtype)
    exact = network.tensors()
    for name, tensor in rounded.tensors().items():
        tensor.copy_(exact[name])
    return rounded.freeze()


def timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
