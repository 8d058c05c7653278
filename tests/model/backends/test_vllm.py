"""The vLLM backend with a FAKE vllm module; ``test_vllm_itself`` asks vLLM, where there is one.

The fake records what it is called with and answers from a script. Its names, signatures and errors are those
read in vLLM 0.33 (entrypoints/llm.py, sampling_params.py, outputs.py, exceptions.py). What it cannot show is
that vLLM computes the right tokens.
"""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

from model.backends.vllm import VLLM
from model.chat import Chat, Tokenizer
from model.requests import Request
from tests.model import small_tokenizer
from tests.model.scripted import Script, requests

TOKENIZER = Tokenizer(small_tokenizer.content())


class VLLMClientError(Exception):
    pass


@dataclass(kw_only=True)
class SamplingParams:
    """The fields that the backend may use, with vLLM's defaults and its limit on the temperature."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    stop_token_ids: list[int] = field(default_factory=list)
    ignore_eos: bool = False
    max_tokens: int = 16
    detokenize: bool = True

    def __post_init__(self):
        if self.temperature > 2:
            raise VLLMClientError(f"temperature must be in [0, 2], got {self.temperature}.")
        if self.stop and not self.detokenize:
            raise VLLMClientError("stop strings are only supported when detokenize is True.")


class LLM:
    made: ModuleType

    def __init__(self, **options):
        self.options = options
        self.calls = []
        config = SimpleNamespace(
            max_model_len=options["max_model_len"], get_vocab_size=lambda: TOKENIZER.vocab_size
        )
        self.llm_engine = SimpleNamespace(model_config=config)
        self.script = Script(TOKENIZER)

    def generate(self, prompts, sampling_params, *, use_tqdm=True):
        assert len(prompts) == len(sampling_params)
        assert not use_tqdm
        if any(prompt["prompt_token_ids"][-1] == 0 for prompt in prompts):
            raise ValueError("a prompt ends with <unk>")
        self.calls.append(list(zip(prompts, sampling_params, strict=True)))
        outputs = []
        for prompt, params in self.calls[-1]:
            ids = prompt["prompt_token_ids"]
            if params.seed == 666:
                generated, finish, stop = [], "abort", None
            else:
                generated, finish, stop = self.script.run(
                    ids, params.max_tokens, params.stop_token_ids, params.stop
                )
            output = SimpleNamespace(
                index=0, text="", token_ids=generated, finish_reason=finish, stop_reason=stop
            )
            outputs.append(SimpleNamespace(prompt_token_ids=ids, outputs=[output]))
        return outputs


@pytest.fixture
def engine(monkeypatch, tmp_path):
    fake, errors = ModuleType("vllm"), ModuleType("vllm.exceptions")
    fake.LLM, fake.SamplingParams, errors.VLLMClientError = LLM, SamplingParams, VLLMClientError
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.setitem(sys.modules, "vllm.exceptions", errors)
    (tmp_path / "tokenizer.json").write_text(small_tokenizer.content())
    return VLLM.load(tmp_path, max_length=600, gpu_memory_utilization=0.8)


def test_the_engine_is_set_up_for_this_architecture(engine, tmp_path):
    assert engine._llm.options == {
        "model": str(tmp_path),
        "max_model_len": 600,
        "dtype": "bfloat16",
        "mamba_ssm_cache_dtype": "float32",
        "enable_prefix_caching": False,
        "gpu_memory_utilization": 0.8,
    }


def test_settings_are_translated_one_by_one(engine):
    prompt = Chat(TOKENIZER).prompt("Hi")
    asked = {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "repetition_penalty": 1.1, "seed": 77}
    asked["stop_strings"] = ("END",)
    greedy, warm = engine.generate([prompt.request("a", 30), prompt.request("b", 200, **asked)])
    ((plain, plain_params), (_, params)) = engine._llm.calls[0]
    assert plain == {"prompt_token_ids": list(prompt.ids)}
    stop_ids = [2, 11, 12]
    ends = {"stop_token_ids": stop_ids, "ignore_eos": True}
    assert plain_params == SamplingParams(temperature=0.0, seed=0, max_tokens=30, detokenize=False, **ends)
    assert params == SamplingParams(
        temperature=0.6,
        top_p=0.95,
        top_k=40,
        repetition_penalty=1.1,
        seed=77,
        stop=["END"],
        max_tokens=200,
        **ends,
    )
    assert (greedy.id, warm.id, warm.text) == ("a", "b", "The bridge was built in spring.\n\n")
    assert warm.finish_reason == "stop_string"
    assert warm.completion_tokens == len(warm.token_ids)


def test_completions_are_those_of_an_engine_with_slots(engine):
    asked = requests(TOKENIZER)
    script = Script(TOKENIZER)
    for request, completion in zip(asked, engine.generate(asked), strict=True):
        assert completion == script.directly(request), request.id
    assert len(engine._llm.calls) < 6  # rounds of legs, each one batch


def test_stop_strings_do_not_end_legs_within_the_reasoning(engine):
    """One leg for the reasoning, though it is full of the stop string, and one for the answer."""
    request = Chat(TOKENIZER).prompt("Why?", thinking="on").request("a", 400, stop_strings=("Step", "END"))
    (completion,) = engine.generate([request])
    assert (completion.text, completion.finish_reason) == (
        "The bridge was built in spring.\n\n",
        "stop_string",
    )
    (((_, reasoning),), ((_, answer),)) = engine._llm.calls
    assert (reasoning.stop, answer.stop) == (["</think>"], ["Step", "END"])
    assert reasoning.seed != answer.seed


def test_a_bad_request_costs_only_itself(engine):
    prompt = Chat(TOKENIZER).prompt("Hi")
    good = [prompt.request(f"good {n}", 200, seed=n) for n in range(9)]
    bad = {
        "too hot": prompt.request("too hot", 200, temperature=2.5),
        "too cool": prompt.request("too cool", 200, temperature=0.005),
        "refused": Request("refused", [11, 0], 5),
        "too long": prompt.request("too long", 600),
        "no such token": Request("no such token", [5000], 5),
        "aborted": prompt.request("aborted", 5, seed=666),
    }
    mixed = [*good[:4], *bad.values(), *good[4:]]
    completions = engine.generate(mixed)
    assert [completion.id for completion in completions] == [request.id for request in mixed]
    errors = {c.id: c.error for c in completions if c.finish_reason == "error"}
    assert errors.keys() == bad.keys()
    assert "temperature must be in [0, 2]" in errors["too hot"]
    assert "at temperature 0.01, not 0.005" in errors["too cool"]
    assert "ends with <unk>" in errors["refused"]
    assert "there is room for 600" in errors["too long"]
    assert "the vocabulary ends at" in errors["no such token"]
    assert "'abort'" in errors["aborted"]
    assert len({c.text for c in completions if c.id.startswith("good")}) == 1


def test_an_engine_that_died_is_no_error_of_a_request(engine, monkeypatch):
    def dies(*_, **__):
        raise RuntimeError("EngineCore encountered an issue")

    monkeypatch.setattr(engine._llm, "generate", dies)
    with pytest.raises(RuntimeError, match="EngineCore"):
        engine.generate([Chat(TOKENIZER).prompt("Hi").request("a", 5)])


def test_without_vllm_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ImportError, match=r"pip install 'nanocorpus\[vllm\]'"):
        VLLM.load(tmp_path, max_length=10)
