"""``architecture.svg``: the rooms of the code, the way of a row, and the way of a setting.

Rooms, what they know and how many modules they have come from the packages; their order, top down, from the
imports. The two ways are lists of functions, each of which must exist: a renamed one fails the drawing.
"""

from __future__ import annotations

import ast
import re
import textwrap
from functools import reduce
from importlib import import_module
from pathlib import Path

from docs import svg
from stages import registry

ROOT = Path(__file__).resolve().parent.parent

#: What happens to a document, in order: module and name, and what is done there.
ROW = (
    ("stages.read.warc:Warc.read", "a capture becomes a document, or a reject with a reason"),
    ("pipeline.tasks.part:PartTask.run", "batches go through the stages of a segment"),
    ("pipeline.tasks.calls:apply", "a stage is called; one bad row fails alone"),
    ("pipeline.ledger.tallies:check_chain", "rows in + generated = kept + dropped + failed"),
    ("pipeline.tasks.outputs:Outputs.publish", "Parquet, rejects and run files are published"),
    ("pipeline.ledger.commit:Ledger.commit", "then the receipt, which makes the part done"),
    ("pipeline.exchange.runs:merge", "keys of all parts meet, sorted"),
    ("pipeline.tasks.reduce:ReduceTask", "a global stage decides about a range of keys"),
    ("pipeline.tasks.calls:judged", "the next segment applies the verdicts to its part"),
    ("stages.tokenize:Tokenize.annotate", "the text becomes token ids"),
    ("pipeline.tasks.shards:ShardTask.run", "documents in random order become token shards"),
    ("pipeline.blend.reader:BlendedReader", "training reads shards by the weights of the blend"),
)

#: What happens to a setting.
SETTING = (
    ("pipeline.config.located:load", "YAML, ${ENV} and --set: a value with its file and line"),
    ("pipeline.config.schema:read", "the stage's own settings model checks it"),
    ("pipeline.plan.build:build", "files are hashed; stages become segments"),
    ("pipeline.plan.recipe:Recipe.identity", "what decides the result: stage, version, settings"),
    ("pipeline.plan.segment:Segment.recipe", "the fingerprint of all that a segment does"),
    ("pipeline.schedule.groups:PartGroup.tasks", "with its input, the fingerprint of a part"),
    ("pipeline.schedule.loop:Schedule.run", "equal to that of the receipt: the part is reused"),
    ("pipeline.plan.recipe:open_stage", "otherwise a worker opens the stage with the setting"),
)

_FILLS = {"pipeline": "#e3f0fb", "stages": "#e6f6e9", "model": "#fdf1dc"}
_ROW_HEIGHT = 30
_WIDTH = 1240


def picture() -> str:
    """The drawing, as SVG."""
    left, height = _rooms_of_pipeline(20, 56)
    right, below = _other_packages(660, 56)
    top = max(height, below) + 40
    first, end_row = _way(20, top, "The way of a row", ROW)
    second, end_setting = _way(640, top, "The way of a setting", SETTING)
    shapes = [svg.text(20, 34, "Rooms: each imports only those below it", 18, bold=True), *left, *right]
    total = int(max(end_row, end_setting)) + 20
    return svg.document(_WIDTH, total, "Architecture of nanocorpus", [*shapes, *first, *second])


def rooms() -> list[str]:
    """The rooms and modules of ``pipeline``, from the top down: each before all that it imports."""
    graph = _imports()
    ordered: list[str] = []
    while waiting := sorted(set(graph) - set(ordered)):
        # of those that nobody else waits for, the one that leads deepest comes first
        free = [room for room in waiting if not any(room in graph[other] for other in waiting)]
        ordered.append(max(free, key=lambda room: (_depth(graph, room), room)))
    return ordered


def _imports() -> dict[str, set[str]]:
    """Which room of ``pipeline`` imports which others."""
    graph: dict[str, set[str]] = {}
    for file in sorted((ROOT / "pipeline").rglob("*.py")):
        room = file.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue
        found = graph.setdefault(room, set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pipeline":
                inner = (node.module or "").split(".")[1:2]
                found.update(inner or [alias.name for alias in node.names])
    return {room: (others & set(graph)) - {room} for room, others in graph.items()}


def _depth(graph: dict[str, set[str]], room: str) -> int:
    return 1 + max((_depth(graph, other) for other in graph[room]), default=0)


def _rooms_of_pipeline(x: float, y: float) -> tuple[list[str], float]:
    shapes = [svg.text(x, y + 14, "pipeline/ knows how a run happens", bold=True)]
    y += 24
    for room in rooms():
        folder = (ROOT / "pipeline" / room).is_dir()
        count = len(list((ROOT / "pipeline" / room).glob("*.py"))) - 1 if folder else 1
        name = f"{room}/ ({count})" if folder else f"{room}.py"
        shapes.append(svg.box(x, y, 600, _ROW_HEIGHT - 4, _FILLS["pipeline"]))
        shapes.append(svg.text(x + 10, y + 18, name, 14, bold=True))
        shapes.append(svg.text(x + 130, y + 18, _says(f"pipeline.{room}", 74), 12, svg.PALE))
        y += _ROW_HEIGHT
    return shapes, y


def _other_packages(x: float, y: float) -> tuple[list[str], float]:
    width = _WIDTH - x - 20
    shapes = [svg.text(x, y + 14, "stages/ knows documents; pipeline/ loads stages by name", bold=True)]
    y += 24
    for title, said in (
        ("readers", ", ".join(registry.READERS)),
        ("stages", ", ".join(registry.STAGES)),
        ("contracts", "stages.base (reader, annotator, filter, generator) and stages.global_stage"),
    ):
        lines = textwrap.wrap(said, 66)
        height = 14 + 18 * len(lines)
        shapes.append(svg.box(x, y, width, height, _FILLS["stages"]))
        shapes.append(svg.text(x + 10, y + 20, title, 14, bold=True))
        shapes += [svg.text(x + 95, y + 20 + 18 * i, line, 13, svg.PALE) for i, line in enumerate(lines)]
        y += height + 6
    y += 14
    shapes.append(svg.text(x, y + 14, "model/ knows tokens and tensors", bold=True))
    y += 24
    for room in (
        "engine",
        "scheduler",
        "running",
        "network",
        "state",
        "sampling",
        "kernels",
        "backends",
        "chat",
    ):
        shapes.append(svg.box(x, y, width, _ROW_HEIGHT - 4, _FILLS["model"]))
        shapes.append(svg.text(x + 10, y + 18, room, 14, bold=True))
        shapes.append(svg.text(x + 110, y + 18, _says(f"model.{room}", 66), 12, svg.PALE))
        y += _ROW_HEIGHT
    return shapes, y


def _says(module: str, width: int) -> str:
    """The beginning of a module's docstring: read from the file, since not all import everywhere."""
    place = ROOT / Path(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    sentence = re.split(r"(?<=[a-z)])\.\s", " ".join(doc.split()))[0].rstrip(".").replace("``", "")
    return textwrap.shorten(sentence, width, placeholder=" …")


def _way(x: float, y: float, title: str, steps: tuple[tuple[str, str], ...]) -> tuple[list[str], float]:
    shapes = [svg.text(x, y + 14, title, 18, bold=True)]
    y += 30
    for number, (place, said) in enumerate(steps):
        module, _, name = place.partition(":")
        reduce(getattr, name.split("."), import_module(module))  # it must be there
        fill = _FILLS[module.split(".")[0]]
        shapes.append(svg.box(x, y, 580, 46, fill))
        shapes.append(svg.text(x + 10, y + 19, f"{number + 1}. {said}", 14))
        shapes.append(svg.text(x + 28, y + 37, f"{module} · {name}", 12, svg.PALE))
        if number + 1 < len(steps):
            shapes.append(svg.arrow(x + 290, y + 46, x + 290, y + 60))
        y += 60
    return shapes, y
