"""How elements nest: what opening and closing tags do to the elements that are open (HTML 13.2.6).

Knows names of tags and attributes. Does not know what an element does to the text (``kinds``).
"""

from __future__ import annotations

from collections.abc import Iterable
from html.entities import html5

import numpy as np
import numpy.typing as npt

from stages.render.hashes import table

# Flags of tags.
FLAGS = (
    CLOSES_P,
    SPECIAL,
    SCOPE,  # closing tags reach no further
    FORMATTING,
    IMPLIED,  # its closing tag is implied by that of another
    ENDS_BLOCK,  # its closing tag closes whatever is open in it
    VOID,
    RAW,
    REFUSED,  # pages with it are left to the parser
    OF_HEAD,  # does not begin the body
    TEXT_ONLY,  # text with references, no elements
    ENDS_DRAWING,  # or may contain other elements in one
    NOTE_IN_DRAWING,  # is read as HTML there
) = tuple(1 << bit for bit in range(13))
# Names of tags that have rules of their own.
NAMES = (
    OTHER,
    A,
    CODE,
    P,
    LI,
    DD,
    BUTTON,
    FORM,
    TABLE,
    TBODY,
    TR,
    CELL,
    CAPTION,
    COLGROUP,
    COL,
    SELECT,
    TITLE,
    BODY,
    ROOT,
    SVG,
    BR,
    IMG,
    INPUT,
    HEADING,
    LIST,
    SCRIPT,
    DIALOG,
    OPTION,
    DIV,
    TEMPLATE,
    PLAIN,
    PRE,
) = tuple(range(32))
_NAMED = {
    A: "a",
    CODE: "code",
    P: "p",
    LI: "li",
    DD: "dd dt",
    BUTTON: "button",
    FORM: "form",
    TABLE: "table",
    TBODY: "tbody thead tfoot",
    TR: "tr",
    CELL: "td th",
    CAPTION: "caption",
    COLGROUP: "colgroup",
    COL: "col",
    SELECT: "select",
    TITLE: "title",
    BODY: "body",
    ROOT: "html head",
    SVG: "svg",
    BR: "br",
    IMG: "img",
    INPUT: "input",
    HEADING: "h1 h2 h3 h4 h5 h6",
    LIST: "ul ol",
    SCRIPT: "script style",
    DIALOG: "dialog",
    OPTION: "option optgroup",
    DIV: "address div",
    TEMPLATE: "template",
    PRE: "pre",
}
_FLAGGED = {
    CLOSES_P: "address article aside blockquote center details dialog dir div dl fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup hr li dd dt main menu nav ol p pre search section"
    " summary ul",
    SPECIAL: "address area article aside base basefont bgsound blockquote body br button caption center col"
    " colgroup dd details dir div dl dt embed fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " head header hgroup hr html iframe img input li link main menu meta nav noembed noframes noscript"
    " object ol p param pre script search section select source style summary table tbody td template"
    " textarea tfoot th thead title tr track ul wbr",
    SCOPE: "caption html table td th object",
    FORMATTING: "a b big code em font i s small strike strong tt u",
    IMPLIED: "dd dt li p",
    ENDS_BLOCK: "address article aside blockquote button center details dialog dir div dl fieldset figcaption"
    " figure footer header hgroup main menu nav object ol pre search section summary ul",
    VOID: "area base basefont bgsound br col embed hr img input link meta param source track wbr",
    RAW: "iframe noembed noframes noscript script style",
    # Formulas and code, for which others look in the tree, and what is seldom seen.
    REFUSED: "annotation annotation-xml applet datalist frame frameset image isindex keygen listing marquee"
    " math nobr option optgroup plaintext rb rp rt rtc xmp",
    OF_HEAD: "base basefont bgsound link meta noframes noscript script style template title",
    TEXT_ONLY: "textarea title",
    ENDS_DRAWING: "b big blockquote body br center code dd div dl dt em embed font foreignobject h1 h2"
    " h3 h4 h5 h6 head hr i img li listing menu meta nobr ol p pre ruby s small span strike strong sub sup"
    " table tt u ul var",
    NOTE_IN_DRAWING: "desc title",
}

# What is done with an attribute.
ATTRIBUTES = (
    KEPT,
    STYLE,
    HIDDEN,
    OPEN,
    TYPE,
    SIGN,  # of a formula
    SOURCE,  # the address of an image
) = tuple(range(7))
#: In this order, the first three are class, id and alt.
_KEPT = "class id alt href role itemprop title aria-label rel colspan rowspan value start reversed declare"
#: Of code: its language.
_NAMES_LANGUAGE = "data-lang data-language lang data-enlighter-language data-syntaxhighlighter-params"
_TREATED = {
    STYLE: "style",
    HIDDEN: "hidden",
    OPEN: "open",
    TYPE: "type",
    SIGN: "data-tex data-latex data-expr data-katex data-equation-content data-formula data-equation"
    " data-math data-mathml data-math-style eeimg",
    SOURCE: "src data-src data-lazy-src data-original data-actualsrc",
}
#: Classes of elements that hold formulas (3) or code (4); the numbers are reasons to give up.
_CLASSES = {
    3: "tex latex latexcenter texrender mjpage latex-rendered ql-formula hurmet-tex",
    4: "FileContents-lineContents blob-code vc_file_line_text react-code-lines syntaxhighlighter"
    " dp-highlighter CodeMirror-code cm-content crayon-pre fragment w3-code",
}


def _tags() -> npt.NDArray[np.int64]:
    names = {tag: name for name, tags in _NAMED.items() for tag in tags.split()}
    flags: dict[str, int] = {}
    for flag, tags in _FLAGGED.items():
        for tag in tags.split():
            flags[tag] = flags.get(tag, 0) | flag
    return table({tag: (names.get(tag, PLAIN), flags.get(tag, 0)) for tag in names | flags}, 512)


def _sizes(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """By the first letter of a name (of 128), a bit for each length of names: most others need no hash."""
    sizes = np.zeros(128, np.int64)
    for name in names:
        sizes[ord(name[0])] |= 1 << len(name)
    return sizes


def _attributes() -> npt.NDArray[np.int64]:
    rows = {name: (KEPT, 1 << bit) for bit, name in enumerate(f"{_KEPT} {_NAMES_LANGUAGE}".split())}
    for what, names in _TREATED.items():
        for name in names.split():
            rows[name] = what, 1 << len(rows)
    return table(rows, 256)


def _classes() -> npt.NDArray[np.int64]:
    return table({name: (why,) for why, names in _CLASSES.items() for name in names.split()}, 64)


def _references() -> npt.NDArray[np.int64]:
    """Names without "&" and ";": two code points, and 1 if the name needs its semicolon, else 2."""
    rows: dict[str, tuple[int, ...]] = {}
    for name, text in html5.items():
        bare = name.rstrip(";")
        first, second = (*map(ord, text), 0)[:2]
        rows[bare] = first, second, 2 if bare in html5 else 1
    return table(rows, 8192)


def _known() -> tuple[npt.NDArray[np.int64], list[tuple[int, int]]]:
    tables = (_tags(), _attributes(), _classes(), _references())
    found = np.zeros((sum(map(len, tables)), max(table.shape[1] for table in tables)), np.int64)
    places = []
    first = 0
    for table_ in tables:
        found[first : first + len(table_), : table_.shape[1]] = table_
        places.append((first, len(table_)))
        first += len(table_)
    return found, places


#: All names: tables of hashes, one after the other, and where each begins and how many rows it has.
KNOWN, (TAGS, ATTRIBUTE_NAMES, CLASSES, REFERENCES) = _known()
ATTRIBUTE_SIZES = _sizes(f"{_KEPT} {_NAMES_LANGUAGE} {' '.join(_TREATED.values())}".split())
CLASS_SIZES = _sizes(" ".join(_CLASSES.values()).split())
