"""Training and cross-validation of the main-content model. Needs torch (the extra ``[model]``).

    python -m stages.render.main.train --gold DIR --out stages/render/main/weights.npz [--folds-out DIR]
        [--unseen] [--written]

DIR holds ``*.jsonl.gz`` with rows ``{"id", "group", "html", "main"}``: a page and its gold text. With
--folds-out it prints precision, recall and F1 of tokens per set and group, every page judged by a model that
saw no page of its fold, and saves those models there. With --unseen it prints the same of all pages but
articles, judged by a model that saw articles only. Then it trains on all pages and saves that model. With
--written every model is also trained on pages that were written for it. One thread, seeded: the same pages
give the same weights on the same machine.

Knows pages, folds and files. Does not know the inside of the network, nor the augmentation that makes it
generalise (``learning``). Each block's target is the share of its tokens that align with the gold text
(``align``).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from stages.render.blocks import Block, Container, blocks_of, outline_of
from stages.render.main import Model, load, select
from stages.render.main.align import matched, scores, tokens
from stages.render.main.features import Vocabulary, extract
from stages.render.main.learning import Blur, Example, Network, batch, loss
from stages.render.main.tree import name_words
from stages.render.main.variants import Variants, form_of
from stages.render.main.words import EARLY, Floats
from stages.render.main.writer import CONTENT, EITHER, Written
from stages.render.main.written import write
from stages.render.text import structure

FOLDS = 5
#: The kind that ``unseen`` trains on.
ARTICLE = "article"
EPOCHS = 12
PAGES_PER_STEP = 8
RATE = 3e-3
#: Share of pages that are replaced by a variant, another one each time.
VARIED = 0.6
#: Written pages of each kind.
WRITTEN = {"forum": 240, "documentation": 120, "code": 80, "listing": 120, "product": 120, "service": 120}
#: Paragraphs of real pages that are put into them have fewer tokens, and a page has at least this many.
MOST_PROSE = 200
LEAST_PROSE = 8
#: A word gets an embedding if at least this many sites have it.
NAME_SITES = 10
TEXT_SITES = 40
#: Pages whose gold text is not in their HTML are not used for training.
MIN_FOUND = 0.2


@dataclass(slots=True)
class Page:
    """A page with known content."""

    set: str
    group: str
    id: str
    site: str
    blocks: list[Block]
    containers: list[Container]
    gold: list[str]
    tokens: list[list[str]]  # of each block
    size: Floats  # how many of each block count: none where either answer is right
    matched: Floats  # tokens of each block that are in the gold text


def fold_of(page_id: str) -> int:
    """The fold, 0 to FOLDS - 1, in which a page is held out."""
    return int.from_bytes(hashlib.sha256(page_id.encode()).digest()[:4], "big") % FOLDS


_CANONICAL = re.compile(
    r"""(?:rel=["']?canonical["']?[^>]*?href=|property=["']og:url["'][^>]*?content=)["']?"""
    r"""https?://(?:www\.)?([^/"'> ]+)""",
    re.IGNORECASE,
)


def read(gold: Path) -> list[Page]:
    """All pages of the sets in a directory, with their labels."""
    pages = []
    for path in sorted(gold.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                blocks, containers = structure(row["html"])
                of_blocks, of_gold = [tokens(block.text) for block in blocks], tokens(row["main"])
                site = _CANONICAL.search(row["html"])
                pages.append(
                    Page(
                        set=path.name.removesuffix(".jsonl.gz"),
                        group=row["group"],
                        id=row["id"],
                        site=site[1].lower() if site else row["id"],
                        blocks=blocks,
                        containers=containers,
                        gold=of_gold,
                        tokens=of_blocks,
                        size=np.array([len(block) for block in of_blocks], np.float32),
                        matched=matched(of_blocks, of_gold),
                    )
                )
    return pages


def prose_of(pages: Sequence[Page]) -> list[list[str]]:
    """Paragraphs of the content of each page that has enough of them."""
    prose = []
    for page in pages:
        paragraphs = [
            block.text
            for block, size, found in zip(page.blocks, page.size, page.matched, strict=True)
            if block.kind == "text" and 0 < size < MOST_PROSE and found >= 0.9 * size and not block.links
        ]
        if len(paragraphs) >= LEAST_PROSE:
            prose.append(paragraphs)
    return prose


def page_of(written: Written, number: int) -> Page | None:
    """A written page with its labels; None if the renderer leaves something out, which is rare."""
    blocks, containers = structure(written.html)
    words = [tokens(block.text) for block in blocks]
    marks = np.array([mark for text, mark in written.texts for _ in tokens(text)], np.int64)
    ends = np.cumsum([len(block) for block in words], dtype=np.int64)
    if len(marks) != ends[-1]:
        return None
    of_blocks = np.split(marks, ends[:-1])
    return Page(
        set="written",
        group=written.kind,
        id=f"{written.kind}{number}",
        site=f"{written.kind}{number}",
        blocks=blocks,
        containers=containers,
        gold=[token for text, mark in written.texts if mark == CONTENT for token in tokens(text)],
        tokens=words,
        size=np.array([(marks != EITHER).sum() for marks in of_blocks], np.float32),
        matched=np.array([(marks == CONTENT).sum() for marks in of_blocks], np.float32),
    )


def written_pages(prose: Sequence[Sequence[str]]) -> list[Page]:
    """``WRITTEN``, with their labels."""
    made = (page_of(write(kind, n, prose), n) for kind, count in WRITTEN.items() for n in range(count))
    return [page for page in made if page]


def vocabulary_of(pages: Sequence[Page]) -> tuple[list[str], list[str]]:
    """Words of names (tags first) and of texts that enough sites have, sorted."""
    tags, names, text = set(), set(), set()
    for page in pages:
        tags |= {(page.site, f"<{container.tag}>") for container in page.containers}
        names |= {
            (page.site, word) for look in {c.names for c in page.containers} for word in name_words(look)
        }
        text |= {(page.site, word) for block in page.tokens for word in block[:EARLY]}

    def frequent(found: set[tuple[str, str]], sites: int) -> list[str]:
        return sorted(word for word, count in Counter(word for _, word in found).items() if count >= sites)

    return frequent(tags, NAME_SITES) + frequent(names, NAME_SITES), frequent(text, TEXT_SITES)


def variants_of(pages: Sequence[Page]) -> Variants:
    """Pages in the form in which they can be changed."""
    looks: dict[tuple[str, str], int] = {}
    forms = []
    for page in pages:
        look = [looks.setdefault((one.tag, one.names), len(looks)) for one in page.containers]
        forms.append((page.group, form_of(page.blocks, page.containers, look, page.size, page.matched)))
    return Variants(forms, list(looks))


def fit(
    pages: Sequence[Page], seed: int = 0, written: bool = False
) -> tuple[dict[str, Floats], tuple[list[str], list[str]]]:
    """Weights as ``network`` needs them, and the words of the vocabulary. ``written``: with written pages."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    if written:
        pages = [*pages, *written_pages(prose_of(pages))]
    words = vocabulary_of(pages)
    vocabulary = Vocabulary(*words)
    pages = [page for page in pages if page.matched.sum() > MIN_FOUND * len(page.gold)]
    examples = [
        Example(
            extract(blocks_of(page.blocks), outline_of(page.containers), vocabulary),
            page.size,
            page.matched,
        )
        for page in pages
    ]
    variants = variants_of(pages)

    def drawn(number: int) -> Example:
        """A page or a variant of it."""
        if rng.random() >= VARIED:
            return examples[number]
        form = variants.make(number, rng)
        return Example(extract(*variants.outline(form), vocabulary), form.size, form.matched)

    scale: dict[str, Floats] = {}
    for kind in ("block", "group"):
        rows = np.concatenate([getattr(example.features, kind) for example in examples])
        scale |= {f"{kind}_mean": rows.mean(0), f"{kind}_std": rows.std(0) + 0.01}
    net = Network(len(words[0]), len(words[1]))
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(examples) // PAGES_PER_STEP)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.15)
    blur = Blur(rng, sum(word[0] == "<" for word in words[0]))
    for _ in range(EPOCHS):
        order = rng.permutation(len(examples))
        for start in range(0, len(order), PAGES_PER_STEP):
            some = batch([drawn(i) for i in order[start : start + PAGES_PER_STEP]], scale, blur)
            optimizer.zero_grad()
            loss(net(some), some).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    weights: dict[str, Floats] = {}
    for name, value in net.state_dict().items():
        array = value.numpy()
        weights[name] = array if name in ("names.weight", "text.weight") else array.T
    # Standardisation goes into the first layers, so that the features need none.
    for kind in ("block", "group"):
        mean, std = scale[f"{kind}_mean"], scale[f"{kind}_std"]
        matrix = weights[f"{kind}.weight"].copy()
        matrix[: len(mean)] /= std[:, None]
        weights[f"{kind}.bias"] = weights[f"{kind}.bias"] - mean @ matrix[: len(mean)]
        weights[f"{kind}.weight"] = matrix
    return weights, words


def save(path: Path, weights: Mapping[str, Floats], words: tuple[list[str], list[str]]) -> Model:
    """Writes what ``main.load`` reads, matrices in half precision, and returns what ``main.load`` would
    read."""
    arrays = {
        name: a.astype(np.float32 if name.endswith("bias") else np.float16) for name, a in weights.items()
    }
    arrays["vocabulary"] = np.frombuffer("\n\n".join("\n".join(part) for part in words).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    return load(path)


Row = tuple[str, str, float, float, float]


def judge(pages: Sequence[Page], model: Model) -> list[Row]:
    """Set, group, precision, recall and F1 of every page."""
    rows = []
    for page in pages:
        chosen = select(blocks_of(page.blocks), outline_of(page.containers), model)
        predicted = [word for block, keep in zip(page.tokens, chosen, strict=True) if keep for word in block]
        rows.append((page.set, page.group, *scores(predicted, page.gold)))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Means per set, and per group of it."""
    lines = [f"{'set':20}{'pages':>7}{'P':>7}{'R':>7}{'F1':>7}"]
    sets: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        sets.setdefault(row[0], {}).setdefault(row[1], []).append(row)
    for name, groups in sorted(sets.items()):
        parts = [(name, [row for part in groups.values() for row in part])]
        parts += [(f"  {group}", part) for group, part in sorted(groups.items())]
        for title, part in parts:
            means = np.array([row[2:] for row in part]).mean(0)
            lines.append(f"{title:20}{len(part):7d}" + "".join(f"{mean:7.3f}" for mean in means))
    return "\n".join(lines)


def cross_validated(pages: Sequence[Page], folds_out: Path, written: bool) -> list[Row]:
    """Every page judged by the model of its fold; these models are saved in ``folds_out/fold<k>.npz``."""
    rows = []
    for fold in range(FOLDS):
        known = [page for page in pages if fold_of(page.id) != fold]
        model = save(folds_out / f"fold{fold}.npz", *fit(known, written=written))
        rows += judge([page for page in pages if fold_of(page.id) == fold], model)
    return rows


def unseen(pages: Sequence[Page], written: bool) -> list[Row]:
    """Pages of all kinds but articles, judged by a model that saw articles only."""
    with TemporaryDirectory() as folder:
        known = [page for page in pages if page.group == ARTICLE]
        model = save(Path(folder) / "articles.npz", *fit(known, written=written))
    return judge([page for page in pages if page.group != ARTICLE], model)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the main-content model.")
    parser.add_argument("--gold", type=Path, required=True, help="directory of *.jsonl.gz")
    parser.add_argument("--out", type=Path, required=True, help="file of the model trained on all pages")
    parser.add_argument(
        "--folds-out", type=Path, help="cross-validate, and leave the models of the folds here"
    )
    parser.add_argument(
        "--unseen", action="store_true", help="judge the other kinds of pages with articles seen only"
    )
    parser.add_argument("--written", action="store_true", help="train on written pages, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pages = read(arguments.gold)
    if arguments.unseen:
        print(table(unseen(pages, arguments.written)), flush=True)
    if arguments.folds_out:
        print(table(cross_validated(pages, arguments.folds_out, arguments.written)), flush=True)
    save(arguments.out, *fit(pages, written=arguments.written))
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB, {len(pages)} pages")


if __name__ == "__main__":
    main()
