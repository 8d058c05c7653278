"""Claim: of a hundred files of twelve repositories that are hard in this, every one gets the licence that
holds for it, and none is kept that must not be: own headers against the folder's licence, vendored packages,
several licences in a repository, REUSE, tags, and licences at the end of a file.

``lib/license_inheritance.tsv`` has for each file its licence, told by hand from the file and what stands
around it, or just whether a corpus of permissive code may keep it (``keep``, ``drop``), where the exact
expression is a matter of taste. Files at HEAD of clones that are newer may have changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.code_licenses import exact, permissive
from benchmarks.lib import trees
from benchmarks.lib.license_labels import Label, Tree
from benchmarks.lib.pages import line
from stages.licenses.names import Notices, excerpt
from stages.licenses.resolve import Notice, resolve
from stages.licenses.table import table

NEEDS = ("git!", "data:code")
FLOORS = {"right": 1.0}
LEAST = 60
FILE = ROOT / "benchmarks" / "lib" / "license_inheritance.tsv"


def main() -> int:
    rows = [row.split("\t") for row in FILE.read_text(encoding="utf-8").splitlines()]
    right, seen = 0, 0
    for repo in dict.fromkeys(repo for repo, _, _ in rows):
        folder = trees.find(repo)
        if folder is None:
            print(f"    {repo}: not there")
            continue
        tree = Tree(folder, {file.path: file.blob for file in trees.files(repo)})
        around = Notices(tree.blobs)
        for _, path, wanted in (row for row in rows if row[0] == repo):
            if path not in tree.blobs:
                print(f"    {repo} {path}: not there")
                continue
            seen += 1
            notices = [Notice(name, excerpt(name, tree.text(tree.blobs[name]))) for name in around.of(path)]
            found = resolve(path, tree.text(tree.blobs[path]), notices)
            if wanted in ("keep", "drop"):
                good = permissive(found.expression) == (wanted == "keep")
            else:
                good = exact(found.expression, Label(repo, "", path, "", wanted, 0))
                known = table().expression(wanted)
                good = good and permissive(found.expression) == permissive(known)
            right += good
            if not good:
                print(f"    {repo} {path}: {wanted}, found {found.expression} ({found.by}, {found.path})")
    print(f"{seen} files")
    if seen < LEAST:
        print(f"fewer than {LEAST} of the files are there")
        return 1
    return 0 if line("right", right / seen, 1.0, FLOORS["right"]) else 1


if __name__ == "__main__":
    sys.exit(main())
