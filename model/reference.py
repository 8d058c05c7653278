"""NemotronH in NumPy, to be read beside the papers: the network, its state, and the choice of the next token.

It is the oracle of the engine and its kernels, and runs small models where torch is not installed
(``model.backends.reference``). Knows weights and arithmetic. Does not know requests, texts or schedules.

A token's embedding h goes through the layers, each of which adds to it: ``h + mixer(rms_norm(h))``.

Mamba-2 (Dao and Gu 2024, arXiv 2405.21060). One matrix gives a gate z, the channels xBC and a time step dt
for each head. xBC goes through a short causal convolution. Then every head keeps a state S of P x N numbers:

    S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t'      A < 0, dt_t > 0: the state decays and takes in x
    y_t = S_t C_t + D x_t                          C reads from it

For L tokens at once, with a_t = A (dt_1 + ... + dt_t), that is (section 6: the dual form of one chunk)

    y_t = sum_{s<=t} exp(a_t - a_s) (C_t . B_s) dt_s x_s + exp(a_t) S_0 C_t + D x_t
    S_L = exp(a_L) S_0 + sum_s exp(a_L - a_s) dt_s x_s B_s'

and with L = 1 it is the recurrence itself: prompts and single tokens take the same way here. The output is
gated by z, normed within each group of heads, and projected back.

Attention is causal, groups of query heads share keys and values, and there are no positions: the order of
tokens is known from the Mamba layers. The MLP is ``down(relu(up(h))^2)``. A last norm and ``lm_head`` give
logits.

In fp32 a sum of n products is off by some sqrt(n) 2^-24 of its terms, and as much in any other order of
summing: two right implementations differ by that. ``dtype`` float64 is off by nothing that matters, and says
which is nearer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.checkpoint import CheckpointError, stored_tensors, validate
from model.config import ModelConfig

Array = npt.NDArray[Any]

#: Tokens of a chunk: what is within one is a matrix of L x L for each head.
CHUNK = 64


class State:
    """What sequences leave behind for their next token, one row each, of up to ``room`` tokens."""

    def __init__(self, config: ModelConfig, rows: int, room: int, dtype: npt.DTypeLike) -> None:
        heads, size = config.mamba_num_heads, config.ssm_state_size
        kv_heads, head_dim = config.num_key_value_heads, config.head_dim
        mamba, attention = config.layers("M"), config.layers("*")
        self.length = np.zeros(rows, dtype=np.int64)
        self.conv = np.zeros((mamba, rows, config.conv_kernel - 1, config.conv_size), dtype)
        self.ssm = np.zeros((mamba, rows, heads, config.mamba_head_dim, size), dtype)
        self.keys = np.zeros((attention, rows, kv_heads, room, head_dim), dtype)
        self.values = np.zeros_like(self.keys)

    def clear(self, row: int) -> None:
        """Make a row new. Values beyond the length count 0 times: they must be numbers."""
        self.length[row] = 0
        for array in (self.conv, self.ssm, self.keys, self.values):
            array[:, row] = 0

    def move(self, source: int, target: int) -> None:
        """Give a row what another one has."""
        end = self.length[target] = self.length[source]
        for array in (self.conv, self.ssm):
            array[:, target] = array[:, source]
        for array in (self.keys, self.values):
            array[:, target, :, :end] = array[:, source, :, :end]


class Network:
    """The weights, and what is computed with them. All arrays of numbers are of ``dtype``."""

    def __init__(
        self, config: ModelConfig, weights: dict[str, Array], dtype: npt.DTypeLike = np.float32
    ) -> None:
        """``weights`` by their published names, as ``ModelConfig.tensor_shapes`` has them."""
        self.config, self.dtype = config, np.dtype(dtype)
        self._weights = {name: np.asarray(array, dtype) for name, array in weights.items()}

    @classmethod
    def load(cls, path: str | Path, dtype: npt.DTypeLike = np.float32) -> Network:
        """The checkpoint in a directory. Raises ``ModelConfigError`` or ``CheckpointError``."""
        config = ModelConfig.load(path)
        try:
            tensors = validate(config, stored_tensors(path))
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None
        return cls(config, {name: tensor.read() for name, tensor in tensors.items()}, dtype)

    def state(self, rows: int, room: int) -> State:
        """An empty state for ``rows`` sequences of up to ``room`` tokens."""
        return State(self.config, rows, room, self.dtype)

    def forward(self, ids: Array, state: State, rows: slice = slice(None), last: bool = False) -> Array:
        """Take in t more tokens of n sequences: ids int[n, t], whose states are ``rows``, and are brought up
        to date.

        Returns the logits [n, t, vocab] after every token, or with ``last`` [n, 1, vocab] after the last
        ones.
        """
        config, weight = self.config, self._weights
        h = weight["backbone.embeddings.weight"][ids]
        mamba = attention = 0
        for number, kind in enumerate(config.pattern):
            name = f"backbone.layers.{number}."
            x = rms_norm(h, config.norm_eps) * weight[f"{name}norm.weight"]
            name += "mixer."
            if kind == "M":
                h = h + self._mamba(name, x, state.conv[mamba, rows], state.ssm[mamba, rows])
                mamba += 1
            elif kind == "*":
                keys, values = state.keys[attention, rows], state.values[attention, rows]
                h = h + self._attention(name, x, state.length[rows], keys, values)
                attention += 1
            else:
                up = np.maximum(linear(x, weight[f"{name}up_proj.weight"]), 0)
                h = h + linear(up * up, weight[f"{name}down_proj.weight"])
        state.length[rows] += ids.shape[1]
        if last:
            h = h[:, -1:]
        h = rms_norm(h, config.norm_eps) * weight["backbone.norm_f.weight"]
        return linear(h, weight["lm_head.weight"])

    def _mamba(self, name: str, h: Array, conv: Array, ssm: Array) -> Array:
        """h: [n, t, hidden]. conv: [n, kernel - 1, channels] and ssm: [n, heads, P, N] are brought up to
        date."""
        config, weight = self.config, self._weights
        n, t, _ = h.shape
        heads, groups, size = config.mamba_num_heads, config.n_groups, config.ssm_state_size
        inner, width = config.inner_size, groups * size
        projected = linear(h, weight[f"{name}in_proj.weight"])
        z, xbc, dt = np.split(projected, [inner, inner + config.conv_size], axis=-1)
        dt = np.logaddexp(dt + weight[f"{name}dt_bias"], 0)  # softplus

        past = np.concatenate([conv, xbc], axis=1)
        conv[:] = past[:, t:]
        taps = weight[f"{name}conv1d.weight"][:, 0]  # [channels, kernel], the last one meets the newest input
        out = weight[f"{name}conv1d.bias"] + sum(
            past[:, k : k + t] * taps[:, k] for k in range(config.conv_kernel)
        )
        x, B, C = np.split(silu(out), [inner, inner + width], axis=-1)
        x = x.reshape(n, t, heads, -1)
        B, C = B.reshape(n, t, groups, size), C.reshape(n, t, groups, size)

        A = -np.exp(weight[f"{name}A_log"])
        y = np.empty_like(x)
        for start in range(0, t, CHUNK):
            now = slice(start, start + CHUNK)
            y[:, now] = _chunk(x[:, now], dt[:, now], A, B[:, now], C[:, now], ssm)
        y += weight[f"{name}D"][:, None] * x

        gated = (y.reshape(n, t, inner) * silu(z)).reshape(n, t, groups, -1)
        normed = rms_norm(gated, config.norm_eps).reshape(n, t, inner) * weight[f"{name}norm.weight"]
        return linear(normed, weight[f"{name}out_proj.weight"])

    def _attention(self, name: str, h: Array, lengths: Array, keys: Array, values: Array) -> Array:
        """h: [n, t, hidden]. keys, values: [n, kv heads, room, head_dim] hold ``lengths`` tokens and get t
        more."""
        config, weight = self.config, self._weights
        n, t, _ = h.shape
        kv_heads, head_dim = config.num_key_value_heads, config.head_dim
        share = config.num_attention_heads // kv_heads
        places = lengths[:, None] + np.arange(t)
        rows = np.arange(n)[:, None]
        for cache, kind in ((keys, "k"), (values, "v")):
            new = linear(h, weight[f"{name}{kind}_proj.weight"])
            cache[rows, :, places] = new.reshape(n, t, kv_heads, head_dim)
        end = int(places.max()) + 1
        q = linear(h, weight[f"{name}q_proj.weight"]).reshape(n, t, kv_heads, share, head_dim)
        # the query heads that share a key stand in the place of tokens: [n, kv heads, t share, head_dim]
        q = q.transpose(0, 2, 1, 3, 4).reshape(n, kv_heads, t * share, head_dim)
        scores = q @ keys[:, :, :end].transpose(0, 1, 3, 2) * head_dim**-0.5
        hidden = np.repeat(np.arange(end) > places[..., None], share, axis=1)  # [n, t share, end]
        scores = np.where(hidden[:, None], -np.inf, scores)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        out = scores @ values[:, :, :end] / scores.sum(axis=-1, keepdims=True)
        out = out.reshape(n, kv_heads, t, share, head_dim).transpose(0, 2, 1, 3, 4).reshape(n, t, -1)
        return linear(out, weight[f"{name}o_proj.weight"])


def _chunk(x: Array, dt: Array, A: Array, B: Array, C: Array, state: Array) -> Array:
    """The dual form of one chunk, less D x. x: [n, L, heads, P]. dt: [n, L, heads]. B, C: [n, L, groups, N].
    The state [n, heads, P, N] is brought up to date."""
    n, length, heads, P = x.shape
    groups = B.shape[2]
    a = (dt * A).cumsum(axis=1).transpose(0, 2, 1)  # [n, heads, L]
    later = np.triu(np.ones((length, length), bool), 1)
    decay = np.exp(np.where(later, -np.inf, a[..., :, None] - a[..., None, :]))  # [n, heads, t, s]
    B, C = B.transpose(0, 2, 1, 3), C.transpose(0, 2, 1, 3)  # [n, groups, L, N]
    scores = np.repeat(C @ B.transpose(0, 1, 3, 2), heads // groups, axis=1)
    xdt = (x * dt[..., None]).transpose(0, 2, 1, 3)  # [n, heads, L, P]
    y = (decay * scores) @ xdt
    by_group = state.reshape(n, groups, -1, state.shape[-1])
    before = (C @ by_group.transpose(0, 1, 3, 2)).reshape(n, groups, length, -1, P)
    y += np.exp(a)[..., None] * before.transpose(0, 1, 3, 2, 4).reshape(n, heads, length, P)
    left = np.exp(a[..., -1:] - a)[..., None] * xdt
    state *= np.exp(a[..., -1])[..., None, None]
    state += (left.transpose(0, 1, 3, 2).reshape(n, groups, -1, length) @ B).reshape(state.shape)
    return np.asarray(y.transpose(0, 2, 1, 3))


def linear(x: Array, weight: Array) -> Array:
    """x W' for x [n, t, in] and W [out, in], as one product of matrices."""
    return np.asarray((x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], -1))


def rms_norm(x: Array, eps: float) -> Array:
    """x / sqrt(mean(x^2) + eps) over the last dimension; weights are the caller's."""
    return np.asarray(x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + x.dtype.type(eps)))


def silu(x: Array) -> Array:
    """x / (1 + exp(-x))."""
    with np.errstate(over="ignore"):  # of exp: the result is then 0
        return np.asarray(x / (1 + np.exp(-x)))


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio


def _mix(bits: Array) -> Array:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014) on uint64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def gumbel(seed: int, step: int, count: int) -> Array:
    """Standard Gumbel noise float64[count] for token ids 0, 1, ...: a function of seed, step and id alone,
    the same as that of the engine (``model.noise``)."""
    stream = _mix(_mix(np.array([seed], np.uint64)) + np.array([step], np.uint64) * _GOLDEN)
    bits = _mix(stream + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN)
    uniform = ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return np.asarray(-np.log(-np.log1p(-uniform)))


def penalise(logits: Array, seen: Array, penalty: float) -> Array:
    """Logits [vocab] of tokens ``seen`` (bool[vocab]), divided by the penalty where they are positive and
    multiplied where negative (Keskar et al. 2019)."""
    factor = logits.dtype.type(penalty)
    return np.where(seen, np.where(logits > 0, logits / factor, logits * factor), logits)


def choose(
    logits: Array, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, seed: int = 0, step: int = 0
) -> int:
    """The next token from logits [vocab]; -1 where they have a NaN or no finite largest value.

    Temperature 0 is greedy, of equal logits the lowest id. Otherwise the token with the largest ``logit /
    temperature + Gumbel noise`` is a sample of the softmax. ``top_k`` and ``top_p`` keep the tokens whose
    logit is at least that of the last one needed; ``top_p`` counts probabilities after ``top_k``.
    """
    best = int(logits.argmax())
    if not np.isfinite(logits[best]):
        return -1
    if temperature == 0:
        return best
    scaled = logits.astype(np.float64) / temperature
    if top_k > 0 or top_p < 1:
        ordered = np.sort(scaled)[::-1]
        if top_k > 0:
            ordered = ordered[ordered >= ordered[min(top_k, len(ordered)) - 1]]
        mass = np.exp(ordered - ordered[0])
        mass /= mass.sum()
        before = mass.cumsum() - mass
        needed = int((before < top_p).sum()) if top_p < 1 else len(ordered)
        scaled = np.where(scaled < ordered[max(needed, 1) - 1], -np.inf, scaled)
    return int((scaled + gumbel(seed, step, len(logits))).argmax())
