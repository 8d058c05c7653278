"""The stream of lessons: which task, which sentences, how they lie on the page.

Half of the sentences are of the sample's pages, half of these with words exchanged; the others are random words in the
shape of sentences. Once ``pieces`` are given, words may be random pieces of the tokenizer's vocabulary: copying must
not depend on having seen a word. The order comes from one seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from lessons import phrases
from lessons.pages import pages
from lessons.rules import ANSWERS, QUESTIONS

TASKS = (*ANSWERS, "translate")
#: How often each is asked.
SHARES = {"qa": 30, "list": 18, "distill": 12, "rephrase": 16, "translate": 24}
#: What stands between paragraphs and around a heading.
_HEADINGS = ("{}", "# {}", "## {}", "### {}")


class Mix:
    """Lessons from the pages that are not held out."""

    def __init__(self, seed: int) -> None:
        taught = [page for page in pages() if not page.held_out]
        self.chance = random.Random(seed)
        self.pieces: Sequence[str] = ()
        self._paragraphs = [paragraph for page in taught for paragraph in page.paragraphs]
        self._items = [items for page in taught for items in page.items]
        self._headings = [heading for page in taught for heading in page.headings]
        text = " ".join(s for paragraph in self._paragraphs for s in paragraph)
        self._words = sorted(set(re.findall(r"[A-Za-z][a-z]+", text)))

    def lesson(self, most: int) -> tuple[str, str, str]:
        """Task, text and answer; the text has up to ``most`` sentences."""
        chance = self.chance
        task = chance.choices(TASKS, [SHARES[name] for name in TASKS])[0]
        if task == "translate":
            return (task, *phrases.lesson(chance, most))
        sentences = self._sentences(chance.randint(1, most))
        return task, self._layout(sentences), ANSWERS[task](sentences)

    def _sentences(self, count: int) -> list[str]:
        chance = self.chance
        if chance.random() > 0.5:
            return [self._random() for _ in range(count)]
        group = chance.choice(self._items if chance.random() < 0.05 else self._paragraphs)
        start = chance.randrange(len(group))
        found = list(group[start : start + count])
        if len(found) < count and chance.random() < 0.7:
            found += [chance.choice(chance.choice(self._paragraphs)) for _ in range(count - len(found))]
        return [self._exchanged(s) if chance.random() < 0.5 else s for s in found]

    def _layout(self, sentences: Sequence[str]) -> str:
        chance = self.chance
        if chance.random() < 0.06:
            mark = chance.choice(("- {}", "{number}. {}", "* {}", "• {}"))
            return "\n".join(mark.format(s, number=n) for n, s in enumerate(sentences, 1))
        between = [" "] * (len(sentences) - 1)
        if chance.random() < 0.3:
            between = [chance.choice((" ", "\n\n", "\n")) for _ in between]
        text = "".join(s + gap for s, gap in zip(sentences, [*between, ""], strict=True))
        if chance.random() < 0.2:
            text = chance.choice(_HEADINGS).format(chance.choice(self._headings)) + "\n\n" + text
        return text

    def _word(self, share: float) -> str:
        chance = self.chance
        if self.pieces and chance.random() < share:
            return "".join(chance.choice(self.pieces) for _ in range(chance.randint(1, 3)))
        return chance.choice(self._words).lower()

    def _random(self) -> str:
        """Random words in the shape of a sentence."""
        chance = self.chance
        share = chance.random() ** 2
        words = [self._word(share) for _ in range(chance.randint(4, 16))]
        if chance.random() < 0.2:
            words[chance.randrange(len(words))] = str(chance.randint(1, 2100))
        if chance.random() < 0.3:
            place = chance.randrange(len(words))
            words[place] = words[place].capitalize()
        if chance.random() < 0.2:
            words[chance.randrange(len(words) - 1)] += chance.choice(",,,;:")
        if chance.random() < 0.1:
            place = chance.randrange(len(words))
            words[place] = chance.choice(('"{}"', "({})", "{}-old", "{}'s", "self-{}")).format(words[place])
        if chance.random() < 0.5:
            words.insert(chance.randint(1, min(5, len(words) - 1)), chance.choice(sorted(QUESTIONS)))
            if chance.random() < 0.6:
                words.insert(0, chance.choice(("the", "a", "most", "each", "some", "this", "it", "if")))
        text = " ".join(words)
        return text[0].upper() + text[1:] + chance.choices(".?!", (20, 1, 1))[0]

    def _exchanged(self, sentence: str) -> str:
        """The same shape with some longer words exchanged."""
        chance = self.chance
        words = sentence.split(" ")
        for place, word in enumerate(words):
            if len(word) > 4 and word.isalpha() and word not in QUESTIONS and chance.random() < 0.35:
                new = self._word(0.4)
                words[place] = new.capitalize() if word[0].isupper() else new
        return " ".join(words)


def held_out(task: str, count: int, most: int, seed: int = 5) -> list[tuple[str, str]]:
    """Different texts and right answers of a task, from pages (or pairs of words) that no lesson has."""
    chance = random.Random(seed)
    if task == "translate":
        return [phrases.lesson(chance, most, held_out=True) for _ in range(count)]
    paragraphs = [p for page in pages() if page.held_out for p in page.paragraphs]
    found: dict[str, str] = {}
    for _ in range(100 * count):
        paragraph = chance.choice(paragraphs)
        start = chance.randrange(len(paragraph))
        sentences = paragraph[start : start + chance.randint(1, most)]
        found[" ".join(sentences)] = ANSWERS[task](sentences)
        if len(found) == count:
            break
    return list(found.items())
