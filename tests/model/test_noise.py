"""Noise: the hash that it is, and its distribution."""

import math

import pytest

torch = pytest.importorskip("torch", reason="sampling needs torch (pip install 'nanocorpus[model]')")

from model.noise import gumbel, rounded_by_chance  # noqa: E402
from tests.model.plain_noise import plain_gumbel  # noqa: E402


@pytest.mark.parametrize("seed", [0, 1, 42, (1 << 63) - 1])
def test_noise_is_the_hash_of_seed_step_and_token(seed):
    steps = torch.tensor([0, 1, 70_000])
    noise = gumbel(torch.full((3,), seed), steps, torch.tensor([[0, 1, 2, 131_071]]))
    for i, step in enumerate(steps.tolist()):
        for j, token in enumerate([0, 1, 2, 131_071]):
            assert noise[i, j].item() == pytest.approx(plain_gumbel(seed, step, token), abs=1e-12)


def test_noise_is_gumbel_distributed():
    """Mean and variance of 400,000 values; the bounds are five standard errors."""
    noise = gumbel(torch.arange(40), torch.arange(40) % 3, torch.arange(10_000)[None]).flatten()
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(0.5772157, abs=0.0102)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.028)


def test_rounding_by_chance_is_one_of_both_neighbours_and_right_on_average():
    exact = torch.tensor([1.0, 1.0 + 2.0**-9, -3.3, 1e-30, 0.0, 6.1e4, math.inf, -math.inf])
    values = exact.expand(4000, 8)
    rounded = rounded_by_chance(values, torch.arange(4000), 7)
    assert rounded.dtype == torch.bfloat16
    low = (exact.view(torch.int32) & -0x10000).view(torch.float32)
    high = ((exact.view(torch.int32) & -0x10000) + 0x10000).view(torch.float32)
    for place in range(8):
        found = set(rounded[:, place].float().tolist())
        if low[place] == exact[place]:  # a number that needs no rounding
            assert found == {exact[place].item()}
            continue
        assert found == {low[place].item(), high[place].item()}
        unit = (high - low)[place].item()
        mean = rounded[:, place].double().mean().item()
        assert mean == pytest.approx(exact[place].item(), abs=abs(unit) * 5 * 0.5 / math.sqrt(4000))


def test_the_chances_of_a_state_do_not_depend_on_its_row():
    values = torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(2))
    whole = rounded_by_chance(values, torch.tensor([4, 9, 4]), 1)
    for row, position in enumerate((4, 9, 4)):
        assert torch.equal(rounded_by_chance(values[row, None], torch.tensor([position]), 1)[0], whole[row])
    same = rounded_by_chance(values[:1].expand(2, -1, -1, -1), torch.tensor([4, 5]), 1)
    assert not torch.equal(same[0], same[1])
    assert not torch.equal(rounded_by_chance(values, torch.tensor([4, 9, 4]), 2), whole)
