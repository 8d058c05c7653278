"""Parquet and JSONL rows become documents; what does not is a reject with its place."""

from __future__ import annotations

import datetime
import decimal
import gzip
import itertools
import json
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from warc_files import LocalStorage, gather

from stages.base import DOCUMENT, MIB
from stages.read import tables
from stages.read.documents import document_id
from stages.read.tables import Tables, TablesConfig

ROWS = [{"id": f"doc-{n}", "text": f"text {n} äöü", "url": f"http://site.test/{n}"} for n in range(700)]


def read(path, limit=None, **config):
    config.setdefault("format", "parquet" if path.name.endswith("parquet") else "jsonl")
    reader = Tables(TablesConfig(paths=[str(path)], **config))
    storage = LocalStorage()
    batches = [batch for item in reader.list(storage) for batch in reader.read(item, storage, limit)]
    for batch in batches:
        assert batch.documents.schema == pa.schema([*DOCUMENT, *Tables.adds])
    return gather(batches)


def jsonl(path, rows, pack=bytes):
    path.write_bytes(pack("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_jsonl_in_any_compression(tmp_path, pack):
    rows, rejects = read(jsonl(tmp_path / "a.data", ROWS, pack), source="forum")
    assert not rejects
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert rows[0]["id"] == document_id("forum", "id", "doc-0", ROWS[0]["text"])
    assert rows[0]["source"] == "forum"
    assert rows[0]["html"] is None
    assert rows[0]["provenance"] == {"file": "a.data", "offset": 0, "record": "doc-0"}
    second = len(json.dumps(ROWS[0])) + 1
    assert rows[1]["provenance"]["offset"] == second


def test_parquet_and_jsonl_give_the_same_documents(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet", row_group_size=100)
    rows, rejects = read(tmp_path / "a.parquet")
    others, _ = read(jsonl(tmp_path / "a.jsonl", ROWS))
    assert not rejects
    for row, other in zip(rows, others, strict=True):
        del row["provenance"], other["provenance"]
        assert row == other


def test_column_mapping(tmp_path):
    row = {
        "content": "words",
        "meta_url": "http://site.test/",
        "text": "not this",
        "date": datetime.datetime(2025, 3, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        "key": 17,
        "language": "en",
        "language_score": 0.5,
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    mapping = {"text": "content", "url": "meta_url", "id": "key"}
    (document,), _ = read(tmp_path / "a.parquet", columns=mapping)
    assert document["text"] == "words"
    assert document["url"] == "http://site.test/"
    assert document["date"] == "2025-03-01T10:00:00Z"
    assert document["id"] == document_id("", "id", "17", "words")
    assert document["provenance"]["record"] == "17"
    assert (document["language"], document["language_score"]) == ("en", 0.5)


def test_raw_html(tmp_path):
    rows = [{"page": "<html>a</html>"}, {"page": None, "text": "b"}, {"page": ""}]
    documents, (reject,) = read(jsonl(tmp_path / "a.jsonl", rows), columns={"html": "page"})
    assert [(row["text"], row["html"]) for row in documents] == [(None, "<html>a</html>"), ("b", None)]
    assert reject.fault.reason == "no_text"


def test_identity_without_an_id(tmp_path):
    rows = [{"text": "a", "url": "u"}, {"text": "a", "url": "v"}, {"text": "b", "url": "u"}, {"text": "a"}]
    documents, _ = read(jsonl(tmp_path / "a.jsonl", rows), source="s")
    assert documents[0]["id"] == document_id("s", "u", "a")
    assert len({row["id"] for row in documents}) == 4


@pytest.mark.parametrize(
    ("line", "reason", "detail", "failed"),
    [
        (b"{", "bad_json", "line 2: ", True),
        (b"[1]", "bad_json", "line 2: not an object", True),
        (b'{"text": "\xff"}', "bad_json", "line 2: ", True),
        (b"[" * 100_000, "bad_json", "line 2: ", True),
        (b'{"url": "u"}', "no_text", "null", False),
        (b'{"text": 5}', "no_text", "a int", False),
        (b'{"text": " \\n"}', "no_text", "blank", False),
        (b'{"text": "' + b"x" * MIB + b'"}', "oversized", f"{MIB} bytes", False),
        (b'{"text": "' + b"x" * 10 * MIB + b'"}', "oversized", "line 2", False),
    ],
)
def test_rows_that_are_no_documents(tmp_path, line, reason, detail, failed):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "first"}\r\n' + line + b'\n\n{"text": "last"}')
    rows, (reject,) = read(path, max_bytes=MIB - 1)
    assert [row["text"] for row in rows] == ["first", "last"]
    assert (reject.fault.reason, reject.failed) == (reason, failed)
    assert reject.fault.detail.startswith(detail)
    assert reject.provenance == {"file": "a.jsonl", "offset": 22, "record": None}


def test_strings_that_arrow_would_refuse(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a\\ud800b\\u0000c\\ud83d\\ude00", "url": "\\udfff"}\n')
    ((row,), _) = read(path)
    assert row["text"] == "a\ufffdb\ufffdc😀"
    assert row["url"] == "\ufffd"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_damaged_stream_keeps_the_rows_before(tmp_path, pack):
    half = len(ROWS) // 2
    raw = [json.dumps(row).encode() + b"\n" for row in ROWS]
    data = pack(b"".join(raw[:half])) + pack(b"".join(raw[half:]))[:-400]
    (tmp_path / "a.jsonl").write_bytes(data)
    rows, (reject,) = read(tmp_path / "a.jsonl", damaged="keep")
    assert half <= len(rows) < len(ROWS)
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS[: len(rows)]]
    assert (reject.fault.reason, reject.failed) == ("damaged_stream", True)
    assert reject.fault.detail.startswith(f"line {len(rows) + 1} and all after: ")


@pytest.mark.parametrize("checksum", [False, True])
def test_a_damaged_row_group_keeps_the_others(tmp_path, checksum):
    table = pa.Table.from_pylist([{"text": f"words {n} " * 50} for n in range(300)])
    path = tmp_path / "a.parquet"
    settings = {"compression": "gzip"}
    if checksum:  # damage that the codec would not notice
        settings = {"compression": "none", "write_page_checksum": True}
    pq.write_table(table, path, row_group_size=100, use_dictionary=False, **settings)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    end = column.data_page_offset + column.total_compressed_size
    data[end - 100 : end - 60] = b"\xff" * 40
    path.write_bytes(bytes(data))
    rows, rejects = read(path, damaged="keep")
    assert [row["provenance"]["offset"] for row in rows] == [*range(100), *range(200, 300)]
    assert [reject.provenance["offset"] for reject in rejects] == [*range(100, 200)]
    assert {(reject.fault.reason, reject.failed) for reject in rejects} == {("damaged_stream", True)}
    assert rejects[0].fault.detail.startswith("rows 100 to 199: ")


def test_a_string_that_is_no_utf8(tmp_path):
    texts = pa.array([b"good", b"b\xffd", b"better"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    rows, (reject,) = read(tmp_path / "a.parquet")
    assert [row["text"] for row in rows] == ["good", "better"]
    assert (reject.fault.reason, reject.failed, reject.provenance["offset"]) == ("bad_utf8", True, 1)


def parquet(tmp_path, **columns):
    columns.setdefault("text", [f"text {n}" for n in range(len(next(iter(columns.values()))))])
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


SECONDS = 1_700_000_000
WHEN = "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([SECONDS * 10**9 + 123_456_789, None], pa.timestamp("ns")), [WHEN, None]),
        (
            pa.array([SECONDS * 10**9 + 1, -1], pa.timestamp("ns", "Nowhere/At all")),
            [WHEN, "1969-12-31T23:59:59Z"],
        ),
        (pa.array([SECONDS, SECONDS * 1000, -(10**12)], pa.timestamp("s")), [WHEN, None, None]),
        (
            pa.array([SECONDS * 1000, 2**62, -(2**62)], pa.timestamp("ms", "Europe/Berlin")),
            [WHEN, None, None],
        ),
        (pa.array([SECONDS * 10**6, -(2**60) * 4], pa.timestamp("us")), [WHEN, None]),
        (pa.array([19675, 10**9, -(10**9), None], pa.date32()), ["2023-11-14", None, None, None]),
        (pa.array([19675 * 86_400_000, 2**62], pa.date64()), ["2023-11-14", None]),
        (pa.array(["yesterday", None]), ["yesterday", None]),
        (pa.array([2023, 2024]), ["2023", "2024"]),
        (pa.array([b"2023-11", b"\xff"], pa.binary()), ["2023-11", None]),
        (pa.array([1, 2], pa.time32("s")), [None, None]),
        (pa.array([1, 2], pa.duration("ns")), [None, None]),
        (pa.array([True, False]), [None, None]),
        (pa.array([[1], [2]]), [None, None]),
        (pa.array([{"a": 1}, None]), [None, None]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
    ],
)
def test_an_odd_date_costs_itself(tmp_path, values, expected):
    rows, rejects = read(parquet(tmp_path, date=values))
    assert not rejects
    assert [row["date"] for row in rows] == expected


def test_timestamps_of_96_bits_have_no_range(tmp_path):
    path = tmp_path / "a.parquet"
    when = pa.array([SECONDS, 253_402_300_799, None], pa.timestamp("s"))
    table = pa.table({"text": ["a", "b", "c"], "date": when})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    assert [row["date"] for row in read(path)[0]] == [WHEN, "9999-12-31T23:59:59Z", None]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("0.5", 0.5),
        ("1", 1.0),
        ("1" + "0" * 400, None),
        ("-1e400", None),
        ("1e39", None),
        ("NaN", None),
        ("true", None),
        ('"0.5"', None),
        ("[1]", None),
    ],
)
def test_an_odd_score_costs_itself(tmp_path, score, expected):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "a", "language_score": {score}}}\n{{"text": "b", "language_score": 0.25}}\n')
    rows, rejects = read(path)
    assert not rejects
    assert [row["language_score"] for row in rows] == [expected, 0.25]


def test_scores_of_any_type(tmp_path):
    for values in (pa.array([0.5], pa.float16()), pa.array([decimal.Decimal("0.5")]), pa.array([0.5])):
        assert read(parquet(tmp_path, language_score=values))[0][0]["language_score"] == 0.5
    for values in (pa.array([1e300]), pa.array([float("nan")]), pa.array([10**37], pa.decimal256(76))):
        expected = 1e37 if pa.types.is_decimal(values.type) else None
        assert read(parquet(tmp_path, language_score=values))[0][0]["language_score"] == pytest.approx(
            expected
        )


@pytest.mark.parametrize("type_", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(9)])
def test_bytes_are_text(tmp_path, type_):
    """Writers of Hive and Spark leave out the mark that says so."""
    texts = ["täxt n0 ", "täxt n1 "]
    raw = [text.encode() for text in texts]
    path = parquet(tmp_path, text=pa.array(raw, type_), url=pa.array(raw, type_), id=pa.array(raw, type_))
    rows, rejects = read(path)
    assert not rejects
    assert [row["text"] for row in rows] == [row["url"] for row in rows] == texts
    assert [row["provenance"]["record"] for row in rows] == texts
    marked, _ = read(parquet(tmp_path, text=texts, url=texts, id=texts))
    assert [row["id"] for row in rows] == [row["id"] for row in marked]


def test_bytes_that_are_no_text_cost_their_row(tmp_path):
    raw = pa.array([b"good", b"caf\xe9", b"better", None], pa.binary())
    for columns in ({"text": "text"}, {}):
        rows, rejects = read(parquet(tmp_path, text=raw), columns=columns)
        assert [row["text"] for row in rows] == ["good", "better"]
        assert [(reject.fault.reason, reject.failed) for reject in rejects] == [
            ("bad_utf8", True),
            ("no_text", False),
        ]
    rows, rejects = read(parquet(tmp_path, url=raw), columns={"url": "url"})
    assert [row["url"] for row in rows] == ["good", "better", None]
    assert [reject.fault.reason for reject in rejects] == ["bad_utf8"]


def test_ids_of_bytes(tmp_path):
    keys = [b"key-1", b"\0\0\0\1", b"\xff\xfe", None]
    rows, _ = read(parquet(tmp_path, id=pa.array(keys, pa.binary())))
    assert [row["provenance"]["record"] for row in rows] == ["key-1", "00000001", "fffe", None]
    key = uuid.UUID(int=7)
    stored = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([key.bytes], pa.binary(16)))
    rows, _ = read(parquet(tmp_path, id=stored))
    assert rows[0]["provenance"]["record"] == str(key)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2]),
        pa.array([1.5, 2.5]),
        pa.array([["a"], ["b"]]),
        pa.array([{"a": "b"}, None]),
        pa.array([True, False]),
        pa.array([1, 2], pa.timestamp("s")),
    ],
)
def test_a_column_that_cannot_be_text_is_an_error_of_the_input(tmp_path, values):
    path = parquet(tmp_path, body=values, text=values)
    for columns in ({"text": "body"}, {"html": "body"}, {}):
        with pytest.raises(ValueError, match=r"a\.parquet has a column .* of type .*, which is no text"):
            read(path, columns=columns)
    beside = parquet(tmp_path, body=["a", "b"], html=values)
    assert len(read(beside, columns={"text": "body"})[0]) == 2
    assert len(read(parquet(tmp_path, html=["a", "b"], text=values))[0]) == 2


def test_a_table_without_text_is_an_error_of_the_input(tmp_path):
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"has no column for text.* it has body, n"):
        read(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="has no column for text"):
        read(tmp_path / "a.parquet", columns={"url": "body"})


def test_a_column_of_nulls_is_text_of_no_row(tmp_path):
    rows, rejects = read(parquet(tmp_path, text=pa.nulls(3)))
    assert not rows
    assert [reject.fault.reason for reject in rejects] == ["no_text"] * 3


def test_pages_in_any_charset_beside_text_are_left_alone(tmp_path):
    html = pa.array([b"<p>caf\xe9</p>"], pa.binary())
    rows, _ = read(parquet(tmp_path, html=html))
    assert (rows[0]["text"], rows[0]["html"]) == ("text 0", None)
    _, (reject,) = read(parquet(tmp_path, html=html), columns={"html": "html"})
    assert reject.fault.reason == "bad_utf8"


def test_a_name_that_two_columns_have(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="several columns 'text'"):
        read(tmp_path / "a.parquet")


def test_given_ids_that_repeat_do_not_make_documents_equal(tmp_path):
    """Row numbers of files are common ids."""
    (tmp_path / "one").mkdir()
    rows = [{"id": n, "text": f"text {n}"} for n in range(5)]
    others = [{"id": n, "text": f"other {n}"} for n in range(4)] + [rows[4]]
    first, _ = read(jsonl(tmp_path / "a.jsonl", rows))
    second, _ = read(jsonl(tmp_path / "b.jsonl", others))
    assert len({row["id"] for row in first + second}) == 9
    assert first[4]["id"] == second[4]["id"]
    assert [row["provenance"]["record"] for row in second] == ["0", "1", "2", "3", "4"]
    again, _ = read(jsonl(tmp_path / "one" / "c.jsonl", rows[::-1]))
    assert {row["id"] for row in again} == {row["id"] for row in first}
    html = [{"id": 1, "html": "<p>a</p>"}, {"id": 1, "html": "<p>b</p>"}]
    pages, _ = read(jsonl(tmp_path / "d.jsonl", html))
    assert pages[0]["id"] != pages[1]["id"]


def test_large_parquet_is_split_between_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "SPLIT_BYTES", 4000)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=64)
    items = Tables(TablesConfig(paths=[str(path)], format="parquet")).list(LocalStorage())
    assert len(items) > 3
    assert items[0].start == 0
    assert items[-1].stop == len(ROWS)
    assert all(one.stop == other.start for one, other in itertools.pairwise(items))
    rows, _ = read(path)
    assert [row["url"] for row in rows] == [row["url"] for row in ROWS]
    assert [row["provenance"]["offset"] for row in rows] == list(range(len(ROWS)))


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_limit(tmp_path, name):
    path = tmp_path / name
    if name.endswith("jsonl"):
        jsonl(path, ROWS)
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    for limit in (0, 3, 256, 257, 900):
        rows, _ = read(path, limit=limit)
        assert len(rows) == min(limit, len(ROWS))


def test_mistakes(tmp_path):
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet has no column 'content'; it has body"):
        read(tmp_path / "a.parquet", columns={"text": "content"})
    jsonl(tmp_path / "a.jsonl", ROWS)
    with pytest.raises(ValueError, match="is no Parquet file"):
        read(tmp_path / "a.jsonl", format="parquet")
    with pytest.raises(FileNotFoundError, match="missing"):
        read(tmp_path / "missing.parquet")
    with pytest.raises(ValidationError, match="no column 'txt' here"):
        TablesConfig(paths=["a"], format="jsonl", columns={"txt": "a"})
    with pytest.raises(ValidationError):
        TablesConfig(paths=[], format="jsonl")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60) | st.just(b'{"text": "a"}'), max_size=30))
def test_every_line_is_a_row_a_reject_or_blank(tmp_path_factory, lines):
    lines = [line.replace(b"\n", b"") for line in lines]
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_bytes(b"x\n" + b"\n".join(lines))
    rows, rejects = read(path)
    assert len(rows) + len(rejects) == 1 + sum(bool(line.strip()) for line in lines)
    assert len(rows) >= sum(line == b'{"text": "a"}' for line in lines)
