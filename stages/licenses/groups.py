"""Groups of licences and their order: the one place where it says which of two is worse.

A group says what a licence asks of somebody who passes the file on. ``unknown`` is the worst, since nothing
may be assumed of it.

Knows the names of groups. Which licence belongs to which group is in ``licenses.yaml`` (``table``).
"""

from __future__ import annotations

from collections.abc import Iterable

#: From best to worst.
GROUPS = (
    "public_domain",
    "permissive",
    "weak_copyleft",
    "strong_copyleft",
    "network_copyleft",
    "noncommercial",
    "source_available",
    "proprietary",
    "unknown",
)
UNKNOWN = GROUPS[-1]
#: Place in the order of each group: the larger, the worse.
RANK = {group: rank for rank, group in enumerate(GROUPS)}


def worst(groups: Iterable[str]) -> str:
    """The worst of several groups; ``unknown`` of none. KeyError for a name that is no group."""
    return max(groups, key=RANK.__getitem__, default=UNKNOWN)


def best(groups: Iterable[str]) -> str:
    """The best of several groups; ``unknown`` of none. KeyError for a name that is no group."""
    return min(groups, key=RANK.__getitem__, default=UNKNOWN)
