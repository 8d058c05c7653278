"""A damaged file is a damaged input, unless the damage is small and reading goes on, or it is to be kept."""

from __future__ import annotations

import gzip
import json
import pickle
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from test_read_records import crawl, long_window
from warc_files import LocalStorage, gather, members, record
from warc_files import read as read_warc

from stages.base import DamagedInput, MoreMemory
from stages.read.tables import Tables, TablesConfig

ROWS = [{"text": f"text {n} " * 20} for n in range(700)]
LINES = [json.dumps(row).encode() + b"\n" for row in ROWS]
PACKS = {"gzip": lambda raw: gzip.compress(raw, mtime=0), "zstd": zstandard.compress}


def read(path, limit=None, memory=0, **config):
    config.setdefault("format", "parquet" if path.name.endswith("parquet") else "jsonl")
    reader = Tables(TablesConfig(paths=[str(path)], **config))
    storage = LocalStorage()
    items = [item._replace(memory=memory) for item in reader.list(storage)]
    return gather(batch for item in items for batch in reader.read(item, storage, limit))


def stream(tmp_path, data):
    (tmp_path / "a.jsonl").write_bytes(data)
    return tmp_path / "a.jsonl"


# JSON Lines


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("cut", [2, 5, 12, 900, -1])
def test_a_cut_stream_is_a_damaged_input(tmp_path, pack, cut):
    """In the header of a later member, in its middle, and in its last bytes."""
    first, second = PACKS[pack](b"".join(LINES[:300])), PACKS[pack](b"".join(LINES[300:]))
    data = first + second[:cut]
    path = stream(tmp_path, data)
    with pytest.raises(DamagedInput) as error:
        read(path)
    said = str(error.value)
    assert said.startswith(f"{path} is damaged: line ")
    assert f"read {len(data)} of {len(data)} bytes; fetch it again, or set read: {{damaged: keep}}" in said
    rows, (reject,) = read(path, damaged="keep")
    assert 300 <= len(rows) <= 700
    assert (reject.fault.reason, reject.failed) == ("damaged_stream", True)
    assert reject.fault.detail.startswith(
        f"line {len(rows) + 1} and all after: member at byte {len(first)}: "
    )


@pytest.mark.parametrize("pack", PACKS)
def test_a_stream_that_breaks_is_a_damaged_input(tmp_path, pack):
    """However little of it is lost: who knows what the checksum is wrong about."""
    data = bytearray(PACKS[pack](b"".join(LINES)))
    if pack == "zstd":
        data = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(b"".join(LINES)))
    data[-6 if pack == "gzip" else -2] ^= 0xFF
    with pytest.raises(DamagedInput):
        read(stream(tmp_path, bytes(data)))
    rows, rejects = read(tmp_path / "a.jsonl", damaged="keep")
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS[: len(rows)]]
    assert len(rejects) == 1


@pytest.mark.parametrize("pack", PACKS)
def test_junk_behind_a_whole_stream(tmp_path, pack):
    data = PACKS[pack](b"".join(LINES))
    rows, (reject,) = read(stream(tmp_path, data + b"\n"))
    assert len(rows) == 700
    assert (reject.fault.reason, reject.failed) == ("damaged_stream", True)
    junk = b"junk" * len(data)
    with pytest.raises(DamagedInput, match=rf"read at most {len(data)} of {5 * len(data)} bytes"):
        read(stream(tmp_path, data + junk))
    rows, rejects = read(tmp_path / "a.jsonl", damaged="keep")
    assert (len(rows), len(rejects)) == (700, 1)


@pytest.mark.parametrize("padding", [1, 511, 100_000])
def test_zeros_between_and_behind_gzip_members_are_padding(tmp_path, padding):
    pieces = [gzip.compress(b"".join(LINES[at : at + 100])) for at in range(0, 700, 100)]
    rows, rejects = read(stream(tmp_path, b"".join(piece + bytes(padding) for piece in pieces)))
    assert (len(rows), len(rejects)) == (700, 0)


def test_a_dry_run_does_not_reach_the_damage(tmp_path):
    data = PACKS["gzip"](b"".join(LINES[:300])) + PACKS["gzip"](b"".join(LINES[300:]))[:3]
    path = stream(tmp_path, data)
    for limit in (0, 100, 300):
        assert len(read(path, limit)[0]) == limit
    with pytest.raises(DamagedInput):
        read(path, 301)


def test_files_of_no_bytes(tmp_path):
    assert read(stream(tmp_path, b"")) == ([], [])
    for name in ("a.jsonl.gz", "a.jsonl.zst"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(DamagedInput, match="empty"):
            read(tmp_path / name)
        assert read(tmp_path / name, damaged="keep") == ([], [])
    for pack in PACKS.values():
        assert read(stream(tmp_path, pack(b""))) == ([], [])


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("size", [2, 3, 4, 9])
def test_a_stream_of_a_few_bytes(tmp_path, pack, size):
    with pytest.raises(DamagedInput):
        read(stream(tmp_path, PACKS[pack](b"".join(LINES))[:size]))


def test_a_plain_file_has_no_end_that_could_be_missing(tmp_path):
    rows, (reject,) = read(stream(tmp_path, b"".join(LINES)[:-30]))
    assert len(rows) == 699
    assert (reject.fault.reason, reject.failed) == ("bad_json", True)


def test_a_cut_skippable_frame(tmp_path):
    frame = b"\x5e\x2a\x4d\x18" + (40).to_bytes(4, "little") + bytes(40)
    data = zstandard.compress(b"".join(LINES))
    assert len(read(stream(tmp_path, frame + data + frame))[0]) == 700
    for size in (2, 7, 20):
        with pytest.raises(DamagedInput, match="skippable"):
            read(stream(tmp_path, data + frame[:size]))


@pytest.mark.parametrize("before", [0, 300])
def test_long_windows_ask_for_memory(tmp_path, before):
    """In the first frame and in a later one."""
    first = zstandard.compress(b"".join(LINES[:before])) if before else b""
    path = stream(tmp_path, first + long_window(b"".join(LINES[before:])))
    with pytest.raises(MoreMemory) as error:
        read(path)
    needed = error.value.bytes
    assert needed == 2**31 + 2**30
    assert pickle.loads(pickle.dumps(error.value)).bytes == needed
    rows, rejects = read(path, memory=needed)
    assert (len(rows), len(rejects)) == (700, 0)
    assert len(read(stream(tmp_path, long_window(b"".join(LINES), 27)))[0]) == 700


# Parquet


def damaged_table(path, groups, rows=700):
    """A table of seven row groups, the text column of some of which does not decompress."""
    table = pa.Table.from_pylist([{"text": f"words {n} " * 50, "n": n} for n in range(rows)])
    pq.write_table(table, path, row_group_size=rows // 7, use_dictionary=False, compression="gzip")
    metadata = pq.ParquetFile(path).metadata
    data = bytearray(path.read_bytes())
    for group in groups:
        column = metadata.row_group(group).column(0)
        end = column.data_page_offset + column.total_compressed_size
        data[end - 100 : end - 60] = b"\xff" * 40
    path.write_bytes(bytes(data))
    return path


def test_lost_rows_are_counted_one_by_one(tmp_path):
    path = damaged_table(tmp_path / "a.parquet", [1, 6])
    rows, rejects = read(path, damaged="keep")
    assert [row["provenance"]["offset"] for row in rows] == [*range(100), *range(200, 600)]
    assert [reject.provenance["offset"] for reject in rejects] == [*range(100, 200), *range(600, 700)]
    assert {(reject.fault.reason, reject.failed) for reject in rejects} == {("damaged_stream", True)}
    assert len({reject.id for reject in rejects}) == 200
    assert rejects[0].fault.detail.startswith("rows 100 to 199: ")
    with pytest.raises(DamagedInput) as error:
        read(path)
    assert f"{path} is damaged: rows 100 to 199: " in str(error.value)
    assert "read at most 600 of 700 rows, " in str(error.value)
    assert len(read(path, limit=100)[0]) == 100


def test_a_little_damage_is_failed_rows(tmp_path):
    """A row group of seven rows in a file of seven hundred."""
    small = pa.table({"text": ["word " * 50] * 7})
    large = pa.table({"text": [random.Random(n).randbytes(300).hex() for n in range(1400)]})
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, small.schema, use_dictionary=False, compression="gzip") as writer:
        writer.write_table(small)
        writer.write_table(large)
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    end = column.data_page_offset + column.total_compressed_size
    data[end - 12 : end - 8] = b"\xff" * 4
    path.write_bytes(bytes(data))
    rows, rejects = read(path)
    assert (len(rows), len(rejects)) == (1400, 7)


@pytest.mark.parametrize("keep", [20, 3000, -1, -4])
def test_a_table_without_its_footer(tmp_path, keep):
    path = damaged_table(tmp_path / "a.parquet", [])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedInput, match="footer"):
        read(path)
    rows, (reject,) = read(path, damaged="keep")
    assert (rows, reject.failed) == ([], True)


def test_a_large_table_without_its_footer_is_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.read.tables.SPLIT_BYTES", 1000)
    path = damaged_table(tmp_path / "a.parquet", [])
    assert len(Tables(TablesConfig(paths=[str(path)], format="parquet")).list(LocalStorage())) > 1
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DamagedInput, match="footer"):
        read(path)


# WARC


@pytest.mark.parametrize("codec", ["gzip", "zstd", "plain"])
def test_a_cut_crawl_is_a_damaged_input(tmp_path, codec):
    path = tmp_path / "a.warc"
    data = b"".join(members(crawl(120, 500), codec))
    path.write_bytes(data[:-30])
    with pytest.raises(DamagedInput) as error:
        read_warc(path)
    assert str(error.value).startswith(f"{path} is damaged: bytes ")
    assert f" of {len(data) - 30} bytes" in str(error.value)
    rows, (reject,) = read_warc(path, damaged="keep")
    assert len(rows) == 120
    assert reject.failed
    assert len(read_warc(path, limit=120)[0]) == 120


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_damage_up_to_a_hundredth_of_the_bytes_is_failed_rows(tmp_path, codec):
    parts = members([record(n) for n in range(400)], codec)
    path = tmp_path / "a.warc"
    for victims, fails in (((0,), False), ((7, 300), False), (range(50, 56), True), ((399,), False)):
        damaged = list(parts)
        for victim in victims:
            damaged[victim] = b"\xff" * len(parts[victim])
        path.write_bytes(b"".join(damaged))
        if fails:
            with pytest.raises(DamagedInput, match="read at most"):
                read_warc(path)
        else:
            rows, rejects = read_warc(path)
            assert (len(rows), len(rejects)) == (400 - len(victims), len(victims))
        assert len(read_warc(path, damaged="keep")[0]) == 400 - len(victims)


MANY = "".join(json.dumps({"id": i, "text": f"text number {i} of many"}) + "\n" for i in range(4000)).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.jsonl.gz", gzip.compress(MANY)[:2]),
        ("x.jsonl.zst", zstandard.compress(MANY)[:3]),
        ("x.jsonl.gz", bytes(len(gzip.compress(MANY)))),
        ("x.jsonl.gz", b"\x1e" + gzip.compress(MANY)[1:]),
        ("x.jsonl", bytes(len(MANY))),
        ("x.jsonl", MANY[: len(MANY) // 2] + bytes(len(MANY) // 2)),
        ("x.jsonl", MANY[:100_000] + bytes(5000) + MANY[105_000:]),
        ("x.jsonl", b"{" + bytes(4 << 20) + b"\n" + MANY),  # longer than a line may be
    ],
)
def test_a_file_whose_bytes_are_something_else_is_a_damaged_input(tmp_path, monkeypatch, name, data):
    monkeypatch.setattr("stages.read.tables.MIB", 1 << 16)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DamagedInput, match="is damaged"):
        read(tmp_path / name, max_bytes=1 << 16)
    read(tmp_path / name, max_bytes=1 << 16, damaged="keep")


def test_what_is_not_compressed_although_its_name_says_so_is_read(tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(MANY)
    assert len(read(tmp_path / "x.jsonl.gz")[0]) == 4000
