"""The card of a classifier: its quality on held-out documents, its data and its settings, for people.

Knows numbers and Markdown. It has no date, and shows only the file name of a local path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.fasttext.metrics import auc, confusion, thresholds

#: Precisions that a threshold is given for.
PRECISIONS = (0.8, 0.9, 0.95, 0.99)


def shown(path: str) -> str:
    """The last name of a path or address."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def measured(scores: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """AUC, results for the threshold 0.5, and thresholds for ``PRECISIONS`` (null if not reached)."""
    steps: list[dict[str, float | None]] = []
    for precision, threshold in zip(PRECISIONS, thresholds(scores, positive, PRECISIONS), strict=True):
        step = {"precision": precision, "threshold": None, "recall": None}
        if threshold is not None:
            recall = confusion(scores, positive, threshold).recall
            step |= {"threshold": threshold, "recall": round(recall, 4)}
        steps.append(step)
    cells = confusion(scores, positive)
    return {
        "documents": len(scores),
        "auc": round(auc(scores, positive), 4),
        "precision": round(cells.precision, 4),
        "recall": round(cells.recall, 4),
        "f1": round(cells.f1, 4),
        "confusion": cells._asdict(),
        "thresholds": steps,
    }


def markdown(card: Mapping[str, Any]) -> str:
    """The card as ``….md``."""
    model, held, settings = card["model"], card["held_out"], card["settings"]
    cells, losses = held["confusion"], card["loss"]
    data = card["data"]
    lines = [
        f"# {model['file']}",
        "",
        f"A fastText classifier: the probability of `{model['labels']['positive']}`, 0 to 1. "
        f"{model['words']:,} words, {model['bytes']:,} bytes, SHA-256 `{model['sha256']}`.",
        *([] if not card["note"] else ["", card["note"]]),
        "",
        "## On documents that it was not trained on",
        "",
        f"{held['documents']:,} documents, chosen by a hash of their id. AUC {held['auc']}. "
        f"From 0.5 on: precision {held['precision']}, recall {held['recall']}, F1 {held['f1']}.",
        "",
        *_table(
            ("", "0.5 and above", "below"),
            [
                ("positive", cells["true_positive"], cells["false_negative"]),
                ("negative", cells["false_positive"], cells["true_negative"]),
            ],
        ),
        "",
        *_table(
            ("precision of at least", "from the score", "recall"),
            [tuple("not reached" if v is None else v for v in step.values()) for step in held["thresholds"]],
        ),
        "",
        "## Documents",
        "",
        *_table(
            ("", *data),
            [
                (title, *(_said(side[key]) for side in data.values()))
                for title, key in (
                    ("from", "paths"),
                    ("where", "where"),
                    ("files", "files"),
                    ("rows", "rows"),
                    ("selected", "selected"),
                    ("left out: without text", "no_text"),
                    ("left out: repeated", "repeated"),
                    ("documents", "documents"),
                    ("held out", "held_out"),
                    ("cut to the longest text", "cut"),
                    ("languages", "languages"),
                    ("SHA-256", "sha256"),
                )
            ],
        ),
        "",
        "## Settings",
        "",
        *_table(("setting", "value"), settings.items()),
        "",
        f"Mean loss from the first epoch to the last: {losses[0]} to {losses[-1]}.",
    ]
    return "\n".join(lines) + "\n"


def _table(head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> list[str]:
    names = list(head)
    return [_row(names), _row(["---"] * len(names)), *map(_row, rows)]


def _row(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name or 'not known'} {count:,}" for name, count in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else value or ""
