"""What a plan consists of: segments in the order of their dependencies, and the inputs of each dataset.

A *segment* is a sequence of stages that goes over the documents once. Knows fingerprints and the content of
``plan.json``; does not know how a plan is made (``plan.build``) or carried out.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import pyarrow as pa

from pipeline import layout
from pipeline.config.schema import Config
from pipeline.plan import earlier
from pipeline.plan.assets import Asset
from pipeline.plan.columns import output_schema
from pipeline.plan.earlier import EarlierPart
from pipeline.plan.recipe import Recipe, fingerprint
from stages.base import Input, Resources
from stages.where import Where

#: Format of the files of a part; raise it when that changes.
FORMAT = 2


#: Packages whose versions may change what comes out; recorded, not fingerprinted.
_NOTED = (
    "datasketch",
    "fastwarc",
    "numba",
    "numpy",
    "publicsuffixlist",
    "py3langid",
    "pyarrow",
    "ray",
    "resiliparse",
    "selectolax",
    "tokenizers",
)


@dataclass(frozen=True)
class Segment:
    """Stages that go over a dataset's documents once, and where the documents come from."""

    dataset: str
    name: str
    parents: tuple[str, ...]  # keys of the segments whose parts it reads; none if it reads inputs
    reader: Recipe | None
    where: Where | None
    judge: Recipe | None  # the global stage that ended the parent: its verdicts are applied first
    steps: tuple[Recipe, ...]
    judged: Recipe | None  # the global stage that ends it, in the role of judging
    schema: pa.Schema  # of the rows before the first step
    seed: int
    resources: Resources
    earlier: tuple[EarlierPart, ...] = ()  # partials of earlier runs that its global stage also reads

    @property
    def key(self) -> str:
        """``dataset/segment``."""
        return f"{self.dataset}/{self.name}"

    @property
    def directory(self) -> str:
        """Relative to the output."""
        return layout.work(self.key)

    @property
    def output(self) -> pa.Schema:
        """Of the rows after the last step."""
        return output_schema(self.schema, self.steps)

    @property
    def recipe(self) -> str:
        """Fingerprint of what the segment does, without its input. Labels count: rejects contain them."""
        return fingerprint(
            FORMAT,
            self.reader.identity if self.reader else None,
            [self.judge.label, *self.judge.identity] if self.judge else None,
            self.where.text if self.where else None,
            self.schema.to_string(),
            [[step.label, *step.identity] for step in self.steps],
            self.seed if any(step.role in ("generate", "tokens") for step in self.steps) else None,
        )

    def as_json(self) -> dict[str, Any]:
        """Its entry in ``plan.json``. ``does`` and ``decides`` say in plain values what ``recipe`` and the
        identity of the rounds are hashes of, so that a later plan can tell what differs."""
        done = [recipe for recipe in (self.reader, self.judge, *self.steps) if recipe]
        return {
            "dataset": self.dataset,
            "segment": self.name,
            "from": list(self.parents),
            "steps": [f"{step.label} ({step.role})" for step in self.steps],
            "recipe": self.recipe,
            "judged": self.judged.label if self.judged else None,
            "maps": earlier.map_identity(self.steps[-1]) if self.judged else None,
            "where": self.where.text if self.where else None,
            "columns": self.schema.names,
            "does": [recipe.as_json() for recipe in done],
            "decides": self.judged.as_json() if self.judged else None,
        }


@dataclass(frozen=True)
class Plan:
    """Everything that will be done, each segment after those that it depends on."""

    config: Config
    segments: dict[str, Segment]
    inputs: dict[str, list[tuple[str, Input]]]  # dataset → (part, input)
    assets: dict[str, Asset] = field(default_factory=dict)  # by the path that the config names
    #: Bytes of all inputs, by dataset and part: a dry run may take some of them.
    sizes: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """Of nanocorpus; None if it is not installed."""
        return _version("nanocorpus")

    def last(self, dataset: str) -> Segment:
        """The segment whose parts are the dataset's documents."""
        return [s for s in self.segments.values() if s.dataset == dataset and s.name != "tokens"][-1]

    def tokens(self, dataset: str) -> Segment:
        """The segment that makes tokens of the dataset's documents."""
        return self.segments[f"{dataset}/tokens"]

    def as_json(self) -> dict[str, Any]:
        """What ``plan.json`` holds."""
        return {
            "format": layout.FORMAT,
            "name": self.config.name,
            "config": self.config.as_json(),
            "versions": {"nanocorpus": self.version, "python": platform.python_version()}
            | {package: _version(package) for package in _NOTED},
            "assets": {source: {"sha256": kept.sha256} for source, kept in sorted(self.assets.items())},
            "segments": [segment.as_json() for segment in self.segments.values()],
            "inputs": {
                dataset: [{"part": part, **item._asdict()} for part, item in items]
                for dataset, items in self.inputs.items()
            },
        }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
