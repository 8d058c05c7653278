"""The extractors that are Python packages: resiliparse, trafilatura, jusText.

Knows how each is called for plain text with its own defaults, and how each fails. They parse in this process,
so pages first pass ``guards.to_parse``; trafilatura and jusText can still take minutes for a hostile page of
1 MB (jusText for 90,000 paragraphs), so the caller needs a deadline. An empty text for ``content="main"``
means that they found no content on this page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Literal

from selectolax.lexbor import LexborHTMLParser

from stages.render.extractors.base import ExtractionError, Text, shows_text, title
from stages.render.guards import to_parse

_INSTALL = "pip install 'nanocorpus[extractors]'"
#: lxml rejects a str that declares an encoding.
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")


#: libxml2 silently drops elements deeper than 255.
_LXML_DEPTH = 240


def _for_lxml(html: str) -> str:
    # libxml2 would stop at a NUL.
    data = to_parse(html, max_depth=_LXML_DEPTH)
    return _DECLARATION.sub("", data.decode().replace("\0", ""))


def _only_main(name: str, content: str) -> None:
    if content != "main":
        raise ValueError(f"{name} gives the main content only: content 'main'")


class Resiliparse:
    """Rules in compiled code on lexbor; main and full content. Image descriptions are part of its text by
    default."""

    def __init__(self) -> None:
        from resiliparse.extract.html2text import extract_plain_text

        self._extract = extract_plain_text

    def render(self, html: str, *, content: Literal["full", "main"], url: str | None = None) -> Text:
        data = to_parse(html)
        try:
            text = self._extract(data.decode(), main_content=content == "main").strip()
        except Exception as error:
            raise ExtractionError(f"resiliparse: {type(error).__name__}: {error}") from error
        if not text and content == "full" and shows_text(data):
            raise ExtractionError("resiliparse gave nothing for a page that has text")
        return Text(text, title(data))

    def close(self) -> None:
        pass


class Trafilatura:
    """Rules on lxml with two other extractors to fall back on; main content only."""

    def __init__(self) -> None:
        try:
            import trafilatura
        except ImportError as error:
            raise ImportError(f"the extractor trafilatura is not installed ({error}): {_INSTALL}") from error
        self._load, self._extract = trafilatura.load_html, trafilatura.extract

    def render(self, html: str, *, content: Literal["full", "main"] = "main", url: str | None = None) -> Text:
        _only_main("trafilatura", content)
        data = to_parse(html)
        try:
            tree = self._load(_for_lxml(html))
            text = None if tree is None else self._extract(tree, url=url)
        except Exception as error:
            raise ExtractionError(f"trafilatura: {type(error).__name__}: {error}") from error
        # It returns None for a page that it cannot parse, and for a page without content.
        if tree is None and shows_text(data):
            raise ExtractionError("trafilatura could not parse a page that has text")
        return Text((text or "").strip(), title(data))

    def close(self) -> None:
        pass


# jusText -----------------------------------------------------------------------------------------------

#: Its stop lists by script, and by the ISO 639 code in a page's ``lang``. If the page does not declare its
#: language (135 of 500), the list that fits its words best is taken: this is right for 299 of 311 pages that
#: do declare it.
_LISTS = {
    "Latin": {
        **{"en": "English", "es": "Spanish", "de": "German", "fr": "French", "it": "Italian"},
        **{"pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "sv": "Swedish", "da": "Danish"},
        **{"no": "Norwegian_Bokmal", "nb": "Norwegian_Bokmal", "nn": "Norwegian_Nynorsk"},
        **{"fi": "Finnish", "cs": "Czech", "sk": "Slovak", "hu": "Hungarian", "ro": "Romanian"},
        **{"tr": "Turkish", "vi": "Vietnamese", "id": "Indonesian", "ms": "Malay", "tl": "Tagalog"},
        **{"hr": "Croatian", "bs": "Bosnian", "sl": "Slovenian", "lt": "Lithuanian", "lv": "Latvian"},
        **{"et": "Estonian", "ca": "Catalan", "gl": "Galician", "eu": "Basque", "is": "Icelandic"},
        **{"ga": "Irish", "cy": "Welsh", "sq": "Albanian", "af": "Afrikaans", "sw": "Swahili"},
        **{"la": "Latin", "eo": "Esperanto", "mt": "Maltese", "lb": "Luxembourgish", "az": "Azerbaijani"},
        **{"uz": "Uzbek", "tk": "Turkmen", "yo": "Yoruba", "ig": "Igbo", "ht": "Haitian"},
    },
    "Cyrillic": {
        **{"ru": "Russian", "uk": "Ukrainian", "bg": "Bulgarian", "sr": "Serbian", "mk": "Macedonian"},
        **{"be": "Belarusian", "kk": "Kazakh", "ky": "Kyrgyz"},
    },
    "Arabic": {"ar": "Arabic", "fa": "Persian", "ur": "Urdu"},
    "Devanagari": {"hi": "Hindi", "mr": "Marathi", "ne": "Nepali"},
    "Hangul": {"ko": "Korean"},
    "Greek": {"el": "Greek"},
    "Hebrew": {"he": "Hebrew"},
    "Bengali": {"bn": "Bengali"},
    "Gujarati": {"gu": "Gujarati"},
    "Tamil": {"ta": "Tamil"},
    "Telugu": {"te": "Telugu"},
    "Kannada": {"kn": "Kannada"},
    "Malayalam": {"ml": "Malayalam"},
    "Georgian": {"ka": "Georgian"},
    "Armenian": {"hy": "Armenian"},
}
_SCRIPTS = {
    script: re.compile(f"[{ranges}]")
    for script, ranges in {
        "Latin": "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ",
        "Greek": "Ͱ-Ͽ",
        "Cyrillic": "Ѐ-ԯ",
        "Armenian": "Ա-ֈ",
        "Hebrew": "א-ת",
        "Arabic": "ؠ-ۿ",
        "Devanagari": "\u0900-\u097f",
        "Bengali": "\u0980-\u09ff",
        "Gujarati": "\u0a80-\u0aff",
        "Tamil": "\u0b80-\u0bff",
        "Telugu": "\u0c00-\u0c7f",
        "Kannada": "\u0c80-\u0cff",
        "Malayalam": "\u0d00-\u0d7f",
        "Georgian": "Ⴀ-ჿ",
        "Hangul": "가-힣",
        "Thai": "\u0e01-\u0e5b",
        "Chinese or Japanese": "\u3040-\u30ff\u3400-\u9fff",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+")
#: Number of code points of a page from which its language is determined.
_SAMPLE = 20_000


class Justext:
    """Paragraphs by length, links and stop words; main content only. Written for web corpora.

    The share of stop words decides, so the stop list must be that of the page's language: its ``lang`` if
    that language is written in the script of the text, otherwise the language that fits the text. jusText has
    no list for Chinese, Japanese, Thai and some others; with an empty list it silently treats every page as
    boilerplate. Here such a page raises ``ExtractionError``.
    """

    def __init__(self) -> None:
        try:
            import justext
        except ImportError as error:
            raise ImportError(f"the extractor justext is not installed ({error}): {_INSTALL}") from error
        self._justext, self._load = justext.justext, justext.get_stoplist
        self._stop_lists: dict[str, frozenset[str]] = {}

    def render(self, html: str, *, content: Literal["full", "main"] = "main", url: str | None = None) -> Text:
        _only_main("justext", content)
        data = to_parse(html)
        if not shows_text(data):
            return Text("", title(data))  # lxml raises an error for an empty page
        stop_list = self._stop_list(data)
        try:
            paragraphs = self._justext(_for_lxml(html), stop_list)
            text = "\n\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)
        except Exception as error:
            raise ExtractionError(f"justext: {type(error).__name__}: {error}") from error
        return Text(text, title(data))

    def _stop_list(self, data: bytes) -> frozenset[str]:
        tree = LexborHTMLParser(data)
        root = tree.css_first("html")
        declared = (root.attributes.get("lang") or "") if root is not None else ""
        declared = re.split("[-_]", declared.strip().lower())[0]
        tree.strip_tags(["script", "style", "template", "noscript"])
        sample = tree.body.text(separator=" ")[:_SAMPLE] if tree.body is not None else ""
        counts = {script: len(letters.findall(sample)) for script, letters in _SCRIPTS.items()}
        script = max(counts, key=lambda script: counts[script])
        lists = _LISTS.get(script)
        if lists is None:
            raise ExtractionError(f"justext has no stop list for this language: its letters are {script}")
        if declared in lists:
            return self._named(lists[declared])
        if declared and script == "Latin" and not any(declared in others for others in _LISTS.values()):
            raise ExtractionError(f"justext has no stop list for this language: {declared!r}")
        words = Counter(_WORD.findall(sample.lower()))

        def fit(stop_list: frozenset[str]) -> float:
            # Some lists have ten times as many words as others, including more words of other languages.
            return sum(words[word] for word in words.keys() & stop_list) / math.log(len(stop_list))

        return max([self._named(name) for name in lists.values()], key=fit)

    def _named(self, name: str) -> frozenset[str]:
        if name not in self._stop_lists:
            self._stop_lists[name] = self._load(name)
        return self._stop_lists[name]

    def close(self) -> None:
        pass
