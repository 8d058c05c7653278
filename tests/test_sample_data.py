"""The bundled sample against its generator, and its truth against the bytes of the WARC."""

from __future__ import annotations

import contextlib
import html
import io
import json
import re
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from tokenizers import Tokenizer

Line = dict[str, Any]
SAMPLE = Path(__file__).parents[1] / "configs" / "sample"
KEPT = {"ar", "da", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "th", "zh"}
NO_SPACES = {"ja", "th", "zh"}
ARCHIVES = sorted((SAMPLE / "repositories").glob("*/*"))
READ_REASONS = {"http_status", "not_text", "empty", "warc_truncated", "damaged_member"}


def members(data: bytes) -> tuple[list[bytes], list[int]]:
    """The intact gzip members as stored, and the offsets of the damaged ones."""
    whole, damaged, at = [], [], 0
    while at < len(data):
        unpack = zlib.decompressobj(31)
        try:
            unpack.decompress(data[at:])
        except zlib.error:
            unpack = zlib.decompressobj(31)
        if unpack.eof:
            end = len(data) - len(unpack.unused_data)
            whole.append(data[at:end])
        else:
            damaged.append(at)
            following = data.find(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff", at + 1)
            end = following if following > 0 else len(data)
        at = end
    return whole, damaged


@pytest.fixture(scope="module")
def truth() -> list[Line]:
    lines = (SAMPLE / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def by_url(truth: list[Line]) -> dict[str, Line]:
    return {line["url"]: line for line in truth}


@pytest.fixture(scope="module")
def responses() -> dict[str, Line]:
    """Every intact response by URL: record id, status, headers and body."""
    whole, _ = members((SAMPLE / "sample.warc.gz").read_bytes())
    found = {}
    stream = io.BytesIO(b"".join(whole))
    for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False):
        assert record.verify_block_digest()
        record.parse_http()
        found[record.headers["WARC-Target-URI"]] = {
            "id": record.headers["WARC-Record-ID"].strip("<>"),
            "status": record.http_headers.status_code,
            "headers": {**dict(record.headers), **dict(record.http_headers)},
            "body": record.reader.read(),
        }
    return found


@pytest.fixture(scope="module")
def visible(by_url: dict[str, Line], responses: dict[str, Line]) -> dict[str, str]:
    """The text of every page that reaches the language stage, by a plain walk of its tree."""
    texts = {}
    for url, line in by_url.items():
        if line["stage"] == "read":
            continue
        page = responses[url]["body"].decode(line["charset"], errors="replace").removeprefix("\ufeff")
        if line["group"] == "plain_text":
            texts[url] = page
            continue
        tree = LexborHTMLParser(page)
        tree.strip_tags(["script", "style", "template"])
        for node in tree.css("[style='display:none']"):
            node.decompose()
        texts[url] = tree.body.text(separator=" ") if tree.body else ""
    return texts


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def grams(text: str, language: str | None) -> set[tuple[str, ...]]:
    """5-grams of words, or of characters where words are not separated."""
    units = re.sub(r"\s+", "", text) if language in NO_SPACES else text.split()
    return {tuple(units[i : i + 5]) for i in range(len(units) - 4)}


def test_generator_gives_the_same_bytes(tmp_path: Path) -> None:
    if "ng" in zlib.ZLIB_RUNTIME_VERSION:
        pytest.skip("zlib-ng compresses to other bytes than zlib")
    subprocess.run([sys.executable, str(SAMPLE / "make_sample.py"), "--out", str(tmp_path)], check=True)
    archives = [str(path.relative_to(SAMPLE)) for path in ARCHIVES]
    found = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.glob("repositories/*/*"))]
    assert found == archives
    for name in ("sample.warc.gz", "truth.jsonl", "repositories.jsonl", "code_truth.jsonl", *archives):
        same = (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes()
        assert same, f"{name} is not what make_sample.py writes: run it and commit the result"
    # Another release of tokenizers may break ties otherwise: the retrained one need only be as large.
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).get_vocab_size() == 4096


def test_files_are_small() -> None:
    assert (SAMPLE / "sample.warc.gz").stat().st_size < 1_500_000
    assert (SAMPLE / "tokenizer.json").stat().st_size < 300_000
    assert sum(path.stat().st_size for path in ARCHIVES) < 60_000


def test_every_capture_has_its_line(truth: list[Line], responses: dict[str, Line]) -> None:
    intact = [line for line in truth if line["record_id"]]
    assert [line["url"] for line in intact] == list(responses)
    for line in intact:
        assert responses[line["url"]]["id"] == f"urn:uuid:{line['record_id']}"
    _, damaged = members((SAMPLE / "sample.warc.gz").read_bytes())
    assert len(damaged) == 2
    assert [line["reason"] for line in truth if not line["record_id"]] == ["damaged_member"] * 2
    assert truth[-1]["record_id"] is None
    assert truth[len(truth) // 2 - 1]["record_id"] is None or truth[len(truth) // 2]["record_id"] is None


def test_layout_is_that_of_a_crawl() -> None:
    whole, _ = members((SAMPLE / "sample.warc.gz").read_bytes())
    kinds = []
    for member in whole:
        records = list(ArchiveIterator(io.BytesIO(member), parse_http=False))
        assert len(records) == 1
        kinds.append(records[0].headers["WARC-Type"])
    assert kinds[0] == "warcinfo"
    counts = Counter(kinds)
    # The damaged response has a request and metadata, the cut-off one a request only.
    assert counts["request"] == counts["response"] + 2
    assert counts["metadata"] == counts["response"] + 1


def test_lines_are_well_formed(truth: list[Line]) -> None:
    keys = set(truth[0])
    text = (SAMPLE / "truth.jsonl").read_text(encoding="utf-8")
    assert text == "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in truth)
    assert len({line["url"] for line in truth}) == len(truth)
    for line in truth:
        assert set(line) == keys
        assert line["outcome"] in {"kept", "dropped", "failed", "duplicate_cluster"}
        assert (line["outcome"] == "duplicate_cluster") == (line["duplicates"] is not None)
        assert (line["outcome"] in {"dropped", "failed"}) == (line["reason"] is not None)
        assert (line["stage"] == "read") == (line["reason"] in READ_REASONS)
        assert (urlsplit(line["url"]).hostname or "").endswith((".example", ".test"))
        if line["outcome"] in {"kept", "duplicate_cluster"}:
            assert line["language"] in KEPT
            assert line["quality"] in {"high", "medium", "low"}
    assert sum(line["ambiguous"] for line in truth) <= 8


def test_there_is_enough_of_everything(truth: list[Line]) -> None:
    assert len(truth) >= 360
    good = [line for line in truth if line["outcome"] == "kept" and line["quality"] != "low"]
    languages = Counter(line["language"] for line in good if not line["near_duplicate_of"])
    assert set(languages) == KEPT
    # Of a cluster of duplicates one is kept.
    clustered = {line["duplicates"]: line["language"] for line in truth if line["duplicates"]}
    languages.update(clustered.values())
    assert min(languages.values()) >= 8
    kept = [line for line in truth if line["outcome"] in {"kept", "duplicate_cluster"}]
    assert 0.4 < sum(line["language"] == "en" for line in kept) / len(kept) < 0.6
    assert len(clustered) >= 12
    assert sum(line["near_duplicate_of"] is not None for line in truth) >= 15
    assert len({urlsplit(line["url"]).hostname for line in truth}) >= 25
    other = Counter(line["language"] for line in truth if line["group"] == "other_language")
    assert len(other) == 7
    assert set(other.values()) == {3}
    least = {
        "math": 32, "code": 12, "table": 8, "forum": 10, "documentation": 10, "product": 7, "recipe": 8,
        "encyclopaedia": 40, "pii": 9, "spam": 6, "boilerplate": 6, "short": 6, "charset": 20, "hostile": 12,
        "status": 6, "not_text": 5, "empty": 1, "warc_truncated": 1, "link_farm": 2, "mixed_language": 3,
    }  # fmt: skip
    groups = Counter(line["group"] for line in truth)
    assert {group: groups[group] for group, count in least.items() if groups[group] < count} == {}


def test_reader_drops_for_the_reason_given(truth: list[Line], responses: dict[str, Line]) -> None:
    for line in truth:
        if not line["record_id"]:
            continue
        response = responses[line["url"]]
        assert (response["status"] != 200) == (line["reason"] == "http_status")
        assert (not response["body"]) == (line["reason"] == "empty")
        assert ("WARC-Truncated" in response["headers"]) == (line["reason"] == "warc_truncated")


def test_text_holds_what_the_truth_says(by_url: dict[str, Line], visible: dict[str, str]) -> None:
    for url, text in visible.items():
        line, text = by_url[url], squeeze(text)
        for wanted in line["must_contain"]:
            assert squeeze(wanted) in text, url
        for unwanted in line["must_not_contain"]:
            assert unwanted not in text, url
        for item in line["pii"]:
            assert item["value"] in text, url
        for table in line["tables"]:
            for row in table:
                assert all(cell in text for cell in row), url
        if line["reason"] == "too_short":
            assert len(text.strip()) < 120, url
        elif line["outcome"] != "dropped":
            assert len(text.strip()) > 400, url


def test_pages_of_good_quality_have_a_body_of_some_length(
    by_url: dict[str, Line], visible: dict[str, str]
) -> None:
    for url, line in by_url.items():
        if line["language"] in KEPT and line["quality"] == "high" and line["outcome"] == "kept":
            text = visible[url]
            assert len(text) > 420 if line["language"] in NO_SPACES else len(text.split()) > 120, url


def test_exact_duplicates_are_equal_and_nothing_else_is(
    by_url: dict[str, Line], visible: dict[str, str]
) -> None:
    texts, owners = defaultdict(set), defaultdict(set)
    sources = defaultdict(set)
    for url, text in visible.items():
        cluster = by_url[url]["duplicates"]
        owners[text].add(cluster or url)
        if cluster:
            texts[cluster].add(text)
            sources[cluster].add(url)
    assert {cluster: len(found) for cluster, found in texts.items() if len(found) > 1} == {}
    assert all(len(urls) >= 2 for urls in sources.values())
    assert [found for found in owners.values() if len(found) > 1] == []


def test_pages_that_are_no_duplicates_differ(by_url: dict[str, Line], visible: dict[str, str]) -> None:
    sets = {url: grams(text, by_url[url]["language"]) for url, text in visible.items()}
    holders = defaultdict(list)
    for url, found in sets.items():
        for gram in found:
            holders[gram].append(url)
    shared: Counter[tuple[str, str]] = Counter()
    for urls in holders.values():
        shared.update((a, b) for i, b in enumerate(urls) for a in urls[:i])

    def origin(url: str) -> str:
        line = by_url[url]
        source = line["near_duplicate_of"] or url
        return by_url[source]["duplicates"] or source

    near = {}
    for (a, b), common in shared.items():
        jaccard = common / (len(sets[a]) + len(sets[b]) - common)
        if origin(a) == origin(b):
            near[frozenset((a, b))] = jaccard
        else:
            assert jaccard < 0.3, (a, b)
    for url, line in by_url.items():
        if line["near_duplicate_of"]:
            assert by_url[line["near_duplicate_of"]]["outcome"] == "kept"
            assert 0.5 < near[frozenset((url, line["near_duplicate_of"]))] < 1, url


def test_formulas_stand_in_the_source(by_url: dict[str, Line], responses: dict[str, Line]) -> None:
    without_source = set()
    for url, line in by_url.items():
        page = responses[url]["body"].decode() if line["equations"] else ""
        # Sources lie in text, attributes, scripts, or percent-encoded in addresses of images.
        readable = squeeze(html.unescape(page) + unquote(html.unescape(page)))
        missing = [tex for tex in line["equations"] if tex not in readable]
        if missing:
            without_source.add(url)
            assert "<math" in page or "AM_CHTML" in page, url
    carriers = [line for line in by_url.values() if line["equations"]]
    assert len(carriers) >= 32
    # Presentation MathML, MathJax without source and AsciiMath: two pages each.
    assert len(without_source) == 6


def test_listings_stand_in_the_source(by_url: dict[str, Line], responses: dict[str, Line]) -> None:
    indented = 0
    for url, line in by_url.items():
        if not line["code"]:
            continue
        tree = LexborHTMLParser(responses[url]["body"].decode())
        for gutter in tree.css(".lineno, .linenos"):
            gutter.decompose()
        blocks = [node.text() for node in tree.css("pre")]
        assert blocks == line["code"], url
        indented += any(text.startswith((" ", "\t")) for block in blocks for text in block.split("\n"))
    assert indented >= 10


def test_charsets_are_what_they_are(by_url: dict[str, Line], responses: dict[str, Line]) -> None:
    charsets = {line["charset"] for line in by_url.values()}
    assert charsets >= {
        "shift_jis", "euc-jp", "gb18030", "big5", "euc-kr", "windows-1251", "koi8-r", "iso-8859-1", "iso-8859-2",
        "windows-1252", "tis-620", "utf-16-le", "utf-16-be", "utf-8-sig", "windows-1256", "windows-1250",
    }  # fmt: skip
    for url, line in by_url.items():
        body = responses[url]["body"] if line["group"] == "charset" else b""
        if not body or body.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        # Without its last bytes a character that is cut at the end does not count.
        readable = body.decode("utf-8", errors="replace")[:-1].count("\ufffd") == 0
        assert readable == (line["charset"] in {"utf-8", "utf-8-sig"}), url


def luhn(number: str) -> bool:
    digits = [int(c) for c in reversed(number) if c.isdigit()]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def test_personal_data_has_valid_check_digits(truth: list[Line]) -> None:
    kinds: Counter[str] = Counter()
    for line in truth:
        for item in line["pii"]:
            kinds[item["kind"]] += 1
            value = item["value"].replace(" ", "")
            if item["kind"] == "card":
                assert luhn(value), value
            if item["kind"] == "iban":
                assert int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97 == 1, value
            if item["kind"] == "key":
                assert "EXAMPLE" in value
    assert {"email", "phone", "iban", "card", "ip", "key"} <= set(kinds)


# Repositories -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code_truth() -> list[Line]:
    return [json.loads(line) for line in (SAMPLE / "code_truth.jsonl").read_text().splitlines()]


def entries(path: Path) -> dict[str, bytes | None]:
    """Files of an archive below its one folder, up to where it is damaged; None for what is no file."""
    found: dict[str, bytes | None] = {}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            assert re.fullmatch(rb"[0-9a-f]{40}", archive.comment)
            names = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
            return found | names
    with contextlib.suppress(EOFError, zlib.error, tarfile.TarError), tarfile.open(path) as archive:
        for entry in archive:
            assert re.fullmatch(r"[0-9a-f]{40}", entry.pax_headers["comment"])
            name = entry.name.partition("/")[2].encode("utf-8", "surrogateescape")
            content = archive.extractfile(entry).read() if entry.isreg() else None  # type: ignore[union-attr]
            if name and not entry.isdir():
                found[re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % ord(byte[0]), name).decode()] = content
    return found


def test_every_file_of_a_repository_has_its_line(code_truth: list[Line]) -> None:
    by_repo: dict[str, dict[str, Line]] = defaultdict(dict)
    for line in code_truth:
        by_repo[line["repo"]][line["path"]] = line
    assert len(by_repo) == len(ARCHIVES) >= 12
    for path in ARCHIVES:
        lines = by_repo[str(path.relative_to(SAMPLE / "repositories")).split(".")[0]]
        found = entries(path)
        assert found.keys() <= lines.keys(), path
        # what is missing lies behind a cut, or is the row of a repository
        for name in lines.keys() - found.keys():
            assert lines[name]["outcome"] == "none" or name == "" or name.endswith("/"), (path, name)


def test_lines_of_files_are_well_formed(code_truth: list[Line]) -> None:
    text = (SAMPLE / "code_truth.jsonl").read_text()
    assert text == "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in code_truth)
    keys = set(code_truth[0])
    for line in code_truth:
        assert set(line) == keys
        assert line["outcome"] in {"kept", "dropped", "failed", "none"}
        assert (line["outcome"] in {"dropped", "failed"}) == (line["stage"] is not None)
        assert (line["stage"] is None) == (line["reason"] is None)
        assert not line["must_contain"] or line["outcome"] == "kept"


def test_there_is_a_file_of_every_kind(code_truth: list[Line]) -> None:
    reasons = {(line["stage"], line["reason"]) for line in code_truth if line["stage"]}
    assert reasons >= {
        *(("read", reason) for reason in ("binary", "empty", "lfs_pointer", "not_a_file", "opt_out", "damaged_repository")),
        *(("code_language", reason) for reason in ("code_language", "vendored", "generated", "minified")),
        *(("license_filter", reason) for reason in ("license", "license_unknown", "license_conflict", "license_of_copy")),
        *(("exact_dedup", "exact_duplicate"), ("fuzzy_dedup", "near_duplicate"), ("notebook", "notebook")),
    }  # fmt: skip
    assert any(stage == "heuristics" for stage, _ in reasons)
    kept = [line for line in code_truth if line["outcome"] == "kept"]
    assert sum(bool(line["secrets"]) for line in kept) >= 3
    assert {line["encoding"] for line in kept} >= {"iso-8859-1", "shift_jis", "utf-8-sig"}
    assert {line["code_language"] for line in kept if line["path"].endswith(".ipynb")} == {"Python", "R"}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(SAMPLE / "tokenizer.json"))


def test_tokenizer_has_its_vocabulary(tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() == 4096
    assert [tokenizer.token_to_id(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")] == [0, 1, 2]
    ids = sorted(tokenizer.get_vocab().values())
    assert all(b - a == 1 for a, b in pairwise(ids))


@settings(deadline=None)
@given(st.text())
def test_tokenizer_encodes_any_text(text: str) -> None:
    model = Tokenizer.from_file(str(SAMPLE / "tokenizer.json"))
    model.encode_special_tokens = True
    assert model.decode(model.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_tokenizer_knows_all_languages(
    tokenizer: Tokenizer, by_url: dict[str, Line], visible: dict[str, str]
) -> None:
    bytes_per_token = defaultdict(list)
    for url, text in visible.items():
        if by_url[url]["outcome"] == "kept" and by_url[url]["quality"] != "low":
            count = len(tokenizer.encode(unicodedata.normalize("NFC", text)).ids)
            bytes_per_token[by_url[url]["language"]].append(len(text.encode()) / count)
    # Bytes alone would give 1.0.
    assert {lang for lang, found in bytes_per_token.items() if sum(found) / len(found) < 1.7} == set()
