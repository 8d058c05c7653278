"""The engines that ``complete`` may ask, by the names that a config uses.

Each name has a function that makes the engine from the settings. Knows which settings an engine needs; does
not know what is asked. An engine is written in the config and never chosen by what is installed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from model.requests import Completion, Request
from stages.base import MIB, Resources

_OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _known(name: str) -> str:
    if name not in MAKE and not _OWN.fullmatch(name):
        raise ValueError(
            f"there is no backend {name!r}; there are: {', '.join(MAKE)}; one of yours is module:function"
        )
    return name


#: A name of ``MAKE``, or ``package.module:function`` of a user's own: it is given the settings of
#: ``complete`` and returns an ``Engine``.
Backend = Annotated[str, AfterValidator(_known)]


class Engine(Protocol):
    """As ``model.requests.Backend``; some also take requests as they come, with ``stream``."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]: ...


class Server(BaseModel):
    """A server with the OpenAI completions interface; see ``model.backends.endpoint``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Its address up to and with `/v1`.
    url: str
    #: The model, as the server calls it.
    name: str
    #: Name of the environment variable that holds the key, on the machines that do the work.
    api_key_env: str | None = None
    #: Requests under way at once.
    concurrency: int = Field(default=64, ge=1)
    #: Seconds that a request may be silent.
    timeout: float = Field(default=600.0, gt=0)
    #: How often a request is tried.
    attempts: int = Field(default=12, ge=1)
    #: Whether prompts go as token ids or, to servers that take none, as text.
    prompts: Literal["ids", "text"] = "ids"
    #: Fields of requests that the server refuses.
    omit: tuple[str, ...] = ()


def embedded(config: Any) -> Engine:
    """The engine of ``model``, in this process."""
    from model import Engine as Embedded  # needs torch

    if config.device == "cpu":
        import torch

        torch.set_num_threads(1)  # one core per worker is what the executor counts with
    return Embedded.load(
        config.model,
        device=config.device,
        dtype=config.dtype,
        max_length=config.context,
        slots=config.slots,
    )


def reference(config: Any) -> Engine:
    """The network in NumPy, for small models: needs no torch."""
    from model.backends.reference import ROWS, Reference

    rows = config.slots or ROWS
    dtype = config.dtype or "float32"
    return Reference.load(config.model, dtype=dtype, max_length=config.context, rows=rows)


def vllm(config: Any) -> Engine:
    """vLLM, in this process."""
    from model.backends.vllm import VLLM

    options: dict[str, Any] = {}
    if config.dtype is not None:
        options["dtype"] = config.dtype
    if config.slots is not None:
        options["max_num_seqs"] = config.slots
    if config.device == "cpu":
        options["enforce_eager"] = True
    if config.context is None:
        raise ValueError("backend vllm needs `context`, the most tokens of a prompt and its answer")
    return VLLM.load(config.model, config.context, **options)


def endpoint(config: Any) -> Engine:
    """A server."""
    from model.backends.endpoint import Endpoint
    from model.chat import Tokenizer

    server: Server | None = config.endpoint
    if server is None:
        raise ValueError("backend endpoint needs `endpoint: {url: …, name: …}`")
    key = None
    if server.api_key_env is not None and (key := os.environ.get(server.api_key_env)) is None:
        raise ValueError(f"the environment variable {server.api_key_env}, which is to hold a key, is not set")
    return Endpoint(
        server.url,
        server.name,
        Tokenizer.load(config.tokenizer),
        api_key=key,
        concurrency=server.concurrency,
        timeout=server.timeout,
        attempts=server.attempts,
        prompts=server.prompts,
        omit=server.omit,
    )


class Replay:
    """Answers nothing: what is stored was found before an engine is asked."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Every request has the error ``not stored``."""
        return [
            Completion(one.id, (), "", "error", len(one.prompt_ids), 0, error="not stored")
            for one in requests
        ]


def replay(config: Any) -> Engine:
    """Stored completions only."""
    if not config.against:
        raise ValueError("backend replay answers from stored completions: name them with `against`")
    return Replay()


MAKE: dict[str, Callable[[Any], Engine]] = {
    "embedded": embedded,
    "reference": reference,
    "vllm": vllm,
    "endpoint": endpoint,
    "replay": replay,
}
#: Backends that load a model from `model`.
LOCAL = frozenset(("embedded", "reference", "vllm"))
_ELSEWHERE = frozenset(("endpoint", "replay"))


def made(config: Any) -> Engine:
    """The engine that the settings ask for."""
    if config.backend in MAKE:
        return MAKE[config.backend](config)
    module, _, name = config.backend.partition(":")
    engine: Engine = getattr(import_module(module), name)(config)
    return engine


def resources(config: Any) -> Resources:
    """What a worker needs with these settings."""
    if config.backend in _ELSEWHERE:
        return Resources(memory=512 * MIB, lasting=config.backend != "replay")
    gpus = config.gpus if config.device == "cuda" and config.backend != "reference" else 0.0
    return Resources(gpus=gpus, memory=config.memory, lasting=True)


def streamed(engine: Engine, requests: Iterable[Request], rows: int) -> Iterator[Completion]:
    """Completions in the order of the requests, which are read as they are needed, by ``rows`` where the
    engine takes only lists."""
    if (stream := getattr(engine, "stream", None)) is not None:
        yield from stream(requests)
        return
    source = iter(requests)
    while some := list(islice(source, rows)):
        yield from engine.generate(some)
