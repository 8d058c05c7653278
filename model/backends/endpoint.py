"""A server with the OpenAI completions interface (vLLM, SGLang, NIM …), over HTTP.

Knows ``POST /v1/completions``, and which errors are temporary. Does not know prompts: they are sent as token
ids, so no template or tokenizer of the server is involved. Uses ``/completions`` only: chat endpoints build
prompts themselves.

An error caused by a request (refused, or failing in every attempt) becomes the error of its completion. If
the server cannot be reached, or does not accept the key or model, this is not the fault of a request: it
raises ``EndpointError``, as long as no request has succeeded. After a success the settings must be right, so
such an answer comes from a server that is being restarted: the request is tried again, and if that fails to
the end, only this request is lost.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from socket import SHUT_RDWR
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from model.backends.legs import Outcome, legs
from model.chat import Tokenizer
from model.requests import Completion, FinishReason, Request, failed

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
_PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
_NOT_THE_REQUEST = frozenset((401, 403, 404, 405))
_LONGEST_WAIT = 60.0  # seconds between two attempts
_CONNECT_TIMEOUT = 30.0  # seconds, or ``timeout`` if that is less


class EndpointError(RuntimeError):
    """The server cannot be used at all."""


class _Passing(Exception):
    """An attempt failed, but another may succeed; ``pause`` in seconds if the server names one."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


class _Unreachable(_Passing):
    """The server cannot be reached now."""


class _Unusable(_Passing):
    """The server answers, but does not accept this key, model or address."""


class _Batch:
    """State shared by the requests of one ``generate``."""

    def __init__(self) -> None:
        self.given_up = threading.Event()
        self.succeeded = False


class Endpoint:
    """``model.requests.Backend`` on a server."""

    def __init__(
        self,
        url: str,
        model: str,
        tokenizer: Tokenizer,
        api_key: str | None = None,
        concurrency: int = 64,
        timeout: float = 600.0,
        attempts: int = 12,
        prompts: Literal["ids", "text"] = "ids",
        omit: Collection[str] = (),
    ) -> None:
        """``url`` up to and including ``/v1``; a query (``?api-version=…``) is kept. ``model`` is the
        server's name of the model, ``tokenizer`` the tokenizer of the model.

        ``concurrency`` requests are in progress at once. Each may be silent for ``timeout`` seconds and is
        tried ``attempts`` times: after 1, 2, 4 … 32 and then every 60 seconds. Each wait is shortened by up
        to half (to spread requests), and extended to the time that the server requests, up to 60 seconds.
        Twelve attempts span three to six minutes, enough for the restart of a server.

        ``prompts`` "text" is for servers that take no ids: a prompt is sent as text if that gives the same
        ids, and is an error otherwise. ``omit`` names fields beyond OpenAI's own that a server rejects
        (top_k, repetition_penalty, stop_token_ids, ignore_eos, add_special_tokens, return_token_ids): a
        request that needs such a ``top_k`` or ``repetition_penalty`` is an error; without ``stop_token_ids``
        the server's own end token is used. Values that a server accepts may still be changed by it: vLLM
        samples at temperature 0.01 if the requested one is between 0 and 0.01.
        """
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname or not _visible(url):
            raise ValueError(f"endpoint must be an http:// or https:// address, not {url!r}")
        if api_key is not None and not _visible(api_key):
            raise ValueError("api_key must be visible ASCII characters, without blanks or line ends")
        if prompts == "text" and "add_special_tokens" in omit:
            raise ValueError(
                "prompts 'text' cannot go with add_special_tokens omitted: "
                "the server may then put a beginning token before each prompt"
            )
        if concurrency < 1 or attempts < 1 or timeout <= 0:
            raise ValueError("concurrency and attempts must be 1 or more, timeout above 0")
        self._address = address._replace(path=address.path.rstrip("/") + "/completions", fragment="")
        # For messages: without parts that may be secret.
        host = f"{address.hostname}:{address.port}" if address.port else address.hostname
        self._name = urlunsplit((address.scheme, host, self._address.path, "", ""))
        self._model = model
        self._tokenizer = tokenizer
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._concurrency = concurrency
        self._timeout = timeout
        self._attempts = attempts
        self._prompts = prompts
        self._omit = frozenset(omit)
        self._has_succeeded = False

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """See ``model.requests.Backend``. Raises ``EndpointError``."""
        batch = _Batch()
        local = threading.local()
        connections: list[_Connection] = []

        def complete(request: Request) -> Completion:
            if not hasattr(local, "connection"):
                local.connection = _Connection(self._address, self._headers, self._timeout)
                connections.append(local.connection)
            try:
                steps = legs(request, self._tokenizer)
                leg = next(steps)
                while True:
                    leg = steps.send(self._run(leg, local.connection, batch))
            except StopIteration as done:
                completion: Completion = done.value
                return completion
            except EndpointError:
                raise
            except Exception as error:  # one malformed request or answer must not affect the others
                return failed(request, f"{type(error).__name__}: {error}")

        with ThreadPoolExecutor(self._concurrency, "endpoint") as pool:
            futures = [pool.submit(complete, request) for request in requests]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
            finally:
                batch.given_up.set()
                for connection in connections:
                    connection.give_up()
                pool.shutdown(cancel_futures=True)
        return [future.result() for future in futures]

    def _run(self, leg: Request, connection: _Connection, batch: _Batch) -> Outcome:
        payload = self._payload(leg)
        if isinstance(payload, str):
            return Outcome("error", error=payload)
        body = json.dumps(payload).encode()
        # Attempts of many requests must not coincide; one request waits equally long in every run.
        spread = random.Random(leg.id)
        for attempt in range(1, self._attempts + 1):
            if batch.given_up.is_set():
                return Outcome("error", error="given up")
            try:
                outcome = _outcome(*connection.post(body))
            except _Passing as failure:
                last = failure
            else:
                if outcome.error is None:
                    batch.succeeded = self._has_succeeded = True
                return _clipped(outcome, leg)
            if isinstance(last, _Unusable) and not self._has_succeeded:
                break
            delay = min(0.5 * 2.0**attempt, _LONGEST_WAIT) * (0.5 + spread.random() / 2)
            if attempt < self._attempts:
                batch.given_up.wait(max(delay, min(last.pause, _LONGEST_WAIT)))
        # A server that is gone for good makes the requests of one batch fail, but not those of later batches.
        if isinstance(last, _Unreachable | _Unusable) and not batch.succeeded:
            raise EndpointError(f"{self._name} {last}")
        return Outcome("error", error=f"after {attempt} attempts: {last}")

    def _payload(self, leg: Request) -> dict[str, Any] | str:
        """The body to send, or why this request cannot be sent."""
        payload: dict[str, Any] = {
            "model": self._model,
            "prompt": list(leg.prompt_ids),
            "max_tokens": leg.max_tokens,
            "temperature": leg.temperature,
            "top_p": leg.top_p,
            "seed": leg.seed,
        }
        if self._prompts == "text":
            payload["prompt"] = self._tokenizer.render(leg.prompt_ids)
            if self._tokenizer.encode_markup(payload["prompt"]) != list(leg.prompt_ids):
                return "the prompt cannot be sent as text: that would mean other token ids"
        if leg.stop_strings:
            payload["stop"] = list(leg.stop_strings)
        # All fields are always sent, because servers have their own defaults for missing ones.
        beyond = {
            "top_k": leg.top_k or -1,
            "repetition_penalty": leg.repetition_penalty,
            "stop_token_ids": list(leg.stop_ids),
            "ignore_eos": True,
            "add_special_tokens": False,
            "return_token_ids": True,
        }
        for name, neutral in (("top_k", -1), ("repetition_penalty", 1.0)):
            if name in self._omit and beyond[name] != neutral:
                return f"the request has {name} {beyond[name]}, but the endpoint is set to send none"
        return payload | {name: value for name, value in beyond.items() if name not in self._omit}


def _visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _outcome(status: int, pause: float, body: bytes) -> Outcome:
    """Interprets an answer. Raises ``_Passing`` if another attempt may succeed."""
    said = body[:500].decode("utf-8", errors="replace")
    if status in _PASSING:
        raise _Passing(f"HTTP {status}: {said}", pause)
    if status in _NOT_THE_REQUEST:
        raise _Unusable(f"answers HTTP {status}: {said}", pause)
    if status != 200:
        return Outcome("error", error=f"HTTP {status}: {said}")
    try:
        return _completion(body)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise _Passing(f"no completion in the answer ({type(error).__name__}: {error}): {said}") from None


def _clipped(outcome: Outcome, leg: Request) -> Outcome:
    """Makes an error of an answer that the server ended before the allowed length: it did so at its own
    context limit without reporting it, so the answer would look like one that reached its length."""
    made = outcome.tokens if outcome.token_ids is None else len(outcome.token_ids)
    if outcome.error is not None or outcome.finish_reason != "length" or not 0 < made < leg.max_tokens:
        return outcome
    error = (
        f"the server ended the answer after {made} of {leg.max_tokens} tokens: its context has no room for "
        f"these after {len(leg.prompt_ids)} of the prompt"
    )
    return Outcome("error", error=error)


def _completion(body: bytes) -> Outcome:
    """Reads the answer to a request, strictly. Raises one of several exceptions if it is not one."""
    answer = json.loads(body)
    choice = answer["choices"][0]
    text, reason, ids = choice["text"], choice["finish_reason"], choice.get("token_ids")
    tokens = (answer.get("usage") or {}).get("completion_tokens") or 0
    if type(text) is not str:
        raise TypeError(f"text is {text!r:.80}")
    text.encode()  # half of a surrogate pair, which JSON can spell, is an error here
    if ids is not None and (type(ids) is not list or any(type(i) is not int or i < 0 for i in ids)):
        raise TypeError(f"token_ids are {ids!r:.80}")
    if type(tokens) is not int or tokens < 0:
        raise TypeError(f"completion_tokens are {tokens!r:.80}")
    if type(reason) is not str or reason not in _REASONS:
        raise ValueError(f"the server ended the request with {reason!r:.80}")
    by_string = reason == "stop" and isinstance(choice.get("stop_reason"), str)
    # Text without token ids comes from a server that knows the field but does not fill it.
    token_ids = None if ids is None or (text and not ids) else tuple(ids)
    return Outcome("stop_string" if by_string else _REASONS[reason], token_ids, text, tokens)


class _Connection:
    """One connection, kept open between requests and reopened if the server has closed it."""

    def __init__(self, address: SplitResult, headers: dict[str, str], timeout: float) -> None:
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._http = kind(address.hostname or "", address.port, timeout=min(timeout, _CONNECT_TIMEOUT))
        self._timeout = timeout
        self._path = address.path + (f"?{address.query}" if address.query else "")
        self._headers = headers
        self._given_up = False

    def post(self, body: bytes) -> tuple[int, float, bytes]:
        """Status, seconds to wait (0 unless the server names them), and the body. Raises ``_Passing``."""
        fresh = self._http.sock is None
        try:
            if fresh:
                self._http.connect()
                self._http.sock.settimeout(self._timeout)
        except OSError as error:
            self._http.close()
            raise _Unreachable(f"cannot be reached: {type(error).__name__}: {error}") from None
        if self._given_up:  # while the connection was opened
            self._http.close()
            raise _Passing("given up")
        try:
            self._http.request("POST", self._path, body, self._headers)
            response = self._http.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            if not (fresh or self._given_up or isinstance(error, TimeoutError)):
                return self.post(body)  # an idle connection that the server had closed
            raise _Passing(f"{type(error).__name__}: {error}") from None
        pause = response.getheader("Retry-After", "")
        return response.status, float(pause) if pause.isdecimal() else 0.0, content

    def give_up(self) -> None:
        """Close it for good; a ``post`` in another thread ends now."""
        self._given_up = True
        if (socket := self._http.sock) is not None:
            with contextlib.suppress(OSError):
                socket.shutdown(SHUT_RDWR)
            socket.close()
