"""Blend weights: how many training tokens each dataset gives in each phase of a training run.

Knows phases, budgets and the counts in ``stats.json``; knows nothing of files. ``weights`` makes the
content of ``blend.json``, ``pipeline.blend`` reads the corpus as it says.

All shares are exact fractions of the decimal numbers that the config states, and tokens are
apportioned by largest remainder, so the tokens of a phase add up and no rounding differs by machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline import layout

#: Fields of a shard in ``blend.json``; a reader verifies it with ``foot`` (``pipeline.sealed``).
SHARD_KEYS = ("path", "documents", "tokens", "bytes", "sha256", "foot")
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Phase(BaseModel):
    """One phase of training: the mix of datasets until a fraction of all training tokens.

    ``weights`` are shares; in a config they sum to 1 (within a millionth). ``until`` of the last phase is 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: int
    until: float = Field(1.0, gt=0, le=1)
    weights: Annotated[dict[str, Weight], Field(min_length=1)]


class Budget(BaseModel):
    """How long the training is, and how often data may be repeated before it is worth a warning.

    ``tokens`` is the number of training tokens; without it, all tokens of the blended datasets once.
    ``max_epochs`` is 4 because up to about four passes over the same data cost little against fresh
    data (Muennighoff et al. 2023, "Scaling Data-Constrained Language Models", arXiv:2305.16264).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int | None = Field(default=None, ge=1)
    max_epochs: float = Field(default=4.0, gt=0, allow_inf_nan=False)


def check_phases(phases: Sequence[Phase]) -> None:
    """Raise ValueError unless phases are numbered upwards and end one after the other, the last at 1."""
    for before, after in pairwise(phases):
        if after.phase <= before.phase:
            raise ValueError(f"phases are numbered upwards; phase {after.phase} follows phase {before.phase}")
        if after.until <= before.until:
            raise ValueError(
                f"phase {after.phase} ends at {after.until:g}, but phase {before.phase} before it ends at "
                f"{before.until:g}; `until` is a fraction of the whole training and must grow"
            )
    if phases and phases[-1].until != 1:
        last = phases[-1]
        raise ValueError(
            f"phase {last.phase} is the last and ends at {last.until:g}; the last phase must end at 1 "
            "(its `until` may be left out)"
        )


def check_sum(phase: Phase) -> None:
    """Raise ValueError unless the weights of a phase sum to 1, so that mistakes in a mix are noticed."""
    total = sum((decimal(weight) for weight in phase.weights.values()), Fraction())
    if abs(total - 1) > Fraction(1, 10**6):
        raise ValueError(f"the weights of phase {phase.phase} sum to {float(total):g}, not to 1")


def weights(phases: Sequence[Phase], budget: Budget, stats: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``blend.json`` for a corpus with these ``stats`` (the content of ``stats.json``).

    ``{name, seed, tokenizer, tokens, max_epochs,
    datasets: {name: {documents, tokens, training_tokens, epochs, shards: [{path, documents, tokens, bytes,
    sha256, foot}]}}, phases: [{phase, from, until, datasets: {name: {weight, tokens, epochs,
    cumulative_epochs}}}], warnings: [str]}``. ``from`` and ``until`` are training tokens; ``tokens`` of a
    dataset is what its shards hold, ``training_tokens`` what is drawn from it over all phases; shard paths
    are relative to the directory of ``blend.json``. Tokens are those of documents: a reader that adds an
    end-of-document token spends budget on it, so its epochs are slightly fewer than stated here.

    Raises ValueError for a dataset that has a weight but no tokens. Its share is not given to others, since
    only the user can decide to train on another mix than the config states.
    """
    check_phases(phases)
    if not phases:
        raise ValueError("there is no phase to compute weights for")
    named = {name for phase in phases for name in phase.weights}
    counts = {name: counted for name, counted in stats["datasets"].items() if name in named}
    for phase in phases:
        for name in phase.weights:
            _check_has_tokens(phase, name, counts.get(name))
    total = budget.tokens or sum(counted["tokens"] for counted in counts.values())
    spent = dict.fromkeys(counts, 0)
    blended, warnings = [], []
    start = 0
    for phase in phases:
        end = int(decimal(phase.until) * total)
        if end == start:
            warnings.append(f"phase {phase.phase} has no tokens: it ends where it starts, at {start:,}")
        scale = sum(decimal(weight) for weight in phase.weights.values())
        shares = {name: decimal(phase.weights[name]) / scale for name in counts if name in phase.weights}
        tokens = _apportion(end - start, shares)
        rows = {}
        for name, share in shares.items():
            has = counts[name]["tokens"]
            spent[name] += tokens[name]
            rows[name] = {
                "weight": rounded(share),
                "tokens": tokens[name],
                "epochs": rounded(Fraction(tokens[name], has)),
                "cumulative_epochs": rounded(Fraction(spent[name], has)),
            }
            if Fraction(spent[name], has) > decimal(budget.max_epochs):
                warnings.append(
                    f"dataset {name} is read {spent[name] / has:.2f} times by the end of phase "
                    f"{phase.phase}; more than {budget.max_epochs:g} epochs are not advised"
                )
        blended.append({"phase": phase.phase, "from": start, "until": end, "datasets": rows})
        start = end
    return {
        "name": stats["name"],
        "seed": stats["seed"],
        "tokenizer": stats["tokenizer"],
        "tokens": total,
        "max_epochs": budget.max_epochs,
        "datasets": {
            name: {
                "documents": counted["documents"],
                "tokens": counted["tokens"],
                "training_tokens": spent[name],
                "epochs": rounded(Fraction(spent[name], counted["tokens"])),
                "shards": [
                    {key: shard[key] for key in SHARD_KEYS if key in shard}
                    | {"path": layout.in_corpus(shard["path"])}
                    for shard in counted["shards"]
                ],
            }
            for name, counted in counts.items()
        },
        "phases": blended,
        "warnings": warnings,
    }


def _check_has_tokens(phase: Phase, name: str, counted: Mapping[str, Any] | None) -> None:
    where = f"dataset {name} has weight {phase.weights[name]:g} in phase {phase.phase}"
    if counted is None:
        raise ValueError(f"{where}, but the corpus has no such dataset")
    if counted["tokens"] is None:
        raise ValueError(f"{where}, but was not tokenized: its tokens are not known")
    if not counted["tokens"]:
        raise ValueError(
            f"{where}, but no tokens: none of its {counted['inputs']:,} inputs left any. Take it out of the "
            "blend, or look in stats.json at what its stages dropped"
        )


def decimal(value: float) -> Fraction:
    """The number as written: 0.6 is 3/5, not the nearest binary fraction."""
    return Fraction(repr(value))


def rounded(value: Fraction) -> float:
    """Nine significant digits: enough to recompute tokens, short enough to read."""
    return float(f"{float(value):.9g}")


def _apportion(total: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole tokens per share that add up to ``total``: largest remainder, ties by name."""
    parts = {name: divmod(total * share, 1) for name, share in shares.items()}
    result = {name: int(whole) for name, (whole, _) in parts.items()}
    rest = total - sum(result.values())
    for name in sorted(parts, key=lambda name: (-parts[name][1], name))[:rest]:
        result[name] += 1
    return result
