"""The model of py3langid as it is kept: the same arrays, and no file of it is believed that is damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from py3langid.modelio import save_model

from stages.language import langid

MODEL = (
    np.array([[0.5, -1.0], [2.0, 0.25]]),
    np.array([0.5, 0.5]),
    ["en", "de"],
    np.tile([0, 1], 128),
    [0, 0],
    [-1, 1],
)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    save_model(tmp_path / "model.npz.xz", MODEL)
    return tmp_path / "model.npz.xz"


def equal(one: langid.Arrays, other: langid.Arrays) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


def test_it_is_unpacked_once(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "made" / "as it is needed"
    first = langid._arrays(packed, [kept])
    assert first["classes"].tolist() == ["en", "de"]
    assert equal(first, langid._unpacked(packed))
    monkeypatch.setattr(langid, "load_model", None)
    assert equal(langid._arrays(packed, [kept]), first)
    assert len(list(kept.glob("langid-*"))) == 1


@pytest.mark.parametrize("left", [0, 50, -8, None])
def test_a_file_that_is_cut_or_missing_is_made_anew(packed: Path, tmp_path: Path, left: int | None) -> None:
    first = langid._arrays(packed, [tmp_path / "kept"])
    (folder,) = (tmp_path / "kept").glob("langid-*")
    file = folder / "moves.npy"
    good = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(good[:left])
    assert equal(langid._arrays(packed, [tmp_path / "kept"]), first)
    assert file.read_bytes() == good
    assert [*(tmp_path / "kept").glob("langid-*")] == [folder]


def test_processes_that_begin_together(packed: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = [*threads.map(lambda _: langid._arrays(packed, [tmp_path / "kept"]), range(16))]
    assert all(equal(one, found[0]) for one in found)
    assert len(list((tmp_path / "kept").glob("langid-*"))) == 1


def test_another_model_is_another_file(packed: Path, tmp_path: Path) -> None:
    langid._arrays(packed, [tmp_path / "kept"])
    save_model(packed, (*MODEL[:2], ["en", "fr"], *MODEL[3:]))
    assert langid._arrays(packed, [tmp_path / "kept"])["classes"].tolist() == ["en", "fr"]
    assert len(list((tmp_path / "kept").glob("langid-*"))) == 1  # the old one is of no more use


def test_where_nothing_can_be_written_it_is_unpacked(packed: Path) -> None:
    assert equal(langid._arrays(packed, [Path("/proc/nowhere")]), langid._unpacked(packed))


def test_what_an_image_brings_is_read(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought = langid._arrays(packed, [tmp_path / "image"])
    monkeypatch.setattr(langid, "load_model", None)
    assert equal(langid._arrays(packed, [tmp_path / "own", tmp_path / "image"]), brought)
    assert not (tmp_path / "own").exists()
