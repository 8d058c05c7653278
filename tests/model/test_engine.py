"""The engine on small random networks, and on a scripted one where the text matters."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the engine needs torch (pip install 'nanocorpus[model]')")

import torch
from torch import Tensor

from model import Engine as ExportedEngine
from model import checkpoint, memory, running
from model import engine as engine_module
from model.chat import Chat, Tokenizer
from model.engine import Engine, EngineError
from model.graphs import Decoder, Recorder, bucket
from model.network import Network, PackedBatch
from model.requests import Completion, Request
from model.scheduler import GRAIN
from model.state import StatePool
from model.tiny import tiny_config, write_checkpoint
from tests.model.scripted import Script
from tests.model.scripted import requests as scripted_requests
from tests.model.small_tokenizer import content

CONFIG = tiny_config(pattern="M-*M-", n_groups=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(path, CONFIG, seed=3)
    (path / "tokenizer.json").write_text(content(), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[False, True], ids=["at once", "overlapping"])
def reading(request: pytest.FixtureRequest) -> Callable[[Engine], Engine]:
    """Makes an engine read tokens at once, as on the CPU, or when the next step was launched, as on a GPU."""

    def change(engine: Engine) -> Engine:
        engine._machine = replace(engine._machine, overlaps=request.param)
        return engine

    return change


@pytest.fixture(scope="module")
def engine(folder: Path, reading: Callable[[Engine], Engine]) -> Engine:
    return reading(Engine.load(folder, max_length=768, slots=16))


@pytest.fixture
def network(folder: Path) -> Network:
    return checkpoint.load(folder)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(content())


def mixed(count: int = 40, seed: int = 1) -> list[Request]:
    """Requests of all kinds of settings and lengths, some with a long common beginning."""
    source = random.Random(seed)
    common = [source.randrange(20, 476) for _ in range(4 * GRAIN + 40)]
    made = []
    for number in range(count):
        prompt = [source.randrange(20, 476) for _ in range(source.choice((1, 2, 3, 20, 127, 128, 129)))]
        settings: dict[str, Any] = source.choice(
            (
                {},
                {"temperature": 0.7},
                {"temperature": 1.0, "top_p": 0.9},
                {"temperature": 1.0, "top_k": 20},
                {"repetition_penalty": 1.2},
                {"temperature": 0.8, "top_k": 50, "repetition_penalty": 1.1, "stop_ids": (33, 44)},
            )
        )
        made.append(
            Request(
                f"r{number}",
                common + prompt if number % 4 == 0 else prompt,
                source.randint(1, 24),
                seed=number,
                **settings,
            )
        )
    return made


@pytest.fixture(scope="module")
def alone(engine: Engine) -> dict[str, Completion]:
    """Each request by itself."""
    return {request.id: engine.generate([request])[0] for request in mixed()}


def test_greedy_is_what_the_network_says(engine: Engine, network: Network) -> None:
    prompts = [[5], [40, 41, 42], list(range(20, 170)), [7, 8] * 40]
    completions = engine.generate([Request(str(n), prompt, 12) for n, prompt in enumerate(prompts)])
    for prompt, completion in zip(prompts, completions, strict=True):
        ids = list(prompt)
        with torch.no_grad():
            for _ in range(12):
                ids.append(int(network.forward(torch.tensor([ids]))[0, -1].argmax()))
        assert list(completion.token_ids) == ids[len(prompt) :]
        assert (completion.finish_reason, completion.prompt_tokens) == ("length", len(prompt))
        assert completion.completion_tokens == 12


def test_together_in_order_and_shuffled_as_alone(engine: Engine, alone: dict[str, Completion]) -> None:
    asked = mixed()
    assert engine.generate(asked) == [alone[request.id] for request in asked]
    random.Random(5).shuffle(asked)
    assert engine.generate(asked) == [alone[request.id] for request in asked]


@pytest.mark.parametrize("slots", [1, 3])
def test_in_few_slots_as_alone(
    reading: Callable[[Engine], Engine], folder: Path, alone: dict[str, Completion], slots: int
) -> None:
    asked = mixed()
    few = reading(Engine.load(folder, max_length=768, slots=slots))
    assert few.generate(asked) == [alone[request.id] for request in asked]
    assert few.slots == slots


def test_seeds_and_nothing_else_make_samples_differ(engine: Engine) -> None:
    asked = [Request(str(seed), [50, 51], 16, temperature=1.0, seed=seed // 2) for seed in range(8)]
    texts = [completion.token_ids for completion in engine.generate(asked)]
    assert texts[::2] == texts[1::2]
    assert len(set(texts)) == 4


def test_common_beginnings_are_taken_in_once(
    folder: Path, alone: dict[str, Completion], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    prefill = Network.prefill

    def counting(self: Network, batch: PackedBatch, *rest: Any) -> Tensor:
        taken.append(len(batch.tokens))
        return prefill(self, batch, *rest)

    monkeypatch.setattr(Network, "prefill", counting)
    asked = [request for request in mixed() if len(request.prompt_ids) > 4 * GRAIN]
    engine = Engine.load(folder, max_length=768, slots=16)
    assert engine.generate(asked) == [alone[request.id] for request in asked]
    whole = sum(len(request.prompt_ids) for request in asked)
    assert sum(taken) == whole - (len(asked) - 1) * 4 * GRAIN


def test_the_next_call_takes_in_no_beginning_again(
    folder: Path, alone: dict[str, Completion], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    prefill = Network.prefill

    def counting(self: Network, batch: PackedBatch, *rest: Any) -> Tensor:
        taken.append(len(batch.tokens))
        return prefill(self, batch, *rest)

    engine = Engine.load(folder, max_length=768, slots=8)
    asked = [request for request in mixed() if len(request.prompt_ids) > 4 * GRAIN]
    engine.generate(asked[:2])
    broken_off = engine.stream(iter(asked))
    next(broken_off)
    broken_off.close()  # type: ignore[attr-defined]
    monkeypatch.setattr(Network, "prefill", counting)
    assert engine.generate(asked) == [alone[request.id] for request in asked]
    assert sum(taken) == sum(len(request.prompt_ids) - 4 * GRAIN for request in asked)


def test_prompts_in_parts(
    reading: Callable[[Engine], Engine],
    folder: Path,
    alone: dict[str, Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(memory.PREFILL_TOKENS, "cpu", GRAIN)
    asked = mixed()
    assert reading(Engine.load(folder, max_length=768, slots=5)).generate(asked) == [
        alone[r.id] for r in asked
    ]


class Recorded:
    """In the place of ``Recorder``, where there is no CUDA: what surrounds a graph, with plain calls in its
    place. ``refuse``: the numbers of captures that fail."""

    def __init__(self, refuse: Container[int] = ()) -> None:
        self.captures = self.replays = 0
        self._refuse = refuse

    def __call__(self, work: Callable[[], object]) -> Callable[[], object]:
        self.captures += 1
        if self.captures in self._refuse:
            raise torch.OutOfMemoryError("CUDA out of memory")
        work()

        def replay() -> None:
            self.replays += 1
            work()

        return replay


def recording(engine: Engine, recorded: Recorded) -> Decoder:
    decoder = engine._machine.decoder
    decoder._captures, decoder._record = True, recorded  # type: ignore[assignment]
    return decoder


def test_padded_batches_as_graphs_run_them(
    reading: Callable[[Engine], Engine], folder: Path, alone: dict[str, Completion]
) -> None:
    engine, recorded = reading(Engine.load(folder, max_length=768, slots=11)), Recorded()
    decoder = recording(engine, recorded)
    asked = mixed()
    assert engine.generate(asked) == [alone[request.id] for request in asked]
    assert set(decoder._graphs) >= {8, 16}
    assert len(decoder._graphs) > 2
    assert recorded.captures == len(decoder._graphs) < recorded.replays
    assert decoder._logits.shape == (16, CONFIG.vocab_size)
    assert engine.generate(asked) == [alone[request.id] for request in asked]
    assert recorded.captures == len(decoder._graphs)


def test_only_the_size_that_cannot_be_captured_goes_without_a_graph(
    folder: Path, alone: dict[str, Completion], caplog: pytest.LogCaptureFixture
) -> None:
    """The first to be captured, 16 rows, fails: those captured later are used, and it is not tried again."""
    engine, recorded = Engine.load(folder, max_length=768, slots=11), Recorded(refuse=(1,))
    decoder = recording(engine, recorded)
    asked = mixed()
    for _ in range(2):
        assert engine.generate(asked) == [alone[request.id] for request in asked]
    assert [rows for rows, graph in decoder._graphs.items() if graph is None] == [16]
    assert recorded.captures == len(decoder._graphs) > 2
    assert recorded.replays > 2
    assert caplog.text.count("no CUDA graph for 16 rows") == 1


def test_without_any_graph_it_goes_on(folder: Path, alone: dict[str, Completion]) -> None:
    engine = Engine.load(folder, max_length=768, slots=11)
    recording(engine, Recorded(refuse=range(100)))
    asked = mixed(8)
    assert engine.generate(asked) == [alone[request.id] for request in asked]


class FakeStream:
    def __init__(self, device: torch.device) -> None:
        self.device = device

    def wait_stream(self, other: object) -> None: ...


class FakeGraph:
    """A CUDA graph that runs what it has recorded."""

    def pool(self) -> tuple[int, FakeGraph]:
        return 0, self

    def replay(self) -> None: ...


def test_graphs_of_two_devices_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each device captures on a stream of its own, and its graphs share one pool."""
    captured: list[tuple[Any, torch.device]] = []

    @contextmanager
    def graph(made: FakeGraph, pool: Any, stream: FakeStream) -> Iterator[None]:
        captured.append((pool, stream.device))
        yield

    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    devices = [torch.device("cuda", number) for number in range(2)]
    recorders = [Recorder(device) for device in devices]
    ran: list[int] = []
    for number in (0, 1, 0, 1):
        recorders[number](lambda: ran.append(1))
    assert len(ran) == 12  # twice to set things up, once recorded
    assert [device for _, device in captured] == [*devices, *devices]
    pools = [pool for pool, _ in captured]
    assert pools[:2] == [None, None]
    assert None not in pools[2:]
    assert pools[2] != pools[3]


def test_two_engines_in_one_process(folder: Path, alone: dict[str, Completion]) -> None:
    asked = mixed(20)
    streams = [Engine.load(folder, max_length=768, slots=slots).stream(iter(asked)) for slots in (3, 7)]
    for request in asked:
        assert [next(stream) for stream in streams] == [alone[request.id]] * 2


def test_sizes_of_graphs() -> None:
    assert [bucket(n) for n in (1, 2, 3, 5, 9, 17, 32, 33, 64, 65, 200, 256)] == [
        *(1, 2, 4, 8, 16, 32, 32, 64, 64, 96, 224, 256)
    ]


def test_what_does_not_fit_is_an_error_of_its_own(engine: Engine, alone: dict[str, Completion]) -> None:
    good = mixed(2)
    asked = [good[0], Request("long", [5] * 700, 69), Request("id", [512], 4), good[1]]
    completions = engine.generate(asked)
    assert [completions[0], completions[3]] == [alone["r0"], alone["r1"]]
    assert [completion.id for completion in completions] == ["r0", "long", "id", "r1"]
    assert completions[1].finish_reason == completions[2].finish_reason == "error"
    assert "700 of the prompt and max_tokens 69 are 769 tokens" in (completions[1].error or "")
    assert "token id 512" in (completions[2].error or "")
    assert engine.generate([Request("just", [5] * 700, 68)])[0].completion_tokens == 68


def test_logits_that_are_not_finite_end_only_their_request(
    reading: Callable[[Engine], Engine], folder: Path, network: Network
) -> None:
    network.embeddings[477] = float("nan")
    sick = reading(Engine(network, Tokenizer.load(folder), max_length=256, slots=3))
    asked = [Request(str(n), [477 if n % 3 == 1 else 30 + n] * 5, 6, seed=n) for n in range(12)]
    healthy = reading(Engine.load(folder, max_length=256, slots=3)).generate(asked)
    for number, completion in enumerate(sick.generate(asked)):
        if number % 3 == 1:
            assert completion.finish_reason == "error"
            assert completion.error == "the logits after 5 tokens are not finite"
        else:  # slots that NaN went through are used again
            assert completion == healthy[number]


class Poisoned:
    """A network that raises when a batch has the token, in prefill or in decoding."""

    def __init__(self, network: Network, monkeypatch: pytest.MonkeyPatch, token: int) -> None:
        prefill, decode = network.prefill, network.decode
        self.failures = 0

        def check(tokens: Tensor) -> None:
            if token in tokens.tolist():
                self.failures += 1
                raise RuntimeError("device ran out of something")

        def checked_prefill(batch: PackedBatch, *rest: Any) -> Tensor:
            check(batch.tokens)
            return prefill(batch, *rest)

        def checked_decode(tokens: Tensor, *rest: Any) -> Tensor:
            logits = decode(tokens, *rest)  # the states have moved on when it fails
            check(tokens)
            return logits

        monkeypatch.setattr(network, "prefill", checked_prefill)
        monkeypatch.setattr(network, "decode", checked_decode)


@pytest.mark.parametrize("slots", [4, 16])
def test_a_failing_batch_is_tried_request_by_request(
    reading: Callable[[Engine], Engine],
    folder: Path,
    network: Network,
    alone: dict[str, Completion],
    monkeypatch: pytest.MonkeyPatch,
    slots: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = mixed()
    # a token which some prompts have and which others come upon while they generate
    counts = {
        token: (
            sum(token in request.prompt_ids for request in asked),
            sum(token in alone[request.id].token_ids[:-1] for request in asked),
        )
        for token in range(20, 476)
    }
    token = max(counts, key=lambda token: min(counts[token]) - 0.1 * sum(counts[token]))
    assert min(counts[token]) > 0
    poisoned = Poisoned(network, monkeypatch, token)
    engine = reading(Engine(network, Tokenizer.load(folder), max_length=768, slots=slots))
    errors = 0
    for request, completion in zip(asked, engine.generate(asked), strict=True):
        expected = alone[request.id]
        sick = [*request.prompt_ids, *expected.token_ids[:-1]]
        if token in sick:
            errors += 1
            assert completion.finish_reason == "error"
            assert completion.error == "RuntimeError: device ran out of something"
            # what there was until then is kept
            until = max(0, sick.index(token) + 1 - len(request.prompt_ids))
            assert completion.token_ids == expected.token_ids[:until]
        else:
            assert completion == expected
    assert errors == sum(token in [*r.prompt_ids, *alone[r.id].token_ids[:-1]] for r in asked) > 1
    assert poisoned.failures > errors
    assert "tried one by one" in caplog.text


def test_where_nothing_works_any_more_it_raises(
    folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*rest: Any, **named: Any) -> Tensor:
        raise RuntimeError("no device")

    monkeypatch.setattr(network, "prefill", refuse)
    engine = Engine(network, Tokenizer.load(folder), max_length=256, slots=2)
    completions = engine.generate([Request(str(n), [5], 4) for n in range(5)])
    assert [completion.error for completion in completions] == ["RuntimeError: no device"] * 5
    monkeypatch.setattr(torch, "ones", refuse)  # what tells a lost device from requests that fail
    with pytest.raises(RuntimeError, match="no device"):
        engine.generate([Request("0", [5], 4)])


class ScriptedNetwork:
    """In the place of a network: what each slot has read decides, by the script, which logit is largest."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.config, self.device, self.dtype = CONFIG, torch.device("cpu"), torch.float32
        self.read: dict[int, list[int]] = {}

    def _logits(self, slots: Sequence[int]) -> Tensor:
        logits = torch.zeros(len(slots), CONFIG.vocab_size)
        for row, slot in enumerate(slots):
            logits[row, self.script.next(self.read[slot])] = 9.0
        return logits

    def prefill(self, batch: PackedBatch, state: Any, rows: Sequence[int]) -> Tensor:
        parts = batch.tokens.split_with_sizes(list(batch.lengths))
        for slot, start, part in zip(batch.slots, batch.starts, parts, strict=True):
            self.read[slot] = self.read.get(slot, [])[:start] + part.tolist()
        return self._logits([batch.slots[row] for row in rows])

    def decode(self, tokens: Tensor, slots: Any, lengths: Tensor, state: Any, longest: int) -> Tensor:
        for slot, token, length in zip(slots.index.tolist(), tokens.tolist(), lengths.tolist(), strict=True):
            assert len(self.read[slot]) == length
            self.read[slot].append(token)
        return self._logits(slots.index.tolist())


def test_chats_with_budgets_stops_and_reasoning(
    reading: Callable[[Engine], Engine], tokenizer: Tokenizer
) -> None:
    """One slot, so that no sequence moves: chats of every kind end as they do by themselves."""
    script = Script(tokenizer)
    engine = reading(Engine(ScriptedNetwork(script), tokenizer, max_length=768, slots=1))  # type: ignore[arg-type]
    asked = scripted_requests(tokenizer)
    assert engine.generate(asked) == [script.directly(request) for request in asked]


def test_a_budget_is_closed_in_the_slot(engine: Engine, tokenizer: Tokenizer) -> None:
    chat = Chat(tokenizer)
    asked = []
    for number in range(12):
        prompt = chat.prompt(f"Question {number}", thinking=number)
        request = prompt.request(str(number), 48, temperature=1.0, seed=number)
        assert request.thinking is not None
        asked.append(replace(request, thinking=replace(request.thinking, grace=6), stop_ids=()))
    completions = engine.generate(asked)
    for number, (request, completion) in enumerate(zip(asked, completions, strict=True)):
        assert request.thinking is not None
        assert completion.thinking is not None
        cut, close = request.thinking.cut_ids, request.thinking.close_ids
        ends = [
            at
            for at, ids in itertools.product(range(48), (cut, close))
            if completion.token_ids[at : at + len(ids)] == ids
        ]
        assert number <= ends[0] <= number + 6
        assert engine.generate([request]) == [completion]
    assert engine.generate(asked[::-1]) == completions[::-1]


def test_stop_ids_and_stop_strings(engine: Engine, tokenizer: Tokenizer) -> None:
    free = engine.generate([Request("free", [60, 61], 40, temperature=1.0, seed=4)])[0]
    stop = free.token_ids[10]
    first = free.token_ids.index(stop)
    asked = Request("stop", [60, 61], 40, temperature=1.0, seed=4, stop_ids=(stop,))
    stopped = engine.generate([asked])[0]
    assert stopped.token_ids == free.token_ids[: first + 1]
    assert stopped.finish_reason == "stop"
    assert stopped.text == tokenizer.decode(free.token_ids[:first])
    word = free.text[20:24]
    cut = engine.generate([replace(asked, stop_ids=(), stop_strings=(word,))])[0]
    assert cut.finish_reason == "stop_string"
    assert cut.text == free.text[: free.text.index(word)]


def test_requests_are_read_as_they_are_needed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def endless() -> Iterator[Request]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield Request(str(number), [20 + number % 400], 1 + number % 3)

    stream = engine.stream(endless())
    for number in range(300):
        assert next(stream).id == str(number)
        assert read - number <= 2 * 1024 + 1
    with pytest.raises(EngineError, match="in use"):
        engine.generate([Request("other", [5], 1)])
    stream.close()  # type: ignore[attr-defined]
    assert engine.generate([Request("other", [5], 1)])[0].completion_tokens == 1


@pytest.mark.parametrize("wrong", [None, "prompt", RuntimeError("source broke")])
def test_requests_that_break_off(engine: Engine, alone: dict[str, Completion], wrong: Any) -> None:
    asked = mixed(20)

    def source() -> Iterator[Any]:
        yield from asked
        if isinstance(wrong, Exception):
            raise wrong
        yield wrong
        yield asked[0]

    given: list[Completion] = []
    with pytest.raises(RuntimeError if isinstance(wrong, Exception) else TypeError) as caught:
        given.extend(engine.stream(source()))
    assert str(wrong) in str(caught.value)
    assert given == [alone[request.id] for request in asked]
    if not isinstance(wrong, Exception):
        with pytest.raises(TypeError, match="Request was expected"):
            engine.generate([asked[0], wrong])


@pytest.mark.parametrize("most", [5, 1])
def test_steps_of_fewer_rows_where_many_fail(
    reading: Callable[[Engine], Engine],
    folder: Path,
    network: Network,
    alone: dict[str, Completion],
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    decode, sizes = network.decode, []

    def limited(tokens: Tensor, *rest: Any) -> Tensor:
        sizes.append(len(tokens))
        if len(tokens) > most:
            raise RuntimeError("out of memory")
        return decode(tokens, *rest)

    monkeypatch.setattr(network, "decode", limited)
    engine = reading(Engine(network, Tokenizer.load(folder), max_length=768, slots=16))
    asked = mixed()
    assert engine.generate(asked) == [alone[request.id] for request in asked]
    assert sum(size > most for size in sizes) <= 5  # 16, 8, 4, 2: then it fits


def test_the_next_step_is_launched_before_the_last_one_is_read(
    folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is launched that no request needs: their lengths are known without reading."""
    happened: list[str] = []
    decode = network.decode

    def launching(*rest: Any) -> Tensor:
        happened.append("launch")
        return decode(*rest)

    def reading(tokens: Tensor) -> Callable[[], list[int]]:
        def read() -> list[int]:
            happened.append("read")
            return tokens.tolist()

        return read

    monkeypatch.setattr(network, "decode", launching)
    monkeypatch.setattr(running, "to_host", reading)
    engine = Engine(network, Tokenizer.load(folder), max_length=256, slots=3)
    asked = [Request(str(n), [30 + n], 4) for n in range(3)]
    expected = engine.generate(asked)
    assert happened == ["read", *["launch", "read"] * 3]
    happened.clear()
    engine._machine = replace(engine._machine, overlaps=True)
    assert engine.generate(asked) == expected
    assert happened == ["launch", "read", "launch", "read", "launch", "read", "read"]


@pytest.mark.parametrize("fails", [(3,), (1, 2), range(2, 200, 7)])
def test_a_step_that_turns_out_to_have_failed_when_it_is_read(
    reading: Callable[[Engine], Engine],
    folder: Path,
    alone: dict[str, Completion],
    monkeypatch: pytest.MonkeyPatch,
    fails: Container[int],
) -> None:
    """As on a GPU, which says so only then; what was launched after it is worth nothing."""
    reads = itertools.count()

    def failing(tokens: Tensor) -> Callable[[], list[int]]:
        def read() -> list[int]:
            if next(reads) in fails:
                raise RuntimeError("out of something")
            return tokens.tolist()

        return read

    monkeypatch.setattr(running, "to_host", failing)
    engine = reading(Engine.load(folder, max_length=768, slots=7))
    asked = mixed()
    assert engine.generate(asked) == [alone[request.id] for request in asked]


def test_decoding_that_never_works_is_given_up(
    reading: Callable[[Engine], Engine],
    folder: Path,
    network: Network,
    alone: dict[str, Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0

    def refuse(*rest: Any) -> Tensor:
        nonlocal steps
        steps += 1
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(network, "decode", refuse)
    engine = reading(Engine(network, Tokenizer.load(folder), max_length=768, slots=8))
    asked = [replace(request, max_tokens=20, stop_ids=()) for request in mixed()]
    completions = engine.generate(asked)
    assert [completion.id for completion in completions] == [request.id for request in asked]
    assert {completion.error for completion in completions} == {"RuntimeError: no such kernel"}
    assert steps <= len(asked) + 12


def test_an_early_short_request_does_not_wait_for_all_longer_ones(engine: Engine) -> None:
    read = 0

    def source() -> Iterator[Request]:
        nonlocal read
        for number in range(2600):
            read += 1
            yield Request(str(number), [20 + number % 400], 1 if number < 3 else 2)

    stream = engine.stream(source())
    assert next(stream).id == "0"
    assert read < 1.6 * 1024
    assert [completion.id for completion in stream] == [str(number) for number in range(1, 2600)]


def test_nothing_asked_nothing_given(engine: Engine) -> None:
    assert engine.generate([]) == []


def test_half_precision(reading: Callable[[Engine], Engine], folder: Path) -> None:
    engine = reading(Engine.load(folder, dtype="bfloat16", state_dtype="bfloat16", max_length=768, slots=7))
    completions = engine.generate(mixed())
    assert all(completion.error is None for completion in completions)
    assert [
        completion.completion_tokens for completion in completions if completion.finish_reason == "length"
    ]


def test_a_16_bit_state_gives_nearly_the_same_chances(network: Network) -> None:
    """Over 160 decoded tokens; the mean divergence from the fp32 state, which is the gate for its use."""
    some = torch.Generator().manual_seed(1)
    ids = torch.randint(20, 476, (176,), generator=some)
    logits = []
    for state_dtype in (torch.float32, torch.bfloat16):
        state = StatePool(CONFIG, 1, 256, dtype=torch.float32, state_dtype=state_dtype)
        network.prefill(PackedBatch(ids[:16], [0], [0], [16]), state)
        slot = torch.tensor([0])
        rows = [network.decode(ids[at, None], slot, torch.tensor([at]), state) for at in range(16, 176)]
        logits.append(torch.cat(rows).log_softmax(-1))
    divergence = (logits[0].exp() * (logits[0] - logits[1])).sum(-1).mean()
    assert 0 < divergence < 0.01


def test_slots_come_from_free_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Engine.load(folder, max_length=64).slots == memory.SLOTS["cpu"]
    assert Engine.load(folder).max_length == memory.MAX_LENGTH
    slot = CONFIG.slot_bytes(4096, element_bytes=4)
    taken = memory.pass_bytes(CONFIG, 4096, device="cpu")
    taken += memory.step_bytes(CONFIG, 4096, memory.SLOTS["cpu"], device="cpu")
    monkeypatch.setattr(engine_module, "free_bytes", lambda device: 2 * (20 * slot + taken))
    assert 15 <= Engine.load(folder).slots < 20  # less one for padding, and some for snapshots
    with pytest.raises(EngineError, match="64 slots of 4096 tokens do not fit"):
        Engine.load(folder, slots=64)
    monkeypatch.setattr(engine_module, "free_bytes", lambda device: slot)
    with pytest.raises(EngineError, match="room for 0"):
        Engine.load(folder)


def test_what_cannot_be_loaded_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'int8' is none of the dtypes"):
        Engine.load(folder, dtype="int8")
    with pytest.raises(EngineError, match="'fast'"):
        Engine.load(folder, state_dtype="fast")
    for wrong, message in (
        ({"slots": 0}, "slots must be 1 or more"),
        ({"max_length": 0}, "max_length: 0"),
        ({"max_length": 4097}, "max_length: 4097 is not from 1 to max_position_embeddings, 4096"),
        ({"dtype": "float64"}, "'float64'"),
        ({"dtype": "float16"}, "'float16' is none of the dtypes float32, bfloat16"),
    ):
        with pytest.raises(EngineError, match=message):
            Engine.load(folder, **wrong)  # type: ignore[arg-type]
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="no CUDA device"):
            Engine.load(folder, device="cuda")
    write_checkpoint(tmp_path, tiny_config(vocab_size=300))
    (tmp_path / "tokenizer.json").write_text(content(), encoding="utf-8")
    with pytest.raises(EngineError, match=r"\d+ ids, the network 300"):
        Engine.load(tmp_path)


def test_the_package_offers_it() -> None:
    assert ExportedEngine is Engine
