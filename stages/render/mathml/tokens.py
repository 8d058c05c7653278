"""Converts token elements (<mi>, <mn>, <mo>, <mtext>, <ms>, <mspace>) to atoms.

Knows the meaning of their text and attributes: words and function names, fonts given by attribute or by
mathematical letters, combining marks, sizes of brackets, widths of spaces. Does not know the elements around
them.

Words in <mi>: ``\\sin`` where LaTeX has the function; ``\\operatorname{rank}`` if an invisible "function
application" or a parenthesis follows (``rows.resolve`` sees that), or if it is a common operator name; else
``\\mathrm{out}``, because MathML sets words upright. ``dx`` stays ``dx``.
"""

from __future__ import annotations

import re
import unicodedata

from stages.render.mathml import fonts, symbols
from stages.render.mathml.atoms import (
    APPLY,
    BREAK,
    DEGREE,
    FENCE,
    MAX_WORD,
    PRIME,
    SPACE,
    SUB,
    SUPER,
    TEXT,
    Atom,
    font,
)
from stages.render.mathml.symbols import BAR, BIN, CLOSE, OP, OPEN, ORD, REL
from stages.render.mathml.tree import Node

_IGNORED = re.compile("[\u00ad\u200b-\u200f\u2060\u2062\u2064\ufe00-\ufe0f\ufeff\x00]")
_APPLY = "\u2061"
_COMMA = "\u2063"
_OVERLINE = "\u0305"
_BLANKS = " \t\r\n\f\xa0\u3000" + "".join(fonts.SPACE_WIDTHS) + _APPLY + _COMMA
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*([a-z%]*)")
_PARTS = re.compile(r"\s+|\d+(?:[.,]\d+)*|[^\W\d_]+|.", re.DOTALL)
_ESCAPES = str.maketrans(
    {c: "\\" + c for c in "#$%&_{}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
)


def symbol(char: str, variant: str, token: str = "mi") -> Atom:
    plain, own = fonts.styled(char)
    if plain:
        char, variant = plain, own
    commands = fonts.VARIANTS.get(variant, ())
    if char.isascii() and char.isalpha():
        return Atom(font(commands, char), font=commands, letters=char if commands else "", src=char)
    if char.isascii() and char.isdigit():
        commands = () if variant == "normal" else commands
        return Atom(font(commands, char), font=commands, letters=char if commands else "", src=char)
    if char in symbols.PRIMES and (token != "mi" or char != "'"):
        return Atom("'" * symbols.PRIMES[char], PRIME, src=char)
    known = symbols.SYMBOLS.get(char)
    if known is None:
        return _unknown(char, variant, token)
    tex, kind = known
    if kind == ORD and "bold" in variant:
        tex = f"\\boldsymbol{{{tex}}}"
    atom = Atom(tex, kind, src=char)
    if kind in (OPEN, CLOSE, BAR):
        atom.delim = {"\\mid": "|", "\\parallel": "\\|"}.get(tex, tex)
        if token == "mi" and kind == BAR:  # KaTeX: | is an identifier, \mid an operator
            atom.tex, atom.kind = atom.delim, ORD
    elif char in symbols.LARGE:
        atom.tall = True
        atom.limits = char not in symbols.INTEGRALS
    elif char == "⊥" and token == "mo":  # as an identifier it is \bot
        atom.tex, atom.kind = "\\perp", REL
    elif tex == "^\\circ":
        atom.kind = DEGREE
    return atom


def _unknown(char: str, variant: str, token: str) -> Atom:
    """A character without a command: its decomposition, or the character itself as text."""
    if char.isspace():
        tex = fonts.space(fonts.SPACE_WIDTHS.get(char, 0.33))
        return Atom(tex, SPACE)
    mark, _, code = unicodedata.decomposition(char).partition(" ")
    if mark in ("<super>", "<sub>") and " " not in code:
        inner = symbol(chr(int(code, 16)), "", token)
        return Atom(inner.tex, SUPER if mark == "<super>" else SUB)
    parts = unicodedata.normalize("NFD", char)
    if len(parts) == 2 and parts[1] in symbols.ACCENTS:
        return Atom(f"{symbols.ACCENTS[parts[1]][0]}{{{symbol(parts[0], variant).tex}}}")
    if len(parts) == 2 and parts[1] == "\u0338":
        base = symbol(parts[0], variant, token)
        return Atom(_negated(base.tex), base.kind)
    compatible = unicodedata.normalize("NFKC", char)
    if compatible != char and compatible.isascii() and compatible.isalnum():
        return Atom(compatible if len(compatible) == 1 else f"\\text{{{compatible}}}")
    if unicodedata.category(char) in ("Mn", "Me", "Cc", "Cf", "Cs", "Co", "Cn"):
        return Atom("", src=char)
    if unicodedata.category(char)[0] in "SP":  # ☉, ≙, ⦃: unchanged; in text it would not be a symbol
        return Atom(char, src=char)
    return Atom(f"\\text{{{char}}}", src=char)


def _word(word: str, variant: str, operator: bool) -> list[Atom]:
    """A run of letters as one identifier."""
    if word in symbols.FUNCTIONS:
        return [Atom("\\" + word, OP, limits=word in symbols.LIMITS)]
    if word == "mod":
        return [Atom("\\bmod", BIN, src="mod")]
    if operator or (word in symbols.OPERATOR_NAMES and variant in ("", "normal")):
        if word in symbols.CONJUNCTIONS:
            return [Atom(f"\\text{{ {word} }}", TEXT)]
        if word.isascii():
            return [Atom(f"\\operatorname{{{word}}}", OP, name=word)]
    if not word.isascii():
        if all(char in symbols.SYMBOLS or fonts.styled(char)[0] for char in word):
            return [symbol(char, variant) for char in word]
        return [Atom(f"\\text{{{word}}}")]
    if not variant and len(word) == 2 and word[0] == "d" and word[1].islower():
        return [Atom(word)]  # dx: never meant upright
    commands = fonts.VARIANTS.get(variant or "normal", ())
    if variant == "italic":
        commands = ("\\mathit",)
    name = word if variant in ("", "normal") else ""
    return [Atom(font(commands, word), name=name, spelled=variant == "normal")]


def characters(text: str, variant: str, token: str, operator: bool = False) -> list[Atom]:
    """Atoms of the text of <mi>, <mn>, <mo>; on broken pages this may be any text."""
    atoms: list[Atom] = []
    for part in _PARTS.findall(text):
        if fonts.styled(part[0])[0]:
            atoms += _run([symbol(char, variant, token) for char in part])
        elif len(part) > 1 and part[0].isdigit():
            commands = fonts.VARIANTS.get(variant, ()) if variant not in ("normal", "italic") else ()
            atoms.append(Atom(font(commands, unicodedata.normalize("NFKC", part))))
        elif len(part) > 1 and part.isalpha():
            atoms += _word(part, variant, operator)
        else:
            for char in part:
                if unicodedata.combining(char) and atoms:
                    atoms[-1] = _marked(atoms[-1], char)
                elif not char.isspace():
                    atoms.append(symbol(char, variant, token))
    return atoms


def _run(atoms: list[Atom]) -> list[Atom]:
    """Mathematical letters of one token; letters of one font are joined."""
    out: list[Atom] = []
    for atom in atoms:
        if (
            out
            and atom.letters
            and out[-1].letters
            and out[-1].font == atom.font
            and len(out[-1].letters) < MAX_WORD
        ):
            letters = out[-1].letters + atom.letters
            out[-1] = Atom(font(atom.font, letters), font=atom.font, letters=letters)
        else:
            out.append(atom)
    return out


def _negated(tex: str) -> str:
    return f"\\not {tex}" if tex[:1].isalpha() else f"\\not{tex}"


def _marked(atom: Atom, mark: str) -> Atom:
    """An atom with a combining character."""
    if len(atom.tex) > MAX_WORD:  # thousands of marks on one letter
        return atom
    if mark in ("\u0338", "\u0337"):
        return Atom(symbols.NEGATED.get(atom.src) or _negated(atom.tex), atom.kind, src=atom.src)
    if mark in symbols.ACCENTS:
        narrow, wide = symbols.ACCENTS[mark]
        return Atom(f"{wide if mark == _OVERLINE else narrow}{{{atom.tex}}}")
    return atom


def clean(text: str) -> str:
    """Text of a token without invisible characters, white space collapsed as in XML; no-break spaces stay."""
    text = _IGNORED.sub("", text.replace("ﬁ", "fi").replace("ﬂ", "fl"))
    return unicodedata.normalize("NFC", " ".join(re.split("[ \t\r\n\f]+", text)).strip(" "))


def mi(node: Node) -> list[Atom]:
    text = clean(node.text)
    if text == _APPLY:
        return [Atom("", APPLY)]
    if text and not text.strip():
        return _blank(text)
    text = text.replace(_APPLY, "").replace(_COMMA, "")
    operator = node.get("data-mjx-texclass") == "OP" and len(text) > 1
    joined = "".join(text.split())
    if joined in symbols.FUNCTIONS:
        text = joined  # lim sup
    elif joined.isascii() and joined.isalnum() and joined[:1].isalpha() and not joined.isalpha():  # x1
        return [Atom(font(fonts.VARIANTS.get(node.variant or "normal", ()), joined))]
    return characters(text, node.variant, "mi", operator)


def mn(node: Node) -> list[Atom]:
    return characters(clean(node.text).replace(_APPLY, ""), node.variant, "mn")


def mo(node: Node) -> list[Atom]:
    text = clean(node.text)
    if text in (_APPLY, _COMMA):
        return [Atom("", APPLY)] if text == _APPLY else []
    text = text.replace(_APPLY, "").replace(_COMMA, "")
    if not text.strip():
        return _blank(text) if text else [Atom("", FENCE)]
    joined = "".join(text.split())
    known = symbols.COMPOUND.get(joined)
    if joined in symbols.FUNCTIONS:
        text = joined  # lim sup
    if known is not None:
        atoms = [Atom(known.tex, known.kind, src=text, delim="\\|" if known.kind == BAR else "")]
    else:
        atoms = characters(text, node.variant, "mo", operator=True)
    if len(atoms) == 1:
        _operator(atoms[0], node)
    return atoms


def _operator(atom: Atom, node: Node) -> None:
    """Applies the attributes of <mo> to its symbol."""
    stretchy, form = node.get("stretchy"), node.get("form")
    atom.accent = node.get("accent")
    if stretchy:
        atom.stretch = stretchy == "true"
    fence = node.get("fence") == "true"
    if fence and atom.tex in ("<", ">"):
        atom.kind = OPEN if atom.tex == "<" else CLOSE
        atom.tex = atom.delim = "\\langle" if atom.tex == "<" else "\\rangle"
    if atom.kind in (OPEN, CLOSE) and form in ("prefix", "postfix"):
        atom.kind = OPEN if form == "prefix" else CLOSE
    elif atom.kind == BAR and form in ("prefix", "postfix") and (fence or node.get("stretchy") == "true"):
        atom.form = form
    if node.get("largeop") == "true" and atom.src in symbols.ENLARGED:
        enlarge(atom)
    size = length(node.get("minsize"))
    if atom.delim and size is not None and size == length(node.get("maxsize")) and size > 1.05:
        # MathJax 1.2 1.623 2.047 2.47, KaTeX and Temml 1.2 1.8 2.4 3, LaTeXML 1.2 1.6 2.1 2.6
        command = next(
            (c for limit, c in ((1.4, "\\big"), (1.9, "\\Big"), (2.43, "\\bigg")) if size < limit), "\\Bigg"
        )
        atom.tex, atom.stretch = command + atom.delim, False


def enlarge(atom: Atom) -> None:
    """Turn a binary operator into the large operator of the same shape."""
    atom.tex, atom.kind, atom.limits, atom.tall = symbols.ENLARGED[atom.src], OP, True, True


def length(text: str) -> float | None:
    """A length in em; None if the text is not a length."""
    if text in fonts.NAMED_WIDTHS:
        return fonts.NAMED_WIDTHS[text]
    match = _LENGTH.match(text)
    return float(match[1]) * fonts.UNITS.get(match[2], 0.0) if match else None


def _blank(text: str) -> list[Atom]:
    """Text that consists only of spaces, by its width."""
    em = sum(fonts.SPACE_WIDTHS.get(char, 0.333 if char == "\xa0" else 0.0) for char in text)
    tex = fonts.space(-em if _COMMA in text else em)
    return [Atom(tex, SPACE)] if tex else []


def mspace(node: Node) -> list[Atom]:
    if node.get("linebreak") == "newline":
        return [Atom("\\\\", BREAK)]
    tex = fonts.space(length(node.get("width")) or 0.0)
    return [Atom(tex, SPACE)] if tex else []


def mtext(node: Node) -> list[Atom]:
    text = _IGNORED.sub("", node.text)
    if not text.strip(_BLANKS):
        return _blank(text.strip(" \t\r\n\f"))
    text = unicodedata.normalize("NFC", text.replace(_COMMA, "").replace(_APPLY, ""))
    words = " ".join(text.split())
    # XML would drop all space at both ends, but on pages it is meant, unless it is a line end of a pretty
    # printer
    left, right = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    before = " " if left and ("\xa0" in left or "\n" not in left) else ""
    after = " " if right and ("\xa0" in right or "\n" not in right) else ""
    if len(words) == 1 and not words.isalnum() and (words in symbols.SYMBOLS or words in symbols.PRIMES):
        return characters(words, node.variant, "mo")
    if len(words) == 1 and fonts.styled(words)[0]:
        return [symbol(words, "")]
    plain = [fonts.styled(char) for char in words]
    variants = {variant for char, variant in plain if char}
    variant = node.variant
    if variants:  # Temml: bold text in mathematical letters
        words = "".join(char or old for (char, _), old in zip(plain, words, strict=True))
        variant = min(variants)
    command = fonts.TEXT_VARIANTS.get(variant, "\\text")
    return [Atom(f"{command}{{{before}{words.translate(_ESCAPES)}{after}}}", TEXT, src=words)]


def ms(node: Node) -> list[Atom]:
    left, right = (node.attrs.get(name) or '"' for name in ("lquote", "rquote"))
    return [Atom(f"\\text{{{(left + clean(node.text) + right).translate(_ESCAPES)}}}", TEXT)]
