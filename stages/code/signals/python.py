"""What the syntax tree of a Python file says: whether there is one, its functions, classes and variables.

Knows statements. Does not run anything. What is nested so deep that the parser gives up has no verdict. The
grammar is that of the Python that runs: Python 2 does not parse.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import NamedTuple

#: Characters beyond which nothing is parsed: a tree takes fifty times as much memory.
MOST_CHARS = 1_000_000

_PASS = re.compile(r"^[^\S\n]*+pass\b", re.MULTILINE)
_IMPORT = re.compile(r"^[^\S\n]*+(?:import\b|from\b[^\n]*\bimport\b)", re.MULTILINE)
_PRINT = re.compile(r"^[^\S\n]*+print\b[^\n]*", re.MULTILINE)
_RETURN = re.compile(r"^[^\S\n]*+return(?:\s++.+)?\s*$", re.MULTILINE)


class Parsed(NamedTuple):
    """Counts of statements; ``parses`` is None where the text was not given to the parser."""

    parses: bool | None
    functions: int = 0
    functions_opencoder: int = 0  # without async ones
    returning: int = 0  # functions of a single return
    classes: int = 0
    members: int = 0  # names that bodies of outer classes assign to
    variables: int = 0
    variables_opencoder: int = 0


class Lines(NamedTuple):
    """Counts of lines of code; those of OpenCoder look for letters anywhere in a line."""

    passes: int
    imports: int
    prints: int
    returns: int
    passes_opencoder: int
    imports_opencoder: int
    prints_opencoder: int


def lines(code: str) -> Lines:
    """Of code without comments."""
    lower = code.lower()
    return Lines(
        passes=len(_PASS.findall(code)),
        imports=len(_IMPORT.findall(code)),
        prints=len(_PRINT.findall(code)),
        returns=len(_RETURN.findall(code)),
        passes_opencoder=_with(lower, "pass"),
        imports_opencoder=_with(lower, "import"),
        prints_opencoder=_with(code, "print"),
    )


def _with(code: str, word: str) -> int:
    """Lines that have a word in them."""
    found, place = 0, code.find(word)
    while place >= 0:
        found += 1
        end = code.find("\n", place)
        place = code.find(word, end) if end >= 0 else -1
    return found


def parse(text: str) -> Parsed:
    """Of a whole text. Never raises, whatever the text."""
    if len(text) > MOST_CHARS:
        return Parsed(None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Parsed(False)
    except (RecursionError, MemoryError):
        return Parsed(None)
    return _count(tree)


def _count(tree: ast.Module) -> Parsed:
    functions = plain_functions = returning = classes = members = 0
    names, names_opencoder = set[str](), set[str]()
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]  # and whether it is within a class
    while stack:
        node, inner = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions += 1
            of = node.args
            every = [*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg]
            names.update(arg.arg for arg in every if arg is not None)
            if isinstance(node, ast.FunctionDef):
                plain_functions += 1
                returning += len(node.body) == 1 and isinstance(node.body[0], ast.Return)
                names_opencoder.update(arg.arg for arg in of.args)
        elif isinstance(node, ast.ClassDef):
            classes += 1
            if not inner:
                members += sum(_assigned(item) for item in node.body)
            inner = True
        elif isinstance(node, ast.Assign):
            own = {target.id for target in node.targets if isinstance(target, ast.Name)}
            names_opencoder |= own
            names |= own or {"?"}
        elif isinstance(node, ast.For | ast.AsyncFor):
            names.add("?")
            if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
                names_opencoder.add(node.target.id)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) or (
            isinstance(node, ast.With | ast.AsyncWith) and any(item.optional_vars for item in node.items)
        ):
            names.add("?")
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            below = getattr(node, field, None)
            if isinstance(below, list):
                stack += [(child, inner) for child in below]
    return Parsed(
        True, functions, plain_functions, returning, classes, members, len(names), len(names_opencoder)
    )


def _assigned(item: ast.stmt) -> int:
    if isinstance(item, ast.Assign):
        return sum(isinstance(target, ast.Name) for target in item.targets)
    return int(isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name))
