"""Decodes the bytes of a page: which character set is used, and how invalid bytes are replaced.

The rule, best first: byte order mark; obvious UTF-16; ISO-2022 by its escapes; valid UTF-8, or UTF-8 except
for a few bytes; the charset in the HTTP header; the charset in the document (meta, XML declaration);
detection. On real pages valid UTF-8 is right for every page that declares UTF-8 and for a third of the wrong
declarations. A declared charset that the bytes contradict is replaced by one that they do not contradict.

It knows labels and bytes. It knows nothing of HTML beyond where a charset may be declared.
"""

from __future__ import annotations

import codecs
import re

import numpy as np
from resiliparse.parse.encoding import detect_encoding

from stages.read.metas import metas
from stages.read.utf import is_utf8, utf8_within, utf16_order

#: Bytes in which a document's own declaration is searched for (the HTML standard looks at 1,024).
DECLARED_WITHIN = 4096
#: Bytes passed to detection, which takes 1 ms per 100 KB and is no better with more.
DETECTED_IN = 64 << 10

# Labels of the WHATWG Encoding standard by the Python codec that decodes them best. Python has the narrower
# sets that the labels literally name; browsers, and therefore pages, mean the wider ones.
_LABELS = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-sig utf8mb4",
    "utf-16-le": "utf-16 utf-16le utf16 ucs-2 unicode csunicode iso-10646-ucs-2 unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
    "cp1252": (
        "windows-1252 cp1252 x-cp1252 ansi_x3.4-1968 ascii us-ascii cp819 ibm819 iso-8859-1 iso8859-1 "
        "iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 l1 latin1 latin-1 csisolatin1"
    ),
    "iso8859_2": "iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 iso-ir-101 l2 latin2 csisolatin2",
    "iso8859_3": "iso-8859-3 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 iso-ir-109 l3 latin3 csisolatin3",
    "iso8859_4": "iso-8859-4 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 iso-ir-110 l4 latin4 csisolatin4",
    "iso8859_5": "iso-8859-5 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988 iso-ir-144 cyrillic "
    "csisolatincyrillic",
    "iso8859_6": "iso-8859-6 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 iso-8859-6-e iso-8859-6-i "
    "iso-ir-127 arabic asmo-708 ecma-114 csiso88596e csiso88596i csisolatinarabic",
    "iso8859_7": "iso-8859-7 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 iso-ir-126 greek greek8 elot_928 "
    "ecma-118 sun_eu_greek csisolatingreek",
    "iso8859_8": "iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 iso-8859-8-e iso-8859-8-i "
    "iso-ir-138 hebrew visual logical csiso88598e csiso88598i csisolatinhebrew",
    "iso8859_10": "iso-8859-10 iso8859-10 iso885910 iso-ir-157 l6 latin6 csisolatin6",
    "iso8859_13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859_14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859_15": "iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 csisolatin9 latin-9 latin9",
    "iso8859_16": "iso-8859-16",
    "koi8_r": "koi8-r koi8 koi koi8_r cskoi8r",
    "koi8_u": "koi8-u koi8-ru",
    "mac_roman": "macintosh mac x-mac-roman csmacintosh",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp866": "ibm866 866 cp866 csibm866",
    "cp874": "windows-874 dos-874 cp874 iso-8859-11 iso8859-11 iso885911 tis-620 tis620",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251 win-1251 windows1251",
    "cp1253": "windows-1253 cp1253 x-cp1253",
    "cp1254": "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 "
    "iso-ir-148 l5 latin5 csisolatin5",
    "cp1255": "windows-1255 cp1255 x-cp1255",
    "cp1256": "windows-1256 cp1256 x-cp1256",
    "cp1257": "windows-1257 cp1257 x-cp1257",
    "cp1258": "windows-1258 cp1258 x-cp1258",
    "gb18030": (
        "gb18030 gbk x-gbk gb2312 gb_2312 gb_2312-80 cp936 ms936 windows-936 chinese csgb2312 "
        "csiso58gb231280 iso-ir-58 gb2312-80 euc-cn x-euc-cn"
    ),
    "big5hkscs": "big5 big5-hkscs big5hkscs cn-big5 csbig5 x-x-big5 cp950 big-5",
    "euc_jp": "euc-jp euc_jp x-euc-jp x-euc eucjp cseucpkdfmtjapanese ujis",
    "cp932": "shift_jis shift-jis shiftjis sjis x-sjis ms_kanji ms932 windows-31j cp932 csshiftjis "
    "windows-932",
    "cp949": (
        "euc-kr euc_kr euckr cseuckr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 csksc56011987 "
        "iso-ir-149 windows-949 cp949 ms949 uhc"
    ),
    "iso2022_jp_ext": "iso-2022-jp csiso2022jp iso2022jp",
    "iso2022_kr": "iso-2022-kr csiso2022kr",
}
_CODECS = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}
_SEVEN_BIT = frozenset({"iso2022_jp_ext", "iso2022_kr"})
_MULTIBYTE = frozenset({"gb18030", "big5hkscs", "euc_jp", "cp932", "cp949"})
# A codec with more characters, for text that the usual one rejects (NEC row 13 in EUC-JP).
_WIDER = {"euc_jp": "euc_jis_2004"}
#: Codecs for which invalid bytes are not all replaced by U+FFFD, with their error handler.
_ERRORS = {"gb18030": "nanocorpus-euro-or-mark"}
# Encodings of pages that are labelled ISO 8859 but have bytes for which ISO 8859 has no characters.
_WINDOWS = {
    "iso8859_2": "cp1250",
    "iso8859_4": "cp1257",
    "iso8859_5": "cp1251",
    "iso8859_6": "cp1256",
    "iso8859_7": "cp1253",
    "iso8859_8": "cp1255",
    "iso8859_10": "cp1257",
    "iso8859_13": "cp1257",
    "iso8859_15": "cp1252",
}
# Sets whose letters are at (nearly) the same places as in the Windows set.
_ALIKE = frozenset({"iso8859_2", "iso8859_7", "iso8859_8", "iso8859_13", "iso8859_15"})
# The standard's name for each codec: its first label, except for the sets that browsers widen.
_NAMES = {codec: labels.split()[0] for codec, labels in _LABELS.items()}
_NAMES["utf-16-le"] = "utf-16le"

_MARKS = (  # UTF-32 first: its little-endian mark starts with UTF-16's
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_LABEL = re.compile(rb"[\w.:+-]+")
_CONTENT = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:+-]+)""")
_XML = re.compile(rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)""", re.IGNORECASE)
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile("[\x80-\x9f]")
_REPLACEMENT = "�".encode()


def codec_of(label: str | None) -> str | None:
    """Python codec for a charset label as pages use it; None for unknown labels."""
    return _CODECS.get(label.strip(" \t\r\n'\"").lower()) if label else None


def declared_charset(body: bytes) -> str | None:
    """The first label of a known character set in the document itself: in a meta element that declares one
    (``charset``, or ``http-equiv`` content-type), or else the XML declaration."""
    head = body[:DECLARED_WITHIN]
    for meta in metas(head):
        found = _LABEL.search(meta.get(b"charset", b""))
        if found is None and meta.get(b"http-equiv", b"").strip() == b"content-type":
            found = _CONTENT.search(meta.get(b"content", b""))
        label = found.group(found.lastindex or 0).decode("ascii", "replace") if found else None
        if codec_of(label):
            return label
    match = _XML.match(head)
    return match.group(1).decode("ascii", "replace") if match else None


def decode(body: bytes, http_charset: str | None = None) -> tuple[str, str]:
    """Text of ``body`` and the name of the character set that was used (see ``to_utf8``)."""
    raw, name = to_utf8(body, http_charset)
    return raw.decode("utf-8"), name


def to_utf8(body: bytes, http_charset: str | None = None) -> tuple[bytes, str]:
    """``body`` as UTF-8 and the name of the character set that was used.

    Invalid bytes become U+FFFD, and so does U+0000. Never raises.

    Args:
        body: A page or a plain text, less than 2 GiB.
        http_charset: The charset parameter of the HTTP Content-Type, as sent.
    """
    raw, name = _to_utf8(body, http_charset)
    if b"\0" in raw:
        raw = raw.replace(b"\0", _REPLACEMENT)
    return raw, name


def _to_utf8(body: bytes, http_charset: str | None) -> tuple[bytes, str]:
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return _encoded(body[len(mark) :].decode(codec, "replace")), _NAMES.get(codec, codec)
    if b"\0" in body[:1024]:
        order = utf16_order(body[:1024])
        if order:
            return _encoded(body.decode(order, "replace")), _NAMES[order]
    if body.isascii():
        return _seven_bit(body, http_charset)
    if is_utf8(body):
        return body, "utf-8"
    try:
        text, codec = _legacy(body, http_charset)
    except (UnicodeError, LookupError):  # no codec may end a run; UTF-8 with marks always works
        text, codec = body.decode("utf-8", "replace"), "utf-8"
    return _encoded(text), _NAMES[codec]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _seven_bit(body: bytes, http_charset: str | None) -> tuple[bytes, str]:
    if b"\x1b" in body:
        for label in (http_charset, declared_charset(body)):
            codec = codec_of(label)
            if codec in _SEVEN_BIT:
                return _encoded(body.decode(codec, "replace")), _NAMES[codec]
        if b"\x1b$B" in body or b"\x1b$@" in body:
            text = _strictly(body, "iso2022_jp_ext")
            if text is not None:
                return _encoded(text), "iso-2022-jp"
    return body, "utf-8"


def _legacy(body: bytes, http_charset: str | None) -> tuple[str, str]:
    """Text and codec of a body that is not valid UTF-8 as a whole (its cut end excepted)."""
    text = _strictly(body, "utf-8")
    if text is not None:
        return text, "utf-8"
    declared = []
    for label in (http_charset, declared_charset(body)):
        codec = codec_of(label)
        # UTF-16 would have been recognised before; a document that declares it in ASCII letters is not
        # UTF-16.
        if codec and codec not in declared and not codec.startswith("utf-16"):
            declared.append(codec)
    share, characters = utf8_within(body)
    if _is_mostly_utf8(body, declared, share, characters):
        return body.decode("utf-8", "replace"), "utf-8"
    if declared and "utf-8" not in declared:
        candidates = declared
    else:
        candidates = [codec for codec in declared if codec != "utf-8"]
        # At most a share of 0.5 of legacy East Asian text is valid UTF-8 by chance, of damaged UTF-8 mostly
        # more.
        if not candidates and share > (0.5 if declared else 0.6):
            return body.decode("utf-8", "replace"), "utf-8"
        if not candidates:
            guess = _detected(body)
            # Declared UTF-8, partly valid, with only a single-byte guess against it.
            if declared and share >= 0.1 and guess not in _MULTIBYTE:
                return body.decode("utf-8", "replace"), "utf-8"
            candidates = [guess]
    for codec in candidates:
        text = _strictly(body, codec)
        if text is None or (codec.startswith("iso8859") and _CONTROL.search(text)):
            codec = _windows_of(body, codec)
            text = _strictly(body, codec) if codec else None
        if text is not None:
            return text, codec
    best = [*declared, *candidates][0]
    text = body.decode(best, _ERRORS.get(best, "replace"))
    if best in _ALIKE and _CONTROL.search(text):
        best = _WINDOWS[best]
        return body.decode(best, "replace"), best
    return _CONTROL.sub("�", text) if best.startswith("iso8859") else text, best


def _is_mostly_utf8(body: bytes, declared: list[str], share: float, characters: int) -> bool:
    """Whether ``body`` is UTF-8 except for a few bytes (text cut in the middle of a character, a name from a
    database), whatever its labels say.

    At most half of a longer legacy text is valid by chance. The label of a multi-byte set counts more than
    other labels if the bytes follow the rules of that set.
    """
    for codec in declared:
        if codec in _MULTIBYTE and _strictly(body, codec) is not None:
            return share >= 0.95 and characters >= 20
    return share >= 0.75 and characters >= 4


def _windows_of(body: bytes, codec: str) -> str:
    """The Windows set that an ISO 8859 label stands for if bytes contradict the label: they are not
    characters of it, or are C1 controls, which pages never mean. Empty if there is none."""
    windows = _WINDOWS.get(codec, "")
    if not windows or codec in _ALIKE or _detected(body) == windows:
        return windows
    if windows == "cp1251":
        # Half of the letters are at 0xF0 to 0xFF here; in ISO 8859-5 only rare ones are.
        letters = [byte for byte in body if byte >= 0xC0]
        return windows if 5 * sum(byte >= 0xF2 for byte in letters) > len(letters) else ""
    return ""


def _detected(body: bytes) -> str:
    """The codec found by detection, Windows-1252 if it finds none."""
    guess = codec_of(detect_encoding(_sample(body)))
    if guess is None or guess.startswith("utf"):
        # The detector returns UTF-8 if it cannot decide, and always for Korean.
        text = _strictly(body, "cp949") or ""
        return "cp949" if _is_hangul(text) else "cp1252"
    return guess


def _is_hangul(text: str) -> bool:
    """Whether most characters beyond ASCII are Hangul syllables."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    syllables = (codes >= 0xAC00) & (codes <= 0xD7A3)
    return 2 * int(np.count_nonzero(syllables)) > int(np.count_nonzero(codes > 0x7F))


def _sample(body: bytes) -> bytes:
    """The bytes passed to detection: 64 KiB from the first byte above 0x7F on, since only those distinguish
    sets."""
    match = _HIGH.search(body)
    start = match.start() if match else 0
    return body[start : start + DETECTED_IN]


def _strictly(body: bytes, codec: str) -> str | None:
    """Text if ``body`` is valid in ``codec``; a character cut off at the end becomes U+FFFD."""
    for name in (codec, _WIDER.get(codec)):
        if name is None:
            continue
        decoder = codecs.getincrementaldecoder(name)("nanocorpus-euro" if name == "gb18030" else "strict")
        try:
            text = decoder.decode(body, final=False)
        except UnicodeError:
            continue
        return text + "�" if decoder.getstate()[0] else text
    return None


def _euro(error: UnicodeError) -> tuple[str, int]:
    """0x80 in GBK and GB18030 is the euro sign, as in browsers; other errors stay errors."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    raise error


def _euro_or_mark(error: UnicodeError) -> tuple[str, int]:
    try:
        return _euro(error)
    except UnicodeDecodeError as other:
        return "�", other.end


codecs.register_error("nanocorpus-euro", _euro)
codecs.register_error("nanocorpus-euro-or-mark", _euro_or_mark)
