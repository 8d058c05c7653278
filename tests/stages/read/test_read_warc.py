"""The WARC reader: every response becomes a document or a reject with a reason."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zlib
from collections import Counter

import pyarrow as pa
import pytest
import zstandard
from fastwarc.stream_io import BrotliWriter
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from warc_files import PAGE, LocalStorage, captures_of_the_web, http, members, read, record

from stages.base import DOCUMENT, MIB
from stages.read import http_message
from stages.read.documents import document_id
from stages.read.warc import Warc, WarcConfig

TEXT = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. " * 40
HTML = f"<!DOCTYPE html><html><body><p>{TEXT}</p></body></html>"


def write(path, *records, codec="gzip"):
    path.write_bytes(b"".join(members(records, codec)))
    return path


def one(tmp_path, *args, config=None, **kwargs):
    """The outcome of a single response record: its document, or its reject."""
    path = write(tmp_path / "one.warc.gz", record(1, *args, **kwargs))
    rows, rejects = read(path, **(config or {}))
    assert len(rows) + len(rejects) == 1
    return (rows or rejects)[0]


def test_columns_of_a_document(tmp_path):
    path = write(tmp_path / "a.warc.gz", record(0, b"", "warcinfo"), record(7))
    (row,), rejects = read(path, source="crawl")
    assert not rejects
    offset = len(members([record(0, b"", "warcinfo")])[0])
    assert row == {
        "id": document_id("warc", "urn:uuid:7"),
        "text": None,
        "source": "crawl",
        "url": "http://site.test/7",
        "date": "2025-03-01T00:00:00Z",
        "language": None,
        "language_score": None,
        "license": None,
        "parent": None,
        "provenance": {"file": "a.warc.gz", "offset": offset, "record": "urn:uuid:7"},
        "html": PAGE.decode(),
        "charset": "utf-8",
        "warc.robots": None,
        "warc.tdm": None,
        "warc.noai": False,
        "warc.missing": None,
    }
    reader = Warc(WarcConfig(paths=[str(path)]))
    storage = LocalStorage()
    (batch,) = reader.read(reader.list(storage)[0], storage)
    assert batch.documents.schema == pa.schema([*DOCUMENT, *Warc.adds])
    assert batch.documents["source"].to_pylist() == [""]


def test_without_a_record_id_url_date_and_digest_identify(tmp_path):
    digest = one(tmp_path, identity=None, headers=["WARC-Payload-Digest: sha1:ABC"])
    assert digest["id"] == document_id("warc", "http://site.test/1", "2025-03-01T00:00:00Z", "sha1:ABC")
    bare = one(tmp_path, identity=None)
    other = one(tmp_path, http(b"<html>other</html>"), identity=None)
    assert len({digest["id"], bare["id"], other["id"]}) == 3


@pytest.mark.parametrize("codec", ["gzip", "zstd", "plain"])
def test_the_name_of_a_file_says_nothing(tmp_path, codec):
    rows, rejects = read(write(tmp_path / "x.bin", *(record(n) for n in range(600)), codec=codec))
    assert [row["url"].rsplit("/", 1)[1] for row in rows] == [str(n) for n in range(600)]
    assert not rejects


@pytest.mark.parametrize(
    ("block", "reason", "detail", "failed"),
    [
        (http(status="404 Not Found"), "http_status", "404", False),
        (http(status="301 Moved"), "http_status", "301", False),
        (http(b""), "empty", "", False),
        (http(b" \r\n\t "), "empty", "", False),
        (http(b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png"), "not_text", "image/png", False),
        (http(b"%PDF-1.7 " + bytes(100)), "not_text", "text/html", False),
        (http(b"body{color:red}", "text/css; charset=utf-8"), "not_text", "text/css; charset=utf-8", False),
        (http(bytes(range(256)) * 20), "not_text", "text/html", False),
        (b"<html>no http</html>", "bad_http", "<html>no http</html>", True),
        (http(status="abc"), "bad_http", "HTTP/1.1 abc", True),
        (http(headers=["X: " + "y" * 70_000]), "bad_http", "header block too long or damaged", True),
        (http(b"<p>" + b"x" * MIB), "oversized", f"{MIB + 3} bytes", False),
    ],
)
def test_reasons(tmp_path, block, reason, detail, failed):
    reject = one(tmp_path, block, config={"max_bytes": MIB})
    assert (reject.fault, reject.failed) == ((reason, detail), failed)
    assert reject.url == "http://site.test/1"
    assert reject.id == document_id("warc", "urn:uuid:1")
    assert reject.provenance == {"file": "one.warc.gz", "offset": 0, "record": "urn:uuid:1"}


def test_a_record_without_http_is_no_page(tmp_path):
    reject = one(tmp_path, b"20250301\r\nsite.test. 300 IN A 192.0.2.1", media="text/dns")
    assert (reject.fault, reject.failed) == (("not_text", "text/dns"), False)


def test_truncated_captures(tmp_path):
    headers = ["WARC-Truncated: length"]
    assert one(tmp_path, headers=headers).fault == ("warc_truncated", "length")
    row = one(tmp_path, headers=headers, config={"truncated": "keep"})
    assert (row["html"], row["warc.missing"]) == (PAGE.decode(), "truncated: length")


def test_other_record_types_are_passed_over_or_counted(tmp_path):
    kinds = ["warcinfo", "request", "metadata", "revisit", "made-up", "conversion", "resource"]
    for codec in ("gzip", "plain"):
        path = write(tmp_path / "a", *(record(n, kind=kind) for n, kind in enumerate(kinds)), codec=codec)
        rows, rejects = read(path)
        assert not rows
        assert [(reject.fault, reject.failed) for reject in rejects] == [
            (("record_type", "conversion"), False),
            (("record_type", "resource"), False),
        ]
        assert [reject.url[-1] for reject in rejects] == ["5", "6"]


def test_conversions_and_resources_are_read_on_request(tmp_path):
    words = "Zwölf Boxkämpfer.\nEine Zeile."
    records = [
        record(1),
        record(2, words.encode(), "conversion", "text/plain", headers=["WARC-Refers-To: <urn:uuid:1>"]),
        record(3, PAGE, "resource", "text/html; charset=utf-8"),
        record(4, "naïve".encode("cp1252"), "resource", "text/plain; charset=windows-1252"),
        record(5, b"\x89PNG\r\n\x1a\n" + bytes(30), "resource", "image/png"),
        record(6, b"", "conversion", "text/plain"),
        record(7, b"x" * 3000, "conversion", "text/plain"),
    ]
    for codec in ("gzip", "zstd", "plain"):
        path = write(tmp_path / "a", *records, codec=codec)
        rows, rejects = read(path, records=["conversion", "resource"], max_bytes=2000)
        assert [(row["text"], row["html"]) for row in rows] == [
            (words, None),
            (None, PAGE.decode()),
            ("naïve", None),
        ]
        assert rows[0]["id"] == document_id("warc", "urn:uuid:2")
        assert (rows[0]["url"], rows[0]["date"]) == ("http://site.test/2", "2025-03-01T00:00:00Z")
        reasons = [reject.fault.reason for reject in rejects]
        assert reasons == ["record_type", "not_text", "empty", "oversized"]
        assert len(read(path, records=["response"])[0]) == 1
        both = read(path, records=["response", "conversion"])[0]
        assert [row["url"][-1] for row in both] == ["1", "2", "7"]
    with pytest.raises(ValidationError):
        WarcConfig(paths=["a"], records=["revisit"])
    with pytest.raises(ValidationError):
        WarcConfig(paths=["a"], records=[])


@pytest.mark.parametrize("codec", ["gzip", "zstd", "plain"])
def test_an_arc_file_is_an_error_of_the_input(tmp_path, codec):
    head = b"filedesc://a.arc 0.0.0.0 20250301000000 text/plain 76\n1 0 Crawler\nURL IP-address\n\n"
    page = b"http://site.test/ 192.0.2.1 20250301000000 text/html 60\nHTTP/1.1 200 OK\n\n<html></html>\n"
    path = write(tmp_path / "a.arc.gz", head, page, codec=codec)
    with pytest.raises(ValueError, match=r"a\.arc\.gz: .*ARC file"):
        read(path)


FIELDS = ("WARC-Type", "WARC-Target-URI", "WARC-Date", "Content-Type", "Content-Length", "WARC-Record-ID")


@pytest.mark.parametrize("codec", ["gzip", "zstd", "plain"])
@pytest.mark.parametrize("field", [*FIELDS, None])
def test_names_of_fields_in_any_case(tmp_path, codec, field):
    """One field of one record, or all of them in all records."""
    plain = [record(n, http(b"<html>%d</html>" % n)) for n in range(4)]
    others, _ = read(write(tmp_path / "a", *plain, codec=codec))
    for spell in (str.lower, str.upper, str.title, str.swapcase):
        records = list(plain)
        for n in range(4) if field is None else [2]:
            for name in FIELDS if field is None else [field]:
                records[n] = records[n].replace(name.encode(), spell(name).encode(), 1)
        rows, rejects = read(write(tmp_path / "a", *records, codec=codec))
        assert not rejects
        assert [{**row, "provenance": None} for row in rows] == [
            {**row, "provenance": None} for row in others
        ]


def test_types_of_records_however_they_are_written(tmp_path):
    raw = record(1)
    for kind in (b"Response", b"RESPONSE", b"response ", b" response"):
        path = write(tmp_path / "a", raw.replace(b"WARC-Type: response", b"WARC-Type:" + kind), record(2))
        assert len(read(path)[0]) == 2
    nameless = raw.replace(b"WARC-Type: response\r\n", b"")
    assert len(read(write(tmp_path / "a", nameless, record(2)))[0]) == 2
    other = nameless.replace(b"; msgtype=response", b"")
    rows, (reject,) = read(write(tmp_path / "a", other, record(2)), damaged="keep")
    assert (len(rows), reject.fault.reason, reject.failed) == (1, "bad_record", True)
    bare = raw.replace(b"Content-Type: application/http; msgtype=response\r\n", b"", 1)
    assert len(read(write(tmp_path / "a", bare, record(2)))[0]) == 2


LINE_ENDS = ["\n", "\r\n", "mixed"]


def with_ends(block: bytes, ends: str) -> bytes:
    head, _, body = block.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if ends == "mixed":
        return b"".join(line + (b"\n" if n % 2 else b"\r\n") for n, line in enumerate(lines)) + b"\n" + body
    end = ends.encode()
    return end.join([*lines, b"", body])


@pytest.mark.parametrize("ends", LINE_ENDS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_header_lines_of_http_end_in_either_way(tmp_path, ends, newline):
    html = newline.join(["<!DOCTYPE html>", "<html><body>", "", "<p>First</p>", "", "", "<p>Last</p>", ""])
    block = with_ends(http(html.encode(), headers=["Server: old/1", "X: y"]), ends)
    assert one(tmp_path, block)["html"] == html
    assert one(tmp_path, with_ends(http(b"", headers=["Server: old/1"]), ends)).fault.reason == "empty"


def test_folded_and_odd_header_fields(tmp_path):
    body = "<html>Паром</html>".encode("koi8-r")
    for field in (
        "Content-Type: text/html;\r\n  charset=koi8-r",
        "content-type : text/html; charset=koi8-r",
        "CONTENT-TYPE:text/html;charset=KOI8-R",
        "X-A\x07b: 1\r\nContent-Type: text/html; charset=koi8-r\r\nContent-Type: text/css",
    ):
        assert one(tmp_path, http(body, None, headers=[field]))["charset"] == "koi8-r"


def test_a_header_without_payload(tmp_path):
    assert one(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n").fault.reason == "empty"
    assert one(tmp_path, b"HTTP/1.1 404 Not Found").fault == ("http_status", "404")
    assert one(tmp_path, b"\r\n\r\n" + http())["html"] == PAGE.decode()
    assert one(tmp_path, b"HTTP/2 200\r\ncontent-type: text/html\r\n\r\n" + PAGE)["html"] == PAGE.decode()


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TUNNEL = b"HTTP/1.0 200 Connection established\r\n\r\n"


@pytest.mark.parametrize(
    "before", [EARLY, CONTINUE, CONTINUE + EARLY, EARLY * 20, TUNNEL, with_ends(EARLY, "\n")]
)
def test_interim_responses_precede_the_final_one(tmp_path, before):
    assert one(tmp_path, before + http())["html"] == PAGE.decode()
    assert one(tmp_path, before + http(status="404 Not Found")).fault == ("http_status", "404")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([EARLY, TUNNEL, b"\r\n", b"\n", b"A: b\r\n", b" c\n", b"HTTP/1.1 200 OK\n"])
        | st.binary(max_size=9),
        max_size=9,
    )
)
def test_any_bytes_are_a_header_and_the_rest(parts):
    data = b"".join(parts)
    block = io.BytesIO(data)
    message = http_message.parse(block)
    assert message is not None
    assert data[message.length :] == message.ahead + block.read()


def test_a_block_of_blank_lines(tmp_path):
    assert one(tmp_path, b"\n" * 500_000).fault.reason == "not_text"


def test_interim_responses_alone(tmp_path):
    assert one(tmp_path, CONTINUE).fault == ("http_status", "100")
    assert one(tmp_path, CONTINUE + PAGE).fault == ("http_status", "100")
    assert one(tmp_path, b"HTTP/1.1 101 Switching\r\n\r\n" + http()).fault == ("http_status", "101")
    assert one(tmp_path, EARLY * 2000 + http()).fault.reason == "bad_http"
    page = b"<html>HTTP/1.1 200 OK</html>"
    assert one(tmp_path, http(page, status="200 Connection established"))["html"] == page.decode()


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def brotli(body: bytes) -> bytes:
    out = io.BytesIO()
    with BrotliWriter(out) as writer:
        writer.write(body)
    return out.getvalue()


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


ENCODED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": brotli,
    "zstd": zstandard.compress,
    "identity": bytes,
}


@pytest.mark.parametrize("coding", ENCODED)
@pytest.mark.parametrize("transfer", [False, True])
def test_stored_encodings_are_undone(tmp_path, coding, transfer):
    body = ENCODED[coding](HTML.encode())
    headers = [f"Content-Encoding: {coding}"]
    if transfer:
        body, headers = chunked(body), [*headers, "Transfer-Encoding: chunked"]
    assert one(tmp_path, http(body, headers=headers))["html"] == HTML


@pytest.mark.parametrize("coding", ENCODED)
def test_headers_of_encodings_that_were_undone_already(tmp_path, coding):
    headers = [f"Content-Encoding: {coding}", "Transfer-Encoding: chunked"]
    assert one(tmp_path, http(HTML.encode(), headers=headers))["html"] == HTML


def test_two_encodings(tmp_path):
    body = gzip.compress(zlib.compress(HTML.encode()))
    assert one(tmp_path, http(body, headers=["Content-Encoding: deflate, gzip"]))["html"] == HTML


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "zstd"])
def test_a_payload_of_several_members(tmp_path, coding):
    """Parts that were compressed apart; what is behind them and no member is none of the page."""
    pack, half = ENCODED[coding], len(HTML.encode()) // 2
    parts = [HTML.encode()[:half], b"", HTML.encode()[half:]]
    body = b"".join(map(pack, parts))
    headers = [f"Content-Encoding: {coding}"]
    assert one(tmp_path, http(body, headers=headers))["html"] == HTML
    if coding != "zstd":
        for behind in (bytes(512), b"\r\n", b"\x1f", b"junk" * 500):
            assert one(tmp_path, http(body + behind, headers=headers))["html"] == HTML
    cut = one(tmp_path, http(body[:-20], headers=headers))
    assert cut.fault.reason == "undecodable"


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n0", b"\r\n0\r\n", b"\r\n0\r\n\r\n"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_chunks_without_the_last_one_are_a_page(tmp_path, end, coding):
    body = chunked(ENCODED[coding](HTML.encode()))
    assert body.endswith(b"\r\n0\r\n\r\n")
    headers = ["Transfer-Encoding: chunked", f"Content-Encoding: {coding}"]
    row = one(tmp_path, http(body[:-7] + end, headers=headers))
    assert row["html"] == HTML
    assert row["warc.missing"] == (None if b"0\r\n" in end else "chunked: the last chunk")


@pytest.mark.parametrize("keep", [30, 150, 500])
def test_a_page_cut_inside_a_chunk_is_not_taken_for_whole(tmp_path, keep):
    headers = ["Transfer-Encoding: chunked"]
    block = http(chunked(HTML.encode())[:keep], headers=headers)
    assert one(tmp_path, block).fault.reason == "undecodable"
    kept = one(tmp_path, block, headers=["WARC-Truncated: disconnect"], config={"truncated": "keep"})
    assert HTML.startswith(kept["html"])
    assert kept["warc.missing"].startswith("truncated: disconnect; chunked: ")
    garbled = chunked(HTML.encode()).replace(b"\r\n64;note=1\r\n", b"\r\nzz\r\n", 2)
    assert one(tmp_path, http(garbled, headers=headers)).fault.reason == "undecodable"


@pytest.mark.parametrize(
    "body",
    [
        "12\r\nis how many months a year has",
        "bad\nidea",
        "2025\r\n",
        "0\r\ndegrees",
        "<p>Fähre</p>",
        "häßlich",
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        ["Transfer-Encoding: chunked"],
        ["Content-Encoding: br"],
        ["Content-Encoding: deflate"],
        ["Content-Encoding: br, gzip"],
    ],
)
def test_bodies_that_were_stored_decoded(tmp_path, body, headers):
    row = one(tmp_path, http(body.encode(), "text/plain", headers=headers))
    assert row["text"] == body
    assert row["warc.missing"] is None


def test_a_fragment_in_an_old_charset_that_was_stored_decoded(tmp_path):
    body = "<p>Die Fähre fährt.</p>".encode("cp1252")
    row = one(tmp_path, http(body, "text/html; charset=windows-1252", headers=["Content-Encoding: br"]))
    assert row["html"] == "<p>Die Fähre fährt.</p>"
    text = "Die Fähre fährt über den Fluß. " * 5
    row = one(tmp_path, http(text.encode("cp1252"), "text/plain", headers=["Content-Encoding: br"]))
    assert row["text"] == text


def robots(content, name="robots"):
    return f'<meta name="{name}" content="{content}">'


@pytest.mark.parametrize(
    ("headers", "metas", "expected"),
    [
        ([], "", (None, None, False)),
        (["X-Robots-Tag: noindex"], "", ("noindex", None, False)),
        (["x-robots-tag: noai, noimageai"], "", ("noai, noimageai", None, True)),
        (["X-Robots-Tag: noindex", "X-Robots-Tag: bot: NOAI"], "", ("noindex, bot: noai", None, True)),
        ([], robots("noai"), ("noai", None, True)),
        ([], robots("index,NoImageAI", "ROBOTS").upper(), ("index,noimageai", None, True)),
        ([], "<META content='noai' name=Robots />", ("noai", None, True)),
        (["X-Robots-Tag: all"], robots("nofollow") + robots("noai"), ("all, nofollow, noai", None, True)),
        ([], "<!-- " + robots("noai") + " -->", (None, None, False)),
        ([], '<meta name="description" content="robots: noai">', (None, None, False)),
        ([], '<div data-x="' + robots("noai").replace('"', "'") + '">', ("noai", None, True)),
        ([], robots("noaid, max-snippet:-1"), ("noaid, max-snippet:-1", None, False)),
        (["TDM-Reservation: 1"], "", (None, "1", True)),
        (["tdm-reservation: 0", "tdm-policy: https://a.test/p"], "", (None, "0 https://a.test/p", False)),
        (
            [],
            robots("1", "tdm-reservation") + robots("https://a.test/P", "tdm-policy"),
            (None, "1 https://a.test/p", True),
        ),
        (["TDM-Reservation: 0"], robots("1", "tdm-reservation"), (None, "0", False)),
    ],
)
def test_signals_of_sites_are_recorded(tmp_path, headers, metas, expected):
    html = f"<html><head><title>robots tdm-</title>{metas}</head><body>robots</body></html>"
    row = one(tmp_path, http(html.encode(), headers=headers))
    assert (row["warc.robots"], row["warc.tdm"], row["warc.noai"]) == expected


def test_signals_are_looked_for_in_the_head_and_kept_short(tmp_path):
    late = "<html><head>" + "<style>" + "x" * 40_000 + "</style>" + robots("noai") + "</head></html>"
    assert one(tmp_path, http(late.encode()))["warc.noai"]
    body = f"<html><head></head><body>{robots('noai')}</body></html>"
    assert one(tmp_path, http(body.encode()))["warc.robots"] is None
    assert one(tmp_path, http(body.upper().encode()))["warc.robots"] is None
    cut = f"<html><head><!-- {robots('none')} -->{robots('noai')}<meta name=robots content=no"
    assert one(tmp_path, http(cut.encode()))["warc.robots"] == "noai, no"
    assert len(one(tmp_path, http(robots("x" * 5000).encode()))["warc.robots"]) == 1000
    text = one(tmp_path, http(b"words", "text/plain", headers=["X-Robots-Tag: noai"]))
    assert (text["warc.robots"], text["warc.noai"]) == ("noai", True)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br"])
def test_a_cut_encoding_is_undecodable_or_kept_as_far_as_it_goes(tmp_path, coding):
    body = ENCODED[coding](HTML.encode() + bytes(range(32, 127)) * 50)[:-30]
    block = http(body, headers=[f"Content-Encoding: {coding}"])
    reject = one(tmp_path, block)
    assert (reject.fault.reason, reject.failed) == ("undecodable", True)
    assert coding in reject.fault.detail
    kept = one(tmp_path, block, headers=["WARC-Truncated: length"], config={"truncated": "keep"})
    if coding == "gzip":
        assert kept["html"].startswith(HTML[:1000])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "Deflate", "zstd", "br"])
def test_a_decompression_bomb_stops_at_the_cap(tmp_path, coding):
    body = ENCODED[coding](b"<html>" + b"a" * (64 * MIB))
    path = write(tmp_path / "bomb", record(1, http(body, headers=[f"Content-Encoding: {coding}"])))
    tracemalloc.start()
    _, (reject,) = read(path, max_bytes=MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reject.fault.reason == "oversized"
    assert peak < 20 * MIB


@pytest.mark.parametrize(
    ("content_type", "body", "column"),
    [
        ("text/plain", b"plain words", "text"),
        ("text/markdown; charset=utf-8", b"# Title", "text"),
        ("text/plain", b"<!DOCTYPE html><html><body>page</body></html>", "html"),
        ("application/octet-stream", b"\n<!-- c --><html lang=en>page</html>", "html"),
        ("application/xml", b'<?xml version="1.0"?><!DOCTYPE html PUBLIC ""><html>page</html>', "html"),
        ("application/xhtml+xml", b"<html>page</html>", "html"),
        (None, b"<p>page</p>", "html"),
        (None, b"words", "text"),
        ("text/html", b"words without a tag", "html"),
        ("text/html", "\ufeff<html>page</html>".encode("utf-16-le"), "html"),
        ("text/html", "<html>page</html>".encode("utf-16-be"), "html"),
    ],
)
def test_html_and_plain_text(tmp_path, content_type, body, column):
    row = one(tmp_path, http(body, content_type))
    assert row[column]
    assert row[{"text": "html", "html": "text"}[column]] is None


@pytest.mark.parametrize(
    "content_type", ["application/rss+xml", "text/xml", "image/svg+xml", "application/json"]
)
def test_other_markup_is_neither(tmp_path, content_type):
    for body in (b'<?xml version="1.0"?><rss><channel/></rss>', b"<svg><text/></svg>", b'{"a": "<html>"}'):
        assert one(tmp_path, http(body, content_type)).fault == ("not_text", content_type)


def test_nul_becomes_a_replacement_character(tmp_path):
    body = b"<html><body>a\0b" + bytes(4000) + b"</body></html>"
    html = one(tmp_path, http(body))["html"]
    assert html.startswith("<html><body>a\ufffdb\ufffd")
    assert "\0" not in html
    assert one(tmp_path, http(b"plain " * 100 + b"\0", "text/plain"))["text"].endswith("\ufffd")


def test_limit_counts_documents_and_rejects(tmp_path):
    path = write(tmp_path / "a", *(record(n, http(status="404 No") if n % 2 else None) for n in range(700)))
    for limit in (0, 1, 5, 256, 300, 700, 900):
        rows, rejects = read(path, limit=limit)
        assert len(rows) + len(rejects) == min(limit, 700)


def test_batches_are_bounded_in_bytes(tmp_path):
    body = b"<html>" + b"x" * (3 * MIB)
    path = write(tmp_path / "a", *(record(n, http(body)) for n in range(14)))
    reader = Warc(WarcConfig(paths=[str(path)]))
    storage = LocalStorage()
    sizes = [batch.documents.num_rows for batch in reader.read(reader.list(storage)[0], storage)]
    assert sizes == [6, 6, 2]


def test_reading_holds_neither_file_nor_member(tmp_path):
    """One gzip member of 200 MB and a tail cut off: the slow way, in bounded memory."""
    body = b"<html>" + bytes(range(48, 112)) * 8192
    stream = zlib.compressobj(1, wbits=31)
    with open(tmp_path / "a", "wb") as file:
        for number in range(400):
            file.write(stream.compress(record(number, http(body))))
    reader = Warc(WarcConfig(paths=[str(tmp_path / "a")], damaged="keep"))
    storage = LocalStorage()
    rows = 0
    rejects = []
    tracemalloc.start()
    for batch in reader.read(reader.list(storage)[0], storage):
        rows += batch.documents.num_rows
        rejects += batch.rejects
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 390 <= rows <= 399
    assert [reject.fault.reason for reject in rejects] == ["damaged_member"]
    assert peak < 64 * MIB


def test_damage_is_one_failed_reject_with_a_stable_id(tmp_path):
    parts = members(record(n) for n in range(5))
    for directory in ("one", "two"):
        (tmp_path / directory).mkdir()
        bad = parts[2][:60] + b"\xff" * 8 + parts[2][68:]
        (tmp_path / directory / "a.warc.gz").write_bytes(b"".join([*parts[:2], bad, *parts[3:]]))
    (rows, (reject,)), again = (
        read(tmp_path / name / "a.warc.gz", damaged="keep") for name in ("one", "two")
    )
    assert (rows, [reject]) == again
    assert len(rows) == 4
    offset = len(parts[0]) + len(parts[1])
    assert reject.failed
    assert reject.fault.reason == "damaged_member"
    assert f"{offset}-{offset + len(parts[2])}" in reject.fault.detail
    assert "zlib: " in reject.fault.detail
    assert reject.provenance == {"file": "a.warc.gz", "offset": offset, "record": None}


def test_names_do_not_depend_on_where_files_lie(tmp_path):
    for root in ("here", "there/deep"):
        for name in ("b/2.warc.gz", "a/1.warc.gz"):
            (tmp_path / root / name).parent.mkdir(parents=True, exist_ok=True)
            write(tmp_path / root / name, record(1))
    storage = LocalStorage()
    lists = [
        [item.name for item in Warc(WarcConfig(paths=[f"{tmp_path / root}/*/*.warc.gz"])).list(storage)]
        for root in ("here", "there/deep")
    ]
    assert lists == [["a/1.warc.gz", "b/2.warc.gz"]] * 2
    twice = [f"{tmp_path}/here/**/*.warc.gz", f"{tmp_path}/here/a/1.warc.gz"]
    assert [item.name for item in Warc(WarcConfig(paths=twice)).list(storage)] == lists[0]
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        Warc(WarcConfig(paths=[f"{tmp_path}/nothing-here/*"])).list(storage)
    clash = [f"{tmp_path}/here/a/*.gz", f"{tmp_path}/there/deep/a/*.gz"]
    with pytest.raises(ValueError, match=r"would both be called '1\.warc\.gz'"):
        Warc(WarcConfig(paths=clash)).list(storage)


def test_config_mistakes():
    for mistake in ({}, {"paths": ["a"], "index": ["b"]}, {"paths": ["a"], "truncated": "maybe"}):
        with pytest.raises(ValidationError):
            WarcConfig(**mistake)


def test_what_is_no_warc_file_is_an_error(tmp_path):
    (tmp_path / "a.warc.gz").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"a\.warc\.gz: not a WARC file"):
        read(tmp_path / "a.warc.gz")


def test_real_captures_are_all_accounted_for():
    truth = [json.loads(line) for line in captures_of_the_web("pages.jsonl").open()]
    rows, rejects = read(captures_of_the_web("pages.warc.gz"))
    outcome = {row["provenance"]["offset"]: "text" if row["html"] is None else "html" for row in rows}
    outcome |= {reject.provenance["offset"]: reject.fault.reason for reject in rejects}
    assert len(rows) + len(rejects) == len(outcome) == len(truth)
    assert not any(reject.failed for reject in rejects)
    seen = Counter((page["kind"], outcome[page["offset"]]) for page in truth)
    plain = sum(page["kind"] == "nonhtml" and page["mime"] == "text/plain" for page in truth)
    for (kind, result), count in seen.items():
        expected = {
            "nonhtml": ("not_text", "text"),
            "non200": ("http_status",),
            "empty": ("empty",),
            "binary_as_html": ("not_text",),
            "truncated_length": ("warc_truncated",),
            "truncated_disconnect": ("warc_truncated",),
        }.get(kind, ("html",))
        assert result in expected or (kind == "ok" and result == "warc_truncated"), (kind, result, count)
    assert seen["nonhtml", "text"] <= plain


def test_real_damage_costs_one_capture_and_the_cut_tail():
    truth = [json.loads(line) for line in captures_of_the_web("pages.jsonl").open()][:200]
    rows, rejects = read(captures_of_the_web("corrupt.warc.gz"), damaged="keep")
    damaged = [reject for reject in rejects if reject.failed]
    assert [reject.fault.reason for reject in damaged] == ["damaged_member"] * 2
    assert damaged[0].provenance["offset"] == truth[90]["offset"]
    whole = len(rows) + len(rejects) - len(damaged)
    assert whole == 198
    kept = {row["provenance"]["record"] for row in rows}
    assert len(kept) == len(rows)
