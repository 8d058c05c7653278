"""When a damaged file counts as read.

A stream without its end is a damaged input, and so is a file of which more than a hundredth is lost:
nobody wants a corpus in which one failed row stands for most of a file. ``damaged: keep`` takes what
can be read all the same.

It knows bytes and rows that are lost. It knows no file format.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from stages.base import DamagedInput

#: What the settings of readers say about damaged inputs.
OnDamage = Literal["fail", "keep"]
#: Share of an input's bytes that may be lost to damage after which reading goes on.
TOLERATED = 0.01


class Damage(NamedTuple):
    """A stretch of a WARC file that gave nothing."""

    offset: int  # where it starts, in the file as stored
    reason: str  # damaged_member or bad_record
    detail: str
    url: str | None = None
    lost: int = 0  # bytes of the file that gave nothing; an estimate inside a member of many records
    cut: bool = False  # the file ends inside it


class Losses:
    """What was lost of one input so far.

    ``size`` is the input's length in bytes as stored, ``rows`` how many it has where the format says.
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
