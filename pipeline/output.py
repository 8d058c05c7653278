"""What a run leaves in its output beside parts and shards: the files that speak of the whole.

Knows their names and what is in them; does not know how a run goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline import moved, ownership, resources
from pipeline.card import card
from pipeline.config import Config
from pipeline.ledger import Foreign, Ledger
from pipeline.ownership import CARD, INDEX, PLAN, Manifest, NotOurs
from pipeline.plan import Plan
from pipeline.receipts import RUNS
from pipeline.rounds import round_key
from pipeline.schedule import Schedule
from pipeline.sealed import SEAL, checksum
from pipeline.segment import all_rows
from pipeline.steps import unopened
from pipeline.storage import Storage, join
from pipeline.weights import megatron
from stages.global_stage import LAST, Global

STATS, BLEND = "stats.json", "blend.json"
#: Of a run that has not come to its end: what it can say so far.
ACCOUNT = "work/account.json"
#: For those who have ``corpus/`` and nothing else; as ``sha256sum --check`` takes it.
SUMS = "corpus/SHA256SUMS"


def whole(config: Config) -> list[str]:
    """Names of the files that speak of the whole."""
    names = [STATS, CARD, ACCOUNT, INDEX]
    if config.blend:
        names += [BLEND, SUMS, *(_megatron_file(phase.phase) for phase in config.blend)]
    return names


def claim(config: Config, storage: Storage, dry: bool) -> Manifest:
    """The manifest of an output that is this run's, or may become it. ConfigError if it may not."""
    try:
        if dry:  # it shows what the run would do, and the run would be refused
            parent = config.output.removesuffix(f"/{ownership.DRY_RUN}")
            ownership.claim(storage, parent, config.name)
        manifest = ownership.claim(storage, config.output, config.name)
    except NotOurs as error:
        raise config.problem(("output",), str(error)) from None
    storage.check_writable(config.output)
    blocked = manifest.blocked(storage, config.output, [name for name in whole(config) if name != CARD])
    if blocked:
        raise config.problem(("output",), str(Foreign(join(config.output, blocked[0]))))
    return manifest


def prepare(plan: Plan, ledger: Ledger, manifest: Manifest) -> None:
    """Clear what killed writers left, keep the resources, move what stands elsewhere now, freeze the plan."""
    storage, output = ledger.storage, ledger.output
    manifest.save(ledger)
    ownership.sweep(storage, output, plan.config.datasets, lambda path: False)
    kept = {name: [sha] for one in plan.resources.values() for name, sha in one.kept(output)}
    manifest.files |= kept
    manifest.save(ledger)
    for source, resource in plan.resources.items():
        resources.keep(storage, source, resource)
    new = plan.as_json()
    if storage.stat(ledger.path(PLAN)) is not None:
        earlier = _segments(storage.read(ledger.path(PLAN)))
        for old, target in moved.moves(earlier, new["segments"]):
            moved.move(ledger, old, target)
        if earlier != json.loads(_json(new["segments"])):
            manifest.drop(ledger, whole(plan.config))  # they would speak of another plan
    manifest.put(ledger, {PLAN: _json(new)})


def _segments(plan: bytes) -> list[dict[str, Any]]:
    try:
        segments = json.loads(plan)["segments"]
        return [segment for segment in segments if segment["dataset"] and segment["recipe"]]
    except (ValueError, KeyError, TypeError):
        return []


def finish(
    plan: Plan,
    ledger: Ledger,
    manifest: Manifest,
    schedule: Schedule,
    found: Mapping[str, Any],
    blend: Mapping[str, Any] | None,
) -> tuple[list[str], list[str]]:
    """Write the files that speak of the whole, and remove what this run made and does not want any more.
    Names of files that were not written since others stand there, and of files that are not of this run."""
    config = plan.config
    files = {name: _json(artefact) for name, artefact in artefacts(plan, ledger, schedule).items()}
    if blend is not None:
        files[BLEND] = _json({**blend, SEAL: checksum(json.loads(_json(blend)))})
        for phase in config.blend:
            files[_megatron_file(phase.phase)] = megatron(blend, phase.phase).encode()
        files[SUMS] = _sums(found)
    files[STATS] = _json(
        {**found, "artefacts": sorted(name for name in files if name.startswith("artefacts/"))}
    )
    files[CARD] = card(found, blend, config.as_json()).encode()
    receipts = (g.receipt(name) for key, g in schedule.groups.items() for name in schedule.states[key].made)
    files[INDEX] = "".join(f"{name}\n" for name in sorted(receipts)).encode()
    kept = manifest.put(ledger, files)
    if any(name != CARD for name in kept):
        raise Foreign(ledger.path(next(name for name in kept if name != CARD)))
    left = ownership.tidy(ledger, manifest, _current(plan, ledger, schedule, files), set(config.datasets))
    manifest.save(ledger)
    ledger.release()
    return kept, [name for name in left if name not in kept]


def _current(plan: Plan, ledger: Ledger, schedule: Schedule, files: Iterable[str]) -> set[str]:
    """Names of all files that belong to the run as it is now."""
    current = {PLAN, *files}
    for resource in plan.resources.values():
        current |= {name for name, _ in resource.kept(ledger.output)}
    # a calibration of this run may be what its own config names by now
    inside = ledger.path("")
    current |= {source.removeprefix(inside) for source in plan.resources if source.startswith(inside)}
    for key, group in schedule.groups.items():
        for name, made in schedule.states[key].made.items():
            current |= {group.receipt(name), *(file.name for file in made.files.values())}
    return current


def artefacts(plan: Plan, ledger: Ledger, schedule: Schedule) -> dict[str, Any]:
    """What global stages leave for later runs, by file name."""
    found: dict[str, Any] = {}
    for segment in plan.segments.values():
        if segment.judged is None:
            continue
        stage = unopened(segment.judged)
        assert isinstance(stage, Global)
        if stage.shared:
            made = sorted(schedule.states[round_key(segment, LAST)].made.items())
            files = [one.files[RUNS].stored.below(ledger.output) for _, one in made if RUNS in one.files]
            rows = all_rows(ledger.storage, files, stage.verdicts)
            if (artefact := stage.artefact(rows)) is not None:
                found[f"artefacts/{segment.dataset}-{segment.judged.label}.json"] = artefact
    return found


def _sums(found: Mapping[str, Any]) -> bytes:
    shards = (shard for dataset in found["datasets"].values() for shard in dataset["shards"])
    lines = (f"{shard['sha256']}  {shard['path'].removeprefix('corpus/')}\n" for shard in shards)
    return "".join(lines).encode()


def _megatron_file(phase: int) -> str:
    return f"blend-phase{phase}.txt"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()
