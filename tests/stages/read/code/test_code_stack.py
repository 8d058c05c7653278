"""Rows of The Stack: both versions, contents that prove themselves, and licences that are inherited."""

from __future__ import annotations

import datetime
import gzip
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rounds
from code_trees import CODE, FILES, GPL, MIT, outcomes, read

from pipeline.storage import S3Settings, Storage, StorageSettings
from stages.base import DamagedInput
from stages.read.code import stack
from stages.read.code.content import blob_of
from stages.read.code.inherit import RepositoryNotices
from stages.read.code.stack import Stack, StackConfig
from tests.s3_server import ENVIRONMENT, S3Server

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def reader(path: object, **options: object) -> Stack:
    return Stack(StackConfig(paths=[str(path)], **options))


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def v1(path: str, content: str | None, repo: str | None = "o/a", **values: Any) -> dict[str, Any]:
    return {
        "hexsha": None if content is None else blob_of(content.encode()),
        "size": len(content or ""),
        "max_stars_repo_path": path,
        "max_stars_repo_name": repo,
        "max_stars_repo_head_hexsha": COMMIT,
        "max_stars_repo_licenses": ["MIT", "Apache-2.0"],
        "max_stars_count": 7,
        "max_forks_count": None,
        "content": content,
        **values,
    }


def v2(path: str, data: bytes, repo: str = "o/a", **values: Any) -> dict[str, Any]:
    return {
        "blob_id": sha1(data),
        "content_id": blob_of(data),
        "path": f"/{path}",
        "repo_name": repo,
        "revision_id": COMMIT,
        "committer_date": datetime.datetime(2023, 11, 14, 22, 13, 20),
        "gha_license_id": "MIT",
        "star_events_count": 3,
        "fork_events_count": 1,
        "src_encoding": "UTF-8",
        "length_bytes": len(data),
        "detected_licenses": ["MIT"],
        **values,
    }


def test_rows_with_their_content(tmp_path: Path) -> None:
    rows = [
        v1("a.py", CODE.decode()),
        v1("LICENSE", MIT.decode()),
        v1("none.py", None),
        v1("nobody.py", "x", repo=None),
        v1("../up.py", "x = 1\n"),
        v1("empty.py", "\n"),
        v1("big.py", "x" * 5000),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found, rejects = read(reader(tmp_path, max_bytes=4000, host="https://github.com"))
    first = found[0]
    assert (first["repo"], first["commit"], first["path"]) == ("o/a", COMMIT, "a.py")
    assert (first["stars"], first["forks"], first["repo_license"]) == (7, None, "Apache-2.0 AND MIT")
    assert first["url"] == f"https://github.com/o/a/blob/{COMMIT}/a.py"
    assert [row["path"] for row in found] == ["a.py", "LICENSE"]
    assert [(r.fault.reason, r.failed) for r in rejects] == [
        ("bad_row", True),
        ("bad_row", True),
        ("bad_path", False),
        ("empty", False),
        ("size", False),
    ]
    assert len(read(reader(tmp_path), limit=3)[0]) == 2


def contents(folder: Path) -> list[dict[str, Any]]:
    """Rows of version 2 and the files that they name, each stored in another way."""
    plain, packed, wide = CODE, b"int a;\n" * 50, "größer\n".encode("latin-1")
    archive = gzip.compress(b"is itself gzip", mtime=0)
    rows = [
        v2("a.py", plain),
        v2("b.c", packed),
        v2("c.c", wide, src_encoding="ISO-8859-1"),
        v2("d.gz", archive),
        v2("missing.c", b"is nowhere"),
        v2("wrong.c", b"is something else"),
        v2("cut.c", b"is cut\n" * 99),
        v2("odd.c", b"", blob_id="../../etc/passwd"),
        v2("big.c", b"y" * 5000),
        v2("bomb.c", bytes(99_999), length_bytes=10),
        v2("LICENSE", MIT),
    ]
    (folder / sha1(plain)).write_bytes(plain)
    (folder / sha1(packed)).write_bytes(gzip.compress(packed))
    (folder / f"{sha1(wide)}.gz").write_bytes(gzip.compress(wide))
    (folder / sha1(archive)).write_bytes(archive)
    (folder / rows[5]["blob_id"]).write_bytes(b"is not that")
    (folder / rows[6]["blob_id"]).write_bytes(gzip.compress(b"is cut\n" * 99)[:-9])
    (folder / rows[9]["blob_id"]).write_bytes(gzip.compress(bytes(99_999)))
    (folder / sha1(MIT)).write_bytes(MIT)
    return rows


OUTCOMES = {
    "a.py": "utf-8",
    "b.c": "utf-8",
    "c.c": "windows-1252",
    "d.gz": "binary",
    "missing.c": "missing_object",
    "wrong.c": "bad_checksum",
    "cut.c": "damaged_object",
    "odd.c": "bad_row",
    "big.c": "size",
    "bomb.c": "size",
    "LICENSE": "utf-8",
}


def test_rows_of_ids_and_their_contents(tmp_path: Path) -> None:
    (tmp_path / "contents").mkdir()
    rows = contents(tmp_path / "contents")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found, rejects = read(reader(tmp_path / "a.parquet", contents=str(tmp_path / "contents"), max_bytes=4000))
    assert outcomes(found, rejects) == OUTCOMES
    assert {r.provenance["record"] for r in rejects if not r.failed} == {"big.c", "bomb.c", "d.gz"}
    row = next(row for row in found if row["path"] == "c.c")
    assert (row["text"], row["date"], row["stars"]) == ("größer\n", "2023-11-14T22:13:20Z", 3)
    assert row["blob"] == blob_of("größer\n".encode("latin-1"))
    with pytest.raises(ValueError, match="say in contents"):
        reader(tmp_path / "a.parquet").list(Storage())


def test_a_repository_a_row(tmp_path: Path) -> None:
    (tmp_path / "contents").mkdir()
    rows = contents(tmp_path / "contents")
    of_file = ("blob_id", "content_id", "path", "src_encoding", "length_bytes")
    of_repo = ("repo_name", "revision_id", "committer_date", "gha_license_id", "star_events_count")
    whole = {name: rows[0][name] for name in of_repo}
    whole["files"] = [{name: row[name] for name in of_file} for row in rows]
    pq.write_table(pa.Table.from_pylist([whole]), tmp_path / "a.parquet")
    found, rejects = read(reader(tmp_path / "a.parquet", contents=str(tmp_path / "contents"), max_bytes=4000))
    assert outcomes(found, rejects) == OUTCOMES
    assert {row["repo_license"] for row in found} == {"MIT"}


def test_contents_in_object_storage(tmp_path: Path) -> None:
    (tmp_path / "contents").mkdir()
    pq.write_table(pa.Table.from_pylist(contents(tmp_path / "contents")), tmp_path / "a.parquet")
    with pytest.MonkeyPatch.context() as patch, S3Server() as server:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        bucket = server.make_bucket("stack")
        storage = Storage(StorageSettings(s3=S3Settings(endpoint=server.endpoint)))
        for path in tmp_path.rglob("*"):
            if path.is_file():
                storage.write(f"{bucket}/{path.relative_to(tmp_path)}", path.read_bytes())
        remote = reader(f"{bucket}/a.parquet", contents=f"{bucket}/contents", max_bytes=4000)
        assert outcomes(*read(remote, storage)) == OUTCOMES


def test_long_tables_are_split_and_damage_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [v1(f"{n}.py", f"x = {n}\n" + "# a comment\n" * 40) for n in range(1000)]
    path = tmp_path / "a.parquet"
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, path, row_group_size=130, compression="none", use_dictionary=False)
    monkeypatch.setitem(stack._ROWS, "v1", 170)
    items = reader(path).list(Storage())
    assert [(item.start, item.stop) for item in items][-2:] == [(680, 850), (850, 1000)]
    found, _ = read(reader(path))
    assert [row["path"] for row in found] == [row["max_stars_repo_path"] for row in rows]
    assert [row["provenance"]["offset"] for row in found] == list(range(1000))
    raw = bytearray(path.read_bytes())
    at = raw.index(b"x = 500\n")
    raw[at : at + 8] = b"\xff" * 8
    path.write_bytes(raw)
    found, rejects = read(reader(path))
    assert len(found) == 999
    assert [(r.fault.reason, r.provenance["offset"], r.failed) for r in rejects] == [("bad_utf8", 500, True)]
    monkeypatch.undo()
    pq.write_table(table, path, row_group_size=130, compression="zstd", use_dictionary=False)
    raw = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(3).column(8)
    assert chunk.path_in_schema == "content"
    length = chunk.total_compressed_size
    raw[chunk.data_page_offset : chunk.data_page_offset + length] = b"\xff" * length
    path.write_bytes(raw)
    one = reader(path)
    one.open()
    (item,) = one.list(Storage())
    with pytest.raises(DamagedInput, match="rows from"):
        list(one.read(item, Storage()))


def test_other_tables_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="no form of The Stack"):
        reader(tmp_path).list(Storage())
    (tmp_path / "a.parquet").write_bytes(b"text")
    with pytest.raises(ValueError, match="no Parquet file"):
        reader(tmp_path).list(Storage())


def test_licences_are_inherited_wherever_the_rows_lie(tmp_path: Path) -> None:
    rows = [
        v1(path, data.decode(), repo=repo)
        for repo in ("o/a", "o/b")
        for path, data in FILES.items()
        if data.isascii() and b"\0" not in data and data.strip()
    ]
    rows += [v1("only.py", "x = 1\n", repo="o/c"), v1("COPYING", GPL.decode(), repo="o/d")]
    rows += [
        v1("x.py", "x = 1\n", repo="o/d"),
        v1("x.py", "x = 2\n", repo="o/d", max_stars_repo_head_hexsha="f" * 40),
    ]
    rows.sort(key=lambda row: blob_of((row["max_stars_repo_name"] + row["max_stars_repo_path"]).encode()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    one = reader(tmp_path)
    one.open()
    (item,) = one.list(Storage())
    table = pa.concat_tables([batch.documents for batch in one.read(item, Storage())])
    stage = RepositoryNotices(RepositoryNotices.Config())
    parts = [table.slice(0, 9), table.slice(9)]
    tables, verdicts, counts = rounds.run(stage, parts)
    found = {}
    for made in tables:
        for row in made.to_pylist():
            names = None if row["notices"] is None else [one["path"] for one in row["notices"]]
            found[row["repo"], row["commit"], row["path"]] = (names, row["notices"])
    assert not any(fault for part in verdicts for fault in part)
    for repo in ("o/a", "o/b"):
        names, values = found[repo, COMMIT, "vendor/lib/lib.c"]
        assert names == ["vendor/lib/COPYING", "LICENSE", "README.md"]
        assert [one["text"] for one in values][:2] == [GPL.decode(), MIT.decode()]
        assert found[repo, COMMIT, "src/add.py"][0] == ["LICENSE", "README.md"]
    assert found["o/c", COMMIT, "only.py"][0] is None
    assert found["o/d", COMMIT, "x.py"][0] == ["COPYING"]
    assert found["o/d", "f" * 40, "x.py"][0] is None
    assert counts["verdicts"]["repositories"] == 5
