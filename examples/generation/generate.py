"""Generating with the embedded engine: documents in, completions out, in order, none missing.

    python examples/generation/generate.py

The checkpoint is made on the spot: the published format, five layers, random weights. So what comes out is
noise; with the directory of a real one (``--checkpoint NVIDIA-Nemotron-Nano-9B-v2 --device cuda``) nothing
else changes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from model import Request
from model.chat import Tokenizer
from nanocorpus import Engine

DOCUMENTS = {
    "harbour": "The boats lie on their sides until noon.",
    "ferry": "The ferry leaves at ten past every second hour.",
    "garden": "Beans climb anything that stands still for an afternoon.",
}


def make_checkpoint(folder: Path) -> Path:
    """A tiny checkpoint with the sample's tokenizer."""
    from model.tiny import tiny_config, write_checkpoint

    write_checkpoint(folder, tiny_config(vocab_size=4096))
    sample = resources.files("nanocorpus") / "configs" / "sample"
    with resources.as_file(sample / "tokenizer.json") as tokenizer:
        shutil.copy(tokenizer, folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="a directory; default: a tiny one, made here")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--max-tokens", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.checkpoint or make_checkpoint(Path(folder))
        tokenizer = Tokenizer.load(path)
        engine = Engine.load(path, device=options.device)
        # plain text is enough here; model.chat.Chat makes prompts that a document cannot break out of
        requests = [
            Request(name, tokenizer.encode(text), max_tokens=options.max_tokens, temperature=0.8, seed=7)
            for name, text in DOCUMENTS.items()
        ]
        for completion in engine.generate(requests):
            print(f"{completion.id}: {completion.finish_reason}, {len(completion.token_ids)} tokens")
            print(f"    {completion.text!r}")


if __name__ == "__main__":
    main()
