"""The reader for PyTorch's ``DataLoader``: batches that worker processes make and hand over in shared memory.

Needs the extra ``[model]`` (torch), which nothing else of ``pipeline`` does.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from pipeline.blend.reader import BlendedReader


class Batches(IterableDataset[Tensor]):
    """``int32[size, sequence_length]`` tensors of a rank's sequences, the last one maybe smaller.

    For ``DataLoader(Batches(reader, size), batch_size=None, num_workers=n)``. The batches are the same, in
    the same order, for any number of workers, each of which reads every n-th. With workers the reader itself
    is not moved
    on: ``reader.state_dict(given)`` is the state after so many sequences of this rank.
    """

    def __init__(self, reader: BlendedReader, size: int) -> None:
        self._reader, self._size = reader, size

    def __iter__(self) -> Iterator[Tensor]:
        worker = get_worker_info()
        reader = self._reader
        if worker is not None:
            reader = reader.share(self._size, worker.id, worker.num_workers)
        return map(torch.from_numpy, reader.batches(self._size))
