"""Signs that an element of normal text is code: names of classes, and whether a page has any sign.

Knows names, tags and fonts as they stand in the source. Does not know elements (``code_flow``).
"""

from __future__ import annotations

import re

from stages.render.searching import Source, places

#: Names of boxes that hold only code (not coupons or postal codes), and names of boxes that may hold code.
CODE_CLASS = re.compile(
    r"(?i)(?:^|\s)(?:(?:bb|source|src|php|html|sql|js|java|css|xml|cpp|c|py|python|xoops|wiki|program|sample|example"
    r"|forum|raw|pre|syntax|geshi|block)[-_]?)?code(?:[-_]*(?:code|box|block|main|content|container|area|view|body|text"
    r"|wrap|wrapper|inner|snippet|sample|example|listing|frame|cell|s))*(?=\s|$)|geshi|program-?listing"
)
MAYBE_CLASS = re.compile(
    r"(?i)(?:^|[\s_-])(?:mono(?:space[d]?)?|listing|syntax\w*|highlight\w*|console|terminal|snippet|courier\w*"
    r"|typewriter|program)(?=[\s_-]|$)"
)

#: Of ``code_flow._MARKS``: tags and an id, words of classes, and words of styles and of ``face``.
_TAGS = (b"<tt", b"<code", b"<kbd", b"<samp", b' id="code"')
_CLASS_WORDS = (
    b"code geshi listing mono syntax highlight console terminal snippet courier typewriter program".split()
)
_FONT_WORDS = b"mono courier consolas menlo lucida fixedsys inconsolata terminal source".split()
_IN_FONT = re.compile(rb"<[^<>]*(?:style|face)\s*=[^<>]*\Z", re.IGNORECASE)
#: Bytes before a word in which its tag begins.
_LONGEST_TAG = 4000


def may_be_marked(page: bytes, body: bytes) -> bool:
    """Whether there may be an element with a sign of code. ``body``: the page as ``regular`` writes it, which
    has classes but not fonts; ``page``: as it was."""
    written = Source(body)
    if any(sign in written for sign in _TAGS):
        return True
    for word in _CLASS_WORDS:
        for at in places(body, word, fold=True):
            begins, ends = body.rfind(b' class="', 0, at) + 8, body.find(b'"', at)
            names = body[begins:ends] if begins > 7 else b'"'
            if b'"' not in names and (CODE_CLASS.search(text := names.decode()) or MAYBE_CLASS.search(text)):
                return True
    if Source(page).hides_words:  # names of fonts, perhaps
        return True
    for word in _FONT_WORDS:
        for at in places(page, word, fold=True):
            begins = page.rfind(b"<", max(at - _LONGEST_TAG, 0), at)
            if begins >= 0 and page.find(b">", begins, at) < 0 and _IN_FONT.match(page, begins, at):
                return True
    return False
