"""Records named by an index table are read, no others, in few requests."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warc_files import LocalStorage, gather, http, members, record

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
    pq.write_table(table, root / "index.parquet", row_group_size=7)
    reader = Warc(WarcConfig(index=[str(root / "index.parquet")], prefix=f"{root}/", **config))
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
    ]
    _, documents, rejects = read(root, [*rows[:5], *bad])
    assert len(documents) == 5
    assert [reject.fault.reason for reject in rejects] == [
        *["bad_index_row"] * 4,
        "oversized",
        "damaged_member",
        "bad_record",
        "bad_record",
    ]
    assert len({reject.id for reject in rejects}) == len(rejects)
    assert all(reject.failed == (reject.fault.reason != "oversized") for reject in rejects)


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
