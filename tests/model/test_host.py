"""The state step for processors against that of PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model import scan
from model.kernels import host
from model.state import Slots


def inputs(n: int, heads: int, groups: int, width: int, size: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    wide = torch.randn(n, heads * width + 2 * groups * size, generator=generator)
    x, b, c = wide.split_with_sizes(
        [heads * width, groups * size, groups * size], dim=-1
    )  # views, as in a layer
    return {
        "x": x.view(n, heads, width),
        "dt": torch.rand(n, heads, generator=generator),
        "A": -torch.rand(heads, generator=generator),
        "B": b.view(n, groups, size),
        "C": c.view(n, groups, size),
        "D": torch.randn(heads, generator=generator),
        "positions": torch.arange(n),
    }


@settings(deadline=None)
@given(
    slots=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True),
    groups=st.integers(1, 3),
    per_group=st.integers(1, 3),
    width=st.integers(1, 5),
    size=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_any_shape(slots: list[int], groups: int, per_group: int, width: int, size: int, seed: int) -> None:
    given_ = inputs(len(slots), groups * per_group, groups, width, size, seed)
    where = Slots.of(torch.tensor(slots))
    pool = torch.randn(7, groups * per_group, width, size, generator=torch.Generator().manual_seed(seed))
    other = pool.clone()
    y = host.state_step(pool, where, **given_)
    torch.testing.assert_close(y, scan.state_step(other, where, **given_), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(pool, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("share", [1, 50, 1 << 22])
def test_threads_and_neighbours_change_nothing(monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    """Bit by bit, as a row that is computed by itself on one thread."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(host, "SHARE", share)
    given_ = inputs(5, 4, 2, 3, 19, 1)
    pool = torch.randn(6, 4, 3, 19)
    alone = pool.clone()
    slots = torch.tensor([4, 0, 1, 2, 5])
    y = host.state_step(pool, Slots.of(slots), **given_)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    for row in range(5):
        one: dict[str, Any] = {
            name: tensor if name in "AD" else tensor[row : row + 1] for name, tensor in given_.items()
        }
        assert torch.equal(host.state_step(alone, Slots.of(slots[row : row + 1]), **one)[0], y[row])
    assert torch.equal(pool, alone)
    assert not torch.equal(pool, torch.zeros_like(pool))


@pytest.mark.parametrize(("state", "rest"), [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)])
def test_other_types_are_left_to_torch(state: torch.dtype, rest: torch.dtype) -> None:
    given_ = {
        name: tensor if name == "positions" else tensor.to(rest)
        for name, tensor in inputs(2, 2, 1, 3, 4, 0).items()
    }
    pool = torch.randn(2, 2, 3, 4, dtype=rest).to(state)
    other = pool.clone()
    where = Slots.of(torch.arange(2))
    assert torch.equal(
        host.state_step(pool, where, **given_, salt=2), scan.state_step(other, where, **given_, salt=2)
    )
    assert torch.equal(pool, other)
