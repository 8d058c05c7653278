"""Records are found in every layout, and every damage costs no more than the member it is in."""

from __future__ import annotations

import io
import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warc_files import http, members, record

from stages.base import MIB, MoreMemory
from stages.files.source import Source
from stages.read.captures import Capture
from stages.read.damage import Damage
from stages.read.payload import kind_of
from stages.read.records import captures

CAP = 10 * MIB
CODECS = ("gzip", "zstd", "plain")


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress, so that members are long."""
    return b"<html>" + random.Random(seed).randbytes(size)


def scan(
    data: bytes, fast: bool = True, cap: int = CAP, memory: int = 0
) -> tuple[list[Capture], list[Damage]]:
    found = list(captures(Source(io.BytesIO(data)), cap, fast, memory=memory))
    return [x for x in found if isinstance(x, Capture)], [x for x in found if isinstance(x, Damage)]


def urls(found: list[Capture]) -> list[int]:
    return [int(capture.url.rsplit("/", 1)[1]) for capture in found]


def crawl(count: int, size: int = 2000) -> list[bytes]:
    """A crawl's records: warcinfo, then response and metadata in turn."""
    records = [record(9999, b"software: test\r\n", "warcinfo", "application/warc-fields")]
    for number in range(count):
        records.append(record(number, http(noise(size, number))))
        records.append(record(number, b"fetchTimeMs: 1\r\n", "metadata", "application/warc-fields"))
    return records


def offsets(parts: list[bytes]) -> list[int]:
    return [sum(map(len, parts[:index])) for index in range(len(parts))]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [10, 100_000])
def test_fast_and_careful_give_the_same_captures(codec, size):
    parts = members(crawl(12, size), codec)
    fast, damage = scan(b"".join(parts))
    assert not damage
    assert urls(fast) == list(range(12))
    assert [capture.offset for capture in fast] == offsets(parts)[1::2]
    assert all(capture.body.startswith(b"<html>") and len(capture.body) == size + 6 for capture in fast)
    assert scan(b"".join(parts), fast=False) == (fast, [])


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_several_records_in_a_member_have_its_offset(codec):
    records = crawl(6, 70_000)
    parts = members([b"".join(records[:5]), records[5], b"".join(records[6:])], codec)
    found, damage = scan(b"".join(parts))
    assert not damage
    assert urls(found) == list(range(6))
    starts = offsets(parts)
    assert [capture.offset for capture in found] == [starts[0]] * 2 + [starts[1]] + [starts[2]] * 3
    assert scan(b"".join(parts), fast=False)[0] == found


@pytest.mark.parametrize("compressed", [True, False])
def test_zstd_with_a_dictionary(compressed):
    records = [record(number, http(b"<html>%d " % number * 50)) for number in range(300)]
    dictionary = zstandard.train_dictionary(4096, records)
    raw = dictionary.as_bytes()
    frame = zstandard.compress(raw) if compressed else raw
    pack = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True).compress
    parts = [b"\x5d\x2a\x4d\x18" + len(frame).to_bytes(4, "little") + frame, *map(pack, records)]
    assert urls(scan(b"".join(parts))[0]) == list(range(300))
    broken = bytearray(parts[100])
    broken[len(broken) // 2] ^= 0xFF
    found, damage = scan(b"".join([*parts[:100], bytes(broken), *parts[101:]]))
    assert urls(found) == [*range(99), *range(100, 300)]
    assert [(one.offset, one.reason) for one in damage] == [(offsets(parts)[100], "damaged_member")]


def broken_member(part: bytes, how: str) -> bytes:
    changed = bytearray(part)
    if how == "data":
        changed[len(changed) // 2 : len(changed) // 2 + 8] = b"\xff" * 8
    elif how == "checksum":
        changed[-3 if part[:2] != b"\x1f\x8b" else -6] ^= 0xFF
    elif how == "magic":
        changed[0] ^= 0xFF
    elif how == "cut":
        del changed[-len(changed) // 3 :]
    elif how == "zeros":
        changed = bytearray(len(part))
    return bytes(changed)


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("how", ["data", "checksum", "magic", "cut", "zeros"])
@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("victim", [0, 7, 8, 24])
def test_damage_costs_one_member(codec, how, size, victim):
    parts = members(crawl(12, size), codec)
    damaged = [*parts[:victim], broken_member(parts[victim], how), *parts[victim + 1 :]]
    data = b"".join(damaged)
    if how == "data" and size == 10:
        pytest.skip("eight bytes in so short a member may stay valid")
    if how == "zeros" and codec == "gzip":
        pytest.skip("zeros between gzip members are padding, whatever stood there")
    found, damage = scan(data)
    lost = {(victim - 1) // 2} if victim % 2 else set()
    assert urls(found) == [number for number in range(12) if number not in lost]
    assert [(one.offset, one.reason) for one in damage] == [(offsets(parts)[victim], "damaged_member")]
    assert damage[0].lost == len(damaged[victim])
    assert damage[0].cut == (how == "cut" and victim == len(parts) - 1)
    assert damage[0].detail.startswith(f"bytes {damage[0].offset}-")
    assert scan(data, fast=False) == (found, damage)


def test_an_empty_member_ends_nothing():
    parts = members([*crawl(3)[:3], b"", *crawl(6)[7:]])
    found, damage = scan(b"".join(parts))
    assert urls(found) == [0, 3, 4, 5]
    assert not damage


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (record(3, length=20), "does not end there"),
        (record(3, length=len(http()) + 40), "Content-Length"),
        (record(3, length=1_000_000_000), "Content-Length is 1000000000"),
        (record(3, length=3_000), "Content-Length is 3000"),
        (record(3, length="x1"), "Content-Length is 'x1'"),
        (record(3).replace(b"WARC/1.0", b"CRAW/1.0"), "no record starts here"),
        (b"nothing like a record\r\n\r\n" * 9, "no record starts here"),
    ],
)
def test_a_bad_record_costs_itself(codec, bad, said):
    records = [record(number, http(noise(500, number))) for number in range(8)]
    parts = members([*records[:3], bad, *records[4:]], codec)
    found, damage = scan(b"".join(parts))
    assert urls(found) == [0, 1, 2, 4, 5, 6, 7]
    assert [(one.offset, one.reason) for one in damage] == [(offsets(parts)[3], "bad_record")]
    assert (damage[0].lost, damage[0].cut) == (len(parts[3]), False)
    assert said in damage[0].detail


def test_a_bad_record_within_a_member_costs_itself():
    records = [record(number, http(noise(500, number))) for number in range(8)]
    for bad in (record(3, length=20), record(3, length=900), record(3, length=10**9)):
        found, damage = scan(b"".join(members([b"".join([*records[:3], bad, *records[4:]])])))
        assert urls(found) == [0, 1, 2, 4, 5, 6, 7]
        assert [one.reason for one in damage] == ["bad_record"]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("between", [1, 511, 4096, 70_000])
def test_zeros_between_and_behind_gzip_members_are_padding(fast, between):
    parts = members(crawl(6))
    data = b"".join(part + bytes(between) for part in parts)
    found, damage = scan(data, fast)
    assert urls(found) == list(range(6))
    assert not damage
    found, damage = scan(data + b"x", fast)
    assert urls(found) == list(range(6))
    assert [(one.offset, one.lost, one.cut) for one in damage] == [(len(data), 1, False)]


def test_what_a_bad_record_in_a_member_costs_is_estimated():
    records = [record(number, http(noise(20_000, number))) for number in range(20)]
    for bad in (record(3, http(noise(20_000)), length=20), record(3, http(noise(20_000)), length=21_000)):
        for pack in ("gzip", "zstd"):
            data = members([b"".join([*records[:3], bad, *records[4:]])], pack)[0]
            found, (damage,) = scan(data)
            assert len(found) >= 18
            assert not damage.cut
            assert 0.5 * len(data) / 20 < damage.lost < 3 * len(data) / 20


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fast", [True, False])
def test_a_file_that_ends_inside_a_record_is_cut(codec, fast):
    """Wherever the cut is but between members, and whether records have members of their own."""
    records = crawl(4, 500)
    for whole in (members(records, codec), members([b"".join(records)], codec)):
        data = b"".join(whole)
        last = len(data) - len(whole[-1]) if len(whole) > 1 else 0
        ends = {last + 1, last + 4, last + 9, last + 40, (last + len(data)) // 2, len(data) - 12}
        for end in sorted(ends - {0}):
            if end < 10:
                continue  # no record at all
            found, damage = scan(data[:end], fast)
            assert [one.cut for one in damage] == [True], (end, damage)
            if len(whole) > 1:
                assert urls(found) == [0, 1, 2, 3]
                assert damage[0].lost == end - last


def test_a_cut_file_that_was_compressed_again_is_cut():
    data = b"".join(crawl(4, 500))[:-200]
    for pack in ("gzip", "zstd"):
        found, (damage,) = scan(members([data], pack)[0])
        assert urls(found) == [0, 1, 2, 3]
        assert damage.cut


def test_damage_at_the_end_is_no_cut():
    parts = members(crawl(4))
    for how in ("data", "checksum", "magic"):
        _, (damage,) = scan(b"".join([*parts[:-1], broken_member(parts[-1], how)]))
        assert not damage.cut


@pytest.mark.parametrize("end", [3, 6, 11, 300])
def test_a_file_cut_in_its_dictionary_or_in_a_skippable_frame(end):
    records = [record(number, http(b"<html>%d " % number * 50)) for number in range(300)]
    raw = zstandard.train_dictionary(4096, records).as_bytes()
    frame = b"\x5d\x2a\x4d\x18" + len(raw).to_bytes(4, "little") + raw
    if end > 3:
        found, (damage,) = scan(frame[:end])
        assert (found, damage.lost, damage.cut) == ([], end, True)
    skippable = b"\x50\x2a\x4d\x18" + (400).to_bytes(4, "little") + bytes(400)
    whole = b"".join(members(records[:5], "zstd"))
    found, (damage,) = scan(whole + skippable[:end])
    assert urls(found) == [0, 1, 2, 3, 4]
    assert (damage.offset, damage.lost, damage.cut) == (len(whole), end, True)
    assert not scan(whole + skippable + whole)[1]


def test_a_dictionary_that_does_not_decompress():
    raw = bytearray(zstandard.compress(b"words " * 500))
    raw[9] ^= 0xFF
    data = b"\x5d\x2a\x4d\x18" + len(raw).to_bytes(4, "little") + bytes(raw)
    found, (damage,) = scan(data + b"".join(members(crawl(3), "zstd")))
    assert not found
    assert "dictionary" in damage.detail


def long_window(raw: bytes, log: int = 31) -> bytes:
    """A zstd frame that asks for a window of ``2 ** log`` bytes, as ``--long`` makes from a pipe."""
    parameters = zstandard.ZstdCompressionParameters(
        window_log=log, enable_ldm=False, hash_log=8, chain_log=8
    )
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(raw) + stream.flush()


@pytest.mark.parametrize("fast", [True, False])
def test_long_windows_ask_for_memory(fast):
    records = crawl(6)
    parts = [*members(records[:5], "zstd"), *map(long_window, records[5:])]
    needed = 2**31 + 2**30
    with pytest.raises(MoreMemory) as error:
        scan(b"".join(parts), fast)
    assert error.value.bytes == needed
    found = list(captures(Source(io.BytesIO(b"".join(parts))), CAP, fast, memory=needed))
    assert urls(found) == list(range(6))
    usual = b"".join(long_window(raw, 27) for raw in records)
    assert urls(scan(usual, fast)[0]) == list(range(6))


def test_a_damaged_member_is_no_reason_for_memory():
    """What only looks like a frame of a long window, where the next record is looked for."""
    parts = members(crawl(6), "zstd")
    parts[3] = parts[3][:8] + long_window(b"")[:6] + parts[3][14:]
    found, damage = scan(b"".join(parts))
    assert urls(found) == [0, 2, 3, 4, 5]
    assert len(damage) == 1


def test_a_page_that_quotes_a_record_is_one_page():
    quoting = record(1, http(b"<html>\r\n\r\n" + record(77) + b"</html>"))
    for codec in CODECS:
        found, damage = scan(b"".join(members([record(0), quoting, record(2)], codec)))
        assert urls(found) == [0, 1, 2]
        assert not damage


def test_line_feeds_alone_are_read():
    data = b"".join(record(number) for number in range(3)).replace(b"\r\n", b"\n")
    sized = data.replace(b"Content-Length: %d" % len(http()), b"Content-Length: %d" % (len(http()) - 3))
    found, damage = scan(sized)
    assert urls(found) == [0, 1, 2]
    assert not damage


@pytest.mark.parametrize("codec", CODECS)
def test_an_overlong_payload_is_not_read(codec):
    data = b"".join(members([record(0, http(noise(300_000))), record(1)], codec))
    for fast in (True, False):
        found, damage = scan(data, fast, cap=100_000)
        assert [(capture.length, capture.body is None) for capture in found] == [(300_006, True), (54, False)]
        assert not damage


def test_what_is_no_warc_file_is_refused():
    for data in (b"", b"hello world" * 1000, b"PK\x03\x04" + bytes(5000)):
        with pytest.raises(ValueError, match="not a WARC file"):
            scan(data)


def test_an_error_of_storage_is_not_taken_for_damage():
    class OutOfReach(Exception):
        pass

    class Flaky(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > MIB:
                raise error("the line broke")
            return super().read(size)

    for error in (ConnectionResetError, OutOfReach):
        for codec in CODECS:
            data = b"".join(members(crawl(40, 100_000), codec))
            for fast in (True, False):
                with pytest.raises(error):
                    list(captures(Source(Flaky(data)), CAP, fast))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_happens_to_bytes_other_members_survive(data):
    """Any change of bytes within some members: all other captures are read, and nothing raises."""
    codec = data.draw(st.sampled_from(["gzip", "zstd"]))
    size = data.draw(st.sampled_from([10, 5000]))
    parts = members(crawl(8, size), codec)
    victims = data.draw(st.sets(st.integers(1, len(parts) - 1), min_size=1, max_size=4))
    damaged = list(parts)
    for victim in sorted(victims):
        changed = bytearray(parts[victim])
        for _ in range(data.draw(st.integers(1, 4))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            del changed[data.draw(st.integers(1, len(changed) - 1)) :]
        damaged[victim] = bytes(changed)
    # a changed header of a zstd frame may ask for a window of up to 2 GiB
    found, damage = scan(b"".join(damaged), memory=4096 * MIB)
    whole = {(index - 1) // 2 for index in range(1, len(parts), 2) if damaged[index] == parts[index]}
    assert whole <= set(urls(found))
    numbers = urls(found)
    assert numbers == sorted(set(numbers))
    # A response that is gone was reported: with it, or as part of the damage before it.
    assert len(damage) > 0 or numbers == list(range(8))


def test_a_header_that_asks_for_more_than_any_frame_may_is_damage():
    parts = members(crawl(4, 5000), "zstd")
    parts[3] = parts[3][:4] + b"\xe0" + b"\x2a" * 8 + parts[3][5:]  # one segment of 3e18 bytes
    found, damage = scan(b"".join(parts))
    assert urls(found) == [0, 2, 3]
    assert damage


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(CODECS))
def test_any_bytes_between_records(junk, codec):
    parts = members([record(0), record(1)], codec)
    found, _ = scan(parts[0] + junk + parts[1])
    assert {0, 1} <= set(urls(found))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("before", [b" " * 4000, b"<!-- x -->" * 400, b"<?x ?> \n" * 500, b"<!--" * 1000])
def test_what_stands_before_a_page_costs_nothing(before: bytes) -> None:
    """A search that backtracks over it would take hours."""
    assert kind_of("application/octet-stream", before + b"<div>") is None
    assert kind_of("application/octet-stream", b" \n<!-- a --> <?xml?>\n<html>") == "html"
