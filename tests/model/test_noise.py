"""Noise: the hash that it is, and its distribution."""

import math

import pytest

torch = pytest.importorskip("torch", reason="sampling needs torch (pip install 'nanocorpus[model]')")

from model.noise import gumbel  # noqa: E402
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
