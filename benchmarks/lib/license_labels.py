"""Files of public repositories with the licence that holds for each, told by people.

``license_labels.jsonl`` has a row for each: repository, commit, path, blob (git's SHA-1), licence as an
expression of SPDX, and the draw. The files themselves are not part of the repository.

How they were labelled: for every repository its files of terms, manifests and README were read; of every file
drawn, the lines that speak of terms (by words such as "license" or "permission", anywhere in it) and, where
those left it open, its head. A file without a statement of its own has the licence of its nearest folder with
one. The files of a draw were labelled before the rules were run on them, and draw 3 before the rules were
changed for anything in it; one of its labels was put right from the text afterwards (a BSD licence with two
clauses, taken for one with three). Labels are most likely wrong where a file of terms holds several licences,
where a family is named and not a licence ("GPL"), and where a statement stands in the middle of a long file.

    OTHER   terms that are no licence of SPDX, or none at all
    GPL-*   the GPL without a version
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.lib import data

FILE = Path(__file__).with_suffix(".jsonl")


class Label(NamedTuple):
    repo: str
    commit: str
    path: str
    blob: str
    license: str
    draw: int


class Tree(NamedTuple):
    """One commit of a repository: blobs by path."""

    folder: Path
    blobs: dict[str, str]

    def text(self, blob: str) -> str:
        """A blob as text. FileNotFoundError if the repository lacks it."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), "cat-file", "blob", blob], capture_output=True, check=False
        )
        if done.returncode:
            raise FileNotFoundError(f"{self.folder} has no object {blob}")
        return done.stdout.decode("utf-8", "replace")


def labels(draw: int | None = None) -> list[Label]:
    """Of one draw, or all."""
    rows = [Label(**json.loads(row)) for row in FILE.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if draw in (None, row.draw)]


def trees(rows: list[Label]) -> Iterator[tuple[Tree, list[Label]]]:
    """The rows by repository, with its tree; those of repositories that are not there are left out."""
    by_commit: dict[tuple[str, str], list[Label]] = {}
    for row in rows:
        by_commit.setdefault((row.repo, row.commit), []).append(row)
    for (repo, commit), mine in by_commit.items():
        folder = data.find(f"code/{repo.replace('/', '+')}")
        if folder is None:
            continue
        listed = subprocess.run(
            ["git", "-C", str(folder), "ls-tree", "-r", "-z", commit], capture_output=True, check=True
        ).stdout
        blobs = {}
        for line in listed.decode("utf-8", "replace").rstrip("\0").split("\0"):
            facts, _, path = line.partition("\t")
            if facts.split()[1] == "blob":
                blobs[path] = facts.split()[2]
        yield Tree(folder, blobs), mine
