"""A model in a few lines, for tests: it answers every task from the document in the prompt, deterministically.

A config names it as ``backend: fake_engine:make``. What goes wrong is said by the environment: a document with
``KILLME`` kills the process and one with ``RAISEME`` breaks the engine where ``FAKE_ENGINE_KILLS`` is set; of
``FAKE_ENGINE_FAILS_EVERY`` requests one fails; ``FAKE_ENGINE_NOTES`` is a file that gets a line for each request.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from model.chat import Tokenizer
from model.requests import Completion, Request, failed
from model.text import Transcript

_DOCUMENT = re.compile(r"BEGINS?\n(.*)\n\w+ ENDS?\n", re.DOTALL)


class FakeEngine:
    """``model.requests.Backend``, with ``stream`` as the embedded engine has it."""

    def __init__(self, tokenizer: Tokenizer, answer: Callable[[str, str], str] | None = None) -> None:
        self.tokenizer, self.answer = tokenizer, answer or written
        self.asked = 0

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        return [self.complete(request) for request in requests]

    def stream(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Reads one request ahead."""
        held: list[Request] = []
        for request in requests:
            held.append(request)
            if len(held) > 1:
                yield self.complete(held.pop(0))
        for request in held:
            yield self.complete(request)

    def complete(self, request: Request) -> Completion:
        self.asked += 1
        text = self.tokenizer.render(request.prompt_ids)
        match = _DOCUMENT.search(text)
        document = match[1] if match else ""
        if note := os.environ.get("FAKE_ENGINE_NOTES"):
            with open(note, "a", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {request.id}\n")
        time.sleep(float(os.environ.get("FAKE_ENGINE_SECONDS", "0")))
        if "KILLME" in document and os.environ.get("FAKE_ENGINE_KILLS"):
            os.kill(os.getpid(), signal.SIGKILL)
        if "RAISEME" in document and os.environ.get("FAKE_ENGINE_KILLS"):
            raise RuntimeError("the engine is broken")
        every = int(os.environ.get("FAKE_ENGINE_FAILS_EVERY", "0"))
        if every and int(hashlib.sha256(request.id.encode()).hexdigest(), 16) % every == 0:
            return failed(request, "it was to fail")
        ids = [*self.tokenizer.encode(self.answer(text, document)), 12]
        record = Transcript(request, self.tokenizer)
        for token in ids:
            if record.push(token):
                break
        return record.completion("length")


def written(prompt: str, document: str) -> str:
    """What the model says: for pairs, lists, units or anything else."""
    if "LINES BEGIN" in prompt:
        units = re.findall(r"^\[(\d+)\] (.*)$", document, re.MULTILINE)
        language = re.findall(r"into (\w+)\.", prompt)[-1]
        said = "\n".join(f"[{number}] {translated(text, language)}" for number, text in units)
        return said.removeprefix("[1]")
    sentences = [one.strip() for one in re.split(r"(?<=[.!?])\s+", document) if one.strip().endswith(".")]
    if '"Question:"' in prompt:
        pairs = [
            f"What does the sentence say about {one.split()[0].lower()} {one.split()[-1].rstrip('.')}?\nAnswer: {one}"
            for one in sentences[:8]
        ]
        return "\nQuestion: ".join(pairs) if pairs else "NONE"
    if '"- "' in prompt:
        return "\n- ".join(sentences[:8]) if sentences else "NONE"
    return " ".join(sentences) if sentences else "NONE"


_SAID = {
    "German": "und die ist nicht der das eine mit wird auf dem",
    "French": "et la est pas le une avec dans sur les des",
    "English": "and the is not of one with in on which",
}


def translated(text: str, language: str) -> str:
    """Every word as another of that language; marks, figures and the final mark stay."""
    known = _SAID.get(language, _SAID["German"]).split()
    number = itertools.count()
    return re.sub(r"[^\W\d_]{2,}", lambda match: known[next(number) % len(known)], text)


def make(config: Any) -> FakeEngine:
    if note := os.environ.get("FAKE_ENGINE_NOTES"):
        with open(note, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} loaded\n")
    return FakeEngine(Tokenizer.load(config.tokenizer))
