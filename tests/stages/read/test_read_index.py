"""Records named by an index table are read, no others, in few requests."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warc_files import LocalStorage, gather, http, members, record

from pipeline.storage import Storage
from stages.read import index
from stages.read.index import IndexedRange, spans
from stages.read.warc import Warc, WarcConfig

NAMES = ("warc_filename", "warc_record_offset", "warc_record_length")


class Counting(LocalStorage):
    """Counts reads."""

    reads = 0

    def open(self, path):
        file = super().open(path)
        storage = self

        class File:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def read(self, size=-1):
                storage.reads += path.endswith(".gz")
                return file.read(min(size, 100_000))  # as an object store may

            def __getattr__(self, name):
                return getattr(file, name)

        return File()


@pytest.fixture
def crawl(tmp_path):
    """Two WARC files of 30 responses; returns rows of an index over them."""
    rows = []
    for name in ("crawl/b.warc.gz", "crawl/a.warc.gz"):
        parts = members(record(n, http(b"<html>%s %d" % (name.encode(), n))) for n in range(30))
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"".join(parts))
        offset = 0
        for n, part in enumerate(parts):
            rows.append((name, offset, len(part), f"http://site.test/{n}"))
            offset += len(part)
    return tmp_path, rows


def read(root, rows, names=NAMES, storage=None, **config):
    columns = [*names, "url"]
    table = pa.table(
        {name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}
    )
    return read_table(root, table, storage, **config)


def read_table(root, table, storage=None, **config):
    pq.write_table(table, root / "index.parquet", row_group_size=7)
    config.setdefault("prefix", f"{root}/")
    reader = Warc(WarcConfig(index=[str(root / "index.parquet")], **config))
    storage = storage or LocalStorage()
    items = reader.list(storage)
    return items, *gather(batch for item in items for batch in reader.read(item, storage))


@pytest.mark.parametrize("names", [NAMES, ("warc_filename", "offset", "length")])
def test_records_in_order_of_file_and_offset(crawl, names):
    root, rows = crawl
    _, documents, rejects = read(root, rows[::-3], names)
    places = [(row["provenance"]["file"], row["provenance"]["offset"]) for row in documents]
    assert not rejects
    assert places == sorted((name, offset) for name, offset, _, _ in rows[::-3])
    assert all(row["html"].startswith(f"<html>{row['provenance']['file']}") for row in documents)


def test_inputs_are_ranges_of_rows(crawl, monkeypatch):
    monkeypatch.setattr(index, "ROWS_PER_INPUT", 25)
    root, rows = crawl
    items, documents, _ = read(root, rows)
    assert [(item.name, item.start, item.stop) for item in items] == [
        ("index.parquet", 0, 25),
        ("index.parquet", 25, 50),
        ("index.parquet", 50, 60),
    ]
    assert len(documents) == 60


def test_near_ranges_are_fetched_together(crawl):
    root, rows = crawl
    storage = Counting()
    _, documents, _ = read(root, rows, storage=storage)
    assert len(documents) == 60
    assert storage.reads == 2


def test_spans():
    def span(*ranges):
        return [
            [(one.offset, one.length) for one in group]
            for group in spans([IndexedRange("a", *r, None) for r in ranges])
        ]

    near, size = index.NEAR, index.SPAN
    assert span((0, 10), (10 + near, 5), (16 + 2 * near, 5)) == [
        [(0, 10), (10 + near, 5)],
        [(16 + 2 * near, 5)],
    ]
    assert span((0, size), (size, 1)) == [[(0, size)], [(size, 1)]]
    assert span((0, 3 * size)) == [[(0, 3 * size)]]
    assert span((5, 100), (5, 100), (10, 20)) == [[(5, 100), (5, 100), (10, 20)]]
    assert span() == []


def test_bad_rows_and_ranges_are_rejects(crawl):
    root, rows = crawl
    name, offset, length, url = rows[5]
    bad = [
        (None, 0, 10, url),
        (name, None, 10, url),
        (name, -1, 10, url),
        (name, offset, 0, url),
        (name, offset, 10**9, url),
        (name, offset + 3, length, url),
        (name, offset, length - 9, url),
        (name, 10**9, 100, url),
        (name, 2**62, 100, url),
    ]
    _, documents, rejects = read(root, [*rows[:5], *bad])
    assert len(documents) == 5
    assert [reject.fault.reason for reject in rejects] == [
        *["bad_index_row"] * 4,
        "oversized",
        "damaged_member",
        "bad_record",
        "bad_record",
        "bad_record",
    ]
    assert len({reject.id for reject in rejects}) == len(rejects)
    assert all(reject.failed == (reject.fault.reason != "oversized") for reject in rejects)


BAD_NAMES = [
    "crawl/missing.warc.gz",
    "crawl",
    "",
    " ",
    "../{outside}",
    "crawl/../../{outside}",
    "crawl/%2e%2e/%2E%2E/{outside}",
    "crawl/..%2f..%2f{outside}",
    "crawl/%252e%252e/../{outside}",
    "..\\..\\{outside}",
    "/{outside}",
    "%2f{outside}",
    "//server/{outside}",
    "file:///{outside}",
    "http://site.test/a.warc.gz",
    "s3://other/a.warc.gz",
    "crawl/a.warc.gz\0.txt",
    "crawl/" + "x" * 300,
    "x" * 2000,
    "crawl/a.warc.gz/b",
]


@pytest.mark.parametrize("slash", ["", "/", "file"])
def test_names_that_lead_nowhere_cost_their_record(crawl, slash):
    root, rows = crawl
    below = root / "below"
    below.mkdir()
    (root / "crawl").rename(below / "crawl")
    outside = root / "outside.warc.gz"
    outside.write_bytes(members([record(99)])[0])
    opened = []

    class Watched(Storage):
        def open(self, path):
            opened.append(path)
            return super().open(path)

    bad = [(name.format(outside=outside.name), 0, 100, "http://site.test/") for name in BAD_NAMES]
    prefix = f"file://{below}/" if slash == "file" else f"{below}{slash}"
    _, documents, rejects = read(root, [*bad, *rows[:5]], storage=Watched(), prefix=prefix)
    assert len(documents) == 5
    assert [reject.fault.reason for reject in rejects] == ["bad_index_row"] * len(bad)
    assert all(reject.failed for reject in rejects)
    assert len({reject.id for reject in rejects}) == len(bad)
    assert all("outside" not in path.removeprefix("file://").replace(str(root), "") for path in opened)


def test_numbers_however_they_are_stored(crawl):
    root, rows = crawl
    names, offsets, lengths, urls = map(list, zip(*rows[:6], strict=True))
    odd = [2**64 - 1, 2**63, 2**63 - 1, 7]
    for kind in (pa.uint64(), pa.string(), pa.float64(), pa.decimal128(25)):
        values = [*offsets, *odd]
        if kind == pa.string():
            values = [str(value) for value in values[:-1]] + ["seven"]
        elif kind == pa.float64():
            values = [float(value) for value in values[:-1]] + [float("nan")]
        table = pa.table(
            {
                "warc_filename": pa.array([*names, *names[:4]]).cast(pa.binary()),
                "offset": pa.array(values, kind),
                "length": [*lengths, 10, 10, 10, -1],
                "url": [*urls, *urls[:4]],
            }
        )
        _, documents, rejects = read_table(root, table)
        assert len(documents) == 6
        assert [reject.fault.reason for reject in rejects] == ["bad_index_row"] * 4
        assert all(0 <= reject.provenance["offset"] < 2**63 for reject in rejects)


def test_a_name_that_is_no_utf8(crawl):
    root, rows = crawl
    name, offset, length, _ = rows[0]
    names = pa.array([name.encode(), b"\xff.warc.gz"], pa.binary()).view(pa.string())
    table = pa.table({"warc_filename": names, "offset": [offset] * 2, "length": [length] * 2})
    _, documents, (reject,) = read_table(root, table)
    assert len(documents) == 1
    assert reject.fault.reason == "bad_index_row"


def test_without_a_prefix_names_are_paths_or_addresses(crawl, monkeypatch):
    root, rows = crawl
    monkeypatch.chdir(root)
    bad = [("ftp://site.test/a.warc.gz", 0, 9, "u"), ("crawl/../crawl/a.warc.gz", 0, 9, "u")]
    whole = [(f"{root}/{name}", *rest) for name, *rest in rows[5:8]]
    _, documents, rejects = read(root, [*bad, *rows[:5], *whole], prefix="", storage=Storage())
    assert len(documents) == 8
    assert [reject.fault.reason for reject in rejects] == ["bad_index_row"] * 2


def test_an_error_of_storage_is_no_bad_row(crawl):
    root, rows = crawl

    class Down(LocalStorage):
        def open(self, path):
            if path.endswith(".gz"):
                raise ConnectionError("the line broke")
            return super().open(path)

    with pytest.raises(ConnectionError):
        read(root, rows, storage=Down())


def test_a_range_without_a_response(tmp_path):
    (part,) = members([record(1, b"a: b", "metadata", "application/warc-fields")])
    (tmp_path / "a.warc.gz").write_bytes(part)
    _, documents, (reject,) = read(tmp_path, [("a.warc.gz", 0, len(part), "http://site.test/")])
    assert not documents
    assert reject.fault == ("bad_record", f"no response record in bytes 0-{len(part)}")
    assert reject.url == "http://site.test/"


def test_mistakes(crawl):
    root, rows = crawl
    with pytest.raises(
        ValueError, match=r"needs the columns warc_filename.*it has file, offset, length, url"
    ):
        read(root, rows, ("file", "offset", "length"))
    (root / "text.parquet").write_text("no table")
    with pytest.raises(ValueError, match="is no Parquet file"):
        Warc(WarcConfig(index=[str(root / "text.parquet")])).list(LocalStorage())
