"""No flipped bit of a Parquet file goes unnoticed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import flip

from pipeline.sealed import Damaged, ParquetFile, ParquetWriter, Stored
from pipeline.storage import Storage


def read_all(stored: Stored) -> pa.Table:
    file = ParquetFile(Storage(), stored)
    groups = range(file.metadata.num_row_groups)
    return pa.concat_tables(file.table(group, ["n", "text"]) for group in groups)


def test_no_single_bit_of_a_parquet_file_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"n": np.arange(300), "text": [f"text {i % 7} " * 3 for i in range(300)]})
    writer = ParquetWriter(path, table.schema)
    for start in (0, 100, 200):
        writer.write(table.slice(start, 100))
    size, _, foot = writer.close()
    stored = Stored(str(path), size, foot)
    assert pq.ParquetFile(path, page_checksum_verification=True).read().equals(table)
    whole = path.read_bytes()
    rng = random.Random(0)
    for bit in [*range(32), *(rng.randrange(8 * size) for _ in range(300)), *range(8 * size - 64, 8 * size)]:
        flip(path, bit)
        with pytest.raises(Damaged, match=r"x\.parquet"):
            read_all(stored)
        path.write_bytes(whole)


def test_files_of_other_writers_are_read_too(tmp_path: Path) -> None:
    table = pa.table({"n": np.arange(300), "text": [None if i % 5 else "x" * i for i in range(300)]})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=77)
    assert read_all(Stored(str(tmp_path / "x.parquet"))).equals(table)
