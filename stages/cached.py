"""Numba's cache of machine code, made safe: whatever happens to its files costs compiling again at most.

Numba lets a loop fail if its file is damaged or the disk is full. It checks the date of one source, though a
loop has code and constants of others in it. And it names new code in its index before it writes it: if it is
stopped between the two, code of older sources is taken for the new one.

Knows Numba's cache. Does not know where it lies, nor which sources count (``kept``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from numba.core import caching

from stages import kept

# Numba is not typed.
_Cache: Any = caching.FunctionCache
_Files: Any = caching.IndexDataCacheFile
_Made: Any = caching.CompileResultCacheImpl
_Locator: Any = caching.InTreeCacheLocator


class _Place(_Locator):  # type: ignore[misc]
    def ensure_cache_path(self) -> None:
        """What cannot be written to can be read."""


class _Kind(_Made):  # type: ignore[misc]
    _locator_classes = (_Place,)


class _Kept(_Files):  # type: ignore[misc]
    def save(self, key: Any, data: Any) -> None:
        """As Numba's, but no index ever names a file that has not been written, or one of older sources."""
        names = self._load_index()
        self._save_index({known: name for known, name in names.items() if known != key})
        taken = {name for known, name in names.items() if known != key}
        name = next(name for name in map(self._data_name, count(1)) if name not in taken)
        self._save_data(name, data)
        self._save_index({**names, key: name})


class Cache(_Cache):  # type: ignore[misc]
    """The cache of one function. RuntimeError if its source is no file."""

    _impl_class = _Kind

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        package = Path(function.__code__.co_filename).parent
        places, base, stamp = kept.places(package), self._impl.filename_base, kept.stamp(package)
        self._files = [_Kept(str(place), base, stamp) for place in places]
        self._cache_path, self._cache_file = str(places[0]), self._files[0]

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Code that is there; None if none is, or only a damaged file."""
        for file in reversed(self._files):
            self._cache_file = file
            try:
                if (found := super().load_overload(signature, target)) is not None:
                    return found
            except Exception:  # a damaged pickle may raise anything
                with suppress(OSError):
                    self.flush()
        return None

    def save_overload(self, signature: Any, made: Any) -> None:
        """Keep code, if that is possible."""
        self._cache_file = self._files[0]
        with suppress(OSError):  # the disk is full, or cannot be written to
            super().save_overload(signature, made)
