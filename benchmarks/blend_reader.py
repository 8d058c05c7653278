"""Claim: the reader for training (one global order, blend, resume, checksums) takes little more than plain
packing.

Usage: ``python benchmarks/blend_reader.py [--millions 90]``. It writes a corpus of two datasets as a run
does, with token ids and lengths of documents distributed as in web text, and reads it to the end in
sequences of 4,096 tokens, each document with an end token. The peer reads the same Parquet files one after
the other, whole row groups, puts the end tokens in and cuts; it knows neither weights, seeds, checksums nor
where it is. Millions of tokens per second of CPU time of the whole process, its threads included; both sides
in turn, the median of the ratios.

What a consumer that takes 2 ms for a sequence waits for one, with 20 ms of latency on every read of storage,
has a ceiling: 5 ms for 999 of 1,000, from the 65th on, as one of 1, 3 and 64 ranks (of 64, several in turn,
each alone on the machine, since one has few hundred sequences). They read one lane, the hardest: one of 64
ranks needs a row group for every sequence or two; then the lanes that a corpus of this size has, and the 64
of one of 3 billion tokens. Also printed, without a floor, is how fast one of 3 and of 64 ranks reads, and how
many row groups it reads of those there are, with few lanes and with 64 (there the ends of lanes are far
apart; here they are not, and where one ends a row group is read twice).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.blend import order
from pipeline.blend.groups import Groups
from pipeline.blend.reader import BlendedReader
from pipeline.blend.weights import Budget, Phase, weights
from pipeline.storage import Storage
from pipeline.tasks.outputs import TableWriter
from pipeline.tasks.shards import GROUP_BYTES, GROUP_ROWS, SHARD

NEEDS = ()
FLOORS = {"times plain packing": 0.9}
FLOOR = FLOORS["times plain packing"]
CEILINGS = {"milliseconds waited, p99.9": 5.0}
CEILING = CEILINGS["milliseconds waited, p99.9"]
LENGTH, EOS, VOCABULARY = 4096, 0, 64_000
ROUNDS = 5


def write(folder: Path, millions: int) -> None:
    """A corpus of this many million tokens: two thirds in one dataset, one third in the other."""
    random = np.random.Generator(np.random.PCG64(7))
    stats: dict[str, Any] = {"name": "numbers", "seed": 1, "tokenizer": None, "datasets": {}}
    for name, share in (("large", 2), ("small", 1)):
        shards, todo = [], millions * 1_000_000 * share // 3
        while todo > 0:
            lengths = np.clip(random.lognormal(6.2, 1.0, 12_000), 20, 60_000).astype(np.int32)
            ids = (random.zipf(1.15, int(lengths.sum())) % VOCABULARY).astype(np.int32)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            count = len(lengths)
            columns: dict[str, Any] = {
                "id": pa.array([random.bytes(16) for _ in range(count)], pa.binary(16)),
                "input_ids": pa.ListArray.from_arrays(pa.array(offsets), pa.array(ids)),
                "n_tokens": pa.array(lengths),
                "dataset": [name] * count,
                "source": ["web"] * count,
                "url": [f"https://www.example.org/{row:x}/page.html" for row in range(count)],
                "language": ["en"] * count,
                "license": pa.nulls(count, pa.string()),
            }
            path = folder / name / f"train-{len(shards):05}.parquet"
            path.parent.mkdir(exist_ok=True)
            writer = TableWriter(path, SHARD, GROUP_BYTES, GROUP_ROWS)
            writer.add(pa.table(columns).select(SHARD.names).cast(SHARD))
            size, sha256, foot = writer.close()
            said = {"bytes": size, "sha256": sha256, "foot": foot}
            shards.append({"path": f"{name}/{path.name}", "documents": count, "tokens": len(ids), **said})
            todo -= len(ids)
        stats["datasets"][name] = {
            "documents": sum(shard["documents"] for shard in shards),
            "tokens": sum(shard["tokens"] for shard in shards),
            "shards": shards,
        }
    tokens = {name: data["tokens"] + data["documents"] for name, data in stats["datasets"].items()}
    share_of_large = tokens["large"] / sum(tokens.values())
    phase = Phase(phase=1, weights={"large": share_of_large, "small": 1 - share_of_large})
    blend = weights([phase], Budget(tokens=sum(tokens.values())), stats)
    (folder / "blend.json").write_text(json.dumps(blend))


def ours(folder: Path, **options: Any) -> int:
    """Tokens of all sequences of a rank."""
    reader = BlendedReader(str(folder), sequence_length=LENGTH, eos=EOS, **options)
    return sum(len(sequence) for sequence in reader)


def plain(folder: Path) -> int:
    """Tokens of all sequences: row group after row group, cut."""

    def flat() -> Iterator[np.ndarray]:
        for path in sorted(folder.glob("*/*.parquet")):
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["input_ids"], use_threads=False)
                column = table["input_ids"].combine_chunks()
                column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
                yield np.insert(column.values.to_numpy(), column.offsets.to_numpy()[1:], EOS)

    given = 0
    rest = np.empty(0, np.int32)
    for tokens in flat():
        rest = np.concatenate([rest, tokens])
        whole = len(rest) // LENGTH * LENGTH
        for start in range(0, whole, LENGTH):
            given += len(rest[start : start + LENGTH].copy())
        rest = rest[whole:]
    return given


def rate(call: Any, *arguments: Any, **options: Any) -> float:
    """Millions of tokens per second of CPU time."""
    started = time.process_time()
    tokens = call(*arguments, **options)
    return tokens / (time.process_time() - started) / 1e6


class Slow(Storage):
    """A storage where every read takes as long as behind a network."""

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        time.sleep(0.02)
        return super().read_range(path, offset, length)


def waits(folder: Path, sequences: int, **options: Any) -> np.ndarray:
    """Milliseconds that the next sequence was waited for, by a consumer that takes 2 ms for each."""
    reader = BlendedReader(str(folder), sequence_length=LENGTH, eos=EOS, storage=Slow(), **options)
    found = []
    for _ in range(min(sequences, len(reader))):
        started = time.perf_counter()
        next(reader)
        found.append(time.perf_counter() - started)
        time.sleep(0.002)
    return np.array(found[64:]) * 1e3  # at first nothing can be ahead, in none of the lanes


def waited(folder: Path, sequences: int, world: int, **options: Any) -> float:
    """Milliseconds that 999 of 1,000 sequences are there within."""
    took, rank = np.empty(0), world // 2
    while len(took) < sequences and rank < world:
        more = waits(folder, sequences, ahead=64, rank=rank, world_size=world, **options)
        took = np.concatenate([took, more])
        rank += 1
    lanes = BlendedReader(str(folder), eos=EOS, **options).state_dict()["reader"]["lanes"]
    shown = "  ".join(f"p{part:g} {np.percentile(took, part):.2f}" for part in (50, 99, 99.9, 100))
    print(f"  milliseconds waited as one of {world}, {lanes} lanes, {len(took)} times: {shown}", flush=True)
    return float(np.percentile(took, 99.9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--millions", type=int, default=90)
    parser.add_argument("--waits", type=int, default=3000, help="sequences of which waits are measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.millions)
        lanes = BlendedReader(str(folder), eos=EOS).state_dict()["reader"]["lanes"]
        rate(plain, folder), rate(ours, folder)
        rounds = [(rate(ours, folder), rate(plain, folder)) for _ in range(ROUNDS)]
        mine, peer = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(ours / theirs for ours, theirs in rounds)
        print(f"M tokens per CPU second, 1 rank, {lanes} lanes  {mine:.1f}  {peer:.1f}  {ratio:.2f}  {FLOOR}")
        print(f"  without a floor: ahead=64  {rate(ours, folder, ahead=64):.1f}")
        as_one_of(folder)
        with patch.object(order, "_RUN", 1):
            as_one_of(folder)
        worlds = (1, 3, 64)
        slowest = max(waited(folder, options.waits, world, lanes=1) for world in worlds)
        slowest = max(slowest, *(waited(folder, options.waits, world) for world in worlds))
        with patch.object(order, "_RUN", 1):
            slowest = max(slowest, *(waited(folder, options.waits, world) for world in worlds))
        print(f"milliseconds waited, p99.9  {slowest:.2f}  -  -  {CEILING}")
    sys.exit(ratio < FLOOR or slowest > CEILING)


def as_one_of(folder: Path) -> None:
    """How fast a rank is, and how many row groups it reads."""
    reader = BlendedReader(str(folder), eos=EOS)
    lanes = reader.state_dict()["reader"]["lanes"]
    there = sum(len(groups.places) for groups in reader._groups)
    for world in (1, 3, 64):
        with patch.object(Groups, "read", autospec=True, side_effect=Groups.read) as read_:
            speed = rate(ours, folder, rank=world // 2, world_size=world)
        read = f"{read_.call_count} of {there} row groups"
        print(f"  without a floor: one of {world}, {lanes} lanes  {speed:.1f}  {read}")


if __name__ == "__main__":
    main()
