"""Code on a page that is read from its source: languages of ``<pre>``, and buttons beside it.

Decides what ``code`` decides for the same elements, from the page as ``regular`` writes it, or leaves the
page to the parser: where lines are elements, where there may be line numbers, where a box has a toolbar.
Knows tags and where elements end. Does not know how elements nest (``nesting_kernels``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import unescape

from stages.render import kinds
from stages.render.code_beside import (
    COPY,
    COPY_LABEL,
    GUTTER,
    GUTTER_TAGS,
    LABEL_CHARS,
    NO_WRAPPERS,
    PROMPT,
    WRAPPERS,
    consecutive,
)
from stages.render.code_languages import CODE_TAGS, known_language, language_of
from stages.render.searching import places

#: The elements around a ``<pre>`` from the inside out, itself first: where each begins, and where the element
#: before it ends (0: there is none).
Path = Sequence[tuple[int, int]]

_ATTRIBUTE = re.compile(rb' ([^ =>]+)="([^">]*)"')
_TAG = re.compile(rb"<[^>]*>")
_NAME = re.compile(rb"<([^ />]+)")
#: An element in a ``<pre>`` that may be a line or a number.
_LINES = re.compile(
    rb'<(?:li|tr|button)(?=[ >])|<a(?=[ >])[^>]* class="(?:[^"]* )?h?l[ "]'
    rb'| class="([^"]*(?:ine|ln|utter)[^"]*)"'
)
#: What a class says if its element may be a button or a label of code.
_LABELS = (b"opy", b"oolbar", b"gist-meta", b"line-numbers", b"rompt", b"lang")
#: A tag, up to somewhere in its class.
_IN_CLASS = re.compile(rb'<(?!/)[^<>]* class="[^"<>]*\Z')
_ELEMENT = re.compile(rb"(?:[^<]|(?><!--.*?-->))*(<[^ />]+[^>]*>)", re.DOTALL)
_CLOSING = re.compile(rb"</([^ >]+)>\Z")
#: What numbers of lines consist of.
_NUMBER = frozenset(b"0123456789.:|")
#: Bytes before the end of an element in which its beginning is looked for, or else its last word.
_WINDOW = 800
#: Bytes of a button or a label that are looked at: with more there is no telling from the source.
_LONGEST_LABEL = 20_000


class _Unsure(Exception):
    """The page must be parsed."""


def find(body: bytes, paths: Sequence[Path]) -> tuple[bytes, dict[int, str]] | None:
    """The body with marks for what is hidden, and the languages by the numbers of marks; None if the page has
    to be parsed."""
    marks: dict[int, bytes] = {}  # by where a tag begins
    languages: dict[int, str] = {}
    try:
        seen: set[int] = set()
        for path in paths:
            _look_at(body, path[0][0])
            wrappers = 0
            for begins, before in path:
                name = _name(body, begins)
                if wrappers > WRAPPERS or name in ("body", "html"):
                    break
                if before and before not in seen:
                    seen.add(before)
                    _rule_out_numbers(body, before)
                wrappers += begins != path[0][0] and name not in NO_WRAPPERS
        labels = {at for at in places(body, b"<button") if body[at + 7] in b" >"}.union(_labelled(body))
        for begins in labels:
            if _is_unwanted(body, begins):
                marks[begins] = b"s0"
    except _Unsure:
        return None
    for path in paths:
        if language := _language(body, path):
            number = len(languages) + 1
            languages[number] = language
            marks[path[0][0]] = b"n%d" % number
    return _marked(body, marks), languages


def _labelled(body: bytes) -> Iterator[int]:
    """Where elements begin whose class says that they may be buttons or labels. Few places have one of the
    words, and to search for words is faster than to look at each tag."""
    for word in _LABELS:
        for at in places(body, word):
            begins = body.rfind(b"<", 0, at)
            if _IN_CLASS.match(body, begins, at):
                yield begins


def _marked(body: bytes, marks: dict[int, bytes]) -> bytes:
    """``body`` with marks at tags; one that is there stays, with the number of the new one."""
    parts: list[bytes] = []
    done = 0
    for begins in sorted(marks):
        mark = marks[begins]
        end = body.index(b">", begins)
        tag = body[begins:end]
        earlier = tag.rfind(b' /="')
        if earlier >= 0:
            kind = tag[earlier + 4 : earlier + 5]
            mark = mark if mark[:1] == b"s" else kind + mark[1:]
            tag = tag[:earlier]
        parts += (body[done:begins], tag, b' /="', mark, b'"')
        done = end
    return b"".join((*parts, body[done:]))


def _name(body: bytes, begins: int) -> str:
    found = _NAME.match(body, begins)
    assert found is not None
    return found[1].decode()


def _attributes(tag: bytes) -> dict[str, str | None]:
    return {name.decode(): unescape(value.decode()) for name, value in _ATTRIBUTE.findall(tag)}


def _attributes_at(body: bytes, begins: int) -> dict[str, str | None]:
    return _attributes(body[begins : body.index(b">", begins)])


@cache
def _same(name: str) -> re.Pattern[bytes]:
    """Tags of this name."""
    return re.compile(rb"<(/?)%b(?=[ >])" % re.escape(name.encode()))


def _content(body: bytes, begins: int) -> bytes:
    """What is in the element that begins here."""
    start = body.index(b">", begins) + 1
    depth, end = 1, start
    for tag in _same(_name(body, begins)).finditer(body, start):
        depth += -1 if tag[1] else 1
        if not depth:
            end = tag.start()
            break
    return body[start:end]


def _text(body: bytes, begins: int) -> str:
    """The text of an element, on a line for each piece; of a long text the beginning. Raises if tags without
    text go on and on."""
    name = b"<" + _name(body, begins).encode()
    at = body.index(b">", begins) + 1
    last = at + _LONGEST_LABEL
    pieces: list[str] = []
    depth, size = 1, 0
    while depth and size <= LABEL_CHARS:
        if at > last:
            raise _Unsure
        stop = body.index(b"<", at)
        if stop > at:
            piece = unescape(body[at:stop].decode())
            pieces.append(piece)
            size += len(piece.strip())
        at = body.index(b">", stop) + 1
        tag = body[stop : at - 1].replace(b"/", b"", 1) if body[stop + 1] == 47 else body[stop : at - 1]
        if tag == name or tag.startswith(name + b" "):
            depth += -1 if body[stop + 1] == 47 else 1
    return "\n".join(pieces).strip()


def _look_at(body: bytes, begins: int) -> None:
    """Raises if what is in a ``<pre>`` needs the tree."""
    for found in _LINES.finditer(_content(body, begins)):
        names = found[1]
        if names is None or b"ln" in names or b"utter" in names or b"line" not in names.split():
            raise _Unsure


def _rule_out_numbers(body: bytes, before: int) -> None:
    """Raises if the element that ends here may hold the numbers of lines."""
    tag = _CLOSING.search(body, max(before - 40, 0), before)
    if tag is None or tag[1].decode() not in GUTTER_TAGS:
        return
    first = max(before - _WINDOW, 0)
    window = body[first:before]
    depth = 0
    for begins in reversed(list(_same(tag[1].decode()).finditer(window))):
        depth += 1 if begins[1] else -1
        if not depth:
            if consecutive(_text(window, begins.start())):
                raise _Unsure
            return
    # It is longer than that.
    text = _TAG.sub(b"", window).split()
    if not text or _NUMBER.issuperset(text[-1]):
        raise _Unsure


def _is_unwanted(body: bytes, begins: int) -> bool:
    """As ``code`` decides it for an element outside of code. Raises if it depends on what is around it."""
    tag, attributes = _name(body, begins), _attributes_at(body, begins)
    names = attributes.get("class") or ""
    lower = names.lower()
    copies, tools = "opy" in names, "oolbar" in names or "gist-meta" in names.split()
    labels = "lang" in names or (tag == "div" and ("line-numbers" in names or "rompt" in names))
    if not (tag == "button" or copies or tools or (labels and tag in ("div", "span"))) or tag in _VOID:
        return False
    text = _text(body, begins)
    if not text or len(text) > LABEL_CHARS:
        return False
    if PROMPT.fullmatch(text):
        return "rompt" in names
    if GUTTER.search(names) and consecutive(text):
        return True
    if tag == "button":
        said = filter(None, (text, attributes.get("aria-label"), attributes.get("title")))
        return COPY.search(f"{' '.join(said)} {names}") is not None
    if "copy" in lower:
        return COPY_LABEL.fullmatch(text) is not None
    if "toolbar" in lower or "gist-meta" in lower or ("lang" in lower and known_language(text.lower())):
        raise _Unsure
    return False


_VOID = frozenset(kinds.tags(kinds.VOID))


def _language(body: bytes, path: Path) -> str | None:
    box = path[0][0]
    start = body.index(b">", box) + 1
    inner: dict[str, str | None] = {}
    content = _content(body, box)
    first = _ELEMENT.match(content)
    if first is not None and _name(first[1], 0) not in CODE_TAGS:
        place = start + first.start(1)
        skipped = (
            0 if _name(first[1], 0) in _VOID else len(_content(body, place)) + len(_name(first[1], 0)) + 3
        )
        first = _ELEMENT.match(content, first.end() + skipped)
    if first is not None and _name(first[1], 0) in CODE_TAGS:
        inner = _attributes(first[1])
    around: list[int] = []
    for begins, _ in path[1:]:
        name = _name(body, begins)
        if name in ("body", "html") or len(around) == WRAPPERS:
            break
        if name not in NO_WRAPPERS:
            around.append(begins)
    return language_of(_attributes_at(body, box), inner, (_attributes_at(body, place) for place in around))
