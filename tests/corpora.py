"""A small corpus that runs of tests make."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes_config(folder: Path) -> Path:
    """A config with one dataset, ``notes``, and output ``out``: two files of five documents each, of which one
    has a mail address; two domains, January and February 2025."""
    (folder / "in").mkdir(exist_ok=True)
    for number in range(2):
        rows = [
            {"id": f"{number}-{i}", "text": f"text number {number} {i}" + " of jo@mail.org" * (i == 3),
             "url": f"https://www.site{i % 2}.co.uk/{number}/{i}", "date": f"2025-0{number + 1}-0{i + 1}"}
            for i in range(5)
        ]  # fmt: skip
        (folder / f"in/{number}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = folder / "config.yaml"
    path.write_text(
        f"name: notes\noutput: {folder / 'out'}\n"
        f"tokenizer: {{path: {ROOT / 'configs/sample/tokenizer.json'}}}\n"
        "datasets:\n  notes:\n    read: {format: jsonl, source: notes, paths: ['in/*.jsonl']}\n"
        "    stages:\n      - pii: {}\n"
        "blend: [{phase: 1, weights: {notes: 1}}]\n"
    )
    return path
