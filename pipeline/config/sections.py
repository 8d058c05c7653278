"""The sections of a config file and the values that their keys may have.

Knows keys, types and defaults. Does not know stages, nor how sections depend on each other (``schema``).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pipeline.blend.weights import Budget, Phase
from pipeline.config.about import About
from pipeline.storage import StorageSettings


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Section):
    """How much may fail before a run counts as failed."""

    #: Seconds that one document may take in one stage; a document that takes longer fails.
    document_seconds: float = Field(default=60.0, gt=0)
    #: Largest share of a dataset's documents that may fail.
    max_failed: float = Field(default=0.01, ge=0, le=1)
    #: How many inputs may fail as a whole (unreadable files). Parts of later segments may never fail.
    max_failed_parts: int = Field(default=0, ge=0)


class Execution(_Section):
    """How to run; never changes the result."""

    executor: Literal["ray", "inline"] = "ray"
    #: CPUs for working on parts; default: all of the machine or cluster. Each works on one part at once;
    #: behind an object store half as many more are under way, which read while the others compute.
    workers: int | None = Field(default=None, ge=1)
    #: Ray address; default: RAY_ADDRESS, else a local cluster during the run.
    address: str | None = None


class Shards(_Section):
    """The token shards: about how many tokens each has, and whether the text stands beside them."""

    tokens: int = Field(default=100_000_000, ge=1)
    text: bool = False


class DatasetSection(_Section):
    read: dict[str, Any] | None = None
    from_: str | list[str] | None = Field(None, alias="from")
    where: str | None = None
    stages: list[dict[str, Any]] = []


def _place(output: str) -> str:
    if re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*:)?/*", output):
        raise ValueError(f"{output!r} names no directory or prefix to write to")
    return output


class File(_Section):
    name: Annotated[str, Field(min_length=1)]
    output: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_place)]
    seed: int = Field(default=42, ge=0)
    storage: StorageSettings = StorageSettings()
    limits: Limits = Field(default_factory=Limits)
    execution: Execution = Field(default_factory=Execution)
    datasets: Annotated[dict[str, DatasetSection], Field(min_length=1)]
    tokenizer: dict[str, Any] | None = None
    shards: Shards = Field(default_factory=Shards)
    blend: list[Phase] = []
    budget: Budget = Budget()
    #: Folders outside of the output to which a finished run also writes its corpus, by form.
    export: dict[str, str] = {}
    card: About = About()
