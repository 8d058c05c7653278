"""Measures ``checkpoint/`` on pages that it was not taught, and writes its card, ``checkpoint/README.md``.

    python configs/sample/measure_checkpoint.py [--checkpoint DIRECTORY]

Greedy, in fp32, by the reference in NumPy: no torch. Exit code 1 if a figure is below its floor.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # more only wait for each other: the products are small
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from lessons.measure import COUNT, FLOORS, MOST, measure  # noqa: E402

from model.backends.reference import Reference  # noqa: E402
from model.chat import Tokenizer  # noqa: E402
from model.config import ModelConfig  # noqa: E402

WHAT = {
    "qa": "a question to each sentence, answered in its words",
    "list": "the sentences as a list",
    "distill": "the first sentence, without contractions",
    "rephrase": "the sentences with other words for some",
    "translate": "English of a closed vocabulary in German",
}
CARD = """---
license: apache-2.0
language: [en, de]
library_name: nanocorpus
pipeline_tag: text-generation
tags: [nemotron_h, mamba-2, toy]
---

# The sample's checkpoint

A NemotronH network of {parameters:,} parameters ({pattern}: Mamba-2, attention, MLP) in the format of Nemotron Nano 2, trained
from nothing on one core. It is there so that the sample can generate text for real, offline and in seconds, and so that engine,
kernels and backends can be compared on something that is not random. It copies, follows five small rules and knows 80 German
words: it is of no other use, and what it writes is not fit for training.

| | |
|---|---|
| layers, width | {layers}, {hidden}; {inner} channels in {heads} Mamba heads, state {state}; {queries} query and {keys} key heads |
| vocabulary | {vocabulary:,} byte-level BPE tokens with the chat's special tokens at their published numbers |
| length | {length:,} tokens; it was taught texts whose prompt and answer have up to {longest} |
| weights | bf16; what is fp32 in the engine is fp32 here |

## Tasks

Prompts are those of `../tasks/`, in the chat's format, without reasoning. Measured by `measure_checkpoint.py` on {count} texts of one
to {most} sentences each, of pages (for `translate`: of pairs of noun and adjective) that were held out; greedy, fp32, NumPy.
*Exact* is the share of answers that are right to the last character.

| task | answer | exact |
|---|---|---|
{tasks}

Of the answers to questions {verbatim:.1%} stand word for word in the text (before any filter), and {written:.0%} of the questions
that could be asked were. Of those that pass the gates of
`../tasks/rules.yaml` (171 of 192) it is 90 %. It never says that there is nothing to say. Texts with formulas, tables or code, longer ones, and other
languages it has not seen.

## Training

By `train_checkpoint.py` on the sample's pages, all of which were written for it, on random words in the shape of sentences, and on
sentences of a closed vocabulary: {tokens} tokens, Muon and AdamW, about 25 minutes of one core. Nothing in it depends on the clock or
on threads: the first steps, trained twice on one machine, give the same bytes (a test does so). The whole was trained once.
"""


def main() -> int:
    """Print figures, write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, default=HERE / "checkpoint")
    folder: Path = parser.parse_args().checkpoint
    words, config = Tokenizer.load(folder), ModelConfig.load(folder)
    found = measure(Reference.load(folder), words)
    for name, value in found.items():
        print(f"{name:20} {value:.3f}" + (f"  floor {FLOORS[name]}" if name in FLOORS else ""))
    card = CARD.format(
        parameters=sum(map(math.prod, config.tensor_shapes().values())),
        pattern=f"`{config.pattern}`",
        layers=len(config.pattern),
        hidden=config.hidden_size,
        inner=config.inner_size,
        heads=config.mamba_num_heads,
        state=config.ssm_state_size,
        queries=config.num_attention_heads,
        keys=config.num_key_value_heads,
        vocabulary=config.vocab_size,
        length=config.max_position_embeddings,
        longest=288,
        count=COUNT,
        most=MOST,
        tasks="\n".join(
            f"| `{task}` | {what} | {found[f'{task} exact']:.2f} |" for task, what in WHAT.items()
        ),
        verbatim=found["qa verbatim"],
        written=found["qa pairs written"],
        tokens="6.5 million",
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    return int(any(found[name] < floor for name, floor in FLOORS.items()))


if __name__ == "__main__":
    sys.exit(main())
