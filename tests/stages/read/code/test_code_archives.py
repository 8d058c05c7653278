"""Archives of repositories: what is in them, what they are called, and what damage costs."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard
from code_trees import (
    BECOMES,
    CODE,
    DATE,
    FILES,
    GPL,
    MIT,
    SETTINGS,
    git,
    mirror,
    notices,
    outcomes,
    read,
    tarball,
    zipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.storage import Storage
from stages.base import MoreMemory
from stages.read.code import archives, tar
from stages.read.code.tarball import Tarball, TarballConfig

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def reader(*paths: object, **options: object) -> Tarball:
    return Tarball(TarballConfig(paths=[str(path) for path in paths], **options))


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.zst", "a.zip"])
def test_every_file_becomes_a_document_or_says_why_not(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "owner"
    folder.mkdir()
    data = tarball(FILES, prefix=f"name-{COMMIT}/", comment=COMMIT)
    if name.endswith("gz"):
        data = gzip.compress(data)
    elif name.endswith("zst"):
        data = zstandard.compress(data)
    elif name.endswith("zip"):
        data = zipped(FILES, prefix="name-main/", comment=COMMIT.encode())
    (folder / name).write_bytes(data)
    (folder / "notes.txt").write_text("no archive")
    rows, rejects = read(reader(tmp_path, host="https://example.org", **SETTINGS))
    assert outcomes(rows, rejects) == BECOMES
    assert not any(reject.failed for reject in rejects)
    row = next(row for row in rows if row["path"] == "src/add.py")
    assert (row["repo"], row["commit"], row["date"]) == ("owner/a", COMMIT, DATE)
    assert row["url"] == f"https://example.org/owner/a/blob/{COMMIT}/src/add.py"
    assert notices(rows, "vendor/lib/lib.c") == ["vendor/lib/COPYING", "LICENSE", "README.md"]


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_an_archive_of_git_gives_what_its_mirror_gives(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "a.git"
    mirror(folder, FILES)
    git(folder, "archive", f"--format={form}", "--prefix=a-main/", f"--output={tmp_path}/a.{form}", "HEAD")
    from stages.read.code.repositories import Repositories, RepositoriesConfig

    rows, rejects = read(reader(tmp_path / f"a.{form}", **SETTINGS))
    others = read(Repositories(RepositoriesConfig(paths=[str(folder)], **SETTINGS)))
    for row in (*rows, *others[0]):
        del row["provenance"]
    assert sorted(rows, key=lambda row: row["path"]) == sorted(others[0], key=lambda row: row["path"])
    assert outcomes([], rejects) == outcomes([], others[1])


def test_the_commit_may_stand_in_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tarball({"a.py": CODE}, prefix=f"a-{COMMIT}/"))
    (tmp_path / f"b-{COMMIT}.tar").write_bytes(tarball({"a.py": CODE, "b.py": CODE}))
    (tmp_path / "c.tar").write_bytes(tarball({"a.py": CODE, "sub/b.py": CODE}))
    rows, _ = read(reader(tmp_path))
    assert [(row["repo"], row["commit"], row["path"]) for row in rows] == [
        ("a", COMMIT, "a.py"),
        ("b", COMMIT, "a.py"),
        ("b", COMMIT, "b.py"),
        ("c", None, "a.py"),
        ("c", None, "sub/b.py"),
    ]
    assert rows[-1]["date"] is None


def test_names_that_are_long_or_lead_out(tmp_path: Path) -> None:
    long = "/".join(["a" * 90] * 6) + "/ü.py"
    files = {long: CODE, "../up.py": CODE, "/root.py": CODE, "a/../../b.py": CODE, "./c.py": CODE}
    expected = {
        long: "utf-8",
        "../up.py": "bad_path",
        "/root.py": "bad_path",
        "a/../../b.py": "bad_path",
        "c.py": "utf-8",
    }
    (tmp_path / "a.tar").write_bytes(tarball(files, links={"link": "/etc/passwd"}))
    assert outcomes(*read(reader(tmp_path))) == expected | {"link": "not_a_file"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo(long)
        info.size = len(CODE)
        archive.addfile(info, io.BytesIO(CODE))
        hard = tarfile.TarInfo("hard.py")
        hard.type, hard.linkname, hard.size = tarfile.LNKTYPE, long, 0
        archive.addfile(hard)
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    assert outcomes(*read(reader(tmp_path))) == {long: "utf-8", "hard.py": "not_a_file"}


def test_of_two_entries_of_a_path_the_last_counts(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(
        tarball([("a.py", b"old\n"), ("LICENSE", GPL), ("a.py", CODE), ("LICENSE", MIT)])
    )
    rows, rejects = read(reader(tmp_path))
    assert {row["path"]: row["text"] for row in rows} == {"a.py": CODE.decode(), "LICENSE": MIT.decode()}
    assert [(r.provenance["record"], r.fault.reason) for r in rejects] == [
        ("a.py", "duplicate_path"),
        ("LICENSE", "duplicate_path"),
    ]
    assert rows[0]["notices"][0]["text"] == MIT.decode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_of_a_damaged_archive_what_is_whole_is_kept(tmp_path: Path, pack) -> None:
    files = {f"{n:02}.py": bytes(f"{n} {n * n}\n" * 400, "ascii") for n in range(50)}
    whole = pack(tarball({"LICENSE": MIT, **files}))
    (tmp_path / "a.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.tar").write_bytes(pack(tarball({"b.py": CODE})))
    (tmp_path / "c.tar").write_bytes(b"\x1f\x8b\x08 no archive")
    (tmp_path / "d.zip").write_bytes(zipped(files)[:-100])
    (tmp_path / "e.tar").write_bytes(b"<html>Not found</html>" * 100)
    rows, rejects = read(reader(tmp_path))
    by_repo = {name: [row["path"] for row in rows if row["repo"] == name] for name in "abcde"}
    assert by_repo["b"] == ["b.py"]
    assert not by_repo["c"] + by_repo["d"] + by_repo["e"]
    kept = by_repo["a"]
    assert kept == ["LICENSE", *files][: len(kept)]
    assert len(kept) < 50
    assert pack is not bytes or len(kept) > 20
    assert [reject.fault.detail.split(":")[0] for reject in rejects] == ["a", "c", "d", "e"]
    assert {(reject.fault.reason, reject.failed) for reject in rejects} == {("damaged_repository", True)}


def test_a_flipped_bit_in_a_member_of_a_zip_costs_that_file(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.py": CODE, "b.py": CODE * 9, "c.py": CODE}))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo("b.py").header_offset
    data[start + 45] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    rows, rejects = read(reader(tmp_path))
    assert outcomes(rows, rejects) == {"a.py": "utf-8", "b.py": "damaged_object", "c.py": "utf-8"}
    assert rejects[0].failed


def test_bombs_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_FREE", 1 << 20)
    bomb = tarball({"a.py": CODE, "zeros": bytes(8 << 20)})
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bomb))
    (tmp_path / "b.zip").write_bytes(zipped({f"{n}.py": bytes(2_000_000) for n in range(9)}))
    header = bytearray(tarball({"a.py": CODE})[:512])
    header[124:136] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "c.tar").write_bytes(bytes(header))
    pax = tarfile.TarInfo("x")
    pax.type, pax.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "d.tar").write_bytes(pax.tobuf() + bytes(4096))
    (tmp_path / "e.tar").write_bytes(tarball({"e.py": CODE}))
    rows, rejects = read(reader(tmp_path))
    assert [row["path"] for row in rows] == ["e.py"]
    assert [(r.fault.reason, r.failed) for r in rejects if r.provenance["record"] == ""] == [
        ("oversized_repository", False),
        ("oversized_repository", False),
        ("oversized_repository", False),
        ("damaged_repository", True),
    ]


def test_a_zip_with_a_huge_directory_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({f"{n}.py": CODE for n in range(100)}))
    monkeypatch.setattr(archives, "_ZIP_DIRECTORY", 1000)
    _, (reject,) = read(reader(tmp_path))
    assert reject.fault.reason == "oversized_repository"


def test_a_long_window_asks_for_memory(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = tarball({"a.py": CODE, "b.bin": bytes(200 << 20)})
    packed = b"".join(compressor.compress(data[at : at + (1 << 20)]) for at in range(0, len(data), 1 << 20))
    (tmp_path / "a.tar.zst").write_bytes(packed + compressor.flush())
    one = reader(tmp_path)
    one.open()
    (item,) = one.list(Storage())
    with pytest.raises(MoreMemory) as more:
        list(one.read(item, Storage()))
    batches = list(one.read(item._replace(memory=more.value.bytes), Storage()))
    assert batches[0].documents.column("path").to_pylist() == ["a.py"]


def test_no_archive_is_a_clear_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match="no file ends in"):
        reader(tmp_path).list(Storage())


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def take(self, size: int) -> bytes:
        return self._file.read(size)

    def skip(self, size: int) -> int:
        return len(self._file.read(size))


def _headers(data: bytes) -> list[tuple[str, int, bytes]]:
    stream, found = _Bytes(data), []
    for header in tar.entries(stream):
        content = stream.take(tar.padded(header.size))[: header.size]
        found.append((header.name.decode("utf-8", "surrogateescape").rstrip("/"), header.size, content))
    return found


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200
            ),
            st.binary(max_size=1500),
        ),
        max_size=6,
    ),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_headers_are_those_that_tarfile_reads(files: list[tuple[str, bytes]], format_: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_, errors="surrogateescape") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    data = buffer.getvalue()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = []
        for info in archive:
            file = archive.extractfile(info)
            expected.append((info.name.rstrip("/"), info.size, file.read() if file else b""))
    assert _headers(data) == expected


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_changed_archive_never_breaks_the_reader(data: st.DataObject) -> None:
    raw = bytearray(tarball({"LICENSE": MIT, "a.py": CODE, "d/b.py": CODE * 30}, comment=COMMIT))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        for _ in _headers(bytes(raw)):
            pass
    except tar.BadTar:
        pass
