"""Rows of Nemotron-Pretraining-Code become files of mirrors; an abbreviated commit is never guessed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from code_trees import CODE, FILES, git, mirror, notices, outcomes, read

from pipeline.storage import Storage
from stages.read.code.nemotron import NemotronCode, NemotronCodeConfig


def reader(
    folder: Path, rows: list[tuple[str | None, str | None, str | None]], **options: object
) -> NemotronCode:
    names = ("repo", "commit_id", "rel_path")
    table = pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) | {"language": "Python"} for row in rows]
    )
    pq.write_table(table, folder / "rows.parquet", row_group_size=4)
    settings = {"paths": [str(folder / "rows.parquet")], "mirrors": str(folder / "mirrors"), **options}
    return NemotronCode(NemotronCodeConfig(**settings))


def test_rows_are_rehydrated_with_the_notices_of_the_whole_tree(tmp_path: Path) -> None:
    first = mirror(tmp_path / "mirrors" / "o" / "a.git", FILES)
    second = mirror(tmp_path / "mirrors" / "o" / "a.git", {"src/add.py": b"changed = 1\n"})
    other = mirror(tmp_path / "mirrors" / "o" / "b.git", {"b.py": CODE})
    rows = [
        ("o/a", first[:7], "src/add.py"),
        ("o/b", other[:7], "b.py"),
        ("o/a", first[:7], "vendor/lib/lib.c"),
        ("o/a", second[:7], "src/add.py"),
        ("o/a", first[:7], "src/binary.o"),
        ("o/a", first[:7], "src/add.py"),
        ("o/a", first[:7], "not/there.py"),
        ("o/a", "0123456", "src/add.py"),
        ("o/gone", first[:7], "src/add.py"),
        ("../o/a", first[:7], "src/add.py"),
        ("o/a", None, "src/add.py"),
        ("o/a", "HEAD~1", "src/add.py"),
    ]
    found, rejects = read(reader(tmp_path, rows, host="https://github.com"))
    assert [
        (row["repo"], row["commit"], row["path"], row["provenance"]["offset"]) for row in found
    ] == sorted(
        [
            ("o/a", first, "src/add.py", 0),
            ("o/a", first, "vendor/lib/lib.c", 2),
            ("o/a", second, "src/add.py", 3),
            ("o/b", other, "b.py", 1),
        ]
    )
    assert notices([row for row in found if row["commit"] == first], "vendor/lib/lib.c") == [
        "vendor/lib/COPYING",
        "LICENSE",
        "README.md",
    ]
    reasons = {reject.provenance["offset"]: (reject.fault.reason, reject.failed) for reject in rejects}
    assert reasons == {
        4: ("binary", False),
        5: ("duplicate_path", False),
        6: ("no_file", True),
        7: ("no_revision", True),
        8: ("no_repository", True),
        9: ("bad_row", True),
        10: ("bad_row", True),
        11: ("bad_row", True),
    }
    assert len(found) + len(rejects) == len(rows)
    found, rejects = read(reader(tmp_path, rows), limit=5)
    assert len(found) + len(rejects) == 5


def test_a_commit_that_begins_like_another_is_a_failed_row(tmp_path: Path) -> None:
    folder = tmp_path / "mirrors" / "o" / "a.git"
    mirror(folder, {"a.py": CODE})
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    # two commits with the same first seven digits, found by hashing
    seen: dict[str, int] = {}
    bodies: list[bytes] = []
    for number in range(200_000):
        body = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n{number}\n".encode()
        name = hashlib.sha1(b"commit %d\0" % len(body) + body).hexdigest()
        bodies.append(body)
        if name[:7] in seen:
            break
        seen[name[:7]] = number
    prefix = name[:7]
    written = [
        git(folder, "hash-object", "-w", "-t", "commit", "--stdin", data=bodies[index])
        for index in (seen[prefix], number)
    ]
    assert written[0] != written[1]
    found, rejects = read(reader(tmp_path, [("o/a", prefix, "a.py"), ("o/a", written[0], "a.py")]))
    assert [row["commit"] for row in found] == [written[0]]
    assert [(r.fault.reason, r.failed) for r in rejects] == [("no_revision", True)]
    assert "ambiguous" in rejects[0].fault.detail


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    one = reader(tmp_path, [("o/a", "0123456", "a.py")])
    pq.write_table(pa.table({"repo": ["o/a"], "commit_id": ["0123456"]}), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="no column 'rel_path'"):
        one.list(Storage())


def test_left_out_and_oversized(tmp_path: Path) -> None:
    commit = mirror(tmp_path / "mirrors" / "o" / "a.git", FILES)
    (tmp_path / "out").write_text("o/a\n")
    rows = [("o/a", commit[:7], "src/add.py"), ("o/a", commit[:7], "LICENSE")]
    found, rejects = read(reader(tmp_path, rows, opt_out=str(tmp_path / "out")))
    assert not found
    assert [(r.fault.reason, r.failed) for r in rejects] == [("opt_out", False)] * 2
    found, rejects = read(reader(tmp_path, rows, max_bytes=40))
    assert outcomes(found, rejects) == {"src/add.py": "utf-8", "LICENSE": "size"}
