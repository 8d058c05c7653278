"""Decides whether a damaged file still counts as read.

A stream that breaks off is a damaged input, and so is a file of which more than a hundredth is lost:
otherwise one failed row in the corpus could represent most of a file. ``damaged: keep`` still takes what can
be read.

It knows bytes and rows that are lost. It knows no file format.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from stages.base import DamagedInput

#: Values of the setting ``damaged`` of readers.
OnDamage = Literal["fail", "keep"]
#: Share of an input's bytes that may be lost to damage without making the input fail.
TOLERATED = 0.01


class Damage(NamedTuple):
    """A stretch of a WARC file from which nothing could be read."""

    offset: int  # where it starts, in the file as stored
    reason: str  # damaged_member or bad_record
    detail: str
    url: str | None = None
    lost: int = 0  # bytes of the file that were lost; an estimate inside a member of many records
    cut: bool = False  # the file ends inside it


class Losses:
    """The losses of one input so far.

    ``size`` is the input's length in bytes as stored, ``rows`` its number of rows if the format gives it.
    """

    def __init__(self, path: str, size: int, damaged: OnDamage, rows: int | None = None) -> None:
        self._path = path
        self._size = size
        self._keep = damaged == "keep"
        self._rows = rows
        self._lost_bytes = 0.0
        self._lost_rows = 0

    def add(self, lost: float, what: str, rows: int = 0, cut: bool = False) -> None:
        """``lost`` bytes, or ``rows`` rows of that many, cannot be read; ``what`` says where and why.

        Raises:
            DamagedInput: Too much is lost, or (``cut``) the stream has no end.
        """
        self._lost_bytes += lost
        self._lost_rows += rows
        if self._keep or not (cut or self._lost_bytes > TOLERATED * self._size):
            return
        read = f"{max(self._size - round(self._lost_bytes), 0)} of {self._size} bytes"
        if self._rows is not None:
            read = f"{self._rows - self._lost_rows} of {self._rows} rows, {read}"
        raise DamagedInput(
            f"{self._path} is damaged: {what}; read {'' if cut else 'at most '}{read}; fetch it again, "
            "or set read: {damaged: keep} to take what can be read"
        )
