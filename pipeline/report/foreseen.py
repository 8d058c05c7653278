"""What a config would do in an output that is there: which parts it would compute again and why, which reuse.

Nothing is run. Where all that a part depends on is reused, its fate is known from its fingerprint. What comes
after parts that are computed again is computed again where those come out otherwise, which only a run can
tell; where a later segment itself differs, that is known beforehand. The rounds of a global stage that is
new are not counted. Why something differs is read from ``plan.json`` of the output, which says in plain
values what fingerprints are hashes of.

Knows plans, groups and receipts; does not know how to show it (``report.foreseen_text``).
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline import layout
from pipeline.ledger.commit import Ledger
from pipeline.ledger.moved import moves
from pipeline.ledger.ownership import Manifest, NotOurs
from pipeline.ledger.receipts import load_all
from pipeline.plan.segment import Plan
from pipeline.report.compare import Setting, differing
from pipeline.schedule.groups import PartGroup, ShardGroup, groups
from pipeline.schedule.reuse import Todo, Why, split
from pipeline.schedule.state import Group, State
from pipeline.storage import Missing, Storage, join

EXAMPLES = 3
_SHA = re.compile("[0-9a-f]{64}")
_SAID = {
    Why.NEW: "not done yet",
    Why.GONE: "files of it are missing or cut off",
    Why.FAILED: "failed the last time",
    Why.FAILURES: "documents failed in it",
}


class NotForeseen(Exception):
    """There is no output that a run of this version could continue; the message says why."""


@dataclass
class Inputs:
    """Of one dataset: paths of inputs."""

    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: int = 0


@dataclass
class Step:
    """One segment, round or set of shards. ``again`` and ``examples`` are by reason; ``after``: tasks whose
    fate depends on ``because``, which is computed again. ``seconds``: of work, the last time that those were
    computed that are not reused."""

    key: str
    reused: int = 0
    again: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    after: int = 0
    because: str = ""
    seconds: float = 0.0
    seconds_reused: float = 0.0


@dataclass
class Foreseen:
    """``name``: of the run that the output belongs to, if the config has another. ``unneeded``: segments that
    the config has no longer."""

    name: str | None
    settings: list[Setting]
    inputs: dict[str, Inputs]
    steps: list[Step]
    unneeded: list[str]


def foresee(storage: Storage, output: str, plan: Plan) -> Foreseen:
    """What a run of the plan would do in ``output``, which must be that of the plan's config."""
    try:
        manifest = Manifest.read(storage, output)
        before = json.loads(storage.read(join(output, layout.PLAN)))
        config, inputs, segments = before["config"], before["inputs"], before["segments"]
        name = manifest.name if manifest else plan.config.name
    except (Missing, NotOurs, ValueError, KeyError, TypeError) as error:
        raise NotForeseen(f"{output} holds no run that could be continued: {error}") from None
    now = json.loads(json.dumps(plan.config.as_json(), default=str))
    settings = differing(config, now)
    found = _inputs(inputs, plan)
    walk = _Walk(storage, output, plan, segments, settings, found)
    other = None if name == plan.config.name else name
    return Foreseen(other, settings, found, list(walk.steps()), walk.unneeded())


def _inputs(before: Mapping[str, Sequence[Mapping[str, Any]]], plan: Plan) -> dict[str, Inputs]:
    found = {}
    for dataset, items in plan.inputs.items():
        one = found[dataset] = Inputs()
        earlier = {item["part"]: item for item in before.get(dataset, ())}
        for part, item in items:
            old = earlier.pop(part, None)
            if old is None:
                one.new.append(item.path)
            elif (old["size"], old["etag"]) != (item.size, item.etag):
                one.changed.append(item.path)
            else:
                one.same += 1
        one.gone = [item["path"] for item in earlier.values()]
    return found


class _Walk:
    """The groups of the plan, one after the other, as far as they are known without running."""

    def __init__(
        self,
        storage: Storage,
        output: str,
        plan: Plan,
        before: Sequence[Mapping[str, Any]],
        settings: Iterable[Setting],
        inputs: Mapping[str, Inputs],
    ) -> None:
        self.plan, self.settings = plan, list(settings)
        self.ledger = Ledger(storage, output, "", plan.config.name)
        self.before = {f"{one['dataset']}/{one['segment']}": one for one in before}
        self.now = json.loads(json.dumps(plan.as_json()["segments"], default=str))
        self.changed = {path for one in inputs.values() for path in one.changed}
        self.new = {path for one in inputs.values() for path in one.new}
        self.paths = {part: item.path for items in plan.inputs.values() for part, item in items}
        self.places = self._places(before)
        self.states: dict[str, State] = {}
        self.known: dict[str, Step] = {}  # by group
        self._earlier = self._counterparts()
        self._reasons: dict[str, str] = {}  # by segment

    def _places(self, before: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Where parts lie that a run would move: directory now and then."""
        pairs = moves(before, self.now)
        leaving = {old for old, _ in pairs}
        there = {layout.work(key) for key in self.before}
        # a part is not moved onto another one
        return {new: old for old, new in pairs if new not in there or new in leaving}

    def _place(self, directory: str) -> str:
        for new, old in self.places.items():
            if directory == new or directory.startswith(f"{new}/"):
                return old + directory[len(new) :]
        return directory

    def _counterparts(self) -> dict[str, Mapping[str, Any]]:
        """For each segment the one of the earlier plan that it takes the place of."""
        found = {}
        for one in self.now:
            key = f"{one['dataset']}/{one['segment']}"
            old = self._place(layout.work(key)).removeprefix(layout.work(""))
            number = one["segment"].split("-")[0]
            near = (k for k in self.before if k.startswith(f"{one['dataset']}/{number}-"))
            if (at := old if old in self.before else next(near, None)) is not None:
                found[key] = self.before[at]
        return found

    def unneeded(self) -> list[str]:
        """Segments whose parts a run would remove."""
        keys = {f"{one['dataset']}/{one['segment']}" for one in self.now}
        kept = {old.removeprefix(layout.work("")) for old in self.places.values()}
        return [key for key in self.before if key not in keys | kept]

    def steps(self) -> Iterator[Step]:
        """Every group with what is known of it."""
        waiting: deque[Group] = deque(groups(self.plan).values())
        while waiting:
            group = waiting.popleft()
            step = self.known[group.key] = Step(group.key)
            needs = group.needs(self.states)
            open_ = [need for need in needs if need not in self.states or not self._whole(need)]
            if not open_:
                self.states[group.key] = self._split(group, step)
                if not step.again:
                    waiting.extendleft(group.following(self.states))
            else:
                self._depends(group, step, open_)
            yield step
            yield from self._rounds(group) if not self._whole(group.key) else ()

    def _whole(self, key: str) -> bool:
        step = self.known.get(key)
        return step is not None and not step.again and not step.after

    def _split(self, group: Group, step: Step) -> State:
        state = State()
        found = split(group, self.ledger, self.states, state, place=self._place)
        step.reused = found.tasks - len(found.todo)
        step.seconds_reused += sum(state.seconds.values())
        for todo in found.todo:
            reason = self._reason(group, todo)
            step.again[reason] += 1
            step.seconds += todo.seconds
            some = step.examples.setdefault(reason, [])
            if len(some) < EXAMPLES and (path := self.paths.get(todo.task.name)):
                some.append(path)
        return state

    def _depends(self, group: Group, step: Step, open_: Sequence[str]) -> None:
        """A group of which some or all tasks take what is computed again."""
        first = self.known.get(open_[0])
        # the rounds before a segment that applies verdicts are not known yet, but their segment is
        parents = group.segment.parents if isinstance(group, PartGroup) else ()
        step.because = open_[0] if first else next((p for p in parents if not self._whole(p)), open_[0])
        if isinstance(group, PartGroup) and group.judged is None:
            if all(parent in self.states for parent in parents):
                self.states[group.key] = self._split(group, step)
            step.after = self._parts(parents) - step.reused - step.again.total()
        elif isinstance(group, PartGroup):
            step.after = self._parts(parents)
        receipts = [*self._receipts(group.receipts)]
        if not isinstance(group, PartGroup):
            step.after = len(receipts)
        step.seconds = max(step.seconds, sum(receipts) - step.seconds_reused)
        if isinstance(group, PartGroup) and (reason := self._segment_reason(group.key)) and step.after:
            step.again[reason] += step.after
            step.after = 0

    def _parts(self, parents: Iterable[str]) -> int:
        steps = [self.known[parent] for parent in parents]
        return sum(one.reused + one.again.total() + one.after for one in steps)

    def _rounds(self, group: Group) -> Iterator[Step]:
        """The rounds that the output has after a segment that is computed again. Those of a stage that is new
        are not counted: how many tasks they have follows from its rows."""
        if not isinstance(group, PartGroup) or group.segment.judged is None:
            return
        directory = self._place(group.segment.directory)
        names = Counter[str]()
        for info in self.ledger.storage.list(self.ledger.path(directory)):
            rest = info.path.removeprefix(self.ledger.path(directory) + "/").split("/")
            if len(rest) == 3 and rest[1] == layout.RECEIPTS_NAME and rest[2].endswith(".json"):
                names[rest[0]] += 1
        for name, count in names.items():
            step = Step(f"{group.key}/{name}", after=count, because=group.key)
            step.seconds = sum(self._receipts(layout.receipts(f"{group.segment.directory}/{name}")))
            if reason := self._decides(group.key):
                step.again[reason], step.after = count, 0
            self.known[step.key] = step
            yield step

    def _receipts(self, directory: str) -> Iterator[float]:
        """Seconds of every receipt."""
        path = self.ledger.path(self._place(directory))
        for _, receipt in load_all(self.ledger.storage, path):
            yield sum(receipt.seconds.values())

    def _reason(self, group: Group, todo: Todo) -> str:
        path = self.paths.get(todo.task.name, "")
        if todo.why is Why.OTHER:
            if isinstance(group, PartGroup):
                if reason := self._segment_reason(group.key):
                    return reason
                if not group.reads:
                    return _TAKES
                return "the input is another" if path in self.changed else "it was read in another way"
            if isinstance(group, ShardGroup):
                said = [
                    f"{key}: {old} -> {new}" for key, old, new in self.settings if key.startswith("shards.")
                ]
                return "; ".join(said) or _TAKES
            return self._decides(group.key.rsplit("/", 1)[0]) or _TAKES
        if todo.why is Why.NEW and isinstance(group, PartGroup):
            if path in self.new:
                return "a new input"
            if group.key not in self._earlier:
                return "a new segment"
            if reason := self._segment_reason(group.key):
                return reason
        return _SAID[todo.why]

    def _segment_reason(self, key: str) -> str:
        """What a segment does otherwise than before; "" if nothing."""
        if key not in self._reasons:
            self._reasons[key] = self._compared(key)
        return self._reasons[key]

    def _compared(self, key: str) -> str:
        now = next(one for one in self.now if f"{one['dataset']}/{one['segment']}" == key)
        old = self._earlier.get(key)
        if old is None:
            return "a new segment"
        if old["recipe"] == now["recipe"]:
            return ""
        if "does" not in old:
            return "it does something else (the plan in the output does not say what)"
        said = [*_other_stages(old["does"], now["does"])]
        if old["where"] != now["where"]:
            said.append(f"where: {old['where']} -> {now['where']}")
        if not said and old["columns"] != now["columns"]:
            more = [f"+{name}" for name in now["columns"] if name not in old["columns"]]
            said.append(
                f"columns: {' '.join([*more, *(f'-{n}' for n in old['columns'] if n not in now['columns'])])}"
            )
        said += [f"seed: {a} -> {b}" for name, a, b in self.settings if name == "seed" and not said]
        return "; ".join(said) or "made by another version of nanocorpus"

    def _decides(self, key: str) -> str:
        """What the global stage that ends a segment decides otherwise than before; "" if nothing is known."""
        old = self._earlier.get(key, {})
        same = (one for one in self.now if f"{one['dataset']}/{one['segment']}" == key)
        now: Mapping[str, Any] = next(same, {})
        if "decides" not in old or old["decides"] == now.get("decides"):
            return ""
        sides = ([one["decides"]] if one.get("decides") else [] for one in (old, now))
        return "; ".join(_other_stages(*sides))


_TAKES = "what it takes was computed anew since"


def _other_stages(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How the stages of a segment differ, a line for each difference."""
    old, new = ({(one["label"], one["role"]): one for one in side} for side in (before, now))
    said: dict[str, None] = {}
    for (label, role), one in new.items():
        if (then := old.get((label, role))) is None:
            known = any(name == label for name, _ in old)
            said[f"{label} {'has another place' if known else 'is new'}"] = None
            continue
        if then["version"] != one["version"]:
            said[f"{label}: version {then['version']} -> {one['version']}"] = None
        for key, a, b in differing(then["settings"], one["settings"]):
            said[f"{label}.{key}: {_short(a)} -> {_short(b)}"] = None
        if then.get("carried") != one.get("carried"):
            said[f"{label}: columns {then.get('carried')} -> {one.get('carried')}"] = None
    for label, _ in old:
        if not any(name == label for name, _ in new):
            said[f"{label} is gone"] = None
    if not said and [*old] != [*new]:
        said["the stages stand in another order"] = None
    yield from said


def _short(value: str) -> str:
    """A value for a line: checksums of what a stage loads are cut."""
    return _SHA.sub(lambda match: f"{match[0][:8]}…", value) or "not there"
