"""The programming languages of code boxes, as classes and attributes of highlighters name them.

Knows names and aliases of languages. Does not know which elements are code (``code``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from selectolax.lexbor import LexborNode

#: Name, then aliases.
_LANGUAGES = """ada|apache apacheconf|applescript|assembly asm nasm x86asm armasm|awk gawk|
bash sh shell zsh ksh console terminal shell-session shellsession sh-session|batch bat cmd dos|c|
c# csharp cs|c++ cpp cxx cc hpp|clojure clj|cmake|cobol|coffeescript coffee|css|cuda|d|dart|diff patch|
docker dockerfile|elixir exs|elm|erlang erl|f# fsharp|fortran f90|glsl|go golang|graphql gql|groovy gradle|
haskell hs|hcl terraform|html htm html5 xhtml|http|ini cfg properties|java|
javascript js jsx mjs node nodejs es6 ecmascript|json jsonc json5|julia jl|kotlin kt|latex tex|less|
lisp commonlisp common-lisp elisp emacs-lisp|lua|makefile make|markdown md|mathematica wolfram|matlab octave|
nginx|nim|nix|objective-c objectivec objc obj-c|ocaml|pascal delphi|perl pl|php|powershell ps1 pwsh|prolog|
protobuf proto|python py py3 python2 python3 pycon ipython ipython3|r rlang|racket|ruby rb irb|rust rs|sas|
sass|scala|scheme|scss|solidity|sql mysql postgresql postgres pgsql plsql plpgsql tsql sqlite|swift|tcl|toml|
typescript ts tsx|verilog systemverilog|vhdl|vim viml|visual-basic vb vbnet vb.net vbscript|vue|
xml xsl xslt svg|yaml yml|zig"""
_ALIASES = {
    alias: names.split()[0] for names in _LANGUAGES.replace("\n", "").split("|") for alias in names.split()
}
#: Names that mean no language.
_NO_LANGUAGE = "none text plain plaintext txt nohighlight no-highlight output auto default undefined raw"
_ALIASES |= dict.fromkeys(_NO_LANGUAGE.split(), "")
_PREFIX = re.compile(
    r"(language|lang|highlight-source|highlight-text|mw-highlight-lang|highlight|src|type|sp)-(.+)|(lang):(.+)"
)
_BRUSH = re.compile(r"brush\s*:\s*([\w+#-]+)")
_WORD = re.compile(r"[a-z][a-z0-9+#._-]{0,30}")
#: Classes beside which an unprefixed word names a language, not a part of the design.
_MATES = """highlight highlighter code codehilite code-block codeblock sourcecode hljs prettyprint src syntax
syntaxhighlighter wp_syntax listing literal-block"""
_MATED = frozenset(_MATES.split())
_LANGUAGE_ATTRIBUTES = ("data-lang", "data-language", "lang", "data-enlighter-language")


#: Elements that name the language of the box that they are in.
CODE_TAGS = ("code", "samp")


def known_language(word: str) -> str | None:
    """The canonical name of a language, "" for plain text; None if it is not known."""
    if word in _ALIASES:
        return _ALIASES[word]
    # "html-basic", "html+jinja"
    return _ALIASES.get(re.split(r"[-+]", word)[0]) if "-" in word or "+" in word else None


@lru_cache(maxsize=4096)
def _language_of_class(names: str, own: bool) -> str | None:
    """``own``: a class of the code element itself, where ``language-`` precedes a language, known or not; on
    a wrapper, ``lang-en`` and ``language-switch`` mean other things."""
    names = names.lower()
    if brush := _BRUSH.search(names):
        return known_language(brush[1]) if known_language(brush[1]) is not None else brush[1]
    tokens = names.split()
    for token in tokens:
        if match := _PREFIX.fullmatch(token):
            prefix, word = match[1] or match[3], match[2] or match[4]
            if (name := known_language(word)) is not None:
                return name
            if own and prefix == "language" and _WORD.fullmatch(word):
                return word
    mated = not _MATED.isdisjoint(tokens)
    for token in tokens:
        # A short word alone is just as often the output of a minifier.
        if token in _ALIASES and (mated or (own and (len(token) > 2 or len(tokens) == 1))):
            return _ALIASES[token]
    return None


#: Attributes of elements, as far as they name languages: class and the like.
Attributes = Mapping[str, str | None]


def _language_of(attributes: Attributes, own: bool) -> str | None:
    if not attributes:
        return None
    names = attributes.get("class")
    if names and (name := _language_of_class(names, own)) is not None:
        return name
    for key in _LANGUAGE_ATTRIBUTES if own or "data-lang" in attributes else ():
        if (value := attributes.get(key)) and (name := known_language(value.strip().lower())) is not None:
            return name
    if parameters := attributes.get("data-syntaxhighlighter-params"):
        return _language_of_class(parameters, True)
    return None


def first_element(node: LexborNode | None) -> LexborNode | None:
    """The node or the first element after it."""
    while node is not None and not node.is_element_node:
        node = node.next
    return node


def language_of(box: Attributes, inner: Attributes, wrappers: Iterable[Attributes]) -> str | None:
    """The language of a code box, as given by the box, by the ``<code>`` in it, or by one of the wrappers,
    innermost first.

    "" if the page calls it plain text, None if it says nothing.
    """
    name = _language_of(box, True)
    if name is None:
        name = _language_of(inner, True)
    for wrapper in wrappers if name is None else ():
        if (name := _language_of(wrapper, False)) is not None:
            break
    return name


def language(box: LexborNode, wrappers: list[LexborNode]) -> str | None:
    """The same for elements of a tree."""
    inner: Attributes = {}
    child = first_element(box.first_child)
    if child is not None and child.tag not in CODE_TAGS:
        child = first_element(child.next)  # Discourse puts its button first
    if child is not None and child.tag in CODE_TAGS:
        inner = child.attributes
    return language_of(box.attributes, inner, (wrapper.attributes for wrapper in wrappers))
