"""How well a checkpoint does the tasks, on pages and pairs of words that no lesson has.

Knows the right answers. Does not know how the backend makes its own: the engine and the reference do alike.
"""

from __future__ import annotations

import re

from lessons.mix import TASKS, held_out
from lessons.prompts import Prompts
from model.chat import Tokenizer
from model.requests import Backend

#: What the checkpoint in the sample reaches at least. ``exact`` is the share of answers that are right to the last
#: character; ``verbatim`` that of answers to questions which stand so in the text, before any gate.
FLOORS = {
    "list exact": 0.6,
    "distill exact": 0.7,
    "translate exact": 0.5,
    "qa verbatim": 0.75,
}
#: Texts of each task, and sentences of each.
COUNT, MOST = 120, 3
_PAIR = re.compile(r"Question: (.+\?)\nAnswer: (.+)")


def measure(
    backend: Backend, words: Tokenizer, count: int = COUNT, most: int = MOST, max_tokens: int = 240
) -> dict[str, float]:
    """Shares (0 to 1) by what is measured, of ``count`` texts of up to ``most`` sentences for each task."""
    prompts = Prompts(words)
    found: dict[str, float] = {}
    for task in TASKS:
        lessons = held_out(task, count, most)
        requests = [
            prompts.prompt(task, text).request(str(number), max_tokens)
            for number, (text, _) in enumerate(lessons)
        ]
        answers = [completion.text.strip("\n") for completion in backend.generate(requests)]
        right = sum(
            answer == expected.strip("\n") for answer, (_, expected) in zip(answers, lessons, strict=True)
        )
        found[f"{task} exact"] = right / count
        if task == "qa":
            pairs = [
                (question, answer, text)
                for written, (text, _) in zip(answers, lessons, strict=True)
                for question, answer in _PAIR.findall(written)
            ]
            expected_pairs = sum(len(_PAIR.findall(expected)) for _, expected in lessons)
            found["qa verbatim"] = sum(answer in text for _, answer, text in pairs) / max(1, len(pairs))
            found["qa pairs written"] = len(pairs) / expected_pairs
    return found
