"""Compiles loops before the first document needs them, on all processors at once.

``python -m stages.ahead`` compiles what the stages of this package need and keeps it: for whoever builds an
image whose directories cannot be written to later. ``start`` does the same beside a run that begins, if
something is missing: all processors then compile what one worker after another would have compiled.
``prepare`` comes before it, when it is not known yet what is missing.
Nothing that is computed depends on it; a loop that it leaves out is compiled when it is called.

The types with which loops are called stand in ``signatures.json``. They were seen while the cases of
``tests/stages/version_cases.py`` ran; ``tests/stages/test_ahead.py`` keeps the two together.

Knows modules with loops and the types of their arguments. Does not know what loops compute, or runs.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from stages import kept
from stages.collecting import uncollected

SIGNATURES = Path(__file__).with_name("signatures.json")
_ROOT = Path(__file__).parent.parent

#: By module and loop, the types of the arguments of each way in which it is called: a number type
#: ("int64"), an array ("uint8[1C]": dimensions and order; "const" if it cannot be written to), or a named
#: tuple of the module, as [name, types …].
Signatures = dict[str, dict[str, list[list[Any]]]]


@cache
def signatures() -> Signatures:
    """What is known of the loops of this package."""
    found: Signatures = json.loads(SIGNATURES.read_text(encoding="utf-8"))
    return found


def written(kind: Any) -> Any:
    """A Numba type as it stands in the file. ValueError for one that loops of ours are not called with."""
    from numba import types

    if isinstance(kind, types.Array):
        return f"{'' if kind.mutable else 'const '}{kind.dtype}[{kind.ndim}{kind.layout}]"
    if isinstance(kind, types.NamedTuple):
        return [kind.instance_class.__name__, *map(written, kind.types)]
    if isinstance(kind, (types.Number, types.Boolean)):
        return str(kind)
    raise ValueError(f"{kind}: loops take numbers, arrays, and named tuples of them")


def read(text: Any, module: Any) -> Any:
    """The Numba type that ``written`` wrote; named tuples are those of ``module``."""
    from numba import types

    if isinstance(text, list):
        named: Any = types.NamedTuple
        return named([read(one, module) for one in text[1:]], getattr(module, text[0]))
    name, _, shape = text.removeprefix("const ").partition("[")
    if not shape:
        return getattr(types, name)
    constant = text.startswith("const ")
    return types.Array(getattr(types, name), int(shape[0]), shape[1], readonly=constant)


def compile_loops(names: Sequence[str]) -> None:
    """Compile the loops of these modules that are not kept yet."""
    known = signatures()
    for name in names:
        module = import_module(name)
        with uncollected():  # which takes a tenth of the time
            for loop, calls in sorted(known[name].items()):
                for call in calls:
                    getattr(module, loop).compile(tuple(read(one, module) for one in call))


def missing() -> list[str]:
    """Modules with loops, in rooms that this process has imported, of which something is not kept as it is
    now. Leaves out modules whose loops can be kept nowhere."""
    rooms = list(dict.fromkeys(_room(name) for name in sys.modules if name.startswith("stages.")))
    known = [name for name in signatures() if _room(name) in rooms]
    known.sort(key=lambda name: rooms.index(_room(name)))
    return [name for name in known if _lacks(name) and kept.is_writable(_place(name))]


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _lacks(module: str) -> bool:
    """Whether a loop of a module is not kept as it is now. Looks at names and stamps of files only."""
    if int(os.environ.get("NUMBA_DISABLE_JIT") or 0):
        return False  # nothing is compiled
    source = _source(module)
    places, stamp = kept.places(source.parent), kept.stamp(source.parent).encode()
    version = f"py{sys.version_info.major}{sys.version_info.minor}{sys.abiflags}"
    return not all(
        any(
            stamp in file.read_bytes()
            for place in places
            for file in place.glob(f"{source.stem}.{loop}-*.{version}.nbi")
        )
        for loop in signatures()[module]
    )


def _place(module: str) -> Path:
    return kept.places(_source(module).parent)[0]


def _source(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")).with_suffix(".py")


#: Processes that wait to be told what to compile.
_beside: list[subprocess.Popen[str]] = []


def prepare() -> None:
    """Where nothing was ever compiled, have the processes that ``start`` needs load the compiler already,
    while a run is planned."""
    if all(map(_lacks, signatures())):
        _open(len(os.sched_getaffinity(0)))


def start() -> None:
    """Compile what is missing, at low priority, in processes that go on beside this one."""
    names = missing()
    if names and not _beside:
        _open(min(len(names), len(os.sched_getaffinity(0))))
    while _beside:
        told = _beside.pop().stdin
        assert told is not None
        with suppress(BrokenPipeError), told:  # if it was killed, loops are compiled when they are called
            told.write("\n".join(names))


def _open(count: int) -> None:
    with suppress(OSError):  # no more processes, or no memory: loops are compiled when they are called
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-m", "stages.ahead", "--beside"],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            _beside.append(process)


def wait() -> None:
    """Compile what modules that this process has imported lack, or wait for the process that is at it: before
    the first document, whose time is limited. What can be kept nowhere is compiled too."""
    compile_loops([name for name in signatures() if name in sys.modules and _lacks(name)])


def load_compiler() -> None:
    """Compile something small: the first time takes a second in every process."""
    import numba

    numba.njit("int64(int64[:])")(lambda numbers: numbers[0])


def compile_beside(names: Sequence[str]) -> None:
    """As ``compile_loops``, leaving out modules that another process is at, or has done."""
    for name in names:
        with (_place(name) / f"{_source(name).stem}.ahead").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if _lacks(name):
                compile_loops([name])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--beside"]:
        os.nice(15)  # as workers of Ray, which may wait for what is compiled here
        load_compiler()
        compile_beside(sys.stdin.read().split())
        os._exit(0)  # without taking the compiler apart
    else:
        compile_loops(sys.argv[1:] or sorted(signatures()))
        if not sys.argv[1:]:
            import_module("stages.language.langid").identifier()  # its model is kept beside loops
