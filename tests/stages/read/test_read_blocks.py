"""Blocks decompressed piece by piece are what the libraries make of them in one piece."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.read.blocks import BadBlock, decompressed

CODECS = {"SNAPPY": "snappy", "LZ4": "lz4_raw", "ZSTD": "zstd", "GZIP": "gzip", "BROTLI": "brotli"}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def packed(codec: str, data: bytes) -> bytes:
    packed: bytes = pa.Codec(CODECS[codec]).compress(data, asbytes=True)
    return packed


def samples() -> dict[str, bytes]:
    rng = random.Random(3)
    words = b" ".join(rng.choices([b"alpha", b"beta", b"gamma%d" % rng.random()], k=30_000))
    mixed = b"".join(rng.choice([rng.randbytes(90), b"ab" * 700, bytes(70_000)]) for _ in range(60))
    return {"run": b"x" * 1_500_000, "noise": rng.randbytes(200_000), "words": words, "mixed": mixed}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [1 << 20, 7777, 13])
def test_any_content_in_pieces_of_any_size(codec: str, size: int) -> None:
    for data in samples().values():
        block = packed(codec, data)
        if size > 13 or len(block) < 50_000:
            assert b"".join(decompressed(codec, pieces(block, size))) == data


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.integers(1, 70).map(lambda n: b"ab" * n), max_size=40), st.data())
def test_short_blocks(parts: list[bytes], data: st.DataObject) -> None:
    content = b"".join(parts)
    codec = data.draw(st.sampled_from(sorted(CODECS)))
    size = data.draw(st.integers(1, 50))
    assert b"".join(decompressed(codec, pieces(packed(codec, content), size))) == content


@pytest.mark.parametrize("codec", ["SNAPPY", "LZ4"])
def test_damage_is_an_error_or_other_content_and_never_reads_elsewhere(codec: str) -> None:
    data = samples()["words"]
    block = packed(codec, data)
    rng = random.Random(5)
    for _ in range(60):
        broken = bytearray(block)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        with contextlib.suppress(BadBlock):
            b"".join(decompressed(codec, pieces(bytes(broken[: rng.randint(9, len(block))]), 1 << 20)))


def test_what_is_no_codec() -> None:
    with pytest.raises(KeyError):
        decompressed("LZO", iter([b""]))
    with pytest.raises(BadBlock):
        list(decompressed("SNAPPY", iter([b"\x0a\xff"])))
    assert list(decompressed("UNCOMPRESSED", iter([b"ab", b"c"]))) == [b"ab", b"c"]
