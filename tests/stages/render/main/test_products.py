"""Products written in the instructions of LLVM, against sums term by term."""

from __future__ import annotations

import numpy as np
import pytest

from stages.render.main.products import WIDTH, Floats, add_dense, add_product, dense


def _summed(start: Floats, x: Floats, matrix: Floats) -> Floats:
    """``start + x @ matrix`` in the order of the terms, in single precision."""
    total = start.copy()
    for term in range(x.shape[1]):
        total += x[:, term, None] * matrix[term]
    return total


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
@pytest.mark.parametrize("terms", [1, 40, 57])
def test_products_are_sums_in_order(rows: int, terms: int) -> None:
    rng = np.random.default_rng(rows * 100 + terms)

    def drawn(*shape: int) -> Floats:
        return rng.standard_normal(shape).astype(np.float32)

    y, x, matrix, bias = drawn(rows, WIDTH), drawn(rows, terms), drawn(terms, WIDTH), drawn(WIDTH)
    biased = _summed(np.repeat(bias[None], rows, axis=0), x, matrix)
    for function, arguments, expected in (
        (add_product, (), _summed(y, x, matrix)),
        (dense, (bias,), biased),
        (add_dense, (bias,), y + biased),
    ):
        result = y.copy()
        function(result, x, matrix, *arguments)
        np.testing.assert_array_equal(result, expected)
