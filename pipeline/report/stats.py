"""``stats.json``: documents kept, dropped and failed by dataset and stage, and the content of the corpus.

Sums receipts. Knows states and names; has no times, no paths of a machine and no order of completion in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.ledger.given_ids import repeated
from pipeline.ledger.receipts import SHARD
from pipeline.ledger.tallies import Tally, check_chain, merge_steps
from pipeline.plan.segment import Plan, Segment
from pipeline.schedule.rounds import round_key
from pipeline.schedule.state import State
from stages.global_stage import LAST

MOST_CLUSTERS = 10


def stats(plan: Plan, states: Mapping[str, State], partial: bool = False) -> dict[str, Any]:
    """The content of ``stats.json``; ConservationError if rows went missing between segments.

    ``partial``: for a run that did not finish, as far as it is known. Rows that one stage kept may not have
    reached the next yet.
    """
    if partial:
        states = {**{key: State() for key in _keys(plan)}, **states}
    tokenizer = None
    if plan.config.tokenizer is not None:
        path = plan.config.tokenizer.settings.model_dump()["path"]
        tokenizer = {"sha256": plan.assets[path].sha256}
    return {
        "name": plan.config.name,
        "seed": plan.config.seed,
        "tokenizer": tokenizer,
        "datasets": {name: _dataset(plan, states, name, partial) for name in plan.config.datasets},
    }


def _keys(plan: Plan) -> Iterator[str]:
    yield from plan.segments
    yield from (f"{name}/shards" for name in plan.config.blended)


def _dataset(plan: Plan, states: Mapping[str, State], name: str, partial: bool) -> dict[str, Any]:
    keys = [segment.key for segment in plan.segments.values() if segment.dataset == name]
    stages: list[Tally] = []
    sums: dict[str, Counter[str]] = {}
    for key in keys:
        stages += states[key].tallies
        for label, found in states[key].sums.items():
            sums.setdefault(label, Counter()).update(found)
    if not partial:
        stages = list(merge_steps(stages))
        check_chain(stages)
    blended = name in plan.config.blended
    last = states[keys[-1]]
    shards, repeated_ids = [], 0
    for _, one in states[f"{name}/shards"].made.sorted() if blended else ():
        if (file := one.files.get(SHARD)) is not None:
            said = {"bytes": file.size, "sha256": file.sha256, "foot": file.foot}
            counts = dict(one.counts)
            repeated_ids += counts.pop("repeated_ids")
            shards.append({"path": file.name, **counts, **said})
    made = states[keys[0]].made
    failed = [item.name for part, item in plan.inputs.get(name, ()) if part in made and not made[part].done]
    return {
        "failed_inputs": sorted(failed),
        "inputs": len(plan.inputs.get(name, ())) or len(states[keys[0]].made),
        "stages": [stage.as_json() for stage in stages],
        **({"sums": {label: dict(sorted(one.items())) for label, one in sums.items()}} if sums else {}),
        "rounds": {
            segment.judged.label: _rounds(segment, states)
            for segment in plan.segments.values()
            if segment.dataset == name and segment.judged
        },
        "largest_clusters": {
            segment.judged.label: _largest(states[round_key(segment, LAST)])
            for segment in plan.segments.values()
            if segment.dataset == name and segment.judged and round_key(segment, LAST) in states
        },
        "documents": last.total("documents"),
        "tokens": last.total("tokens") if blended else None,
        "repeated_ids": repeated_ids if blended else None,  # documents that have the id of another document
        "repeated_given_ids": repeated(states[keys[0]].given),  # rows whose id in the input is not unique
        "languages": {
            language: {"documents": counts["documents"], "tokens": counts["tokens"] if blended else None}
            for language, counts in sorted(last.languages.items(), key=_most)
        },
        "shards": shards,
    }


def _rounds(segment: Segment, states: Mapping[str, State]) -> dict[str, dict[str, int]]:
    """The counts of the rounds of a global stage, in order."""
    rounds: dict[str, dict[str, int]] = {}
    for key, state in states.items():
        if key.rpartition("/")[0] != segment.key:
            continue
        rounds[key.rpartition("/")[2]] = dict(sorted(state.counts.items()))
    return rounds


def _largest(state: State) -> list[dict[str, Any]]:
    """The largest clusters of duplicates: the id of the document that is kept, and their number."""
    largest = sorted(state.clusters.items(), key=lambda cluster: (-cluster[1], cluster[0]))[:MOST_CLUSTERS]
    return [{"id": identity, "documents": size} for identity, size in largest]


def _most(item: tuple[str, Counter[str]]) -> tuple[int, str]:
    return -item[1]["documents"], item[0]
