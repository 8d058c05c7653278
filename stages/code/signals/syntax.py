"""How comments and strings are written, by language.

Knows names of languages as Linguist spells them. Does not know texts; ``split`` reads them by this.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

#: What a language does besides: blocks within blocks; backslashes that escape quotes; strings that end with
#: their line; ``'`` for one character only; three quotes; those at the start of a line are documentation; a
#: sign of comment counts after blanks only; code stands between ``<?`` and ``?>``; regular expressions
#: between slashes; fixed form (a sign in the first column); POD (``=head`` to ``=cut`` or ``=end``); an
#: escaped sign is none; strings between backticks may go on over lines.
NESTED, ESCAPES, ENDS, CHARACTER, TRIPLE, DOC, APART, EMBEDDED, SLASHES, FIXED, POD, SHIELDED, BACKTICKS = (
    1 << bit for bit in range(13)
)


class Syntax(NamedTuple):
    """Signs of comments that end with their line, pairs of those that do not, characters of quotes, and
    bits."""

    lines: tuple[str, ...] = ()
    blocks: tuple[tuple[str, str], ...] = ()
    quotes: str = ""
    bits: int = 0


_C = Syntax(("//",), (("/*", "*/"),), "\"'", ESCAPES | ENDS)
_HASH = Syntax(("#",), (), "\"'", ESCAPES | APART)
_DASHES = Syntax(("--",), (("/*", "*/"),), "\"'", 0)
_LISP = Syntax((";",), (("#|", "|#"),), '"', ESCAPES | NESTED)
_MARKUP = Syntax((), (("<!--", "-->"),), "", 0)
_ML = Syntax((), (("(*", "*)"),), '"', ESCAPES | NESTED)
_PERCENT = Syntax(("%",), (), "", SHIELDED)

#: Which languages are written so, by ``|``.
_FAMILIES: tuple[tuple[Syntax, str], ...] = (
    (
        _C,
        (
            "C | C++ | Objective-C | Objective-C++ | Java | C# | Cuda | OpenCL | GLSL | HLSL | Metal | "
            "ActionScript | Processing | Protocol Buffer | Thrift | Solidity | Vala | AspectJ | Apex | "
            "ShaderLab | Unified Parallel C | Yacc | Lex | SWIG | Bison | Verilog | SystemVerilog | "
            "FlatBuffers | AngelScript | Squirrel | XC | Stan | Faust | Linker Script | JSON with Comments | "
            "JSON5 | Cycript | Jsonnet | Bicep | WebIDL | AIDL | Ragel | Chapel | Mercury | Gosu"
        ),
    ),
    (
        _C._replace(bits=ESCAPES | ENDS | SLASHES, quotes="\"'`"),
        "JavaScript | TypeScript | TSX | Vue | Svelte | QML | JavaScript+ERB | Glimmer JS | Glimmer TS",
    ),
    (
        _C._replace(bits=ESCAPES | ENDS | TRIPLE, quotes="\"'"),
        "Kotlin | Scala | Groovy | Gradle | Gradle Kotlin DSL | Dart | Swift | Ceylon | Xtend",
    ),
    (_C._replace(bits=ESCAPES | ENDS | CHARACTER, quotes="\"'`"), "Go | V | Odin | Gleam"),
    (_C._replace(bits=ESCAPES | CHARACTER | NESTED), "Rust | D | Zig | Carbon"),
    (_C._replace(lines=("//", "#"), bits=ESCAPES | EMBEDDED), "PHP | Hack | HTML+PHP"),
    (
        _C._replace(lines=("//", "#"), bits=ESCAPES | ENDS),
        "HCL | Terraform Template | Nix | Jsonnet | Puppet",
    ),
    (Syntax((), (("/*", "*/"),), "\"'", ESCAPES | ENDS), "CSS | PostCSS"),
    (_C, "SCSS | Less | Stylus"),
    (
        _HASH._replace(bits=ESCAPES | ENDS | TRIPLE | DOC),
        "Python | Cython | Starlark | Snakemake | Xonsh | Mojo | GDScript",
    ),
    (_HASH, "Shell | Tcsh | R | PowerShell | Elvish | Nushell"),
    (
        _HASH._replace(bits=ESCAPES | ENDS | APART),
        (
            "Tcl | Makefile | Dockerfile | YAML | TOML | CMake | Awk | sed | Gnuplot | Meson | Ignore List | "
            "Git Attributes | Git Config | Dotenv | Procfile | Alpine Abuild | Gentoo Ebuild | Nginx | "
            "ApacheConf | Java Properties | GraphQL | Debian Package Control File | RPM Spec | CODEOWNERS | "
            "OpenRC runscript | Gettext Catalog | M4 | M4Sugar | Vim Snippet | Pip Requirements | Kickstart"
        ),
    ),
    (_HASH._replace(bits=ESCAPES | APART | TRIPLE), "Elixir | Julia | Crystal | Nim"),
    (_HASH._replace(bits=ESCAPES | APART | POD), "Perl | Ruby | Raku | RBS"),
    (_HASH._replace(lines=("#", ";"), bits=ENDS | APART), "INI | EditorConfig | HAProxy | desktop | GN"),
    (_HASH._replace(blocks=(("###", "###"),), bits=ESCAPES), "CoffeeScript"),
    (_DASHES, "SQL | PLSQL | PLpgSQL | TSQL | SQLPL | HiveQL"),
    (_DASHES._replace(blocks=(), bits=ENDS), "Ada | VHDL | AppleScript | Eiffel"),
    (Syntax(("--",), (("--[[", "]]"),), "\"'", ESCAPES | ENDS), "Lua | MoonScript | Terra"),
    (
        Syntax(("--",), (("{-", "-}"),), '"', ESCAPES | NESTED | ENDS),
        "Haskell | Elm | PureScript | Idris | Agda | Dhall | Literate Haskell | Lean | Lean 4",
    ),
    (
        _LISP,
        (
            "Common Lisp | Scheme | Racket | Emacs Lisp | Clojure | NewLisp | Hy | Fennel | WebAssembly | "
            "KiCad Layout"
        ),
    ),
    (
        _MARKUP,
        (
            "HTML | XML | SVG | Markdown | HTML+ERB | HTML+Razor | HTML+EEX | Maven POM | XSLT | XProc | "
            "Java Server Pages | ASP.NET | Handlebars | Jinja | Twig | Smarty | Mustache | Liquid | "
            "Ant Build System | XPages | Genshi | Kit | MDX | XML Property List"
        ),
    ),
    (
        _ML,
        (
            "OCaml | Standard ML | Rocq Prover | Wolfram Language | Isabelle | ReScript | LigoLANG | "
            "AppleScript"
        ),
    ),
    (
        Syntax(("//",), (("(*", "*)"), ("{", "}")), "'", ENDS),
        "Pascal | Component Pascal | Modula-2 | Modula-3 | Oberon",
    ),
    (Syntax(("//", "///"), (("(*", "*)"),), '"', ESCAPES | TRIPLE | NESTED), "F#"),
    (_PERCENT, "TeX | BibTeX | BibTeX Style"),
    (_PERCENT._replace(quotes='"', bits=ESCAPES), "Erlang | Prolog | PostScript | Mercury"),
    (Syntax(("%",), (("%{", "%}"),), "", 0), "MATLAB"),
    (Syntax(("!",), (), "\"'", ENDS), "Fortran Free Form"),
    (Syntax(("!",), (), "\"'", ENDS | FIXED), "Fortran"),
    (Syntax((";", "//", "#", "@"), (("/*", "*/"),), '"', ENDS | APART), "Assembly | Unix Assembly | Nasal"),
    (Syntax((";", "*"), (), "\"'", ENDS | APART), "Motorola 68K Assembly"),
    (
        Syntax(("'",), (), '"', ENDS),
        (
            "Visual Basic .NET | VBA | VBScript | Visual Basic 6.0 | Classic ASP | BASIC | QuickBASIC | "
            "PureBasic"
        ),
    ),
    (Syntax(("::", "REM ", "rem ", "@REM ", "@rem "), (), "", ENDS | APART), "Batchfile"),
    (Syntax(('.\\"', "'\\\"", '\\"'), (), "", 0), "Roff | Roff Manpage"),
    (Syntax(("*",), (("/*", "*/"),), "\"'", ENDS | FIXED), "SAS | Stata | COBOL | ABAP"),
)
SYNTAX = {name.strip(): syntax for syntax, names in _FAMILIES for name in names.split("|")}


class Coded(NamedTuple):
    """A syntax as kernels read it: signs as rows of code points, zero after their end."""

    lines: npt.NDArray[np.uint32]  # [signs, 8]
    opens: npt.NDArray[np.uint32]
    closes: npt.NDArray[np.uint32]
    quotes: npt.NDArray[np.uint32]
    bits: int


@cache
def coded(language: str | None) -> Coded | None:
    """The syntax of a language; None where no comments are known."""
    syntax = SYNTAX.get(language or "")
    if syntax is None:
        return None
    opens, closes = zip(*syntax.blocks, strict=True) if syntax.blocks else ((), ())
    quotes = np.array(list(map(ord, syntax.quotes)), np.uint32)
    # of two signs that begin alike the longer one is looked for first
    lines = sorted(syntax.lines, key=len, reverse=True)
    return Coded(_rows(lines), _rows(opens), _rows(closes), quotes, syntax.bits)


def _rows(signs: list[str] | tuple[str, ...]) -> npt.NDArray[np.uint32]:
    rows = np.zeros((len(signs), 8), np.uint32)
    for row, sign in enumerate(signs):
        rows[row, : len(sign)] = list(map(ord, sign))
    return rows
