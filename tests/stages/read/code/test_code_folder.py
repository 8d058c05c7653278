"""Folders of source code: links are not followed, and the data of version control is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from code_trees import BECOMES, CODE, FILES, SETTINGS, notices, outcomes, read

from pipeline.storage import S3Settings, Storage, StorageSettings
from stages.read.code.folder import CodeFolder, CodeFolderConfig
from tests.s3_server import ENVIRONMENT, S3Server


def reader(path: object, **options: object) -> CodeFolder:
    return CodeFolder(CodeFolderConfig(paths=[str(path)], **options))


def write(folder: Path) -> Path:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_every_file_becomes_a_document_or_says_why_not(tmp_path: Path) -> None:
    folder = write(tmp_path / "name")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]\n")
    (folder / "link.py").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    rows, rejects = read(reader(folder, **SETTINGS))
    others = {"link.py": "not_a_file", "loop": "not_a_file", "pipe": "not_a_file"}
    assert outcomes(rows, rejects) == BECOMES | others
    assert {(row["repo"], row["commit"], row["url"]) for row in rows} == {("name", None, None)}
    assert notices(rows, "vendor/lib/lib.c") == ["vendor/lib/COPYING", "LICENSE", "README.md"]


def test_folders_of_repositories(tmp_path: Path) -> None:
    for name in ("x/a", "x/b", "y/c"):
        write(tmp_path / name)
    (tmp_path / "y" / "empty").mkdir()
    found = {depth: read(reader(tmp_path, depth=depth))[0] for depth in (0, 1, 2)}
    assert {row["repo"] for row in found[0]} == {tmp_path.name}
    assert {row["repo"] for row in found[1]} == {"x", "y"}
    assert {row["repo"] for row in found[2]} == {"x/a", "x/b", "y/c"}
    assert {row["path"] for row in found[1]} >= {"a/LICENSE", "b/LICENSE", "c/LICENSE"}
    with pytest.raises(FileNotFoundError, match="no folder with repositories at depth 0"):
        reader(tmp_path / "nothing").list(Storage())
    with pytest.raises(FileNotFoundError):
        reader(tmp_path / "nothing", depth=2).list(Storage())


def test_the_state_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    (item,) = reader(folder).list(Storage())
    (folder / "src" / "add.py").write_bytes(CODE + b"\n")
    assert reader(folder).current(item, Storage()) != item.etag


def test_a_prefix_in_object_storage_gives_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "x" / "name")
    with pytest.MonkeyPatch.context() as patch, S3Server() as server:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        bucket = server.make_bucket("folders")
        storage = Storage(StorageSettings(s3=S3Settings(endpoint=server.endpoint)))
        for path in folder.rglob("*"):
            if path.is_file():
                storage.write(f"{bucket}/f/{path.relative_to(tmp_path)}", path.read_bytes())
        rows, rejects = read(reader(f"{bucket}/f", depth=2, **SETTINGS), storage)
        local = read(reader(tmp_path, depth=2, **SETTINGS))
        assert outcomes(rows, rejects) == BECOMES
        assert {row["id"] for row in rows} == {row["id"] for row in local[0]}
