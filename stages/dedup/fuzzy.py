"""The stage ``fuzzy_dedup``: keeps one of the documents that have nearly the same text (MinHash with bands).

MinHash with bands (see the head of this package). Only band keys travel, 12 bytes each, never a text: a
document that shares no key with another takes part in no round after the first.

    map          band keys of each document
    edges        documents with an equal band key, as stars                       (``candidates``)
    sketch       with ``verify``: signatures or shingles of both ends of a pair   (``candidates``)
    verified     with ``verify``: edges between those that are alike              (``candidates``)
    small-star-1, large-star-1, …, labels    or    components                     (``components``)
    members      documents of each cluster, with what they are preferred by       (``survivors``)
    verdicts     who stays                                                        (``survivors``)

Documents of earlier runs take part with their band keys alone: a document that is connected to one of them is
dropped, and so is every document connected to it.

A cluster is named by the id of the document that survives; no result depends on positions.

Knows the config and which round does what; does not know how a round is done, or where.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from stages.base import MIB, Caveat, EarlierRun, Fault, Resources, StageConfig
from stages.dedup import candidates, components, minhash, survivors
from stages.dedup.columns import places
from stages.dedup.groups import groups_of
from stages.dedup.shingles import shingle_hashes
from stages.global_stage import LAST, Applied, Global, Reduced, Round, Rounds
from stages.text.utf8 import as_array

_PERMUTATIONS, _SIMILARITY = 260, 0.8
#: Bytes of text of which sets of shingles are made at once. These take eight bytes a character while they are
#: made, and four afterwards.
SKETCH_BYTES = MIB
_HALF = np.uint64(32)


class FuzzyDedupConfig(StageConfig):
    """The defaults are those of Nemotron-CC: shingles of 24 characters, 20 bands of 13 rows. Two texts of
    Jaccard similarity s are found with probability 1 - (1 - s^13)^20, which is one half at s = 0.77."""

    #: Length of a shingle, in ``unit``.
    ngram: int = Field(default=24, ge=1)
    #: What a shingle is made of.
    unit: Literal["characters", "words"] = "characters"
    #: Number of bands. Two documents are candidates if they agree in one.
    bands: int = Field(default=20, ge=1)
    #: Hash values in a band.
    rows: int = Field(default=13, ge=1)
    #: In place of ``bands`` and ``rows``: the similarity at and above which documents should be found. The
    #: bands and rows with the smallest error around it are chosen.
    threshold: float | None = Field(default=None, gt=0, lt=1)
    #: With ``threshold``: the largest number of hash values, ``bands`` times ``rows``. Default: 260.
    permutations: int | None = Field(default=None, ge=2)
    #: Seed of the hash functions.
    seed: int = Field(default=42, ge=0)
    #: A column: documents are compared only with those that have the same value in it, null with null.
    within: str | None = None
    #: Whether candidates are compared once more: by their signatures (1 KiB for each, standard error about
    #: 0.025) or exactly, by their sets of shingles (4 bytes a character).
    verify: Literal["none", "signatures", "jaccard"] = "none"
    #: Whether the exchange carries what ``verify`` needs, 8 bytes more a band. Default: if ``verify`` is set.
    #: Set it if this run does not verify and a later run, ``against`` this one, does.
    tags: bool | None = None
    #: With ``verify``: the lowest similarity of near duplicates. Default: ``threshold``, or 0.8.
    min_similarity: float | None = Field(default=None, gt=0, le=1)
    #: Which document of a cluster is kept: columns with ``asc`` or ``desc``, in order of priority; ``length``
    #: is the length of the text in characters. Null comes last; ties go to the smallest id.
    prefer: tuple[str, ...] = ("length desc",)
    #: ``annotate`` adds the columns and drops nothing.
    action: Literal["drop", "annotate"] = "drop"
    #: Outputs of earlier runs: a document that is nearly the same as one of theirs is dropped.
    against: list[EarlierRun] = Field(default_factory=list)
    #: Up to this many edges (52 bytes each), one process finds the clusters; beyond, several tasks do.
    single_process_edges: int = Field(default=20_000_000, ge=0)

    @field_validator("prefer")
    @classmethod
    def _columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return survivors.parsed(value)

    @model_validator(mode="after")
    def _consistent(self) -> FuzzyDedupConfig:
        # settings that the map depends on are filled in, so that equal maps have equal settings; reading a
        # config with filled-in settings again is no mistake
        if self.threshold is not None:
            found = minhash.optimal_bands(self.threshold, self.permutations or _PERMUTATIONS)
            if self.model_fields_set & {"bands", "rows"} and (self.bands, self.rows) != found:
                raise ValueError("either `threshold` or `bands` and `rows`: the one follows from the other")
            self.__dict__.update(bands=found[0], rows=found[1])
        if self.tags is None:
            self.__dict__.update(tags=self.verify != "none")
        if self.verify != "none" and not self.tags:
            raise ValueError("`verify` needs `tags`")
        if self.threshold is None and self.permutations is not None:
            raise ValueError("`permutations` goes with `threshold`; otherwise it is bands x rows")
        if self.verify == "none" and self.min_similarity is not None:
            raise ValueError("`min_similarity` needs `verify: signatures` or `verify: jaccard`")
        return self


class FuzzyDedup(Global):
    """Drops with the reasons ``near_duplicate``, with the id of the document that is kept as detail, and
    ``near_duplicate_of_earlier_run``.

    ``dedup.cluster`` is the id of the document that is kept, ``dedup.copies`` the number of documents in the
    cluster; null and 1 for a document that is alone. If documents of an earlier run are in the cluster,
    ``dedup.cluster`` is null and they count as one more copy.
    """

    name = "fuzzy_dedup"
    version = 1
    Config = FuzzyDedupConfig
    reads = ("id", "text")
    adds = pa.schema([("dedup.cluster", pa.binary(16)), ("dedup.copies", pa.int32())])
    caveat = Caveat(undone="Near duplicates were not removed in: {datasets}.")
    verdicts = survivors.VERDICTS
    decides: ClassVar[frozenset[str]] = frozenset(
        {
            "threshold",  # the map takes the bands and rows that it stands for
            "permutations",
            "verify",
            "min_similarity",
            "prefer",
            "action",
            "single_process_edges",
        }
    )
    applies: ClassVar[frozenset[str]] = frozenset({"action"})
    #: Memory for as many edges as one process takes by default. The signature of a text of 10 MiB takes 160
    #: MiB, the sets of shingles of 64 MiB of texts take 512 MiB.
    resources = Resources(memory=1024 * MIB)

    def __init__(self, config: FuzzyDedupConfig) -> None:
        super().__init__(config)
        self._prefer = [survivors.parse(item) for item in config.prefer]
        self._similarity = config.min_similarity or config.threshold or _SIMILARITY

    @classmethod
    def needs(cls, config: Any) -> tuple[str, ...]:
        preferred = survivors.columns([survivors.parse(item) for item in config.prefer])
        within = (config.within,) if config.within else ()
        return tuple(dict.fromkeys([*cls.reads, *within, *preferred]))

    @classmethod
    def check(cls, config: Any, schema: pa.Schema) -> str | None:
        """What is wrong with the columns that ``prefer`` and ``within`` name, or None."""
        if config.within in schema.names:
            kind = schema.field(config.within).type
            if not any(fits(kind) for fits in _GROUPS):
                return (
                    f"`within: {config.within}`: {kind} is neither text nor a whole number nor true or false"
                )
        return survivors.problem([survivors.parse(item) for item in config.prefer], schema)

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per document and band; none of an empty text. With ``tags`` also the ``tag``."""
        bands = self.config.bands
        signatures = self._signatures(batch.column("text"), self.config.seed)
        rows = np.flatnonzero(~minhash.is_empty(signatures)).astype(np.uint32)
        keys = minhash.band_keys(signatures[rows], bands, self.config.rows)
        if self.config.within is not None:
            keys ^= _group_hashes(batch.column(self.config.within))[rows, None]
        partials = {"key": keys.reshape(-1), "row": np.repeat(rows, bands)}
        if self.config.tags:
            tags = _tags(batch.column("id"))
            partials["tag"] = np.repeat(tags[rows], bands)
        return pa.table(partials)

    def rounds(self) -> Rounds:
        """See the head of the module. After every pass of stars, what is left may fit one process."""
        verify, limit = self.config.verify != "none", self.config.single_process_edges
        if verify:
            yield Round("edges", ("map",), order=("tag",))
            yield Round("sketch", ("edges",), documents=True)
            counts = yield Round("verified", ("sketch",))
            name = "verified"
        else:
            counts = yield Round("edges", ("map",), split=True)
            name = "edges"
        count, turn, stars = counts["rows"], 0, False
        while count > limit and not stars:
            turn += 1
            counts = yield Round(f"small-star-{turn}", (name,), order=("other",), split=True)
            name, count = f"small-star-{turn}", counts["rows"]
            if count > limit:
                counts = yield Round(f"large-star-{turn}", (name,), order=("other",), split=True)
                stars = not counts["loose"]
                if not stars:
                    name, count = f"large-star-{turn}", counts["rows"]
        if stars:
            labels = Round("labels", (name,), order=("other",), split=True)
        else:
            labels = Round("components", (name,), whole=True, split=True)
        yield labels
        yield Round("members", (labels.name,), documents=True)
        yield Round(LAST, ("members",), order=survivors.order(self._prefer), split=True)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """See ``candidates``, ``components`` and ``survivors``."""
        if name == "edges":
            find = candidates.stars if self.config.verify == "none" else candidates.pairs
            return find(groups)
        if name == "verified":
            return candidates.verified(groups, self._similarity, self.config.verify == "jaccard")
        if name.startswith("small-star"):
            return components.small_star(groups)
        if name.startswith("large-star"):
            return components.large_star(groups)
        if name == "labels":
            return components.labels(groups)
        if name == "components":
            return components.components(groups)
        return survivors.survivors(groups)

    def join(self, name: str, batch: pa.Table, found: pa.Table) -> pa.Table:
        """See ``candidates`` and ``survivors``."""
        if name == "sketch":
            texts = batch.column("text")
            return candidates.sketches(found, lambda rows: self._sketch(texts.take(pa.array(rows))))
        row, label, earlier = (found.column(column).to_numpy() for column in ("row", "label", "earlier"))
        # a document and its twin have one label; ``found`` is sorted by row
        starts, _ = groups_of(row)
        twinned = np.logical_or.reduceat(earlier, starts) if len(starts) else earlier
        return survivors.members(batch, row[starts], pa.array(label[starts]), pa.array(twinned), self._prefer)

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """The columns of every document; with ``action: drop``, also reasons for those that do not
        survive."""
        about = places(found, len(batch))
        cluster = found.column("survivor").take(about)
        copies = found.column("copies").take(about).fill_null(1)
        verdicts: list[Fault | None] = [None] * len(batch)
        if self.config.action == "drop":
            gone = found.filter(pc.invert(found.column("keep")))
            for row, survivor in zip(
                gone.column("row").to_pylist(), gone.column("survivor").to_pylist(), strict=True
            ):
                if survivor is None:
                    verdicts[row] = Fault("near_duplicate_of_earlier_run")
                else:
                    verdicts[row] = Fault("near_duplicate", survivor.hex())
        return Applied({"dedup.cluster": cluster, "dedup.copies": copies}, verdicts)

    def _signatures(self, texts: pa.ChunkedArray, seed: int) -> npt.NDArray[np.uint32]:
        config = self.config
        return minhash.signatures(
            texts, config.ngram, config.bands * config.rows, seed, words=config.unit == "words"
        )

    def _sketch(self, texts: pa.ChunkedArray) -> pa.Array:
        """list<uint32>[n]: what pairs are compared by, a signature or the ascending set of shingles."""
        if self.config.verify == "signatures":
            # not the permutations of the bands: every pair here was selected because it agrees on those
            signatures = self._signatures(texts, self.config.seed + 1)
            return _lists(list(signatures))
        ends = np.cumsum(pc.binary_length(texts).to_numpy())
        pieces = (texts.slice(*piece) for piece in zip(*groups_of(ends // SKETCH_BYTES), strict=True))
        return pa.concat_arrays([_lists([]), *(_lists(self._sets(piece)) for piece in pieces)])

    def _sets(self, texts: pa.ChunkedArray) -> list[npt.NDArray[np.uint32]]:
        """The distinct shingles of each text, ascending. Half of a hash is enough: of a million shingles in a
        text, about a hundred collide with others."""
        hashes, starts = shingle_hashes(texts, self.config.ngram, words=self.config.unit == "words")
        sets = []
        for start, stop in pairwise(starts):
            halves = (hashes[start:stop] >> _HALF).astype(np.uint32)
            halves.sort()
            # the first one differs from what comes before it
            sets.append(halves[np.diff(halves, prepend=~halves[:1]) != 0])
        return sets


#: Types of columns that ``within`` may name.
_GROUPS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean)


def _group_hashes(values: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """uint64[n]: a hash of each value; 0 for null, so that a column of nulls gives the same keys as no
    ``within``."""
    groups = as_array(values).dictionary_encode()
    names = [str(name) for name in groups.dictionary.to_pylist()]
    hashes = [int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little") for name in names]
    found: npt.NDArray[np.uint64]
    found = np.array([*hashes, 0], np.uint64)[pc.fill_null(groups.indices, len(names)).to_numpy()]
    return found


def _lists(values: list[npt.NDArray[np.uint32]]) -> pa.Array:
    """list<uint32>[n]"""
    offsets = np.cumsum([0, *map(len, values)])
    joined = np.concatenate([np.empty(0, np.uint32), *values])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), joined)


def _tags(ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """uint64[n]: a hash of each id, spread evenly even if ids have a common prefix."""
    data = b"".join(ids.to_pylist())
    halves = np.frombuffer(data, "<u8").reshape(-1, 2).astype(np.uint64)
    return components.names(halves[:, 0] + components.names(halves[:, 1] + np.uint64(1)))
