"""Interprets values of tables: strings, instants, numbers.

An odd value affects only itself: a timestamp beyond the year 9999 or a number that no float can hold becomes
null, never an error of the file. Instants are computed from their integers, without pandas or a table of time
zones.

It knows values of JSON and Arrow columns. It does not know files, nor what our columns are for.
"""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stages.read.utf import is_utf8

_EPOCH = datetime.datetime(1970, 1, 1)
_FIRST, _LAST = (
    (edge - _EPOCH) // datetime.timedelta(seconds=1)
    for edge in (datetime.datetime.min, datetime.datetime.max)
)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_REPLACEMENT = "�".encode()
_BYTES_OF = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
_STRINGS_OF = {bytes_: strings for strings, bytes_ in _BYTES_OF.items()}
_LARGEST = 3.4028234e38  # of 32-bit floats


def string_of(value: Any) -> str | None:
    """A scalar as a string that Arrow takes: no lone surrogate (JSON can spell one), no NUL. Bytes are
    decoded as UTF-8 or, if they are not text, written as hexadecimal digits. None if the value is not a
    scalar."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bytes):
        return _clean(printable(value) or value.hex())
    if isinstance(value, (int, float, decimal.Decimal, uuid.UUID)) and not isinstance(value, bool):
        return str(value)
    return None


def number_of(value: Any) -> float | None:
    """A number as a 32-bit float can hold it, else None."""
    if not isinstance(value, (int, float, decimal.Decimal)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) <= _LARGEST else None


def text_of(value: Any) -> bytes | None:
    """A string that is not blank, or its UTF-8, as UTF-8 without NUL and lone surrogates; else None."""
    if isinstance(value, str):
        if not value or value.isspace():
            return None
        try:
            value = value.encode()
        except UnicodeEncodeError:
            value = _clean(value).encode()
    elif not isinstance(value, bytes) or not value or _is_blank(value):
        return None
    return bytes(value.replace(b"\0", _REPLACEMENT)) if b"\0" in value else value


def _is_blank(text: bytes) -> bool:
    start = text[:64].decode("utf-8", "ignore")
    return (not start or start.isspace()) and text.decode().isspace()


def printable(value: bytes) -> str | None:
    """``value`` as UTF-8 if all of its characters are printable."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _clean(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "�")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def is_text(type_: pa.DataType) -> bool:
    """Whether values of an Arrow type are strings, or bytes that may be UTF-8. So are columns of nulls."""
    type_ = _storage(type_)
    if pa.types.is_dictionary(type_):
        return is_text(type_.value_type)
    return pa.types.is_null(type_) or is_bytes(type_)


def is_bytes(type_: pa.DataType) -> bool:
    """Whether values of an Arrow type are strings or bytes."""
    type_ = _storage(type_)
    return holds_strings(type_) or any(
        test(type_)
        for test in (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
            pa.types.is_fixed_size_binary,
        )
    )


def holds_strings(type_: pa.DataType) -> bool:
    """Whether values of an Arrow type are strings, as opposed to bytes."""
    type_ = _storage(type_)
    if pa.types.is_dictionary(type_):
        return holds_strings(type_.value_type)
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
    )


def is_nested(type_: pa.DataType) -> bool:
    """Whether values of an Arrow type are composed of other values."""
    return bool(pa.types.is_nested(_storage(type_)))


#: How strings are returned: as they are stored (bytes if they are not strings), as ``str``, as ``str`` or
#: None if bytes are not UTF-8, or as UTF-8 bytes.
Kind = Literal["stored", "str", "str or null", "utf8"]


class Column(NamedTuple):
    """How values of an Arrow type are read: ``plain`` makes a column plain (no dictionary, no extension;
    strings that ``pyarrow.compute.binary_length`` accepts), then ``cells`` converts its values. ``cell``
    converts a single string or bytes. ``cells`` and ``cell`` raise UnicodeDecodeError if a string is not
    UTF-8.
    """

    plain: Callable[[pa.Array], pa.Array]
    cells: Callable[[pa.Array], list[Any]]
    cell: Callable[[bytes], Any]
    strings: bool  # or bytes


def column(type_: pa.DataType, kind: Kind) -> Column:
    """How a column is read for ``string_of``, ``number_of`` and ``text_of``."""
    if isinstance(type_, pa.UuidType):
        return Column(_same, _listed, _same, strings=False)
    if isinstance(type_, pa.BaseExtensionType):
        inner = column(type_.storage_type, kind)
        return inner._replace(plain=lambda array: inner.plain(array.storage))
    if pa.types.is_dictionary(type_):
        inner = column(type_.value_type, kind)
        return inner._replace(plain=lambda array: inner.plain(array.dictionary_decode()))
    if not is_bytes(type_):
        return Column(_same, _cells(type_), _same, strings=False)
    if kind == "utf8":
        return Column(_as_strings(type_), _utf8_cells, _utf8_cell, strings=True)
    if kind == "str" or holds_strings(type_):
        return Column(_as_strings(type_), _listed, bytes.decode, strings=True)
    cell = _decoded if kind == "str or null" else _same
    return Column(_as_bytes(type_), lambda array: list(map(cell, _listed(array))), cell, strings=True)


def _decoded(value: bytes | None) -> str | None:
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return None


def _as_strings(type_: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """Strings with 32 or 64-bit offsets, whether they are UTF-8 or not. Uses views, which cost nothing,
    rather than casts."""
    if type_ in (pa.string(), pa.large_string()):
        return _same
    if type_ in _STRINGS_OF:
        return lambda array: array.view(_STRINGS_OF[type_])
    options = pc.CastOptions(pa.large_string(), allow_invalid_utf8=True)
    return lambda array: pc.cast(array, options=options)


def _as_bytes(type_: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    return _same if type_ in _STRINGS_OF else lambda array: pc.cast(array, pa.large_binary())


def _utf8_cells(array: pa.Array) -> list[Any]:
    listed = _listed(array.view(_BYTES_OF[array.type]))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        for value in listed:
            _utf8_cell(value or b"")
    return listed


def _utf8_cell(value: bytes) -> bytes:
    if not is_utf8(value):
        value.decode()  # the error says where
    return value


def _cells(type_: pa.DataType) -> Callable[[pa.Array], list[Any]]:
    if pa.types.is_timestamp(type_):
        return lambda array: _instants(array.cast(pa.int64()), _PER_SECOND[type_.unit])
    if pa.types.is_date32(type_):
        return lambda array: _days(array.cast(pa.int32()), 1)
    if pa.types.is_date64(type_):
        return lambda array: _days(array.cast(pa.int64()), _DAY * 1000)
    if pa.types.is_nested(type_) or pa.types.is_temporal(type_) or pa.types.is_boolean(type_):
        return lambda array: [None] * len(array)
    return _listed


def _same(value: Any) -> Any:
    return value


def _listed(array: pa.Array) -> list[Any]:
    listed: list[Any] = array.to_pylist()
    return listed


def _instants(array: pa.Array, unit: int) -> list[str | None]:
    seconds = (None if value is None else value // unit for value in array.to_pylist())
    return [None if at is None or not _FIRST <= at <= _LAST else f"{_at(at).isoformat()}Z" for at in seconds]


def _days(array: pa.Array, unit: int) -> list[str | None]:
    seconds = (None if value is None else value // unit * _DAY for value in array.to_pylist())
    return [None if at is None or not _FIRST <= at <= _LAST else _at(at).date().isoformat() for at in seconds]


def _at(seconds: int) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(seconds=seconds)


def _storage(type_: pa.DataType) -> pa.DataType:
    while isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    return type_
