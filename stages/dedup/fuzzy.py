"""The stage ``fuzzy_dedup``: of documents with nearly the same text, one stays.

MinHash with bands (see the head of this package). Only band keys travel, 12 bytes each, and never a text:
a document whose keys nobody shares is in no round after the first.

    map          band keys of each document
    edges        documents with an equal band key, as stars                       (``candidates``)
    sketch       with ``verify``: signatures or shingles of both ends of a pair   (``candidates``)
    verified     with ``verify``: edges between those that are alike              (``candidates``)
    small-star-1, large-star-1, …, labels    or    components                     (``components``)
    members      documents of each cluster, with what they are preferred by       (``survivors``)
    verdicts     who stays                                                        (``survivors``)

Documents of earlier runs take part with their band keys alone: a document that is connected to one of
them goes, and so does whoever is connected to it.

A cluster is named by the id of the document that survives; positions decide nothing that is given out.

Knows the config and which round does what; does not know how a round is done, or where.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from stages.base import (
    LAST,
    MIB,
    Applied,
    EarlierRun,
    Fault,
    Global,
    Reduced,
    Resources,
    Round,
    Rounds,
    StageConfig,
)
from stages.dedup import candidates, components, minhash, survivors
from stages.dedup.groups import groups_of
from stages.dedup.shingles import shingle_hashes

_BANDS, _ROWS, _PERMUTATIONS, _SIMILARITY = 20, 13, 260, 0.8
_HALF = np.uint64(32)


class FuzzyDedupConfig(StageConfig):
    """Defaults are those of Nemotron-CC: 24 characters, 20 bands of 13 rows; two texts of Jaccard similarity
    s are found with probability 1 - (1 - s^13)^20, which is one half at s = 0.77."""

    #: Length of a shingle, in ``unit``.
    ngram: int = Field(default=24, ge=1)
    unit: Literal["characters", "words"] = "characters"
    #: 20 and 13 where nothing is said.
    bands: int | None = Field(default=None, ge=1)
    rows: int | None = Field(default=None, ge=1)
    #: In place of bands and rows: those that err least around this similarity, with at most so many
    #: ``permutations`` (260 where nothing is said).
    threshold: float | None = Field(default=None, gt=0, lt=1)
    permutations: int | None = Field(default=None, ge=2)
    seed: int = Field(default=42, ge=0)
    #: Whether candidates are compared before they count: by signatures (1 KiB of each, standard error
    #: about 0.025) or by their sets of shingles (4 bytes a character).
    verify: Literal["none", "signatures", "jaccard"] = "none"
    #: Similarity that counts when compared; ``threshold`` or 0.8 where nothing is said.
    min_similarity: float | None = Field(default=None, gt=0, le=1)
    #: Who survives: columns with ``asc`` or ``desc``; ``length`` is that of the text in characters. Null
    #: comes last, then the smallest id decides. The longest of near duplicates has what the others have.
    prefer: tuple[str, ...] = ("length desc",)
    #: ``annotate`` keeps all documents; ``dedup.cluster`` and ``dedup.copies`` are there in any case.
    action: Literal["drop", "annotate"] = "drop"
    #: Outputs of earlier runs whose documents come first: what is nearly the same as one of them goes.
    against: list[EarlierRun] = Field(default_factory=list)
    #: Up to so many edges (40 bytes each), clusters are found by one process.
    single_process_edges: int = Field(default=20_000_000, ge=0)

    @field_validator("prefer")
    @classmethod
    def _columns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [survivors.parse(item).column for item in value]
        if len(set(names)) < len(names):
            raise ValueError("a column is named twice")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> FuzzyDedupConfig:
        if self.threshold is not None and (self.bands is not None or self.rows is not None):
            raise ValueError("either `threshold` or `bands` and `rows`: the one follows from the other")
        if self.threshold is None and self.permutations is not None:
            raise ValueError("`permutations` goes with `threshold`; otherwise it is bands x rows")
        if self.verify == "none" and self.min_similarity is not None:
            raise ValueError("`min_similarity` needs `verify: signatures` or `verify: jaccard`")
        return self


class FuzzyDedup(Global):
    """Reasons ``near_duplicate``, with the survivor's id, and ``near_duplicate_of_earlier_run``.

    ``dedup.cluster`` is the id of the survivor, null where a document is alone; ``dedup.copies`` is the
    number of documents in the cluster, 1 where it is alone. With an earlier run's documents in the
    cluster, the survivor is unknown and null, and they count as one more copy.
    """

    name = "fuzzy_dedup"
    version = 1
    Config = FuzzyDedupConfig
    reads = ("id", "text")
    adds = pa.schema([("dedup.cluster", pa.binary(16)), ("dedup.copies", pa.int32())])
    verdicts = survivors.VERDICTS
    decides: ClassVar[frozenset[str]] = frozenset(
        {"min_similarity", "prefer", "action", "single_process_edges"}
    )
    #: What as many edges need as one process takes by default; batches of texts need less.
    resources = Resources(memory=768 * MIB)

    def __init__(self, config: FuzzyDedupConfig) -> None:
        super().__init__(config)
        self._prefer = [survivors.parse(item) for item in config.prefer]
        self._similarity = config.min_similarity or config.threshold or _SIMILARITY
        if config.threshold is not None:
            self._bands, self._rows = minhash.optimal_bands(
                config.threshold, config.permutations or _PERMUTATIONS
            )
        else:
            self._bands, self._rows = config.bands or _BANDS, config.rows or _ROWS

    @classmethod
    def needs(cls, config: Any) -> tuple[str, ...]:
        preferred = survivors.columns([survivors.parse(item) for item in config.prefer])
        return tuple(dict.fromkeys([*cls.reads, *preferred]))

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial per document and band; none of an empty text. With ``verify`` also the ``tag``."""
        signatures = self._signatures(batch.column("text"), self.config.seed)
        rows = np.flatnonzero(~minhash.is_empty(signatures)).astype(np.uint32)
        keys = minhash.band_keys(signatures[rows], self._bands, self._rows)
        partials = {"key": keys.reshape(-1), "row": np.repeat(rows, self._bands)}
        if self.config.verify != "none":
            tags = _tags(batch.column("id"))
            partials["tag"] = np.repeat(tags[rows], self._bands)
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
            name, count = f"small-star-{turn}", counts["edges"]
            if count > limit:
                counts = yield Round(f"large-star-{turn}", (name,), order=("other",), split=True)
                stars = not counts["loose"]
                if not stars:
                    name, count = f"large-star-{turn}", counts["edges"]
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
        """The columns of every document; with ``action: drop``, why those go that do not survive."""
        index = np.full(len(batch), -1)
        index[found.column("row").to_numpy()] = np.arange(len(found))
        alone = index < 0
        taken = pa.array(index, mask=alone)
        cluster = found.column("survivor").take(taken)
        copies = found.column("copies").take(taken).fill_null(1)
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
            texts, config.ngram, self._bands * self._rows, seed, words=config.unit == "words"
        )

    def _sketch(self, texts: pa.ChunkedArray) -> pa.Array:
        """list<uint32>[n]: what pairs are compared by, a signature or the ascending set of shingles.

        Of the hash of a shingle half is enough: of a million in a text, a hundred fall on others.
        """
        if self.config.verify == "signatures":
            # other permutations than those of the bands, by which every pair here was chosen as alike
            signatures = self._signatures(texts, self.config.seed + 1)
            values, sizes = signatures.reshape(-1), np.full(len(signatures), signatures.shape[1])
        else:
            words = self.config.unit == "words"
            hashes, starts = shingle_hashes(texts, self.config.ngram, words=words)
            text = np.repeat(np.arange(len(texts), dtype=np.uint64), np.diff(starts))
            distinct = np.unique(text << _HALF | hashes >> _HALF)
            values = distinct.astype(np.uint32)
            sizes = np.bincount((distinct >> _HALF).astype(np.int64), minlength=len(texts))
        offsets = np.append(0, np.cumsum(sizes)).astype(np.int32)
        return pa.ListArray.from_arrays(offsets, values)


def _tags(ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """uint64[n]: a hash of each id. Those of ids with a common prefix are spread too."""
    data = b"".join(ids.to_pylist())
    halves = np.frombuffer(data, "<u8").reshape(-1, 2).astype(np.uint64)
    return components.names(halves[:, 0] + components.names(halves[:, 1] + np.uint64(1)))
