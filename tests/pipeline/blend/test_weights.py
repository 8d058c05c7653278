"""Weights of a blend, exact to the token."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.blend.weights import Budget, Phase, check_phases, weights


def stats_of(**tokens: int | None) -> dict:
    return {
        "name": "x",
        "seed": 1,
        "tokenizer": None,
        "datasets": {
            name: {
                "inputs": 10,
                "documents": 10,
                "tokens": count,
                "shards": [{"path": f"corpus/{name}/train-0.parquet", "documents": 10, "tokens": count}],
            }
            for name, count in tokens.items()
        },
    }


def test_weights_are_exact() -> None:
    phases = [
        Phase(phase=1, until=0.6, weights={"a": 0.7, "b": 0.3}),
        Phase(phase=2, weights={"b": 1, "a": 2}),
    ]
    blend = weights(phases, Budget(tokens=1000), stats_of(a=500, b=100, unused=7))
    first, second = blend["phases"]
    assert (first["from"], first["until"], second["from"], second["until"]) == (0, 600, 600, 1000)
    assert first["datasets"]["a"] == {"weight": 0.7, "tokens": 420, "epochs": 0.84, "cumulative_epochs": 0.84}
    assert first["datasets"]["b"] == {"weight": 0.3, "tokens": 180, "epochs": 1.8, "cumulative_epochs": 1.8}
    # 400 by thirds: 266.67 and 133.33
    assert (second["datasets"]["a"]["tokens"], second["datasets"]["b"]["tokens"]) == (267, 133)
    assert blend["datasets"]["b"]["training_tokens"] == 313
    assert blend["datasets"]["b"]["epochs"] == 3.13
    assert list(blend["datasets"]) == ["a", "b"]
    assert blend["warnings"] == []


def test_warns_of_more_epochs_than_allowed() -> None:
    phases = [Phase(phase=1, until=0.5, weights={"a": 1, "b": 1}), Phase(phase=2, weights={"b": 1})]
    blend = weights(phases, Budget(tokens=1000, max_epochs=2), stats_of(a=500, b=200))
    assert blend["warnings"] == [
        "dataset b is read 3.75 times by the end of phase 2; more than 2 epochs are not advised"
    ]
    assert weights(phases, Budget(), stats_of(a=500, b=200))["tokens"] == 700


@pytest.mark.parametrize(
    ("stats", "message"),
    [
        (stats_of(a=100, b=0), "dataset b has weight 0.3 in phase 1, but no tokens"),
        (stats_of(a=100, b=None), "dataset b has weight 0.3 in phase 1, but was not tokenized"),
        (stats_of(a=100), "dataset b has weight 0.3 in phase 1, but the corpus has no such dataset"),
    ],
)
def test_a_weight_without_tokens_is_an_error(stats: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weights([Phase(phase=1, weights={"a": 0.7, "b": 0.3})], Budget(), stats)


@given(
    shares=st.dictionaries(st.sampled_from("abcdef"), st.floats(1e-6, 1e6), min_size=1),
    total=st.integers(1, 10**14),
    ends=st.lists(st.floats(0.001, 0.999), max_size=3, unique=True),
)
def test_tokens_of_a_blend_add_up(shares: dict[str, float], total: int, ends: list[float]) -> None:
    phases = [Phase(phase=i, until=end, weights=shares) for i, end in enumerate((*sorted(ends), 1.0))]
    blend = weights(phases, Budget(tokens=total), stats_of(**dict.fromkeys(shares, 1000)))
    assert sum(row["tokens"] for phase in blend["phases"] for row in phase["datasets"].values()) == total
    assert sum(data["training_tokens"] for data in blend["datasets"].values()) == total
    for phase in blend["phases"]:
        for name, row in phase["datasets"].items():
            exact = (phase["until"] - phase["from"]) * shares[name] / sum(shares.values())
            assert row["tokens"] == pytest.approx(exact, rel=1e-9, abs=1)
    assert json.loads(json.dumps(blend)) == blend


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([(1, 0.6), (2, 0.6), (3, 1)], "phase 2 ends at 0.6, but phase 1 before it ends at 0.6"),
        ([(1, 1), (2, 1)], "phase 2 ends at 1, but phase 1"),
        ([(1, 0.3), (2, 0.9)], "phase 2 is the last and ends at 0.9"),
        ([(2, 0.3), (1, 1)], "phase 1 follows phase 2"),
    ],
)
def test_phases_that_do_not_follow_each_other(ends: list[tuple[int, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_phases([Phase(phase=n, until=until, weights={"a": 1}) for n, until in ends])


@pytest.mark.parametrize(
    "values",
    [
        {"weights": {}},
        {"weights": {"a": 0}},
        {"weights": {"a": -1}},
        {"weights": {"a": float("nan")}},
        {"weights": {"a": 1}, "until": 0},
        {"weights": {"a": 1}, "until": 1.1},
        {"weights": {"a": 1}, "from": 0},
    ],
)
def test_wrong_phases(values: dict) -> None:
    with pytest.raises(ValidationError):
        Phase(phase=1, **values)
