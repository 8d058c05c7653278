"""Requests to an engine, and their completions.

Knows prompts as token ids, sampling settings, and how a generation ended. Does not know tensors, checkpoints,
tokenizers or documents, and needs nothing beyond the standard library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "length", "stop_string", "error"]

#: Seeds are non-negative 63-bit integers, which every backend accepts and an int64 tensor can hold.
SEED_LIMIT = 1 << 63

#: Below this (except 0) the choice would in effect be greedy, with logits scaled out of range.
LEAST_TEMPERATURE = 1e-3
#: A penalty multiplies or divides logits; outside of these bounds they would only overflow.
PENALTIES = (0.001, 1000.0)


@dataclass(frozen=True)
class Thinking:
    """The state of the model's reasoning at the end of the prompt; ``model.chat`` makes it together with the
    prompt.

    ``open``: the prompt ends inside ``<think>``. With a ``budget`` the reasoning is closed for the model at
    the first line end after that many tokens, by ``close_ids``, and at the latest ``grace`` tokens later, by
    ``cut_ids`` (rule and grace of 500 tokens: model card of Nemotron Nano 2). Not open: the prompt has
    closed the reasoning already, and a stray tag at the start of the answer is left out of its text.
    """

    open: bool = True
    budget: int | None = None
    grace: int = 500
    close_ids: tuple[int, ...] = ()
    cut_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.budget is None:
            return
        if not self.open:
            raise ValueError("a thinking budget needs a prompt that leaves the reasoning open")
        if self.budget < 0 or self.grace < 0:
            raise ValueError(
                f"thinking budget and grace must not be negative, not {self.budget}, {self.grace}"
            )
        if not self.close_ids or not self.cut_ids:
            raise ValueError(
                "a thinking budget needs close_ids and cut_ids, the tokens that end the reasoning"
            )


@dataclass(frozen=True)
class Request:
    """One prompt and how to continue it. Wrong values raise a ValueError that names ``id`` and field.

    ``max_tokens`` counts all generated tokens, reasoning included. ``temperature`` 0 is greedy, others are at
    least ``LEAST_TEMPERATURE``; ``top_k`` 0 and ``top_p`` 1 allow all tokens; ``repetition_penalty`` 1 means
    no penalty (Keskar et al. 2019, over prompt and completion). ``stop_ids`` end the text; ``stop_strings``
    end it when the *answer* contains one, which is cut off. The same request with the same ``seed`` has the
    same completion; different documents should have different seeds. With ``thinking`` None the completion is
    plain text, without interpretation.
    """

    id: str
    prompt_ids: Sequence[int]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    stop_ids: tuple[int, ...] = ()
    stop_strings: tuple[str, ...] = ()
    seed: int = 0
    thinking: Thinking | None = None

    def __post_init__(self) -> None:
        def refuse(field: str, rule: str) -> ValueError:
            return ValueError(
                f"request {self.id!r}: {field} must be {rule}, not {getattr(self, field)!r:.80}"
            )

        def within(field: str, low: float, high: float) -> bool:
            value = getattr(self, field)
            return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

        if isinstance(self.stop_strings, str):
            raise refuse("stop_strings", "a sequence of strings")
        for field, rule in (
            ("prompt_ids", "ints of 0 or more"),
            ("stop_ids", "ints of 0 or more"),
            ("stop_strings", "a sequence of strings"),
        ):
            try:
                object.__setattr__(self, field, tuple(getattr(self, field)))
            except TypeError:
                raise refuse(field, rule) from None
        if not self.prompt_ids:
            raise refuse("prompt_ids", "at least one token id")
        for field in ("prompt_ids", "stop_ids"):
            ids = getattr(self, field)
            if not all(type(token) is int for token in ids) or (ids and min(ids) < 0):
                raise refuse(field, "ints of 0 or more")
        if not all(isinstance(stop, str) and stop for stop in self.stop_strings):
            raise refuse("stop_strings", "strings that are not empty")
        if type(self.max_tokens) is not int or self.max_tokens < 1:
            raise refuse("max_tokens", "an int of 1 or more")
        if not (within("temperature", 0, 0) or within("temperature", LEAST_TEMPERATURE, sys.float_info.max)):
            raise refuse("temperature", f"0 or a number of at least {LEAST_TEMPERATURE}")
        if not (within("top_p", 0, 1) and self.top_p > 0):
            raise refuse("top_p", "above 0 and at most 1")
        if type(self.top_k) is not int or not 0 <= self.top_k < 1 << 31:
            raise refuse("top_k", "an int from 0 to 2**31 - 1")
        if not within("repetition_penalty", *PENALTIES):
            raise refuse("repetition_penalty", f"from {PENALTIES[0]} to {PENALTIES[1]:g}")
        if type(self.seed) is not int or not 0 <= self.seed < SEED_LIMIT:
            raise refuse("seed", "an int from 0 to 2**63 - 1")
        if self.thinking is not None and not isinstance(self.thinking, Thinking):
            raise refuse("thinking", "a Thinking or None")


@dataclass(frozen=True)
class Completion:
    """The result of one request.

    ``token_ids`` are all generated tokens, including reasoning, the stop id, and text cut off by a stop
    string (empty if an endpoint does not return them). ``text`` is the answer without all of these.
    ``thinking`` is the text of the reasoning, None if there was none. With ``finish_reason`` "error",
    ``error`` says why, and the text is what was generated until then.
    """

    id: str
    token_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    thinking: str | None = None
    error: str | None = None


class Backend(Protocol):
    """The interface of the embedded engine and of engines that pass requests on."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion for every request, in their order. A failure of one request is the ``error`` of its
        completion; an exception means that the engine itself cannot go on."""
        ...


def checked(request: Any) -> None:
    """The argument; TypeError if it is not a request."""
    if not isinstance(request, Request):
        raise TypeError(f"a model.Request was expected, not {request!r:.80}")


def failed(request: Request, error: str) -> Completion:
    """The completion of a request that failed."""
    return Completion(request.id, (), "", "error", len(request.prompt_ids), 0, error=error)


def misfit(request: Request, vocab_size: int, max_length: int) -> str | None:
    """Why a model of this vocabulary and length (tokens of prompt and completion) cannot take a request."""
    if max(request.prompt_ids) >= vocab_size:
        return f"prompt has token id {max(request.prompt_ids)}, but the vocabulary ends at {vocab_size - 1}"
    length = len(request.prompt_ids) + request.max_tokens
    if length > max_length:
        asked = f"{len(request.prompt_ids)} of the prompt and max_tokens {request.max_tokens}"
        return f"{asked} are {length} tokens, but there is room for {max_length}"
    return None
