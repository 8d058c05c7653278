"""Files of git repositories become documents; nothing of a mirror but its objects is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from code_trees import (
    BECOMES,
    CODE,
    DATE,
    FILES,
    GPL,
    MIT,
    SETTINGS,
    blob,
    git,
    mirror,
    notices,
    outcomes,
    read,
)

from pipeline.storage import S3Settings, Storage, StorageSettings
from stages.base import Input
from stages.files import temporary
from stages.read.code import repositories
from stages.read.code.content import blob_of
from stages.read.code.repositories import Repositories, RepositoriesConfig
from stages.read.documents import document_id
from tests.s3_server import ENVIRONMENT, S3Server


def reader(*paths: object, **settings: object) -> Repositories:
    return Repositories(RepositoriesConfig(paths=[str(path) for path in paths], **settings))


def test_every_file_becomes_a_document_or_says_why_not(tmp_path: Path) -> None:
    folder = tmp_path / "owner" / "name.git"
    commit = mirror(folder, FILES)
    rows, rejects = read(reader(tmp_path, host="https://github.com", source="code", **SETTINGS))
    assert outcomes(rows, rejects) == BECOMES
    assert not any(reject.failed for reject in rejects)
    row = next(row for row in rows if row["path"] == "src/add.py")
    assert row["text"] == CODE.decode()
    assert row["id"] == document_id("code", "owner/name", commit, "src/add.py")
    assert (row["repo"], row["commit"], row["date"], row["source"]) == ("owner/name", commit, DATE, "code")
    assert row["url"] == f"https://github.com/owner/name/blob/{commit}/src/add.py"
    assert (row["blob"], row["bytes"]) == (blob_of(CODE), len(CODE))
    assert row["blob"] == git(folder, "rev-parse", "HEAD:src/add.py")
    texts = {row["path"]: row["text"] for row in rows}
    assert texts["src/marked.cs"] == "class A { }\n"
    assert texts["src/wide.rc"].startswith("IDD_ABOUT")
    assert texts["src/latin.c"].startswith("/* Größe")
    assert texts["src/crlf.c"].count("\r\n") == 4


def test_notices_come_nearest_first_and_with_their_text(tmp_path: Path) -> None:
    mirror(tmp_path / "a.git", FILES)
    rows, _ = read(reader(tmp_path))
    assert notices(rows, "src/add.py") == ["LICENSE", "README.md"]
    assert notices(rows, "vendor/lib/lib.c") == ["vendor/lib/COPYING", "LICENSE", "README.md"]
    row = next(row for row in rows if row["path"] == "vendor/lib/lib.c")
    assert [one["text"] for one in row["notices"]][:2] == [GPL.decode(), MIT.decode()]


def test_what_is_no_file_is_dropped_and_never_followed(tmp_path: Path) -> None:
    folder = tmp_path / "a.git"
    mirror(folder, {"a.py": CODE})
    link = blob(folder, b"/etc/passwd")
    others = [("120000", link, "link"), ("160000", "1" * 40, "module")]
    mirror(folder, {"a.py": CODE}, others)
    rows, rejects = read(reader(folder))
    assert outcomes(rows, rejects) == {"a.py": "utf-8", "link": "not_a_file", "module": "not_a_file"}
    assert sorted(reject.fault.detail for reject in rejects) == ["submodule", "symbolic link"]


def test_odd_paths_are_escaped_and_bad_ones_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "a.git"
    mirror(folder, {"a.py": CODE})
    one = blob(folder, CODE)

    def tree(*entries: tuple[bytes, str]) -> str:
        data = b"".join(b"100644 " + name + b"\0" + bytes.fromhex(id_) for name, id_ in entries)
        return git(folder, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=data)

    names = (b"50%.py", b"caf\xe9 1%.py", b"x" * 4097 + b".py")
    made = tree(*((name, one) for name in names))
    inner = f"040000 tree {made}\t..\n100644 blob {one}\tb.py\n".encode()
    (tmp_path / "tree").write_bytes(inner)
    outer = b"40000 ..\0" + bytes.fromhex(made) + b"100644 b.py\0" + bytes.fromhex(one)
    id_ = git(folder, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=outer)
    for root, expected in (
        (made, {"50%.py": "utf-8", "caf%E9%201%25.py": "utf-8", "x" * 4097 + ".py": "bad_path"}),
        (id_, {"b.py": "utf-8", "../50%.py": "bad_path"}),
    ):
        commit = git(folder, "commit-tree", root, "-m", "odd")
        git(folder, "update-ref", "refs/heads/main", commit)
        found = outcomes(*read(reader(folder)))
        assert expected.items() <= found.items()


def test_missing_and_damaged_objects_cost_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "a.git"
    files = {f"f{n:02}.py": b"x = %d\n" % n for n in range(40)}
    mirror(folder, files)
    for number in (7, 20):
        os.remove(_loose(folder, files[f"f{number:02}.py"]))
    for number in (3, 8, 39):
        path = _loose(folder, files[f"f{number:02}.py"])
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:12] + b"\xff" * 9)
    rows, rejects = read(reader(folder))
    lost = {path: reason for path, reason in outcomes(rows, rejects).items() if reason != "utf-8"}
    assert lost["f07.py"] == lost["f20.py"] == "missing_object"
    assert set(lost) == {"f07.py", "f20.py", "f03.py", "f08.py", "f39.py"}
    assert all(reason in ("damaged_object", "missing_object") for reason in lost.values())
    assert all(reject.failed for reject in rejects)


def _loose(folder: Path, data: bytes) -> Path:
    name = blob_of(data)
    return folder / "objects" / name[:2] / name[2:]


def test_a_repository_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        mirror(tmp_path / f"{name}.git", {"a.py": CODE, "sub/b.py": CODE})
    git(tmp_path / "b.git", "update-ref", "-d", "refs/heads/main")  # an empty repository
    git(tmp_path / "c.git", "repack", "-adq")
    (pack,) = (tmp_path / "c.git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:40])
    commit = (tmp_path / "d.git" / "refs" / "heads" / "main").read_text().strip()
    os.remove(tmp_path / "d.git" / "objects" / commit[:2] / commit[2:])
    tree = git(tmp_path / "e.git", "rev-parse", "HEAD:sub")
    os.remove(tmp_path / "e.git" / "objects" / tree[:2] / tree[2:])
    rows, rejects = read(reader(tmp_path))
    assert [(row["repo"], row["path"]) for row in rows] == [
        ("a", "a.py"),
        ("a", "sub/b.py"),
        ("e", "a.py"),
    ]
    assert [reject.fault.reason for reject in rejects][:1] == ["no_revision"]
    assert [reject.fault.detail.split(":")[0] for reject in rejects] == ["b", "c", "d", "e"]
    assert all(reject.failed for reject in rejects)
    assert tree in rejects[-1].fault.detail


def test_nothing_of_a_mirror_but_its_objects_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "a.git"
    mirror(folder, {"a.py": CODE, ".gitattributes": b"*.py filter=evil diff=evil\n"})
    mark = tmp_path / "ran"
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "filter.evil.smudge",
        "diff.evil.textconv",
        "core.pager",
    ):
        git(folder, "config", key, f"touch {mark}")
    git(folder, "config", "extensions.partialClone", "origin")
    git(folder, "config", "remote.origin.url", f"ext::touch {mark}")
    git(folder, "config", "remote.origin.promisor", "true")
    git(folder, "config", "core.repositoryformatversion", "1")
    mirror(folder, {"b.py": b"b\n"})
    os.remove(_loose(folder, b"b\n"))
    replaced = blob(folder, b"replaced\n")
    git(folder, "replace", blob_of(CODE), replaced)
    before = sorted(str(path) for path in folder.rglob("*"))
    rows, rejects = read(reader(folder))
    assert "".join(row["text"] for row in rows if row["path"] == "a.py") in ("", CODE.decode())
    assert [reject.fault.reason for reject in rejects] == ["missing_object"]
    assert not mark.exists()
    assert sorted(str(path) for path in folder.rglob("*")) == before


def test_revisions(tmp_path: Path) -> None:
    folder = tmp_path / "a.git"
    first = mirror(folder, {"a.py": b"one = 1\n"})
    git(folder, "tag", "-a", "v1", first, "-m", "annotated")
    mirror(folder, {"a.py": b"two = 2\n"}, branch="other")
    mirror(folder, {"a.py": b"main = 3\n"})
    for packed in (False, True):
        if packed:
            git(folder, "pack-refs", "--all")
        for revision, text in (
            ("HEAD", "main"),
            ("v1", "one"),
            ("other", "two"),
            ("refs/heads/other", "two"),
            (first, "one"),
            (first[:10], "one"),
        ):
            rows, rejects = read(reader(folder, revision=revision))
            assert [row["text"].split()[0] for row in rows] == [text]
            assert not rejects
        assert read(reader(folder, revision="v1"))[0][0]["commit"] == first
        (reject,) = read(reader(folder, revision="v2"))[1]
        assert reject.fault.reason == "no_revision"


def test_clones_and_folders_of_mirrors(tmp_path: Path) -> None:
    mirror(tmp_path / "mirrors" / "one" / "a.git", {"a.py": CODE})
    mirror(tmp_path / "mirrors" / "b.git", {"a.py": CODE})
    git(tmp_path, "clone", "-q", "mirrors/b.git", "clones/b")
    (tmp_path / "mirrors" / "notes.txt").write_text("no repository")
    names = [row["repo"] for row in read(reader(tmp_path / "mirrors"))[0]]
    assert names == ["b", "one/a"]
    assert [row["repo"] for row in read(reader(f"{tmp_path}/mirrors/*/a.git"))[0]] == ["one/a"]
    assert [row["repo"] for row in read(reader(tmp_path / "clones"))[0]] == ["b"]
    assert [row["repo"] for row in read(reader(tmp_path / "clones" / "b"))[0]] == ["b"]
    with pytest.raises(FileNotFoundError, match="no git repository"):
        reader(tmp_path / "nothing").list(Storage())
    with pytest.raises(ValueError, match="would both be called 'b'"):
        reader(tmp_path / "mirrors", tmp_path / "clones").list(Storage())


def test_the_state_of_an_input_changes_with_its_commit(tmp_path: Path) -> None:
    folder = tmp_path / "a.git"
    mirror(folder, {"a.py": CODE})
    (before,) = reader(folder).list(Storage())
    mirror(folder, {"a.py": b"changed\n"})
    (after,) = reader(folder).list(Storage())
    assert before.etag != after.etag
    assert reader(folder).current(before, Storage()) == after.etag
    os.rename(folder, tmp_path / "gone")
    assert reader(folder).current(before, Storage()) is None


def test_metadata_and_those_left_out(tmp_path: Path) -> None:
    files = {"a.py": CODE, "b.py": b"b = 1\n"}
    commits = {name: mirror(tmp_path / f"{name}.git", files) for name in ("x/a", "x/b", "y/c")}
    commits["z/d"] = mirror(tmp_path / "z/d.git", {"d.py": b"d = 1\n"})
    about = pa.table(
        {
            "repo": ["y/c", "x/a", "x/a"],
            "stars": [5, 1, 70],
            "forks": pa.array([None, 2, 3], pa.int32()),
            "license": ["mit", None, "Apache-2.0"],
        }
    )
    pq.write_table(about, tmp_path / "about.parquet")
    pa.csv.write_csv(about, tmp_path / "about.csv")
    (tmp_path / "about.jsonl").write_text(
        '{"repo": "y/c", "stars": 5, "license": "mit"}\n'
        '{"repo": "x/a", "stars": 70, "forks": 3, "license": "Apache-2.0"}\n'
    )
    (tmp_path / "out").write_text(
        f"# left out\nY/C\n{commits['z/d']}  # a commit\n{blob_of(files['b.py'])}\n"
    )
    for table in ("about.parquet", "about.csv", "about.jsonl"):
        settings = {"metadata": str(tmp_path / table), "opt_out": str(tmp_path / "out")}
        rows, rejects = read(reader(tmp_path, **settings))
        assert [
            (row["repo"], row["path"], row["stars"], row["forks"], row["repo_license"]) for row in rows
        ] == [
            ("x/a", "a.py", 70, 3, "Apache-2.0"),
            ("x/b", "a.py", None, None, None),
        ]
        assert [(r.fault.reason, r.failed) for r in rejects] == [("opt_out", False)] * 4
    (tmp_path / "bad.csv").write_text("name,stars\nx,1\n")
    with pytest.raises(ValueError, match="no column 'repo'"):
        reader(tmp_path, metadata=str(tmp_path / "bad.csv")).open()


def test_a_limit_counts_documents_and_rejects(tmp_path: Path) -> None:
    for name in ("a", "b"):
        mirror(
            tmp_path / f"{name}.git", {f"{n:03}.py": b"x = %d\n" % n if n % 3 else b"" for n in range(300)}
        )
    for limit in (1, 10, 256, 299, 301):
        rows, rejects = read(reader(tmp_path), limit=limit)
        assert len(rows) + len(rejects) == limit * 1


def test_without_git_there_is_a_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror(tmp_path / "a.git", {"a.py": CODE})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install git"):
        reader(tmp_path).list(Storage())


def test_mirrors_in_object_storage_are_copied_and_bounded(tmp_path: Path) -> None:
    for name in ("o/a", "o/b"):
        mirror(tmp_path / f"{name}.git", FILES)
        git(tmp_path / f"{name}.git", "repack", "-adq")
    with pytest.MonkeyPatch.context() as patch, S3Server() as server:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        bucket = server.make_bucket("mirrors")
        storage = Storage(StorageSettings(s3=S3Settings(endpoint=server.endpoint)))
        for path in tmp_path.rglob("*"):
            if path.is_file() and "hooks" not in path.parts:
                storage.write(f"{bucket}/m/{path.relative_to(tmp_path)}", path.read_bytes())
        assert read(reader(f"{bucket}/m"), storage) == read(reader(tmp_path))
        rows, rejects = read(reader(f"{bucket}/m", max_copied_bytes=10), storage)
        assert not rows
        assert [(r.fault.reason, r.failed) for r in rejects] == [("oversized_repository", False)] * 2


def test_small_repositories_are_read_together(tmp_path: Path) -> None:
    for number in range(5):
        mirror(tmp_path / f"r{number}.git", {"a.py": b"x = %d\n" % number})
    items = reader(tmp_path).list(Storage())
    assert [len(item.members) for item in items] == [5]
    assert isinstance(items[0], Input)
    assert items[0].name == "r0"
    one = repositories.Repositories(RepositoriesConfig(paths=[str(tmp_path)]))
    one.open()
    (batch,) = one.read(items[0], Storage())
    assert batch.documents.column("repo").to_pylist() == [f"r{number}" for number in range(5)]


def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "from stages.files import temporary; import os\nwith temporary.folder(): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False)
    (left,) = tmp_path.iterdir()
    with temporary.folder() as own:
        assert temporary.clear() == 1
        assert os.path.isdir(own)
        assert not left.exists()
    assert not list(tmp_path.iterdir())
