"""The stage ``license_filter``: keeps files by the group of their licence.

It stands behind ``exact_dedup``, which carries the worst rank of all copies of a text: a file is not freed
by a copy of it in a friendlier repository.

Knows groups. Does not know texts, nor how a licence was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
from pydantic import Field, field_validator

from stages.base import Fault, Filter, StageConfig
from stages.licenses.groups import GROUPS, RANK, UNKNOWN


class LicenseFilterConfig(StageConfig):
    #: Groups of licences that are kept.
    keep: list[str] = Field(default=["public_domain", "permissive"], min_length=1)
    #: Files of which no licence is known.
    unknown: Literal["drop", "keep"] = "drop"
    #: Files that say other than their folder, and something of another group.
    conflict: Literal["drop", "keep"] = "drop"

    @field_validator("keep")
    @classmethod
    def _groups(cls, keep: list[str]) -> list[str]:
        for name in keep:
            if name not in RANK or name == UNKNOWN:
                raise ValueError(f"{name!r} is no group of licences; there are {', '.join(GROUPS[:-1])}")
        return keep


class LicenseFilter(Filter):
    """Drops with the reasons ``license_unknown``; ``license_conflict`` (the file says other than its folder);
    ``license`` (another group than those in ``keep``; the detail is group and expression) and
    ``license_of_copy`` (a file with the same text has a licence of another group)."""

    name = "license_filter"
    Config = LicenseFilterConfig
    reads = ("license", "license_group", "license_rank", "license_conflict")

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        keep = frozenset(self.config.keep) | ({UNKNOWN} if self.config.unknown == "keep" else frozenset())

        def verdict(
            license: str | None, group: str | None, rank: int | None, conflict: str | None
        ) -> Fault | None:
            group = group or UNKNOWN
            of_copies = GROUPS[max(RANK[group], RANK[group] if rank is None else rank)]
            if group == UNKNOWN and UNKNOWN not in keep:
                return Fault("license_unknown", license or "none")
            if conflict is not None and self.config.conflict == "drop":
                return Fault("license_conflict", conflict)
            if group not in keep:
                return Fault("license", f"{group}: {license}")
            if of_copies not in keep:
                return Fault("license_of_copy", f"{group}: {license}; of a copy {of_copies}")
            return None

        return list(map(verdict, *(batch[name].to_pylist() for name in self.reads)))
