"""Claim: the stage ``regressor`` scores real pages 1.2 times as fast as transformers in padded batches, no
slower than transformers one page at a time, and with the same scores.

    pip install '.[bench]'
    python benchmarks/regressor.py [--pages FILE.warc.gz] [--size 64] [--device cuda]

A network of the size of NVIDIA's FineWeb classifiers (BERT base with one output: 12 layers of 768, 30,522
tokens) with random weights, as transformers writes it, and a WordPiece tokenizer trained on the texts, which
are the main text of pages in English. Both sides start from the texts and read 512 tokens. The peer does what
the classifiers' cards show: batches in the given order, padded to the longest, without gradients.

On the CPU: one core, its time and not the clock's, fp32, scores equal within 1e-5; batches of 8, as larger
ones pad as much and are no faster. On CUDA: fp16, within 0.02, batches of 64. Ours and the peer take turns
after every few documents.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pyarrow as pa
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from benchmarks.lib.pages import add_pages, line, parser, read_pages, sample, settle
from stages.quality.regressor.stage import TOKENS, Regressor, RegressorConfig
from stages.quality.regressor.tokens import load_tokenizer
from stages.render import render

NEEDS = ("torch", "transformers", "data:web/pages.warc.gz")
FLOORS = {"times transformers in batches": 1.2, "times transformers, one at a time": 1.0}
SEED = 42
#: By device: documents in a batch of the peer, and in a turn.
BATCH = {"cpu": 8, "cuda": 64}
TURN = {"cpu": 8, "cuda": 256}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_checkpoint(folder: str, texts: Sequence[str]) -> None:
    """A checkpoint as the hub has it, of random weights about the score 2.5."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    config = BertConfig(num_labels=1)
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size, special_tokens=SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    torch.manual_seed(SEED)
    network = BertForSequenceClassification(config)
    network.classifier.weight.data *= 5  # scores that differ
    network.classifier.bias.data.fill_(2.5)
    network.save_pretrained(folder)


Score = Callable[[Sequence[str]], list[float]]


def by_stage(folder: str, device: str) -> Score:
    stage = Regressor(RegressorConfig.model_validate({"model": folder, "name": "edu", "device": device}))
    stage.open()
    return lambda texts: stage.annotate(pa.table({"text": texts})).columns["quality.edu"].to_pylist()


def by_transformers(folder: str, device: str, size: int) -> Score:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    dtype = torch.float16 if device == "cuda" else torch.float32
    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype).to(device).eval()

    @torch.inference_mode()
    def score(texts: Sequence[str]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(texts), size):
            batch = texts[start : start + size]
            inputs: Any = tokenizer(
                batch, return_tensors="pt", padding="longest", truncation=True, max_length=TOKENS
            ).to(device)
            logits = network(**{name: inputs[name] for name in ("input_ids", "attention_mask")}).logits
            found += logits.squeeze(-1).clamp(0, 5).tolist()
        return found

    return score


def compare(name: str, ours: Score, peer: Score, texts: Sequence[str], device: str, floor: float) -> bool:
    """Print how many scores are equal, and documents/s of both."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    for score in (ours, peer):
        score(texts[: TURN[device]])
    settle()
    spent = [0.0, 0.0]
    found: tuple[list[float], list[float]] = ([], [])
    for start in range(0, len(texts), TURN[device]):
        for side, score in enumerate((ours, peer)):
            began = clock()
            found[side].extend(score(texts[start : start + TURN[device]]))
            spent[side] += clock() - began
    within = 0.02 if device == "cuda" else 1e-5
    equal = sum(abs(a - b) <= within for a, b in zip(*found, strict=True))
    good = line(f"regressor.scores equal to {name}", equal, len(texts), 1.0)
    mine, theirs = (len(texts) / seconds for seconds in spent)
    return line(f"regressor.documents/s ours/{name}", mine, theirs, floor) and good


def main() -> int:
    """Print the lines; 1 if something is under its floor, 2 without the peer."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--size", type=int, default=64, help="pages that are scored")
    options.add_argument("--device", choices=list(BATCH), default="cpu")
    given = options.parse_args()
    try:
        import torch
        import transformers
    except ImportError as error:
        print(f"no verdict: {error.name} is not installed (pip install '.[bench]')", file=sys.stderr)
        return 2
    if given.device == "cuda" and not torch.cuda.is_available():
        print("no verdict: torch finds no CUDA device", file=sys.stderr)
        return 2
    transformers.utils.logging.disable_progress_bar()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    pages = sample([page for page in read_pages(given.pages) if page.lang in ("en", "")], given.size, SEED)
    texts = [text for page in pages if (text := render(page.html, content="main").text)]
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(folder, texts)
        tokenizer = load_tokenizer(folder, TOKENS)
        read = statistics.mean(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts))
        print(f"{len(texts)} texts of {read:.0f} tokens on average; {given.device}:")
        ours, size = by_stage(folder, given.device), BATCH[given.device]
        good = True
        for name, batch, floor in (
            (f"transformers, {size} at a time", size, FLOORS["times transformers in batches"]),
            ("transformers, one at a time", 1, FLOORS["times transformers, one at a time"]),
        ):
            peer = by_transformers(folder, given.device, batch)
            good &= compare(name, ours, peer, texts, given.device, floor)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
