"""The recurrence of decoding for processors: one pass over the states, where PyTorch makes three.

``scan.state_step`` decays the states, adds to them, and multiplies them by C, each time from one end to the
other; at batch 32 that is a fifth of the time of decoding. Compiled by Numba, an element is read, changed,
used and written once.

Rows and heads are independent, so they are shared out among as many threads as PyTorch uses, and the numbers
do not depend on how many these are. Takes fp32 alone, as a state is by default; other types are left to
``scan``, against which this is checked. Knows the formula; does not know layers, or when a slot is free.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from model import scan
from model.state import Slots

#: Elements of state that are worth a thread of their own, about 0.7 ms of work: the threads of PyTorch spin
#: for a while after a matrix product, and until they sleep they take the processors of these.
SHARE = 1 << 22


def state_step(
    ssm: Tensor,
    slots: Slots,
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    positions: Tensor,
    salt: int = 0,
) -> Tensor:
    """See ``scan.state_step``."""
    if ssm.dtype != torch.float32 or x.dtype != torch.float32:
        return scan.state_step(ssm, slots, x, dt, A, B, C, D, positions, salt)
    decay, xdt = torch.exp(dt * A), x * dt[..., None]
    y = torch.empty_like(xdt)
    given = [tensor.contiguous().numpy() for tensor in (slots.index, decay, xdt, B, C)]
    advance: Callable[[int, int], None] = functools.partial(_advance, ssm.numpy(), *given, y.numpy())
    units = xdt.shape[0] * xdt.shape[1]
    parts = min(torch.get_num_threads(), units, max(1, units * ssm[0, 0].numel() // SHARE))
    bounds = [units * part // parts for part in range(parts + 1)]
    others = [_threads().submit(advance, *span) for span in itertools.pairwise(bounds[1:])]
    advance(0, bounds[1])
    for other in others:
        other.result()
    return torch.addcmul(y, x, D[:, None])


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="state")


def _compiled(function: Any) -> Any:
    # sums may be split into lanes and products added without rounding; the order is that of the machine code,
    # the same in every call
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"reassoc", "contract", "nsz"},
    }
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # there is no directory to keep it in
        return numba.njit(**options)(function)


@_compiled
def _advance(
    states: Any, slots: Any, decay: Any, xdt: Any, B: Any, C: Any, y: Any, begin: int, end: int
) -> None:
    """Rows and heads ``begin`` to ``end``, counted through: state <- decay state + xdt B'; y <- state C."""
    _, heads, head_dim, size = states.shape
    per_group = heads // B.shape[1]
    for unit in range(begin, end):
        row = unit // heads
        head = unit % heads
        state = states[slots[row], head]
        b, c = B[row, head // per_group], C[row, head // per_group]
        keep = decay[row, head]
        for channel in range(head_dim):
            line, more, total = state[channel], xdt[row, head, channel], np.float32(0)
            for n in range(size):
                line[n] = line[n] * keep + more * b[n]
                total += line[n] * c[n]
            y[row, head, channel] = total
