"""Checkpoints in the published format: ``config.json`` and safetensors, in one file or in shards with an
index.

Knows files, headers and names. Does not know what a tensor is for. Needs torch only for ``load`` and
``save``, so a checkpoint can be inspected, and read into NumPy arrays, without torch.

The tensors that a configuration requires and those in the files are compared by name and shape before any
weight is read; tensors that are missing, unknown or of another shape are refused by name. Weights are then
copied tensor by tensor from the mapped file to their place, so loading takes no more host memory than one
tensor.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from model.config import ModelConfig

if TYPE_CHECKING:
    import torch

    from model.layers import Operations
    from model.network import Network

log = logging.getLogger(__name__)

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_ELEMENT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
#: Their NumPy types; NumPy has no bfloat16.
_STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}

#: Types that weights can have in memory. Not float16: the squared ReLU of an MLP exceeds its largest number,
#: 65,504, from inputs of 256 on.
DTYPES = ("float32", "bfloat16")

#: Not loaded, and of any dtype: layers for multi-token prediction, which generation does not need.
UNUSED = ("mtp.",)

#: A longer header is rejected (the safetensors library has the same limit).
_MAX_HEADER = 100_000_000


class CheckpointError(ValueError):
    """Files that are not a checkpoint of the network that their configuration describes."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Location of a tensor: its file, its dtype as safetensors writes it ("BF16"), its shape, its first
    byte."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int = 0

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * _ELEMENT_BYTES[self.dtype]

    def read(self) -> npt.NDArray[Any]:
        """The values: float64 unchanged, others as float32, which represents them exactly."""
        raw = np.fromfile(self.file, _STORED[self.dtype], math.prod(self.shape), offset=self.offset)
        if self.dtype == "BF16":  # the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float64 if self.dtype == "F64" else np.float32, copy=False).reshape(self.shape)


def stored_tensors(path: str | Path, unused: tuple[str, ...] = UNUSED) -> dict[str, StoredTensor]:
    """Every tensor of a checkpoint directory, from the headers alone. Those whose names begin with one of
    ``unused`` may be of any dtype. Raises ``CheckpointError``."""
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: not a directory")
    if (folder / INDEX).is_file() and (folder / SINGLE).is_file():
        raise CheckpointError(f"{folder}: both {SINGLE} and {INDEX}; which of the two holds the weights?")
    if (folder / INDEX).is_file():
        listed = _index(folder / INDEX)
    elif (folder / SINGLE).is_file():
        listed = None
    else:
        raise CheckpointError(f"{folder}: neither {SINGLE} nor {INDEX}")
    tensors: dict[str, StoredTensor] = {}
    for name in sorted(set(listed.values())) if listed is not None else [SINGLE]:
        for key, tensor in _header(folder / name, unused).items():
            if key in tensors:
                raise CheckpointError(f"{key}: in {tensors[key].file.name} and again in {name}")
            tensors[key] = tensor
    if listed is not None and listed != {key: tensor.file.name for key, tensor in tensors.items()}:
        wrong = sorted(
            key
            for key in listed.keys() | tensors.keys()
            if key not in tensors or listed.get(key) != tensors[key].file.name
        )
        raise CheckpointError(f"{folder / INDEX}: does not agree with the shards on {_few(wrong)}")
    return tensors


def validate(config: ModelConfig, tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The tensors that the network of ``config`` consists of; ``CheckpointError`` if ``stored`` has others or
    lacks some.

    Layers for multi-token prediction (``mtp.*``), which some members of the family have in addition, are left
    out with a note in the log.
    """
    extra = sorted(name for name in tensors if name.startswith(UNUSED))
    if extra:
        log.info("%d tensors for multi-token prediction are not loaded: %s", len(extra), _few(extra))
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith(UNUSED)}
    expected = config.tensor_shapes()
    unknown = sorted(found.keys() - expected.keys())
    if any(name.endswith("_scale") for name in unknown):
        raise CheckpointError(f"quantised weights are not implemented: {_few(unknown)}")
    problems = []
    missing = [name for name in expected if name not in found]
    if missing:
        problems.append(f"missing: {_few(missing)}")
    if unknown:
        problems.append(f"unknown: {_few(unknown)}")
    shapes = [
        f"{name} is {list(found[name].shape)}, not {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    if shapes:
        problems.append(f"shapes: {_few(shapes)}")
    if problems:
        raise CheckpointError("the weights do not fit config.json: " + "; ".join(problems))
    return {name: found[name] for name in expected}


def load(
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    operations: Operations | None = None,
) -> Network:
    """The network of a checkpoint directory, ready for inference.

    dtype: of the weights in memory, one of ``DTYPES``; the one that ``config.json`` names by default. Raises
    ``ModelConfigError`` or ``CheckpointError``.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from model.network import Network

    config = ModelConfig.load(path)
    try:
        tensors = validate(config, stored_tensors(path))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    named = config.dtype if dtype is None else str(dtype).removeprefix("torch.")
    if named not in DTYPES:
        source = "config.json names" if dtype is None else "there was asked for"
        raise CheckpointError(f"{path}: {source} the dtype {named!r}; ask for {' or '.join(DTYPES)}")
    chosen = getattr(torch, named)
    network = Network(config, device=device, dtype=chosen, operations=operations)
    targets = network.tensors()
    for file in sorted({tensor.file for tensor in tensors.values()}):
        try:
            with safe_open(file, framework="pt") as opened:
                for name, tensor in tensors.items():
                    if tensor.file == file:
                        targets[name].copy_(opened.get_tensor(name))
        except SafetensorError as error:
            raise CheckpointError(f"{file}: {error}") from error
    return network.freeze()


def save(network: Network, path: str | Path, *, shard_bytes: int = 5_000_000_000) -> None:
    """Write a network as a checkpoint that ``load``, and every reader of the published format, can read.

    Each tensor keeps the dtype it has in memory. Above ``shard_bytes`` the weights are cut into shards of at
    most that size (or one tensor) with an index. An existing checkpoint is removed first, so a folder in
    which writing was interrupted is refused, and old weights are never taken for new ones.
    """
    from safetensors.torch import save_file

    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    old = [folder / "config.json", folder / INDEX, folder / SINGLE]
    for file in (*old, *sorted(folder.glob("model-*-of-*.safetensors"))):
        file.unlink(missing_ok=True)
    tensors = {name: tensor.detach() for name, tensor in network.tensors().items()}
    sizes = {name: tensor.numel() * tensor.element_size() for name, tensor in tensors.items()}
    shards = _shards(sizes, shard_bytes)
    names = [SINGLE]
    if len(shards) > 1:
        names = [f"model-{n:05}-of-{len(shards):05}.safetensors" for n in range(1, len(shards) + 1)]
    for name, keys in zip(names, shards, strict=True):
        part = {key: tensors[key].cpu().contiguous() for key in keys}
        save_file(part, folder / name, metadata={"format": "pt"})
    values = network.config.to_dict() | {"torch_dtype": str(network.dtype).removeprefix("torch.")}
    _write_json(folder / "config.json", values)
    if len(shards) > 1:
        index = {
            "metadata": {"total_size": sum(sizes.values())},
            "weight_map": {key: name for name, keys in zip(names, shards, strict=True) for key in keys},
        }
        _write_json(folder / INDEX, index)


def _shards(sizes: dict[str, int], limit: int) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    used = 0
    for name, size in sizes.items():
        if shards[-1] and used + size > limit:
            shards.append([])
            used = 0
        shards[-1].append(name)
        used += size
    return shards


def _write_json(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _index(file: Path) -> dict[str, str]:
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: no weight_map can be read: {error!r}") from error
    if not isinstance(listed, dict) or not all(isinstance(name, str) for name in listed.values()):
        raise CheckpointError(f"{file}: weight_map does not map tensors to files")
    outside = [name for name in listed.values() if Path(name).name != name]
    if outside:
        raise CheckpointError(f"{file}: names files outside of the checkpoint: {_few(sorted(set(outside)))}")
    return listed


def _header(file: Path, unused: tuple[str, ...]) -> dict[str, StoredTensor]:
    """A safetensors header: eight bytes of length, then JSON of name → dtype, shape and offsets."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length)) if length <= _MAX_HEADER else None
        size = file.stat().st_size - 8 - length
    except OSError as error:
        raise CheckpointError(f"{file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: not a safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{file}: not a safetensors file")
    tensors = {}
    spans = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            dtype, shape = str(entry["dtype"]), tuple(map(int, entry["shape"]))
            begin, end = map(int, entry["data_offsets"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{file}: no dtype, shape and offsets for {name}") from error
        spans.append((begin, end, name))
        if dtype not in _ELEMENT_BYTES and not name.startswith(unused):
            message = f"{name} is {dtype}; only floats of 16 bits or more are implemented"
            raise CheckpointError(f"{file}: {message}")
        tensor = StoredTensor(file, dtype, shape, 8 + length + begin)
        wrong = dtype in _ELEMENT_BYTES and end - begin != tensor.bytes
        if wrong or not 0 <= begin <= end <= size:
            raise CheckpointError(
                f"{file}: {name} is cut off or has wrong offsets; was the file copied whole?"
            )
        tensors[name] = tensor
    reached = 0
    for begin, end, name in sorted(spans):
        if begin != reached:
            raise CheckpointError(f"{file}: {name} begins at byte {begin}, not {reached}: overlap or gap")
        reached = end
    if reached != size:
        raise CheckpointError(f"{file}: {size - reached} bytes after the last tensor")
    return tensors


def _few(names: Iterable[str], most: int = 5) -> str:
    """The first few names and the number of the others."""
    listed = list(names)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
