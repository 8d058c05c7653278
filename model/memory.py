"""How many sequences run at once in a given memory; used by the engine, and by inspections to predict it.

Knows sizes that follow from the configuration, and the engine's limits by type of device. Does not measure
memory, and needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.config import ModelConfig, ModelConfigError

#: Default tokens per slot, prompt and completion (fewer if the model takes fewer).
MAX_LENGTH = 4096
#: By type of device: the default limit on slots, beyond which a step only takes longer; the share of free
#: memory to use; tokens of prompts per pass, enough to keep a device busy without taking much memory.
SLOTS = {"cuda": 256, "cpu": 64}
SHARE = {"cuda": 0.9, "cpu": 0.5}
PREFILL_TOKENS = {"cuda": 4096, "cpu": 1024}
#: Prompts are cut only at multiples of this many tokens, and a pass has at most as many prompts as pieces of
#: this length. The chunks of the scan (64 in PyTorch, 128 in the kernels), and therefore the rounding, are
#: then those of the whole prompt.
GRAIN = 128
#: Limit on snapshots of common beginnings, each of which takes up to a slot's memory; with more than a few
#: there would hardly be enough waiting requests for each.
SNAPSHOTS = 4


#: Keys of a slot that one program of the decoding kernel of attention takes: enough to be worth a program,
#: and few enough that a few long sequences keep the whole GPU busy.
SPLIT = 512
#: Sampling without kernels makes 64-bit copies of this many logits at once, or of a row that has more: some
#: MB, near the processor's cache.
AT_ONCE = 1 << 16
#: Plain attention behind earlier tokens takes this many queries of a prompt at a time, and fewer where one
#: head's scores for each key would be more numbers than this in all heads together.
ATTENTION_ROWS = 256
SCORES = 1 << 25


def attention_rows(heads: int, keys: int) -> int:
    """Queries that plain attention takes at a time."""
    return max(16, min(ATTENTION_ROWS, SCORES // (heads * keys)))


@dataclass(frozen=True, slots=True)
class Room:
    """What fits: ``fit`` slots besides ``snapshots`` (of a slot's size each)."""

    fit: int
    snapshots: int
    device: str

    @property
    def slots(self) -> int:
        """The default number of slots."""
        return min(self.fit, SLOTS[self.device])


def default_length(config: ModelConfig, max_length: int | None = None) -> int:
    """Tokens per slot, as requested or by default. ``ModelConfigError`` if the model takes fewer."""
    most = config.max_position_embeddings
    if max_length is None:
        return min(MAX_LENGTH, most)
    if not 1 <= max_length <= most:
        raise ModelConfigError(f"max_length: {max_length} is not from 1 to max_position_embeddings, {most}")
    return max_length


def slots_that_fit(
    config: ModelConfig, max_length: int, free: int, *, element_bytes: int = 2, state_bytes: int = 4
) -> int:
    """How many sequences of ``max_length`` tokens a pool of at most ``free`` bytes holds; may be 0.

    element_bytes: of the dtype of the weights; state_bytes: of the recurrent state's.
    """
    slot = config.slot_bytes(max_length, element_bytes=element_bytes, state_bytes=state_bytes)
    return max(0, free // slot - 1)  # less the scratch slot


def pass_bytes(config: ModelConfig, max_length: int, *, device: str = "cuda") -> int:
    """Memory of a pass over prompts of ``PREFILL_TOKENS`` tokens in all, behind earlier parts of any length
    up to ``max_length``, without logits."""
    tokens = PREFILL_TOKENS[device]
    # States before and after a layer, and those at the borders of chunks.
    sequence = 5 * config.inner_size * config.ssm_state_size
    # On the CPU a mask, twice; the general CUDA kernel keeps scores and their softmax (Triton's does not).
    keeps = 3 * config.num_attention_heads if device == "cuda" else 2
    masked = attention_rows(config.num_attention_heads, max_length) * max_length * keeps
    return 4 * (tokens * _widest(config) + sequence * (tokens // GRAIN) + masked)


def step_bytes(config: ModelConfig, max_length: int, rows: int, *, device: str = "cuda") -> int:
    """Memory of decoding a token of each of ``rows`` sequences, and of choosing the next ones; on CUDA graphs
    hold it all the time."""
    # Logits as computed and in fp32, and the copies that penalties make of them.
    row = 5 * config.vocab_size + _widest(config)
    if device == "cuda":  # attention over pieces of a slot, to be joined
        row += (max_length // SPLIT + 1) * (config.query_size + 2 * config.num_attention_heads)
    else:  # the mask, twice
        row += 2 * max_length
    copies = 16 * max(AT_ONCE, config.vocab_size)
    return 4 * (row * rows + copies)


def _widest(config: ModelConfig) -> int:
    """Numbers for each token that are alive at once in the widest layer, mostly fp32."""
    # Projections, convolved inputs, outputs, the weights inside a chunk.
    mamba = 4 * config.in_proj_size + 2 * config.mamba_num_heads * max(GRAIN, config.chunk_size)
    # Queries, keys, values; queries and results in other orders.
    attention = 4 * config.query_size + 2 * config.key_value_size
    return max(mamba, 3 * config.intermediate_size, attention) + 4 * config.hidden_size


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
    """What fits into the ``free`` bytes of a device that already holds the weights, besides the memory of a
    pass. slots: the number requested, if any; the other arguments are those of ``slots_that_fit``."""
    rows = max(SLOTS[device], slots or 0)
    taken = pass_bytes(config, max_length, device=device)
    taken += step_bytes(config, max_length, rows, device=device)
    left = int(free * SHARE[device]) - taken
    fit = slots_that_fit(config, max_length, left, element_bytes=element_bytes, state_bytes=state_bytes)
    snapshots = min(SNAPSHOTS, fit // 8)
    return Room(fit - snapshots, snapshots, device)
