"""What kind of file it is: vendored, generated, minified, a test.

Knows paths and the first and last lines of files. Does not know what becomes of such files.

``vendored`` are Linguist's patterns of paths (``vendor.yml``) and installed packages of Python, which it does
not know. ``generated`` follows Linguist's rules (``generated.rb``, MIT): what tools write at certain places
of their output. Neither looks for words such as "generated" anywhere in a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from stages.code.languages.data import tables

#: Committed environments of Python: they carry packages under licences of their own.
_INSTALLED = re.compile(r"(?:^|/)(?:site-packages|dist-packages|\.?virtualenv|\.?venv|\.tox|\.nox|\.eggs)/")

_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|__tests__|specs?|testing|test[-_]?suites?|unittests?|e2e)/"
    r"|(?:^|/)src/(?:test|androidTest|integrationTest)/"
    r"|(?:^|/)(?:test_[^/]*|conftest)\.py$"
    r"|[-_](?:test|tests|spec|unittest)\.[A-Za-z+]+$"
    r"|\.(?:test|tests|spec|cy)\.[cm]?[jt]sx?$"
    r"|(?:[A-Za-z0-9](?:Test|Tests|TestCase|Spec)|[a-z0-9]IT)\.(?:java|kt|kts|scala|groovy|cs|swift|php|vb|fs|m|mm)$"
    r"|(?:^|/)Test[A-Z][^/]*\.(?:java|kt|cs)$"
    r"|\.t$"
)

_GENERATED_PATH = re.compile(
    r"\.(?:nib|xcworkspacedata|xcuserstate)$"
    r"|(?:^|/)\.idea/|(?:^|/)Pods/|(?:^|/)Carthage/Build/|node_modules/|Godeps/|__generated__/"
    r"|vendor/(?:(?!-)[-0-9A-Za-z]+(?<!-)\.)+(?:com|edu|gov|in|me|net|org|fm|io)"
    r"|(?i:\.designer\.(?:cs|vb)$|\.feature\.cs$|_tlb\.pas$|(?:^|/)gradlew(?:\.bat)?$|(?:^|/)mvnw(?:\.cmd)?$)"
    r"|(?:composer|Cargo|deno|poetry|pdm|uv|pixi|Pipfile|Gopkg|glide|yarn)\.lock|Cargo\.toml\.orig"
    r"|(?:^|/)(?:flake|MODULE\.bazel|mise(?:\.[^/]+)?|(?:\w+\.)?esy)\.lock$"
    r"|npm-shrinkwrap\.json|package-lock\.json|pnpm-lock\.yaml|(?:^|/)bun\.lockb?$|(?:^|/)\.pnp\."
    r"|(?:^|/)\.terraform\.lock\.hcl$|(?:^|/)go\.sum$|Package\.resolved"
    r"|.\.zep\.(?:c|h|php)$|(?:^|/)\.secrets\.baseline$|(?:^|/)htmlcov/"
    r"|(?:^|/)(?:Julia)?Manifest(?:-v\d+\.\d+)?\.toml$|(?:^|/)\.sqlx/query-[a-f\d]{64}\.json$",
    re.ASCII,
)

_SCRIPTS = (".js", ".css", ".mjs", ".cjs")
#: Mean characters of a line from which a script or style sheet is called minified (Linguist).
_MINIFIED_MEAN = 110
_MINIFIED_NAME = re.compile(r"[.-]min\.(?:[cm]?js|css)$", re.IGNORECASE)


class Marks(NamedTuple):
    """What a file is, besides its language."""

    vendored: bool
    generated: bool
    minified: bool
    test: bool


def marks(path: str, text: str) -> Marks:
    """Marks of a file by its path within the repository and its text."""
    file = _File(path, text)
    small = minified(path, text)
    return Marks(
        vendored=tables().vendored.search(path) is not None or _INSTALLED.search(path) is not None,
        generated=small or _GENERATED_PATH.search(path) is not None or any(rule(file) for rule in _RULES),
        minified=small,
        test=_TEST_PATH.search(path) is not None,
    )


def minified(path: str, text: str) -> bool:
    """Whether a script or style sheet was made small by a tool: by its name, or by the length of its
    lines."""
    if not path.lower().endswith(_SCRIPTS):
        return False
    if _MINIFIED_NAME.search(path):
        return True
    breaks = text.count("\n")
    return bool(text) and (len(text) - breaks) / (breaks + 1) > _MINIFIED_MEAN


class _File:
    """A name with its extension and a text with its first lines, which are made once they are asked for."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        name = path.rpartition("/")[2]
        dot = name.rfind(".")
        self.extension = name[dot:] if dot > 0 else ""
        self._first: list[str] | None = None

    @property
    def first(self) -> list[str]:
        """The first 40 lines, each cut at 1,000 characters, of the first 40,000 characters."""
        if self._first is None:
            self._first = [line[:1000] for line in self.text[:40_000].split("\n", 40)[:40]]
        return self._first

    @property
    def last(self) -> list[str]:
        """The last two lines; of a text that ends in a line feed one is empty."""
        return self.text[-4000:].rsplit("\n", 2)[-2:]


_Rule = Callable[[_File], bool]


def _says(extensions: str, lines: slice, *phrases: str) -> _Rule:
    """One of certain lines has all these phrases, in a file with one of these extensions."""
    ends = frozenset(extensions.split())

    def rule(file: _File) -> bool:
        if file.extension not in ends or not all(phrase in file.text[:40_000] for phrase in phrases):
            return False
        return any(all(phrase in line for phrase in phrases) for line in file.first[lines])

    return rule


def _source_map(file: _File) -> bool:
    if file.extension.lower() in (".js", ".css") and "sourceMappingURL" in file.text[-4000:]:
        return any(re.match(r"/[*/][#@] source(?:Mapping)?URL|sourceURL=", line) for line in file.last)
    if file.extension.lower() != ".map":
        return False
    return re.search(r"\.(?:css|js)\.map$", file.path, re.I) is not None or re.match(
        r'\{"version":\d+,|/\*\* Begin line maps\. \*\*/\{', file.text
    ) is not None  # fmt: skip


def _coffee(file: _File) -> bool:
    if file.extension != ".js" or file.first[0] != "(function() {":
        return False
    if not file.text.endswith("\n}).call(this);\n"):
        return False
    score = 0
    for line in file.text.split("\n"):
        if "var " in line:
            score += len(re.findall(r"_fn|_i|_len|_ref|_results", line))
            score += 3 * len(re.findall(r"__bind|__extends|__hasProp|__indexOf|__slice", line))
    return score >= 3


def _postscript(file: _File) -> bool:
    if file.extension not in (".ps", ".eps", ".pfa"):
        return False
    if re.search(r"^\s{0,100}(?:currentfile eexec\s|/sfnts\s{1,100}\[\s<)", file.text, re.M):
        return True
    creator = next((line for line in file.first[:10] if line.startswith("%%Creator: ")), "")
    tools = (
        r"[0-9]|draw|mpage|ImageMagick|inkscape|MATLAB|PCBNEW|pnmtops|\(Unknown\)|Serif Affinity|Filterimage"
    )
    return creator != "" and re.search(tools, creator) is not None


def _docfile(file: _File) -> bool:
    lines = file.first
    return (
        file.extension.lower() == ".xml" and len(lines) > 3 and "<doc>" in lines[1]
        and "<assembly>" in lines[2] and "</doc>" in file.text[-4000:].rsplit("\n", 2)[-2]
    )  # fmt: skip


def _cassette(file: _File) -> bool:
    tail = file.text[-4000:].rsplit("\n", 2)
    return file.extension == ".yml" and len(tail) == 3 and "recorded_with: VCR" in tail[-2]


_GENERATOR = re.compile(r"<meta\s([^>]{1,500})>", re.IGNORECASE)
_GENERATORS = re.compile(
    r"""(?:content|value)\s*=\s*["']?(?:org\s+mode|j?latex2html|groff|makeinfo|texi2html|ronn)\b""", re.I
)
_PAGE = re.compile(
    r"<!-- Generated by pkgdown: do not edit by hand -->|<!--\s+Generated by Doxygen\s+[.0-9]+\s*-->", re.I
)


def _page(file: _File) -> bool:
    if file.extension.lower() not in (".html", ".htm", ".xhtml"):
        return False
    head = " ".join(file.first[:31])
    if _PAGE.search(head) or file.first[2:3] == ["<!-- This is an automatically generated file."]:
        return True
    return any(
        re.search(r"name\s*=\s*[\"']?generator\b", meta, re.I) and _GENERATORS.search(meta)
        for meta in _GENERATOR.findall(head)
    )


def _game_maker(file: _File) -> bool:
    if file.extension not in (".yy", ".yyp") or len(file.first) < 4:
        return False
    return file.text.lstrip()[:1] in ("{", "[") or re.match(r"\d\.\d\.\d.+\|\{", file.first[0]) is not None


def _dart(file: _File) -> bool:
    return file.extension == ".dart" and any(
        re.search(r"generated code\W{2,3}do not modify", line.lower()) for line in file.first[:3]
    )


def _rbi(file: _File) -> bool:
    lines = file.first
    return (
        file.extension.lower() == ".rbi" and len(lines) >= 5 and lines[0].startswith("# typed:")
        and "DO NOT EDIT MANUALLY" in lines[2] and lines[4].startswith("# Please ")
    )  # fmt: skip


_THRIFT = ".rb .py .go .js .m .java .h .cc .cpp .php"
_PROTOBUF = ".py .java .h .cc .cpp .m .rb .php"
_ONE = slice(0, 1)

_RULES: tuple[_Rule, ...] = (
    _source_map,
    _coffee,
    _postscript,
    _docfile,
    _cassette,
    _page,
    _game_maker,
    _dart,
    _rbi,
    _says(".js", _ONE, "// Generated by "),
    _says(".js", slice(0, 5), "Generated by PEG.js"),
    _says(".go", slice(0, 40), "// Code generated "),
    _says(".proto", slice(0, 20), "This file was autogenerated by go-to-protobuf"),
    _says(_PROTOBUF, slice(0, 3), "Generated by the protocol buffer compiler.  DO NOT EDIT!"),
    _says(".js", slice(5, 6), "GENERATED CODE -- DO NOT EDIT!"),
    _says(".ts", _ONE, "Code generated by protoc-gen-ts_proto. DO NOT EDIT."),
    _says(".rb", slice(0, 3), "Code generated by protoc-gen-twirp_ruby", "DO NOT EDIT."),
    _says(_THRIFT, slice(0, 6), "Autogenerated by Thrift Compiler"),
    _says(".h", _ONE, "/* DO NOT EDIT THIS FILE - it is machine generated */"),
    _says(".g", slice(1, 2), "generated by Xtest"),
    _says(".c .cpp", _ONE, "Generated by Cython"),
    _says(".mod", _ONE, "PCBNEW-LibModule-V"),
    _says(".mod", _ONE, "GFORTRAN module version '"),
    _says(".meta", _ONE, "fileFormatVersion: "),
    _says(".rb", slice(2, 3), "# This file is automatically generated by Racc"),
    _says(".java", _ONE, "/* The following code was generated by JFlex "),
    _says(".java", _ONE, "// This is a generated file. Not intended for manual editing."),
    _says(".Rd", _ONE, "% Generated by roxygen2: do not edit by hand"),
    _says(".js", _ONE, "/* parser generated by jison "),
    _says(".js", _ONE, "/* generated by jison-lex "),
    _says(".cpp .hpp .h .cc", _ONE, "// Generated by the gRPC"),
    _says(".h", slice(8, 9), "Automatically created by Devel::PPPort"),
    _says(".c .h", _ONE, "/* GIMP ", "-Source image dump ("),
    _says(".h", _ONE, "/*  GIMP header image file format ("),
    _says(".dsp", slice(0, 3), "# Microsoft Developer Studio Generated Build File"),
    _says(".js .py .lua .cpp .h .java .cs .php", slice(0, 3), "Generated by Haxe"),
    _says(".java", slice(0, 2), "This file is generated by jOOQ."),
    _says(".frm", _ONE, "TYPE=VIEW"),
)
