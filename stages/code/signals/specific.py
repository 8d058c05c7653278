"""Signals that only some files have: those in certain languages, and prose.

Knows counts, and what patterns and syntax trees say. They are None elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa

from stages.code.signals.kernels import COUNT
from stages.code.signals.measuring import Measured
from stages.code.signals.signal import (
    OPENCODER,
    File,
    Of,
    Signal,
    Value,
    count,
    lined,
    of_prose_only,
    ratio,
    share,
)


def of_languages() -> Iterator[Signal]:
    def found(name: str) -> Callable[[Measured], float | None]:
        def get(of: Measured) -> float | None:
            value = -1 if of.found is None else getattr(of.found, name)
            return None if value < 0 else value

        return get

    def functions(of: Measured, theirs: bool = False) -> float | None:
        if of.parsed is None:
            return found("functions")(of)
        if not of.parsed.parses:
            return None
        return of.parsed.functions_opencoder if theirs else of.parsed.functions

    def plain(of: Measured, theirs: bool = False) -> float | None:
        if of.parsed is None or of.lines is None:
            return found("plain_opencoder" if theirs else "plain")(of)
        if not of.parsed.parses:
            return None
        imports = of.lines.imports_opencoder if theirs else of.lines.imports
        own = of.parsed.functions_opencoder if theirs else of.parsed.functions
        return own + imports + of.parsed.classes + of.lines.returns + of.parsed.members

    def without(theirs: bool) -> Of:
        def of(measured: Measured, file: File) -> Value:
            if measured.parsed is None:
                variables = found("variables_opencoder" if theirs else "variables")(measured)
                return None if variables is None else int(variables == 0)
            if not measured.parsed.parses:
                return None
            parsed = measured.parsed
            return int((parsed.variables_opencoder if theirs else parsed.variables) == 0)

        return of

    def prints(of: Measured) -> float | None:
        return found("prints")(of) if of.lines is None else of.lines.prints

    kind, six = pa.float32(), "C, C++, C#, Go, Java, JavaScript, Python"
    yield Signal(
        "code_function_ratio",
        kind,
        "ratio",
        f"functions, by lines of code ({six})",
        OPENCODER,
        lined(functions),
    )
    yield Signal(
        "code_opencoder_function_ratio",
        kind,
        "ratio",
        "the same without asynchronous ones of Python",
        OPENCODER,
        lined(lambda of: functions(of, True)),
    )
    text = "functions, imports, classes, plain declarations and plain returns, by lines of code"
    yield Signal("code_plain_ratio", kind, "ratio", f"{text} (the same languages)", OPENCODER, lined(plain))
    yield Signal(
        "code_opencoder_plain_ratio",
        kind,
        "ratio",
        "the same, with lines that have `import` in them (Python) and blocks of imports as one (Go)",
        OPENCODER,
        lined(lambda of: plain(of, True)),
    )
    yield Signal(
        "code_no_variables",
        pa.int32(),
        "0 or 1",
        "nothing is declared or assigned (the same languages)",
        OPENCODER,
        without(False),
    )
    yield Signal(
        "code_opencoder_no_variables",
        pa.int32(),
        "0 or 1",
        "the same, with plain assignments, loops and arguments of Python only",
        OPENCODER,
        without(True),
    )
    yield Signal(
        "code_print_ratio",
        kind,
        "share",
        "lines of code that print (the same languages)",
        OPENCODER,
        lined(prints),
    )
    yield Signal(
        "code_opencoder_print_ratio",
        kind,
        "share",
        "the same, with lines that have `print` in them (Python)",
        OPENCODER,
        lined(lambda of: found("prints")(of) if of.lines is None else of.lines.prints_opencoder),
    )
    yield Signal(
        "code_main_functions",
        pa.int32(),
        "functions",
        "`main` with a body (C, C++)",
        OPENCODER,
        lambda of, file: found("mains")(of),
    )
    header = "by lines of code (C, C++, no headers)"
    yield Signal(
        "code_directive_ratio",
        kind,
        "share",
        f"directives of the preprocessor, {header}",
        OPENCODER,
        _no_header(lined(found("directives"))),
    )
    yield Signal(
        "code_opencoder_directive_ratio",
        kind,
        "share",
        f"lines with a directive, `struct` or `using` in them, {header}",
        OPENCODER,
        _no_header(lined(found("directives_opencoder"))),
    )
    yield Signal(
        "code_goto_ratio",
        kind,
        "share",
        "lines with `goto` in them (C, C++)",
        OPENCODER,
        lined(found("gotos")),
    )
    yield Signal(
        "code_all_headers",
        pa.int32(),
        "0 or 1",
        "`bits/stdc++.h` in the first 200 characters of code (C, C++)",
        OPENCODER,
        lambda of, file: found("bits")(of),
    )
    yield Signal(
        "code_modified_ratio",
        kind,
        "share",
        "functions and classes that say who may see them (Java)",
        OPENCODER,
        _modified,
    )
    yield Signal(
        "code_go_test",
        pa.int32(),
        "0 or 1",
        "the name ends in `_test.go`",
        OPENCODER,
        lambda of, file: int(file.path.lower().endswith("_test.go")),
    )
    yield Signal(
        "code_parses",
        pa.int32(),
        "0 or 1",
        "there is a syntax tree (Python, that of the Python that runs)",
        OPENCODER,
        lambda of, file: None if of.parsed is None or of.parsed.parses is None else int(of.parsed.parses),
    )
    for name, field in (("pass", "passes"), ("import", "imports")):
        yield Signal(
            f"code_{name}_ratio",
            kind,
            "share",
            f"lines of code that are a `{name}` (Python)",
            OPENCODER,
            lined(partial(_line_count, field)),
        )
        yield Signal(
            f"code_opencoder_{name}_ratio",
            kind,
            "share",
            f"lines of code with `{name}` in them (Python)",
            OPENCODER,
            lined(partial(_line_count, f"{field}_opencoder")),
        )
    yield Signal(
        "code_returning_ratio",
        kind,
        "ratio",
        "functions of a single return, by lines of code (Python)",
        OPENCODER,
        lined(lambda of: of.parsed.returning if of.parsed is not None and of.parsed.parses else None),
    )
    yield Signal(
        "code_html_text_chars",
        pa.int32(),
        "code points",
        "text outside of scripts and style sheets (HTML)",
        OPENCODER,
        lambda of, file: of.text_chars,
    )
    yield Signal(
        "code_html_text_ratio",
        kind,
        "ratio",
        "the same, by the length of the file (HTML)",
        OPENCODER,
        lambda of, file: None if of.text_chars is None else share(of.text_chars, int(of.counts[COUNT.chars])),
    )


def _line_count(field: str, found: Measured) -> float | None:
    return None if found.lines is None else float(getattr(found.lines, field))


def _modified(found: Measured, file: File) -> Value:
    if found.found is None or found.found.declared < 0:
        return None
    return share(found.found.modified, found.found.declared)


def _no_header(of: Of) -> Of:
    ends = (".h", ".hpp", ".hxx", ".hh", ".h++")
    return lambda found, file: None if file.path.endswith(ends) else of(found, file)


def of_prose() -> Iterator[Signal]:
    where = "(prose)"
    yield of_prose_only(
        count("code_prose_sentences", COUNT.sentences, "sentences", f"up to marks that end them {where}")
    )
    yield of_prose_only(
        Signal(
            "code_prose_entropy",
            pa.float32(),
            "nats",
            f"of the words {where}",
            OPENCODER,
            lambda of, file: of.entropy if of.counts[COUNT.words] else None,
        )
    )
    tokens = "of words and signs as they are"
    for name, part, whole, text in (
        ("capital", COUNT.capital_tokens, COUNT.tokens, f"in capitals, {tokens}"),
        ("bracket", COUNT.bracket_tokens, COUNT.tokens, f"【 and 】, {tokens}"),
        ("broken_line", COUNT.more_lines, COUNT.lines, "lines that end in an ellipsis or the like"),
        ("bullet_line", COUNT.bullet_lines, COUNT.lines, "lines that begin with a bullet"),
        ("repeated_line", COUNT.repeated_prose_lines, COUNT.prose_lines, "lines that occur more than once"),
        ("repeated_line_char", COUNT.repeated_prose_chars, COUNT.prose_line_chars, "the same, by characters"),
        ("markup", COUNT.markup_chars, COUNT.chars, "characters of tags and of addresses in parentheses"),
        ("hex", COUNT.all_hex_chars, COUNT.chars, "characters in words like 0x1F"),
        ("curly_bracket", COUNT.curly, COUNT.chars, "curly brackets"),
    ):
        yield of_prose_only(ratio(f"code_prose_{name}_ratio", part, whole, "share", f"{text} {where}"))
