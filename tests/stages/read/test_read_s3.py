"""What is read from S3, with refused requests and broken connections, equals what is read from disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warc_files import http, members, record

from pipeline.storage import S3Settings, Storage, StorageSettings
from stages.base import Reader, Reject
from stages.read.tables import Tables, TablesConfig
from stages.read.warc import Warc, WarcConfig
from tests.s3_server import FaultProxy, S3Server


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Six megabytes of captures with two damages, an index over the good ones, and tables."""
    (tmp_path / "warc").mkdir()
    bodies = [b"<html>%d " % n + bytes(range(33, 127)) * (20 * n) for n in range(40)]
    parts = members((record(n, http(body)) for n, body in enumerate(bodies)), "plain")
    (tmp_path / "warc" / "plain.warc").write_bytes(b"".join(parts))
    parts = members(record(n, http(body)) for n, body in enumerate(bodies))
    index = []
    for n, part in enumerate(parts):
        index.append(("warc/a.warc.gz", sum(map(len, parts[:n])), len(part)))
    parts[20] = parts[20][:200] + b"\xff" * 20 + parts[20][220:]
    parts[39] = parts[39][:-100]
    (tmp_path / "warc" / "a.warc.gz").write_bytes(b"".join(parts))
    names = ["warc_filename", "offset", "length"]
    rows = [dict(zip(names, row, strict=True)) for row in index if row[1] % 3]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "index.parquet", row_group_size=7)
    texts = pa.table({"text": [f"words {n} " * 500 for n in range(400)]})
    pq.write_table(texts, tmp_path / "table.parquet", row_group_size=50, compression="none")
    return tmp_path


def outcome(reader: Reader, storage: Storage) -> tuple[list[str], list[dict], list[Reject]]:
    items = reader.list(storage)
    batches = [batch for item in items for batch in reader.read(item, storage)]
    rows = [row for batch in batches for row in batch.documents.to_pylist()]
    return [item.name for item in items], rows, [reject for batch in batches for reject in batch.rejects]


def test_s3_and_disk_give_the_same(server: S3Server, files: Path) -> None:
    bucket = server.make_bucket("readers")
    plain = Storage(StorageSettings(s3=S3Settings(endpoint=server.endpoint)))
    for path in sorted(files.rglob("*.*")):
        plain.write(f"{bucket}/{path.relative_to(files)}", path.read_bytes())

    def readers(root: str) -> list[Reader]:
        return [
            Warc(WarcConfig(paths=[f"{root}/**/*.warc*"], damaged="keep")),
            Warc(WarcConfig(index=[f"{root}/index.parquet"], prefix=f"{root}/")),
            Tables(TablesConfig(paths=[f"{root}/table.parquet"], format="parquet")),
        ]

    with FaultProxy(server.endpoint, unavailable=0.1, cut=0.1, seed=5) as proxy:
        remote = Storage(StorageSettings(s3=S3Settings(endpoint=proxy.endpoint)))
        found = [outcome(reader, remote) for reader in readers(bucket)]
        assert sum(proxy.faults.values()) > 0
    assert found == [outcome(reader, Storage()) for reader in readers(str(files))]
    names, rows, rejects = found[0]
    assert names == ["warc/a.warc.gz", "warc/plain.warc"]
    assert len(rows) == 78
    assert [reject.fault.reason for reject in rejects] == ["damaged_member"] * 2
    assert len(found[2][1]) == 400
