"""Properties and memory needs of a checkpoint, computed from its configuration and headers, without torch and
without reading weights.

Knows sizes. Does not know what is installed or how much memory there is: the caller names the sizes of
interest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.checkpoint import CheckpointError, stored_tensors, validate
from model.config import ModelConfig
from model.memory import Room, default_length, room

GIB = 1 << 30
MIB = 1 << 20

#: Device memory taken by the driver's context and the libraries' own buffers.
CONTEXT = GIB


@dataclass(frozen=True, slots=True)
class Inspection:
    """Sizes of a network. Bytes are bytes; ``batch`` maps GiB of a GPU's memory to the sequences that the
    engine runs there at once with 16-bit weights and an fp32 state."""

    config: ModelConfig
    parameters: dict[str, int]
    max_length: int
    room: dict[int, Room]
    #: A description of the weights on disk.
    stored: str

    @property
    def batch(self) -> dict[int, int]:
        return {gib: space.slots for gib, space in self.room.items()}

    @property
    def total(self) -> int:
        return sum(self.parameters.values())

    def rows(self) -> list[tuple[str, str]]:
        """Label and value, line by line, as the command line prints them."""
        config = self.config
        layers = (
            (config.layers("M"), "Mamba-2"),
            (config.layers("-"), "MLP"),
            (config.layers("*"), "attention"),
        )
        full, half = config.ssm_elements * 4, config.ssm_elements * 2
        split = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        rows = [
            ("layers", f"{len(config.pattern)}: " + ", ".join(f"{count} {name}" for count, name in layers)),
            ("pattern", config.pattern),
            ("parameters", f"{self.total:,} ({split})"),
            ("weights in memory", f"{_size(self.total * 2)} in 16 bits, {_size(self.total * 4)} in fp32"),
            ("weights on disk", self.stored),
            ("recurrent state per sequence", f"{_size(full)} in fp32, {_size(half)} in 16 bits"),
            ("convolution state per sequence", f"{_size(config.conv_elements * 2)} in 16 bits"),
            ("keys and values per token", f"{config.kv_elements * 2:,} bytes in 16 bits"),
            (f"slot for {self.max_length:,} tokens", _size(config.slot_bytes(self.max_length))),
        ]
        for gib, space in self.room.items():
            value = f"{space.slots:,} sequences" if space.slots else "does not fit"
            if space.fit > space.slots:
                value += f", the most by default ({space.fit:,} fit)"
            rows.append((f"batch in {gib} GiB", value))
        return rows


def inspect(
    path: str | Path, *, max_length: int | None = None, memory_gib: Sequence[int] = (24, 48, 80, 141)
) -> Inspection:
    """Inspect a checkpoint directory or a ``config.json``.

    max_length: tokens per sequence for which the batch is computed; the default is that of the engine. Raises
    ``ModelConfigError``, and ``CheckpointError`` if there are weights that do not fit the configuration.
    """
    config = ModelConfig.load(path)
    parameters = {"Mamba-2": 0, "MLP": 0, "attention": 0, "embedding": 0, "head": 0}
    kinds = {"M": "Mamba-2", "-": "MLP", "*": "attention"}
    for name, shape in config.tensor_shapes().items():
        part = "head"
        if name.startswith("backbone.layers."):
            part = kinds[config.pattern[int(name.split(".")[2])]]
        elif name.startswith("backbone.embeddings."):
            part = "embedding"
        parameters[part] += math.prod(shape)
    weights = sum(parameters.values()) * 2
    length = default_length(config, max_length)
    fits = {gib: room(config, length, max(0, gib * GIB - CONTEXT - weights)) for gib in memory_gib}
    return Inspection(config, parameters, length, fits, _stored(Path(path), config))


def _stored(path: Path, config: ModelConfig) -> str:
    if not path.is_dir() or not any(path.glob("*.safetensors")):
        return "none here"
    try:
        tensors = validate(config, stored_tensors(path))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    dtypes = sorted({tensor.dtype for tensor in tensors.values()})
    files = len({tensor.file for tensor in tensors.values()})
    total = sum(tensor.bytes for tensor in tensors.values())
    return f"{_size(total)} in {files} file{'s'[: files > 1]}, {' and '.join(dtypes)}"


def _size(count: int) -> str:
    if count >= GIB:
        return f"{count / GIB:.2f} GiB"
    return f"{count / MIB:.2f} MiB" if count >= MIB // 10 else f"{count:,} bytes"
