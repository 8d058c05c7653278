"""Trains the sample's checkpoint, ``checkpoint/``: a NemotronH network of two million parameters that does five tasks.

    python configs/sample/train_checkpoint.py [--out DIRECTORY] [--tokens 6500000] [--seed 0]

It lets the sample generate text for real, offline and on one core; it knows little more than copying, a few rules
and a German vocabulary of 80 words. What it is taught is in ``lessons``. Needs torch; takes some 25 minutes of one
core. One thread, and nothing depends on the clock: the same steps on one machine give the same bytes.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from lessons import phrases  # noqa: E402
from lessons.mix import Mix  # noqa: E402
from lessons.pages import pages  # noqa: E402
from lessons.prompts import Prompts  # noqa: E402
from lessons.rules import ANSWERS  # noqa: E402
from torch import Tensor  # noqa: E402

from model import checkpoint  # noqa: E402
from model.chat import Tokenizer  # noqa: E402
from model.config import ModelConfig  # noqa: E402
from model.layers import MLP, Mamba  # noqa: E402
from model.network import Network  # noqa: E402

VOCABULARY = 2048
#: The numbers that the published models give these: ``model.chat`` builds prompts of them.
SPECIAL = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{n}>" for n in range(3, 13))]
TURN_END = 12
CONFIG = ModelConfig(
    pattern="M*-M*-",
    vocab_size=VOCABULARY,
    hidden_size=192,
    intermediate_size=576,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=48,
    mamba_num_heads=6,
    mamba_head_dim=64,
    n_groups=2,
    ssm_state_size=32,
    chunk_size=64,
    max_position_embeddings=2048,
    eos_token_ids=(2, TURN_END),
    dtype="bfloat16",
)
BATCH = 4096  # tokens of a step
SHORTEST, LONGEST = 64, 288  # tokens of a lesson, prompt and all: at first, and from a fifth of the way on
GROWTH = 0.2
LENGTHS = (64, 96, 128, 192)  # a batch has lessons between two of these
PIECES = 0.3  # from here on words are also random pieces: before, copying does not appear


def tokenizer() -> str:
    """A byte-level BPE tokenizer with the chat's special tokens, as the content of a ``tokenizer.json``. Digits are
    tokens of their own. It has seen no held-out page."""
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Trained

    trained = Trained(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    taught = [page for page in pages() if not page.held_out]
    texts = [s for page in taught for part in (page.paragraphs, page.items) for group in part for s in group]
    texts += [heading for page in taught for heading in page.headings]
    sentences = [s for page in taught for group in page.paragraphs for s in group]
    texts += [answer(sentences) for answer in ANSWERS.values()]
    mix = Mix(1)
    texts += [text for _ in range(400) for text in phrases.lesson(mix.chance)]
    texts += ["System\n", "User\n", "Assistant\n<think></think>"] * 200
    trained.train_from_iterator(texts, trainer)
    return str(trained.to_str(pretty=False)) + "\n"


def pieces(words: Tokenizer) -> list[str]:
    """Tokens of letters alone, without the space before them."""
    found = {words.decode([n]).strip() for n in range(len(SPECIAL), words.vocab_size)}
    return sorted(piece for piece in found if piece.isascii() and piece.isalpha())


class Lessons:
    """Batches of prompts and answers as token ids."""

    def __init__(self, words: Tokenizer, seed: int) -> None:
        self.mix, self.words, self.prompts = Mix(seed), words, Prompts(words)
        self._pieces = pieces(words)

    def batch(self, progress: float) -> tuple[Tensor, Tensor]:
        """Ids int64[n, longest], of about ``BATCH`` tokens, and where the answers are (bool, same shape)."""
        if progress >= PIECES:
            self.mix.pieces = self._pieces
        limit = int(SHORTEST + (LONGEST - SHORTEST) * min(1.0, progress / GROWTH))
        # Lessons of like length together: this batch is of one length, the next of another.
        ends = [0, *(end for end in LENGTHS if end < limit), limit]
        place = self.mix.chance.randrange(1, len(ends))
        least, limit = ends[place - 1], ends[place]
        most = 1 if limit <= 64 else 2 if limit <= 128 else 3 if limit <= 192 else 4
        rows: list[tuple[tuple[int, ...], list[int]]] = []
        while len(rows) * limit < BATCH:
            task, text, answer = self.mix.lesson(most)
            gap = self.mix.chance.choice(("\n", "\n", "\n\n"))
            after = self.mix.chance.choice(("", "", "", "\n", "\n\n"))
            ids = self.words.encode(answer.removesuffix("\n"))
            asked = self.prompts.prompt(task, text, gap, after).ids
            if least < len(asked) + len(ids) + 1 <= limit:
                rows.append((asked, [*ids, TURN_END]))
        longest = max(len(asked) + len(ids) for asked, ids in rows)
        batch = torch.zeros((len(rows), longest), dtype=torch.long)
        answers = torch.zeros((len(rows), longest), dtype=torch.bool)
        for row, (asked, ids) in enumerate(rows):
            end = len(asked) + len(ids)
            batch[row, :end] = torch.tensor([*asked, *ids])
            answers[row, len(asked) : end] = True
        return batch, answers


def initialise(network: Network, seed: int) -> None:
    """Random weights: outputs of layers small, time steps from 0.001 to 0.1."""
    generator = torch.Generator().manual_seed(seed)
    depth = len(network.config.pattern)

    def normal(tensor: Tensor, scale: float) -> None:
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale)

    hidden = network.config.hidden_size
    normal(network.embeddings, 0.1)
    normal(network.lm_head, 0.02)
    network.norm.fill_(1)
    for layer in network.layers:
        layer.norm.fill_(1)
        if isinstance(layer, Mamba):
            normal(layer.in_proj, 0.7 * hidden**-0.5)
            normal(layer.out_proj, network.config.inner_size**-0.5 / math.sqrt(depth))
            normal(layer.conv_weight, 0.3)
            layer.conv_bias.zero_()
            layer.D.fill_(1)
            layer.gate_norm.fill_(1)
            layer.A_log.copy_(torch.log(torch.rand(layer.A_log.shape, generator=generator) * 15 + 1))
            low, high = math.log(0.001), math.log(0.1)
            step = torch.exp(torch.rand(layer.dt_bias.shape, generator=generator) * (high - low) + low)
            layer.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))  # so that softplus gives the step
        elif isinstance(layer, MLP):
            normal(layer.up, 0.7 * hidden**-0.5)
            normal(layer.down, network.config.intermediate_size**-0.5 / math.sqrt(depth))
        else:
            normal(layer.qkv, 0.7 * hidden**-0.5)
            normal(layer.out, hidden**-0.5 / math.sqrt(depth))


def optimisers(network: Network) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for embedding, head and what is small. Their rates are scaled together."""
    parameters = network.parameters()
    matrices = [
        tensor
        for name, tensor in parameters.items()
        if tensor.ndim == 2 and name not in ("embeddings", "lm_head") and "conv" not in name
    ]
    others = [tensor for tensor in parameters.values() if not any(tensor is matrix for matrix in matrices)]
    return [
        torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def rate(step: int, progress: float) -> float:
    """The share of the full learning rate: up over 60 steps, down over the second half."""
    return min(1.0, (step + 1) / 60) * (1.0 if progress < 0.5 else max(0.02, (1 - progress) / 0.5))


def train(network: Network, lessons: Lessons, tokens: int) -> Iterator[tuple[float, float]]:
    """Trains on about ``tokens`` tokens; gives progress (0 to 1) and the loss of each step."""
    parameters = list(network.trainable().parameters().values())
    both = optimisers(network)
    full = [group["lr"] for optimiser in both for group in optimiser.param_groups]
    seen = step = 0
    while seen < tokens:
        progress = seen / tokens
        ids, answers = lessons.batch(progress)
        groups = [group for optimiser in both for group in optimiser.param_groups]
        for group, most in zip(groups, full, strict=True):
            group["lr"] = most * rate(step, progress)
        where = answers[:, 1:]
        logits = network.forward(ids[:, :-1], where)
        loss = F.cross_entropy(logits, ids[:, 1:][where])
        # Keeps logits small (z-loss: Chowdhery et al. 2022, section 5), and so what rounding does to them.
        spread = logits.logsumexp(dim=1).square().mean()
        for optimiser in both:
            optimiser.zero_grad(set_to_none=True)
        (loss + 1e-4 * spread).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimiser in both:
            optimiser.step()
        seen += ids.numel()
        step += 1
        yield seen / tokens, loss.item()


def save(network: Network, folder: Path) -> None:
    """The weights in bf16; what is fp32 in the engine (time steps, decay, convolution) stays so."""
    rounded = Network(CONFIG, dtype=torch.bfloat16)
    exact = network.tensors()
    with torch.no_grad():
        for name, tensor in rounded.tensors().items():
            tensor.copy_(exact[name])
    checkpoint.save(rounded, folder)


def main() -> None:
    """Write ``config.json``, ``model.safetensors`` and ``tokenizer.json``; tell how it goes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=HERE / "checkpoint")
    parser.add_argument("--tokens", type=int, default=6_500_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    out: Path = options.out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    out.mkdir(parents=True, exist_ok=True)
    content = tokenizer()
    (out / "tokenizer.json").write_text(content, encoding="utf-8")
    network = Network(CONFIG, dtype=torch.float32)
    with torch.no_grad():
        initialise(network, options.seed)
    lessons = Lessons(Tokenizer(content), options.seed)
    begin, mean, told = time.process_time(), 0.0, 0
    for number, (progress, loss) in enumerate(train(network, lessons, options.tokens), 1):
        mean += (loss - mean) / min(number, 50)
        if int(progress * 50) > told:
            told = int(progress * 50)
            minutes = (time.process_time() - begin) / 60
            print(f"{progress:4.0%}  step {number}  loss {mean:.3f}  {minutes:.1f} CPU minutes", flush=True)
            if told % 5 == 0:
                save(network, out)  # to look at while it goes on
    save(network, out)


if __name__ == "__main__":
    main()
