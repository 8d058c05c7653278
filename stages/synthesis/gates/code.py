"""Gates of answers with code: every fenced block is parsed, none is run.

Knows fences and parsers: Python's own for Python, tree-sitter for other languages where it is installed
(``pip install 'nanocorpus[code]'``). A block in a language without a parser is counted, not judged.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import warnings
from importlib import import_module
from typing import Any

from stages.synthesis.gates.measure import Measured, Source

_BLOCK = re.compile(r"^(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")
#: Languages, their names in fences, and the module and function of their grammar.
_GRAMMARS = {
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "bash": ("tree_sitter_bash", "language"),
}
_NAMES = {
    "py": "python", "python3": "python", "js": "javascript", "node": "javascript", "jsx": "javascript",
    "ts": "typescript", "c++": "cpp", "cc": "cpp", "cxx": "cpp", "h": "c", "hpp": "cpp",
    "c#": "csharp", "cs": "csharp",
    "golang": "go", "rs": "rust", "sh": "bash", "shell": "bash", "zsh": "bash",
}  # fmt: skip


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of the fenced blocks; one that is not closed goes to the end."""
    return [(_NAMES.get(match[2].lower(), match[2].lower()), match[3]) for match in _BLOCK.finditer(text)]


def measure(found: Measured, answer: str, question: str, source: Source) -> None:
    """Blocks of an answer, and whether the question is about the code that it comes from."""
    there = blocks(answer)
    found["code_blocks"] = len(there)
    errors: list[str] = []
    unknown: list[str] = []
    for language, content in there:
        verdict = error_in(language, content)
        if verdict is None:
            unknown.append(language or "no language")
        elif verdict:
            errors.append(f"{language}: {verdict}")
    found.count("code_errors", errors)
    found.count("code_unknown", unknown)
    named = set(_IDENTIFIER.findall(question))
    if named:
        there_too = set(_IDENTIFIER.findall(source.text)) | set(_IDENTIFIER.findall(answer))
        found["question_grounded"] = len(named & there_too) / len(named)


def error_in(language: str, content: str) -> str | None:
    """What is wrong with a piece of code; empty if it parses, None if nobody can tell."""
    if language == "python":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in strings
                ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"{type(error).__name__} {getattr(error, 'msg', '')} line {getattr(error, 'lineno', '?')}"
        return ""
    if language == "json":
        try:
            json.loads(content)
        except (ValueError, RecursionError) as error:
            return str(error)
        return ""
    parser = _parser(language)
    if parser is None:
        return None
    wraps: tuple[str, ...] = ("{}",) if language != "php" or "<?" in content else ("<?php\n{}",)
    if language in ("java", "csharp"):
        wraps = ("{}", "class A {{\n{}\n}}", "class A {{ void f() {{\n{}\n}} }}")
    elif language in ("go", "rust", "c", "cpp"):
        wraps = (
            "{}",
            {"go": "func f() {{\n{}\n}}", "rust": "fn f() {{\n{}\n}}"}.get(language, "void f() {{\n{}\n}}"),
        )
    first = ""
    for wrap in wraps:
        tree = parser.parse(wrap.format(content).encode())
        if not tree.root_node.has_error:
            return ""
        first = first or _place(tree.root_node)
    return first


def _place(node: Any) -> str:
    """Line of the first error below a node."""
    while True:
        if node.is_error or node.is_missing:
            return f"error in line {node.start_point[0] + 1}"
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            return f"error in line {node.start_point[0] + 1}"
        node = inner


@functools.cache
def _parser(language: str) -> Any:
    if language not in _GRAMMARS:
        return None
    module, function = _GRAMMARS[language]
    try:
        sitter = import_module("tree_sitter")
        grammar = getattr(import_module(module), function)()
    except ModuleNotFoundError:
        return None
    return sitter.Parser(sitter.Language(grammar))


def require() -> None:
    """ImportError if a grammar is not installed: what is dropped must not depend on that."""
    for language in _GRAMMARS:
        if _parser(language) is None:
            raise ImportError(
                f"tasks with code need parsers, and that of {language} is not installed: "
                "pip install 'nanocorpus[code]'"
            )
