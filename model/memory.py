"""How many sequences run at once in a given memory: what the engine takes, and what an inspection promises.

Knows sizes that follow from the configuration, and the engine's limits by type of device. Does not measure
memory, and needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.config import ModelConfig, ModelConfigError

#: Tokens per slot, prompt and completion, unless asked otherwise (or the model takes fewer).
MAX_LENGTH = 4096
#: By type of device: the most slots unless asked otherwise, beyond which a step only takes longer; the share
#: of free memory to take; tokens of prompts per pass, which keep a device busy without taking much memory.
SLOTS = {"cuda": 256, "cpu": 64}
SHARE = {"cuda": 0.9, "cpu": 0.5}
PREFILL_TOKENS = {"cuda": 4096, "cpu": 1024}
#: Prompts are cut at multiples of this many tokens only, and a pass has at most as many prompts as pieces of
#: this length: the chunks of the scan (64 in PyTorch, 128 in the kernels) then are those of the whole prompt,
#: and so is the rounding.
GRAIN = 128
#: Snapshots of common beginnings kept at a time, each of which takes up to a slot's memory; beyond a few
#: there are hardly requests enough in sight for each.
SNAPSHOTS = 4


@dataclass(frozen=True, slots=True)
class Room:
    """What fits: ``fit`` slots besides ``snapshots`` (of a slot's size each)."""

    fit: int
    snapshots: int
    device: str

    @property
    def slots(self) -> int:
        """How many slots there are unless asked otherwise."""
        return min(self.fit, SLOTS[self.device])


def default_length(config: ModelConfig, max_length: int | None = None) -> int:
    """Tokens per slot, as asked for or by default. ``ModelConfigError`` if the model takes fewer."""
    most = config.max_position_embeddings
    if max_length is None:
        return min(MAX_LENGTH, most)
    if not 1 <= max_length <= most:
        raise ModelConfigError(f"max_length: {max_length} is not from 1 to max_position_embeddings, {most}")
    return max_length


def slots_that_fit(
    config: ModelConfig, max_length: int, free: int, *, element_bytes: int = 2, state_bytes: int = 4
) -> int:
    """How many sequences of ``max_length`` tokens a pool of at most ``free`` bytes holds; 0 where it holds
    none.

    element_bytes: of the dtype of the weights; state_bytes: of the recurrent state's.
    """
    slot = config.slot_bytes(max_length, element_bytes=element_bytes, state_bytes=state_bytes)
    return max(0, free // slot - 1)  # less the scratch slot


def room(
    config: ModelConfig,
    max_length: int,
    free: int,
    *,
    device: str = "cuda",
    slots: int | None = None,
    element_bytes: int = 2,
    state_bytes: int = 4,
) -> Room:
    """What fits into ``free`` bytes that are left on a device when the weights are there, beside what a pass
    takes. slots: as many as asked for, if any; the rest as for ``slots_that_fit``."""
    tokens = PREFILL_TOKENS[device]
    # What is alive at once in the widest layer, most of it in fp32: projections, convolved inputs, outputs
    # and the weights inside a chunk.
    token = 4 * (4 * config.in_proj_size + 2 * config.intermediate_size)
    token += 4 * 2 * config.mamba_num_heads * max(GRAIN, config.chunk_size)
    # States before and after a layer, and those at the borders of chunks.
    sequence = 5 * 4 * config.inner_size * config.ssm_state_size
    # Logits, and the copies that sampling makes of them.
    row = 4 * 4 * config.vocab_size
    rows = max(SLOTS[device], slots or 0)
    left = int(free * SHARE[device]) - token * tokens - sequence * (tokens // GRAIN) - row * rows
    fit = slots_that_fit(config, max_length, left, element_bytes=element_bytes, state_bytes=state_bytes)
    snapshots = min(SNAPSHOTS, fit // 8)
    return Room(fit - snapshots, snapshots, device)
