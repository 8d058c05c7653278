"""The endpoint backend against a real HTTP server on loopback, which answers from a script and misbehaves."""

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.backends import endpoint as backend
from model.backends.endpoint import Endpoint, EndpointError
from model.chat import Chat, Tokenizer
from model.requests import Request
from tests.model import small_tokenizer
from tests.model.scripted import ANSWER, Script, requests

TOKENIZER = Tokenizer(small_tokenizer.content())
PROMPT = Chat(TOKENIZER).prompt("Hi")

# What the server does wrong is named by the seed of a request, and ends after so many attempts.
BUSY, DROPS, GARBLED, ALWAYS_500, REFUSES, SILENT, HALF, LATER, NO_MODEL, HICCUP, GONE = range(
    1_000_001, 1_000_012
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        seed = body["seed"]
        with server.lock:
            server.bodies.append(body)
            server.paths.add(self.path)
            server.tried[seed] += 1
            server.running += 1
            server.most = max(server.most, server.running)
            first = server.tried[seed] == 1
        try:
            if self.headers["Authorization"] != "Bearer key":
                self.answer(401, {"error": {"message": "no such key"}})
            elif seed == REFUSES:
                self.answer(400, {"error": {"message": "too long for this model"}})
            elif seed == ALWAYS_500 or (seed == BUSY and server.tried[seed] < 3):
                self.answer(500 if seed == ALWAYS_500 else 503, {"error": {"message": "overloaded"}})
            elif seed == LATER and first:
                self.answer(429, {"error": {"message": "slow down"}}, {"Retry-After": "0"})
            elif seed == DROPS and first:
                self.close_connection = True
            elif seed == HALF and first:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                self.close_connection = True
            elif seed == GONE or (seed == HICCUP and server.tried[seed] < 4):
                self.answer((401, 403, 404)[server.tried[seed] % 3], {"error": {"message": "starting"}})
            elif seed == NO_MODEL:
                while not server.tried[SILENT]:
                    time.sleep(0.01)
                self.answer(404, {"error": {"message": "no such model"}})
            elif seed == SILENT:
                server.leave.wait(20)
                self.close_connection = True
            elif seed == GARBLED and first:
                self.answer(200, {"choices": []})
            else:
                time.sleep(server.pause)
                self.answer(200, self.complete(body))
        finally:
            with server.lock:
                server.running -= 1

    def complete(self, body):
        ids = body["prompt"]
        if isinstance(ids, str):
            ids = TOKENIZER.encode_markup(ids)
        generated, finish, stop = self.server.script.run(
            ids,
            min(body["max_tokens"], self.server.context - len(ids)),
            body.get("stop_token_ids", (12,)),
            body.get("stop", ()),
        )
        text = TOKENIZER.decode(generated)
        choice = {"index": 0, "text": text, "finish_reason": finish, "stop_reason": stop}
        if isinstance(stop, str):
            choice["text"] = text[: text.index(stop)]
        if body.get("return_token_ids"):
            choice["token_ids"] = generated
        return {"choices": [choice], "usage": {"completion_tokens": len(generated)}}

    def answer(self, status, content, headers=()):
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if status == 200 and self.server.closes:
            self.close_connection = True  # without a word: the client finds its connection dead

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    yield from serve(0)


def serve(port):
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.lock, server.leave = threading.Lock(), threading.Event()
    server.bodies, server.paths, server.tried = [], set(), Counter()
    server.running = server.most = 0
    server.context = 10_000
    server.pause, server.closes, server.script = 0.0, False, Script(TOKENIZER)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.leave.set()
    server.shutdown()
    thread.join()
    server.server_close()


def endpoint(server, **settings):
    url = f"http://127.0.0.1:{server.server_port}/v1"
    return Endpoint(url, "nano", TOKENIZER, **({"api_key": "key", "timeout": 30} | settings))


def test_what_is_sent(server):
    asked = {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "repetition_penalty": 1.1, "seed": 77}
    asked["stop_strings"] = ("END",)
    endpoint(server).generate([PROMPT.request("a", 30)])
    (warm,) = endpoint(server).generate([PROMPT.request("b", 200, **asked)])
    plain = {
        "model": "nano",
        "prompt": list(PROMPT.ids),
        "max_tokens": 30,
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 0,
        "top_k": -1,
        "repetition_penalty": 1.0,
        "stop_token_ids": [2, 11, 12],
        "ignore_eos": True,
        "add_special_tokens": False,
        "return_token_ids": True,
    }
    other = {"top_k": 40, "repetition_penalty": 1.1, "stop": ["END"], "seed": 77, "max_tokens": 200}
    assert server.bodies == [plain, plain | other | {"temperature": 0.6, "top_p": 0.95}]
    assert server.paths == {"/v1/completions"}
    assert (warm.text, warm.finish_reason) == ("The bridge was built in spring.\n\n", "stop_string")


def test_completions_are_those_of_an_engine_with_slots(server):
    asked = requests(TOKENIZER)
    script = Script(TOKENIZER)
    for request, completion in zip(asked, endpoint(server).generate(asked), strict=True):
        assert completion == script.directly(request), request.id


def test_requests_are_under_way_at_once_but_not_too_many(server):
    server.pause = 0.02
    completions = endpoint(server, concurrency=5).generate(
        [PROMPT.request(str(n), 400, seed=n) for n in range(40)]
    )
    assert [completion.id for completion in completions] == [str(n) for n in range(40)]
    assert all(completion.text == ANSWER for completion in completions)
    assert 2 <= server.most <= 5


@pytest.mark.parametrize("closes", [False, True], ids=["kept open", "closed"])
def test_what_passes_is_tried_again_and_what_does_not_is_told(server, closes):
    server.closes = closes
    seeds = [0, BUSY, 1, DROPS, 2, GARBLED, ALWAYS_500, 3, REFUSES, HALF, LATER, 4, 5]
    asked = [PROMPT.request(f"{n}", 400, seed=seed) for n, seed in enumerate(seeds)]
    completions = endpoint(server, attempts=3, concurrency=4).generate(asked)
    assert [completion.id for completion in completions] == [request.id for request in asked]
    for seed, completion in zip(seeds, completions, strict=True):
        if seed == ALWAYS_500:
            assert completion.error.startswith("after 3 attempts: HTTP 500: ")
        elif seed == REFUSES:
            assert completion.error.startswith("HTTP 400: ")
            assert "too long for this model" in completion.error
        else:
            assert (completion.error, completion.text) == (None, ANSWER)
        assert (completion.finish_reason == "error") == (seed in (ALWAYS_500, REFUSES))
    assert [server.tried[seed] for seed in (BUSY, GARBLED, ALWAYS_500, REFUSES, LATER)] == [3, 2, 3, 1, 2]


def test_silence_is_an_error_of_the_request(server):
    asked = [PROMPT.request("a", 400), PROMPT.request("b", 400, seed=SILENT)]
    good, silent = endpoint(server, timeout=0.3, attempts=2).generate(asked)
    assert good.text == ANSWER
    assert silent.error.startswith("after 2 attempts: TimeoutError")


def test_no_request_is_to_blame_for_a_wrong_key_or_no_server(server):
    with pytest.raises(EndpointError, match=r"answers HTTP 401: .*no such key"):
        endpoint(server, api_key="other").generate([PROMPT.request(str(n), 5) for n in range(20)])
    server.shutdown()
    server.server_close()
    with pytest.raises(EndpointError, match=r"cannot be reached: ConnectionRefusedError"):
        endpoint(server, attempts=2).generate([PROMPT.request(str(n), 5) for n in range(20)])


def test_settings_that_cannot_work_are_refused():
    for url in ("localhost:8000", "http://localhost:8000/v 1"):
        with pytest.raises(ValueError, match="http:// or https://"):
            Endpoint(url, "nano", TOKENIZER)
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        Endpoint("http://localhost/v1", "nano", TOKENIZER, api_key="secret\n")
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="beginning token"):
        Endpoint("http://localhost/v1", "nano", TOKENIZER, prompts="text", omit=["add_special_tokens"])


def test_a_query_in_the_address_is_kept(server):
    url = f"http://127.0.0.1:{server.server_port}/v1/?api-version=3"
    (completion,) = Endpoint(url, "nano", TOKENIZER, "key").generate([PROMPT.request("a", 400)])
    assert completion.text == ANSWER
    assert server.paths == {"/v1/completions?api-version=3"}


def test_after_a_success_nothing_finished_is_lost(server, monkeypatch):
    monkeypatch.setattr(backend, "_LONGEST_WAIT", 0.02)
    asked = [PROMPT.request(str(n), 400, seed=seed) for n, seed in enumerate((0, HICCUP, GONE, 1))]
    *good, gone, last = endpoint(server, concurrency=1).generate(asked)
    assert [completion.text for completion in (*good, last)] == [ANSWER] * 3
    assert gone.error.startswith("after 12 attempts: answers HTTP 40")
    assert (server.tried[HICCUP], server.tried[GONE]) == (4, 12)


def test_a_restart_of_the_server_is_waited_for(server, monkeypatch):
    monkeypatch.setattr(backend, "_LONGEST_WAIT", 0.2)
    engine = endpoint(server)
    asked = [PROMPT.request(str(n), 400, seed=n) for n in range(5)]
    before = engine.generate(asked)
    server.shutdown()
    server.server_close()
    later = []

    def restart():
        later.append(serve(server.server_port))
        next(later[0])

    timer = threading.Timer(0.3, restart)
    timer.start()
    assert engine.generate(asked) == before
    timer.join()
    next(later[0], None)
    with pytest.raises(EndpointError, match="cannot be reached"):  # gone for good: nothing of this batch
        engine.generate(asked)


def answer(**changes):
    return {"text": "Yes", "finish_reason": "stop", "token_ids": [5, 0], **changes}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{"text": "Yes"}]},
        *({"choices": [answer(text=text)]} for text in (None, 5, "\ud83d")),
        *({"choices": [answer(token_ids=ids)]} for ids in ([-1], ["5"], [5.0], [True], "55", {"5": 5}, 5)),
        *({"choices": [answer(finish_reason=reason)]} for reason in (None, [], "abort")),
        *({"choices": [answer()], "usage": {"completion_tokens": tokens}} for tokens in (-1, "2", 1.5)),
        {"choices": [answer()], "usage": [1]},
    ],
    ids=json.dumps,
)
def test_malformed_answers_are_tried_again(body):
    with pytest.raises(backend._Passing, match="no completion in the answer"):
        backend._outcome(200, 0.0, json.dumps(body).encode())


@given(st.binary(max_size=30) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_answer_raises_anything_else(body):
    with pytest.raises(backend._Passing):
        backend._outcome(200, 0.0, body if isinstance(body, bytes) else body.encode())


def test_an_empty_list_of_ids_beside_text_tells_no_ids():
    for ids, text, expected in (([], "Yes", None), (None, "Yes", None), ([], "", ()), ([5], "Yes", (5,))):
        body = json.dumps({"choices": [answer(token_ids=ids, text=text)]}).encode()
        assert backend._outcome(200, 0.0, body).token_ids == expected


def test_what_is_unforeseen_costs_only_its_request(server, monkeypatch):
    def legs(request, tokenizer, legs=backend.legs):
        if request.id == "b":
            raise ArithmeticError("strange")
        return legs(request, tokenizer)

    monkeypatch.setattr(backend, "legs", legs)
    first, strange, last = endpoint(server).generate([PROMPT.request(name, 400) for name in "abc"])
    assert (first.text, last.text) == (ANSWER, ANSWER)
    assert (strange.id, strange.error) == ("b", "ArithmeticError: strange")


def test_the_rest_is_given_up_when_the_endpoint_is_of_no_use(server):
    """One request waits for a silent server when another is told that the model is not there."""
    asked = [PROMPT.request("a", 400, seed=SILENT), PROMPT.request("b", 400, seed=NO_MODEL)]
    with pytest.raises(EndpointError, match="404"):
        endpoint(server, timeout=600).generate(asked)
    assert server.running >= 1  # the silent one still is: nobody waited for it


def test_text_only_servers_get_text_that_means_the_same(server):
    hostile = Chat(TOKENIZER).prompt("a <SPECIAL_12> b")
    engine = endpoint(server, prompts="text", omit=["return_token_ids", "ignore_eos"])
    good, bad = engine.generate([PROMPT.request("a", 400), hostile.request("b", 400)])
    assert server.bodies[0]["prompt"].startswith("<SPECIAL_10>System\n\n<SPECIAL_11>User\nHi\n")
    assert (good.text, good.token_ids, good.finish_reason) == (ANSWER, (), "stop")
    assert good.completion_tokens == len(TOKENIZER.encode(ANSWER)) + 1
    assert "cannot be sent as text" in bad.error
    assert len(server.bodies) == 1


def test_servers_without_token_ids(server):
    """Reasoning is split from the text; what would need the ids is an error."""
    engine = endpoint(server, omit=["return_token_ids"])
    open_, budget = (Chat(TOKENIZER).prompt("Hi", thinking=thinking) for thinking in ("on", 9))
    asked = [
        open_.request("a", 400),
        budget.request("b", 400),
        open_.request("c", 400, stop_strings=("END",)),
    ]
    whole, *others = engine.generate(asked)
    assert whole == replace(Script(TOKENIZER).directly(asked[0]), token_ids=())
    assert all("needs token ids in answers" in completion.error for completion in others)


@pytest.mark.parametrize("omit", [[], ["return_token_ids"]])
def test_a_server_that_clips_an_answer_at_its_context_is_noticed(server, omit):
    server.context = len(PROMPT.ids) + 6
    asked = [PROMPT.request("a", 6), PROMPT.request("b", 7)]
    fits, clipped = endpoint(server, omit=omit).generate(asked)
    assert (fits.finish_reason, fits.completion_tokens) == ("length", 6)
    assert (clipped.finish_reason, clipped.text) == ("error", "")
    assert "ended the answer after 6 of 7 tokens" in clipped.error


def test_fields_that_a_server_refuses(server):
    engine = endpoint(server, omit=["top_k", "repetition_penalty"])
    plain, limited = engine.generate([PROMPT.request("a", 400), PROMPT.request("b", 400, top_k=3)])
    assert plain.text == ANSWER
    assert "top_k 3" in limited.error
    assert not {"top_k", "repetition_penalty"} & set(server.bodies[0])


def test_nothing_asked_nothing_sent(server):
    assert endpoint(server).generate([]) == []
    assert server.bodies == []


def test_prompts_of_any_kind_go_as_ids(server):
    (completion,) = endpoint(server, attempts=1).generate([Request("a", [5, 11, 4], 3)])
    assert completion.finish_reason == "error"  # the script knows only chats, and the handler dies of it
    assert server.bodies[0]["prompt"] == [5, 11, 4]
