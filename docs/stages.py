"""``stages.md``: what every registered reader and stage does, from its docstrings and its settings model.

Knows docstrings, pydantic models and Arrow schemas. What a setting means is the comment ``#:`` above it, or
behind it; settings without a comment of their own share the one above.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stages import registry
from stages.base import (
    DOCUMENT,
    Annotator,
    AssetMark,
    Filter,
    Generator,
    InputMark,
    Reader,
    RunMark,
    Stage,
)
from stages.global_stage import Global

ROOT = Path(__file__).resolve().parent.parent

_HEAD = """\
# Readers and stages

<!-- Written by `python -m docs` from the docstrings and settings of the stages; do not edit. -->

A config names a reader as `read: {format: NAME, …}` and a stage as `- NAME: {setting: value}`. A *path* is a
file, a directory or a pattern, local (relative to the config file) or an address such as `s3://bucket/key`. A
*file* may also be `hf://organisation/name`.

A *reader* turns inputs into documents; an *annotator* adds columns; a *filter* drops documents for a reason;
a *generator* writes new documents; a *global* stage sees the documents of all inputs at once. A document that
a stage cannot process *fails*, also with a reason. Apart from those below, any stage may fail a document
with `deadline` (it took longer than `limits.document_seconds`), `worker_died`, `out_of_memory`, or the name
of the exception that it raised.

Every document has the columns {columns}. [format.md](format.md) explains them.
"""

_TOKENIZE = """\
Runs before the token shards of every dataset in `blend`; its settings are the key `tokenizer` of a config."""

_FORMS = """\
## Short forms

One entry of a config that stands for several stages: each of these is `segments`, `complete`, `parse`,
`accept` and `assemble` with the same tasks. `nanocorpus plan` shows the stages.
"""

_KINDS = {
    Reader: "reader",
    Annotator: "annotator",
    Filter: "filter",
    Generator: "generator",
    Global: "global",
}
_MARKS = {AssetMark: "file", InputMark: "path", RunMark: "output of an earlier run"}
_PLURALS = {"file": "files", "path": "paths", "output of an earlier run": "outputs of earlier runs"}


def page() -> str:
    """The content of ``stages.md``."""
    columns = ", ".join(f"`{name}`" for name in DOCUMENT.names)
    readers: dict[type[Stage], list[str]] = {}
    for name in registry.READERS:
        readers.setdefault(registry.find_reader(name), []).append(name)
    stages = {name: registry.find_stage(name) for name in registry.STAGES}
    parts = [_HEAD.replace("{columns}", columns), _contents([*map(" and ".join, readers.values()), *stages])]
    parts += ["## Readers\n", *(section(" and ".join(names), cls) for cls, names in readers.items())]
    parts += ["## Stages\n", *(section(name, cls) for name, cls in stages.items())]
    parts.append(section("tokenize", registry.load(registry.TOKENIZE), _TOKENIZE))
    parts.append(_FORMS)
    parts += [form(name) for name in registry.FORMS]
    return "\n".join(parts)


def form(name: str) -> str:
    """What there is to know of a short form."""
    cls = registry.find_form(name)
    assert cls is not None, name
    file = Path(inspect.getfile(cls)).resolve().relative_to(ROOT)
    lines = [f"### {name}", "", f"*short form*, [{file}](../{file})", "", _prose(cls.__doc__), ""]
    return "\n".join([*lines, *_settings(cls.Config)])


def section(name: str, cls: type[Stage], note: str = "") -> str:
    """What there is to know of one stage."""
    file = Path(inspect.getfile(cls)).resolve().relative_to(ROOT)
    kinds = " and ".join(kind for base, kind in _KINDS.items() if issubclass(cls, base))
    lines = [f"### {name}", "", f"*{kinds}*, version {cls.version}, [{file}](../{file})", ""]
    lines += [note, ""] if note else []
    module = sys.modules[cls.__module__]
    lines += [_prose(_first(module.__doc__)), "", _prose(cls.__doc__), ""]
    lines += _tables(module.__doc__)
    if cls.Config.__doc__ and cls.Config.__module__ == cls.__module__ and cls.Config.model_fields:
        lines += [_prose(cls.Config.__doc__), ""]
    lines += _settings(cls.Config)
    if not issubclass(cls, Reader):
        reads = ", ".join(f"`{column}`" for column in cls.reads) or "as its settings say"
        lines += [f"Reads: {reads}.", ""]
    if cls.adds.names:
        lines += [_added(cls), ""]
    if any(name.startswith("gate.") for name in cls.adds.names):
        meanings = import_module("stages.synthesis.gates.measure").GATES
        lines += ["| gate | what it is |", "|---|---|"]
        lines += [f"| `gate.{name}` | {what} |" for name, what in meanings.items()]
        lines += [""]
    if cls.consumes:
        lines += [f"Removes: {', '.join(f'`{column}`' for column in cls.consumes)}.", ""]
    return "\n".join(lines)


def _contents(names: list[str]) -> str:
    links = (f"[{name}](#{name.replace(' ', '-')})" for name in (*names, "tokenize"))
    return " · ".join(links) + "\n"


def _first(doc: str | None) -> str:
    """The first sentence of a module's docstring, without the name that it begins with."""
    text = inspect.cleandoc(doc or "").split("\n\n")[0]
    return re.sub(r"^The [^:]*: ", "", text.split(".\n")[0].rstrip(".") + ".")


def _prose(doc: str | None) -> str:
    text = inspect.cleandoc(doc or "").replace("``", "`")
    return text[:1].upper() + text[1:]


def _tables(doc: str | None) -> list[str]:
    """Tables of a module's docstring, with what introduces them."""
    found: list[str] = []
    paragraphs = inspect.cleandoc(doc or "").split("\n\n")
    for before, paragraph in zip(["", *paragraphs], paragraphs, strict=False):
        if paragraph.startswith("|"):
            found += [_prose(before), ""] if before.endswith(":") or "reasons" in before else []
            found += [paragraph.replace("``", "`"), ""]
    return found


def _added(cls: type[Stage]) -> str:
    if any(name.startswith("gate.") for name in cls.adds.names):
        others = [
            f"`{field.name}` ({type_of(field.type)})" for field in cls.adds if "gate." not in field.name
        ]
        return f"Adds: {', '.join(others)}, `gate.seen` (string), and as float32:"
    if len(cls.adds) > 20:
        first, last = cls.adds.names[0], cls.adds.names[-1]
        table = "[described in a table of their own](../stages/signals/README.md)"
        return f"Adds {len(cls.adds)} columns, `{first}` to `{last}`, {table}."
    return "Adds: " + ", ".join(f"`{field.name}` ({type_of(field.type)})" for field in cls.adds) + "."


def type_of(kind: pa.DataType) -> str:
    """An Arrow type in short."""
    if pa.types.is_list(kind):
        return f"list of {type_of(kind.value_type)}"
    if pa.types.is_fixed_size_binary(kind):
        return f"{kind.byte_width} bytes"
    return str(kind).replace("float", "float32") if str(kind) == "float" else str(kind)


def declared(module: Any) -> list[str]:
    """Reasons that stand as they are in the code of a module: ``Fault("reason", …)``."""
    tree = ast.parse(inspect.getsource(module))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    first = (call.args[0] for call in calls if getattr(call.func, "id", "") == "Fault")
    return sorted({arg.value for arg in first if isinstance(arg, ast.Constant)})


# Settings -----------------------------------------------------------------------------------------------


def _settings(model: type[BaseModel]) -> list[str]:
    if not model.model_fields:
        return ["No settings.", ""]
    rows = ["| setting | values | default | meaning |", "|---|---|---|---|"]
    comments = dict(comments_of(model))
    for name, field in model.model_fields.items():
        values = _values(field.annotation, field.metadata)
        cells = (f"`{field.alias or name}`", values, _default(field), comments.get(name, ""))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return [*rows, ""]


def comments_of(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Name and meaning of each setting of a model, those of its bases first."""
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__module__ != BaseModel.__module__:
            yield from _comments(inspect.getsource(base).splitlines())


def _comments(lines: list[str]) -> Iterator[tuple[str, str]]:
    pending: list[str] = []
    meaning = ""
    for line in lines:
        text = line.strip()
        if text.startswith("#:"):
            pending.append(text[2:].strip())
        elif match := re.match(r"    (\w+): ", line):
            behind = re.search(r"#: (.+)$", line)
            meaning = behind[1] if behind else " ".join(pending) or meaning
            pending = []
            yield match[1], meaning.replace("``", "`")
        elif not text:
            meaning = ""


def _values(annotation: Any, metadata: Any = ()) -> str:
    for item in metadata:
        if type(item) in _MARKS:
            return _MARKS[type(item)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(arguments[0], annotation.__metadata__)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        return ", ".join(_values(argument) for argument in arguments if argument is not NoneType)
    if origin in (list, tuple):
        one = _values(arguments[0])
        return f"list of {_PLURALS.get(one, one)}"
    if origin is dict:
        return f"mapping of names to {_PLURALS.get(one := _values(arguments[1]), one)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    names = {str: "text", bool: "`true`, `false`", int: "integer", float: "number"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory is not None else field.default
    if value is None or value is PydanticUndefined or value in ("", [], {}, ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, dict):
        return f"`{{{', '.join(f'{key}: {item}' for key, item in value.items())}}}`"
    return f"`{value:,}`".replace(",", "_") if isinstance(value, int) else f"`{value}`"
