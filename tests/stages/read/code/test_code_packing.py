"""Small repositories share inputs, and one more of them changes one input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.base import MIB, Member
from stages.read.code.content import decode, path_of, wrong_path
from stages.read.code.packing import PACK_BYTES, pack


def members(count: int, size: int = MIB) -> list[Member]:
    return [Member(f"/m/{n:05}.git", f"{n:05}", size, f"etag {n}") for n in range(count)]


def test_packs_hold_about_as_much_as_they_should() -> None:
    packs = pack(members(20_000))
    assert sum(len(one.members) for one in packs) == 20_000
    mean = sum(one.size for one in packs) / len(packs)
    assert 0.8 * PACK_BYTES < mean < 1.25 * PACK_BYTES
    assert [one.name for one in packs] == sorted(one.name for one in packs)
    assert len({one.name for one in packs}) == len(packs)
    assert len(pack(members(20_000, size=0))) == 20


def test_a_repository_that_is_added_changes_one_pack() -> None:
    before = {one.name: one.etag for one in pack(members(2000))}
    after = {one.name: one.etag for one in pack([*members(2000), Member("/m/x", "00777b", 10, "new")])}
    assert sum(etag != before.get(name) for name, etag in after.items()) == 1


def test_large_repositories_do_not_wait_for_others() -> None:
    assert [len(one.members) for one in pack(members(5, size=PACK_BYTES))] == [1] * 5


def test_two_of_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match="would both be called '00001'"):
        pack([*members(3), Member("/other", "00001", 5, "")])


@given(st.binary(max_size=300))
def test_decoding_never_fails_and_gives_text_or_a_reason(data: bytes) -> None:
    made = decode(data)
    if isinstance(made[0], bytes):
        text = made[0].decode("utf-8")
        assert text
        assert not made[0].isspace()
        assert "\0" not in text
    else:
        assert made[0] in ("binary", "empty", "encoding", "lfs_pointer")


@given(st.text(max_size=50).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_valid_utf8_is_kept_byte_for_byte(text: str) -> None:
    made = decode(text.encode())
    if isinstance(made[0], bytes) and made[1] == "utf-8" and not text.startswith("\ufeff"):
        assert made[0].decode() == text


@given(st.binary(min_size=1, max_size=60))
def test_paths_are_text_and_no_two_become_one(raw: bytes) -> None:
    path = path_of(raw)
    path.encode("utf-8")
    other = path_of(raw + b"x")
    assert other != path


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../../b", "a/..", "a\0b", "x" * 4097, "é" * 2049])
def test_paths_that_are_refused(path: str) -> None:
    assert wrong_path(path)


@pytest.mark.parametrize("path", ["a", "a/b..c/d", "..a/b", "a/...", "é" * 2000, "a b\\c"])
def test_paths_that_are_not(path: str) -> None:
    assert wrong_path(path) is None
