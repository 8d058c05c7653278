"""Products with weights, which on a CPU can be packed in the order in which oneDNN reads them.

Knows matrices and what the processor's library takes. Does not know layers.

For one to some dozens of rows, PyTorch's own product spends much of its time on bringing the weights into
order, or on one core. Packed once, when they are final, products of such sizes take half to nine tenths of
the time, and one row uses all threads. Packed weights have no gradients; ``plain`` gives them back.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

#: Smaller matrices are left: their product takes no longer than the call.
LEAST = 1 << 15
#: The number of rows that weights are packed for; of 1, 16, 64 it is 64 that was good for all three.
ROWS = 64


@cache
def _packs(dtype: torch.dtype) -> bool:
    """Whether this processor's oneDNN multiplies packed weights of the dtype."""
    library: Any = torch.backends.mkldnn
    if not library.is_available():
        return False
    on: Any = torch.ops.mkldnn
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(on._is_mkldnn_bf16_supported()))


def packed(weight: Tensor) -> Tensor:
    """A weight [out, in] in oneDNN's order, or itself where that is of no use."""
    if weight.device.type != "cpu" or weight.numel() < LEAST or weight.is_mkldnn or not _packs(weight.dtype):
        return weight
    on: Any = torch.ops.mkldnn
    result: Tensor = on._reorder_linear_weight(weight.detach(), ROWS)
    return result


def plain(weight: Tensor) -> Tensor:
    """A weight as it was before it was packed; then a copy."""
    return weight.to_dense() if weight.is_mkldnn else weight


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x [n, in] times the transpose of weight [out, in]."""
    if not weight.is_mkldnn:
        return F.linear(x, weight)
    on: Any = torch.ops.mkldnn
    result: Tensor = on._linear_pointwise.default(x, weight, None, "none", [], "")
    return result


def add_linear(h: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """h [n, out] + ``linear(x, weight)``."""
    if not weight.is_mkldnn:
        return h + F.linear(x, weight)
    on: Any = torch.ops.mkldnn
    result: Tensor = on._linear_pointwise.binary(x, h, weight, None, "add")
    return result
