"""What elements within a line do to it, when they open and when they close.

Knows links, scripts, code and other inline elements, and preformatted text. Does not know which elements are
special on this page nor how events follow each other (``walk``), nor how lines become blocks (``layout``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from stages.render import permalinks, rawtex
from stages.render.block_kernels import BLOCKS, GAP_NOW
from stages.render.kinds import (
    BLOCK_LINK,
    BUTTON,
    CLOSES,
    CODE,
    LINK,
    OBJECT,
    PRE,
    QUOTED,
    RUBY,
    SUBSCRIPT,
    SUPERSCRIPT,
)
from stages.render.layout import BOX_JOINT, CODE_BACKSLASH, CODE_BACKTICK, SCRIPT_JOINT, Page
from stages.render.list_kernels import MORE, WHAT
from stages.render.whitespace import collapse

#: A sub- or superscript that needs no braces: a number, a word, a sign or a footnote mark, after an optional
#: sign.
_ONE_TOKEN = re.compile(r"[-+−]?(?:[^\W_]+|[^\w\s])|[\[(][^\[\]()]*[\])]")
#: Characters that can have a subscript, besides letters and digits.
_BASES = frozenset(")]}′'")


def open_link(page: Page, about: int) -> None:
    inline = page.inline
    if inline and not inline[-1]:
        page.joint = BOX_JOINT  # style sheets separate links from their neighbours
    page.links += 1
    page.link_from = len(inline)


def close_link(page: Page, about: int) -> None:
    if page.link_from >= 0:
        inline = page.inline
        text = "".join(inline[page.link_from :])
        if 0 < len(text) < 6 or page.in_heading:
            text = _without_permalink(page, text, about)
        page.link_chars += len(text)
        page.link_from = -1
        if not page.pre and (page.links or not text):
            inline.append("")  # tells the walk that an element directly follows a link


def close_block_link(page: Page, about: int) -> None:
    close_link(page, about)
    if page.inline:
        page.line()


def _without_permalink(page: Page, text: str, about: int) -> str:
    """The ``text`` of a link that ends, or "" if it was a permalink, which is then removed from the line."""
    if page.pre or len(text) > permalinks.MAX_CHARS:
        return text
    if not permalinks.is_permalink(text, page.scan.attributes(about), page.in_heading):
        return text
    del page.inline[page.link_from :]
    page.permalink += text.strip()
    page.links -= 1
    return ""


def set_apart(page: Page, about: int) -> None:
    page.joint = BOX_JOINT


def line_break(page: Page, about: int) -> None:
    if page.pre or (page.inline and page.breaks.within_formula(page.inline, page.scan.after(about))):
        page.inline.append("\n")
    elif not page.flush() and not page.marked:
        page.state[GAP_NOW] = 2  # a break on a line of its own is a blank line


def _writes(text: str) -> Callable[[Page, int], None]:
    def write(page: Page, about: int) -> None:
        page.inline.append(text)

    return write


def open_text(page: Page, about: int) -> None:
    """Saves where the text of an inline element starts: the place on the line, and the line."""
    page.open[page.saved, WHAT : MORE + 1] = len(page.inline), page.state[BLOCKS]
    page.saved += 1


def _start_of_text(page: Page) -> int:
    """What ``open_text`` saved; -1 if the text is on several lines."""
    page.saved -= 1
    place, line = page.open[page.saved, WHAT : MORE + 1].tolist()
    return place if line == page.state[BLOCKS] else -1


def close_code(page: Page, about: int) -> None:
    place = _start_of_text(page)
    if place < 0 or page.pre:
        return
    code = "".join(page.inline[place:])
    if "`" in code and page.asciimath():
        code = code.replace("`", CODE_BACKTICK)
        page.inline[place:] = [code]
    if rawtex.is_suspect(code):
        page.inline[place:] = [code.replace("\\", CODE_BACKSLASH)]


def close_superscript(page: Page, about: int) -> None:
    _script(page, "^")


def close_subscript(page: Page, about: int) -> None:
    _script(page, "_")


def _script(page: Page, sign: str) -> None:
    place = _start_of_text(page)
    if place < 0:
        return
    inline = page.inline
    script = "".join(inline[place:])
    text = collapse(script)
    base = "".join(inline[max(place - 2, 0) : place])[-1:]
    if not text or text[0] == "$" or (sign == "_" and not (base.isalnum() or base in _BASES)):
        return
    if _ONE_TOKEN.fullmatch(text):
        inline[place:] = [sign + text]
        page.joint = SCRIPT_JOINT
    else:
        inline[place:] = [sign + "{" + text + "}"]
    if script[-1].isspace():
        inline.append(" ")


#: What an event of an element does. ``about`` is a number of the scan for the attributes of a link, the mark
#: of code.
ELEMENTS: dict[int, Callable[[Page, int], None]] = {
    LINK: open_link,
    CLOSES + LINK: close_link,
    CLOSES + BLOCK_LINK: close_block_link,
    SUPERSCRIPT: open_text,
    CLOSES + SUPERSCRIPT: close_superscript,
    SUBSCRIPT: open_text,
    CLOSES + SUBSCRIPT: close_subscript,
    QUOTED: _writes('"'),
    CLOSES + QUOTED: _writes('"'),
    RUBY: _writes("("),
    CLOSES + RUBY: _writes(")"),
    BUTTON: _writes(" "),
    CLOSES + BUTTON: _writes(" "),
    CODE: open_text,
    CLOSES + CODE: close_code,
    OBJECT: set_apart,
    CLOSES + OBJECT: set_apart,
    PRE: Page.open_code_block,
    CLOSES + PRE: lambda page, about: page.close_code_block(),
}
