"""Sealed Parquet files: a row group is a section, the footer is the foot.

Knows where Parquet keeps its footer; does not know what is in the tables.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sealed.files import Damaged, Section, Sink, Stored, foot_digest, read_foot, read_section
from pipeline.storage import Storage

#: Key in the footer's metadata: ``offset:length:crc`` of every row group, the CRC in hex.
GROUPS = b"nanocorpus.row_groups"


_MAGIC = b"PAR1"


class ParquetWriter:
    """A Parquet file in sections: each table that is written becomes a row group. Page checksums are written
    too, for other readers."""

    def __init__(self, local: Path, schema: pa.Schema) -> None:
        self._local, self._file = local, local.open("wb")
        self._sink, self._sections = Sink(self._file), list[Section]()
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"),
            schema,
            compression="zstd",
            compression_level=3,
            write_page_checksum=True,
        )

    def write(self, table: pa.Table) -> None:
        """Write one row group."""
        self._writer.write_table(table, row_group_size=max(len(table), 1))
        self._sections.append(self._sink.section())

    def close(self) -> tuple[int, str, str]:
        """Write the footer. Size, sha256 and digest of the foot."""
        groups = " ".join(f"{offset}:{length}:{crc:08x}" for offset, length, crc in self._sections)
        self._writer.add_key_value_metadata({GROUPS.decode(): groups})
        self._writer.close()
        self._file.close()
        size = self._sink.tell()
        with self._local.open("rb") as file:
            file.seek(size - 8)
            length = int.from_bytes(file.read(4), "little") + 8
            file.seek(size - length)
            foot = file.read()
        return size, self._sink.sha256, foot_digest(foot)


class ParquetFile:
    """A sealed Parquet file, read by row groups. Each is fetched with one ranged read and verified."""

    def __init__(self, storage: Storage, stored: Stored) -> None:
        self._storage, self.path = storage, stored.path
        foot, size = read_foot(storage, stored, 8, _MAGIC)
        try:
            self.metadata = pq.read_metadata(pa.BufferReader(foot))
            self.sections = list(_sections(self.metadata))  # of every row group
            self._window = _Window(size)
            self._file = pq.ParquetFile(
                pa.PythonFile(self._window, mode="r"),
                metadata=self.metadata,
                pre_buffer=False,
                # where sections have checksums, those of their pages say nothing more
                page_checksum_verification=any(section.crc is None for section in self.sections),
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Damaged(self.path, f"its footer cannot be read: {error}") from None
        self.schema: pa.Schema = self._file.schema_arrow

    def batches(self, group: int, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        """A row group in batches of at most ``rows``."""
        section = self.sections[group]
        self._window.show(section.offset, read_section(self._storage, self.path, section))
        try:
            yield from self._file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise Damaged(self.path, f"row group {group} cannot be decoded: {error}") from None

    def table(self, group: int, columns: list[str], data: bytes | memoryview | None = None) -> pa.Table:
        """A whole row group, each column in one chunk. ``data``: its section, where it was read before."""
        section = self.sections[group]
        data = read_section(self._storage, self.path, section) if data is None else data
        self._window.show(section.offset, data)
        try:
            return self._file.read_row_group(group, columns=columns, use_threads=False).combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise Damaged(self.path, f"row group {group} cannot be decoded: {error}") from None


def _sections(metadata: Any) -> Iterator[Section]:
    """The section of every row group; from the offsets of its columns if the writer left no list."""
    listed = (metadata.metadata or {}).get(GROUPS)
    if listed is not None:
        for item in listed.decode().split():
            offset, length, crc = item.split(":")
            yield Section(int(offset), int(length), int(crc, 16))
        return
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        chunks = [group.column(index) for index in range(group.num_columns)]
        starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
        ends = [start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)]
        yield Section(min(starts), max(ends) - min(starts), None)


class _Window(io.RawIOBase):
    """A file of which only one range is loaded, from which Arrow reads a row group."""

    def __init__(self, size: int) -> None:
        self._size, self._position, self._start, self._data = size, 0, 0, memoryview(b"")

    def show(self, start: int, data: bytes | memoryview) -> None:
        """Replace the loaded range."""
        self._start, self._data = start, memoryview(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        return self._size

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def read(self, size: int = -1) -> bytes:
        begin = self._position - self._start
        end = len(self._data) if size < 0 else begin + size
        if begin < 0 or end > len(self._data):
            raise OSError(f"bytes {self._position} to {self._start + end} are not in any section")
        self._position = self._start + end
        return bytes(self._data[begin:end])
