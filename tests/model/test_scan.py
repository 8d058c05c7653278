"""The scan by chunks, the single step and the convolution against the recurrence written out."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model import scan
from model.noise import rounded_by_chance
from model.state import Slots

HEADS, GROUPS, WIDTH, SIZE = 6, 3, 5, 7


def inputs(lengths: list[int], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return {
        "x": noise(total, HEADS, WIDTH),
        "dt": torch.nn.functional.softplus(noise(total, HEADS) - 1),
        "A": -torch.exp(noise(HEADS)),
        "B": noise(total, GROUPS, SIZE),
        "C": noise(total, GROUPS, SIZE),
        "D": noise(HEADS),
        "initial": noise(len(lengths), HEADS, WIDTH, SIZE),
    }


def recurrence(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, lengths: list[int], initial: Tensor
) -> tuple[Tensor, Tensor]:
    """One token, one head after the other, as the equations stand."""
    per_group = x.shape[1] // B.shape[1]
    outputs, finals = [], []
    begin = 0
    for sequence, length in enumerate(lengths):
        heads = []
        for head in range(x.shape[1]):
            state, ys = initial[sequence, head], []
            for t in range(begin, begin + length):
                b, c = B[t, head // per_group], C[t, head // per_group]
                state = torch.exp(dt[t, head] * A[head]) * state + dt[t, head] * torch.outer(x[t, head], b)
                ys.append(state @ c + D[head] * x[t, head])
            heads.append((torch.stack(ys), state))
        outputs.append(torch.stack([y for y, _ in heads], dim=1))
        finals.append(torch.stack([state for _, state in heads]))
        begin += length
    return torch.cat(outputs), torch.stack(finals)


def close(ours: Tensor, theirs: Tensor, within: float = 1e-10) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= within


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    chunk=st.sampled_from([1, 2, 8, 16, 64]),
    seed=st.integers(0, 2**32),
)
def test_chunks_of_packed_sequences(lengths: list[int], chunk: int, seed: int) -> None:
    given_ = inputs(lengths, seed)
    y, final = scan.chunk_scan(**given_, lengths=lengths, chunk=chunk)
    expected_y, expected_final = recurrence(**given_, lengths=lengths)
    close(y, expected_y)
    close(final, expected_final)


@pytest.mark.parametrize("lengths", [[127], [128], [129], [300, 1, 128], [64, 63, 65], [70, 70, 70]])
def test_chunk_edges(lengths: list[int]) -> None:
    given_ = inputs(lengths)
    expected = recurrence(**given_, lengths=lengths)
    for chunk in (64, 128):
        for ours, theirs in zip(
            scan.chunk_scan(**given_, lengths=lengths, chunk=chunk), expected, strict=True
        ):
            close(ours, theirs)


@pytest.mark.parametrize("lengths", [[19], [8, 21, 1], [13, 13]])
def test_gradients_are_those_of_the_recurrence(lengths: list[int]) -> None:
    given_ = {name: value.requires_grad_() for name, value in inputs(lengths).items()}
    generator = torch.Generator().manual_seed(9)
    results = []
    for y, final in (
        scan.chunk_scan(**given_, lengths=lengths, chunk=8),
        recurrence(**given_, lengths=lengths),
    ):
        generator.manual_seed(9)
        weights = [torch.randn(out.shape, generator=generator, dtype=out.dtype) for out in (y, final)]
        loss = (y * weights[0]).sum() + (final * weights[1]).sum()
        results.append(torch.autograd.grad(loss, list(given_.values())))
    for name, ours, theirs in zip(given_, *results, strict=True):
        assert torch.isfinite(ours).all(), name
        close(ours, theirs, 1e-9)


def test_strong_decay_gives_no_infinities() -> None:
    given_ = {name: value.float() for name, value in inputs([64]).items()}
    given_["dt"] = given_["dt"] + 40.0
    given_ = {name: value.requires_grad_() for name, value in given_.items()}
    y, final = scan.chunk_scan(**given_, lengths=[64])
    grads = torch.autograd.grad(y.sum() + final.sum(), list(given_.values()))
    assert all(torch.isfinite(tensor).all() for tensor in (y, final, *grads))


SLOTS = [[0, 1, 2, 3], [2], [3, 1, 0], [4, 5, 1, 2, 3]]


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("as_runs", [True, False], ids=["runs", "index"])
@pytest.mark.parametrize("block", [1, 2 << 20])
def test_a_step_is_one_token_of_the_recurrence(
    slots: list[int], as_runs: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BLOCK_BYTES", block)
    n = len(slots)
    given_ = inputs([1] * n)
    pool = torch.full((7, HEADS, WIDTH, SIZE), float("nan"), dtype=torch.float64)
    pool[slots] = given_["initial"]
    expected_y, expected_state = recurrence(**given_, lengths=[1] * n)
    where = Slots.of(torch.tensor(slots)) if as_runs else Slots(torch.tensor(slots), ())
    given_.pop("initial")
    close(scan.state_step(pool, where, **given_, positions=torch.zeros(n)), expected_y)
    close(pool[slots], expected_state)
    others = [slot for slot in range(7) if slot not in slots]
    assert pool[others].isnan().all()  # untouched


def test_a_step_on_a_16_bit_state_rounds_only_what_it_keeps() -> None:
    given_ = {name: value.float() for name, value in inputs([1, 1]).items()}
    initial = given_.pop("initial").bfloat16()
    exact = initial.float()
    pool = initial.clone()
    where = Slots.of(torch.tensor([0, 1]))
    given_["positions"] = torch.tensor([5, 6])
    y = scan.state_step(pool, where, **given_)
    assert torch.equal(y, scan.state_step(exact, where, **given_))
    assert torch.equal(pool, rounded_by_chance(exact, given_["positions"], 0))


def test_a_16_bit_state_does_not_lose_what_is_added_little_by_little() -> None:
    """Each token adds a hundredth of what rounding to nearest would keep: to that it is nothing."""
    pool, exact = torch.ones(2, 4, 8, 16, dtype=torch.bfloat16), torch.ones(2, 4, 8, 16)
    n, where = 2, Slots.of(torch.tensor([0, 1]))
    given_ = {
        "x": torch.full((n, 4, 8), 4e-5),
        "dt": torch.ones(n, 4),
        "A": torch.zeros(4),
        "B": torch.ones(n, 2, 16),
        "C": torch.ones(n, 2, 16),
        "D": torch.zeros(4),
    }
    for step in range(500):
        positions = torch.tensor([step, 9000 + step])
        scan.state_step(pool, where, **given_, positions=positions, salt=1)
        scan.state_step(exact, where, **given_, positions=positions)
    assert float(exact.mean()) == pytest.approx(1.02, abs=1e-4)
    assert (exact.bfloat16() + 4e-5).bfloat16().equal(exact.bfloat16())
    # five standard errors of the mean of 1,024 sums of 500 roundings
    assert float(pool.float().mean()) == pytest.approx(1.02, abs=2e-3)
    assert not torch.equal(pool[0], pool[1])


def convolution(x: Tensor, weight: Tensor, bias: Tensor, lengths: list[int], initial: Tensor) -> Tensor:
    outputs = []
    for before, part in zip(initial, x.split(lengths), strict=True):
        padded = torch.cat((before, part))
        for t in range(part.shape[0]):
            outputs.append((padded[t : t + weight.shape[0]] * weight).sum(0) + bias)
    return torch.nn.functional.silu(torch.stack(outputs))


@pytest.mark.parametrize("kernel", [2, 4])
@pytest.mark.parametrize("lengths", [[1], [2, 1, 5], [3, 4], [9]])
def test_convolution_carries_its_inputs(lengths: list[int], kernel: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x, initial, weight, bias = (
        torch.randn(shape, generator=generator)
        for shape in ((sum(lengths), 6), (len(lengths), kernel - 1, 6), (kernel, 6), (6,))
    )
    y, final = scan.conv_scan(x, weight, bias, lengths, initial)
    close(y, convolution(x, weight, bias, lengths, initial), 1e-6)
    for before, part, after in zip(initial, x.split(lengths), final, strict=True):
        assert torch.equal(after, torch.cat((before, part))[-(kernel - 1) :])
    # and token by token, in slots that do not neighbour one another
    for slots in ([0], [4], [3, 1, 5], [1, 2, 3]):
        n = min(len(slots), len(lengths))
        pool = torch.zeros(6, kernel - 1, 6)
        pool[slots[:n]] = initial[:n]
        firsts = torch.tensor([sum(lengths[:row]) for row in range(n)])
        out = scan.conv_step(pool, Slots.of(torch.tensor(slots[:n])), x[firsts], weight, bias)
        close(out, y[firsts], 1e-6)
        assert torch.equal(pool[slots[:n]], torch.cat((initial[:n, 1:], x[firsts][:, None]), dim=1))


def test_the_norm_is_gated_first_and_by_group() -> None:
    generator = torch.Generator().manual_seed(2)
    y, z, weight = (torch.randn(shape, generator=generator) for shape in ((5, 24), (5, 24), (24,)))
    gated = y * z * torch.sigmoid(z)
    expected = torch.cat(
        [part / torch.sqrt(part.square().mean(-1, keepdim=True) + 1e-5) for part in gated.split(3, dim=-1)],
        dim=-1,
    )
    close(scan.gated_norm(y, z, weight, 8, 1e-5), expected * weight, 1e-5)
    assert (scan.gated_norm(y, z, weight, 1, 1e-5) - expected * weight).abs().max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rms_norm_is_that_of_torch(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(3)
    x, weight = (torch.randn(shape, generator=generator).to(dtype) for shape in ((4, 50), (50,)))
    ours = scan.rms_norm(x, weight, 1e-5)
    theirs = torch.nn.functional.rms_norm(x.float(), (50,), weight.float(), 1e-5).to(dtype)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True), st.integers(1, 5))
def test_runs_cover_every_row_once(slots: list[int], most: int) -> None:
    where = Slots.of(torch.tensor(slots))
    for pieces in (where.runs, tuple(where.blocks(most))):
        covered = [
            (row, slot)
            for rows, span in pieces
            for row, slot in zip(range(rows.start, rows.stop), range(span.start, span.stop), strict=True)
        ]
        assert covered == list(enumerate(slots))
    assert all(rows.stop - rows.start <= most for rows, _ in where.blocks(most))
