"""The counts that the kernels take in a text; every signal is computed from these (``table.py``).

``COUNT.tokens`` is the column of ``tokens`` in a kernel's row of results. Knows only names.
"""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """Columns, in the order of the passes that fill them."""

    # characters
    chars: int
    whitespace: int  # Curator: tab, line feed, carriage return, backspace, blank
    other_than_ascii_text: int  # Curator: not ASCII letters and digits, line feeds, ? ! , .
    digits: int  # Curator: ASCII ones
    parentheses: int
    url_chars: int
    hashes: int
    ellipses: int
    curly_brackets: int
    newlines: int
    other_than_newlines: int
    # phrases
    placeholders: int
    javascript: int
    policy_phrases: int
    # tokens
    tokens: int
    words: int
    word_chars: int
    alphabetic_tokens: int
    stop_words: int
    distinct_stop_words: int
    gopher_stop_words: int
    unsafe_words: int
    # words of Nemotron-CC
    nemotron_words: int
    nemotron_word_chars: int
    nemotron_longest_word: int
    nemotron_alphabetic_words: int
    nemotron_symbol_words: int
    nemotron_common_words: int
    # lines between line feeds; the last character decides how one ends
    lines: int  # not blank
    line_chars: int
    repeated_lines: int
    repeated_line_chars: int
    terminal_lines: int  # FineWeb: by the last character itself
    punctuated_lines: int  # ignoring blanks, closing quotes and brackets at the end
    short_lines: int
    unmarked_lines: int  # Curator
    nemotron_ellipsis_lines: int
    nemotron_bullet_lines: int
    sentences: int
    upper_lines: int
    numeric_lines: int
    counter_lines: int
    one_word_lines: int
    navigation_lines: int
    flagged_words: int  # in lines with any of the five
    split_lines: int  # Gopher repetition: pieces between runs of line feeds
    repeated_split_lines: int
    repeated_split_line_chars: int
    # paragraphs of the stripped text
    paragraphs: int
    paragraph_chars: int
    repeated_paragraphs: int
    repeated_paragraph_chars: int
    boilerplate_paragraphs: int
    lorem_paragraphs: int
    # lines of str.splitlines
    text_lines: int
    bullet_lines: int
    ellipsis_lines: int
    c4_kept_lines: int
    c4_kept_words: int
    c4_sentences: int
    c4_long_word_lines: int
    c4_unpunctuated_lines: int
    c4_short_lines: int
    c4_lorem_ipsum_lines: int
    c4_javascript_lines: int
    c4_curly_bracket_lines: int
    c4_policy_lines: int
    # characters of n-grams, of tokens and of Nemotron-CC's words
    top_2gram_chars: int
    top_3gram_chars: int
    top_4gram_chars: int
    duplicate_5gram_chars: int
    duplicate_6gram_chars: int
    duplicate_7gram_chars: int
    duplicate_8gram_chars: int
    duplicate_9gram_chars: int
    duplicate_10gram_chars: int
    nemotron_top_2gram_chars: int
    nemotron_top_3gram_chars: int
    nemotron_top_4gram_chars: int
    nemotron_duplicate_5gram_chars: int
    nemotron_duplicate_6gram_chars: int
    nemotron_duplicate_7gram_chars: int
    nemotron_duplicate_8gram_chars: int
    nemotron_duplicate_9gram_chars: int
    nemotron_duplicate_10gram_chars: int


COUNT = Counts(*range(len(Counts._fields)))
