"""Signals of code: against a slow reading of their definitions, and texts that were made to be hard."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Fault, StageConfig
from stages.code.languages.data import tables
from stages.code.signals.characters import normal
from stages.code.signals.kernels import COUNT
from stages.code.signals.measuring import Measured, measure, parts
from stages.code.signals.patterns import LANGUAGES
from stages.code.signals.python import parse
from stages.code.signals.stage import CodeSignals
from stages.code.signals.syntax import SYNTAX
from stages.code.signals.table import SCHEMA, SIGNALS, File, markdown


def signals(
    text: str, language: str | None = None, path: str = "a", kind: str = "programming"
) -> dict[str, float | int | None]:
    found = measure(text, language, prose=kind == "prose")
    file = File(path, len(text.encode("utf-8", "surrogatepass")), text)
    return {name.removeprefix("code_"): signal.of(found, file) for name, signal in SIGNALS.items()}


def lines_of(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


def slow(text: str) -> dict[str, float | None]:
    """The definitions, one at a time."""
    visible = re.sub(r"\s+", "", text)
    words = re.findall(r"\w+|[^\w\s]+", normal(text))
    chars = sum(map(len, words))
    found: dict[str, float | None] = {
        "chars": len(text),
        "lines": len(lines_of(text)),
        "longest_line": max(map(len, lines_of(text)), default=0),
        "letter_ratio": sum(map(str.isalpha, visible)) / len(visible) if visible else 0,
        "digit_ratio": sum(map(str.isdigit, visible)) / len(visible) if visible else 1,
        "blank_ratio": 1 - len(visible) / len(text) if text else 1,
        "alphanumeric_ratio": sum(map(str.isalnum, text)) / len(text) if text else None,
        "words": len(words),
        "mean_word_length": chars / len(words) if words else None,
        "distinct_word_ratio": len(set(words)) / len(words) if words else None,
    }
    for n in range(2, 11):
        grams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
        counts = Counter(grams)
        if n < 5:
            gram, times = counts.most_common(1)[0] if counts else ((), 1)
            found[f"top_{n}gram_ratio"] = sum(map(len, gram)) * times / chars if times > 1 else 0
        else:
            met = {
                start + place for start, gram in enumerate(grams) if counts[gram] > 1 for place in range(n)
            }
            found[f"repeated_{n}gram_ratio"] = sum(len(words[place]) for place in met) / chars if chars else 0
    code = [re.sub(r"\s+", "", line) for line in lines_of(text)]
    code = [line for line in code if line]
    repeated = [line for line in code if Counter(code)[line] > 1 and len(line) > 1 and line != "},"]
    found["repeated_line_ratio"] = len(repeated) / len(code) if code else None
    found["assert_ratio"] = sum("assert" in line.lower() for line in code) / len(code) if code else None
    join = re.compile(r"""=\s*["'].+?["']\s*\+\s*["'].+?["']""")
    lines = [line for line in lines_of(text) if line.strip()]
    found["concatenation_ratio"] = (
        sum(bool(join.search(line)) for line in lines) / len(lines) if lines else None
    )
    hexes = re.findall(r"\b0[xX][0-9a-fA-F]+\b", text)
    found["hex_ratio"] = sum(map(len, hexes)) / len(text) if text else None
    encoded = [
        match.group()
        for pattern in (
            r"[a-zA-Z0-9+/\n=]{64,}",
            r"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}",
            r"(?:\\u[0-9a-fA-F]{4}){8,}",
        )
        for match in re.finditer(pattern, text)
    ]
    found["encoded"] = int(any(len(run) > 1024 for run in encoded) or 2 * sum(map(len, encoded)) > len(text))
    across = re.findall(r"'''(.*?)'''|\"\"\"(.*?)\"\"\"|'(.*?)'|\"(.*?)\"", text, re.DOTALL)
    strings = [group for groups in across for group in groups if group]
    long = sum(
        len(re.findall(r"\w+|[^\w\s]+", line)) > 20 for string in strings for line in string.split("\n")
    )
    found["long_string_line_ratio"] = long / len(code) if code else None
    within = re.findall(r"'''(.*?)'''|\"\"\"(.*?)\"\"\"|'([^\n]*?)'|\"([^\n]*?)\"", text, re.DOTALL)
    strings = [group for groups in within for group in groups if group]
    found["string_ratio"] = sum(map(len, strings)) / len(text) if text else None
    long_words = [
        word
        for string in strings
        for word in string.split()
        if len(word) > 20 and not re.search(r"https?://\S", word)
    ]
    found["long_word_ratio"] = sum(map(len, long_words)) / len(text) if text else None
    return found


PIECES = st.sampled_from(
    ["foo", "bar_1", " ", "  ", "\n", "\n\n", "\t", "(", ")", "{", "},", "0x1F", "'", '"', "'''", '"""', "=", "+",
     "assert", "Straße", "ΑΣ", "中文", "，", "…", "①", "\u00a0", "\0", "\x1b", "\u200b", "\ufffd", "é", "e\u0301",
     "a" * 30, "deadbeef" * 9, "ff,", "\\u00e9" * 4, "\\x41", "http://a.b/" + "c" * 20, "12", "x = 'a' + 'b'"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=80))
def test_signals_are_what_their_definitions_say(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = signals(text)
    for name, value in slow(text).items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), name


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=60))
def test_signals_of_prose_are_what_their_definitions_say(pieces: list[str]) -> None:
    text = "".join(pieces) + ". Go on! <b>x</b>\n• [a](http://b/c)\n…and more...\n"
    found = signals(text, kind="prose")
    tokens = re.findall(r"\w+|[^\w\s]+", text)
    counts = Counter(re.findall(r"\w+|[^\w\s]+", normal(text)))
    total = sum(counts.values())
    lines = [line.strip() for line in lines_of(text)]
    kept = [line for line in lines if line]
    links = re.findall(r"\(https?://\S+\)", text) + re.findall(r"<.*?>", text)
    expected = {
        "prose_sentences": len(re.findall(r"\b[^.!?。！？؟]+[.!?。！？؟]*", text)),
        "prose_entropy": -sum(count / total * math.log(count / total) for count in counts.values()),
        "prose_capital_ratio": sum(map(str.isupper, tokens)) / len(tokens),
        "prose_repeated_line_ratio": sum(Counter(kept)[line] > 1 for line in kept) / len(kept),
        "prose_markup_ratio": sum(map(len, links)) / len(text),
        "prose_broken_line_ratio": sum(line.rstrip("]】)>》").endswith(("...", "…")) for line in lines)
        / len(lines),
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
    assert found["prose_bullet_line_ratio"] == pytest.approx(1 / len(lines))


def test_prose_is_looked_at_as_prose_only() -> None:
    assert all(value is None for name, value in signals("a b.\n", "C").items() if name.startswith("prose"))


@pytest.mark.parametrize(
    ("language", "text", "code", "comments"),
    [
        ("C", "int a; // one\n/* two\n three */ int b;\n", "int a; \n int b;\n", "// one\n/* two\n three */\n"),
        ("C", 'char *a = "// no"; char b = \'"\'; // yes\n', 'char *a = "// no"; char b = \'"\'; \n', "// yes\n"),
        ("C", "#error don't\nint a; // x\n", "#error don't\nint a; \n", "// x\n"),
        ("Rust", "fn a<'a>(b: &'a str) {} // '\n/* /* */ c */ x", "fn a<'a>(b: &'a str) {} \n x", "// '\n/* /* */ c */\n"),
        ("Rust", "let a = '\\''; let b = '/'; // c\n", "let a = '\\''; let b = '/'; \n", "// c\n"),
        ("JavaScript", "a = /\\/[/*]/; // b\nc = `//\n${d}`; e = f / g / h;\n", "a = /\\/[/*]/; \nc = `//\n${d}`; e = f / g / h;\n", "// b\n"),
        ("Go", "a := `// no\n`; b := '\"' // yes\n", "a := `// no\n`; b := '\"' \n", "// yes\n"),
        ("Python", '"""doc"""\na = "#" # one\nb = """no"""\n', '\na = "#" \nb = """no"""\n', '"""doc"""\n# one\n'),
        ("Shell", 'echo "$#" ${#a} # yes\n', 'echo "$#" ${#a} \n', "# yes\n"),
        ("YAML", "a: don't\nb: x#y # z\n", "a: don't\nb: x#y \n", "# z\n"),
        ("SQL", "SELECT 'it''s -- no'; -- yes\n", "SELECT 'it''s -- no'; \n", "-- yes\n"),
        ("Lua", "--[[ a\n b ]] x = '--' -- c\n", " x = '--' \n", "--[[ a\n b ]]\n-- c\n"),
        ("Haskell", "a = b {- c {- d -} e -} -- f\n", "a = b  \n", "{- c {- d -} e -}\n-- f\n"),
        ("TeX", "50\\% of % c\n", "50\\% of \n", "% c\n"),
        ("Fortran", "C a comment\n      CALL C\n* another\n", "\n      CALL C\n\n", "C a comment\n* another\n"),
        ("Perl", "a;\n=head1 B\n\ntext\n=cut\nc; # d\n", "a;\n\nc; \n", "=head1 B\n\ntext\n=cut\n# d\n"),
        ("HTML", "<p>a<!-- b\n--></p>", "<p>a</p>", "<!-- b\n-->\n"),
        ("PHP", "<a href='http://x'>\n<?php // b\necho 'c'; # d\n?>\n", "<a href='http://x'>\n<?php \necho 'c'; \n?>\n", "// b\n# d\n"),
        ("Pascal", "{ a } x := 'b{'; // c\n", " x := 'b{'; \n", "{ a }\n// c\n"),
        ("Common Lisp", '(a ";" #| b |# c) ; d\n', '(a ";"  c) \n', "#| b |#\n; d\n"),
        ("JSON", '{"a": "// b"}', '{"a": "// b"}', ""),
        (None, "# a", "# a", ""),
    ],
)  # fmt: skip
def test_code_and_comments_are_parted(language: str | None, text: str, code: str, comments: str) -> None:
    assert parts(text, language)[:2] == (code, comments)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*sorted(SYNTAX), None]),
    st.lists(PIECES | st.sampled_from("#/*-;{}%`\\\n="), max_size=60),
)
def test_no_character_is_lost_between_code_and_comments(language: str | None, pieces: list[str]) -> None:
    text = "".join(pieces)
    code, comments, counted = parts(text, language)
    assert len(code) + counted == len(text)
    assert Counter(code) + Counter(comments) - Counter({"\n": comments.count("\n")}) <= Counter(text)


def test_every_language_of_the_syntax_is_one_of_linguist() -> None:
    assert set(SYNTAX) <= set(tables().types)
    assert set(LANGUAGES) <= set(SYNTAX)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n", 1),
        ("#!/bin/sh\n# This file is automatically generated\n", 1),
        ("<!-- Generated by Doxygen -->\n", 1),
        ('package a\n\nimport "x/cmd/generate/autogen"\n', 0),
        ('#include "flutter/generated_plugin_registrant.h"\n', 0),
        ("# Generate test cases\n", 0),
        ("a\n" * 6 + "// DO NOT EDIT\n", 0),
    ],
)
def test_who_says_that_a_tool_wrote_it(text: str, said: int) -> None:
    assert signals(text)["autogenerated"] == said


def test_the_first_prompt_is_free() -> None:
    one, two = "int a; // TODO\n" + "int b;\n" * 9, "int a; // TODO\n// fixme\n" + "int b;\n" * 8
    assert [signals(text, "C")["prompt_ratio"] for text in (one, two)] == [0, 0.1]
    assert [signals(text, "C")["opencoder_prompt_ratio"] for text in (one, two)] == [0.1, 0.2]


PYTHON = '''"""Doc."""
import os
from a import b

password = 1


async def important():
    return blueprint


class A:
    x = 1
    y: int = 2

    def f(self):
        return 1

    def g(self):
        pass
'''


def test_python_by_its_statements() -> None:
    found = signals(PYTHON, "Python")
    lines = 12
    assert found["code_lines"] == lines
    assert found["parses"] == 1
    assert found["function_ratio"] == 3 / lines
    assert found["opencoder_function_ratio"] == 2 / lines
    assert found["returning_ratio"] == 1 / lines
    assert (found["pass_ratio"], found["opencoder_pass_ratio"]) == (1 / lines, 2 / lines)
    assert (found["import_ratio"], found["opencoder_import_ratio"]) == (2 / lines, 3 / lines)
    assert (found["print_ratio"], found["opencoder_print_ratio"]) == (0, 1 / lines)
    # functions, imports, the class, returns, members of the class
    assert found["plain_ratio"] == (3 + 2 + 1 + 2 + 2) / lines
    assert found["no_variables"] == 0
    assert signals("print(1)\nf(x=2)\n", "Python")["no_variables"] == 1
    both = signals("with open(x) as y:\n    z += 1\n", "Python")
    assert (both["no_variables"], both["opencoder_no_variables"]) == (0, 1)


@pytest.mark.parametrize(
    ("text", "parses"),
    [
        ("x = 1\n", True),
        ("print 'x'\n", False),
        ("a\0b", False),
        ("\ud800", False),
        ("(" * 100_000, False),
        ("-" * 100_000 + "1", None),
        ("a" + ".b" * 100_000, None),
        ("a" + "+a" * 100_000, None),
        ("a" + "()" * 100_000, None),
        ("not " * 50_000 + "a", None),
        ("if a:\n pass\n" + "elif a:\n pass\n" * 20_000, None),
        ("x = 1\n" * 200_000, None),
        ('"\\d"\n', True),
        ("", True),
    ],
)
def test_the_parser_of_python_gives_up_and_does_not_fall(text: str, parses: bool | None) -> None:
    assert parse(text).parses is parses


CASES = {
    "C": (
        "#include <a.h>\n#include \"b.h\"\nstruct s { int a; };\nstatic int *f(int a) {\n  int b;\n  goto x;\n"
        "x:\n  return b;\n}\nint main(void) {\n  printf(\"\");\n  return 0;\n}\n",
        {"function_ratio": 2, "main_functions": 1, "print_ratio": 1, "goto_ratio": 1, "directive_ratio": 2,
         "opencoder_directive_ratio": 3, "plain_ratio": 2 + 2 + 1 + 2, "no_variables": 0},
    ),
    "C++": (
        "#include <bits/stdc++.h>\nusing namespace std;\nclass A : public B {\n  bool c;\n};\n"
        "int main() {\n  cout << 1;\n}\n",
        {"function_ratio": 1, "main_functions": 1, "print_ratio": 1, "all_headers": 1, "plain_ratio": 4,
         "opencoder_directive_ratio": 2},
    ),
    "C#": (
        "using System;\nclass A {\n  int a;\n  public static void F(int b) {\n    Console.WriteLine(b);\n"
        "    if (b > 1) return;\n    return;\n  }\n}\n",
        {"function_ratio": 1, "print_ratio": 1, "plain_ratio": 5, "no_variables": 0,
         "opencoder_no_variables": 0},
    ),
    "Java": (
        "import a.B;\npublic class C {\n  private int d;\n  int e() {\n    return d;\n  }\n"
        "  public static <T> void f(T g) throws H {\n    System.out.println(g);\n  }\n}\n",
        {"function_ratio": 2, "print_ratio": 1, "plain_ratio": 2 + 1 + 1 + 1 + 1, "no_variables": 0},
    ),
    "Go": (
        "package a\n\nimport (\n\t\"b\"\n\t\"c\"\n)\n\ntype D struct {\n\te int\n}\n\nfunc (d *D) F() int {\n"
        "\tg := 1\n\tfmt.Println(g)\n\treturn g\n}\n\nfunc H() {\n\tvar i int\n\treturn\n}\n",
        {"function_ratio": 2, "print_ratio": 1, "plain_ratio": 2 + 2 + 1 + 1 + 2,
         "opencoder_plain_ratio": 2 + 1 + 1 + 1 + 2, "no_variables": 0},
    ),
    "JavaScript": (
        "import a from 'a'\nconst b = 1\nlet c = function () { return b }\nfunction d(e) {\n  console.log(e)\n"
        "  return\n}\nclass F extends G {\n}\n",
        {"function_ratio": 2, "print_ratio": 1, "no_variables": 0, "plain_ratio": 2 + 1 + 1 + 2 + 1},
    ),
}  # fmt: skip
#: Signals that are no shares of lines of code.
WHOLE = ("main_functions", "all_headers", "no_variables", "opencoder_no_variables")


@pytest.mark.parametrize("language", CASES)
def test_functions_and_the_like_are_counted(language: str) -> None:
    text, expected = CASES[language]
    found = signals(text, language)
    lines = found["code_lines"]
    assert lines is not None
    got = {name: found[name] if name in WHOLE else round((found[name] or 0) * lines, 6) for name in expected}
    assert got == expected


def test_headers_have_no_share_of_directives() -> None:
    text = "#ifndef A\n#define A\n#endif\n"
    assert signals(text, "C", "a.h")["directive_ratio"] is None
    assert signals(text, "C", "a.c")["directive_ratio"] == 1


@pytest.mark.parametrize(
    ("text", "chars"),
    [
        ("<p>ab</p>\n\n<p>c</p>", 4),  # blanks between elements are one
        ("<pre>  \n </pre>", 4),
        ("<script>var a = '<b>';</script><style>c{}</style>d", 1),
        ("a &amp; b &#65; &unknown;", len("a & b A &unknown")),
        ("<!DOCTYPE html><!-- c --><p>x<br>y", 2),
        ("<template><p>a</p></template>b", 1),
        ("<a href='", 0),
        ("", 0),
    ],
)
def test_text_of_a_page(text: str, chars: int) -> None:
    assert signals(text, "HTML")["html_text_chars"] == chars


def hostile() -> list[str]:
    size = 60_000
    return [
        piece * (size // len(piece))
        for piece in ("'", '"', "\\\"", "'''", "(", "a b(", "main(", "class a:", "#include <", "return ", "int a,", "a ",
                      " ", "\n", "0x1,", "<", "(http://", "/*", "//", "`", "func a(", "import (", "type a struct {",
                      "public ", "var a = ", "return 'a", "a\n", "=\"a\" ", "/", "<a ", "<!--", "&", "{-", "\\u1234")
    ]  # fmt: skip


@pytest.mark.parametrize("language", [*LANGUAGES, "Python", "HTML", "Shell", "Perl", "Haskell", None])
def test_no_text_takes_the_square_of_its_length(language: str | None) -> None:
    """60,000 characters of each kind: these are a second at most, and minutes where something is quadratic."""
    measure("a", language)
    for text in hostile():
        start = time.process_time()
        measure(text, language, prose=language is None)
        assert time.process_time() - start < 20, text[:10]


def test_columns_of_a_batch() -> None:
    stage = CodeSignals(StageConfig())
    batch = pa.table(
        {
            "text": ["x = 1\n", None, "Some words.\n", ""],
            "path": ["a.py", "b.py", "README", "c"],
            "bytes": [6, 0, 12, None],
            "code_language": ["Python", "Python", "Text", None],
            "code_type": ["programming", "programming", "prose", None],
        }
    )
    done = stage.annotate(batch)
    assert done.faults == {1: Fault("no_text")}
    columns = pa.table(dict(done.columns))
    assert columns.schema == SCHEMA
    assert columns["signal.code_bytes"].to_pylist() == [6, None, 12, None]
    assert columns["signal.code_parses"].to_pylist() == [1, None, None, None]
    assert columns["signal.code_prose_sentences"].to_pylist() == [None, None, 1, None]
    assert columns["signal.code_mean_line"].to_pylist() == [6, None, 12, 0]


def test_a_text_of_code_and_comments_that_were_parted_elsewhere() -> None:
    found: Measured = measure("x", "C", given=("int a;\n", "// todo"))
    assert (found.counts[COUNT.code_lines], found.counts[COUNT.prompt_lines]) == (1, 1)


def test_the_table_for_readers_is_that_of_the_code() -> None:
    page = Path(__file__).parents[3] / "stages" / "code" / "signals" / "README.md"
    assert page.read_text(encoding="utf-8").endswith("\n\n" + markdown()), (
        "paste what table.markdown() returns"
    )
