"""The stage ``ensemble``: combines the scores of several classifiers into one rank, 0 to 19, and a label.

Scores of different classifiers cannot be compared, their quantiles can. Each classifier's scores are cut at
the 5th, 10th … 95th percentile, weighted by length, so that every one of the 20 buckets holds 5 % of the
tokens; a document's rank is the best of its buckets, so that a high score from one classifier is enough
(Nemotron-CC, arXiv 2412.02595, section 2.2; the labels of the ranks: its table 2).

The cuts are fitted on a sample of this run's documents, chosen by their ids, and saved as a *calibration*
(``artefacts/<dataset>-ensemble.json``). A later run that names it as its ``calibration`` fits nothing, so a
rank means the same in every snapshot.

Knows columns of scores; does not know where they come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.base import MIB, AssetFile, Resources, StageConfig, Told
from stages.global_stage import LAST, Applied, Global, Reduced, Round, Rounds

BUCKETS = 20
FORMAT = 1
#: The cuts are fitted on at most this many documents: those whose ids have the smallest hashes.
SAMPLE_DOCUMENTS = 4_000_000
#: If the share gives fewer documents than this, as in a dry run, the ``FEW`` documents of each batch whose
#: ids have the smallest hashes are added.
LEAST_DOCUMENTS, FEW = 1000, 8

#: Lowest rank of each label, as in Nemotron-CC.
LABELS = {"high": 19, "medium_high": 18, "medium": 12, "medium_low": 7, "low": 0}


class EnsembleConfig(StageConfig):
    #: Columns of scores, such as ``quality.edu``; higher is better.
    scores: list[str] = Field(min_length=1)
    #: The artefact of an earlier run: its cuts are used, and nothing is fitted.
    calibration: AssetFile | None = None
    #: Share of the documents that the cuts are fitted on; more if that would be fewer than 1,000.
    fraction: float = Field(default=1.0, gt=0, le=1)
    #: A document is weighted by its number of tokens with this tokenizer.json. Without one: by its UTF-8
    #: bytes.
    tokenizer: AssetFile | None = None
    #: Lowest rank of each label.
    labels: dict[str, int] = Field(default_factory=lambda: dict(LABELS))

    @field_validator("scores")
    @classmethod
    def _unique(cls, scores: list[str]) -> list[str]:
        if len(set(scores)) < len(scores):
            raise ValueError("names a column twice")
        return scores

    @field_validator("labels")
    @classmethod
    def _cover(cls, labels: dict[str, int]) -> dict[str, int]:
        ranks = sorted(labels.values())
        if not ranks or ranks[0] != 0 or ranks[-1] >= BUCKETS or len(set(ranks)) < len(ranks):
            raise ValueError(
                f"the lowest ranks of labels must differ, be from 0 to {BUCKETS - 1}, and include 0"
            )
        return labels


class Ensemble(Global):
    """The rank of a document is the best of its ranks by any score; rank 19 is the best 5 % of the tokens.
    ``quality.rank`` and ``quality.label`` are null if all scores are null."""

    name = "ensemble"
    Config = EnsembleConfig
    adds = pa.schema([("quality.rank", pa.int8()), ("quality.label", pa.string())])
    decides = frozenset({"labels"})
    applies: ClassVar[frozenset[str]] = frozenset({"labels"})
    shared = True
    resources = Resources(memory=768 * MIB)
    #: One row per classifier, in the order of ``scores``.
    verdicts = pa.schema(
        [
            ("key", pa.uint64()),
            ("cuts", pa.list_(pa.float32())),
            ("documents", pa.int64()),  # that it was fitted on
            ("weight", pa.int64()),  # of them, in tokens or bytes
            ("lowest", pa.float32()),
            ("highest", pa.float32()),
        ]
    )

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__(config)
        self._fixed: list[npt.NDArray[np.float32]] | None = None
        self._tokenizer: Any = None

    @classmethod
    def needs(cls, config: EnsembleConfig) -> tuple[str, ...]:
        return ("id", "text", *config.scores)

    @classmethod
    def tells(cls, config: EnsembleConfig) -> tuple[Told, ...]:
        return (Told("quality.rank", "rank", f"rank of quality, 0 to {BUCKETS - 1}"),)

    @classmethod
    def check(cls, config: EnsembleConfig, schema: pa.Schema) -> str | None:
        wrong = [name for name in config.scores if not pa.types.is_floating(schema.field(name).type)]
        return f"{', '.join(wrong)}: a score is a column of floating-point numbers" if wrong else None

    def open(self) -> None:
        """Loads the calibration or the tokenizer. ``ValueError`` if the calibration is not for these
        scores."""
        if self.config.calibration is not None:
            self._fixed = _load(Path(self.config.calibration), self.config.scores)
        elif self.config.tokenizer is not None:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(self.config.tokenizer)

    def map(self, batch: pa.Table) -> pa.Table:
        """One partial for each document of the sample: the hash of its id as key, its weight, its scores."""
        ids = b"".join(batch.column("id").to_pylist())
        # ids are already hashes; nothing else here depends on their second half
        keys = np.frombuffer(ids, ">u8").reshape(-1, 2)[:, 1].astype(np.uint64)
        taken = np.zeros(len(batch), bool)
        if self.config.calibration is None:
            taken = keys <= self._last_key()
            taken[np.argsort(keys, kind="stable")[:FEW]] = True
        rows = np.flatnonzero(taken)
        weights = self._weights(batch.column("text").take(pa.array(rows)))
        scores = [column[rows] for column in self._scores(batch)]
        names = ["key", "row", "weight", *map(str, range(len(scores)))]
        return pa.table([keys[rows], rows.astype(np.uint32), weights, *scores], names=names)

    def _last_key(self) -> np.uint64:
        """Of the share of the documents."""
        return np.uint64(min(int(self.config.fraction * 2.0**64), (1 << 64) - 1))

    def _weights(self, texts: pa.ChunkedArray) -> npt.NDArray[np.int64]:
        if self._tokenizer is None:
            lengths: npt.NDArray[np.int32] = pc.fill_null(pc.binary_length(texts), 0).to_numpy()
            return lengths.astype(np.int64)
        found = self._tokenizer.encode_batch_fast(
            [text or "" for text in texts.to_pylist()], add_special_tokens=False
        )
        return np.fromiter(map(len, found), np.int64, len(found))

    def _scores(self, batch: pa.Table) -> Iterator[npt.NDArray[np.float32]]:
        """float32[rows] for each classifier, NaN where it gave no score."""
        for name in self.config.scores:
            yield pc.fill_null(batch.column(name).cast(pa.float32()), float("nan")).to_numpy()

    def rounds(self) -> Rounds:
        yield Round(LAST, whole=True, split=True)

    def reduce(self, name: str, groups: Iterator[pa.Table]) -> Reduced:
        """The cuts of each classifier. Counts the ``sampled`` documents."""
        sample: list[pa.Table] = []
        rows = 0
        for table in groups:
            sample.append(table.slice(0, SAMPLE_DOCUMENTS - rows))
            rows += len(sample[-1])
            if rows == SAMPLE_DOCUMENTS:
                break
        whole = pa.concat_tables(sample)
        share = int(np.searchsorted(whole.column("key").to_numpy(), self._last_key(), side="right"))
        if share >= LEAST_DOCUMENTS:
            whole = whole.slice(0, share)
        weights = whole.column("weight").to_numpy()
        found = []
        for index in range(len(self.config.scores)):
            scores = whole.column(str(index)).to_numpy()
            known = ~np.isnan(scores)
            scores, weight = scores[known], weights[known]
            if len(scores):
                found.append(
                    {
                        "key": index,
                        "cuts": cuts(scores, weight),
                        "documents": len(scores),
                        "weight": int(weight.sum()),
                        "lowest": scores.min(),
                        "highest": scores.max(),
                    }
                )
        yield pa.Table.from_pylist(found, schema=self.verdicts)
        return {"sampled": len(whole)}

    def apply(self, batch: pa.Table, found: pa.Table) -> Applied:
        """Ranks and labels."""
        thresholds = self._fixed if self._fixed is not None else self._fitted(found)
        best = np.full(len(batch), -1, np.int8)
        for scores, at in zip(self._scores(batch), thresholds, strict=True):
            # a score equal to a cut counts as above it, as in np.digitize
            bucket = np.searchsorted(at, scores, side="right").astype(np.int8)
            best = np.maximum(best, np.where(np.isnan(scores), np.int8(-1), bucket))
        names = sorted(self.config.labels, key=self.config.labels.__getitem__)
        lowest = [self.config.labels[name] for name in names]
        index = np.searchsorted(lowest, best, side="right") - 1
        unknown = best < 0
        labels = pa.array(names, pa.string()).take(pa.array(index, mask=unknown))
        return Applied(
            {"quality.rank": pa.array(best, mask=unknown), "quality.label": labels}, [None] * len(batch)
        )

    def _fitted(self, found: pa.Table) -> list[npt.NDArray[np.float32]]:
        cuts = dict(zip(found.column("key").to_pylist(), found.column("cuts").to_pylist(), strict=True))
        if missing := [name for index, name in enumerate(self.config.scores) if index not in cuts]:
            raise ValueError(f"no document of the sample has {', '.join(missing)}: raise ensemble.fraction")
        return [np.array(cuts[index], np.float32) for index in range(len(self.config.scores))]

    def artefact(self, found: pa.Table) -> Mapping[str, Any] | None:
        """The calibration; none if one was given, or no documents."""
        if self.config.calibration is not None or not len(found):
            return None
        scores = {
            self.config.scores[row["key"]]: {name: row[name] for name in self.verdicts.names[1:]}
            for row in found.to_pylist()
        }
        weight = f"tokens of {self.config.tokenizer}" if self.config.tokenizer else "UTF-8 bytes"
        return {
            "kind": "quality calibration",
            "format": FORMAT,
            "fraction": self.config.fraction,
            "weight": weight,
            "scores": scores,
        }


def cuts(scores: npt.NDArray[np.float32], weights: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """float32[19]: the weighted percentiles 5, 10 … 95 of scores without NaN: the smallest score at or below
    which lies at least that share of the weight ("inverted CDF"). Computed in whole numbers, hence exact."""
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(weights[order])
    if below[-1] == 0:  # only empty texts
        below = np.arange(1, len(scores) + 1)
    wanted = -(-np.arange(1, BUCKETS) * below[-1] // BUCKETS)
    found: npt.NDArray[np.float32] = scores[order][np.searchsorted(below, wanted)]
    return found


def _load(path: Path, scores: list[str]) -> list[npt.NDArray[np.float32]]:
    try:
        found = json.loads(path.read_text("utf-8"))
        kind, version, known = found["kind"], found["format"], found["scores"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"ensemble.calibration: {path} is no calibration: {error!r}") from None
    if kind != "quality calibration" or version != FORMAT:
        raise ValueError(
            f"ensemble.calibration: {path} is {kind!r} in format {version}; format {FORMAT} is expected"
        )
    if missing := [name for name in scores if name not in known]:
        raise ValueError(
            f"ensemble.calibration: {path} has no cuts for {', '.join(missing)}; it has {', '.join(known)}"
        )
    fixed = [np.array(known[name]["cuts"], np.float32) for name in scores]
    for name, at in zip(scores, fixed, strict=True):
        if at.shape != (BUCKETS - 1,) or not (np.diff(at) >= 0).all():
            raise ValueError(f"ensemble.calibration: {path}: {name} needs {BUCKETS - 1} cuts that ascend")
    return fixed
