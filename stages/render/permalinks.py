"""Permalinks of headings: the mark beside a heading (``¶``, ``#``, a link icon) that links to it.

Knows the marks and labels that documentation tools, forums and blogs give such links (Sphinx, MkDocs,
rustdoc, Javadoc, Doxygen, VitePress, Docusaurus ...). They are not part of the text. Does not know how text
is laid out, nor what a heading is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Characters of the longest label.
MAX_CHARS = 120

# Pilcrows, chains, anchors, diamonds; icon fonts use private-use characters.
_ICON = "¶\u204b\U0001f517\U0001f587\u2693\u26d3\u25c6\u2b25\u2398\ue000-\uf8ff"
_NOTHING = "\\s\u200b-\u200d\u2060\ufeff\ufe0e\ufe0f\xad"
#: Zero-width characters count as well: a style sheet draws the mark.
_MARK = re.compile(
    rf"(?=.*\S)[{_NOTHING}]*(?:[(\[]?(?:[Ââ]?[{_ICON}]|\#{{1,6}}|§|↑|∞)[)\]]?[{_NOTHING}]*)?", re.DOTALL
)
#: Marks that are permalinks beside anything, because they have no other use.
_UNMISTAKABLE = re.compile("[¶\u204b\U0001f517]")
_LABEL = re.compile(
    r"[\s(\[]*(?:copy )?"
    r"(?:(?:perma(?:nent )?|direct |anchor |section |heading |insert_)?link|anchor|hashtag|tag)"
    r"(?: (?:icon|(?:to|for) \S.*))?[\s)\]]*",
    re.IGNORECASE | re.DOTALL,
)
#: Attribute values of such a link.
_SAID = re.compile(
    r"perma|anchor|hash|bookmark|paramlink|(?:copy|direct|head(?:er|ing|line)|section|self|title)[-_ ]?link"
    r"|link[-_ ]to\b",
    re.IGNORECASE,
)
_SAYING = ("class", "title", "aria-label", "rel")


def is_mark(text: str) -> bool:
    """Whether ``text`` is one such sign, or consists of invisible characters."""
    return _MARK.fullmatch(text) is not None


def is_permalink(text: str, attributes: Mapping[str, str], in_heading: bool) -> bool:
    """Whether a link with this ``text`` is the permalink of the content beside it.

    ``in_heading``: the link is in a heading, a defined term or a caption.
    """
    mark = not text.isalnum() and is_mark(text)
    if not mark and not (in_heading and _LABEL.fullmatch(text)):
        return False
    fragment = "#" in (attributes.get("href") or "")
    if fragment and (mark and (in_heading or _UNMISTAKABLE.search(text))):
        return True
    said = " ".join([text, *(attributes.get(name) or "" for name in _SAYING)])
    return _SAID.search(said) is not None and (mark or fragment)
