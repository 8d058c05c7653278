"""The stage ``passage_dedup``: keeps one occurrence of passages that the corpus repeats.

A passage is ``min_tokens`` consecutive tokens or more (``tokens`` defines those: in short, words, or single
characters of Han, kana, Thai …; neither case nor punctuation matters). A *window* is a passage of exactly
that length. Windows that occur twice are found without comparing all with all:

1. ``map``: winnowed fingerprints of every document (see ``winnow``), about one in 14 tokens. Documents that
   share a window share one of its fingerprints.
2. ``shared``: fingerprints that occur in two places. Most do not, and go no further.
3. ``windows``: each document with such fingerprints is read again; every window that selects one of them
   gives a 128-bit hash of its tokens. This is most of what the exchange carries: 44 bytes a window, but only
   for windows that are very probably repeated. On real pages of which a tenth is repeated that is one byte
   for each byte of text, and 0.2 more for the fingerprints; after ``fuzzy_dedup`` it is less.
4. ``verdicts``: windows with equal hashes are the same passage (a different one has the same hash with a
   probability of 2**-128). In the order of document id, then place, all but the first are repeats. A million
   copies give a million rows, never a million squared.
5. ``apply``: the union of a document's repeats is cut out of the text, as spans of whole tokens and
   everything between them.

With ``keep: first``, the following holds afterwards, for windows of the original texts:

- Every window that occurs twice is found, and only its first occurrence is left.
- Every token that was cut stands in a window with an earlier occurrence, so there is an equal token at the
  same place of that occurrence. The earlier token was kept, or was cut because of a still earlier one: each
  cut token has, at the end of a chain of equal windows, an equal one that was not cut. So the text that was
  cut can be reconstructed from the text that is left.
- A first occurrence as a whole may lose tokens to *another* window that overlaps it and occurs still earlier.
  It loses none to its own repeats: where those overlap it (the periodic ``a b a b a b …``), they are cut from
  its end on.
- A document with a whole first occurrence has ``min_tokens`` tokens left, so it is not dropped, as
  ``min_left`` is at most ``min_tokens``. The few tokens that a dropped document still has are lost with it.

Cutting joins text that was apart, so another run over the result may find a window that this run created.

Documents of earlier runs take part too: all repeats of what one of them has are cut, so that here every cut
token has an equal one in a text of that run as it was before its own cut. They are never cut themselves.
Fingerprints say only where to look: those of their documents that share one with this run are read again in
``windows``. So an earlier run must still have the documents from which its fingerprints were made.

Knows tokens and where they are; does not know how rows travel, nor what a site or a near duplicate is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from stages.base import MIB, EarlierRun, Fault, Resources, StageConfig
from stages.dedup import winnow
from stages.dedup.cut import cut, replace, widen
from stages.dedup.groups import groups_of
from stages.dedup.pending import alike
from stages.dedup.spans import Spans, spans
from stages.global_stage import LAST, OWN, Applied, Global, Reduced, Round, Rounds
from stages.text.utf8 import as_array, utf8

#: Sort order of windows with equal ``key``.
ORDER = ("low", "id", "offset")


class PassageDedupConfig(StageConfig):
    #: Length of the shortest passage that is found, in tokens (words, or characters of Han, kana, Thai …).
    min_tokens: int = Field(default=50, ge=8, le=1000)
    #: Which occurrence of a passage is kept: the first, by document id and place, or none.
    keep: Literal["first", "none"] = "first"
    #: ``annotate`` counts, and leaves texts and documents unchanged.
    action: Literal["remove", "annotate"] = "remove"
    #: A document that was cut and has fewer tokens left is dropped. Default: ``min_tokens``.
    min_left: int | None = Field(default=None, ge=1)
    #: Outputs of earlier runs: a passage that one of their documents has is a repeat wherever it stands.
    #: Documents that have fingerprints in common with this run are read again, so they must still be there.
    against: list[EarlierRun] = Field(default_factory=list)

    @model_validator(mode="after")
    def _first_ones_stay(self) -> PassageDedupConfig:
        if self.min_left is not None and self.min_left > self.min_tokens:
            raise ValueError(
                f"min_left {self.min_left} is above min_tokens {self.min_tokens}: documents"
                " with the only occurrence left of a passage would be dropped; drop short ones with `length`"
                " afterwards"
            )
        return self


class PassageDedup(Global):
    """Cuts repeated passages from the text, and drops documents of which too little is left with the reason
    ``mostly_repeated_passages``.

    ``dedup.passages`` counts the repeated passages of a document, ``dedup.passage_tokens`` their tokens.
    """

    name = "passage_dedup"
    Config = PassageDedupConfig
    reads = ("id", "text")
    adds = pa.schema(
        [("text", pa.string()), ("dedup.passages", pa.int32()), ("dedup.passage_tokens", pa.int32())]
    )
    decides = frozenset({"keep", "action", "min_left"})
    applies: ClassVar[frozenset[str]] = frozenset({"action", "min_left"})
    rereads: ClassVar[frozenset[str]] = frozenset({"windows"})
    verdicts = pa.schema([("key", pa.uint64()), ("start", pa.uint32()), ("stop", pa.uint32())])
    resources = Resources(memory=512 * MIB)

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per selected fingerprint and document, two if the document has it twice."""
        rows, keys = winnow.fingerprints(*utf8(batch.column("text")), self.config.min_tokens)
        return pa.table({"key": keys, "row": rows})

    def rounds(self) -> Rounds:
        yield Round("shared", split=True)
        yield Round("windows", takes=("shared",), order=("fingerprint",), documents=True)
        yield Round(LAST, takes=("windows",), order=ORDER, split=True)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """In round ``shared``: shared fingerprints, by position of the document. In the last round: tokens to
        cut, by position."""
        return self._shared(groups) if name == "shared" else self._repeats(groups)

    def _shared(self, groups: Iterator[pa.Table]) -> Reduced:
        counts = {"shared fingerprints": 0}
        # the last fingerprint may continue in the next table: keep its one row so far, or that it has several
        alone = (np.zeros(0, np.uint64), np.zeros(0, np.uint64))
        known: np.uint64 | None = None
        for table in groups:
            position = np.concatenate([alone[0], table.column("position").to_numpy()])
            key = np.concatenate([alone[1], table.column("key").to_numpy()])
            first, sizes = groups_of(key)
            several = sizes > 1
            counts["shared fingerprints"] += int(several.sum())
            if known is not None and key[0] == known:
                counts["shared fingerprints"] -= int(several[0])
                several[0] = True
            shared = np.repeat(several, sizes) & _concerned(position, first, sizes)
            rest = len(key) if several[-1] else first[-1]
            alone = (position[rest:].copy(), key[rest:].copy())
            known = key[-1] if several[-1] else None
            yield pa.table({"key": position[shared], "fingerprint": key[shared]})
        return counts

    def join(self, name: str, batch: pa.Table, found: pa.Table) -> pa.Table:
        """The windows of a batch of documents that select a shared fingerprint."""
        rows, keys = found.column("row").to_numpy(), found.column("fingerprint").to_numpy()
        seen = winnow.windows(*utf8(batch.column("text")), self.config.min_tokens, rows, keys)
        return pa.table(
            {
                "key": seen.high,
                "row": seen.row,
                "low": seen.low,
                "offset": seen.offset,
                "id": as_array(batch.column("id").take(pa.array(seen.row))),
            }
        )

    def _repeats(self, groups: Iterator[pa.Table]) -> Reduced:
        counts = {"repeated windows": 0, "repeats": 0}
        size = self.config.min_tokens
        for found in alike(groups, ORDER):
            repeated = (found.size > 1)[found.group]
            own = found.rows.column("position").to_numpy() >= np.uint64(OWN)
            repeats = repeated & own
            if self.config.keep == "first":
                repeats &= ~found.leads
            gone = np.flatnonzero(repeats)
            position, offset = _places(found.rows, gone)
            start = offset
            if self.config.keep == "first":
                # a repeat that overlaps the first occurrence leaves that one whole
                where, begin = _places(found.leaders, found.leader[found.group[gone]])
                start = np.where(position == where, np.maximum(offset, begin + size), offset)
            counts["repeated windows"] += int((repeated & found.leads).sum())
            counts["repeats"] += len(gone)
            yield pa.table(
                {
                    "key": position,
                    "start": start.astype(np.uint32),
                    "stop": (offset + size).astype(np.uint32),
                }
            )
        return counts

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """Texts without their repeats, how many those were, and which documents are left too short."""
        text, count = batch.column("text"), len(batch)
        verdicts: list[Fault | None] = [None] * count
        passages, repeated = np.zeros(count, np.int32), np.zeros(count, np.int32)
        if len(found):
            seen = spans(*utf8(text), *(found.column(name).to_numpy() for name in ("row", "start", "stop")))
            np.add.at(passages, seen.row, 1)
            np.add.at(repeated, seen.row, seen.tokens)
            if self.config.action == "remove":
                text = _cut(text, seen)
                verdicts = self._verdicts(seen, repeated)
        columns = {
            "text": text,
            "dedup.passages": pa.array(passages),
            "dedup.passage_tokens": pa.array(repeated),
        }
        return Applied(columns, verdicts)

    def _verdicts(self, seen: Spans, repeated: npt.NDArray[np.int32]) -> list[Fault | None]:
        least = self.config.min_left or self.config.min_tokens
        verdicts: list[Fault | None] = [None] * len(repeated)
        for row in np.flatnonzero((repeated > 0) & (seen.totals - repeated < least)):
            detail = f"{repeated[row]} of {seen.totals[row]} tokens"
            verdicts[row] = Fault("mostly_repeated_passages", detail)
        return verdicts


def _concerned(
    position: npt.NDArray[np.uint64], first: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """[rows] whether a document of this run has the fingerprint. Of the first and the last one that is not
    known, since they may continue in other tables."""
    own = np.logical_or.reduceat(position >= np.uint64(OWN), first)
    own[[0, -1]] = True
    return np.repeat(own, sizes)


def _places(
    table: pa.Table, rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Where windows are: position of the document, and token."""
    position, offset = (table.column(name).to_numpy()[rows] for name in ("position", "offset"))
    return position, offset.astype(np.int64)


def _cut(text: pa.ChunkedArray, seen: Spans) -> pa.ChunkedArray:
    """The texts without the spans."""
    first, sizes = groups_of(seen.row)
    rows = seen.row[first]
    shorter = []
    for whole, start, size in zip(text.take(pa.array(rows)).to_pylist(), first, sizes, strict=True):
        place = slice(start, start + size)
        tokens = zip(seen.begin[place].tolist(), seen.end[place].tolist(), strict=True)
        shorter.append(cut(whole, (widen(whole, begin, end) for begin, end in tokens)))
    return replace(text, rows, shorter)
