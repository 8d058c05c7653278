"""Words in a page, found faster than by Python. Knows bytes, and which queries need not be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render.byte_kernels import search

#: Distance of large letters from small ones. Other signs that differ by it are taken for the same.
_CASE = np.uint8(32)
_AS_IT_IS = np.uint8(0)

#: A query in CSS: its alternatives, each with a word that is in every page in which it finds anything, in
#: large or small letters, unless references hide it; "" if there is no such word.
Query = Mapping[str, bytes]

#: References to signs that words consist of (letters, "-", "/", "_"), by name and by number: "math/tex" may
#: be written as ``math&#x2F;tex``.
_NAMES = (b"&sol;", b"&lowbar;", b"&UnderBar;")
_NUMBER = re.compile(
    rb"&#(?:0*(?:4[57]|6[5-9]|[78]\d|9[05789]|1[01]\d|12[0-2])(?!\d)"
    rb"|[xX]0*(?:2[dDfF]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])(?![\da-fA-F]))"
)


@cache
def _letters(word: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(word, np.uint8)


@cache
def _folded(word: bytes) -> npt.NDArray[np.uint8]:
    return _letters((_letters(word) | _CASE).tobytes())


def places(page: bytes, word: bytes, *, fold: bool = False) -> Iterator[int]:
    """Where a word is in a page; ``fold``: in large or small letters."""
    source = np.frombuffer(page, np.uint8)
    letters, bits = (_folded(word), _CASE) if fold else (_letters(word), _AS_IT_IS)
    at: int = search(source, letters, 0, bits)
    while at >= 0:
        yield at
        at = search(source, letters, at + 1, bits)


class Source:
    """The words of a page, each searched for once."""

    def __init__(self, page: bytes) -> None:
        self._bytes = page
        self._page = np.frombuffer(page, np.uint8)
        self._known = {b"": True}
        self.size = len(page)  # in bytes

    def __contains__(self, word: bytes) -> bool:
        """Whether a word is in the page, in large or small letters, or may be there in references."""
        if (known := self._known.get(word)) is None:
            known = self._known[word] = self._has(word) or self.hides_words
        return known

    def _has(self, word: bytes) -> bool:
        return bool(search(self._page, _folded(word), 0, _CASE) >= 0)

    @cached_property
    def hides_words(self) -> bool:
        """Whether references stand for signs of words."""
        at = next(places(self._bytes, b"&#"), self.size)
        return _NUMBER.search(self._bytes, at) is not None or any(map(self._has, _NAMES))

    def select(self, tree: LexborHTMLParser, query: Query) -> list[LexborNode]:
        """What a query finds in the tree of the page. Each alternative costs time for each element, several
        times that of a search for its word."""
        wanted = self._wanted(query)
        return tree.css(wanted) if wanted else []

    def has(self, tree: LexborHTMLParser, query: Query) -> bool:
        """Whether a query finds anything."""
        wanted = self._wanted(query)
        return bool(wanted) and tree.css_first(wanted) is not None

    def _wanted(self, query: Query) -> str:
        return ", ".join([selector for selector, word in query.items() if word in self])
