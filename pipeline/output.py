"""The files of an output that describe the run as a whole: plan, stats, blend, card, artefacts.

Knows their names and contents; does not know how a run works.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline import layout
from pipeline.config.schema import Config
from pipeline.ledger import moved, ownership
from pipeline.ledger.commit import Foreign, Ledger
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import RUNS
from pipeline.plan import assets
from pipeline.plan.recipe import fingerprint, unopened
from pipeline.plan.segment import Plan
from pipeline.report import composition, trace_index
from pipeline.report.card import card
from pipeline.report.croissant import croissant
from pipeline.report.tokenizer import content
from pipeline.report.trace_index import Origin
from pipeline.schedule.loop import Schedule
from pipeline.schedule.packing import Packs
from pipeline.schedule.parts import Named, pattern
from pipeline.schedule.rounds import round_key
from pipeline.sealed import SEAL, checksum, digest
from pipeline.storage import Missing, Storage, is_local, join
from pipeline.tasks.part import all_rows
from pipeline.tasks.projects import listed, parquet, summary
from stages.global_stage import LAST, Global


def whole(config: Config) -> list[str]:
    """Names of the files that describe the run as a whole."""
    names = [layout.STATS, layout.CARD, layout.SUMS, layout.ACCOUNT, layout.INDEX, layout.SPENT, layout.WHOLE]
    of_tokens = [layout.BLEND, layout.TOKENIZER, layout.ATTRIBUTION, layout.DOMAINS, layout.CROISSANT]
    return names + (of_tokens if config.blend else [])


def claim(config: Config, storage: Storage, dry: bool) -> Manifest:
    """The manifest of an output that belongs, or may belong, to this run. ConfigError if it may not."""
    try:
        if dry:  # a dry run is refused where the run would be refused
            parent = config.output.removesuffix(f"/{layout.DRY_RUN}")
            ownership.claim(storage, parent, config.name)
        manifest = ownership.claim(storage, config.output, config.name)
    except NotOurs as error:
        raise config.problem(("output",), str(error)) from None
    storage.check_writable(config.output)
    blocked = manifest.blocked(
        storage, config.output, [name for name in whole(config) if name not in layout.EDITED]
    )
    if blocked:
        raise config.problem(("output",), str(Foreign(join(config.output, blocked[0]))))
    return manifest


def prepare(plan: Plan, ledger: Ledger, manifest: Manifest) -> None:
    """Remove leftovers of killed writers, copy assets, move segments that changed place, write the plan."""
    storage, output = ledger.storage, ledger.output
    manifest.save(ledger)
    ownership.sweep(storage, output, plan.config.datasets, lambda path: False)
    kept = {name: [sha] for one in plan.assets.values() for name, sha in one.kept(output)}
    manifest.files |= kept
    manifest.save(ledger)
    for source, asset in plan.assets.items():
        assets.keep(storage, source, asset)
    new = plan.as_json()
    if storage.stat(ledger.path(layout.PLAN)) is not None:
        earlier = _segments(storage.read(ledger.path(layout.PLAN)))
        packs = Packs(ledger, manifest)
        for old, target in moved.moves(earlier, new["segments"]):
            for name in [name for name in manifest.files if name.startswith((f"{old}/", f"{target}/"))]:
                packs.open(name.removesuffix(layout.PACK))
            moved.move(ledger, old, target)
        if earlier != json.loads(_json(new["segments"])):
            manifest.drop(ledger, whole(plan.config))  # they belong to another plan
    manifest.put(ledger, {layout.PLAN: _json(new)})


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
    spent: Callable[[], Mapping[str, Any]],
) -> tuple[list[str], list[str]]:
    """Write the files that describe the whole, and remove files of this run that are no longer needed.
    ``spent``: what the driver took so far, noted unless nothing was computed that was not there.
    Returns the names of files that were not written because others are there, and of files of others."""
    config = plan.config
    files = {name: _json(artefact) for name, artefact in artefacts(plan, ledger, schedule).items()}
    if blend is not None:
        files[layout.BLEND] = _json({**blend, SEAL: checksum(json.loads(_json(blend)))})
        parts = {
            name: composition.read(plan, ledger, name, schedule.states[plan.tokens(name).key])
            for name in config.blended
        }
        if len(attribution := listed({name: one.projects for name, one in parts.items()})):
            files[layout.ATTRIBUTION] = parquet(attribution)
            found = {**found, "attribution": summary(attribution)}
        if len(domains := composition.listed(parts)):
            files[layout.DOMAINS] = parquet(domains)
        found = {**found, "composition": composition.summary(parts)}
    if found["tokenizer"] is not None:
        files[layout.TOKENIZER] = content(plan, ledger.storage)
    files[layout.STATS] = _json(
        {**found, "artefacts": sorted(name for name in files if name.startswith(f"{layout.ARTEFACTS}/"))}
    )
    index = _index(plan, ledger, manifest, schedule)
    about = config.card.model_dump(mode="json")
    assets = {path: asset.sha256 for path, asset in plan.assets.items()}
    files[layout.CARD] = card(found, blend, config.as_json(), about, plan.version, assets).encode()
    if blend is not None:
        others = {
            layout.in_corpus(name): (len(data), hashlib.sha256(data).hexdigest())
            for name, data in files.items()
            if name != layout.in_corpus(name) and name not in layout.EDITED
        }
        said = croissant(found, config.as_json(), about, plan.version, others)
        files[layout.CROISSANT] = _json(said)
    receipts = (g.receipt(name) for key, g in schedule.groups.items() for name in schedule.states[key].made)
    files[layout.INDEX] = "".join(f"{name}\n" for name in sorted(receipts)).encode()
    reused = sum(state.reused for state in schedule.states.values())
    if layout.SPENT not in manifest.files or reused < sum(len(one.made) for one in schedule.states.values()):
        files[layout.SPENT] = _json(spent())
    kept = manifest.put(ledger, files)
    files[layout.SUMS] = _sums(ledger, found, files, kept)
    kept += manifest.put(ledger, {layout.SUMS: files[layout.SUMS]})
    if any(name != layout.CARD for name in kept):
        raise Foreign(ledger.path(next(name for name in kept if name != layout.CARD)))
    current = _current(plan, ledger, schedule, [*files, *index, layout.SPENT, layout.WHOLE])
    left = ownership.tidy(ledger, manifest, current, set(config.datasets))
    if any(name.endswith(layout.PACK) for name in manifest.files):
        manifest.put(ledger, {layout.WHOLE: _json(_whole(ledger, manifest, schedule))})
    manifest.save(ledger)
    ledger.release()
    return kept, [name for name in left if name not in kept]


def unchanged(
    plan: Plan, ledger: Ledger, manifest: Manifest, schedule: Schedule
) -> tuple[dict[str, Any], list[str]] | None:
    """The stats of a large run that was finished before and in which nothing was to be done now, if what
    describes the whole is still there as it was written, and says so; and the names of files of others. Else
    None. On an object store, where listing all files takes thousands of requests, those of others are not
    looked for."""
    storage = ledger.storage
    if schedule.changed or layout.WHOLE not in manifest.files:
        return None
    try:
        noted = storage.read(ledger.path(layout.WHOLE))
        if noted != _json(_whole(ledger, manifest, schedule)):
            return None
        stats = storage.read(ledger.path(layout.STATS))
    except Missing:
        return None
    if manifest.files.get(layout.STATS) != [hashlib.sha256(stats).hexdigest()]:
        return None
    left = []
    if is_local(ledger.output):
        # here dates and sizes are all that is noted of versions, and a disk damages bytes without them
        edited = {ledger.path(name) for name in layout.EDITED}
        if any(damage.path not in edited for damage in manifest.changed(storage, ledger.output)):
            return None
        current = _current(plan, ledger, schedule, manifest.files)
        left = ownership.tidy(ledger, manifest, current, set(plan.config.datasets))
    ledger.release()
    found: dict[str, Any] = json.loads(stats)
    found.pop("artefacts")
    return found, left


def _whole(ledger: Ledger, manifest: Manifest, schedule: Schedule) -> dict[str, Any]:
    """What a finished run is made of: checksums of the plan and of the results of each group, and the size
    and version of each file that describes the whole. No file is read."""
    names = sorted({*manifest.files} - {layout.WHOLE})
    there = {info.path: info for info in ledger.storage.list(ledger.path(layout.RECEIPTS))}
    files = {}
    for name in names:
        if not name.endswith(layout.PACK):
            info = there.get(ledger.path(name)) or ledger.storage.stat(ledger.path(name))
            files[name] = [info.size, info.etag] if info is not None else None
    made = {}
    for key, group in sorted(schedule.groups.items()):
        pack = manifest.files.get(layout.pack(group.receipts))
        rows = schedule.states[key].made
        made[key] = pack or fingerprint([(name, rows.row(name)) for name in sorted(rows)])
    return {"plan": manifest.files.get(layout.PLAN), "groups": made, "files": files}


class _Current:
    """Names of all files that belong to the current plan, of which there may be millions."""

    def __init__(self, names: set[str], schedule: Schedule) -> None:
        self._names, self._made = names, Named()
        for key, group in schedule.groups.items():
            self._made.add_all(pattern(group.receipt), schedule.states[key].made)
            self._names.add(layout.pack(group.receipts))

    def __contains__(self, name: object) -> bool:
        return name in self._names or str(name) in self._made


def _current(plan: Plan, ledger: Ledger, schedule: Schedule, files: Iterable[str]) -> _Current:
    current = {layout.PLAN, *files}
    for asset in plan.assets.values():
        current |= {name for name, _ in asset.kept(ledger.output)}
    # the config may by now name a calibration that this run itself wrote
    inside = ledger.path("")
    current |= {source.removeprefix(inside) for source in plan.assets if source.startswith(inside)}
    return _Current(current, schedule)


def _index(plan: Plan, ledger: Ledger, manifest: Manifest, schedule: Schedule) -> list[str]:
    """Write the index of documents, unless it is there. Returns the names of its files."""
    origins = []
    for key, segment in plan.segments.items():
        generates = any(step.role == "generate" for step in segment.steps)
        if segment.reader is None and not generates:
            continue
        for part, made in schedule.states[key].made.sorted():
            files = trace_index.origin_files(made.files.values())
            origins += [Origin(key, part, files)] if segment.reader else []
            origins += [Origin(key, part, files, generates=True)] if generates else []
    if trace_index.is_current(ledger.storage, ledger.output, origins, manifest.files):
        return [name for name in manifest.files if layout.is_trace(name)]
    manifest.drop(ledger, [name for name in manifest.files if layout.is_trace(name)])  # never a mixture
    names = []
    for name, data in trace_index.make(ledger.storage, ledger.output, origins):
        if manifest.put(ledger, {name: data}):
            raise Foreign(ledger.path(name))
        names.append(name)
    return names


def artefacts(plan: Plan, ledger: Ledger, schedule: Schedule) -> dict[str, Any]:
    """What global stages leave for later runs: content by file name."""
    found: dict[str, Any] = {}
    for segment in plan.segments.values():
        if segment.judged is None:
            continue
        stage = unopened(segment.judged)
        assert isinstance(stage, Global)
        if stage.shared:
            made = schedule.states[round_key(segment, LAST)].made.sorted()
            files = [one.files[RUNS].stored.below(ledger.output) for _, one in made if RUNS in one.files]
            rows = all_rows(ledger.storage, files, stage.verdicts)
            if (artefact := stage.artefact(rows)) is not None:
                found[layout.artefact(segment.dataset, segment.judged.label)] = artefact
    return found


def _sums(ledger: Ledger, found: Mapping[str, Any], files: Mapping[str, bytes], kept: Iterable[str]) -> bytes:
    """Checksums of all files in the corpus. ``kept``: files that are there instead of ours."""
    sums = {shard["path"]: shard["sha256"] for data in found["datasets"].values() for shard in data["shards"]}
    for name, data in files.items():
        if name in kept:
            sums[name] = digest(ledger.storage, ledger.path(name))[1]
        elif name != layout.in_corpus(name):
            sums[name] = hashlib.sha256(data).hexdigest()
    return "".join(f"{sums[name]}  {layout.in_corpus(name)}\n" for name in sorted(sums)).encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()
