"""A run over repositories: every file is accounted for, and a change of one repository does its part again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from code_trees import BECOMES, CODE, FILES, MIT, mirror, tarball

from stages.read.code import packing
from tests.runs import documents, hashes, launched, rejects, stats

CONFIG = """
name: code
output: {folder}/out
limits: {{max_failed: 0.5, max_failed_parts: 1}}
datasets:
  mirrors:
    read: {{format: repositories, paths: ["{folder}/mirrors"], host: "https://example.org", max_bytes: 4000}}
    stages:
      - exact_dedup: {{}}
  archives:
    read: {{format: tarball, paths: ["{folder}/archives/*"], max_bytes: 4000}}
  tables:
    read: {{format: stack, paths: ["{folder}/rows.parquet"], contents: "{folder}/contents"}}
    stages:
      - repository_notices: {{}}
      - length: {{min_chars: 1}}
"""


def tally(output: Path, dataset: str) -> dict[str, Any]:
    return next(one for one in stats(output)["datasets"][dataset]["stages"] if one["stage"] == "read")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packing, "PACK_BYTES", 1)  # a repository, a part
    for name in ("o/a", "o/b"):
        mirror(tmp_path / "mirrors" / f"{name}.git", FILES)
    mirror(tmp_path / "mirrors" / "o/c.git", {"c.py": b"c = 1\n"})
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / "a.tar").write_bytes(tarball(FILES))
    (tmp_path / "archives" / "b.tar").write_bytes(tarball(FILES)[:3000])
    (tmp_path / "contents").mkdir()
    rows = []
    for path, data in {"src/a.py": CODE, "LICENSE": MIT}.items():
        name = hashlib.sha1(data).hexdigest()
        (tmp_path / "contents" / name).write_bytes(data)
        rows.append({"blob_id": name, "path": f"/{path}", "repo_name": "o/t"})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    path = tmp_path / "code.yaml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def test_everything_is_counted_and_inherited(config: Path) -> None:
    launched(config)
    output = config.parent / "out"
    read = tally(output, "mirrors")
    kept = sum(becomes in ("utf-8", "utf-16le", "windows-1252") for becomes in BECOMES.values())
    assert read["rows_in"] == 2 * len(FILES) + 1
    assert read["kept"] == 2 * kept + 1
    assert read["dropped"] == {
        reason: 2 * list(BECOMES.values()).count(reason)
        for reason in sorted({"binary", "empty", "encoding", "lfs_pointer", "size"})
    }
    assert len(rejects(output, "mirrors")) == 2 * len(FILES) + 1 - len(documents(output, "mirrors"))
    assert tally(output, "archives")["failed"] == {"damaged_repository": 1}
    notices = {row["path"]: row["notices"] for row in documents(output, "tables")}
    assert [one["path"] for one in notices["src/a.py"]] == ["LICENSE"]
    before = hashes(output)
    launched(config)
    assert hashes(output) == before


def test_a_changed_repository_is_the_only_part_done_again(config: Path) -> None:
    launched(config)
    receipts = config.parent / "out" / "work" / "mirrors" / "00-read-exact_dedup" / "receipts"
    before = {path.name: path.stat().st_mtime_ns for path in receipts.iterdir()}
    mirror(config.parent / "mirrors" / "o" / "c.git", {"c.py": b"c = 2\n"})
    launched(config)
    after = {path.name: path.stat().st_mtime_ns for path in receipts.iterdir()}
    assert sum(before[name] != after[name] for name in after) == 1
    plan = json.loads((config.parent / "out" / "plan.json").read_text())
    assert [len(one["members"]) for one in plan["inputs"]["mirrors"]] == [1, 1, 1]
