"""The signals: name, type, unit, definition and source of each, and how it is computed from counts.

Rule files name signals by these names; the columns of a document are ``signal.<name>``. This is the only
place where they are defined: the schema, the check of rule files and the table in ``README.md`` are made from
it. Does not know texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.signals.counts import COUNT

PREFIX = "signal."

_Columns = Mapping[str, npt.NDArray[np.int64]]
_Formula = Callable[[_Columns], npt.NDArray[np.generic]]

RAE = "Rae et al. 2021, app. A.1"
GOPHER_QUALITY = f"{RAE}; datatrove GopherQualityFilter"
GOPHER_REPETITION = f"{RAE}, table A1; datatrove GopherRepetitionFilter"
C4 = "Raffel et al. 2020, 2.2; datatrove C4QualityFilter"
FINEWEB = "Penedo et al. 2024, 3.6; datatrove FineWebQualityFilter"
REFINEDWEB = "Penedo et al. 2023, app. G.2"
CURATOR = "NVIDIA NeMo Curator, heuristic filters"
OWN = "own"


class Signal(NamedTuple):
    """One column. ``of`` computes it from the columns of ``Counts``."""

    name: str
    type: pa.DataType
    unit: str
    definition: str
    source: str
    of: _Formula


def _share(counts: _Columns, part: str, whole: str) -> npt.NDArray[np.float64]:
    out = np.zeros(len(counts[whole]))
    return np.divide(counts[part], counts[whole], out=out, where=counts[whole] > 0)


def _count(name: str, unit: str, definition: str, source: str = OWN, column: str = "") -> Signal:
    column = column or name
    return Signal(name, pa.int32(), unit, definition, source, lambda counts: counts[column].astype(np.int32))


def _ratio(name: str, part: str, whole: str, unit: str, definition: str, source: str = OWN) -> Signal:
    def of(counts: _Columns) -> npt.NDArray[np.generic]:
        return _share(counts, part, whole).astype(np.float32)

    return Signal(name, pa.float32(), unit, definition, source, of)


def _unique(name: str, repeated: str, whole: str, unit: str, definition: str) -> Signal:
    def of(counts: _Columns) -> npt.NDArray[np.generic]:
        return (1 - _share(counts, repeated, whole)).astype(np.float32)

    return Signal(name, pa.float32(), unit, definition, CURATOR, of)


def _boilerplate(counts: _Columns) -> npt.NDArray[np.generic]:
    share = _share(counts, "boilerplate_paragraphs", "paragraphs")
    return np.where(counts["lorem_paragraphs"] > 0, 1.0, share).astype(np.float32)


def _common() -> Iterator[Signal]:
    yield _count("chars", "code points", "length of the text")
    yield _count("tokens", "tokens", "words and marks")
    yield _count("words", "tokens", "tokens with a character that is not punctuation", GOPHER_QUALITY)
    yield _ratio(
        "mean_word_length", "word_chars", "words", "code points", "mean length of words", GOPHER_QUALITY
    )
    yield _count("lines", "lines", "lines that are not blank")
    yield _ratio("words_per_line", "words", "lines", "tokens per line", "words / lines")
    pieces = "pieces of the stripped text between two or more line feeds"
    yield _count("paragraphs", "paragraphs", pieces, GOPHER_REPETITION)
    yield _count(
        "sentences",
        "sentences",
        "up to terminal marks of any script, or the end of a line",
        "spaCy, sentencizer",
    )
    yield _count("stop_words", "tokens", "tokens, in lower case, that are in `stopwords/<language>.txt`", RAE)
    yield _count("distinct_stop_words", "words", "different words of that list that occur", RAE)
    yield _ratio("stop_word_ratio", "stop_words", "words", "share", "stop_words / words", RAE)
    yield _ratio(
        "terminal_line_ratio", "punctuated_lines", "lines", "share",
        "lines that end, closing quotes and brackets aside, in a terminal mark of any script or an ellipsis",
        FINEWEB,
    )  # fmt: skip
    yield _count(
        "lorem_ipsum",
        "places",
        "placeholder text: lorem ipsum, others of `lexicon.PHRASES`",
        C4,
        "placeholders",
    )
    yield _count("javascript", "places", '"javascript", in any case', C4)
    yield _count("policy_phrases", "places", "six phrases of cookie and privacy policies, in any case", C4)
    yield _count("curly_brackets", "characters", "opening curly brackets", C4)
    yield _count("unsafe_words", "tokens", "tokens, in lower case, that are in `unsafe.txt`")


def _gopher() -> Iterator[Signal]:
    of = GOPHER_QUALITY
    yield _ratio("gopher_hash_ratio", "hashes", "tokens", "characters per token", "hash signs / tokens", of)
    yield _ratio(
        "gopher_ellipsis_ratio", "ellipses", "tokens", "ellipses per token", '"..." and "…" / tokens', of
    )
    yield _ratio(
        "gopher_bullet_line_ratio", "bullet_lines", "text_lines", "share",
        'lines of `str.splitlines`, of all, that start with "•" or "-" after blanks', of,
    )  # fmt: skip
    yield _ratio(
        "gopher_ellipsis_line_ratio", "ellipsis_lines", "text_lines", "share",
        'lines of `str.splitlines`, of all, that end in "..." or "…"', of,
    )  # fmt: skip
    yield _ratio(
        "gopher_alphabetic_ratio", "alphabetic_tokens", "tokens", "share",
        "tokens with a letter, of all, marks included", of,
    )  # fmt: skip
    eight = "the, be, to, of, and, that, have, with"
    yield _count("gopher_stop_words", "words", f"how many of {eight} occur, in lower case", of)
    of = GOPHER_REPETITION
    for kind, pieces, text in (
        ("line", "split_line", "pieces between runs of line feeds"),
        ("paragraph", "paragraph", "paragraphs"),
    ):
        met = f"{text} that repeat an earlier one"
        yield _ratio(f"gopher_duplicate_{kind}_ratio", f"repeated_{pieces}s", f"{pieces}s", "share", met, of)
        yield _ratio(
            f"gopher_duplicate_{kind}_char_ratio", f"repeated_{pieces}_chars", "chars", "share",
            f"{met}: their length / chars", of,
        )  # fmt: skip
    for n in (2, 3, 4):
        yield _ratio(
            f"gopher_top_{n}gram_char_ratio", f"top_{n}gram_chars", "chars", "ratio",
            f"most frequent {n} tokens in a row: length with blanks, times their count / chars", of,
        )  # fmt: skip
    for n in range(5, 11):
        yield _ratio(
            f"gopher_duplicate_{n}gram_char_ratio", f"duplicate_{n}gram_chars", "chars", "share",
            f"{n} tokens in a row that repeat earlier ones, by one greedy pass: length / chars", of,
        )  # fmt: skip


def _c4() -> Iterator[Signal]:
    yield _count("c4_kept_lines", "lines", "lines of `str.splitlines` that C4 keeps", C4)
    yield _count("c4_kept_words", "words", "words between blanks in the lines kept", C4)
    yield _count("c4_sentences", "sentences", "sentences in the lines kept, citations like [1] taken out", C4)
    for cause, definition in (
        ("long_word", "with a word of more than 1000 code points"),
        ("unpunctuated", 'that do not end in . ? ! " or \', or end in "..."'),
        ("short", "of fewer than 3 words"),
        ("lorem_ipsum", 'with "lorem ipsum", in any case'),
        ("javascript", 'with "javascript", in any case'),
        ("curly_bracket", "with an opening curly bracket"),
        ("policy", "with one of the phrases of policy_phrases"),
    ):
        text = f"lines of `str.splitlines`, not blank, {definition}; counted for their first reason only"
        yield _count(f"c4_{cause}_lines", "lines", text, C4)


def _fineweb() -> Iterator[Signal]:
    yield _ratio(
        "fineweb_terminal_line_ratio", "terminal_lines", "lines", "share",
        "lines whose very last character is a terminal mark of any script", FINEWEB,
    )  # fmt: skip
    short = "lines of at most 30 code points"
    yield _ratio("fineweb_short_line_ratio", "short_lines", "lines", "share", short, FINEWEB)
    yield _ratio(
        "fineweb_duplicate_char_ratio", "repeated_line_chars", "other_than_newlines", "share",
        "lines that repeat an earlier one: their length / that of the text without line feeds", FINEWEB,
    )  # fmt: skip
    yield _ratio(
        "fineweb_newline_ratio", "newlines", "tokens", "line feeds per token", "line feeds / tokens", FINEWEB
    )


def _refinedweb() -> Iterator[Signal]:
    for kind, definition in (
        ("upper", "more than half of whose characters, blanks aside, are capitals"),
        ("numeric", "with digits and no letters"),
        ("counter", "of a number and what it counts (3 likes)"),
        ("one_word", "of one word"),
        ("navigation", "of at most 10 words with a phrase of navigation (sign in, read more, items in cart)"),
    ):
        name, text = f"refinedweb_{kind}_line_ratio", f"lines {definition}"
        yield _ratio(name, f"{kind}_lines", "lines", "share", text, REFINEDWEB)
    yield _ratio(
        "refinedweb_flagged_word_ratio", "flagged_words", "nemotron_words", "share",
        "nemotron_words in lines of any of these five kinds", REFINEDWEB,
    )  # fmt: skip


def _nemotron() -> Iterator[Signal]:
    of = CURATOR
    yield _ratio(
        "nemotron_non_alphanumeric_ratio", "other_than_ascii_text", "chars", "share",
        "code points other than ASCII letters and digits, line feeds and . , ? !", of,
    )  # fmt: skip
    for name, part, definition in (
        ("digit", "digits", "digits 0 to 9"),
        ("url", "url_chars", "http and https addresses"),
        ("whitespace", "whitespace", "blanks, tabs, line feeds, carriage returns and backspaces"),
        ("parenthesis", "parentheses", "( ) [ ] { } ⟨ ⟩"),
    ):
        yield _ratio(
            f"nemotron_{name}_ratio", part, "chars", "share", f"{definition}: their length / chars", of
        )
    yield Signal(
        "nemotron_boilerplate_ratio", pa.float32(), "share",
        "paragraphs with a phrase of cookie or privacy policies; 1 if lorem ipsum occurs", of, _boilerplate,
    )  # fmt: skip
    for kind in ("line", "paragraph"):
        name, text = f"nemotron_unique_{kind}_ratio", f"{kind}s without repetitions / {kind}s"
        yield _unique(name, f"repeated_{kind}s", f"{kind}s", "share", text)
        yield _unique(
            f"nemotron_unique_{kind}_char_ratio", f"repeated_{kind}_chars", f"{kind}_chars", "share",
            f"length of {kind}s without repetitions / of all {kind}s",
        )  # fmt: skip
    yield _count("nemotron_words", "words", "what stands between blanks; tokens for ja, th and zh", of)
    yield _ratio(
        "nemotron_mean_word_length", "nemotron_word_chars", "nemotron_words", "code points",
        "mean length of these words", of,
    )  # fmt: skip
    yield _count("nemotron_longest_word", "code points", "length of the longest of these words", of)
    yield _ratio(
        "nemotron_symbol_ratio", "nemotron_symbol_words", "nemotron_words", "share",
        "these words that are an ellipsis, or have more runs of hash signs than half their length", of,
    )  # fmt: skip
    yield _ratio(
        "nemotron_alphabetic_ratio", "nemotron_alphabetic_words", "nemotron_words", "share",
        "these words that have a letter", of,
    )  # fmt: skip
    yield _count(
        "nemotron_common_words", "words", "these words that are one of the eight of gopher_stop_words", of
    )
    for kind, definition in (
        ("unmarked", "that do not end in . ? ! \" or '"),
        ("ellipsis", 'that end in an ellipsis, or in "read more"'),
        ("bullet", "that start with a bullet; a hyphen is none"),
    ):
        part = "unmarked_lines" if kind == "unmarked" else f"nemotron_{kind}_lines"
        yield _ratio(f"nemotron_{kind}_line_ratio", part, "lines", "share", f"lines {definition}", of)
    for n in (2, 3, 4):
        yield _ratio(
            f"nemotron_top_{n}gram_char_ratio", f"nemotron_top_{n}gram_chars", "chars", "ratio",
            f"as gopher_top_{n}gram_char_ratio, but of nemotron_words", of,
        )  # fmt: skip
    for n in range(5, 11):
        yield _ratio(
            f"nemotron_duplicate_{n}gram_char_ratio", f"nemotron_duplicate_{n}gram_chars", "chars", "share",
            f"what {n} nemotron_words in a row that repeat earlier ones cover with blanks: length / chars",
            of,
        )  # fmt: skip


SIGNALS: Mapping[str, Signal] = {
    signal.name: signal
    for family in (_common, _gopher, _c4, _fineweb, _refinedweb, _nemotron)
    for signal in family()
}

#: The columns that the stage adds.
SCHEMA = pa.schema([(PREFIX + signal.name, signal.type) for signal in SIGNALS.values()])


def signals(counts: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.generic]]:
    """Signals by name, from rows of counts; shape ``[texts, len(COUNT)]``."""
    columns = dict(zip(COUNT._fields, counts.T, strict=True))
    return {signal.name: signal.of(columns) for signal in SIGNALS.values()}


def markdown() -> str:
    """The table of all signals, as in ``README.md``."""
    rows = [
        f"| `{signal.name}` | {signal.type.to_pandas_dtype().__name__} | {signal.unit} | {signal.definition} "
        f"| {signal.source} |"
        for signal in SIGNALS.values()
    ]
    return "\n".join(["| signal | type | unit | definition | source |", "|---|---|---|---|---|", *rows, ""])
