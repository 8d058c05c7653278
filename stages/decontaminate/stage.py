"""The stage ``decontaminate``: finds documents that contain questions of evaluation benchmarks.

    - decontaminate: {benchmarks: {gsm8k: bench/gsm8k.jsonl, mmlu: bench/mmlu/}, fields: {gsm8k: [question]}}

Knows documents and their overlap with the index. Does not know how it is computed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from stages.base import MIB, Annotation, Annotator, AssetFile, Caveat, Fault, Filter, Resources, StageConfig
from stages.decontaminate.index import Index, build
from stages.decontaminate.items import read_items
from stages.decontaminate.measure import measure


class DecontaminateConfig(StageConfig):
    #: For each benchmark a file of questions (JSON Lines or Parquet), or a directory of such files.
    benchmarks: dict[str, AssetFile] = Field(min_length=1)
    #: For each benchmark the columns that make up a question; default: found by their usual names.
    fields: dict[str, list[str]] = Field(default_factory=dict)
    #: Consecutive tokens that must be equal before a question is compared in full.
    ngram: int = Field(default=8, ge=3, le=64)
    #: Questions with fewer words are not searched for; those with fewer than ``ngram`` are searched for by
    #: n-grams of this length.
    shortest: int = Field(default=8, ge=3, le=64)
    #: Documents with this share of a question, or more, are dropped.
    threshold: float = Field(default=0.8, gt=0.0, le=1.0)
    #: ``annotate`` adds the columns and drops nothing.
    action: Literal["drop", "annotate"] = "drop"

    @model_validator(mode="after")
    def _fits(self) -> DecontaminateConfig:
        if self.shortest > self.ngram:
            raise ValueError(f"shortest ({self.shortest}) is more than ngram ({self.ngram})")
        for name in self.benchmarks:
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ValueError(f"benchmark {name!r}: a name has letters, digits, '_', '-' and '.' only")
        for name, fields in self.fields.items():
            if name not in self.benchmarks:
                raise ValueError(f"fields: there is no benchmark {name!r}")
            if not fields:
                raise ValueError(f"fields.{name}: names no column")
        return self


class Decontaminate(Annotator, Filter):
    """Drops documents with an overlap of ``threshold`` or more, with the reason ``contaminated_<benchmark>``.
    A document without text (null) fails with ``no_text``.

    ``contamination.benchmark`` and ``contamination.item`` name the question with the largest overlap (its row
    in the file, from 0; ``file:row`` for a directory), null if no n-gram of any question occurs.
    ``contamination.overlap`` (0 to 1) is the share of its tokens that the document contains, and
    ``contamination.tokens`` their number in the question.
    """

    name = "decontaminate"
    Config = DecontaminateConfig
    reads = ("text",)
    adds = pa.schema(
        [
            ("contamination.benchmark", pa.string()),
            ("contamination.item", pa.string()),
            ("contamination.overlap", pa.float32()),
            ("contamination.tokens", pa.int32()),
        ]
    )
    caveat = Caveat(
        undone="Not decontaminated: {datasets}. Texts of evaluation benchmarks may be among the documents, "
        "which makes scores on them unreliable."
    )
    decides = frozenset({"threshold", "action"})
    resources = Resources(memory=512 * MIB)  # 100,000 items of 45 tokens: 450 MiB to open, then 134 MB

    def __init__(self, config: DecontaminateConfig) -> None:
        super().__init__(config)
        self._index: Index | None = None

    def open(self) -> None:
        """Reads the benchmarks, and notes how many items of each cannot be searched for, and why.

        Raises ValueError for a file that cannot be read, or if no item of a benchmark can be searched for.
        """
        config = self.config
        items = {
            name: read_items(path, name, config.fields.get(name)) for name, path in config.benchmarks.items()
        }
        self._index = build(items, config.ngram, config.shortest)
        for name, counts in self._index.counts.items():
            left_out = {what: counts[what] for what in ("short", "common", "empty") if counts[what]}
            why = ", ".join(f"{count} {what}" for what, count in left_out.items())
            number = sum(left_out.values())
            if number == len(items[name]):
                raise ValueError(f"decontaminate.benchmarks.{name}: no item can be looked for ({why})")
            if number:
                self.notes.append(f"{number} of {len(items[name])} items of {name} are not looked for: {why}")

    def annotate(self, batch: pa.Table) -> Annotation:
        if self._index is None:
            raise RuntimeError("Decontaminate.open() comes before annotate()")
        null = batch["text"].is_null().to_numpy()
        found = measure(pc.fill_null(batch["text"], ""), self._index)
        names = [self._index.names[item] if item >= 0 else (None, None) for item in found.item.tolist()]
        columns = {
            "contamination.benchmark": pa.array([benchmark for benchmark, _ in names], pa.string()),
            "contamination.item": pa.array([item for _, item in names], pa.string()),
            "contamination.overlap": pa.array(found.overlap, mask=null),
            "contamination.tokens": pa.array(found.tokens, mask=found.item < 0),
        }
        faults = dict.fromkeys(np.flatnonzero(null).tolist(), Fault("no_text", "null"))
        return Annotation(columns, faults)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        verdicts: list[Fault | None] = [None] * len(batch)
        if self.config.action == "annotate":
            return verdicts
        # rounded for display: float32 holds 0.7 as 0.69999999
        overlaps = batch["contamination.overlap"].to_numpy().astype(np.float64).round(6)
        for row in np.flatnonzero(overlaps >= self.config.threshold).tolist():
            benchmark, item, tokens = (
                batch[f"contamination.{name}"][row].as_py() for name in ("benchmark", "item", "tokens")
            )
            detail = f"{benchmark} item {item}: {overlaps[row]:.2f} of {tokens} tokens"
            verdicts[row] = Fault(f"contaminated_{benchmark}", detail)
        return verdicts
