"""Kinds of elements, by their tags, and the events of a page: the numbers on which the scan of a page and the
walk over its events agree.

Knows the tags of HTML. Does not know what an element does to the text (``elements``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.render.hashes import table

# Kinds of elements. Below INLINE, nothing of an element is printed; below LINE an element is inline, and from
# HEADING on it does more than request a gap.
EMBEDDING = -3  # an OBJECT or a BOX, depending on its content
BOX = -2  # separates words
SKIP = -1
INLINE = 0
LINK = 1
IMAGE = 2
BREAK = 3
SUPERSCRIPT = 4
SUBSCRIPT = 5
QUOTED = 6
RUBY = 7
BUTTON = 8
CODE = 9
OBJECT = 10  # what it embeds is not in the page; its fallback content is printed
LINE = 11  # starts and ends a line
BLOCK = 12  # blank line before and after
HEADING = 13
LIST = 14
ITEM = 15
TERM = 16
DEFINITION = 17
QUOTE = 18
PRE = 19
TABLE = 20
ROW = 21
CELL = 22
CAPTION = 23
HEAD_ROWS = 24
HEADER_CELL = 25
BLOCK_LINK = 26  # a link made block-level by its style

# Events: an element that opens has its kind for a number, one that closes its kind and this.
CLOSES = 32
# The others, with the two numbers that they have:
TEXT = -1  # first and last character of a piece of text with more than white space
SPACE = -2  # white space alone: the character that stands for it; 1 if it counts where a line begins
FLUSH = -3  # ends the line, if there is one
GAP = -4  # and requests a blank line
JOINT = -5  # something that is not printed separates two words
EDGE = -6  # an inline element begins directly after a link
LINE_OF_TEXT = -11  # a whole line, its white space collapsed; as TEXT
FORMULA = -9  # stands in place of an element; the number of its mark
LISTING = -10
ALTERNATIVE = -13  # the alt text of an image; as TEXT
BREAKS = -14  # <br>; the place after it
CONTROL = -15  # a button in a heading opens; its number among the elements, and how many events are in it

# Marks of elements, as bytes: how the value of ``MARK`` begins; a number follows.
HIDDEN = ord("s")
REPLACED = ord("f")  # by a formula
LISTED = ord("g")  # by lines of code
PREFORMATTED = ord("p")
BLOCKED = ord("b")  # block-level by style
NAMED = ord("n")  # a <pre> of which the language is known
#: An attribute that no page has: a parser ends names at this character.
MARK = "/"

# Flags of tags.
LEVEL = 7  # of a heading
VOID = 8  # has no content and no closing tag
RAW = 16  # holds text without references
SCRIPT = 32
HEADINGS = 64  # a button in one may be a mark
MATH = 128
NOTES = 256  # notes of a formula that is itself not to be read
PLACED = 512  # keeps its place in a list or table when a listing replaces what is in it
DECLARED = 1024  # an object is not shown if it is only declared

#: Follows a page, so that no search for the end of something goes beyond it.
TAIL = b'<="" -->="">' * 8

_TAGS = {
    # Elements that a browser does not show.
    SKIP: "datalist head noembed noframes noscript option rp script style template title",
    # Controls, whose text is not prose, and elements without text.
    BOX: "iframe input select svg textarea",
    EMBEDDING: "applet audio canvas meter object progress video",
    INLINE: "math annotation annotation-xml",
    LINK: "a",
    IMAGE: "img",
    BREAK: "br",
    SUPERSCRIPT: "sup",
    SUBSCRIPT: "sub",
    QUOTED: "q",
    RUBY: "rt",
    BUTTON: "button",
    CODE: "code",
    LINE: "address article aside body center details dialog div fieldset figcaption footer form header"
    " hgroup html legend main nav search section summary tbody tfoot",
    BLOCK: "dl figure hr p",
    HEADING: "h1 h2 h3 h4 h5 h6",
    LIST: "ul ol menu dir",
    ITEM: "li",
    TERM: "dt",
    DEFINITION: "dd",
    QUOTE: "blockquote",
    PRE: "pre listing xmp plaintext",
    TABLE: "table",
    ROW: "tr",
    CELL: "td",
    HEADER_CELL: "th",
    CAPTION: "caption",
    HEAD_ROWS: "thead",
}
_FLAGS = {
    VOID: "area base basefont bgsound br col embed frame hr img input keygen link meta param source track"
    " wbr",
    RAW: "iframe noembed noframes noscript plaintext script style xmp",
    SCRIPT: "script",
    HEADINGS: "h1 h2 h3 h4 h5 h6 dt summary",
    MATH: "math",
    NOTES: "annotation annotation-xml",
    PLACED: "li dt dd td th",
    DECLARED: "applet object",
}


def _table() -> npt.NDArray[np.int64]:
    """Kind and flags of each tag."""
    kinds = {tag: kind for kind, tags in _TAGS.items() for tag in tags.split()}
    flags = {f"h{level}": level for level in range(1, 7)}
    for flag, tags in _FLAGS.items():
        for tag in tags.split():
            flags[tag] = flags.get(tag, 0) | flag
    rows = {tag: (kinds.get(tag, INLINE), flags.get(tag, 0)) for tag in kinds.keys() | flags.keys()}
    return table(rows, 512)


TAGS = _table()


def tags(flag: int) -> list[str]:
    """The tags that have ``flag``."""
    return _FLAGS[flag].split()
