"""Tables of the MathML converter: the LaTeX command and the class of each character.

Knows characters, operator words, function names, accents, stretchy arrows and brackets. Does not know
elements or attributes. Commands are those of LaTeX with amsmath and amssymb, as MathJax and KaTeX have them;
among synonyms, the one that authors type most (``\\leq`` not ``\\le``, ``\\to`` not ``\\rightarrow``).

Classes (``Symbol.kind``) are TeX's (The TeXbook, chapter 17), and "bar" for a character that may open, close
or separate.
"""

from __future__ import annotations

from typing import NamedTuple

ORD, OP, BIN, REL, OPEN, CLOSE, PUNCT, BAR = "ord", "op", "bin", "rel", "open", "close", "punct", "bar"


class Symbol(NamedTuple):
    tex: str
    kind: str


# One text per class: characters and their LaTeX alternate.
_ROWS = {
    ORD: r"""
    α \alpha β \beta γ \gamma δ \delta ϵ \epsilon ε \varepsilon ζ \zeta η \eta θ \theta ϑ \vartheta ι \iota
    κ \kappa ϰ \varkappa λ \lambda μ \mu µ \mu ν \nu ξ \xi ο o π \pi ϖ \varpi ρ \rho ϱ \varrho σ \sigma
    ς \varsigma τ \tau υ \upsilon ϕ \phi φ \varphi χ \chi ψ \psi ω \omega ϝ \digamma Α A Β B Γ \Gamma
    Δ \Delta Ε E Ζ Z Η H Θ \Theta ϴ \Theta Ι I Κ K Λ \Lambda Μ M Ν N Ξ \Xi Ο O Π \Pi Ρ P Σ \Sigma Τ T
    Υ \Upsilon ϒ \Upsilon Φ \Phi Χ X Ψ \Psi Ω \Omega Ω \Omega ∆ \Delta ∇ \nabla ∂ \partial ℏ \hbar ħ \hbar
    ℓ \ell ℘ \wp ℜ \Re ℑ \Im ℵ \aleph ℶ \beth ℷ \gimel ℸ \daleth ı \imath 𝚤 \imath ȷ \jmath 𝚥 \jmath ℎ h ⅆ d
    ⅅ D ⅇ e ⅈ i ⅉ j ð \eth ℧ \mho Å \mathring{A} ∞ \infty ∅ \emptyset ⌀ \varnothing ∀ \forall ∃ \exists
    ∄ \nexists ¬ \neg ⊤ \top ⊥ \bot ∠ \angle ∡ \measuredangle ∢ \sphericalangle △ \triangle ▵ \triangle
    ▽ \triangledown ▿ \triangledown □ \square ◻ \square ▢ \square ■ \blacksquare ◼ \blacksquare
    ∎ \blacksquare ▪ \blacksquare ◊ \lozenge ◇ \Diamond ⧫ \blacklozenge ♢ \diamondsuit ♡ \heartsuit
    ♣ \clubsuit ♠ \spadesuit ♦ \diamondsuit ♥ \heartsuit ★ \bigstar ♯ \sharp ♭ \flat ♮ \natural … \ldots
    ⋯ \cdots ⋮ \vdots ⋱ \ddots ⋰ \iddots ∴ \therefore ∵ \because ✓ \checkmark ✠ \maltese † \dagger
    ‡ \ddagger § \S ¶ \P © \copyright ® \circledR £ \pounds ¥ \yen ∁ \complement ▲ \blacktriangle
    ▼ \blacktriangledown ‵ \backprime Ⓢ \circledS ℩ \iota / / ∕ / ⁄ / ! ! ? ? . . @ @ " " ` ` # \# $ \$ % \%
    & \& _ \_ ‰ \text{‰} \ \backslash € \text{€} ° ^\circ º ^\circ ½ \frac{1}{2} ⅓ \frac{1}{3} ⅔ \frac{2}{3}
    ¼ \frac{1}{4} ¾ \frac{3}{4} ⅕ \frac{1}{5} ⅙ \frac{1}{6} ⅛ \frac{1}{8} ⅜ \frac{3}{8} ⅝ \frac{5}{8}
    ⅞ \frac{7}{8} √ \surd │ | ⎵ \text{⎵} ⟂ \perp ∟ \text{∟} ╱ \diagup ╲ \diagdown Ⅎ \Finv ⅁ \Game ⧸ \not
    ◯ \bigcirc ⟋ \diagup ⟍ \diagdown""",
    OP: r"""
    ∑ \sum ∏ \prod ∐ \coprod ∫ \int ∬ \iint ∭ \iiint ⨌ \iiiint ∮ \oint ∯ \oiint ∰ \oiiint ⋃ \bigcup
    ⋂ \bigcap ⨆ \bigsqcup ⨅ \bigsqcap ⋁ \bigvee ⋀ \bigwedge ⨀ \bigodot ⨁ \bigoplus ⨂ \bigotimes ⨄ \biguplus
    ⨃ \biguplus""",
    BIN: r"""
    + + - - − - ﹣ - ‐ - – - ± \pm ∓ \mp × \times ÷ \div ⋅ \cdot · \cdot ∙ \bullet • \bullet ∘ \circ ⚬ \circ
    ∗ * * * ⋆ \star ∪ \cup ∩ \cap ⊎ \uplus ⊔ \sqcup ⊓ \sqcap ∧ \wedge ∨ \vee ∖ \setminus ⧵ \setminus
    ⊕ \oplus ⊖ \ominus ⊗ \otimes ⊘ \oslash ⊙ \odot ⨯ \times ⋄ \diamond ≀ \wr ⨿ \amalg ∔ \dotplus ⊞ \boxplus
    ⊟ \boxminus ⊠ \boxtimes ⊡ \boxdot ⊛ \circledast ⊚ \circledcirc ⊝ \circleddash ⋉ \ltimes ⋊ \rtimes
    ⋋ \leftthreetimes ⋌ \rightthreetimes ⋏ \curlywedge ⋎ \curlyvee ⊻ \veebar ⊼ \barwedge ⩞ \doublebarwedge
    ⋒ \Cap ⋓ \Cup ⊺ \intercal ⋇ \divideontimes ◃ \triangleleft ▹ \triangleright ⊲ \lhd ⊳ \rhd ⊴ \unlhd
    ⊵ \unrhd ^ \wedge ○ \bigcirc ∸ \dot{-}""",
    REL: r"""
    = = < < > > ≤ \leq ≥ \geq ⩽ \leqslant ⩾ \geqslant ≦ \leqq ≧ \geqq ≪ \ll ≫ \gg ⋘ \lll ⋙ \ggg ≠ \neq
    ≡ \equiv ≢ \not\equiv ≈ \approx ≊ \approxeq ≅ \cong ≆ \ncong ≇ \ncong ∼ \sim ~ \sim ≁ \nsim ≃ \simeq
    ≄ \not\simeq ≉ \not\approx ∽ \backsim ⋍ \backsimeq ∝ \propto ≐ \doteq ≑ \doteqdot ≒ \fallingdotseq
    ≓ \risingdotseq ≖ \eqcirc ≗ \circeq ≜ \triangleq ≔ := ≕ =: ⩴ ::= ≝ \overset{\text{def}}{=}
    ≟ \overset{?}{=} ≍ \asymp ≏ \bumpeq ≎ \Bumpeq ∈ \in ∉ \notin ∋ \ni ∊ \in ∍ \ni ∌ \not\ni ⊂ \subset
    ⊃ \supset ⊆ \subseteq ⊇ \supseteq ⊊ \subsetneq ⊋ \supsetneq ⊈ \nsubseteq ⊉ \nsupseteq ⊄ \not\subset
    ⊅ \not\supset ⫅ \subseteqq ⫆ \supseteqq ⫋ \subsetneqq ⫌ \supsetneqq ⋐ \Subset ⋑ \Supset ⊏ \sqsubset
    ⊐ \sqsupset ⊑ \sqsubseteq ⊒ \sqsupseteq ≺ \prec ≻ \succ ⪯ \preceq ⪰ \succeq ≼ \preccurlyeq
    ≽ \succcurlyeq ⊀ \nprec ⊁ \nsucc ≾ \precsim ≿ \succsim ≲ \lesssim ≳ \gtrsim ⪅ \lessapprox ⪆ \gtrapprox
    ≶ \lessgtr ≷ \gtrless ⋚ \lesseqgtr ⋛ \gtreqless ⋖ \lessdot ⋗ \gtrdot ≮ \nless ≯ \ngtr ≰ \nleq ≱ \ngeq
    ≨ \lneqq ≩ \gneqq ⪇ \lneq ⪈ \gneq ⋪ \ntriangleleft ⋫ \ntriangleright ⋬ \ntrianglelefteq
    ⋭ \ntrianglerighteq ∤ \nmid ∦ \nparallel ⊢ \vdash ⊣ \dashv ⊨ \models ⊩ \Vdash ⊪ \Vvdash
    ⊬ \nvdash ⊭ \nvDash ⊧ \models ⌣ \smile ⌢ \frown ⋈ \bowtie ≬ \between ⋔ \pitchfork ∷ :: ∶ : ⋲ \in
    ⊵ \unrhd ⪕ \eqslantless ⪖ \eqslantgtr ⋞ \curlyeqprec ⋟ \curlyeqsucc → \to ← \leftarrow ↔ \leftrightarrow
    ⟶ \longrightarrow ⟵ \longleftarrow ⟷ \longleftrightarrow ⇒ \Rightarrow ⇐ \Leftarrow ⇔ \Leftrightarrow
    ⟹ \implies ⟸ \impliedby ⟺ \iff ↦ \mapsto ⟼ \longmapsto ↑ \uparrow ↓ \downarrow ↕ \updownarrow ⇑ \Uparrow
    ⇓ \Downarrow ⇕ \Updownarrow ↗ \nearrow ↘ \searrow ↙ \swarrow ↖ \nwarrow ↪ \hookrightarrow
    ↩ \hookleftarrow ⇀ \rightharpoonup ⇁ \rightharpoondown ↼ \leftharpoonup ↽ \leftharpoondown
    ⇌ \rightleftharpoons ⇋ \leftrightharpoons ⇄ \rightleftarrows ⇆ \leftrightarrows ⇉ \rightrightarrows
    ⇇ \leftleftarrows ⇈ \upuparrows ⇊ \downdownarrows ↠ \twoheadrightarrow ↞ \twoheadleftarrow
    ↣ \rightarrowtail ↢ \leftarrowtail ⇝ \rightsquigarrow ↝ \leadsto ↭ \leftrightsquigarrow ⇛ \Rrightarrow
    ⇚ \Lleftarrow ↛ \nrightarrow ↚ \nleftarrow ↮ \nleftrightarrow ⇏ \nRightarrow ⇍ \nLeftarrow
    ⇎ \nLeftrightarrow ↻ \circlearrowright ↺ \circlearrowleft ↷ \curvearrowright ↶ \curvearrowleft
    ↾ \upharpoonright ↿ \upharpoonleft ⇃ \downharpoonleft ⇂ \downharpoonright ↰ \Lsh ↱ \Rsh ⊸ \multimap
    ⇢ \dashrightarrow ⇠ \dashleftarrow ↫ \looparrowleft ↬ \looparrowright ⭢ \to ➔ \to ➝ \to
    ⇿ \leftrightarrow""",
    OPEN: r"""
    ( ( [ [ { \{ ⟨ \langle 〈 \langle 〈 \langle ⌊ \lfloor ⌈ \lceil ⟦ \llbracket ⟪ \langle\!\langle
    ⌜ \ulcorner ⌞ \llcorner ⟮ \lgroup ⎰ \lmoustache ❲ [ （ ( ［ [ ｛ \{""",
    CLOSE: r"""
    ) ) ] ] } \} ⟩ \rangle 〉 \rangle 〉 \rangle ⌋ \rfloor ⌉ \rceil ⟧ \rrbracket ⟫ \rangle\!\rangle
    ⌝ \urcorner ⌟ \lrcorner ⟯ \rgroup ⎱ \rmoustache ❳ ] ） ) ］ ] ｝ \}""",
    PUNCT: r"""
    , , ; ; : : ， , ； ; ： : 、 , ، ,""",
    BAR: r"""
    | | ∣ \mid ❘ | ｜ | ‖ \| ∥ \parallel ǁ \| ⦀ \|""",
}

SYMBOLS = {
    char: Symbol(tex, kind)
    for kind, row in _ROWS.items()
    for words in [row.split()]
    for char, tex in zip(words[::2], words[1::2], strict=True)
}

#: Operators that are large in display style and take limits; content with one of them is tall.
LARGE = frozenset("∑∏∐∫∬∭⨌∮∯∰⋃⋂⨆⨅⋁⋀⨀⨁⨂⨄⨃")
INTEGRALS = frozenset("∫∬∭⨌∮∯∰")

#: Binary operators whose large form some pages (LaTeXML) write with the same character.
ENLARGED = {
    "⊕": "\\bigoplus",
    "⊗": "\\bigotimes",
    "⊙": "\\bigodot",
    "∪": "\\bigcup",
    "∩": "\\bigcap",
    "⊎": "\\biguplus",
    "⊔": "\\bigsqcup",
    "∧": "\\bigwedge",
    "∨": "\\bigvee",
}

PRIMES = {"′": 1, "'": 1, "’": 1, "ʹ": 1, "″": 2, "ʺ": 2, "‴": 3, "⁗": 4}

#: Operators that pages write with several characters.
COMPOUND = {
    ":=": Symbol(":=", REL),
    "=:": Symbol("=:", REL),
    "::=": Symbol("::=", REL),
    "==": Symbol("==", REL),
    "<=": Symbol("\\leq", REL),
    ">=": Symbol("\\geq", REL),
    "!=": Symbol("\\neq", REL),
    "/=": Symbol("\\neq", REL),
    "<>": Symbol("\\neq", REL),
    "<<": Symbol("\\ll", REL),
    ">>": Symbol("\\gg", REL),
    "->": Symbol("\\to", REL),
    "<-": Symbol("\\leftarrow", REL),
    "<->": Symbol("\\leftrightarrow", REL),
    "=>": Symbol("\\Rightarrow", REL),
    "<=>": Symbol("\\Leftrightarrow", REL),
    "||": Symbol("\\|", BAR),
    "...": Symbol("\\ldots", ORD),
    "+-": Symbol("\\pm", BIN),
}

#: Symbols with a negated command of their own; the others take ``\not``.
NEGATED = {
    "∃": "\\nexists",
    "∥": "\\nparallel",
    "⊨": "\\nvDash",
    "→": "\\nrightarrow",
    "∣": "\\nmid",
    "⪯": "\\npreceq",
}

# Functions with a LaTeX command; for those in LIMITS, content under them is a subscript.
LIMITS = frozenset(
    ["lim", "limsup", "liminf", "max", "min", "sup", "inf", "det", "gcd", "Pr", "injlim", "projlim"]
)
FUNCTIONS = LIMITS | frozenset(
    [
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "csc",
        "deg",
        "dim",
        "exp",
        "hom",
        "ker",
        "lg",
        "ln",
        "log",
        "sec",
        "sin",
        "sinh",
        "tan",
        "tanh",
    ]
)
#: Names that are operators wherever they stand, although LaTeX has no command for them.
OPERATOR_NAMES = frozenset(
    [
        "arccot",
        "arccsc",
        "arcsec",
        "arcosh",
        "arsinh",
        "artanh",
        "arccosh",
        "arcsinh",
        "arctanh",
        "sech",
        "csch",
        "sgn",
        "sign",
        "rank",
        "rk",
        "tr",
        "Tr",
        "trace",
        "diag",
        "argmax",
        "argmin",
        "erf",
        "erfc",
        "grad",
        "div",
        "curl",
        "rot",
        "Hom",
        "End",
        "Aut",
        "Gal",
        "Ext",
        "Tor",
        "span",
        "Span",
        "supp",
        "Var",
        "Cov",
        "Corr",
        "lcm",
        "ord",
        "Res",
        "im",
        "Im",
        "Re",
        "Ker",
        "coker",
        "softmax",
        "sinc",
        "vol",
        "conv",
        "dom",
        "ran",
        "cod",
        "Spec",
        "Proj",
        "card",
        "adj",
        "proj",
        "Li",
        "Si",
        "Ci",
        "Ei",
        "GL",
        "SL",
        "cis",
        "cov",
        "var",
        "tg",
        "ctg",
    ]
)
#: Words that pages put into <mo> between formulas.
CONJUNCTIONS = frozenset(
    [
        "and",
        "or",
        "if",
        "for",
        "where",
        "otherwise",
        "is",
        "with",
        "when",
        "then",
        "else",
        "such",
        "that",
        "in",
        "as",
    ]
)

# Accents: character over the base -> (over one symbol, over several). Distinguishing a bar from an overline
# takes more than this table.
ACCENTS = {
    char: (narrow, wide)
    for chars, narrow, wide in (
        ("^ˆ\u0302", "\\hat", "\\widehat"),
        ("~˜\u0303∼", "\\tilde", "\\widetilde"),
        ("¯ˉ\u0304-−–—", "\\bar", "\\overline"),
        ("‾―_\u0305⎯─", "\\bar", "\\overline"),
        ("→⃗⟶", "\\vec", "\\overrightarrow"),
        ("⇀⃑", "\\vec", "\\overrightharpoon"),
        ("←⃖⟵", "\\overleftarrow", "\\overleftarrow"),
        ("↔⃡", "\\overleftrightarrow", "\\overleftrightarrow"),
        ("˙.\u0307⋅·", "\\dot", "\\dot"),
        ("¨\u0308", "\\ddot", "\\ddot"),
        ("⃛", "\\dddot", "\\dddot"),
        ("⃜", "\\ddddot", "\\ddddot"),
        ("ˇ\u030c", "\\check", "\\check"),
        ("˘\u0306", "\\breve", "\\breve"),
        ("´ˊ\u0301", "\\acute", "\\acute"),
        ("`ˋ\u0300", "\\grave", "\\grave"),
        ("˚\u030a", "\\mathring", "\\mathring"),
        ("⏞︷", "\\overbrace", "\\overbrace"),
        ("⎴", "\\overbracket", "\\overbracket"),
        ("⏠", "\\overgroup", "\\overgroup"),
        ("⏜", "\\overparen", "\\overparen"),
    )
    for char in chars
}
DOTS = {"..": "\\ddot", "...": "\\dddot", "…": "\\dddot", "....": "\\ddddot"}
UNDER = {
    char: command
    for chars, command in (
        ("_‾―¯ˉ\u0332-−–—⎯─", "\\underline"),
        ("⏟︸", "\\underbrace"),
        ("→⟶", "\\underrightarrow"),
        ("←⟵", "\\underleftarrow"),
        ("↔", "\\underleftrightarrow"),
        ("⎵", "\\underbracket"),
        ("⏡", "\\undergroup"),
        ("⏝", "\\underparen"),
    )
    for char in chars
}
#: Arrows that stretch over and under a label.
LABELLED_ARROWS = {
    "→": "\\xrightarrow",
    "⟶": "\\xrightarrow",
    "←": "\\xleftarrow",
    "⟵": "\\xleftarrow",
    "↔": "\\xleftrightarrow",
    "⟷": "\\xleftrightarrow",
    "⇒": "\\xRightarrow",
    "⟹": "\\xRightarrow",
    "⇐": "\\xLeftarrow",
    "⟸": "\\xLeftarrow",
    "⇔": "\\xLeftrightarrow",
    "⟺": "\\xLeftrightarrow",
    "↦": "\\xmapsto",
    "⟼": "\\xmapsto",
    "↪": "\\xhookrightarrow",
    "↩": "\\xhookleftarrow",
    "⇌": "\\xrightleftharpoons",
    "⇋": "\\xleftrightharpoons",
}

#: Environment of a matrix between two brackets, by the LaTeX of the two brackets.
MATRICES = {
    ("(", ")"): "pmatrix",
    ("[", "]"): "bmatrix",
    ("\\{", "\\}"): "Bmatrix",
    ("|", "|"): "vmatrix",
    ("\\|", "\\|"): "Vmatrix",
}
