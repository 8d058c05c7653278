"""Slots: what they take, that they are clean when they are used again, and that a prefix can be shared."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch

from model import state
from model.state import StatePool, free_bytes, slots_that_fit
from model.tiny import TINY


def layers(pool: StatePool) -> list[torch.Tensor]:
    return [*pool.ssm, *pool.conv, *pool.kv]


@pytest.mark.parametrize("state_dtype", [torch.float32, torch.bfloat16])
def test_a_pool_takes_what_was_worked_out(state_dtype: torch.dtype) -> None:
    pool = StatePool(TINY, 5, 33, dtype=torch.bfloat16, state_dtype=state_dtype)
    taken = sum(layer.numel() * layer.element_size() for layer in layers(pool))
    slot = TINY.slot_bytes(33, state_bytes=state_dtype.itemsize)
    assert taken == 6 * slot  # five and the scratch slot
    for free, fit in ((taken, 5), (taken - 1, 4), (slot, 0), (0, 0), (-1, 0)):
        assert slots_that_fit(TINY, 33, free, state_bytes=state_dtype.itemsize) == fit
    assert {layer.dtype for layer in pool.ssm} == {state_dtype}


def test_reset_leaves_nothing_behind_and_touches_no_other_slot() -> None:
    pool = StatePool(TINY, 3, 10, dtype=torch.float32)
    for layer in layers(pool):
        layer.fill_(float("nan"))
    pool.reset(1)
    for layer in layers(pool):
        assert (layer[1] == 0).all()
        assert layer[[0, 2, 3]].isnan().all()


def test_a_slot_is_zeroed_when_it_is_given_out_again() -> None:
    pool = StatePool(TINY, 3, 10, dtype=torch.float32)
    first, second = range(2)
    pool.clean(first)
    pool.restore(pool.snapshot(first, 4), second)
    for layer in layers(pool):
        layer.fill_(float("nan"))
    pool.move(first, 2)
    for slot in range(3):
        pool.clean(slot)
        assert all((layer[slot] == 0).all() for layer in layers(pool))


def test_snapshots_and_moves() -> None:
    pool = StatePool(TINY, 3, 10, dtype=torch.float32)
    for number, layer in enumerate(layers(pool)):
        layer.copy_(torch.arange(layer.numel()).view_as(layer) + number)
    saved = pool.snapshot(0, 4)
    before = [layer[0].clone() for layer in layers(pool)]
    pool.move(0, 2)
    for layer, values in zip(layers(pool), before, strict=True):
        assert torch.equal(layer[2], values)
    for layer in layers(pool):
        layer.fill_(float("nan"))
    pool.restore(saved, 1)
    recurrent = len(pool.ssm) + len(pool.conv)
    for layer, values in zip(layers(pool)[:recurrent], before, strict=False):
        assert torch.equal(layer[1], values)
    for layer, values in zip(pool.kv, before[recurrent:], strict=True):
        assert torch.equal(layer[1, :, :, :4], values[:, :, :4])
        assert (layer[1, :, :, 4:] == 0).all()
    with pytest.raises(ValueError, match="prefix of 4 tokens in slots of 3"):
        StatePool(TINY, 1, 3).restore(saved, 0)
    with pytest.raises(ValueError, match="at least one slot"):
        StatePool(TINY, 0, 3)


def test_pages_of_files_count_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = free_bytes("cpu")
    monkeypatch.setattr(state, "GROUP", tmp_path)
    (tmp_path / "memory.max").write_text("10000000\n")
    (tmp_path / "memory.current").write_text("9000000\n")
    (tmp_path / "memory.stat").write_text("anon 2000000\ninactive_file 6000000\nactive_file 1000000\n")
    assert free_bytes("cpu") == 7_000_000
    (tmp_path / "memory.current").write_text("19000000\n")
    assert free_bytes("cpu") == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes("cpu") > whole // 4


def test_free_memory_is_measured() -> None:
    assert 1 << 20 < free_bytes("cpu") < 1 << 50
    with pytest.raises(ValueError, match="meta"):
        free_bytes("meta")
