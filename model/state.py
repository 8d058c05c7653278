"""The state that a sequence carries from token to token, in slots of fixed size that are allocated once.

For each Mamba-2 layer this is a recurrent state and the last inputs of the convolution, whose size does not
depend on the length of the text; for each attention layer, the keys and values of all tokens so far. A slot
has room for ``max_length`` tokens, so a sequence that was admitted never has to be evicted.

Knows sizes, layout and copying. Does not know who uses a slot, for how long, or what the numbers mean.

The recurrent state is fp32 by default, because errors of rounding it to 16 bits at every token accumulate
(vLLM went back to fp32 as the default for this family, pull request 39032). At batch sizes above a hundred it
is also most of the data that decoding reads and writes, so bfloat16 is offered for tasks that were measured
to tolerate it. It is rounded by chance (``model.noise``), which does not lose what is added little by little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.config import ModelConfig
from model.memory import slots_that_fit as slots_that_fit

#: The control group (version 2) of this process.
GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Slots:
    """Which slot each row of a batch belongs to.

    index: int64[n] on the device of the pool. runs: the same as pairs of slices (rows of the batch, slots) of
    maximal length. Slices are views, so a batch of
        neighbouring slots is updated in place without being gathered first. Empty on accelerators, where
        reading the index back would stall; kernels there address slots by ``index``.
    """

    index: Tensor
    runs: tuple[tuple[slice, slice], ...]

    @classmethod
    def of(cls, index: Tensor) -> Slots:
        if index.device.type != "cpu":
            return cls(index, ())
        runs = []
        slots = index.tolist()
        begin = 0
        for row in range(1, len(slots) + 1):
            if row == len(slots) or slots[row] != slots[row - 1] + 1:
                runs.append((slice(begin, row), slice(slots[begin], slots[row - 1] + 1)))
                begin = row
        return cls(index, tuple(runs))

    def blocks(self, most: int) -> Iterator[tuple[slice, slice]]:
        """The runs, cut into pieces of at most ``most`` rows."""
        for rows, slots in self.runs:
            ahead = slots.start - rows.start
            for begin in range(rows.start, rows.stop, most):
                end = min(begin + most, rows.stop)
                yield slice(begin, end), slice(begin + ahead, end + ahead)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after a prefix of ``length`` tokens, outside of any slot; prompts that share the prefix start
    from it."""

    length: int
    ssm: tuple[Tensor, ...]
    conv: tuple[Tensor, ...]
    kv: tuple[Tensor, ...]


class StatePool:
    """State of up to ``slots`` sequences; one more slot, ``scratch``, receives the writes of padding rows of
    a batch.

    Lists with one tensor per layer of the kind, in the order of the network:
        ssm   [slots + 1, mamba heads, head_dim, state size], ``state_dtype``
        conv  [slots + 1, conv_kernel - 1, conv_size], ``dtype``; oldest input first
        kv    [slots + 1, 2, kv heads, max_length, head_dim], ``dtype``; keys are [:, 0], values [:, 1]
    """

    def __init__(
        self,
        config: ModelConfig,
        slots: int,
        max_length: int,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.bfloat16,
        state_dtype: torch.dtype = torch.float32,
    ) -> None:
        if slots < 1 or max_length < 1:
            raise ValueError(
                f"a pool needs at least one slot and one token per slot, not {slots}, {max_length}"
            )
        self.slots, self.max_length, self.scratch = slots, max_length, slots
        rows = slots + 1

        def zeros(layers: int, shape: tuple[int, ...], of: torch.dtype) -> list[Tensor]:
            return [torch.zeros((rows, *shape), device=device, dtype=of) for _ in range(layers)]

        mamba, attention = config.layers("M"), config.layers("*")
        ssm_shape = (config.mamba_num_heads, config.mamba_head_dim, config.ssm_state_size)
        kv_shape = (2, config.num_key_value_heads, max_length, config.head_dim)
        self.ssm = zeros(mamba, ssm_shape, state_dtype)
        self.conv = zeros(mamba, (config.conv_kernel - 1, config.conv_size), dtype)
        self.kv = zeros(attention, kv_shape, dtype)
        self._unused = set(range(slots))  # not used yet, by ``clean``, ``restore`` or ``move``

    def clean(self, slot: int) -> None:
        """Make a slot ready for a new sequence. A slot used for the first time is not changed: its memory was
        allocated as zeros."""
        if slot in self._unused:
            self._unused.discard(slot)
        else:
            self.reset(slot)

    def reset(self, slot: int) -> None:
        """Zero a slot. Keys and values too: attention multiplies masked positions by zero, and zero times a
        NaN that was left there is NaN."""
        for pool in (self.ssm, self.conv, self.kv):
            for layer in pool:
                layer[slot].zero_()

    def snapshot(self, slot: int, length: int) -> Snapshot:
        """A copy of the state of a slot that has processed ``length`` tokens."""
        return Snapshot(
            length=length,
            ssm=tuple(layer[slot].clone() for layer in self.ssm),
            conv=tuple(layer[slot].clone() for layer in self.conv),
            kv=tuple(layer[slot, :, :, :length].clone() for layer in self.kv),
        )

    def restore(self, snapshot: Snapshot, slot: int) -> None:
        """Put a slot into the state of the snapshot; its previous content is lost."""
        if snapshot.length > self.max_length:
            raise ValueError(f"a prefix of {snapshot.length} tokens in slots of {self.max_length}")
        self._unused.discard(slot)
        for pool, saved in ((self.ssm, snapshot.ssm), (self.conv, snapshot.conv)):
            for layer, values in zip(pool, saved, strict=True):
                layer[slot].copy_(values)
        for layer, values in zip(self.kv, snapshot.kv, strict=True):
            layer[slot, :, :, : snapshot.length].copy_(values)
            layer[slot, :, :, snapshot.length :].zero_()

    def move(self, source: int, target: int) -> None:
        """Copy a slot into another one, to keep the slots in use contiguous."""
        self._unused.discard(target)
        for pool in (self.ssm, self.conv, self.kv):
            for layer in pool:
                layer[target].copy_(layer[source])


def free_bytes(device: str | torch.device = "cpu") -> int:
    """Memory available on a device now, in bytes, as measured: the driver's count on CUDA; on the CPU
    (Linux), what the kernel would give this process and its control group."""
    where = torch.device(device)
    if where.type == "cuda":
        return int(torch.cuda.mem_get_info(where)[0])
    if where.type != "cpu":
        raise ValueError(f"free memory of a {where.type} device cannot be measured; give a number of slots")
    meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(meminfo["MemAvailable"].split()[0]) * 1024
    try:
        limit, used = ((GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
    except OSError:  # no control groups of version 2: the machine's own count is used
        return free
    if limit == "max":
        return free
    # Cached pages of files, such as the weights, count as used although they can be reclaimed.
    taken = int(used) - int(counts.get("inactive_file", 0))
    return min(free, max(0, int(limit) - max(0, taken)))
