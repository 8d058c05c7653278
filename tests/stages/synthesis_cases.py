"""Documents, tokenizers and runs of the five stages in memory, for tests of synthesis."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import small_tokenizer

from stages import registry
from stages.base import DOCUMENT, Annotator, Fault, Filter, Generator, Stage
from stages.synthesis.forms import Synthesize

HARBOUR = (
    "The harbour of Marn was built in 1888 by masons from Tarbat. It holds forty boats and 2 cranes.\n\n"
    "Fishermen sell herring there every Monday. The lighthouse is 34 metres high."
)


@functools.cache
def tokenizer() -> str:
    """Path of a small tokenizer with the tokens of a chat."""
    path = Path(tempfile.mkdtemp(prefix="nanocorpus-test-")) / "tokenizer.json"
    path.write_text(small_tokenizer.content(), encoding="utf-8")
    return str(path)


def documents(*texts: str | None, language: str = "en") -> pa.Table:
    rows = [
        {
            "id": b"%016d" % number,
            "text": text,
            "language": language,
            "source": "s",
            "url": f"http://s.test/{number}",
            "license": "CC0-1.0",
        }
        for number, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT)


def opened(name: str, **settings: Any) -> Any:
    cls = registry.find_stage(name)
    stage = cls(cls.Config.model_validate(settings))
    stage.open()
    return stage


def through(stage: Stage, table: pa.Table) -> tuple[pa.Table, dict[int, Fault]]:
    """The rows after a stage, and what became of those that went no further."""
    if isinstance(stage, Generator):
        made = stage.generate(table)
        assert set(made.rows.schema.names) == {*table.schema.names, *stage.added(stage.config).names} - {
            *stage.consumes
        }
        return made.rows, {**made.faults, **made.dropped}
    if isinstance(stage, Annotator):
        done = stage.annotate(table)
        for name, column in done.columns.items():
            table = table.append_column(name, column)
        keep = [row not in done.faults for row in range(len(table))]
        return table.filter(pa.array(keep)), dict(done.faults)
    assert isinstance(stage, Filter)
    verdicts = stage.judge(table)
    faults = {row: fault for row, fault in enumerate(verdicts) if fault is not None}
    return table.filter(pa.array([row not in faults for row in range(len(table))])), faults


def run(
    table: pa.Table, task: str | Sequence[str], upto: str = "assemble", **settings: Any
) -> tuple[pa.Table, dict[str, dict[int, Fault]]]:
    """The rows after ``upto``, and the faults of every stage."""
    settings = {"tokenizer": tokenizer(), "backend": "fake_engine:make", "device": "cpu", **settings}
    form = Synthesize.Config.model_validate({"task": task, **settings})
    faults: dict[str, dict[int, Fault]] = {}
    for entry in Synthesize.expand(form):
        ((name, given),) = entry.items()
        table, faults[name] = through(opened(name, **given), table)
        if name == upto:
            break
    return table, faults


def reasons(faults: Mapping[int, Fault]) -> list[str]:
    return [fault.reason for _, fault in sorted(faults.items())]
