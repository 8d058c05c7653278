"""Where the machine code of loops is kept, and of which sources it was made.

It is kept where ``NUMBA_CACHE_DIR`` says, or else beside the modules; where that cannot be written to, in
the user's cache, and without one in a directory for temporary files that is the user's alone. What lies
beside the modules is read in any case: an image brings it, whose directories cannot be written to later.

Knows directories and sources. Does not know Numba (``cached``), nor what is compiled.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

#: What makes machine code of loops.
_COMPILERS = ("cached.py", "compiled.py", "kept.py", "parts.py")
#: The package whose loops may be called by loops of any other package.
_SHARED = Path(__file__).parent / "text"


def places(package: Path) -> list[Path]:
    """The directories in which machine code of a package may lie. It is written to the first, if any of them
    can be written to."""
    beside = package / "__pycache__"
    first = next(filter(is_writable, _candidates(package, beside)), beside)
    return list(dict.fromkeys([first, beside]))


def _candidates(package: Path, beside: Path) -> Iterator[Path]:
    name = f"{package.name}-{blake2b(os.fsencode(package), digest_size=8).hexdigest()}"
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given, name)
    yield beside
    with suppress(RuntimeError):  # the user has no home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "nanocorpus", name)
    with suppress(OSError):
        yield _own(Path(tempfile.gettempdir(), f"nanocorpus-loops-{os.getuid()}")) / name


def _own(directory: Path) -> Path:
    """Make it. PermissionError if others may write to it: what is read from there is run."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
        raise PermissionError(directory)
    return directory


def is_writable(directory: Path) -> bool:
    """Whether files can be written to a directory, which is made if it is not there."""
    with suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        return os.access(directory, os.W_OK | os.X_OK)
    return False


@cache
def stamp(package: Path) -> str:
    """A stamp of all the code of a package, of ``stages.text``, and of what compiles it. Loops must not call
    those of other packages, whose changes it would not notice."""
    compilers = (Path(__file__).with_name(name) for name in _COMPILERS)
    sources = [*compilers, *sorted(_SHARED.glob("*.py")), *sorted(package.glob("*.py"))]
    return blake2b(b"\0".join(source.read_bytes() for source in sources), digest_size=16).hexdigest()
