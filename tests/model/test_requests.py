"""Requests: what is refused and how it is said; the package without torch."""

import subprocess
import sys

import pytest

from model import Request, Thinking
from model.requests import failed, misfit


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompt_ids": []}, "prompt_ids must be at least one token id"),
        ({"prompt_ids": [3, -1]}, "prompt_ids must be ints of 0 or more"),
        ({"prompt_ids": [3, 1.0]}, "prompt_ids must be ints of 0 or more"),
        ({"max_tokens": 0}, "max_tokens must be an int of 1 or more, not 0"),
        ({"max_tokens": 2.5}, "max_tokens must be an int"),
        ({"temperature": -1.0}, "temperature must be 0 or a number of at least 0.001"),
        ({"temperature": float("nan")}, "temperature must be 0 or a number of at least 0.001"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1"),
        ({"top_k": -1}, "top_k must be an int from 0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be from 0.001 to 1000"),
        ({"stop_ids": (2, -5)}, "stop_ids must be ints of 0 or more"),
        ({"stop_strings": "END"}, "stop_strings must be a sequence of strings, not 'END'"),
        ({"stop_strings": ("",)}, "stop_strings must be strings that are not empty"),
        ({"prompt_ids": None}, "prompt_ids must be ints"),
        ({"stop_ids": 5}, "stop_ids must be ints"),
        ({"stop_strings": None}, "stop_strings must be a sequence"),
        ({"temperature": "0.7"}, "temperature must be 0 or a number"),
        ({"temperature": None}, "temperature must be 0 or a number"),
        ({"temperature": 1e-4}, "temperature must be 0 or a number"),
        ({"temperature": True}, "temperature must be 0 or a number"),
        ({"temperature": float("inf")}, "temperature must be 0 or a number"),
        ({"top_p": "1"}, "top_p must be above 0"),
        ({"top_k": 1 << 31}, "top_k must be an int from 0 to 2**31 - 1"),
        ({"repetition_penalty": 1e30}, "repetition_penalty must be from 0.001 to 1000"),
        ({"thinking": 5}, "thinking must be a Thinking or None, not 5"),
        ({"seed": -1}, "seed must be an int from 0"),
        ({"seed": 1 << 63}, "seed must be an int from 0"),
    ],
)
def test_a_wrong_value_is_named(settings, message):
    with pytest.raises(ValueError, match="request 'a/1': ") as caught:
        Request(**({"id": "a/1", "prompt_ids": [1], "max_tokens": 5} | settings))
    assert message in str(caught.value)


def test_a_budget_needs_the_tokens_that_close():
    with pytest.raises(ValueError, match="close_ids and cut_ids"):
        Thinking(budget=5)
    with pytest.raises(ValueError, match="leaves the reasoning open"):
        Thinking(open=False, budget=5, close_ids=(1,), cut_ids=(1,))
    with pytest.raises(ValueError, match="must not be negative"):
        Thinking(budget=-5, close_ids=(1,), cut_ids=(1,))


def test_what_does_not_fit_a_model():
    request = Request("a", [7, 99], 10)
    assert misfit(request, 100, 12) is None
    assert "token id 99, but the vocabulary ends at 98" in misfit(request, 99, 12)
    assert "are 12 tokens, but there is room for 11" in misfit(request, 100, 11)
    completion = failed(request, "no room")
    assert (completion.id, completion.finish_reason, completion.error) == ("a", "error", "no room")


def test_the_package_needs_no_torch():
    code = """
import sys
sys.modules["torch"] = sys.modules["safetensors"] = None  # as if they were not installed
import model, model.chat, model.text, model.backends.endpoint, model.backends.vllm
model.Request("a", [1], 1)
try:
    model.nothing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'model' has no attribute 'nothing'\n"
