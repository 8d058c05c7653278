"""What may import what: no circles, no arrow up, and rooms of stages that do not know each other.

Imports are read from the code, wherever they stand: also those within functions and for type checkers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("model", "stages", "pipeline")

#: The rooms of ``pipeline``, from the top down: one imports only those below it.
FLOORS = (
    "pipeline.__main__",
    "pipeline.run",
    "pipeline.cli",
    "pipeline.api",
    "pipeline.launch",
    "pipeline.output",
    "pipeline.report",
    "pipeline.schedule",
    "pipeline.execute",
    "pipeline.tasks",
    "pipeline.plan",
    "pipeline.train",
    "pipeline.config",
    "pipeline.exchange",
    "pipeline.blend",
    "pipeline.ledger",
    "pipeline.sealed",
    "pipeline.storage",
    "pipeline.layout",
)

#: What all rooms of stages may use, contracts and what several need to look into files and texts, from the
#: bottom up: one of these imports only those before it.
SHARED = (
    "stages.base",
    "stages.global_stage",
    "stages.kept",
    "stages.cached",
    "stages.parts",
    "stages.collecting",
    "stages.compiled",
    "stages.ahead",
    "stages.where",
    "stages.files",
    "stages.text",
    "stages.vocabulary",
    "stages.credentials",
    "stages.fasttext",
    "stages.licenses",
)
#: What a room of stages may use besides.
ALLOWED = {
    ("stages.heuristics", "stages.signals.table"),  # a rule names signals
    ("stages.heuristics", "stages.code.signals.table"),
    ("stages.quality", "model.checkpoint"),  # a regressor is stored as the models of the engine are
    ("stages.quality", "model.config"),
    # synthesis makes prompts, asks engines, and names those that there are
    ("stages.synthesis", "model"),
    ("stages.synthesis", "model.chat"),
    ("stages.synthesis", "model.requests"),
    ("stages.synthesis", "model.backends.endpoint"),
    ("stages.synthesis", "model.backends.reference"),
    ("stages.synthesis", "model.backends.vllm"),
}


def modules() -> dict[str, Path]:
    """Names of all modules of the project and where they are."""
    found = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imported(file: Path) -> Iterator[str]:
    """Modules of the project that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name and name not in MODULES:  # a name in a module
                name = name.rpartition(".")[0]
            if name:
                yield name


GRAPH = {name: set(imported(file)) - {name} for name, file in MODULES.items()}


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(name: str) -> str:
    """``stages.dedup`` of ``stages.dedup.cut``; a module that is in no room is one by itself."""
    return ".".join(name.split(".")[:2])


def arrows() -> list[tuple[str, str]]:
    return sorted((name, other) for name, others in GRAPH.items() for other in others)


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Of each circle one way round; empty if there is none."""
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append(" -> ".join([*way[way.index(name) :], name]))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, [*way, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def test_there_are_no_circles() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b -> c -> b"]
    assert circles(GRAPH) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_know_only_those_below(package: str) -> None:
    above = PACKAGES[PACKAGES.index(package) + 1 :]
    assert [
        arrow for arrow in arrows() if within(arrow[0], package) and arrow[1].split(".")[0] in above
    ] == []


def test_rooms_of_stages_do_not_know_each_other() -> None:
    wrong = []
    for name, other in arrows():
        room, known = room_of(name), room_of(other)
        if not within(name, "stages") or room in (known, "stages.registry"):
            continue
        if known in SHARED:
            right = room not in SHARED or SHARED.index(known) < SHARED.index(room)
        else:
            right = (room, other) in ALLOWED
        if not right:
            wrong.append((name, other))
    assert wrong == []


def test_the_pipeline_loads_stages_by_name() -> None:
    known = (*SHARED, "stages.registry")
    assert [
        (name, other)
        for name, other in arrows()
        if within(name, "pipeline") and within(other, "stages") and room_of(other) not in known
    ] == []


def floor(name: str) -> int:
    return next(number for number, room in enumerate(FLOORS) if within(name, room))


def test_floors_of_the_pipeline() -> None:
    inside = [
        arrow for arrow in arrows() if all(within(name, "pipeline") and name != "pipeline" for name in arrow)
    ]
    assert [(name, other) for name, other in inside if floor(name) > floor(other)] == []
