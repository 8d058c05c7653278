"""Variants of pages for training: trees that a page could have, with every block's label still its own."""

from __future__ import annotations

import numpy as np
import pytest

from stages.render.blocks import Block, Container
from stages.render.main.features import Vocabulary, extract
from stages.render.main.variants import Form, Variants, form_of, part, with_part, without


def page(site: str, paragraphs: int = 6) -> Form:
    """A menu, an article of paragraphs, and a box beside it. Words say where they are from."""
    containers = [Container(-1, "body", "", 0, paragraphs + 4), Container(0, "nav", "", 0, 2)]
    containers += [Container(0, "main", "", 2, paragraphs + 2)]
    containers += [Container(2, "p", "", 2 + i, 3 + i) for i in range(paragraphs)]
    containers += [Container(0, "aside", "box", paragraphs + 2, paragraphs + 4)]
    inner = [1, 1, *range(3, 3 + paragraphs), 3 + paragraphs, 3 + paragraphs]
    kinds = ["menu"] * 2 + ["content"] * paragraphs + ["box"] * 2
    blocks = [
        Block(f"{site} {kind} " + "word " * 5, "text", 0, container, "", 1, 0, 0, 0)
        for kind, container in zip(kinds, inner, strict=True)
    ]
    size = np.full(len(blocks), 7, np.float32)
    matched = np.array([7 * (kind == "content") for kind in kinds], np.float32)
    look = [LOOKS.index((container.tag, container.names)) for container in containers]
    return form_of(blocks, containers, look, size, matched)


LOOKS = [("body", ""), ("nav", ""), ("main", ""), ("p", ""), ("aside", "box")]


def check(form: Form) -> None:
    """Parents come first, contain their children, and no container is empty."""
    assert form.parent[0] == -1
    assert (form.first < form.last).all()
    assert form.last[0] == len(form.blocks) == len(form.inner) == len(form.size) == len(form.matched)
    children = np.arange(1, len(form.parent))
    parents = form.parent[1:]
    assert ((parents >= 0) & (parents < children)).all()
    assert (form.first[parents] <= form.first[1:]).all()
    assert (form.last[parents] >= form.last[1:]).all()
    numbers = np.arange(len(form.blocks))
    assert ((form.first[form.inner] <= numbers) & (numbers < form.last[form.inner])).all()
    for around, inside, end in zip(parents, children, form.ends()[parents], strict=True):
        assert around < inside < end


def texts(form: Form) -> list[str]:
    return [" ".join(block.text.split()[:2]) for block in form.blocks]


def test_a_page_without_blocks_has_no_empty_containers() -> None:
    form = page("a", 3)
    gone = np.array([text.endswith("menu") for text in texts(form)])
    left = without(form, gone)
    check(left)
    assert texts(left) == ["a content"] * 3 + ["a box"] * 2
    assert "nav" not in [LOOKS[look][0] for look in left.look]


def test_a_part_of_one_page_in_another() -> None:
    form, other = page("a", 2), page("b", 2)
    box = part(other, 5, int(other.ends()[5]))
    check(box)
    inside = with_part(form, 2, 4, 3, box)  # between the two paragraphs
    check(inside)
    assert texts(inside) == ["a menu"] * 2 + ["a content", "b box", "b box", "a content"] + ["a box"] * 2
    assert inside.matched.tolist() == [0, 0, 7, 0, 0, 7, 0, 0]
    at_the_end = with_part(form, 0, len(form.parent), len(form.blocks), box)
    check(at_the_end)
    assert texts(at_the_end)[-2:] == ["b box"] * 2


@pytest.mark.parametrize("seed", range(5))
def test_variants_are_pages_with_true_labels(seed: int) -> None:
    variants = Variants(
        [("article", page(site, size)) for site, size in zip("abc", (5, 8, 12), strict=True)], LOOKS
    )
    rng = np.random.default_rng(seed)
    seen = set()
    for _ in range(40):
        form = variants.make(int(rng.integers(3)), rng)
        check(form)
        for text, matched in zip(texts(form), form.matched, strict=True):
            assert (matched > 0) == text.endswith("content")
        assert form.matched.sum() > 0
        sites = {text[0] for text in texts(form)}
        contents = {text[0] for text in texts(form) if text.endswith("content")}
        assert len(contents) == 1
        seen.add((len(sites) > 1, len(form.blocks)))
        features = extract(*variants.outline(form), Vocabulary(["<main>"], []))
        assert len(features.block) == len(form.blocks)
        assert len(features.group) <= len(form.parent)
    assert len(seen) > 10


def test_the_same_seed_makes_the_same_variants() -> None:
    variants = Variants([("article", page(site, 9)) for site in "ab"], LOOKS)
    one, two = (
        [texts(variants.make(0, rng)) for _ in range(20)] for rng in map(np.random.default_rng, (3, 3))
    )
    assert one == two
