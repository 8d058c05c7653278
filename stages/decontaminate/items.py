"""Reads items from benchmark files: the text of each question, with its row.

An item is the question that a model is asked. The answer alone is not an item: half of the answers of a
benchmark are common words, and its solutions may come from textbooks. Nor is a passage that a question is
about: it comes from Wikipedia, whose article is not contamination. So for each row the first column of
``QUESTION`` that has text is used, and its ``CHOICES`` only if the question is too short to be recognised
without them (unless ``fields`` names other columns).

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

#: Names of the question column in benchmarks, in lower case. The first one that a row has is used.
QUESTION = (
    "question", "problem", "prompt", "query", "goal", "ctx", "sentence", "question_stem", "question_content",
    "instruction", "input", "premise", "text",
)  # fmt: skip
#: Names of the column of answer choices.
CHOICES = ("choices", "options", "endings")

_DATA = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
#: Names of training splits on the hub: ``main/train-00000-of-00001.parquet``, ``auxiliary_train/…``.
_TRAINING = re.compile(r"(^|[/_-])train([/_.-]|$)", re.IGNORECASE)
_LONGEST_LINE = 64 * MIB


class Item(NamedTuple):
    """``name`` is the row, counted from 0; in a directory ``file:row``. ``more`` is appended to a ``text``
    that is too short."""

    name: str
    text: str
    more: str


def read_items(path: str, benchmark: str, fields: Sequence[str] | None) -> list[Item]:
    """One item per row of a file (JSON Lines, also .gz or .zst, or Parquet), or of all such files of a
    directory except training splits, in the order of their names.

    The text is made of ``fields``, joined; without ``fields`` see above. A row with none of them has an empty
    text. Raises ValueError for a file that cannot be read, and for a field that is in no row; the message
    names it.
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
    """All strings and numbers in a value, one per line."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "\n".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return "\n".join(filter(None, map(_text, value.values())))
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
