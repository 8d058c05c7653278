"""The tree of a page whose markup is regular, without the parser: the way of most pages.

A page is regular if what a browser makes of it can be told tag by tag, and if it has neither formulas nor
code in any form for which others look in the tree; for ``<pre>`` a look at the source is enough
(``code_source``). The source is then written as the parser would write its tree, which takes a third of the
time; hidden elements are marked at once. Knows document types and titles. Does not know how elements nest
(``nesting``), nor what is printed (``scan``).
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.render import code_source, nesting
from stages.render.attribute_kernels import CODES, INFO
from stages.render.byte_kernels import readable
from stages.render.hashes import hash_of
from stages.render.nesting_kernels import DEPTH, STACK
from stages.render.opening_kernels import MARGIN
from stages.render.regular_kernels import build
from stages.render.tag_kernels import BROKEN, LATE, LATE_END, PUT, RESULT, TITLE, TITLE_END, WHY

#: Why a page is left to the parser.
REASONS = ("", "markup", "nesting", "formula", "code", "reference", "pieces")
#: Ends every search in a page; at its end, the names of elements for which pages need no tag.
_TAIL = b"<=\"'>-->]]></ >--!>" * 4 + b"   tbody tr colgroup body   "
_DOCTYPE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|<!--(?:(?!-->).)*+-->)*+<!doctype\s+html\s*(?:>|public\s+['\"]([^'\"]*))",
    re.IGNORECASE | re.DOTALL,
)
#: Document types of which the standard says that tables end paragraphs.
_STRICT = (b"-//w3c//dtd xhtml 1", b"-//w3c//dtd html 4.01//")
#: A line that may be one of code in normal flow.
_INDENTED = re.compile(rb"<br[^>]*>(?:[ \t\n\f]|<[^>]*>)*+\xc2\xa0")
#: Notes of code on a page, at most: one for each element around each ``<pre>``.
_MOST_CODES = 4000
#: In which a document type is looked for.
_HEAD = 4096
_HIDDEN = np.int64(hash_of("hidden"))
#: How a hidden element is marked.
HIDDEN = b' /="s'


class Regular(NamedTuple):
    """A regular page."""

    body: memoryview  # as the parser writes it, with marks
    title: str
    languages: dict[int, str]  # of code, by the numbers of marks


def read(data: bytes) -> Regular | None:
    """The body of a regular page in UTF-8; None for a page that needs the parser."""
    found = build_tree(data)
    return None if isinstance(found, int) else found


def build_tree(data: bytes) -> Regular | int:
    """The same, or why the page needs the parser: an index of ``REASONS``."""
    page = readable(data, _TAIL)
    out = np.empty(2 * len(page) + 64 * MARGIN, np.uint8)
    stack = np.empty((DEPTH + 1, STACK), np.int64)
    info = np.zeros(INFO + 1, np.int64)
    codes = np.empty((_MOST_CODES, 2), np.int64)
    codes[-1] = 0
    result = np.zeros(RESULT, np.int64)
    build(page, len(_TAIL), _quirks(data), nesting.KNOWN, _HIDDEN, out, stack, info, codes, result)
    if result[WHY]:
        return int(result[WHY])
    title = " ".join(unescape(data[result[TITLE] : result[TITLE_END]].decode()).split())
    body = out[: result[PUT]]
    late, end = result[[LATE, LATE_END]].tolist()
    if result[BROKEN] and _INDENTED.search(body.data):
        return int(CODES)
    if late:
        begins = len(b"<body")
        body = np.concatenate([body[:begins], out[late:end], body[begins:]])
    if not codes[-1, 0]:
        return Regular(body.data, title, {})
    found = code_source.find(body.tobytes(), _paths(codes, end - late if late else 0))
    return int(CODES) if found is None else Regular(memoryview(found[0]), title, found[1])


def _paths(codes: npt.NDArray[np.int64], shift: int) -> list[code_source.Path]:
    """What ``note_code`` noted, for each ``<pre>``; ``shift``: of all places but that of the body."""
    paths: list[code_source.Path] = []
    path: list[tuple[int, int]] = []
    for begins, before in codes[: codes[-1, 0]].tolist():
        if begins < 0:
            paths.append(path)
            path = []
        else:
            path.append((begins + shift * (begins > 0), before + shift * (before > 0)))
    return paths


def _quirks(data: bytes) -> int:
    """Whether tables may stand in paragraphs: 0 or 1, 2 if the document type is a rare one."""
    found = _DOCTYPE.match(data[:_HEAD])
    return 0 if found is not None and (found[1] is None or found[1].lower().startswith(_STRICT)) else 2
