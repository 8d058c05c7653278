"""How much of an HTML file is text.

Knows the tokens of HTML as Python's own parser has them; text within scripts and style sheets is none. Does
not know what a browser would show.
"""

from __future__ import annotations

from html.entities import html5
from html.parser import HTMLParser

#: What is in these elements is no text of the page.
_OTHER = frozenset({"script", "style", "template", "rt", "rp"})
#: Blanks between elements count as they are in these, and as one elsewhere.
_KEPT = frozenset({"pre", "textarea"})
_VOID = frozenset(
    (
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    )
)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.chars = 0
        self._open: list[str] = []
        self._hidden = self._kept = 0  # open elements of these kinds
        self._run: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._end_run()
        if tag not in _VOID:
            self._open.append(tag)
            self._hidden += tag in _OTHER
            self._kept += tag in _KEPT

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self._end_run()

    def handle_endtag(self, tag: str) -> None:
        self._end_run()
        if tag in self._open[-200:]:
            last = ""
            while last != tag:
                last = self._open.pop()
                self._hidden -= last in _OTHER
                self._kept -= last in _KEPT

    def handle_data(self, data: str) -> None:
        self._run.append(data)

    def handle_charref(self, name: str) -> None:
        self._run.append("x")

    def handle_entityref(self, name: str) -> None:
        self._run.append(html5.get(name + ";") or "&" + name)

    def handle_comment(self, data: str) -> None:
        self._end_run()

    def handle_decl(self, decl: str) -> None:
        self._end_run()

    def unknown_decl(self, data: str) -> None:
        self._end_run()
        if data.upper().startswith("CDATA[") and not self._hidden:
            self.chars += len(data) - len("CDATA[")

    def handle_pi(self, data: str) -> None:
        self._end_run()

    def finish(self) -> int:
        self.close()
        self._end_run()
        return self.chars

    def _end_run(self) -> None:
        if not self._run:
            return
        text = "".join(self._run)
        self._run.clear()
        if self._hidden:
            return
        if not text.strip(" \t\n\r\f\v") and not self._kept:
            self.chars += 1
        else:
            self.chars += len(text)


def text_chars(text: str) -> int | None:
    """Characters of text; None where the parser gives up (nothing that browsers would)."""
    parser = _Text()
    try:
        parser.feed(text)
        return parser.finish()
    except (AssertionError, ValueError, RecursionError):
        return None
