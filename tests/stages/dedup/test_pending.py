"""Keys in several tables: the same result as in one, against brute force, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exchange.runs import sort
from stages.dedup import pending
from stages.dedup.exact import ExactDedup, ExactDedupConfig
from stages.dedup.lines import LineDedup, LineDedupConfig
from stages.dedup.passages import ORDER, PassageDedup, PassageDedupConfig
from stages.dedup.pending import alike
from stages.global_stage import OWN, Global

Row = tuple[int, int, int, int, int]  # key, low, id, offset, position

STAGES: list[tuple[Global, str]] = [
    (ExactDedup(ExactDedupConfig()), "verdicts"),
    (LineDedup(LineDedupConfig()), "verdicts"),
    (LineDedup(LineDedupConfig(keep="none", min_documents=7)), "verdicts"),
    (PassageDedup(PassageDedupConfig(min_tokens=8)), "shared"),
    (PassageDedup(PassageDedupConfig(min_tokens=8)), "verdicts"),
    (PassageDedup(PassageDedupConfig(min_tokens=8, keep="none")), "verdicts"),
]

documents = st.integers(0, 15)
# few values, so that ids and offsets are equal often, and keys have more than one hash
row = st.tuples(st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 2]), documents, st.integers(0, 9), documents)


def tables(rows: list[Row], size: int, before: int = 0, order: tuple[str, ...] = ORDER) -> Iterator[pa.Table]:
    """Rows by key, cut anywhere, each table sorted on its own. Positions below ``before`` are of an earlier
    run."""
    by_key = sorted(rows, key=lambda row: row[0])
    for start in range(0, len(by_key), size):
        key, low, identity, offset, position = zip(*by_key[start : start + size], strict=True)
        positions = [place if place < before else OWN | place for place in position]
        yield sort(
            pa.table(
                {
                    "key": pa.array(key, pa.uint64()),
                    "position": pa.array(positions, pa.uint64()),
                    "low": pa.array(low, pa.uint64()),
                    "offset": pa.array(offset, pa.uint32()),
                    "id": pa.array([number.to_bytes(16, "big") for number in identity], pa.binary(16)),
                }
            ),
            (*order, "position"),
        )


def order_of(stage: Global) -> tuple[str, ...]:
    return ORDER if isinstance(stage, PassageDedup) else ("low", "id")


def reduced(stage: Global, name: str, groups: Iterator[pa.Table]) -> tuple[list[str], dict[str, int]]:
    generator, found = stage.reduce(name, groups), []
    while True:
        try:
            found += map(repr, next(generator).to_pylist())
        except StopIteration as stop:
            return sorted(found), dict(stop.value)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(row, max_size=60, unique_by=lambda row: (row[0], row[1], row[3], row[4])),
    st.integers(1, 9),
    st.integers(0, 4),
)
def test_what_is_alike_is_known_of_every_row(rows: list[Row], size: int, before: int) -> None:
    hashes = defaultdict(list)
    for key, low, identity, offset, position in rows:
        hashes[key, low].append((position >= before, identity, offset, position))
    seen = []
    for found in alike(tables(rows, size, before), ORDER):
        firsts = found.leaders.take(pa.array(found.leader)).to_pylist()
        for row, leads, group in zip(found.rows.to_pylist(), found.leads, found.group, strict=True):
            first = firsts[group]
            members = hashes[first["key"], first["low"]]
            own, identity, offset, position = min(members)
            assert (first["id"], first["offset"]) == (identity.to_bytes(16, "big"), offset)
            assert first["position"] == (position | OWN if own else position)
            assert found.size[group] == len(members)
            assert found.earlier[group] == (not own)
            same = (first["position"], offset) == (row["position"], row["offset"])
            assert row["low"] == first["low"]
            assert leads == same
            seen.append((first["key"], row["low"], row["offset"], row["position"] & ~OWN))
    assert sorted(seen) == sorted((key, low, offset, position) for key, low, _, offset, position in rows)


@pytest.mark.parametrize(("stage", "name"), STAGES)
def test_reduced_as_in_one_table(stage: Global, name: str) -> None:
    passages = isinstance(stage, PassageDedup)  # of the others a document has each hash once

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            row,
            max_size=60,
            unique_by=lambda row: (row[0], row[1], row[3] if passages else 0, row[4]),
        ),
        st.integers(1, 9),
        st.integers(0, 4),
    )
    def check(rows: list[Row], size: int, before: int) -> None:
        rows = [*rows, (9, 0, 0, 0, 0)]  # so that all other keys end within the one table
        whole = reduced(stage, name, tables(rows, len(rows), before, order_of(stage)))
        assert reduced(stage, name, tables(rows, size, before, order_of(stage))) == whole

    check()


def test_fingerprints_in_several_tables_against_brute_force() -> None:
    rng = np.random.default_rng(1)
    stage = PassageDedup(PassageDedupConfig())
    for size in (1, 3, 100):
        keys = rng.integers(0, 15, 40).tolist()
        rows = [(key, 0, 0, 0, place) for place, key in enumerate(keys)]
        found, counts = reduced(stage, "shared", tables(rows, size))
        shared = [(place, key) for place, key in enumerate(keys) if keys.count(key) > 1]
        assert found == sorted(repr({"key": OWN | place, "fingerprint": key}) for place, key in shared)
        assert counts == {"shared fingerprints": len({key for _, key in shared})}


@pytest.mark.parametrize(("stage", "name"), STAGES)
def test_rows_that_wait_go_through_a_file(stage: Global, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    rows = [
        (1, int(low), int(identity), int(offset), number)
        for number, (low, identity, offset) in enumerate(rng.integers(0, (2, 500, 90), (9_000, 3)))
    ]
    rows.append((9, 0, 0, 0, 0))
    whole = reduced(stage, name, tables(rows, len(rows), 50, order_of(stage)))
    monkeypatch.setattr(pending, "SPOOL_BYTES", 1_000)
    monkeypatch.setattr(pending, "BLOCK_ROWS", 700)
    assert reduced(stage, name, tables(rows, 800, 50, order_of(stage))) == whole


MEMORY = """
import numpy as np, pyarrow as pa
from stages.global_stage import OWN
from tests.stages.dedup.test_pending import STAGES

def tables(count, size=40_000):
    rng = np.random.default_rng(3)
    for table in range(count // size):
        offset = np.sort(rng.integers(0, 1 << 30, size)).astype(np.uint32)
        ids = np.stack([np.arange(size), offset], axis=1).astype(">u8")
        yield pa.table({
            "key": np.full(size, 7, np.uint64),
            "position": rng.integers(OWN, 1 << 64, size, np.uint64),
            "low": np.full(size, 8, np.uint64),
            "offset": offset,
            "id": pa.Array.from_buffers(pa.binary(16), size, [None, pa.py_buffer(ids)]),
        })

def peak(count):
    for stage, name in STAGES:
        assert sum(map(len, stage.reduce(name, tables(count)))) >= count - 1
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) // 1024

before = peak(400_000)
print(peak(2_800_000) - before)
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of one process is read from /proc"
)
def test_memory_does_not_grow_with_the_rows_of_a_key() -> None:
    """Nearly three million rows take 120 MB, of which only a spool's worth may be there at once."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY],
        cwd=root,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 48, "MiB"
