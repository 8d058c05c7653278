"""What a page has to print, as a list of events in the order of the page.

The parser writes its tree once more, and one compiled loop reads that (``scan_kernels``): a tree that is
walked node by node in Python takes ten times as long. Knows the text of events and the attributes of the
elements that events mention. Does not know what an event does (``walk``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from stages.render import kinds
from stages.render.blocks import Looks, Outline
from stages.render.byte_kernels import readable
from stages.render.event_kernels import BYTES, ELEMENT, EVENT, LOOK, LOOKS, STACK, STATES
from stages.render.formulas import NONE, Written
from stages.render.joints import STICKS_TO_WORD, WORD_STICKS_TO
from stages.render.markup_kernels import FOUND
from stages.render.scan_kernels import scan

#: Limits on the characters of a note to users whose browser cannot play a film, and on the nodes examined to
#: find it. If there is more, the element was never closed and contains the rest of the page.
_NOTE = np.array([400, 1000, 1 << 16], np.int64)
#: Characters before which, and after which, words that a box or image separates need no space.
_STICKS = np.array(list(zip_longest(map(ord, STICKS_TO_WORD), map(ord, WORD_STICKS_TO), fillvalue=-1)))
_ATTRIBUTE = re.compile(rb' (=?[^=]*)="([^"]*)"')
_MARKUP = re.compile(
    rb"<!--.*?-->|<(%b)(?=[ >]).*?</\1>|<[^>]*>" % "|".join(kinds.tags(kinds.RAW)).encode(),
    re.DOTALL,
)
_TEMPLATE = re.compile(rb"<template(?=[ >])(?:(?!</?template).)*+</template>", re.DOTALL)
#: What one "<" leads to at most: a line that ends, a container, and an element that is opened and closed.
_MOST_EVENTS = 12

#: Numbers of an element: where it is in the page.
Element = int


class Scan:
    """The events of a page, and what they refer to."""

    def __init__(
        self, body: bytes | memoryview, *, structure: bool, alternatives: bool, formulas: Written = NONE
    ) -> None:
        """``body``: as the parser writes it. ``structure``: with containers. ``alternatives``: with the alt
        texts of images."""
        self.page = memoryview(body)
        self.source = page = readable(body, kinds.TAIL)
        tags = int(np.count_nonzero(page == ord("<")))
        # Text is written twice at most, and a third time with what is not printed.
        given = len(formulas.text)
        self.out = out = np.empty(3 * (len(page) + tags) + 2 * given, np.uint8)
        out.data[:given] = formulas.text
        events = np.empty((_MOST_EVENTS * tags, EVENT), np.int32)
        self.elements = elements = np.empty((2 * tags, ELEMENT), np.int32)
        stack = np.empty((tags, STACK), np.int64)
        state = np.zeros(STATES, np.int64)
        state[BYTES] = given
        found = np.zeros(FOUND, np.int64)
        looks = np.zeros((1 << int(2 * tags * structure).bit_length(), LOOK), np.int64)
        pages = (page, kinds.TAGS, _NOTE, _STICKS, formulas.places, structure, alternatives)
        scan(*pages, out, events, elements, stack, looks, state, found)
        count, self.bytes, self._count = state[:3].tolist()
        self.events = events[:count]  # what (``kinds``), two numbers about it, the container, characters
        self._first_of_look = looks[: state[LOOKS], 2]

    def _element(self, element: Element) -> list[int]:
        numbers: list[int] = self.elements[element].tolist()
        return numbers

    def outline(self, merged: npt.NDArray[np.int64]) -> Outline:
        """The containers; blocks name them by the number of the element."""
        first = self.elements[self._first_of_look]
        ends = first[:, 4] + first[:, 1] - first[:, 0]
        places = np.stack([first[:, 3], first[:, 4], ends], 1).astype(np.int64)
        elements = self.elements[: self._count, [2, 5]].astype(np.int64).T.copy()
        return Outline(elements[0], elements[1], Looks(self.out, places), merged)

    def attributes(self, element: Element) -> dict[str, str]:
        """All attributes; -1 for an element that has none."""
        if element < 0:
            return {}
        _, start, end = self._element(element)[:3]
        found = _ATTRIBUTE.findall(self.page[start:end])
        return {name.decode(): unescape(value.decode()) for name, value in found}

    def text_of(self, element: Element) -> str:
        """The text of a button."""
        start, end = self._element(element)[2:4]
        return _text(bytes(self.page[start + 1 : end]))

    def items(self, element: Element) -> int:
        """How many items a list has."""
        inside = _inside(self.page, self._element(element)[2] + 1)
        return sum([name == "li" for name, _ in inside])

    def after(self, place: int) -> Iterator[tuple[str, str]]:
        """Names and texts of the elements and texts (name "") that follow a place within its parent."""
        return _inside(self.page, place)


def _text(markup: bytes) -> str:
    found = 1
    while found:  # from the inside out
        markup, found = _TEMPLATE.subn(b"", markup)
    return unescape(_MARKUP.sub(b"", markup).decode())


_TOKEN = re.compile(rb"<!--.*?-->|<\?[^>]*>|<(/?)([^ >]+)[^>]*>|[^<]+", re.DOTALL)
_NO_CONTENT = frozenset(kinds.tags(kinds.VOID))


def _inside(page: memoryview, place: int) -> Iterator[tuple[str, str]]:
    """Elements and texts from ``place`` on, up to the end of the element that they are in."""
    depth = 0
    name, texts = "", []
    for token in _TOKEN.finditer(page, place):
        closing, tag = token[1], token[2]
        if tag is None:
            if token[0][:1] != b"<":
                if not depth:
                    yield "", unescape(token[0].decode())
                texts.append(token[0])
            continue
        if closing:
            depth -= 1
            if depth < 0:
                return
        else:
            if not depth:
                name, texts = tag.decode(), []
            depth += 1
            if tag.decode() in _NO_CONTENT:
                depth -= 1
        if not depth:
            yield name, unescape(b"".join(texts).decode())
