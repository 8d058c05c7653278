"""How a line of comment begins, by language.

Knows names of languages as Linguist spells them. Does not know where comments are in a file.
"""

from __future__ import annotations

_BY_SIGN = {
    "#": "Python R Julia Ruby Shell Perl PowerShell Elixir Nim Crystal YAML TOML CMake Dockerfile Makefile "
    "Raku Tcl Awk GDScript Cython Starlark Nix Stan",
    "//": "C C++ C# Java JavaScript TypeScript TSX Go Rust Scala Kotlin Swift PHP Groovy Dart D F# Zig Cuda "
    "Objective-C Solidity Verilog SystemVerilog Vala Less SCSS V",
    "--": "SQL PLSQL PLpgSQL TSQL Haskell Lua Ada Elm VHDL AppleScript Agda PureScript Idris",
    "%": "MATLAB TeX Erlang Prolog PostScript",
    ";": "Scheme Racket Clojure Emacs|Lisp Common|Lisp Assembly",
    "!": "Fortran Fortran|Free|Form",
    "*": "SAS Stata",
    "'": "Visual|Basic|.NET VBA",
    "(*": "OCaml Coq Standard|ML",
}
#: What ends a comment of one line, where something does.
_CLOSED = {"(*": " *)"}
SIGNS = {name.replace("|", " "): sign for sign, names in _BY_SIGN.items() for name in names.split()}


def comment(line: str, language: str) -> str:
    """A line as a comment in a language of ``SIGNS``; what would end the comment is broken up."""
    sign = SIGNS[language]
    end = _CLOSED.get(sign, "")
    if end:
        line = line.replace("*)", "* )")
    return f"{sign} {line}".rstrip() + end if line else sign + end
