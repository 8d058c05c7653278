"""Which columns of a dataset's documents its stages tell of (``stages.base.Told``).

Knows the steps of datasets; does not know rows.
"""

from __future__ import annotations

from pipeline.config.schema import Config
from stages.base import Told


def told(config: Config, dataset: str) -> tuple[Told, ...]:
    """Those of its own stages and of the datasets that it is made from, each column once."""
    one = config.datasets[dataset]
    found = {item.column: item for parent in one.parents for item in told(config, parent)}
    for step in (*([one.read] if one.read else []), *one.steps):
        found |= {item.column: item for item in step.cls.tells(step.settings)}
    return tuple(found.values())
