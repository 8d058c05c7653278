"""Signals of every file: its characters, lines and words; its code, strings and comments.

Knows counts. Does not know languages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from stages.code.signals.kernels import COUNT
from stages.code.signals.measuring import Measured
from stages.code.signals.signal import (
    OPENCODER,
    OWN,
    File,
    Signal,
    Value,
    count,
    ratio,
    share,
    visible,
)


def general() -> Iterator[Signal]:
    yield Signal("code_bytes", pa.int64(), "bytes", "size of the file", OPENCODER, lambda of, file: file.size)
    yield count("code_chars", COUNT.chars, "code points", "length of the text")
    yield count("code_lines", COUNT.lines, "lines", "lines, empty ones too")
    yield count(
        "code_longest_line", COUNT.longest_line, "code points", "longest line, its line feed included"
    )
    yield ratio(
        "code_mean_line",
        COUNT.chars,
        COUNT.lines,
        "code points",
        "mean length of lines, line feeds included",
        0.0,
    )
    of = "of what is no blank"
    yield Signal(
        "code_letter_ratio", pa.float32(), "share", f"letters, {of}", OPENCODER, visible(COUNT.letters, 0.0)
    )
    yield Signal(
        "code_digit_ratio", pa.float32(), "share", f"digits, {of}", OPENCODER, visible(COUNT.digits, 1.0)
    )
    yield ratio("code_letter_share", COUNT.letters, COUNT.chars, "share", "letters, of all")._replace(
        source="Lozhkov et al. 2024, 3.1"
    )
    yield ratio(
        "code_alphanumeric_ratio", COUNT.alphanumerics, COUNT.chars, "share", "letters and digits, of all"
    )._replace(source="Li et al. 2023, 3.2")
    yield ratio("code_blank_ratio", COUNT.blanks, COUNT.chars, "share", "blanks and line feeds", 1.0)
    yield ratio("code_replacement_ratio", COUNT.replacements, COUNT.chars, "share", "replacement characters")
    words = "in lower case, with blanks for ASCII punctuation and underscores"
    yield count("code_words", COUNT.words, "words", f"words and signs of the text, {words}")
    yield ratio(
        "code_mean_word_length", COUNT.word_chars, COUNT.words, "code points", "mean length of these words"
    )
    yield ratio(
        "code_distinct_word_ratio", COUNT.distinct_words, COUNT.words, "share", "different words, of all"
    )
    for n in (2, 3, 4):
        yield ratio(
            f"code_top_{n}gram_ratio",
            COUNT.top_2gram + n - 2,
            COUNT.word_chars,
            "ratio",
            f"most frequent {n} words in a row: length times occurrences, by that of all words; 0 for once",
            0.0,
        )
    for n in range(5, 11):
        yield ratio(
            f"code_repeated_{n}gram_ratio",
            COUNT.top_2gram + n - 2,
            COUNT.word_chars,
            "share",
            f"words in some {n} in a row that occur more than once: their length, by that of all words",
            0.0,
        )
    yield Signal(
        "code_xml_start",
        pa.int32(),
        "0 or 1",
        "`<?xml version=` in the first 100 characters",
        OPENCODER,
        lambda found, file: int("<?xml version=" in file.text[:100]),
    )
    yield Signal(
        "code_related_name",
        pa.int32(),
        "0 or 1",
        "the name is readme, notes, todo, description or cmakelists, or has `requirement` in it",
        OPENCODER,
        _related,
    )
    yield Signal(
        "code_encoded",
        pa.int32(),
        "0 or 1",
        "base64, bytes in hexadecimal or escapes: more than 1024 characters in a row, or half of the text",
        OPENCODER,
        _encoded,
    )


_RELATED = ("readme", "notes", "todo", "description", "cmakelists")


def _related(found: Measured, file: File) -> Value:
    name = file.path.rpartition("/")[2].split(".")[0].lower()
    return int(name in _RELATED or "requirement" in name)


def _encoded(found: Measured, file: File) -> Value:
    row = found.counts
    return int(row[COUNT.longest_encoded] > 1024 or 2 * row[COUNT.encoded_chars] > row[COUNT.chars])


def of_code() -> Iterator[Signal]:
    yield count("code_code_lines", COUNT.code_lines, "lines", "lines with code, comments taken out")
    yield ratio("code_comment_ratio", COUNT.comment_chars, COUNT.chars, "share", "characters of comments")
    code, lines = COUNT.code_chars, COUNT.code_lines
    yield ratio(
        "code_repeated_line_ratio",
        COUNT.repeated_lines,
        lines,
        "share",
        "lines of code that occur more than once but for blanks, not of one character nor `},`",
    )
    yield ratio(
        "code_long_string_line_ratio",
        COUNT.long_string_lines,
        lines,
        "ratio",
        "lines of strings with more than 20 words and signs, by lines of code",
    )
    yield ratio("code_string_ratio", COUNT.string_chars, code, "share", "characters of code between quotes")
    yield ratio(
        "code_long_word_ratio",
        COUNT.long_word_chars,
        code,
        "share",
        "characters of code in words of more than 20 between quotes, addresses aside",
    )
    yield ratio(
        "code_concatenation_ratio", COUNT.concat_lines, lines, "share", "lines of code that join strings"
    )
    yield ratio("code_hex_ratio", COUNT.hex_chars, code, "share", "characters of code in words like 0x1F")
    yield ratio(
        "code_assert_ratio", COUNT.assert_lines, lines, "share", "lines of code with `assert`, in any case"
    )
    asks = "lines of comments with todo, fixme or `your code here`"
    yield Signal(
        "code_prompt_ratio",
        pa.float32(),
        "ratio",
        f"{asks}, but the first one, by lines",
        OWN,
        lambda of, file: share(max(0, int(of.counts[COUNT.prompt_lines]) - 1), int(of.counts[COUNT.lines])),
    )
    yield ratio("code_opencoder_prompt_ratio", COUNT.prompt_lines, COUNT.lines, "ratio", f"{asks}, by lines")
    yield Signal(
        "code_autogenerated",
        pa.int32(),
        "0 or 1",
        "one of the first 5 lines says that a tool wrote the file, or not to edit it",
        OWN,
        lambda found, file: int(autogenerated(file.text)),
    )
    yield Signal(
        "code_opencoder_autogenerated",
        pa.int32(),
        "0 or 1",
        "`generate`, `autogen` or `do not edit` anywhere in the first 200 characters",
        OPENCODER,
        lambda found, file: int(any(word in file.text[:200].lower() for word in _WORDS)),
    )


_WORDS = ("generate", "autogen", "do not edit")
_SAID = (
    "auto-generated",
    "auto generated",
    "autogenerated",
    "automatically generated",
    "generated automatically",
    "generated by",
    "machine generated",
    "machine-generated",
    "this file is generated",
    "this is a generated",
    "file was generated",
    "generated file",
    "code generated",
    "generated code",
    "@generated",
    "do not edit",
    "don't edit",
    "do not modify",
)


#: What lines of comments begin with.
_BEGINS = tuple("/#*;-%!<\"'({.:@")


def autogenerated(text: str) -> bool:
    """Whether one of the first five lines is a comment that says so; what code imports and calls says
    nothing."""
    for line in text[:2000].split("\n", 5)[:5]:
        lower = line.lower()
        if any(said in lower for said in _SAID) and lower.lstrip()[:1] in _BEGINS:
            return True
    return False
