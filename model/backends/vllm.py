"""vLLM in this process (``pip install 'nanocorpus[vllm]'``): its offline ``LLM``, fed with token ids.

Knows vLLM's ``LLM``, ``SamplingParams`` and outputs, as they are in 0.32 and 0.33. Greedy completions of the
CPU build of 0.32 in float32 are those of the engine, token by token
(``tests/model/backends/test_vllm_itself.py``); on GPUs it is untried. Does not know prompts: they come as
ids, so vLLM's own templates, beginning tokens and reasoning parsers are not used.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.backends.legs import Outcome, legs
from model.chat import Tokenizer
from model.requests import Completion, FinishReason, Request, failed, misfit

_LEAST_TEMPERATURE = 0.01  # vLLM raises temperatures between 0 and this to it, and only logs that

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class VLLM:
    """``model.requests.Backend`` on vLLM. Equal seeds give equal completions only if vLLM's kernels give
    equal logits, which depends on the batch."""

    def __init__(self, llm: Any, tokenizer: Tokenizer) -> None:
        """``llm`` is a ``vllm.LLM`` that has its tokenizer (needed for stop strings)."""
        self._vllm = _import_vllm()
        self._llm = llm
        self._tokenizer = tokenizer
        config = llm.llm_engine.model_config
        self._max_length: int = config.max_model_len
        self._vocab_size: int = config.get_vocab_size()
        # A refused request raises one of these, before any request of its batch has begun.
        self._refusals: tuple[type[Exception], ...] = (ValueError,)
        with contextlib.suppress(ModuleNotFoundError, AttributeError):  # older versions
            self._refusals += (importlib.import_module("vllm.exceptions").VLLMClientError,)

    @classmethod
    def load(cls, path: str | Path, max_length: int, **options: Any) -> VLLM:
        """The checkpoint at ``path`` for sequences of up to ``max_length`` tokens; ``options`` are those of
        ``vllm.LLM``. The state is float32 as in the embedded engine: 16 bits lost accuracy (vLLM pull request
        39032). Prefix caching is off, because for this architecture it had no effect or was wrong (issues
        54504 and 45238)."""
        defaults = {"dtype": "bfloat16", "mamba_ssm_cache_dtype": "float32", "enable_prefix_caching": False}
        llm = _import_vllm().LLM(model=str(path), max_model_len=max_length, **(defaults | options))
        atexit.register(_end, weakref.ref(llm))
        return cls(llm, Tokenizer.load(path))

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """See ``model.requests.Backend``. A temperature above 2, which vLLM refuses, or between 0 and 0.01,
        which it changes, is an error of its request."""
        completions: dict[int, Completion] = {}
        running = {}
        waiting: list[tuple[int, Request]] = []
        for place, request in enumerate(requests):
            error = misfit(request, self._vocab_size, self._max_length)
            if 0 < request.temperature < _LEAST_TEMPERATURE:
                error = f"vLLM would sample at temperature {_LEAST_TEMPERATURE}, not {request.temperature}"
            if error is not None:
                completions[place] = failed(request, error)
                continue
            running[place] = legs(request, self._tokenizer)
            try:
                waiting.append((place, next(running[place])))
            except StopIteration as done:
                completions[place] = done.value
        while waiting:
            outcomes = self._run([leg for _, leg in waiting])
            following = []
            for (place, _), outcome in zip(waiting, outcomes, strict=True):
                try:
                    following.append((place, running[place].send(outcome)))
                except StopIteration as done:
                    completions[place] = done.value
            waiting = following
        return [completions[place] for place in range(len(requests))]

    def _run(self, batch: list[Request]) -> list[Outcome]:
        """One outcome per leg. vLLM refuses a whole batch because of one bad request, so a refused batch is
        halved until the bad request is alone."""
        try:
            prompts = [{"prompt_token_ids": list(leg.prompt_ids)} for leg in batch]
            outputs = self._llm.generate(prompts, [self._params(leg) for leg in batch], use_tqdm=False)
        except self._refusals as error:
            if len(batch) == 1:
                return [Outcome("error", error=f"vLLM refuses the request: {error}")]
            half = len(batch) // 2
            return self._run(batch[:half]) + self._run(batch[half:])
        if [tuple(output.prompt_token_ids) for output in outputs] != [leg.prompt_ids for leg in batch]:
            raise RuntimeError("vLLM's outputs are not those of the prompts it was given")
        return [_outcome(output.outputs[0]) for output in outputs]

    def _params(self, leg: Request) -> Any:
        return self._vllm.SamplingParams(
            temperature=leg.temperature,
            top_p=leg.top_p,
            top_k=leg.top_k,
            repetition_penalty=leg.repetition_penalty,
            seed=leg.seed,
            max_tokens=leg.max_tokens,
            stop=list(leg.stop_strings),
            stop_token_ids=list(leg.stop_ids),
            ignore_eos=True,  # the request names the ids that end a text
            detokenize=bool(leg.stop_strings),
        )


def _end(reference: weakref.ref[Any]) -> None:
    """End vLLM's process. It ends with the ``LLM``; but while something holds that, Python would wait for the
    process first, and never exit."""
    if (llm := reference()) is not None:
        with contextlib.suppress(AttributeError):  # versions that compute in this process
            llm.llm_engine.engine_core.shutdown()


def _import_vllm() -> Any:
    try:
        return importlib.import_module("vllm")
    except ModuleNotFoundError as error:
        raise ImportError(f"the vLLM backend needs {error.name}: pip install 'nanocorpus[vllm]'") from error


def _outcome(output: Any) -> Outcome:
    if output.finish_reason not in _REASONS:
        return Outcome("error", error=f"vLLM ended the request with {output.finish_reason!r}")
    reason: FinishReason = _REASONS[output.finish_reason]
    if isinstance(output.stop_reason, str):
        reason = "stop_string"
    return Outcome(reason, tuple(output.token_ids))
