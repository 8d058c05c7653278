"""Limits on what the parser is given: size, nesting and attributes are capped, so that no page takes
quadratic time.

Lexbor takes seconds for 60,000 nested ``<div>``, for 50,000 attributes on one tag and for 50,000 options of
one ``<select>``, and fills the memory when hundreds of unclosed ``<font>`` are opened anew in every
paragraph. Such pages are attacks or accidents, and their text must not be lost. There are two steps:

*Look* (all pages): counts over all tags (``guard_kernels``) say whether the page may nest deeply, and long
stretches without "<" show whether a tag may have thousands of attributes. A false alarm only costs time.

*Rewrite* (pages under suspicion): every tag is read as the tokenizer of the HTML standard reads it and
written again, with all open elements closed in order; so the tree is no deeper than counted here, whatever
the page's own closing tags would have done. Tags beyond the allowed depth are left out (browsers flatten such
pages too), and so are the attributes of a tag that has too many. A page that proves harmless is left
unchanged.

The look knows nothing of quotes, comments and scripts, so a page can be made to deceive it. Therefore every
page with 100,000 tags or more goes through the second step; for the remaining cases a caller needs a
deadline. Knows tags; builds no tree.
"""

from __future__ import annotations

import re

import numpy as np

from stages.render import guard_kernels as seen
from stages.render.byte_kernels import readable
from stages.render.guard_kernels import look

#: Code points of a page. Common Crawl cuts records at 1 MiB (5 MiB since March 2025).
MAX_CHARS = 16 << 20
#: Elements inside each other; Chrome stops nesting at the same depth.
MAX_DEPTH = 512
#: Attributes of one tag: 5,000 take 25 ms.
MAX_ATTRIBUTES = 5000
#: Options of one ``<select>``: 1,000 take 10 ms.
MAX_OPTIONS = 1000

# The look ----------------------------------------------------------------------------------------------

#: Limit on formatting elements open at once: all of them are opened again in every block that follows.
_MUCH_FORMATTING = 64
#: Number of tags from which every page is rewritten. Half as many, the most that hidden closing tags can
#: leave unclosed, are parsed in a second.
_MANY_TAGS = 100_000
#: ``<html>`` and ``<body>``: the attributes of each join those of the first.
_MANY_ROOTS = 8

_VOID = (
    b"area base basefont bgsound br col embed frame hr img image input keygen link meta param source track"
    b" wbr"
).split()
#: An unclosed one of these is ended by the next of its kind.
_ENDED_BY_NEXT = b"dd dt li option optgroup p rp rt tbody td tfoot th thead tr".split()
_FORMATTING = b"a b big code em font i nobr s small strike strong tt u".split()
#: Drawings consist of these; they are closed by their own ``/>``, which the look does not see.
_SVG_LEAVES = b"circle ellipse line path polygon polyline rect stop use".split()

#: Five bits for each byte of a name: its letters, 27 for other bytes, 0 for what ends it.
_BITS = np.full(256, 27, np.int64)
_BITS[list(b"\t\n\f\r />\0")] = 0
for _i in range(26):
    _BITS[[ord("a") + _i, ord("A") + _i]] = _i + 1


def _key(name: bytes) -> int:
    first, second, third = (int(bits) for bits in _BITS[list(name.ljust(3)[:3])])
    return first << 10 | second << 5 | third


#: Flags of a tag by the first three letters of its name. Where two names share them, the look is slightly
#: wrong.
_KINDS = np.full(1 << 15, seen.NESTS, np.int8)
_KINDS[: 1 << 10] = _KINDS[27 << 10 :] = 0  # no name: <!--, </>, "a < b"
for _kind, _names in (
    (0, _VOID + _ENDED_BY_NEXT + _SVG_LEAVES),
    (seen.NESTS + seen.FORMATS, _FORMATTING),
    (seen.OPTION, [b"option"]),
    (seen.ROOT, [b"html", b"body"]),
):
    _KINDS[[_key(name) for name in _names]] = _kind

_NAME = rb"[a-zA-Z][^\t\n\f\r />]*+"
_ATTRIBUTE = (
    rb"""[\t\n\f\r /]*+[^\t\n\f\r />][^\t\n\f\r />=]*+(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+"""
    rb"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\t\n\f\r >"'][^\t\n\f\r >]*+|(?=>)|\Z))?+"""
)
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TAG = re.compile(rb"<(/?)(%b)((?:%b)*+)([\t\n\f\r /]*+)(>?)" % (_NAME, _ATTRIBUTE))


def _has_too_many(attributes: bytes) -> bool:
    return len(attributes) > 2 * MAX_ATTRIBUTES and len(_ATTRIBUTES.findall(attributes)) > MAX_ATTRIBUTES


def _suspicious(data: bytes, max_depth: int) -> bool:
    longest = 2 * MAX_ATTRIBUTES
    longs = np.empty(len(data) // longest + 1, np.int64)
    counts = np.zeros(seen.COUNTS, np.int64)
    look(readable(data), _BITS, _KINDS, longest, np.zeros(seen.NAMES, np.int64), longs, counts)
    begins, ends, roots, options, rise, surplus, formatting, long = counts.tolist()
    # Far more or far fewer ends than starts: perhaps attributes that contain such a sign.
    if begins > _MANY_TAGS or abs(ends - begins) > MAX_ATTRIBUTES:
        return True
    for start in longs[:long].tolist():
        tag = _TAG.match(data, start)
        if tag is not None and _has_too_many(tag[3]):
            return True
    if roots > _MANY_ROOTS or options > 4 * MAX_OPTIONS:
        return True
    # Closing tags without an open element lower the count without closing anything.
    depth = rise + surplus
    # Half of the allowed depth, as a margin for elements not counted. Real pages stay below 100.
    return depth > max_depth // 2 or formatting > _MUCH_FORMATTING


# The rewrite -------------------------------------------------------------------------------------------

_COMMENT = re.compile(rb"<!--(?:-?>|.*?--!?>)", re.DOTALL)
_CDATA = b"<![CDATA["
#: Text that would be markup if the parser read raw text as ordinary text, as it does within drawings.
_MARKUP = re.compile(rb"<(?=[a-zA-Z/!?])")

_RAW = frozenset(b"iframe noembed noframes script style textarea title xmp".split())
_RAW_END = {name: re.compile(rb"</%b(?=[\t\n\f\r />])" % name, re.IGNORECASE) for name in _RAW}
_ROOTS = frozenset((b"html", b"head", b"body"))
_LEAVES = frozenset(_VOID)
#: After these no space is needed.
_INLINE = frozenset(_FORMATTING) | frozenset(
    b"abbr acronym bdi bdo cite del dfn ins kbd label mark q samp span sub sup time var".split()
)
#: Closing tags reach no further than these (HTML standard 13.2.4.2, "have an element in scope").
_SCOPE = (
    b"applet caption marquee object table td template th svg math foreignobject annotation-xml desc select"
).split()
_ANYWHERE = frozenset(b"caption table tbody td template tfoot th thead tr".split())
#: Opening tag: which elements it ends, and within what.
_ENDS: dict[bytes, tuple[list[bytes], list[bytes]]] = {
    b"a": ([b"a"], _SCOPE),
    b"button": ([b"button"], _SCOPE),
    b"nobr": ([b"nobr"], _SCOPE),
    b"p": ([b"p"], [*_SCOPE, b"button"]),
    b"li": ([b"li"], [*_SCOPE, b"ul", b"ol", b"menu", b"dir"]),
    **dict.fromkeys((b"dd", b"dt"), ([b"dd", b"dt"], [*_SCOPE, b"dl"])),
    **dict.fromkeys((b"td", b"th"), ([b"td", b"th", b"caption"], [b"table", b"template"])),
    b"tr": ([b"tr", b"td", b"th", b"caption"], [b"table", b"template"]),
    **dict.fromkeys(
        (b"tbody", b"thead", b"tfoot"),
        ([b"tbody", b"thead", b"tfoot", b"tr", b"td", b"th", b"caption"], [b"table", b"template"]),
    ),
    b"option": ([b"option"], [b"select", b"datalist", b"optgroup"]),
    b"optgroup": ([b"option", b"optgroup"], [b"select"]),
    **dict.fromkeys((b"rp", b"rt"), ([b"rp", b"rt"], [b"ruby"])),
}
_UNCLOSED = frozenset(_ENDED_BY_NEXT)


class _Nesting:
    """The output so far, and the elements that are open in it."""

    def __init__(self, max_depth: int) -> None:
        self.max_depth = max_depth
        self.out: list[bytes] = []
        self.open: list[bytes] = []  # names
        self.places: dict[bytes, list[int]] = {}  # name -> where in ``open``
        self.left_out: dict[bytes, int] = {}  # name -> tags left out whose closing tag must be left out too
        self.deepest = 0
        self.repairs = 0  # closing tags that are missing in the page, or that closed nothing
        self.cut = False  # something was left out

    def _place(self, names: list[bytes]) -> int:
        """Index of the innermost open element among ``names``; -1 if there is none."""
        innermost = -1
        for name in names:
            if (places := self.places.get(name)) and places[-1] > innermost:
                innermost = places[-1]
        return innermost

    def _close_from(self, place: int) -> None:
        while len(self.open) > place:
            name = self.open.pop()
            self.places[name].pop()
            self.out.append(b"</%b>" % name)
            self.repairs += len(self.open) > place and name not in _UNCLOSED

    def leave_out(self, name: bytes) -> None:
        self.cut = True
        self.out.append(b"" if name in _INLINE else b"\n")

    def push(self, name: bytes, tag: bytes) -> None:
        if (ends := _ENDS.get(name)) is not None:
            ended, barriers = ends
            if (nearest := self._place(ended)) >= 0 and nearest > (barrier := self._place(barriers)):
                for end in ended:  # a row also ends the cell in it
                    places = self.places.get(end)
                    if places and barrier < places[-1] < nearest:
                        nearest = places[-1]
                self._close_from(nearest)
        # The parser adds a tbody and a tr where a table has none.
        if len(self.open) + 2 * len(self.places.get(b"table", ())) >= self.max_depth:
            self.left_out[name] = self.left_out.get(name, 0) + 1
            self.leave_out(name)
            return
        self.out.append(tag)
        self.places.setdefault(name, []).append(len(self.open))
        self.open.append(name)
        self.deepest = max(self.deepest, len(self.open))

    def pop(self, name: bytes) -> None:
        if left_out := self.left_out.get(name):
            self.left_out[name] = left_out - 1
            self.leave_out(name)
            return
        place = self._place([name])
        if place < 0 or (name not in _ANYWHERE and place < self._place(_SCOPE)):
            self.repairs += 1
            self.out.append(b"<br>" if name == b"br" else b"" if name in _INLINE else b"\n")
        else:
            self._close_from(place)

    def foreign(self) -> bool:
        return bool(self.places.get(b"svg") or self.places.get(b"math"))


def _rewrite(data: bytes, max_depth: int) -> bytes:
    """``data`` well nested and within the caps, or ``data`` itself if it is so already."""
    page = _Nesting(max_depth)
    out = page.out
    roots: set[bytes] = set()
    options = 0
    end = 0
    while (markup := _MARKUP.search(data, end)) is not None:
        start = markup.start()
        # The next tag may be left out: the text before and after it must not form a tag together.
        out.append(data[end:start] if data[start - 1 : start] != b"<" else data[end : start - 1] + b"&lt;")
        tag = _TAG.match(data, start)
        if tag is None:
            end = _skip(data, start)
            if data[start + 2 : start + 3] in (b"d", b"D"):
                out.append(data[start:end])  # <!doctype …>
            continue
        end = tag.end()
        if _has_too_many(tag[3]):
            page.cut = True
            text = b"<%b>" % tag[2]
        else:
            text = tag[0]
        if not tag[5]:
            break  # the page ends inside it, and the parser ignores it
        name = tag[2].lower()
        if tag[1]:
            if name not in _RAW and name not in _ROOTS:
                page.pop(name)
            continue
        if tag[4].endswith(b"/") and page.foreign():
            out.append(data[start : tag.start(4)] + b"></%b>" % name)
        elif name in _LEAVES:
            out.append(text)
        elif name in _RAW:
            closing = _RAW_END[name].search(data, end)
            if closing is None and page.foreign():
                page.leave_out(name)  # raw text only outside of drawings; would swallow the rest
                continue
            stop = len(data) if closing is None else closing.start()
            out += (text, _MARKUP.sub(b"< ", data[end:stop]), b"</%b>" % name)
            end = stop
        elif name == b"plaintext":
            out += (text, _MARKUP.sub(b"< ", data[end:]))
            end = len(data)
        elif name in _ROOTS:
            page.cut |= name in roots
            if name not in roots:
                out.append(text)
            roots.add(name)
        elif name == b"option" and (options := options + 1) > MAX_OPTIONS:
            page.leave_out(name)
        else:
            if name == b"select":
                options = 0
            page.push(name, text)
    else:
        out.append(data[end:])
    harmless = page.deepest + page.repairs <= max_depth and page.repairs <= _MUCH_FORMATTING
    return data if harmless and not page.cut else b"".join(out)


def _skip(data: bytes, start: int) -> int:
    """Where the comment at ``start``, or what the parser treats as one, ends."""
    if data.startswith(b"<!--", start):
        found = _COMMENT.match(data, start)
        return len(data) if found is None else found.end()
    if data.startswith(_CDATA, start):
        return start + len(_CDATA)  # a CDATA section only in drawings: kept as a comment
    return (data.find(b">", start) + 1) or len(data)


# Both --------------------------------------------------------------------------------------------------

_SURROGATE = re.compile("[\ud800-\udfff]")


def encoded(html: str) -> bytes:
    """The page in UTF-8. Lone surrogates become U+FFFD. Raises ValueError for a page larger than
    ``MAX_CHARS``."""
    if len(html) > MAX_CHARS:
        raise ValueError(
            f"the page has {len(html):,} characters, larger than the {MAX_CHARS:,} that are parsed"
        )
    try:
        return html.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", html).encode()


def tamed(data: bytes, max_depth: int = MAX_DEPTH) -> bytes:
    """A page in UTF-8 for the parser: unchanged, or as an equivalent text that parses in linear time. NUL is
    kept; the parser leaves it out of text, as the HTML standard says."""
    return _rewrite(data, max_depth) if _suspicious(data, max_depth) else data


def to_parse(html: str, max_depth: int = MAX_DEPTH) -> bytes:
    """A page for the parser: ``tamed`` after ``encoded``."""
    return tamed(encoded(html), max_depth)
