"""From logits to the next token of every sequence: penalties, temperature, top-k, top-p, seeded choice.

Knows logits, settings per slot, and seeds. Does not know texts, stops, schedules or the network.

The random choice uses the Gumbel-max trick: the token with the largest ``logit / temperature + g``, with
independent Gumbel noise g, is a sample of the softmax. Here g is a hash of only (seed, step, token id), so a
choice does not depend on other rows, on slots or their order, on the device, or on how the kept tokens were
found. Top-k and top-p are thresholds on the logit: tokens that tie with the last one kept are kept too,
because the order in which a sort puts them differs between devices.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from model import kernels
from model.memory import AT_ONCE
from model.noise import Settings, gumbel
from model.requests import Request
from model.transfers import to_device

#: Top-k and top-p examine this many of the largest logits, and all of them only if these are not enough.
CANDIDATES = 1024


def penalise(logits: Tensor, penalties: Tensor, seen: Tensor) -> Tensor:
    """Logits [n, vocab] of tokens ``seen`` (bool[n, vocab]), divided by the penalty [n] where they are
    positive and multiplied where negative (Keskar et al. 2019)."""
    penalties = penalties[:, None]
    return torch.where(seen, torch.where(logits > 0, logits / penalties, logits * penalties), logits)


def _thresholds(ordered: Tensor, top_k: Tensor, top_p: Tensor, totals: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest logit [n] to keep, and whether more candidates than these are needed to determine it [n].

    ``ordered`` float64[n, m] are the largest m logits by size, already divided by the temperature; ``totals``
    the log-sum-exp [n] of all logits.
    """
    width = ordered.shape[1]
    limited = top_k > 0
    place = torch.where(limited, top_k, width).clamp(max=width)[:, None] - 1
    by_k = ordered.gather(1, place)
    inside = ordered >= by_k
    by_k_short = limited & ((top_k > width) | (by_k == ordered[:, -1:]).squeeze(1))
    # After top-k the probabilities are those of the tokens it keeps.
    kept = torch.where(inside, ordered, -torch.inf).logsumexp(dim=1)
    totals = torch.where(limited, kept, totals)
    mass = torch.where(inside, (ordered - totals[:, None]).exp(), 0.0)
    before = mass.cumsum(dim=1) - mass
    # A token is needed if the mass of those before it has not reached top-p.
    needed = (inside & (before < top_p[:, None])).sum(dim=1, keepdim=True).clamp(min=1)
    threshold = ordered.gather(1, needed - 1)
    threshold = torch.where((top_p < 1)[:, None], threshold, torch.where(limited[:, None], by_k, -torch.inf))
    by_p_short = (top_p < 1) & (threshold == ordered[:, -1:]).squeeze(1)
    return threshold.squeeze(1), by_k_short | by_p_short


def sample(logits: Tensor, settings: Settings, limited: bool = True) -> Tensor:
    """Token ids int64[n] chosen from logits float32[n, vocab]; -1 if a row's logits have a NaN or no finite
    maximum. ``limited`` False promises that no row has top_k or top_p, which avoids checking."""
    if kernels.chosen(logits.device):
        return kernels.sample(logits, settings, limited)
    top, tokens = logits.max(dim=1)  # of equal logits the lowest id
    warm = settings.temperature > 0
    alone = (settings.top_k > 0) | (settings.top_p < 1)
    most = max(1, AT_ONCE // logits.shape[1])
    # A row without top-k and top-p needs noise for all tokens.
    for kind, choose in ((warm & ~alone, _choose_exactly), (warm & alone, _choose_among_the_largest)):
        index = kind.nonzero().squeeze(1)
        for start in range(0, len(index), most):
            rows = index[start : start + most]
            tokens[rows] = choose(logits[rows], settings.take(rows))
    return torch.where(top.isfinite(), tokens, -1)


def _choose_among_the_largest(logits: Tensor, settings: Settings) -> Tensor:
    """The seeded choice for a few rows with top-k or top-p, without looking at most of the vocabulary where
    that can be avoided."""
    if logits.shape[1] <= CANDIDATES:
        return _choose_exactly(logits, settings)
    temperature = settings.temperature[:, None]
    values, ids = logits.topk(CANDIDATES, dim=1)
    ordered = values.double() / temperature
    totals = (logits.double() / temperature).logsumexp(dim=1)
    threshold, short = _thresholds(ordered, settings.top_k, settings.top_p, totals)
    scores = ordered + gumbel(settings.seed, settings.step, ids)
    winner = scores.masked_fill(ordered < threshold[:, None], -torch.inf).argmax(dim=1, keepdim=True)
    chosen = ids.gather(1, winner).squeeze(1)
    again = short.nonzero().squeeze(1)
    if len(again):
        chosen[again] = _choose_exactly(logits[again], settings.take(again))
    return chosen


def _choose_exactly(logits: Tensor, settings: Settings) -> Tensor:
    """The seeded choice over the whole vocabulary."""
    scaled = logits.double() / settings.temperature[:, None]
    ids = torch.arange(scaled.shape[1], device=scaled.device)[None]
    scores = scaled + gumbel(settings.seed, settings.step, ids)
    if bool(((settings.top_k > 0) | (settings.top_p < 1)).any()):
        ordered = scaled.sort(dim=1, descending=True).values
        top_k = settings.top_k.clamp(max=scaled.shape[1])
        threshold, _ = _thresholds(ordered, top_k, settings.top_p, ordered.logsumexp(dim=1))
        scores = scores.masked_fill(scaled < threshold[:, None], -torch.inf)
    return scores.argmax(dim=1)


class Sampler:
    """The sampling settings of every slot, kept on the device between steps."""

    def __init__(self, slots: int, vocab_size: int, device: torch.device | str) -> None:
        def column(dtype: torch.dtype) -> Tensor:
            return torch.zeros(slots, dtype=dtype, device=device)

        self._settings = Settings(
            temperature=column(torch.float64),
            top_k=column(torch.int64),
            top_p=column(torch.float64),
            seed=column(torch.int64),
            step=column(torch.int64),
        )
        #: The last token of every slot, which the next step takes in; 0 where logits were not finite.
        self.last = column(torch.int64)
        self._penalty = column(torch.float32)
        self._shape = (slots, vocab_size)
        self._seen: Tensor | None = None  # bool[slots, vocab], from the first request with a penalty on
        # What the host knows of each slot, so that a fast path can be chosen without reading from the device.
        self._greedy = [True] * slots
        self._limited = [False] * slots
        self._penalised = [False] * slots

    def admit(self, slot: int, request: Request, step: int = 0) -> None:
        """Give a slot the settings of a request for which ``step`` tokens have been generated."""
        settings = self._settings
        settings.temperature[slot] = request.temperature
        settings.top_k[slot] = request.top_k
        settings.top_p[slot] = request.top_p
        settings.seed[slot] = request.seed
        settings.step[slot] = step
        self._penalty[slot] = request.repetition_penalty
        self._greedy[slot] = request.temperature == 0
        self._limited[slot] = request.top_k > 0 or request.top_p < 1
        self._penalised[slot] = request.repetition_penalty != 1
        if self._penalised[slot]:
            if self._seen is None:
                self._seen = torch.zeros(self._shape, dtype=torch.bool, device=self._penalty.device)
            self._seen[slot] = False
            self._seen[slot, to_device(request.prompt_ids, self._penalty.device)] = True

    def sample(self, logits: Tensor, slots: Sequence[int]) -> Tensor:
        """The next token int64[n] of the sequences in ``slots`` from logits float32[n, vocab], which are not
        changed; -1 if logits are not finite. Advances each of these slots by one step. A ``range`` of slots
        is fastest."""
        rows = self._rows(slots)
        if self._seen is not None and any(self._penalised[slot] for slot in slots):
            logits = penalise(logits, self._penalty[rows], self._seen[rows])
        if all(self._greedy[slot] for slot in slots):
            top, best = logits.max(dim=1)
            tokens = torch.where(top.isfinite(), best, -1)
        else:
            limited = any(self._limited[slot] for slot in slots)
            tokens = sample(logits, self._settings.take(rows), limited)
        self._settings.step[rows] += 1
        self.last[rows] = tokens.clamp(min=0)
        return tokens

    def _rows(self, slots: Sequence[int]) -> slice | Tensor:
        neighbours = isinstance(slots, range) and slots.step == 1
        return slice(slots[0], slots[-1] + 1) if neighbours else to_device(slots, self.last.device)

    def record(self, slots: Sequence[int], tokens: Sequence[int] | None = None) -> None:
        """Mark the last token of every slot as seen, or those given, one for every slot."""
        if self._seen is not None and any(self._penalised[slot] for slot in slots):
            where = to_device(slots, self.last.device)
            what = self.last[where] if tokens is None else to_device(tokens, self.last.device)
            self._seen[where, what] = True

    def move(self, source: int, target: int) -> None:
        """Copy the settings of one slot to another."""
        device: list[Tensor] = [*vars(self._settings).values(), self.last, self._penalty]
        if self._seen is not None and self._penalised[source]:
            device.append(self._seen)
        for column in device:
            column[target] = column[source]
        for known in (self._greedy, self._limited, self._penalised):
            known[target] = known[source]
