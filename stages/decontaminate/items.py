"""Benchmark files to items: the text of each question, with the row it is of.

An item is what a model is asked. The answer alone is no item: half of the answers of a benchmark are common
words, and its solutions may be of textbooks. Nor is a passage that is asked about: it is of Wikipedia, whose
article on it is no contamination. So of each row the first of ``QUESTION`` is taken that has text, and its
``CHOICES`` only where the question is too short to be known without them (``fields`` says otherwise).

Knows JSON Lines and Parquet. Does not know tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import MIB
from stages.files.json_lines import objects
from stages.files.source import Source

#: What benchmarks call the question, in lower case. The first that a row has is taken.
QUESTION = (
    "question", "problem", "prompt", "query", "goal", "ctx", "sentence", "question_stem", "question_content",
    "instruction", "input", "premise", "text",
)  # fmt: skip
#: What they call the answers to choose from.
CHOICES = ("choices", "options", "endings")

_DATA = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
#: Names of training splits as the hub has them: ``main/train-00000-of-00001.parquet``, ``auxiliary_train/…``.
_TRAINING = re.compile(r"(^|[/_-])train([/_.-]|$)", re.IGNORECASE)
_LONGEST_LINE = 64 * MIB


class Item(NamedTuple):
    """``name`` is the row, counted from 0; of a directory ``file:row``. ``more`` is for a ``text`` that is
    too short."""

    name: str
    text: str
    more: str


def read_items(path: str, benchmark: str, fields: Sequence[str] | None) -> list[Item]:
    """One item per row of a file (JSON Lines, also .gz or .zst, or Parquet), or of all such files of a
    directory but those of a training split, in the order of their names.

    ``fields`` are joined to the text; without them see above. A row without any has an empty text.
    Raises ValueError for what is not readable, and where a field is in no row; the message names it.
    """
    items: list[Item] = []
    seen: dict[str, None] = {}
    found: set[str] = set()
    for file, prefix in _files(Path(path), benchmark):
        for number, row in enumerate(_rows(file, benchmark)):
            seen.update(dict.fromkeys(row))
            if fields is None:
                values = {name.lower(): value for name, value in reversed(row.items())}
                questions = [name for name in QUESTION if name in values]
                text = next(filter(None, (_text(values[name]) for name in questions)), "")
                more = "\n".join(_text(values[name]) for name in CHOICES if name in values)
                found.update(questions)
            else:
                text, more = "\n".join(filter(None, (_text(row.get(name)) for name in fields))), ""
                found.update(row)
            items.append(Item(f"{prefix}{number}", text, more))
    if not items:
        raise ValueError(f"decontaminate.benchmarks.{benchmark}: {path} has no rows")
    if missing := [name for name in fields or () if name not in found]:
        raise ValueError(
            f"decontaminate.fields.{benchmark}: no row has {missing[0]!r}; there are {', '.join(seen)}"
        )
    if not found:
        raise ValueError(
            f"decontaminate.benchmarks.{benchmark}: none of its columns ({', '.join(seen)}) is called like a "
            f"question; name those that make up an item: fields: {{{benchmark}: [...]}}"
        )
    return items


def _files(path: Path, benchmark: str) -> Iterator[tuple[Path, str]]:
    if not path.is_dir():
        yield path, ""
        return
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    data = [name for name in names if name.endswith(_DATA)]
    tests = [name for name in data if not _TRAINING.search(name)]
    if not tests:
        what = f"only training splits: {', '.join(data[:3])}" if data else f"no {', '.join(_DATA)}"
        raise ValueError(f"decontaminate.benchmarks.{benchmark}: {path} has {what}")
    for name in tests:
        yield path / name, f"{name}:"


def _rows(file: Path, benchmark: str) -> Iterator[dict[str, Any]]:
    where = f"decontaminate.benchmarks.{benchmark}: {file}"
    with file.open("rb") as stream:
        if stream.read(4) == b"PAR1":
            try:
                for batch in pq.ParquetFile(file).iter_batches():
                    yield from batch.to_pylist()
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{where} is a damaged Parquet file: {error}") from None
            return
        try:
            yield from objects(Source(stream), _LONGEST_LINE)
        except ValueError as error:
            raise ValueError(f"{where}, {error}") from None


def _text(value: Any) -> str:
    """All strings and numbers in a value, one to a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "\n".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return "\n".join(filter(None, map(_text, value.values())))
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
