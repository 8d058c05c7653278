"""The decorators of loops: what Python may call."""

from __future__ import annotations

import pytest

from stages.compiled import compiled, inlined, inner


@inner
def twice(number):
    return 2 * number


@inlined
def half(number):
    return number // 2


@compiled
def calls_both(number):
    return twice(number) + half(number)


def test_loops_call_inner_ones():
    assert calls_both(10) == 25


@pytest.mark.parametrize("loop", [twice, half])
def test_python_cannot_call_inner_ones(loop):
    with pytest.raises(TypeError, match="not callable"):
        loop(10)
    assert loop.py_func(10) in {5, 20}  # but what they are made of
