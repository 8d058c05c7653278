"""Numbers between host and device; what is special to CUDA needs one."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="transfers need torch (pip install 'nanocorpus[model]')")

import torch

from model.transfers import to_device, to_host

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


@pytest.mark.parametrize("device", DEVICES)
def test_there_and_back(device: str) -> None:
    there = to_device([3, 1 << 40, -1], device)
    assert (there.dtype, there.device.type) == (torch.int64, device)
    assert to_host(there)() == [3, 1 << 40, -1]
    assert to_device([(1, 2), (3, 4)], device, torch.int32).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_launched_later_does_not_change_what_is_read(device: str) -> None:
    there = to_device(list(range(1000)), device)
    read = to_host(there.clone())
    there.zero_()
    assert read() == list(range(1000))
