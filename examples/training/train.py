"""Training on a corpus: a PyTorch loop over ``BlendedReader``, stopped and resumed in mid-epoch.

    nanocorpus run --config sample.yaml
    python examples/training/train.py out/sample

The model is a toy (an embedding, a GRU and a head). What matters is around it: every rank makes its own
reader, sequences come packed and mixed by the weights of ``blend.json``, and the reader's state goes into
the checkpoint, so that training goes on with the sequences that were still to come, also with another number
of ranks.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from nanocorpus import BlendedReader
from pipeline.blend.loader import Batches


class Toy(nn.Module):
    """int64[batch, length] to float32[batch, length, vocabulary]."""

    def __init__(self, vocabulary: int, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.body = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.body(self.embedding(ids))[0])


def steps(model: Toy, optimizer: torch.optim.Optimizer, batches: Iterator[Tensor]) -> list[float]:
    """One step per batch; the losses."""
    losses = []
    for batch in batches:
        batch = batch.long()
        logits = model(batch[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", help="the output of a run, local or behind an address")
    parser.add_argument("--length", type=int, default=128, help="tokens of a sequence")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20, help="before and after the stop")
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--world-size", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # a model as small as this is slower with more

    def reader() -> BlendedReader:
        return BlendedReader(
            options.corpus,
            sequence_length=options.length,
            rank=options.rank,
            world_size=options.world_size,
        )

    model = Toy(options.vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    first = reader()
    batches = iter(DataLoader(Batches(first, options.batch), batch_size=None))
    losses = steps(model, optimizer, itertools.islice(batches, options.steps))
    print(f"step {len(losses)}: loss {losses[0]:.2f} to {losses[-1]:.2f}")

    checkpoint = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "data": first.state_dict(),
    }

    # another process, later, with as many ranks as there are then: the same arguments, and the state of the
    # data with that of the model
    second = reader()
    second.load_state_dict(checkpoint["data"])
    batches = iter(DataLoader(Batches(second, options.batch), batch_size=None))
    losses += steps(model, optimizer, itertools.islice(batches, options.steps))
    print(f"step {len(losses)}: loss {losses[-1]:.2f}")


if __name__ == "__main__":
    main()
