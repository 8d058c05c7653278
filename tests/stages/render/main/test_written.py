"""Pages written for training: what is known of their words holds for the blocks that the renderer makes."""

from __future__ import annotations

import pytest

from stages.render.main.align import tokens
from stages.render.main.writer import CONTENT, EITHER, OTHER
from stages.render.main.written import KINDS, write
from stages.render.text import structure

PROSE = [[f"Paragraph {number} of page {page} was real." for number in range(9)] for page in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_renderer_shows_the_words_that_were_written_in_their_order(kind: str) -> None:
    pages = [write(kind, number, PROSE) for number in range(40)]
    same = 0
    for page in pages:
        blocks, _ = structure(page.html)
        shown = [token for block in blocks for token in tokens(block.text)]
        same += shown == [token for text, _ in page.texts for token in tokens(text)]
        marks = [mark for _, mark in page.texts]
        assert set(marks) <= {CONTENT, OTHER, EITHER}
        # A menu comes first and the foot of the page last; there is content between them.
        assert marks[0] == marks[-1] == OTHER
        assert CONTENT in marks
    assert same >= 38  # where a browser does not show a text, neither does the renderer
    assert any(text in PROSE[0] + PROSE[1] + PROSE[2] for page in pages for text, _ in page.texts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_follows_from_its_kind_and_number(kind: str) -> None:
    assert write(kind, 7, PROSE) == write(kind, 7, PROSE)
    assert len({write(kind, number, []).html for number in range(20)}) == 20


def test_posts_are_content_and_what_is_around_them_is_not() -> None:
    said = "All posts of this page say this and nothing else."
    threads = [write("forum", number, [[said]]) for number in range(20)]
    marks = [[mark for text, mark in page.texts if text == said] for page in threads]
    assert sum(of_page.count(CONTENT) >= 2 for of_page in marks) >= 5
    assert not any(EITHER in of_page for of_page in marks)
    for page in threads:
        assert all(mark == OTHER for text, mark in page.texts if text.startswith("©"))


def test_labels_of_a_written_page() -> None:
    pytest.importorskip("torch", reason="training needs the extra [model]")
    from stages.render.main.train import page_of

    for number in range(20):
        written = write("forum", number, PROSE)
        page = page_of(written, number)
        if page is None:
            continue
        judged = [token for text, mark in written.texts if mark != EITHER for token in tokens(text)]
        assert page.size.sum() == len(judged)
        assert page.matched.sum() == len(page.gold) > 0
        assert (page.matched <= page.size).all()
        for block, size, found in zip(page.blocks, page.size, page.matched, strict=True):
            if (block.text, CONTENT) in written.texts and (block.text, OTHER) not in written.texts:
                assert found == size == len(tokens(block.text))
