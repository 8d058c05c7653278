"""The main-content network in torch, and what it is trained on: batches, augmentation, loss.

In training, pages randomly lose words of their class names, words of their text, and features that
distinguish languages: most pages of the web come from sites and languages that the training sets do not have.
The loss is cross-entropy per block plus one minus the expected F1 of the page.

Knows features and targets as arrays. Does not know pages, files or folds (``train``). Computes the same as
``network.probabilities``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stages.render.main.features import BLOCK_FEATURES, GROUP_FEATURES, Features
from stages.render.main.network import DILATIONS, TREE_STEP, WIDTH
from stages.render.main.tree import LEVELS
from stages.render.main.words import Floats, Ints

NAME_WIDTH = 16
TEXT_WIDTH = 12
DROPOUT = 0.2
#: Share of the words of a page that are dropped, and of pages that lose all of them.
WORD_LOSS = 0.3
PAGE_LOSS = 0.15


@dataclass(slots=True)
class Example:
    """A page as the network sees it, and the targets."""

    features: Features
    size: Floats  # (n,) tokens
    matched: Floats  # (n,) tokens in the gold text


@dataclass(slots=True)
class Batch:
    """Pages end to end. Indices are into the batch; one beyond the last row stands for "nothing there"."""

    block: Tensor
    group: Tensor
    ancestors: Tensor
    first: Tensor
    last: Tensor
    name_ids: Tensor
    name_groups: Tensor
    name_weights: Tensor
    text_ids: Tensor
    text_blocks: Tensor
    text_weights: Tensor
    page: Tensor  # of each block
    starts: Tensor  # of pages, in blocks
    stops: Tensor
    group_starts: Tensor  # of pages, in groups
    group_stops: Tensor
    before: list[Tensor]  # per dilation: the block at that distance before
    after: list[Tensor]
    size: Tensor
    matched: Tensor


_LENGTHS = ("chars", "tokens", "page_tokens", "mean_length", "long_blocks", "long_share")
_LANGUAGE = (
    *("function_words", "page_function_words", "upper", "lower", "starts_upper", "ideograph", "space"),
    *("word_length", "stop", "stops", "comma", "commas", "ends_in_stop", "years"),
)


def _columns(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    return [names.index(name) for name in wanted if name in names]


class Blur:
    """Augmentation: randomly removes what would tie the model to the sites and languages of the training
    set."""

    def __init__(self, rng: np.random.Generator, tags: int) -> None:
        self.rng = rng
        self.tags = tags  # ids of names below this are tags, which are never dropped

    def words(self, pages: Ints, ids: Ints, count: int, spared: int) -> Floats:
        """1 or 0 per word. A dropped word is dropped throughout its page; some pages lose all words."""
        rates = np.where(self.rng.random(count) < PAGE_LOSS, 1.0, WORD_LOSS)
        draws = self.rng.random(1 << 16)[(pages * 100_003 + ids) * 2_654_435_761 % (1 << 16)]
        kept: Floats = ((ids < spared) | (draws >= rates[pages])).astype(np.float32)
        return kept

    def numbers(self, rows: Floats, names: Sequence[str], stretch: float, mute: bool) -> Floats:
        """Standardised features, with lengths randomly scaled and language-dependent features muted."""
        rows[:, _columns(names, _LENGTHS)] += stretch
        if mute:
            rows[:, _columns(names, _LANGUAGE)] = 0
        return rows


def batch(examples: Sequence[Example], scale: Mapping[str, Floats], blur: Blur | None) -> Batch:
    all_features = [example.features for example in examples]
    sizes = np.array([len(f.block) for f in all_features])
    groups = np.array([len(f.group) for f in all_features])
    block_at, group_at = np.cumsum(sizes) - sizes, np.cumsum(groups) - groups
    n, g = int(sizes.sum()), int(groups.sum())

    blocks = [(f.block - scale["block_mean"]) / scale["block_std"] for f in all_features]
    of_groups = [(f.group - scale["group_mean"]) / scale["group_std"] for f in all_features]
    name_ids, text_ids = (
        np.concatenate([getattr(f, key) for f in all_features]) for key in ("name_ids", "text_ids")
    )
    name_weights, text_weights = np.ones(len(name_ids), np.float32), np.ones(len(text_ids), np.float32)
    if blur is not None:
        stretch = np.where(blur.rng.random(len(sizes)) < 0.3, blur.rng.uniform(-0.4, 0.4, len(sizes)), 0)
        mute = blur.rng.random(len(sizes)) < 0.15
        for i in range(len(sizes)):
            blocks[i] = blur.numbers(blocks[i], BLOCK_FEATURES, stretch[i], mute[i])
            of_groups[i] = blur.numbers(of_groups[i], GROUP_FEATURES, stretch[i], mute[i])
        owners = np.repeat(np.arange(len(sizes)), [len(f.name_ids) for f in all_features])
        name_weights = blur.words(owners, name_ids, len(sizes), blur.tags)
        owners = np.repeat(np.arange(len(sizes)), [len(f.text_ids) for f in all_features])
        text_weights = blur.words(owners, text_ids, len(sizes), 0)

    index, starts = np.arange(n), np.repeat(block_at, sizes)
    stops = starts + np.repeat(sizes, sizes)
    ancestors = [
        np.where(f.ancestors < len(f.group), f.ancestors + at, g)
        for f, at in zip(all_features, group_at, strict=True)
    ]

    def shifted(key: str, by: Ints) -> Tensor:
        return torch.from_numpy(
            np.concatenate([getattr(f, key) + at for f, at in zip(all_features, by, strict=True)])
        )

    return Batch(
        block=torch.from_numpy(np.concatenate(blocks).astype(np.float32)),
        group=torch.from_numpy(np.concatenate(of_groups).astype(np.float32)),
        ancestors=torch.from_numpy(np.concatenate(ancestors).reshape(-1)),
        first=shifted("first", block_at),
        last=shifted("last", block_at),
        name_ids=torch.from_numpy(name_ids),
        name_groups=shifted("name_groups", group_at),
        name_weights=torch.from_numpy(name_weights),
        text_ids=torch.from_numpy(text_ids),
        text_blocks=shifted("text_blocks", block_at),
        text_weights=torch.from_numpy(text_weights),
        page=torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)),
        starts=torch.from_numpy(block_at),
        stops=torch.from_numpy(block_at + sizes),
        group_starts=torch.from_numpy(group_at),
        group_stops=torch.from_numpy(group_at + groups),
        before=[torch.from_numpy(np.where(index - d >= starts, index - d, n)) for d in DILATIONS],
        after=[torch.from_numpy(np.where(index + d < stops, index + d, n)) for d in DILATIONS],
        size=torch.from_numpy(np.concatenate([e.size for e in examples])),
        matched=torch.from_numpy(np.concatenate([e.matched for e in examples])),
    )


def _padded(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_zeros(1, x.shape[1])])


def _mean(x: Tensor, first: Tensor, last: Tensor) -> Tensor:
    sums = torch.cat([x.new_zeros(1, x.shape[1]).double(), torch.cumsum(x.double(), 0)])
    return ((sums[last] - sums[first]) / (last - first)[:, None]).float()


def _most(x: Tensor, first: Tensor, last: Tensor) -> Tensor:
    return torch.stack([x[a:b].amax(0) for a, b in zip(first.tolist(), last.tolist(), strict=True)])


class Network(nn.Module):
    """``network.probabilities`` for many pages at once, as logits. Parts have the names of the weights."""

    def __init__(self, names: int, text: int) -> None:
        super().__init__()
        self.names, self.text = nn.Embedding(names, NAME_WIDTH), nn.Embedding(text, TEXT_WIDTH)
        for embedding in (self.names, self.text):
            nn.init.normal_(embedding.weight, std=0.1)
        self.group = nn.Linear(len(GROUP_FEATURES) + NAME_WIDTH, WIDTH)
        self.block = nn.Linear(len(BLOCK_FEATURES) + TEXT_WIDTH, WIDTH)
        self.above = nn.Linear(LEVELS * WIDTH, WIDTH, bias=False)
        self.page = nn.Linear(4 * WIDTH, WIDTH, bias=False)
        for index in range(len(DILATIONS)):
            if index == TREE_STEP:
                self.add_module(f"heard{index}", nn.Linear(2 * WIDTH, WIDTH))
                self.add_module(f"told{index}", nn.Linear(LEVELS * WIDTH, WIDTH))
                self.add_module(f"page{index}", nn.Linear(4 * WIDTH, WIDTH, bias=False))
            self.add_module(f"conv{index}", nn.Linear(3 * WIDTH, WIDTH))
            self.add_module(f"out{index}", nn.Linear(WIDTH, WIDTH))
        self.head = nn.Linear(WIDTH, 1)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, batch: Batch) -> Tensor:
        names = self.names(batch.name_ids) * batch.name_weights[:, None]
        names = names.new_zeros(len(batch.group), NAME_WIDTH).index_add_(0, batch.name_groups, names)
        text = self.text(batch.text_ids) * batch.text_weights[:, None]
        text = text.new_zeros(len(batch.block), TEXT_WIDTH).index_add_(0, batch.text_blocks, text)
        h = torch.relu(self.group(torch.cat([batch.group, names], 1)))
        x = torch.relu(self.block(torch.cat([batch.block, text], 1)) + self.above(self._groups(h, batch)))
        x = self.drop(x + self.page(self._page(x, h, batch)))
        for index, (before, after) in enumerate(zip(batch.before, batch.after, strict=True)):
            part = {name: self.get_submodule(name + str(index)) for name in ("conv", "out")}
            if index == TREE_STEP:
                part |= {name: self.get_submodule(name + str(index)) for name in ("heard", "told", "page")}
                heard = torch.relu(part["heard"](torch.cat([_mean(x, batch.first, batch.last), h], 1)))
                told = part["told"](self._groups(heard, batch)) + part["page"](self._page(x, heard, batch))
                x = x + torch.relu(told)
            around = _padded(x)
            around = torch.cat([around.index_select(0, before), x, around.index_select(0, after)], 1)
            inner = torch.relu(part["conv"](around))
            x = x + part["out"](self.drop(inner))
        logits: Tensor = self.head(torch.relu(x))[:, 0]
        return logits

    def _groups(self, h: Tensor, batch: Batch) -> Tensor:
        return _padded(h).index_select(0, batch.ancestors).reshape(len(batch.block), LEVELS * WIDTH)

    def _page(self, x: Tensor, h: Tensor, batch: Batch) -> Tensor:
        of_blocks = (batch.starts, batch.stops)
        of_groups = (batch.group_starts, batch.group_stops)
        parts = [_mean(x, *of_blocks), _most(x, *of_blocks), _mean(h, *of_groups), _most(h, *of_groups)]
        return torch.cat(parts, 1).index_select(0, batch.page)


def loss(logits: Tensor, batch: Batch) -> Tensor:
    pages = len(batch.starts)

    def per_page(values: Tensor) -> Tensor:
        return values.new_zeros(pages).index_add_(0, batch.page, values)

    probability = torch.sigmoid(logits)
    gold = per_page(batch.matched)
    f1 = 2 * per_page(probability * batch.matched) / (per_page(probability * batch.size) + gold)
    # Long blocks matter more to the metric, but a page is more than its longest block.
    weight = torch.sqrt(batch.size)
    weight = weight / per_page(weight)[batch.page]
    target = batch.matched / batch.size.clamp(min=1)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (per_page(weight * entropy) + 1 - f1).mean()
