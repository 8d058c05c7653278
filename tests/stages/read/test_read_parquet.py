"""Whatever the pages of a table hold, its rows are read in bounded memory and are the right ones."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warc_files import LocalStorage, gather

from stages.read import long_pages, parquet
from stages.read.documents import utf8_array
from stages.read.pages import page_header
from stages.read.tables import Tables, TablesConfig

ROOT = Path(__file__).parents[3]
CODECS = ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]


@pytest.fixture
def small(monkeypatch):
    """Bounds that inputs of some hundred kilobytes exceed."""
    monkeypatch.setattr(parquet, "BATCH", 100_000)
    monkeypatch.setattr(parquet, "HELD", 150_000)
    monkeypatch.setattr(parquet, "SLICE", 20_000)
    monkeypatch.setattr(long_pages, "KEPT", 60_000)


@pytest.fixture
def taken(monkeypatch):
    """The columns of which single values were read, and how many rows Arrow decoded at a time."""
    seen = {"columns": [], "rows": []}
    values, watch = parquet.LongValues, parquet.PageWatch

    def counted(source, chunk, *rest):
        seen["columns"].append(chunk.column)
        return values(source, chunk, *rest)

    def watched(chunks, rows, *rest):
        seen["rows"].append(rows)
        return watch(chunks, rows, *rest)

    monkeypatch.setattr(parquet, "LongValues", counted)
    monkeypatch.setattr(parquet, "PageWatch", watched)
    return seen


def read(path, **config):
    reader = Tables(TablesConfig(paths=[str(path)], format="parquet", **config))
    storage = LocalStorage()
    return gather(batch for item in reader.list(storage) for batch in reader.read(item, storage))


def texts(count, size, seed=0):
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdeé😀", k=6)) for _ in range(50)]
    return [f"{n} " + " ".join(rng.choices(words, k=size // 9)) for n in range(count)]


def check(path, table, **settings):
    pq.write_table(table, path, **settings)
    rows, rejects = read(path)
    assert not rejects
    assert [row["text"] for row in rows] == table["text"].to_pylist()
    assert [row["provenance"]["offset"] for row in rows] == list(range(len(table)))
    assert [row["provenance"]["record"] for row in rows] == table["id"].to_pylist()


def numbered(values, **more):
    return pa.table({"id": [str(n) for n in range(len(values))], "text": values, **more})


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_page_that_is_too_long_is_read_value_by_value(tmp_path, small, taken, codec, dictionary, version):
    """All of a row group in one page, which is what Arrow's writer makes of a thousand rows."""
    table = numbered(texts(100, 4000))
    options = {"compression": codec, "use_dictionary": dictionary, "data_page_version": version}
    check(tmp_path / "a.parquet", table, write_page_checksum=True, **options)
    assert taken["columns"] == ["text"]


@pytest.mark.parametrize("codec", ["none", "snappy"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_nulls_in_long_pages(tmp_path, small, taken, codec, version):
    values = texts(300, 3000)
    html = [None if n % 3 or n < 20 else value for n, value in enumerate(values)]
    table = numbered(values, html=html)
    pq.write_table(table, tmp_path / "a.parquet", compression=codec, data_page_version=version)
    rows, rejects = read(tmp_path / "a.parquet")
    assert not rejects
    assert [row["html"] for row in rows] == html
    assert [row["text"] for row in rows] == values
    assert set(taken["columns"]) == {"text", "html"}


def test_required_columns_of_bytes(tmp_path, small, taken):
    values = texts(100, 4000)
    schema = pa.schema([pa.field("text", pa.binary(), nullable=False)])
    table = pa.table([pa.array([value.encode() for value in values], pa.binary())], schema)
    pq.write_table(table, tmp_path / "a.parquet")
    assert [row["text"] for row in read(tmp_path / "a.parquet")[0]] == values
    assert taken["columns"] == ["text"]


def test_one_long_value_among_short_ones(tmp_path, small, taken):
    values = texts(400, 100)
    values[200] = "long " * 50_000
    for dictionary in (True, False):
        pq.write_table(numbered(values), tmp_path / "a.parquet", use_dictionary=dictionary)
        rows, (reject,) = read(tmp_path / "a.parquet", max_bytes=100_000)
        assert [row["text"] for row in rows] == values[:200] + values[201:]
        assert (reject.fault.reason, reject.fault.detail, reject.failed) == (
            "oversized",
            "250000 bytes",
            False,
        )
        assert reject.provenance == {"file": "a.parquet", "offset": 200, "record": "200"}
    assert taken["columns"] == ["text"] * 2


def test_a_dictionary_that_rows_repeat(tmp_path, small, taken):
    """One long text in every row takes no more than a few rows at a time."""
    for distinct in (1, 4):
        values = texts(distinct, 20_000) * (200 // distinct)
        indices = pa.array([n % distinct for n in range(200)], pa.int32())
        table = numbered(pa.DictionaryArray.from_arrays(indices, pa.array(values[:distinct])))
        pq.write_table(table, tmp_path / "a.parquet", store_schema=False)
        rows, rejects = read(tmp_path / "a.parquet")
        assert [row["text"] for row in rows] == values
        assert not rejects
        assert 1 <= taken["rows"][-1] <= 5
    assert not taken["columns"]
    pq.write_table(table, tmp_path / "a.parquet")  # Arrow reads a dictionary back
    assert [row["text"] for row in read(tmp_path / "a.parquet")[0]] == values


def test_a_dictionary_that_is_too_long_itself(tmp_path, small):
    values = texts(100, 4000)
    near = [value for n, value in enumerate(values) for value in (values[max(n - 3, 0)], value)]
    check(tmp_path / "a.parquet", numbered(near), dictionary_pagesize_limit=10**9)
    far = [*values, *values[:5]]
    pq.write_table(numbered(far), tmp_path / "a.parquet", dictionary_pagesize_limit=10**9)
    rows, rejects = read(tmp_path / "a.parquet")
    assert [row["text"] for row in rows] == values
    assert [(reject.fault.reason, reject.failed) for reject in rejects] == [("oversized", False)] * 5
    assert [reject.provenance["offset"] for reject in rejects] == [100, 101, 102, 103, 104]


def test_values_stored_as_differences(tmp_path, small, taken):
    """A page of little more than one text holds a hundred."""
    text = texts(1, 20_000)[0]
    values = [text + str(n) for n in range(200)]
    encoding = {"text": "DELTA_BYTE_ARRAY"}
    pq.write_table(numbered(values), tmp_path / "a.parquet", use_dictionary=False, column_encoding=encoding)
    rows, rejects = read(tmp_path / "a.parquet")
    assert [row["text"] for row in rows] == values
    assert not rejects
    assert taken["rows"][-1] <= 5


def test_an_encoding_that_cannot_be_read_in_parts_gives_every_row_a_reason(tmp_path, small):
    values = texts(100, 4000)
    encoding = {"text": "DELTA_LENGTH_BYTE_ARRAY"}
    table = numbered(values)
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, column_encoding=encoding)
    rows, rejects = read(tmp_path / "a.parquet")
    assert not rows
    assert [reject.provenance["offset"] for reject in rejects] == list(range(100))
    assert {(reject.fault.reason, reject.failed) for reject in rejects} == {("oversized", False)}
    assert rejects[0].fault.detail.startswith("a page of ")


def test_skewed_row_groups(tmp_path, small, taken):
    """Many short rows and a few long ones, in pages of few rows: short rows stay many at a time."""
    values = texts(3000, 60)
    values[2000:2040] = texts(40, 9000, seed=1)
    check(
        tmp_path / "a.parquet",
        numbered(values),
        use_dictionary=False,
        data_page_size=1000,
        write_batch_size=5,
    )
    assert not taken["columns"]
    assert taken["rows"][0] == 256
    assert 1 <= taken["rows"][-1] < 20


def test_damage_in_a_long_page(tmp_path, small):
    for checksum in (True, False):
        path = tmp_path / "a.parquet"
        table = numbered(texts(100, 4000))
        pq.write_table(table, path, use_dictionary=False, compression="gzip", write_page_checksum=checksum)
        column = pq.ParquetFile(path).metadata.row_group(0).column(1)
        data = bytearray(path.read_bytes())
        middle = column.data_page_offset + column.total_compressed_size // 2
        data[middle : middle + 40] = b"\xff" * 40
        path.write_bytes(bytes(data))
        rows, rejects = read(path, damaged="keep")
        assert len(rows) + len(rejects) == 100
        assert [row["text"] for row in rows] == table["text"].to_pylist()[: len(rows)]
        assert {(reject.fault.reason, reject.failed) for reject in rejects} == {("damaged_stream", True)}
        assert not (rows and checksum)


def test_a_string_in_a_long_page_that_is_no_utf8(tmp_path, small):
    values = [text.encode() for text in texts(100, 4000)]
    values[40] = b"\xff" + values[40]
    table = pa.table({"text": pa.array(values, pa.binary()).view(pa.string())})
    pq.write_table(table, tmp_path / "a.parquet")
    rows, (reject,) = read(tmp_path / "a.parquet")
    assert len(rows) == 99
    assert (reject.fault.reason, reject.failed, reject.provenance["offset"]) == ("bad_utf8", True, 40)


def test_long_values_beside_text(tmp_path, small):
    """What is not text is bounded too."""
    urls = [f"http://site.test/{n}" for n in range(50)]
    urls[7] = "http://site.test/" + "x" * 200_000
    pq.write_table(pa.table({"text": ["word"] * 50, "url": urls}), tmp_path / "a.parquet")
    for cap in (100_000, 190_000):
        rows, (reject,) = read(tmp_path / "a.parquet", max_bytes=cap)
        assert len(rows) == 49
        assert (reject.fault.reason, reject.url) == ("oversized", None)


CELLS = st.none() | st.text(max_size=8) | st.sampled_from(["a" * 300, "b" * 700, "né" * 40])


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(CELLS, min_size=1, max_size=120),
    codec=st.sampled_from(CODECS),
    version=st.sampled_from(["1.0", "2.0"]),
    dictionary=st.booleans(),
    page=st.integers(1, 5000),
    batch=st.integers(1, 40),
)
def test_value_by_value_gives_what_arrow_gives(
    tmp_path_factory, cells, codec, version, dictionary, page, batch
):
    path = tmp_path_factory.mktemp("values") / "a.parquet"
    urls = [f"u{n}" for n in range(len(cells))]
    pq.write_table(
        pa.table({"text": pa.array(cells, pa.string()), "url": urls}),
        path,
        compression=codec,
        data_page_version=version,
        use_dictionary=dictionary,
        data_page_size=page,
        write_batch_size=batch,
        row_group_size=50,
        dictionary_pagesize_limit=200,
    )
    expected, dropped = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "HELD", 0)
        patch.setattr(parquet, "BATCH", 1)
        rows, rejects = read(path)
    assert rows == expected
    assert rejects == dropped


def test_headers_of_pages():
    header = bytes([0x15, 0x00, 0x15, 0xC8, 0x01, 0x15, 0x64, 0x2C, 0x15, 0x14, 0x15, 0x00, 0x15, 0x06, 0x15])
    header += bytes([0x06, 0x00, 0x00])
    found = page_header(header + b"rest")
    assert (found.length, found.kind, found.size, found.stored, found.values) == (len(header), 0, 100, 50, 10)
    for size in range(len(header)):
        assert page_header(header[:size]) is None
    for junk in (b"\xff" * 20, b"\x15\x00\x00", b"\x00" * 8, b"\x1c" * 50, b"\x18\x05" * 5 + b"\x0f"):
        with pytest.raises(ValueError, match="page"):
            page_header(junk + b"\x0f" * 40)


PEAK = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from warc_files import LocalStorage
from stages.read.tables import Tables, TablesConfig
reader = Tables(TablesConfig(paths=[sys.argv[3]], format=sys.argv[4]))
storage = LocalStorage()
count = [0, 0]
for item in reader.list(storage):
    for batch in reader.read(item, storage):
        count[0] += len(batch.documents)
        count[1] += len(batch.rejects)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([*count, int(status["VmHWM"].split()[0]) >> 10]))
"""


def peak(path: Path, kind: str) -> tuple[int, int, int]:
    """Documents, rejects and the MiB that a process took to read them."""
    command = [sys.executable, "-c", PEAK, str(ROOT), str(Path(__file__).parent), str(path), kind]
    documents, rejects, mib = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return documents, rejects, mib


def test_rows_of_9_mb_in_one_page(tmp_path):
    """Arrow's writer cuts pages by rows: 256 such rows make a page of 2 GB; here 23 rows, 207 MB."""
    path = tmp_path / "a.parquet"
    filler = b"some words " * 818_000
    table = pa.table({"text": utf8_array([b"%d\xf0\x9f\x98\x80%s" % (n, filler) for n in range(23)])})
    pq.write_table(table, path, use_dictionary=False, compression="zstd", write_statistics=False)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size > parquet.HELD
    documents, rejects, mib = peak(path, "parquet")
    assert (documents, rejects) == (23, 0)
    assert mib < 400


@pytest.mark.parametrize("values", ["{}", '"ab"'])
def test_a_line_of_many_values_is_not_parsed(tmp_path, values):
    line = b'{"text": "hello", "more": [' + b",".join([values.encode()] * 2_100_000) + b"]}\n"
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b'{"text": "after"}\n')
    reader = Tables(TablesConfig(paths=[str(path)], format="jsonl"))
    storage = LocalStorage()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (row,), (reject,) = gather(reader.read(reader.list(storage)[0], storage))
    assert row["text"] == "after"
    assert (reject.fault.reason, reject.failed) == ("oversized", False)
    assert "more than 2000000 values" in reject.fault.detail
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_many_values_in_strings_are_none(tmp_path):
    text = "[{}, 'a': 1], " * 700_000
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": text, "n": [1, 2]}))
    reader = Tables(TablesConfig(paths=[str(path)], format="jsonl"))
    storage = LocalStorage()
    (row,), _ = gather(reader.read(reader.list(storage)[0], storage))
    assert row["text"] == text
