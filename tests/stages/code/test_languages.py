"""The language of files, and what kind of file they are."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import Fault
from stages.code.languages import detect, marks, nemotron, resolve, types
from stages.code.languages.data import FILE, FLAGS, NEMOTRON, tables
from stages.code.languages.detect import DEFAULTS, LOOKED_AT, RUN_BY, interpreter
from stages.code.languages.regenerate import main as regenerate
from stages.code.languages.stage import CodeLanguage, CodeLanguageConfig


@pytest.mark.parametrize(
    ("path", "text", "language", "by"),
    [
        ("a/b.py", "x = 1\n", "Python", "extension"),
        ("Makefile", "all:\n", "Makefile", "filename"),
        ("docker/Dockerfile.dev", "FROM a\n", "Dockerfile", "filename"),
        ("bin/run", "#!/usr/bin/env -S python3 -u\n", "Python", "shebang"),
        ("bin/run", "#! /usr/local/bin/ruby2.7 -w\n", "Ruby", "shebang"),
        ("bin/run", '#!/bin/sh\nexec perl "$0" "$@"\n', "Perl", "default"),
        ("bin/run", "#!/usr/bin/env node\n", "JavaScript", "default"),
        ("bin/run", "#!\n", None, None),
        ("x.html.erb", "<p><%= a %>", "HTML+ERB", "extension"),
        ("x.R", "f <- function(x) x\n", "R", "rule"),
        ("x.h", "int f(void);\n", "C", "rule"),
        ("x.h", "namespace a {\nclass B {};\n}\n", "C++", "rule"),
        ("x.h", "@interface A : NSObject\n@end\n", "Objective-C", "rule"),
        ("x.m", "#import <Foundation/Foundation.h>\n", "Objective-C", "rule"),
        ("x.m", "function y = f(x)\n  y = x;\nend\n", "MATLAB", "rule"),
        ("x.m", "(* a comment *)\nf[x_] := x\n", "Wolfram Language", "rule"),
        ("x.v", "module a(input b);\nendmodule\n", "Verilog", "rule"),
        ("x.v", "Require Import Coq.\nTheorem a : b.\nProof. auto. Qed.\n", "Rocq Prover", "rule"),
        ("x.f", "      SUBROUTINE A(N)\n", "Fortran", "rule"),
        ("x.pl", "use strict;\nmy $x = 1;\n", "Perl", "rule"),
        ("x.pl", ":- module(a, [b/1]).\nb(X) :- c(X).\n", "Prolog", "rule"),
        ("x.ts", "export const a: number = 1\n", "TypeScript", "rule"),
        ("x.ts", '<?xml version="1.0"?>\n<TS version="2.1">\n', "XML", "rule"),
        ("x.sql", "SELECT 1;\n", "SQL", "rule"),
        ("x.S", "mov r0, r1\n", "Assembly", "rule"),
        ("x.nas", "mov r0, r1\n", "Assembly", "default"),
        ("x.ipynb", "{}", "Jupyter Notebook", "extension"),
        ("pom.xml", "<project/>", "Maven POM", "filename"),
        ("x.unknown", '<?xml version="1.0"?>\n<a/>', "XML", "xml"),
        ("x.3", "no manual\n", "Text", "rule"),
        ("any", "/* -*- mode: C++; tab-width: 2 -*- */\n", "C++", "modeline"),
        ("any", "a\n" * 20 + "# vim: set ft=ruby ts=2 :\n", "Ruby", "modeline"),
        ("README", "Hello\n", None, None),
        ("", "", None, None),
    ],
)
def test_what_tells_the_language(path: str, text: str, language: str | None, by: str | None) -> None:
    assert detect(path, text) == (language, by)


def test_interpreters() -> None:
    assert interpreter("#!/usr/bin/env FOO=bar python3.11\n") == "python3"
    assert interpreter("#!/usr/bin/osascript -l JavaScript\n") is None
    assert interpreter("#!/usr/bin/env\n") is None
    assert interpreter("# python") is None


def test_names_are_those_of_linguist_in_any_spelling() -> None:
    assert resolve("golang") == {"Go"}
    assert resolve("CommonLisp") == {"Common Lisp"}
    assert "TSX" in resolve("TypeScript")
    assert "Maven POM" in resolve("xml")
    assert "PLSQL" in resolve("nemotron43")
    with pytest.raises(ValueError, match="did you mean 'Python'"):
        resolve("Pyhton")


def test_the_list_of_nemotron() -> None:
    assert len(NEMOTRON) == 43
    assert nemotron() <= set(types())
    assert set(DEFAULTS.values()) | set(RUN_BY.values()) <= set(types())


def test_every_default_is_a_language_of_its_extension() -> None:
    wrong = {ext: name for ext, name in DEFAULTS.items() if name not in tables().extensions.get(ext, (name,))}
    assert wrong == {}


def test_the_data_comes_with_its_licence_and_compiles() -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    assert "Permission is hereby granted" in data["notice"]
    patterns = [test[1] for block in data["heuristics"] for rule in block["rules"] for test in rule["tests"]]
    assert len(patterns) > 300
    for pattern in patterns + data["vendored"]:
        re.compile(pattern, FLAGS)


def test_regenerated_from_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small: options in the middle of a pattern, groups that are called, the end of a text."""
    root = tmp_path / "lib" / "linguist"
    root.mkdir(parents=True)
    (tmp_path / "LICENSE").write_text("Permission is hereby granted\n")
    (root / "VERSION").write_text("1.0\n")
    (root / "languages.yml").write_text(
        'A:\n  type: data\n  extensions: [".a"]\nB:\n  type: prose\n  extensions: [".a"]\n'
    )
    (root / "popular.yml").write_text("- A\n")
    (root / "generic.yml").write_text('extensions: [".1"]\n')
    (root / "vendor.yml").write_text("- (^|/)cache/\n")
    (root / "heuristics.yml").write_text(
        "disambiguations:\n- extensions: ['.a']\n  rules:\n"
        "  - language: A\n    pattern: ['^x(?i)yes$', '(?x) \\A(?<v>\\d) , \\g<v>\\z # twice']\n"
        "  - language: B\n    and:\n    - named_pattern: n\n    - negative_pattern: '(?m)b.c'\n"
        "named_patterns:\n  n: '\\h{4}'\n"
    )
    out = tmp_path / "linguist.json"
    monkeypatch.setattr("stages.code.languages.regenerate.FILE", out)
    regenerate(tmp_path)
    rules = json.loads(out.read_text())["heuristics"][0]["rules"]
    ((wanted, first),) = rules[0]["tests"]
    assert wanted
    found = re.compile(first, FLAGS)
    assert [bool(found.search(text)) for text in ("xYES", "Xyes", "1,2", "1,2\n")] == [
        True,
        False,
        True,
        False,
    ]
    assert [kind for kind, _ in rules[1]["tests"]] == [True, False]
    assert re.compile(rules[1]["tests"][1][1], FLAGS).search("b\nc")
    (root / "vendor.yml").write_text("- '(?P=none)'\n")
    with pytest.raises(ValueError, match="none"):
        regenerate(tmp_path)


@pytest.mark.parametrize(
    ("path", "text", "kinds"),
    [
        ("src/a.py", "x = 1\n", ""),
        ("third_party/zlib/inflate.c", "int x;\n", "vendored"),
        ("app/venv/lib/python3.7/site-packages/a.py", "x = 1\n", "vendored"),
        ("web/jquery.min.js", "a\n", "vendored generated minified"),
        ("web/app.js", "x" * 2000 + "\n", "generated minified"),
        ("web/app.js", "var x;\n" * 200, ""),
        ("package-lock.json", "{}", "generated"),
        ("api/pods/a.go", "package a\n\nfunc F() {}\n", ""),
        ("api/a.pb.go", "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n", "generated"),
        ("cmd/generate/a.go", 'package a\n\nimport "x/cmd/generate/y"\n', ""),
        (
            "a_pb2.py",
            "# -*- coding: utf-8 -*-\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\n",
            "generated",
        ),
        ("docs/a.html", '<html>\n<meta name="generator" content="Org mode">\n', "generated"),
        ("docs/b.html", '<html>\n<meta name="generator" content="a hand">\n', ""),
        ("web/x.js", "var a;\n//# sourceMappingURL=x.js.map\n", "generated"),
        ("web/x.js.map", "{}", "generated"),
        ("x.js", "(function() {\n  var a, _i, _len, _ref;\n}).call(this);\n", "generated"),
        ("tests/test_a.py", "x = 1\n", "test"),
        ("a/b_test.go", "package b\n", "test"),
        ("src/test/java/a/B.java", "class B {}\n", "test"),
        ("a/BTest.java", "class BTest {}\n", "test"),
        ("a/latest.py", "x\n", ""),
        ("a/contest.go", "x\n", ""),
        ("a.spec.ts", "it()\n", "test"),
    ],
)
def test_kinds_of_files(path: str, text: str, kinds: str) -> None:
    found = marks(path, text)._asdict()
    assert {kind for kind, true in found.items() if true} == set(kinds.split())


def table(*rows: tuple[str | None, str]) -> pa.Table:
    texts, paths = zip(*rows, strict=True)
    return pa.table({"text": pa.array(texts, pa.string()), "path": pa.array(paths, pa.string())})


def judged(batch: pa.Table, **config: object) -> tuple[pa.Table, list[Fault | None]]:
    stage = CodeLanguage(CodeLanguageConfig(**config))  # type: ignore[arg-type]
    stage.open()
    done = stage.annotate(batch)
    for name, column in done.columns.items():
        batch = batch.append_column(name, column)
    return batch, list(stage.judge(batch))


FILES = table(
    ("x = 1\n", "a.py"),
    ("int main() {}\n", "vendor/a.c"),
    ("{}", "package-lock.json"),
    ("x" * 999, "a.css"),
    ("x = 1\n", "tests/a.py"),
    ("\x7fELF\0\0", "a.py"),
    ("?", "a.unheard"),
)


def test_the_stage_measures_and_keeps_all_but_binaries() -> None:
    batch, faults = judged(FILES)
    assert batch["code_language"].to_pylist() == ["Python", "C", "JSON", "CSS", "Python", None, None]
    assert batch["code_type"].to_pylist()[:4] == ["programming", "programming", "data", "markup"]
    assert [fault and fault.reason for fault in faults] == [None] * 5 + ["binary", None]


def test_the_stage_drops_what_is_not_wanted() -> None:
    drop = dict.fromkeys(("vendored", "generated", "minified", "test"), "drop")
    _, faults = judged(FILES, keep=["python", "C", "json", "css"], **drop)
    assert [fault and fault.reason for fault in faults] == [
        None, "vendored", "generated", "minified", "test", "binary", "code_language",
    ]  # fmt: skip
    assert faults[-1] == Fault("code_language", "unknown")


def test_a_row_without_text_fails_alone() -> None:
    stage = CodeLanguage(CodeLanguageConfig())
    done = stage.annotate(table((None, "a.py"), ("x = 1", "b.py")))
    assert done.faults == {0: Fault("no_text")}
    assert done.columns["code_language"].to_pylist() == [None, "Python"]


def test_a_language_that_there_is_not_is_a_mistake_of_the_config() -> None:
    with pytest.raises(ValidationError, match="did you mean 'JavaScript'"):
        CodeLanguageConfig(keep=["JavaScrpt"])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(tables().extensions)), st.text(max_size=200))
def test_no_text_fails(extension: str, text: str) -> None:
    found = detect(f"a/x{extension}", text)
    assert (found.language is None) == (found.by is None)
    marks(f"a/x{extension}", text)


def test_what_is_looked_at_is_bounded() -> None:
    """Rules see no more of a long text than of its beginning, and runs of blanks do not cost their square."""
    start = "x\n" + " \n" * 200_000 + "class A {};\nnamespace b {\n"
    assert detect("x.h", start).language == "C"
    assert detect("x.h", "class A {};\n" + "y" * LOOKED_AT).language == "C++"
    rng = random.Random(1)
    noise = "".join(rng.choice(" \t\n.(/*\"'#@:=a") for _ in range(60_000))
    start_at = time.process_time()
    for extension in (".h", ".m", ".pl", ".sql", ".v"):
        detect("x" + extension, noise)
    assert time.process_time() - start_at < 30  # a minute and more where something is quadratic
