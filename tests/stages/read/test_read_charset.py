"""Every page is decoded as what it is, and none stops the reading."""

from __future__ import annotations

import codecs
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warc_files import captures_of_the_web

from stages.files.source import Source
from stages.read.charset import codec_of, decode
from stages.read.records import captures
from stages.read.utf import is_utf8, utf8_within

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
JAPANESE = "いろはにほへとちりぬるを わかよたれそつねならむ。漢字とカタカナ、①も。" * 5
KOREAN = "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. " * 5
CHINESE = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏" * 5
GERMAN = "Falsches Üben von Xylophonmusik quält jeden größeren Zwerg – „wirklich“. " * 5


def page(text: str, meta: str = "") -> str:
    return f"<html><head>{meta}</head><body>{text}</body></html>"


def test_valid_utf8_wins_over_every_declaration():
    html = page(RUSSIAN, '<meta charset="windows-1251">')
    assert decode(html.encode(), "koi8-r") == (html, "utf-8")


@pytest.mark.parametrize(
    ("text", "codec", "label", "name"),
    [
        (RUSSIAN, "cp1251", "windows-1251", "windows-1251"),
        (RUSSIAN, "koi8-r", "KOI8-R", "koi8-r"),
        (JAPANESE, "cp932", "Shift_JIS", "shift_jis"),
        (JAPANESE, "euc_jis_2004", "EUC-JP", "euc-jp"),
        (JAPANESE.replace("①", ""), "iso2022_jp", "ISO-2022-JP", "iso-2022-jp"),
        (KOREAN, "cp949", "ks_c_5601-1987", "euc-kr"),
        (CHINESE, "big5", "Big5", "big5"),
        (CHINESE + "镕€", "gb18030", "gb2312", "gb18030"),
        (GERMAN, "cp1252", "ISO-8859-1", "windows-1252"),
        ("Zażółć gęślą jaźń " * 9, "iso8859_2", "latin2", "iso-8859-2"),
        ("Ο καλύτερος " * 9, "cp1253", "windows-1253", "windows-1253"),
        ("เป็นมนุษย์สุดประเสริฐ " * 9, "cp874", "TIS-620", "windows-874"),
        ("צבי בן יהודה " * 9, "cp1255", "cp1255", "windows-1255"),
        ("نص حكيم له سر قاطع " * 9, "cp1256", " 'windows-1256' ", "windows-1256"),
    ],
)
def test_header_meta_and_xml_declarations(text, codec, label, name):
    html = page(text)
    assert decode(html.encode(codec), label) == (html, name)
    for meta in (
        f'<meta charset="{label.strip()}">',
        f"<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset={label.strip()}'>".replace("''", "'"),
    ):
        html = page(text, meta)
        assert decode(html.encode(codec)) == (html, name)
        assert decode(html.encode(codec), "no-such-charset") == (html, name)
    if "'" not in label:
        html = f'<?xml version="1.0" encoding="{label}"?>' + page(text)
        assert decode(html.encode(codec)) == (html, name)


def test_the_header_comes_before_the_document():
    html = page(GERMAN, '<meta charset="koi8-r">')
    assert decode(html.encode("cp1252"), "windows-1252") == (html, "windows-1252")


REAL = '<meta charset="windows-1251">'


@pytest.mark.parametrize(
    "before",
    [
        '<!-- <meta charset="koi8-r"> -->',
        '<!--><meta charset="koi8-r">-->'.replace("<!-->", "<!-- >"),
        '<meta name="description" content="how to set charset=gbk in html">',
        '<meta name=keywords content="text/html; charset=koi8-r">',
        '<meta property="og:title" content="charset=koi8-r">',
        '<meta data-charset="koi8-r">',
        '<meta name="x" data-charset=koi8-r content="y">',
        '<div data-meta="<meta charset=koi8-r>">',
        "<div title='<meta charset=koi8-r>'>",
        '<html data-charset="koi8-r"><?php meta charset=koi8-r ?>',
        '<meta http-equiv="refresh" content="5; url=/?charset=koi8-r">',
        '<meta http-equiv="content-language" content="charset=koi8-r">',
        '<meta charset="no-such-charset">',
        '<meta charset="">',
        "<metadata charset=koi8-r>",
        "<META NAME='a>b' CONTENT=charset=koi8-r>",
    ],
)
def test_what_looks_like_a_declaration_and_is_none(before):
    html = page(RUSSIAN, before + REAL)
    assert decode(html.encode("cp1251")) == (html, "windows-1251")


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta charset=windows-1251>",
        "<meta charset=windows-1251/>",
        "<meta\ncharset\n=\n'windows-1251'\n>",
        "<META Charset=' windows-1251 '>",
        '<meta data-x="a>b" charset="windows-1251">',
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
        '<meta content="text/html; charset=windows-1251" http-equiv="content-type"/>',
        "<meta http-equiv=Content-Type content=text/html;charset=windows-1251>",
        "<meta http-equiv=Content-Type content=text/html; charset=windows-1251>",
        """<meta http-equiv="Content-Type" content="text/html; charset='windows-1251'">""",
        '<!-- a --><meta name="a" content="b"><meta charset="windows-1251"><meta charset="koi8-r">',
    ],
)
def test_declarations(declaration):
    html = page(RUSSIAN, declaration)
    assert decode(html.encode("cp1251")) == (html, "windows-1251")


def test_a_declaration_in_a_script_counts_as_in_browsers():
    html = page(RUSSIAN, "<script>var a = '<meta charset=windows-1251>';</script><meta charset=koi8-r>")
    assert decode(html.encode("cp1251")) == (html, "windows-1251")


@pytest.mark.parametrize(
    ("text", "label", "windows", "name"),
    [
        ("Škoda, žena, „tak” – Śląsk… ", "iso-8859-2", "cp1250", "windows-1250"),
        ("Ο καλύτερος – „ναι”… ", "iso-8859-7", "cp1253", "windows-1253"),
        ("צבי בן יהודה – ”כן” ", "iso-8859-8", "cp1255", "windows-1255"),
        ("ąčęėįšųūž – „taip” ", "iso-8859-13", "cp1257", "windows-1257"),
        ("café – œuvre € ", "iso-8859-15", "cp1252", "windows-1252"),
        ("“Falsches Üben” – größer ", "iso-8859-9", "cp1254", "windows-1254"),
        (RUSSIAN + "– „да” ", "iso-8859-5", "cp1251", "windows-1251"),
        ("„Да” – новая книга. ", "iso-8859-5", "cp1251", "windows-1251"),
        ("نص حكيم له سر قاطع پ – ”نعم” ", "iso-8859-6", "cp1256", "windows-1256"),
        ("שָׁלוֹם ", "iso-8859-8", "cp1255", "windows-1255"),
    ],
)
def test_an_iso_label_over_bytes_of_windows(text, label, windows, name):
    html = page(text * 3, f'<meta charset="{label}">')
    for header in (None, label.upper()):
        assert decode(html.encode(windows), header) == (html, name)


def test_a_byte_that_no_set_has_leaves_the_others():
    raw = page("„tak” – ąę ", "<meta charset=iso-8859-2>").encode("cp1250") + b"\x81"
    assert decode(raw) == (page("„tak” – ąę ", "<meta charset=iso-8859-2>") + "\ufffd", "windows-1250")


@pytest.mark.parametrize("codec", ["iso8859_2", "iso8859_5", "iso8859_7", "iso8859_16"])
def test_no_controls_come_out_of_an_iso_charset(codec):
    words = {"iso8859_5": RUSSIAN, "iso8859_7": "Ο καλύτερος "}.get(codec, "Zażółć ")
    raw = page(words * 5).encode(codec) + b"<p>\x85 \x81</p>"
    decoded, _ = decode(raw, codec.replace("iso8859_", "iso-8859-"))
    assert not any("\x80" <= character <= "\x9f" for character in decoded)
    plain = page(words * 5)
    assert decode(plain.encode(codec), codec.replace("iso8859_", "iso-8859-"))[0] == plain


@pytest.mark.parametrize("label", ["gbk", "gb2312", "gb18030"])
def test_the_euro_sign_in_gbk(label):
    html = page("价格€100元，€5", f"<meta charset={label}>")
    raw = html.encode("gb18030").replace("€".encode("gb18030"), b"\x80")
    assert decode(raw) == (html, "gb18030")
    broken, _ = decode(raw + b"<p>\xff \x80</p>")
    assert broken == html + "<p>\ufffd €</p>"


def test_a_label_that_the_bytes_contradict_gives_way():
    html = page(JAPANESE, '<meta charset="euc-jp">')
    raw = html.encode("euc_jis_2004")
    assert decode(raw, "shift_jis") == (html, "euc-jp")
    assert decode(raw, "utf-8") == (html, "euc-jp")
    assert decode(raw, "utf-16") == (html, "euc-jp")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (RUSSIAN, "cp1251"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jis_2004"),
        (KOREAN, "cp949"),
        (CHINESE, "big5"),
    ],
)
def test_detection_without_any_declaration(text, codec):
    html = page(text * 4)
    assert decode(html.encode(codec))[0] == html


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_byte_order_marks(codec):
    html = page(RUSSIAN, '<meta charset="windows-1251">')
    assert decode(("\ufeff" + html).encode(codec), "koi8-r")[0] == html


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("label", [None, "utf-16", "utf-8"])
def test_utf16_without_a_mark(codec, label):
    html = page(GERMAN)
    assert decode(html.encode(codec), label) == (html, codec.replace("-le", "le").replace("-be", "be"))


def test_damaged_utf8_stays_utf8():
    html = page(RUSSIAN * 10, '<meta charset="utf-8">')
    raw = bytearray(html.encode())
    for at in range(200, len(raw), 400):
        raw[at] = 0xFF
    text, name = decode(bytes(raw), "utf-8")
    assert name == "utf-8"
    assert text == bytes(raw).decode("utf-8", "replace")
    assert decode(bytes(raw))[1] == "utf-8"


LABELLED = ["utf-8", "iso-8859-1", "koi8-r", "windows-1251", "gbk", "big5", "shift_jis", "euc-jp", "euc-kr"]


@pytest.mark.parametrize("text", [RUSSIAN * 10, JAPANESE * 10, KOREAN * 10, CHINESE * 10, GERMAN * 30])
def test_utf8_but_for_a_few_bytes_stays_utf8(text):
    """An excerpt cut in the middle of a character, and a name in another charset; whatever labels say."""
    for header, meta in itertools.product([None, *LABELLED], ["", *LABELLED]):
        html = page(text, f'<meta charset="{meta}">' if meta else "").encode()
        first = next(at for at in range(len(html) // 2, len(html)) if html[at] >= 0xC0)
        for raw in (html[:first] + html[first + 1 :], html + b"<p>caf\xe9...</p>"):
            assert decode(raw, header) == (raw.decode("utf-8", "replace"), "utf-8"), (header, meta)


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (JAPANESE, "euc_jis_2004", "euc-jp"),
        (JAPANESE, "cp932", "shift_jis"),
        (KOREAN, "cp949", "euc-kr"),
        (CHINESE, "big5", "big5"),
        (GERMAN, "cp1252", "iso-8859-1"),
    ],
)
@pytest.mark.parametrize("length", [3, 8, 30, 10_000])
def test_a_few_characters_of_utf8_do_not_make_a_page_utf8(text, codec, label, length):
    body = text.encode(codec)[: length + 200 if length > 100 else length]
    for raw in (page("").encode() + body, b"<p>" + "é".encode() + b"</p>" + body):
        if not is_utf8(raw):
            assert decode(raw, label)[1] == decode(page(text).encode(codec), label)[1]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_character_cut_off_at_the_end_does_not_matter(cut):
    raw = page(RUSSIAN).encode() + "𝄞".encode()[:cut]
    assert decode(raw, "windows-1251") == (page(RUSSIAN) + "�", "utf-8")
    raw = page(JAPANESE).encode("cp932") + b"\x82"
    assert decode(raw, "shift_jis") == (page(JAPANESE) + "�", "shift_jis")


def test_nul_is_replaced():
    assert decode(b"a\0b" + b"c" * 2000) == ("a�b" + "c" * 2000, "utf-8")


def test_every_label_names_a_codec_and_unknown_ones_none():
    labels = [
        *(f"iso-8859-{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"windows-{page}" for page in (874, *range(1250, 1259), 31)),
        *("x-sjis", "x-gbk", "big5-hkscs", "utf8", "ascii", "macintosh", "ibm866"),
    ]
    for label in labels:
        if label != "windows-31":
            codecs.lookup(codec_of(label))
    for label in (None, "", "x-user-defined", "unicode_escape", "rot13", "utf-7", "base64", "idna", "\udcff"):
        assert codec_of(label) is None


LABELS = st.sampled_from(
    ["utf-8", "gb2312", "shift_jis", "euc-kr", "iso-2022-jp", "utf-16", "latin1", "big5"]
)


@given(st.binary(max_size=3000), st.none() | LABELS | st.text(max_size=12))
def test_never_raises_and_gives_clean_text(body, label):
    for prefix in (b"", b"<meta charset=euc-jp>", b"\x1b$B"):
        text, _ = decode(prefix + body, label)
        assert "\0" not in text
        text.encode()


@given(st.text(max_size=2000))
def test_utf8_is_itself(text):
    raw = text.replace("\0", "").lstrip("\ufeff").encode()
    if b"\x1b" not in raw:
        assert decode(raw, "shift_jis")[0] == raw.decode()


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_utf8_validity_is_pythons(body):
    try:
        body.decode("utf-8")
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert is_utf8(body) is valid


def test_real_pages_are_decoded_as_their_charset_says():
    """Over 99 % of real UTF-8 and of legacy pages equal the true decoding, with headers and without."""
    pages = {page["offset"]: page for page in map(json.loads, captures_of_the_web("pages.jsonl").open())}
    right = {True: 0, False: 0}
    seen = {True: 0, False: 0}
    with captures_of_the_web("pages.warc.gz").open("rb") as file:
        for capture in captures(Source(file), 10 << 20):
            truth = pages[capture.offset]
            if not truth["charset"] or not capture.body or truth["kind"] == "corrupt_bytes":
                continue
            codec = (
                "utf-16" if truth["charset"] == "utf-16" else codec_of(truth["charset"]) or truth["charset"]
            )
            expected = capture.body.decode(codec, "replace").removeprefix("\ufeff").replace("\0", "�")
            legacy = truth["charset"] != "utf-8"
            seen[legacy] += 1
            right[legacy] += decode(capture.body, truth["header_charset"])[0] == expected
    assert seen[False] > 1800
    assert right[False] >= 0.995 * seen[False]
    assert seen[True] > 100
    assert right[True] >= 0.99 * seen[True]


@given(st.lists(st.sampled_from([b"a", b"\xe9", b"\x80", b"\xed\xa0", b"\xf0\x9f", b"\xf4\x90", b"\xc0"]) | st.text(max_size=3).map(str.encode)))  # fmt: skip
def test_the_part_that_is_utf8(pieces):
    body = b"".join(pieces)
    beyond = [character for character in body.decode("utf-8", "ignore") if character > "\x7f"]
    high = sum(byte > 0x7F for byte in body)
    share, characters = utf8_within(body)
    assert characters == len(beyond)
    assert share == (sum(len(character.encode()) for character in beyond) / high if high else 1.0)
