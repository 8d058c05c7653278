"""Small numbers on their way between host and device, without either waiting for the other.

Knows pinned memory and events. Does not know what the numbers mean.

Copying from or to ordinary memory makes the host wait for all that it has launched. From pinned memory a copy
is launched like everything else; the other way, an event says when it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def to_device(values: Sequence[Any], device: torch.device | str, dtype: torch.dtype = torch.int64) -> Tensor:
    """``values`` (nested sequences of numbers) as a tensor on the device."""
    where = torch.device(device)
    if where.type != "cuda":
        return torch.tensor(values, dtype=dtype, device=where)
    return torch.tensor(values, dtype=dtype, pin_memory=True).to(where, non_blocking=True)


def to_host(values: Tensor) -> Callable[[], list[int]]:
    """Begin to copy ``values``, int64[n], to the host; what is returned waits for them, and for nothing that
    was launched later."""
    if values.device.type != "cuda":
        return values.tolist
    copy = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    copy.copy_(values, non_blocking=True)
    new_event: Callable[..., Any] = torch.cuda.Event  # has no types
    copied = new_event()
    copied.record(torch.cuda.current_stream(values.device))

    def read() -> list[int]:
        copied.synchronize()
        numbers: list[int] = copy.tolist()
        return numbers

    return read
