"""Kernels for the operations that have more than one implementation, and the choice between them: in Triton
for GPUs, and one that Numba compiles for processors.

Triton's are used on CUDA devices if Triton can be imported; what has no kernel is plain PyTorch, against
which the kernels are also checked. ``NANOCORPUS_KERNELS=torch`` in the environment selects PyTorch for
everything, to find out whether a fault is in a kernel. Importing this needs no Triton.

Kernels are not differentiable: training uses ``Operations()``.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from functools import cache

import torch
from torch import Tensor

from model.layers import Operations
from model.noise import Settings

log = logging.getLogger(__name__)

#: Environment variable: ``triton``, which is the default (on a processor: what is compiled), or ``torch``.
VARIABLE = "NANOCORPUS_KERNELS"


def chosen(device: str | torch.device) -> bool:
    """Whether kernels are used on a device. ValueError for an unknown choice."""
    choice = os.environ.get(VARIABLE, "triton")
    if choice not in ("triton", "torch"):
        raise ValueError(f"{VARIABLE}: {choice!r}; expected triton or torch")
    return torch.device(device).type == "cuda" and choice == "triton" and _importable()


def operations(device: str | torch.device) -> Operations:
    """The implementations to use for inference on a device."""
    if chosen(device):
        return triton_operations()
    if torch.device(device).type != "cpu" or os.environ.get(VARIABLE) == "torch":
        return Operations()
    from model.kernels import host

    return Operations(state_step=host.state_step)


@cache
def _importable() -> bool:
    found = importlib.util.find_spec("triton") is not None
    if not found:
        log.warning("plain PyTorch on CUDA, several times slower: Triton is missing (pip install triton)")
    return found


def triton_operations() -> Operations:
    """All kernels. ModuleNotFoundError without Triton."""
    from model.kernels import attention, rows, sequence, step

    return Operations(
        conv_scan=sequence.conv_scan,
        conv_step=step.conv_step,
        chunk_scan=sequence.chunk_scan,
        state_step=step.state_step,
        gated_norm=rows.gated_norm,
        rms_norm=rows.rms_norm,
        relu_squared=rows.relu_squared,
        attend_step=step.attend_step,
        attend_sequence=attention.attend_sequence,
    )


def sample(logits: Tensor, settings: Settings, limited: bool) -> Tensor:
    """See ``model.sampling.sample``. ModuleNotFoundError without Triton."""
    from model.kernels import sampling

    return sampling.sample(logits, settings, limited)
