"""Splits a request into the calls that a foreign engine needs for it.

Knows requests, transcripts and what a foreign engine can do: continue token ids up to a length, a stop id or
a stop string. Does not know how an engine is called.

Usually one call, or *leg*, is enough. Reasoning with a budget, or followed by an answer with stop strings,
needs several: each leg continues from the tokens of those before. The same ``Transcript`` as in the embedded
engine interprets the tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import dataclass, replace

from model.chat import Tokenizer
from model.requests import SEED_LIMIT, Completion, FinishReason, Request
from model.text import THINK_CLOSE, Transcript

#: Odd, so that the seeds of all legs differ.
_SEED_STEP = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Outcome:
    """The result of a leg. ``token_ids`` is None if the engine returns only ``text`` and the number of
    tokens."""

    finish_reason: FinishReason
    token_ids: tuple[int, ...] | None = None
    text: str = ""
    tokens: int = 0
    error: str | None = None


def legs(request: Request, tokenizer: Tokenizer) -> Generator[Request, Outcome, Completion]:
    """Yields each leg as a plain request (no ``thinking``), is sent its outcome, returns the completion."""
    transcript = Transcript(request, tokenizer)
    for number in itertools.count():
        while transcript.forced:
            if transcript.push(transcript.forced[0]):
                return transcript.completion()
        outcome = yield _leg(request, transcript, number)
        if outcome.error is not None:
            return transcript.completion(error=outcome.error)
        if outcome.token_ids is None:
            return _from_text(request, transcript, outcome)
        for token in outcome.token_ids:
            if transcript.push(token):
                return transcript.completion()
        # A stop string that belongs to the leg only, or that does not count in the answer (in blank space
        # before it), ends only the leg. So does the length limit of a leg whose reasoning has used its
        # budget.
        if outcome.finish_reason == "stop" or (outcome.finish_reason == "length" and not _over(transcript)):
            return transcript.completion(outcome.finish_reason)
        if not outcome.token_ids:
            return transcript.completion(error="the engine stopped before any token")
    raise AssertionError("legs do not run out")


def _over(transcript: Transcript) -> bool:
    """Whether the budget for reasoning is used up."""
    thinking = transcript.request.thinking
    budget = None if thinking is None else thinking.budget
    return budget is not None and len(transcript.token_ids) >= budget


def _leg(request: Request, transcript: Transcript, number: int) -> Request:
    tokens, stops = transcript.remaining, request.stop_strings
    if transcript.thinks and request.thinking is not None:
        budget = request.thinking.budget
        if budget is None:
            stops = (THINK_CLOSE,) if stops else ()  # stop strings apply to the answer
        elif not _over(transcript):
            tokens, stops = min(tokens, budget - len(transcript.token_ids)), ()
        else:
            last = budget + request.thinking.grace
            tokens, stops = min(tokens, last - len(transcript.token_ids)), ("\n", THINK_CLOSE)
    return replace(
        request,
        prompt_ids=(*request.prompt_ids, *transcript.token_ids),
        max_tokens=tokens,
        stop_strings=stops,
        seed=(request.seed + number * _SEED_STEP) % SEED_LIMIT,
        thinking=None,
    )


def _from_text(request: Request, transcript: Transcript, outcome: Outcome) -> Completion:
    thinking = request.thinking
    if thinking is not None and (thinking.budget is not None or (thinking.open and request.stop_strings)):
        error = "reasoning with a budget, or with stop strings after it, needs token ids in answers"
        return transcript.completion(error=error)
    transcript.push_text(outcome.text)
    completion = transcript.completion(outcome.finish_reason)
    return replace(completion, completion_tokens=completion.completion_tokens + outcome.tokens)
