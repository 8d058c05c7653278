"""Sampling against plain definitions: kept tokens by sorting, frequencies."""

import math

import pytest

torch = pytest.importorskip("torch", reason="sampling needs torch (pip install 'nanocorpus[model]')")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from model.noise import Settings  # noqa: E402
from model.requests import Request  # noqa: E402
from model.sampling import CANDIDATES, Sampler, penalise, sample  # noqa: E402
from tests.model.plain_noise import plain_gumbel  # noqa: E402


def rows(n, temperature=1.0, top_k=0, top_p=1.0, seed=0, step=0):
    def column(value, dtype):
        return torch.as_tensor(value).to(dtype).expand(n).clone()

    real, whole = torch.float64, torch.int64
    return Settings(
        column(temperature, real),
        column(top_k, whole),
        column(top_p, real),
        column(seed, whole),
        column(step, whole),
    )


def plain_choice(logits, temperature, top_k, top_p, seed, step):
    """The definition, for one row of Python floats: keep, then take the best of logit / T + noise."""
    if temperature == 0:
        return logits.index(max(logits))
    scaled = [logit / temperature for logit in logits]
    order = sorted(scaled, reverse=True)
    kept = [value for value in order if not top_k or value >= order[min(top_k, len(order)) - 1]]
    if top_p < 1:
        total = math.fsum(math.exp(value - kept[0]) for value in kept)
        mass, threshold = 0.0, kept[-1]
        for value in kept:
            mass += math.exp(value - kept[0]) / total
            if mass >= top_p:
                threshold = value
                break
        kept = [value for value in kept if value >= threshold]
    scores = {i: value + plain_gumbel(seed, step, i) for i, value in enumerate(scaled) if value >= kept[-1]}
    return max(scores, key=scores.__getitem__)


def test_frequencies_are_those_of_the_softmax():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -30.0])
    n, temperature = 50_000, 0.8
    tokens = sample(logits.expand(n, -1), rows(n, temperature, seed=torch.arange(n)))
    expected = (logits.double() / temperature).softmax(0)
    counts = torch.bincount(tokens, minlength=5)
    assert counts[4] == 0
    chi_square = ((counts[:4] - n * expected[:4]) ** 2 / (n * expected[:4])).sum().item()
    assert chi_square < 21.1  # 3 degrees of freedom: one in ten thousand


@settings(max_examples=150, deadline=None)
@given(
    logits=st.lists(
        st.sampled_from([-4.0, -1.0, 0.0, 0.5, 0.5000001, 1.0, 3.0, -math.inf]), min_size=1, max_size=40
    ),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.5]),
    top_k=st.integers(0, 45),
    top_p=st.sampled_from([0.05, 0.3, 0.61, 0.9, 0.99, 1.0]),
    seed=st.integers(0, (1 << 63) - 1),
    step=st.integers(0, 1000),
)
def test_choices_are_those_of_the_definition(logits, temperature, top_k, top_p, seed, step):
    if max(logits) == -math.inf:
        logits.append(0.0)
    exact = torch.tensor(logits, dtype=torch.float32)
    token = sample(exact[None], rows(1, temperature, top_k, top_p, seed, step)).item()
    assert token == plain_choice(exact.tolist(), temperature, top_k, top_p, seed, step)


@pytest.mark.parametrize("flat", [False, True], ids=["peaked", "flat"])
def test_the_short_way_over_a_large_vocabulary_is_exact(flat):
    """Of the flat rows the nucleus has more than CANDIDATES tokens, so the short way must see that."""
    vocab = 3 * CANDIDATES
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(24, vocab, generator=generator) * (0.01 if flat else 4.0)
    logits[:, 100:200] = logits[:, :1]  # ties
    temperature = torch.tensor([0.6, 1.0, 1.5]).repeat(8)
    top_k = torch.tensor([0, 0, 5, CANDIDATES, CANDIDATES + 7, vocab + 1, 1, 0]).repeat(3)
    top_p = torch.tensor([0.95, 0.5, 1.0, 0.9]).repeat(6)
    seed, step = torch.arange(24) * 7919, torch.arange(24)
    tokens = sample(logits, rows(24, temperature, top_k, top_p, seed, step)).tolist()
    for i, token in enumerate(tokens):
        values = [column[i].double().item() for column in (temperature, top_p)]
        assert token == plain_choice(logits[i].tolist(), values[0], top_k[i].item(), values[1], 7919 * i, i)


def test_the_largest_logits_tie_beyond_the_candidates():
    """Top-k keeps what ties with its last token, here the whole vocabulary."""
    vocab = 2 * CANDIDATES
    tokens = sample(torch.zeros(300, vocab), rows(300, top_k=3, seed=torch.arange(300)))
    assert tokens.max() >= CANDIDATES
    expected = [plain_choice([0.0] * vocab, 1.0, 0, 1.0, seed, 0) for seed in range(3)]
    assert tokens[:3].tolist() == expected


def test_greedy_takes_the_lowest_of_equals_and_logits_that_are_none_are_told():
    logits = torch.tensor(
        [[1.0, 3.0, 3.0], [math.nan, 3.0, 1.0], [-math.inf, -math.inf, 0.0], [math.inf, 1.0, 0.0]]
    )
    logits = torch.cat([logits, torch.full((1, 3), -math.inf)])
    assert sample(logits, rows(5, temperature=0.0)).tolist() == [1, -1, 2, -1, -1]
    assert sample(logits, rows(5, top_p=0.5))[1:].tolist() == [-1, 2, -1, -1]
    sampler = Sampler(5, 3, "cpu")
    for slot in range(5):
        sampler.admit(slot, Request("a", [1], 5))
    assert sampler.sample(logits, range(5)).tolist() == [1, -1, 2, -1, -1]


def test_penalty_is_that_of_the_paper():
    logits = torch.tensor([[2.0, -2.0, 1.0, 0.0]])
    seen = torch.tensor([[True, True, False, True]])
    assert penalise(logits, torch.tensor([1.25]), seen).tolist() == [[pytest.approx(1.6), -2.5, 1.0, 0.0]]


REQUESTS = [
    Request("plain", [1, 2], 20, temperature=1.0, seed=3),
    Request("greedy", [1, 2], 20),
    Request("nucleus", [1, 2], 20, temperature=0.7, top_p=0.9, seed=(1 << 63) - 1),
    Request("top", [1, 2], 20, temperature=2.0, top_k=50, seed=9),
    Request("both", [1, 2], 20, temperature=1.3, top_k=500, top_p=0.6, seed=9),
    Request("penalty", [1, 2, 3], 20, temperature=1.0, repetition_penalty=1.3, seed=3),
    Request("greedy with penalty", [1, 2, 3], 20, repetition_penalty=2.0),
]
VOCAB = 2 * CANDIDATES


def toy_logits(request, tokens):
    """A model in place of one: logits depend on the request and its tokens so far."""
    generator = torch.Generator().manual_seed(hash((len(request.id), *tokens)) % (1 << 40))
    return torch.randn(VOCAB, generator=generator) * 3


def run_alone(request, steps=12):
    sampler = Sampler(1, VOCAB, "cpu")
    sampler.admit(0, request)
    tokens = []
    for _ in range(steps):
        token = sampler.sample(toy_logits(request, tokens)[None], [0])
        sampler.record([0])
        tokens.append(token.item())
    return tokens


@pytest.mark.parametrize("order", [1, 3, 5])
def test_a_request_has_the_same_tokens_alone_and_in_any_batch(order):
    """Slots, order and mates differ, requests come and go at different times, slots are used again."""
    alone = {request.id: run_alone(request) for request in REQUESTS}
    assert len({tuple(tokens) for tokens in alone.values()}) == len(REQUESTS)
    state = torch.get_rng_state()
    sampler = Sampler(4, VOCAB, "cpu")
    waiting = [REQUESTS[i * order % 7] for i in range(7)] * 2
    running, done = {}, []
    while waiting or running:
        for slot in (3, 0, 2, 1):
            if waiting and slot not in running:
                running[slot] = (waiting.pop(), [])
                sampler.admit(slot, running[slot][0])
                if slot % 2:
                    break  # so that not all begin at once
        slots = sorted(running, key=lambda slot: slot * order % 7)
        tokens = sampler.sample(torch.stack([toy_logits(*running[slot]) for slot in slots]), slots)
        sampler.record(slots)
        for slot, token in zip(slots, tokens.tolist(), strict=True):
            running[slot][1].append(token)
            if len(running[slot][1]) == 12:
                done.append(running.pop(slot))
    assert len(done) == 14
    for request, tokens in done:
        assert tokens == alone[request.id], request.id
    assert torch.equal(torch.get_rng_state(), state)


def test_a_penalised_token_is_one_that_was_recorded():
    """Greedy with a strong penalty over fixed logits: every token once, by size."""
    sampler = Sampler(2, 6, "cpu")
    sampler.admit(1, Request("a", [5], 10, repetition_penalty=1000.0))
    logits = torch.tensor([[6.0, 5.0, 4.0, 3.0, 2.0, 7.0]])
    tokens = []
    for _ in range(4):
        token = sampler.sample(logits, [1])
        sampler.record([1])
        tokens.append(token.item())
    assert tokens == [0, 1, 2, 3]
    assert logits.tolist() == [[6.0, 5.0, 4.0, 3.0, 2.0, 7.0]]
    sampler.admit(1, Request("b", [0], 10, repetition_penalty=1000.0))
    assert sampler.sample(logits, [1]).item() == 5  # nothing of the request before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device to compare with")
def test_the_same_choices_on_cuda():
    logits = torch.randn(64, 131_072, generator=torch.Generator().manual_seed(1)) * 4
    top_k = torch.tensor([0, 50]).repeat(32)
    here = rows(64, 0.8, top_k, torch.tensor([0.95, 1.0, 0.5, 1.0]).repeat(16), torch.arange(64))
    there = Settings(*(getattr(here, name).cuda() for name in here.__dataclass_fields__))
    assert sample(logits, here).tolist() == sample(logits.cuda(), there).cpu().tolist()
