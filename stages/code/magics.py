"""Commands to IPython among lines of Python: found, and made comments, so that what is left is Python.

A command stands where a statement could begin: ``%name``, ``!command``, ``?name``, ``name?``, or to the
right of an assignment. The same signs within a string, within brackets or after a backslash are Python, so
strings and brackets are followed from line to line; no code is parsed, and every character is looked at once.

Knows the grammar of IPython's commands (ipython.readthedocs.io, "IPython reference"). Does not know
notebooks.
"""

from __future__ import annotations

import re

from stages.code.comments import comment

#: Cells that begin with one of these are Python after their first line; those with another ``%%`` are not.
_AROUND = re.compile(r"%%(?:time|timeit|capture|prun|memit|mprun|lprun|debug|heat|snakeviz|wandb|notify)\b")
_COMMAND = re.compile(
    r"^[ \t]*(?:%{1,2}[A-Za-z]|!|\?{1,2}\w"
    r"|[A-Za-z_][\w., \t]*=[ \t]*(?:%[A-Za-z]|!(?!=))|[A-Za-z_][\w.]*\?{1,2}[ \t]*$)",
    re.M,
)
#: What matters to find the end of a statement: strings, comments, brackets, line ends.
_TOKENS = re.compile(
    r'''[rbuRBUfF]{0,2}(?P<quote>"""|\'\'\'|"|')|\#[^\n]*|(?P<open>[(\[{])|(?P<close>[)\]}])|\\\n|(?P<end>\n)'''
)
_STRING_END = {
    '"': re.compile(r'(?:[^"\\\n]++|\\.)*+(?:"|$)', re.S | re.M),
    "'": re.compile(r"(?:[^'\\\n]++|\\.)*+(?:'|$)", re.S | re.M),
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\Z)', re.S),
    "'''": re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+(?:'''|\Z)", re.S),
}


def without_magics(source: str, language: str = "Python") -> str:
    """A cell with its commands as comments; as a whole, if it is in another language (``%%bash``)."""
    if source.lstrip().startswith("%%"):
        source = source.lstrip()
        if not _AROUND.match(source):
            return "\n".join(comment(line.rstrip(), language) for line in source.split("\n"))
    if not _COMMAND.search(source):
        return source
    out: list[str] = []
    at = done = 0
    while at < len(source):
        if _COMMAND.match(source, at):
            end = _command_end(source, at)
            out += source[done:at], _commented(source[at:end], language)
            at = done = end
        at = _statement_end(source, at)
    return "".join([*out, source[done:]])


def _commented(lines: str, language: str) -> str:
    """A command, indented as it was; where it may be all that a block has, it leaves a ``pass``."""
    indent = lines[: len(lines) - len(lines.lstrip(" \t"))]
    first, *rest = (line.strip() for line in lines.split("\n"))
    stands = "pass  " if indent else ""
    return "\n".join(
        [indent + stands + comment(first, language), *(indent + comment(r, language) for r in rest)]
    )


def _command_end(source: str, at: int) -> int:
    """The end of the line, or of the last one where lines end with a backslash."""
    while True:
        end = source.find("\n", at)
        if end < 0:
            return len(source)
        if source[end - 1] != "\\":
            return end
        at = end + 1


def _statement_end(source: str, at: int) -> int:
    """Where the next line begins that is not within a string or brackets."""
    depth = 0
    while found := _TOKENS.search(source, at):
        at = found.end()
        if quote := found["quote"]:
            ended = _STRING_END[quote].match(source, at)
            at = ended.end() if ended else at
        elif found["open"]:
            depth += 1
        elif found["close"]:
            depth = max(0, depth - 1)
        elif found["end"] and not depth:
            return at
    return len(source)
