"""Words and counts of blocks, against the same in plain Python."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.render.block_kernels import END, START
from stages.render.blocks import Block, blocks_of, looks_of
from stages.render.main import words
from stages.render.main.tree import NAMES, Names, name_words
from stages.render.main.words import (
    ALIKE,
    CHARS,
    CLASSES,
    DIGIT,
    EARLY,
    FIRST,
    FUNCTION_WORDS,
    IDEOGRAPH,
    LAST,
    SPACE,
    TOKENS,
    YEARS,
    _tables,
    word_hashes,
)


def count(texts: list[str]) -> words.Words:
    blocks = blocks_of([Block(text, "text", 0, 0, "", 1, 0, 0, 0) for text in texts])
    return words.count(blocks.text, blocks.column(START), blocks.column(END))


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12))
@settings(deadline=None)
def test_counts_of_blocks_are_those_of_each_text_alone(texts: list[str]) -> None:
    together = count(texts)
    for index, text in enumerate(texts):
        alone = count([text])
        assert together.counts[index, :ALIKE].tolist() == alone.counts[0, :ALIKE].tolist()
        assert together.counts[index, : len(CLASSES)].sum() == together.counts[index, CHARS] == len(text)
        assert together.counts[index, ALIKE] == texts.count(text)
        assert together.early[together.early_blocks == index].tolist() == alone.early.tolist()


@given(
    st.lists(st.text(st.sampled_from("aZ9é中한กー .\n\t'😀𠀀\ud800"), max_size=80), min_size=1, max_size=4)
)
@settings(deadline=None)
def test_words_are_runs_of_letters_and_single_ideographs(texts: list[str]) -> None:
    classes = _tables().classes
    counts = count(texts)
    early = []
    for index, text in enumerate(texts):
        kinds = [
            classes[ord(c)] if c < "\U00010000" else IDEOGRAPH if c == "𠀀" else len(CLASSES) - 1
            for c in text
        ]
        apart = "".join(
            c if kind <= DIGIT else f" {c} " if kind == IDEOGRAPH else " "
            for c, kind in zip(text, kinds, strict=True)
        )
        found = apart.split()
        early += found[:EARLY]
        assert counts.counts[index, TOKENS] == len(found)
        assert counts.counts[index, : len(CLASSES)].tolist() == [
            kinds.count(kind) for kind in range(len(CLASSES))
        ]
        assert counts.counts[index, FIRST] == (kinds[0] if kinds else SPACE)
        assert counts.counts[index, LAST] == (kinds[-1] if kinds else SPACE)
    assert counts.early.tolist() == word_hashes(early).tolist()


def test_words_of_many_scripts() -> None:
    counts = count(
        ["The price of it: €20 in 2024.", "我们的网站", "기사를 읽는 사람", "", "نص في الصفحة", "😀 ok"]
    )
    assert counts.counts[:, TOKENS].tolist() == [7, 5, 3, 0, 3, 1]
    assert counts.counts[:, FUNCTION_WORDS].tolist() == [4, 3, 2, 0, 1, 0]
    assert counts.counts[:, YEARS].tolist() == [1, 0, 0, 0, 0, 0]
    assert counts.counts[0][CLASSES.index("money")] == 1


def test_a_word_has_one_hash_wherever_it_stands() -> None:
    early = count(["Share this", "… please SHARE"]).early
    assert early[0] == early[3] == word_hashes(["share"])[0]
    assert len({int(h) for h in early}) == 3


def test_words_of_names() -> None:
    assert name_words("postBody post-title_2 XMLFeed") == ["post", "body", "post", "title", "xml", "feed"]


@given(st.lists(st.text(st.sampled_from("abABé中Ü9-_ \n²"), max_size=60), max_size=4))
@settings(deadline=None)
def test_known_words_of_names_are_those_of_the_expression(texts: list[str]) -> None:
    known = ["<p>", "<b>", "ab", "ba", "bb", "é中", "ü²", "aa", "abb", "bab"]
    tags, ids, sizes = Names(known).of_looks(
        looks_of([("p" if i % 2 else "i", text) for i, text in enumerate(texts)])
    )
    assert tags.tolist() == [0 if i % 2 else -1 for i in range(len(texts))]
    end = 0
    for text, size in zip(texts, sizes.tolist(), strict=True):
        start, end = end, end + size
        words = name_words(" ".join(text.split()[:NAMES]))
        assert ids[start:end].tolist() == list(dict.fromkeys(known.index(w) for w in words if w in known))
