"""Prompts: a task and a segment as the token ids that a model is given.

Knows the chat format of ``model.chat`` and raw text for base models. Does not know where segments come from.
The pieces around the document are encoded apart from it, so that prompts of a task begin with equal ids and
an engine works on those once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from model.chat import Chat, Prompt, Tokenizer
from stages.synthesis.task import Task
from stages.synthesis.units import prepared

Kind = Literal["chat", "text"]


class Asked(NamedTuple):
    """What of a task differs between the requests of a document."""

    target: str  # language of the answer
    source: str  # language of the document
    variant: str = ""


class Prompts:
    """Makes the prompts of a model."""

    def __init__(self, tokenizer: str | Path, kind: Kind = "chat") -> None:
        """``tokenizer``: a ``tokenizer.json``, or a directory that has one. TokenizerError if it cannot be
        used: for ``chat`` it must have the tokens of Nemotron Nano 2."""
        self.tokenizer = Tokenizer.load(tokenizer)
        self._make: Callable[..., Prompt] = (
            Chat(self.tokenizer).prompt if kind == "chat" else _Plain(self.tokenizer).prompt
        )

    def prompt(self, task: Task, text: str, asked: Asked) -> Prompt:
        """The prompt for a segment."""
        system, before, after = task.said(*asked)
        shown = prepared(text).shown if task.prepare == "units" else text
        return self._make(user=[before, shown, after], system=system, answer=task.answer.prefix)

    def overhead(self, task: Task, asked: Asked) -> int:
        """Tokens of a prompt besides the document."""
        return len(self.prompt(task, "", asked).ids)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.tokenizer.encode(text))


#: Tokens that end a text, by the names that are in use.
_ENDS = ("</s>", "<|endoftext|>", "<|im_end|>", "<eos>")


class _Plain:
    """Prompts for models without a chat: the words of a task one after the other, without markup."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._stop_ids = tuple(number for name in _ENDS for number in _one(tokenizer, name))

    def prompt(self, user: list[str], system: str, answer: str) -> Prompt:
        pieces = [f"{system}\n\n" if system else "", *user, f"\n{answer}"]
        ids = [token for piece in pieces for token in self._tokenizer.encode(piece)]
        return Prompt(tuple(ids), self._stop_ids, None)


def _one(tokenizer: Tokenizer, name: str) -> list[int]:
    """The id of a token, if there is such a token."""
    try:
        return [tokenizer.id_of(name)]
    except ValueError:
        return []


@functools.lru_cache(maxsize=4)
def load(tokenizer: str, kind: Kind) -> Prompts:
    """Prompts of a tokenizer; one for all stages of a process."""
    return Prompts(tokenizer, kind)
