"""From generated token ids to text, one token at a time: where it ends, and which part is reasoning.

Knows bytes of tokens, UTF-8, stop ids and stop strings, ``<think>`` and ``</think>``. Does not know tensors,
prompts, or how tokens are chosen; a ``Vocabulary`` provides the bytes.

In Nemotron Nano 2 ``</think>`` is not a single token, and several sequences of tokens spell it, some of which
extend into the answer. So it is searched for in the text, as stop strings are.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from typing import Protocol

from model.requests import Completion, FinishReason, Request, Thinking

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"
_BLANK = " \t\r\n"


class Vocabulary(Protocol):
    """The part of a tokenizer that decoding needs; ``model.chat.Tokenizer`` provides it."""

    def text_bytes(self, token_id: int) -> bytes:
        """The bytes of a token in text: none for special tokens and ids without a token."""
        ...


class StopStrings:
    """Finds the first stop string in text that comes in pieces, wherever the text is cut.

    The first is the one that is complete first; of two that end at the same place, the longer. The last
    ``max(len) - 1`` characters are held back, because a stop string may begin in them.
    """

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings = tuple(strings)
        self._hold = max(map(len, self._strings), default=1) - 1
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Text that is safe to release now; nothing after ``stopped``."""
        if self.stopped:
            return ""
        text = self._held + text
        found = [(at + len(stop), at) for stop in self._strings if (at := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)[1]]
        safe = max(len(text) - self._hold, 0)
        self._held = text[safe:]
        return text[:safe]

    def flush(self) -> str:
        """The text that was held back; call at the end of the text."""
        held, self._held = self._held, ""
        return held


class Parts:
    """Separates reasoning from the answer in text that comes in pieces, and ends the answer at a stop string.

    Within a chat (``thinking`` given) the answer begins after the closed reasoning, with the blank space and
    stray ``</think>`` that follow it left out. Only a prompt opens reasoning, and only once: a ``<think>`` in
    the answer, even at its start, belongs to the answer. Raw text (None) is all answer, including tags.
    """

    def __init__(self, thinking: Thinking | None, stop_strings: Iterable[str]) -> None:
        self._stops = StopStrings(stop_strings)
        self._phase = "answer" if thinking is None else "thinking" if thinking.open else "between"
        self._pending = ""
        self._answer: list[str] = []
        self._reasons = self.thinks
        self._thinking: list[str] = []

    @property
    def thinks(self) -> bool:
        """Whether the text is within the reasoning now."""
        return self._phase == "thinking"

    @property
    def stopped(self) -> bool:
        """Whether a stop string has ended the answer."""
        return self._stops.stopped

    def push(self, text: str) -> None:
        """The next piece of text."""
        self._pending += text
        while self._pending:
            if self._phase == "answer":
                self._answer.append(self._stops.push(self._pending))
                self._pending = ""
            elif self._phase == "thinking":
                before, tag, after = self._pending.partition(THINK_CLOSE)
                if not tag:  # a tag may have begun in the last characters
                    safe = max(len(self._pending) - len(THINK_CLOSE) + 1, 0)
                    self._thinking.append(self._pending[:safe])
                    self._pending = self._pending[safe:]
                    return
                self._thinking.append(before)
                self._phase, self._pending = "between", after
            else:
                rest = self._pending.lstrip(_BLANK)
                if rest.startswith(THINK_CLOSE):
                    self._pending = rest.removeprefix(THINK_CLOSE)
                elif THINK_CLOSE.startswith(rest):
                    self._pending = rest  # nothing yet, or the beginning of a tag
                    return
                else:
                    self._phase, self._pending = "answer", rest

    def finish(self) -> tuple[str, str | None]:
        """The whole answer, and the reasoning or None."""
        if self._phase == "thinking":
            self._thinking.append(self._pending)
        else:
            self._answer.append(self._stops.push(self._pending.lstrip(_BLANK)))
        self._pending = ""
        self._answer.append(self._stops.flush())
        return "".join(self._answer), "".join(self._thinking) if self._reasons else None


class Transcript:
    """The text generated for one request so far: decides when it is finished and which tokens must come
    next."""

    def __init__(self, request: Request, vocabulary: Vocabulary) -> None:
        self.request = request
        self.token_ids: list[int] = []
        self.finish_reason: FinishReason | None = None
        #: Tokens that must come next instead of sampled ones: they close reasoning that is over its budget.
        self.forced: Sequence[int] = ()
        self._vocabulary = vocabulary
        self._stop_ids = frozenset(request.stop_ids)
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts = Parts(request.thinking, request.stop_strings)
        budget = None if request.thinking is None else request.thinking.budget
        # If nothing in the text can end or steer the generation, it is decoded only once, when it is needed.
        self._watched = bool(request.stop_strings) or budget is not None
        self._read = 0
        if request.thinking is not None and budget == 0:
            self.forced = request.thinking.close_ids

    @property
    def thinks(self) -> bool:
        """Whether the generation is within the reasoning now."""
        self._take_text()
        return self._parts.thinks

    @property
    def remaining(self) -> int:
        """How many more tokens may be generated."""
        return self.request.max_tokens - len(self.token_ids)

    def push(self, token_id: int) -> bool:
        """Take the next token; True when the generation is finished with it."""
        self.token_ids.append(token_id)
        if token_id in self._stop_ids:
            self.finish_reason = "stop"
            return True
        if self._watched:
            self.forced = self.forced[1:]
            text = self._take_text()
            if self._parts.stopped:
                self.finish_reason = "stop_string"
                return True
            if not self.forced:
                self._watch_budget(text)
        if len(self.token_ids) == self.request.max_tokens:
            self.finish_reason = "length"
            return True
        return False

    def _take_text(self) -> str:
        """Decode the tokens that are not yet decoded; a stop id has no text."""
        end = len(self.token_ids) - (self.finish_reason == "stop")
        fresh = self.token_ids[self._read : end]
        self._read = end
        text = self._utf8.decode(b"".join(map(self._vocabulary.text_bytes, fresh)))
        self._parts.push(text)
        return text

    def push_text(self, text: str) -> None:
        """Take text whose tokens are not known."""
        self._parts.push(text)
        if self._parts.stopped:
            self.finish_reason = "stop_string"

    def completion(self, finish_reason: FinishReason | None = None, error: str | None = None) -> Completion:
        """The completion. ``finish_reason`` is for an end that the transcript has not seen itself; with an
        ``error`` it is "error"."""
        reason = "error" if error is not None else self.finish_reason or finish_reason
        if reason is None:
            raise ValueError(f"request {self.request.id!r} is not finished")
        self._take_text()
        if reason != "length":  # the limit may cut a character, which is then not part of the text
            self._parts.push(self._utf8.decode(b"", final=True))
        text, thinking = self._parts.finish()
        return Completion(
            id=self.request.id,
            token_ids=tuple(self.token_ids),
            text=text,
            finish_reason=reason,
            prompt_tokens=len(self.request.prompt_ids),
            completion_tokens=len(self.token_ids),
            thinking=thinking,
            error=error,
        )

    def _watch_budget(self, text: str) -> None:
        thinking = self.request.thinking
        if thinking is None or thinking.budget is None or not self.thinks:
            return
        over = len(self.token_ids) - thinking.budget
        if over >= 0 and "\n" in text:
            self.forced = thinking.close_ids
        elif over >= thinking.grace:
            self.forced = thinking.cut_ids
