"""The index of documents: in which part of the inputs a document is, by its id and by its address.

It is made at the end of a run, so that ``trace`` need not open every part. Its rows are a 64-bit key (the
first half of an id, or a hash of an address) and the number of a part, sorted by key; the names of the parts
stand in a list. Only parts where documents come into being are listed: those that read inputs, and those that
generate. From there the name of a part leads on. The rows are cut into files by range of keys, so that making
them takes bounded memory, and one look-up reads one row group of one file.

Knows receipts and the columns ``id``, ``url`` and ``parent``; does not know what became of a document
(``report.trace``), nor who writes the files.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.ledger.receipts import DOCUMENTS, REJECTS, File
from pipeline.sealed import Damaged, digest
from pipeline.storage import Missing, Storage, join

SCHEMA = pa.schema([("key", pa.uint64()), ("part", pa.uint32())])
#: Rows of a file; while it is made they are in memory twice, at 12 bytes each.
FILE_ROWS = 1 << 23
#: Rows of a row group, which is what a look-up reads.
GROUP_ROWS = 1 << 16
_READERS = 8
_ROW = np.dtype([("key", "<u8"), ("part", "<u4")])


class Origin(NamedTuple):
    """A part in which documents come into being, and the files in which they and their rejects are."""

    key: str  # of the segment
    part: str
    files: tuple[File, ...]
    generates: bool = False  # then only documents that have a parent are from here

    @property
    def line(self) -> str:
        """Its line in the list of parts. The checksums tell whether an index is of these files."""
        return " ".join([self.key, self.part, *(file.sha256[:16] for file in self.files)])


def id_key(identity: bytes) -> int:
    """The key of an id, which is a hash already."""
    return int.from_bytes(identity[:8], "big")


def url_key(url: str) -> int:
    """The key of an address."""
    return int.from_bytes(blake2b(url.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def listing(origins: Iterable[Origin]) -> bytes:
    """The list of parts; the number of a part is the number of its line."""
    return "".join(f"{origin.line}\n" for origin in origins).encode()


def make(
    storage: Storage, output: str, origins: Sequence[Origin], file_rows: int = FILE_ROWS
) -> Iterator[tuple[str, bytes]]:
    """The files of the index, by name: the list of parts last. Damaged if a part cannot be read."""
    with (
        tempfile.TemporaryDirectory(prefix="nanocorpus-trace-") as folder,
        ThreadPoolExecutor(_READERS) as pool,
    ):
        spool, total = Path(folder) / "rows", 0
        with spool.open("wb") as file:
            for start in range(0, len(origins), 1024):
                some = range(start, min(start + 1024, len(origins)))
                for rows in pool.map(lambda number: _rows(storage, output, origins[number], number), some):
                    rows.tofile(file)
                    total += len(rows)
        count = max(1, -(-total // file_rows))
        for number, rows in enumerate(_ranges(spool, count, Path(folder))):
            yield layout.trace_file(number, count), _parquet(rows)
    yield layout.TRACE_PARTS, listing(origins)


def _ranges(spool: Path, count: int, folder: Path) -> Iterator[npt.NDArray[np.void]]:
    """The rows by range of keys. With more than one range each is spooled first."""
    if count == 1:
        yield np.fromfile(spool, _ROW)
        return
    files = [folder / f"{number}" for number in range(count)]
    with spool.open("rb") as file:
        while len(rows := np.fromfile(file, _ROW, FILE_ROWS)):
            places = range_of(rows["key"], count)
            for number in np.unique(places):
                with files[number].open("ab") as out:
                    rows[places == number].tofile(out)
    spool.unlink()
    for path in files:
        yield np.fromfile(path, _ROW) if path.exists() else np.empty(0, _ROW)


def range_of(keys: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.int64]:
    """The file of each key: keys are hashes, so equal ranges have about equally many."""
    return ((keys >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int64)


def _parquet(rows: npt.NDArray[np.void]) -> bytes:
    rows = np.unique(rows)  # sorted by key, then part; one address may have many captures in a part
    table = pa.table([rows["key"], rows["part"]], schema=SCHEMA)
    file = io.BytesIO()
    pq.write_table(
        table, file, GROUP_ROWS, compression="zstd", use_dictionary=False, write_page_checksum=True,
        column_encoding={"key": "DELTA_BINARY_PACKED", "part": "PLAIN"},
    )  # fmt: skip
    return file.getvalue()


def _rows(storage: Storage, output: str, origin: Origin, number: int) -> npt.NDArray[np.void]:
    keys = [np.empty(0, np.uint64)]
    for file in origin.files:
        generated = origin.generates and file.role == DOCUMENTS  # rejects do not say whose child they are
        names = ["id", "parent"] if generated else ["id", "url"]
        for table in columns(storage, join(output, file.name), names):
            if generated:
                table = table.filter(table.column("parent").is_valid())
            keys.append(_id_keys(table.column("id")))
            if not origin.generates:
                urls = pc.drop_null(pc.unique(table.column("url"))).to_pylist()
                keys.append(np.fromiter(map(url_key, urls), np.uint64, len(urls)))
    found = np.unique(np.concatenate(keys))
    rows = np.empty(len(found), _ROW)
    rows["key"], rows["part"] = found, number
    return rows


def _id_keys(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """``id_key`` of each id in a column of 16 bytes; there may be none in it."""
    ids = pa.concat_arrays([pa.array([], pa.binary(16)), *pc.drop_null(column).chunks])
    data = ids.buffers()[1]
    halves = np.frombuffer(data, ">u8") if data is not None and data.size else np.empty(0, ">u8")
    return halves[2 * ids.offset : 2 * (ids.offset + len(ids)) : 2].astype(np.uint64)


def columns(storage: Storage, path: str, names: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of each row group of a Parquet file, without reading the others. Damaged if it cannot."""
    try:
        with storage.open(path) as source:
            file = pq.ParquetFile(source, page_checksum_verification=True)
            for group in range(file.metadata.num_row_groups):
                yield file.read_row_group(group, list(names), use_threads=False)
    except Missing:
        raise Damaged(path, "is gone") from None
    except (pa.ArrowException, OSError) as error:
        raise Damaged(path, f"cannot be read: {error}") from None


class Index:
    """The index of a finished run."""

    def __init__(self, storage: Storage, output: str, names: Iterable[str]) -> None:
        """``names``: of the files of the run as a whole, of which some are the index."""
        self._storage, self._output = storage, output
        self._files = sorted(filter(layout.is_trace_file, names))
        self._parts: list[tuple[str, str]] = []
        for line in storage.read(join(output, layout.TRACE_PARTS)).decode().splitlines():
            key, part, *_ = line.split(" ")
            self._parts.append((key, part))

    def find(self, key: int) -> list[tuple[str, str]]:
        """Segment and part of every part that may have a document with this key."""
        count = len(self._files)
        path = join(self._output, self._files[int(range_of(np.array([key], np.uint64), count)[0])])
        found: list[tuple[str, str]] = []
        try:
            with self._storage.open(path) as source:
                file = pq.ParquetFile(source, page_checksum_verification=True)
                for group in range(file.metadata.num_row_groups):
                    limits = file.metadata.row_group(group).column(0).statistics
                    if limits.min <= key <= limits.max:
                        table = file.read_row_group(group, use_threads=False)
                        rows = table.filter(pc.equal(table.column("key"), pa.scalar(key, pa.uint64())))
                        found += [self._parts[part] for part in rows.column("part").to_pylist()]
        except (pa.ArrowException, OSError, IndexError) as error:
            raise Damaged(path, f"cannot be read: {error}") from None
        return sorted(set(found))


def is_current(
    storage: Storage, output: str, origins: Iterable[Origin], files: Mapping[str, Collection[str]]
) -> bool:
    """Whether the index that is there is of these parts, and as it was written. ``files``: of the run as a
    whole, by name, with the sha256 that they may have."""
    names = [name for name in files if layout.is_trace_file(name)]
    if layout.TRACE_PARTS not in files or not names:
        return False
    try:
        if storage.read(join(output, layout.TRACE_PARTS)) != listing(origins):
            return False
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(lambda name: digest(storage, join(output, name))[1], names)
            return all(sha in files[name] for name, sha in zip(names, found, strict=True))
    except (Missing, Damaged):
        return False


def origin_files(files: Iterable[File]) -> tuple[File, ...]:
    """Of the files of a part those in which documents are named."""
    return tuple(file for file in files if file.role in (DOCUMENTS, REJECTS))
