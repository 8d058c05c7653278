"""Files of ours that tell when a bit of them has changed (``files``), and Parquet in that form (``parquet``).

Knows bytes, digests and sections; does not know what is in the files, nor who wrote them.
"""

from pipeline.sealed.files import (
    SEAL,
    Damaged,
    Section,
    Sink,
    Stored,
    canonical,
    checksum,
    digest,
    fetch,
    foot_digest,
    read_foot,
    seal,
    unseal,
    verified,
)
from pipeline.sealed.parquet import ParquetFile, ParquetWriter

__all__ = [
    "SEAL",
    "Damaged",
    "ParquetFile",
    "ParquetWriter",
    "Section",
    "Sink",
    "Stored",
    "canonical",
    "checksum",
    "digest",
    "fetch",
    "foot_digest",
    "read_foot",
    "seal",
    "unseal",
    "verified",
]
