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
from stages.render.main.network import DILATIONS, TREE_STEP
from stages.render.main.products import WIDTH
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
    """Pages end to end: n blocks in g groups."""

    block: Tensor
    group: Tensor
    ancestors: Tensor  # (n, LEVELS): rows of a table with LEVELS rows per group, then one of zeros
    first: Tensor
    last: Tensor
    inwards: Tensor  # groups by how many are around them
    outwards: Tensor  # the place of each group in that order
    depths: list[
        tuple[int, int, Tensor]
    ]  # start and stop in it; the places of the groups around, of the depth above
    names: Words
    text: Words
    page: Tensor  # of each block
    starts: list[int]  # of pages, in blocks
    stops: list[int]
    group_starts: list[int]  # of pages, in groups
    group_stops: list[int]
    places: Tensor  # of blocks, if there are ``max(DILATIONS)`` rows of zeros around every page
    size: Tensor
    matched: Tensor


@dataclass(slots=True)
class Words:
    """The words of each group or block, one after another."""

    ids: Tensor
    starts: Tensor  # (g,) or (n,)
    weights: Tensor


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

    gap = max(DILATIONS)
    page = np.repeat(np.arange(len(sizes)), sizes)
    levels = np.arange(LEVELS)
    ancestors = [
        np.where(f.ancestors < len(f.group), (f.ancestors + at) * LEVELS + levels, g * LEVELS)
        for f, at in zip(all_features, group_at, strict=True)
    ]

    def shifted(key: str, by: Ints) -> Ints:
        return np.concatenate([getattr(f, key) + at for f, at in zip(all_features, by, strict=True)])

    def words(ids: Ints, owners: Ints, count: int, weights: Floats) -> Words:
        return Words(*map(torch.from_numpy, (ids, np.searchsorted(owners, np.arange(count)), weights)))

    # 0 for the outermost group of each page
    depth = np.concatenate([_depths(f.up) for f in all_features])
    inwards = np.argsort(depth, kind="stable")
    outwards = np.empty_like(inwards)
    outwards[inwards] = np.arange(g)
    ends = np.cumsum(np.bincount(depth))
    begins = np.concatenate([[0], ends[:-1]])
    around = outwards[np.minimum(shifted("up", group_at), g - 1)][inwards]
    depths = [
        (int(start), int(stop), torch.from_numpy(around[start:stop] - before))
        for start, stop, before in zip(begins, ends, [0, *begins[:-1]], strict=True)
    ]
    return Batch(
        block=torch.from_numpy(np.concatenate(blocks).astype(np.float32)),
        group=torch.from_numpy(np.concatenate(of_groups).astype(np.float32)),
        ancestors=torch.from_numpy(np.concatenate(ancestors)),
        first=torch.from_numpy(shifted("first", block_at)),
        last=torch.from_numpy(shifted("last", block_at)),
        inwards=torch.from_numpy(inwards),
        outwards=torch.from_numpy(outwards),
        depths=depths,
        names=words(name_ids, shifted("name_groups", group_at), g, name_weights),
        text=words(text_ids, shifted("text_blocks", block_at), n, text_weights),
        page=torch.from_numpy(page),
        starts=block_at.tolist(),
        stops=(block_at + sizes).tolist(),
        group_starts=group_at.tolist(),
        group_stops=(group_at + groups).tolist(),
        places=torch.from_numpy(np.arange(n) + gap * (page + 1)),
        size=torch.from_numpy(np.concatenate([e.size for e in examples])),
        matched=torch.from_numpy(np.concatenate([e.matched for e in examples])),
    )


def _depths(up: Ints) -> Ints:
    """How many groups are around each."""
    depths = [-1] * (len(up) + 1)
    for group, around in enumerate(up.tolist()):
        depths[group] = depths[around] + 1
    return np.array(depths[:-1], np.int64)


def _sums(words: Words, embedding: nn.Embedding) -> Tensor:
    return nn.functional.embedding_bag(
        words.ids, embedding.weight, words.starts, mode="sum", per_sample_weights=words.weights
    )


def _mean(x: Tensor, first: Tensor, last: Tensor) -> Tensor:
    sums = torch.cat([x.new_zeros(1, x.shape[1]).double(), torch.cumsum(x.double(), 0)])
    return ((sums[last] - sums[first]) / (last - first)[:, None]).float()


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
        self.inwards = nn.Linear(2 * WIDTH, WIDTH)
        self.page = nn.Linear(4 * WIDTH, WIDTH, bias=False)
        for index in range(len(DILATIONS)):
            if index == TREE_STEP:
                self.add_module(f"heard{index}", nn.Linear(2 * WIDTH, WIDTH))
                self.add_module(f"passed{index}", nn.Linear(2 * WIDTH, WIDTH))
                self.add_module(f"told{index}", nn.Linear(LEVELS * WIDTH, WIDTH))
                self.add_module(f"page{index}", nn.Linear(4 * WIDTH, WIDTH, bias=False))
            self.add_module(f"conv{index}", nn.Linear(3 * WIDTH, WIDTH))
            self.add_module(f"out{index}", nn.Linear(WIDTH, WIDTH))
        self.head = nn.Linear(WIDTH, 1)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, batch: Batch) -> Tensor:
        h = torch.relu(self.group(torch.cat([batch.group, _sums(batch.names, self.names)], 1)))
        h = _passed_inwards(h, batch, self.inwards)
        x = self.block(torch.cat([batch.block, _sums(batch.text, self.text)], 1))
        x = torch.relu(x + _from_groups(h, batch, self.above))
        x = self.drop(x + self.page(_pages(x, h, batch)).index_select(0, batch.page))
        for index, dilation in enumerate(DILATIONS):
            conv, out = (self._layer(name, index) for name in ("conv", "out"))
            if index == TREE_STEP:
                heard, passed, told, page = (
                    self._layer(name, index) for name in ("heard", "passed", "told", "page")
                )
                of_groups = torch.relu(heard(torch.cat([_mean(x, batch.first, batch.last), h], 1)))
                of_groups = _passed_inwards(of_groups, batch, passed)
                news = page(_pages(x, of_groups, batch)).index_select(0, batch.page)
                x = x + torch.relu(news + _from_groups(of_groups, batch, told))
            x = x + out(self.drop(torch.relu(_convolved(x, batch, conv, dilation))))
        logits: Tensor = self.head(torch.relu(x))[:, 0]
        return logits

    def _layer(self, name: str, index: int) -> nn.Linear:
        layer = self.get_submodule(name + str(index))
        assert isinstance(layer, nn.Linear)
        return layer


def _passed_inwards(h: Tensor, batch: Batch, layer: nn.Linear) -> Tensor:
    """All groups of a depth at once, since those around them are of the depth above."""
    h = h.index_select(0, batch.inwards)
    of_group, of_around = layer.weight[:, :WIDTH], layer.weight[:, WIDTH:]
    own = nn.functional.linear(h, of_group, layer.bias)
    rows: list[Tensor] = []
    for start, stop, around in batch.depths:
        row = own[start:stop]
        if rows:
            row = row + (rows[-1] @ of_around.T).index_select(0, around)
        rows.append(h[start:stop] + torch.relu(row))
    return torch.cat(rows).index_select(0, batch.outwards)


def _from_groups(h: Tensor, batch: Batch, layer: nn.Linear) -> Tensor:
    """``layer`` on the groups of each block end to end; it is applied to groups, which are fewer."""
    by_level = layer.weight.reshape(WIDTH, LEVELS, WIDTH).permute(2, 1, 0).reshape(WIDTH, -1)
    table = (h @ by_level).reshape(-1, WIDTH)
    table = torch.cat([table, table.new_zeros(1, WIDTH)])
    sums = nn.functional.embedding_bag(batch.ancestors, table, mode="sum")
    return sums if layer.bias is None else sums + layer.bias


def _convolved(x: Tensor, batch: Batch, layer: nn.Linear, dilation: int) -> Tensor:
    gap = max(DILATIONS)
    rows = len(x) + gap * (len(batch.starts) + 1)
    wide = x.new_zeros(rows, WIDTH).index_copy(0, batch.places, x)
    padded = nn.functional.pad(wide, (0, 0, dilation, dilation))
    around = torch.cat([padded[:rows], wide, padded[2 * dilation :]], 1)
    y: Tensor = layer(around)
    return y.index_select(0, batch.places)


def _pages(x: Tensor, h: Tensor, batch: Batch) -> Tensor:
    """Means and maxima of blocks and of groups: (pages, 4 * WIDTH)."""
    parts = []
    for rows, starts, stops in ((x, batch.starts, batch.stops), (h, batch.group_starts, batch.group_stops)):
        spans = [rows[a:b] for a, b in zip(starts, stops, strict=True)]
        parts += [torch.stack([span.mean(0) for span in spans]), torch.stack([s.amax(0) for s in spans])]
    return torch.cat(parts, 1)


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
