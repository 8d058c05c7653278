"""Where the machine code of loops is kept, and what may happen to its files."""

from __future__ import annotations

import errno
import importlib.util
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import cached, kept
from stages.compiled import directory

ROOT = Path(__file__).resolve().parent.parent.parent
LOOPS = """
from stages.compiled import compiled

@compiled
def total(numbers):
    return numbers.sum()
"""
NUMBERS = np.arange(5)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one loop."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kept.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "loops.py").write_text(LOOPS)
    return tmp_path / "package"


def loop(package: Path) -> Any:
    """The loop, in a process that has not called it."""
    kept.stamp.cache_clear()
    spec = importlib.util.spec_from_file_location("loops", package / "loops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.total


def hits(kernel: Any) -> int:
    """How often its code was found."""
    return sum(kernel.stats.cache_hits.values())


def refuse(monkeypatch: pytest.MonkeyPatch, *directories: Path) -> None:
    """Nothing can be written to these, nor below them."""
    real = os.access

    def access(path: Path, mode: int) -> bool:
        return not any(Path(path).is_relative_to(one) for one in directories) and real(path, mode)

    monkeypatch.setattr(kept.os, "access", access)


def test_it_is_kept_beside_the_module(package: Path) -> None:
    assert [loop(package)(NUMBERS), loop(package)(NUMBERS)] == [10, 10]
    again = loop(package)
    again(NUMBERS)
    assert hits(again) == 1
    assert directory(again) == package / "__pycache__"


def test_what_an_image_brings_is_read_where_nothing_can_be_written(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop(package)(NUMBERS)
    refuse(monkeypatch, package)
    brought = loop(package)
    assert (brought(NUMBERS), hits(brought)) == (10, 1)
    assert brought(NUMBERS.astype(np.float32)) == 10.0  # is not in the image
    here = directory(brought)
    assert here is not None
    assert here.parent == package.parent / "home" / ".cache" / "nanocorpus"
    assert len(list(here.glob("*.nbc"))) == 1
    again = loop(package)
    assert (again(NUMBERS), again(NUMBERS.astype(np.float32)), hits(again)) == (10, 10.0, 2)


def test_without_a_home_it_is_kept_with_temporary_files(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package.parent / "temporary").mkdir()
    refuse(monkeypatch, package, package.parent / "home")
    loop(package)(NUMBERS)
    again = loop(package)
    assert (again(NUMBERS), hits(again)) == (10, 1)
    (own,) = (package.parent / "temporary").iterdir()
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


@pytest.mark.parametrize("how", ["open to others", "a link"])
def test_others_cannot_say_what_is_run(package: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    theirs = package.parent / "temporary" / f"nanocorpus-loops-{os.getuid()}"
    theirs.parent.mkdir()
    if how == "a link":
        (package.parent / "elsewhere").mkdir(mode=0o700)
        theirs.symlink_to(package.parent / "elsewhere")
    else:
        theirs.mkdir()
        theirs.chmod(0o777)
    refuse(monkeypatch, package, package.parent / "home")
    assert kept.places(package) == [package / "__pycache__"]


def test_where_nothing_can_be_written_every_process_compiles(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, package.parent)
    assert kept.places(package) == [package / "__pycache__"]
    assert loop(package)(NUMBERS) == 10


def test_numba_is_told_where(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(package.parent / "given"))
    loop(package)(NUMBERS)
    assert len(list((package.parent / "given").glob("package-*/loops.total-*.nbc"))) == 1
    assert not list(package.rglob("*.nbc"))


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-30]])
def test_a_damaged_file_is_made_anew(package: Path, suffix: str, damage: Callable[[bytes], bytes]) -> None:
    loop(package)(NUMBERS)
    (file,) = package.rglob(f"*{suffix}")
    file.write_bytes(damage(file.read_bytes()))
    second, third = loop(package), loop(package)
    assert (second(NUMBERS), hits(second)) == (10, 0)
    assert (third(NUMBERS), hits(third)) == (10, 1)


def test_a_full_disk_is_no_matter(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*rest: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cached._Files, "_open_for_write", full)
    assert loop(package)(NUMBERS) == 10


def test_code_of_older_sources_is_never_taken_for_new(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file of the package changes, and the process that compiles anew is ended while it writes."""

    def end(*rest: Any) -> None:
        raise KeyboardInterrupt

    (package / "other.py").write_text("FACTOR = 1\n")
    (package / "loops.py").write_text(LOOPS.replace("numbers.sum()", "FACTOR * numbers.sum()"))
    with (package / "loops.py").open("a") as file:
        file.write(f"\nimport sys\nsys.path.insert(0, {str(package)!r})\nfrom other import FACTOR\n")
    assert loop(package)(NUMBERS) == 10
    sys.modules.pop("other")
    (package / "other.py").write_text("FACTOR = 20\n")
    with monkeypatch.context() as ended:
        ended.setattr(cached._Files, "_save_data", end)
        with pytest.raises(KeyboardInterrupt):
            loop(package)(NUMBERS)
    assert loop(package)(NUMBERS) == 200
    sys.modules.pop("other")
    sys.path.remove(str(package))


def test_with_numba_switched_off_loops_are_python() -> None:
    code = """
from stages import ahead
from stages.compiled import directory
from stages.language import visits
ahead.prepare()
ahead.start()
ahead.wait()
print(visits.count.__name__, directory(visits.count), ahead.missing(), ahead._beside)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "count None [] []\n", done.stderr
