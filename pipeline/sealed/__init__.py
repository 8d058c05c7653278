"""Sealed files: a change of any bit is noticed when they are read (``files``), also as Parquet (``parquet``).

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
    read_section,
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
    "read_section",
    "seal",
    "unseal",
    "verified",
]
