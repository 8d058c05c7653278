"""Small repositories together in one input, so that 10^8 of them are not 10^8 parts of a run.

Members are sorted by name, and a pack ends after one of them with a chance of its bytes in ``PACK_BYTES``,
drawn from its name. So packs hold about that much, and a repository that is added or taken away changes one
pack and leaves the others, with their results, as they are.

Knows names and sizes. Does not know what repositories are.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator

from stages.base import MIB, Input, Member

#: What a pack holds on average, as stored.
PACK_BYTES = 64 * MIB
#: A pack of tiny members ends here in any case: each is looked at once more before it is read.
MOST_MEMBERS = 1024
_DRAWS = 1 << 64


def pack(members: Iterable[Member]) -> list[Input]:
    """Inputs of about ``PACK_BYTES``. ValueError: two members have the same name."""
    inputs: list[Input] = []
    ordered = sorted(members, key=lambda one: (one.name, one.path))
    for one, other in itertools.pairwise(ordered):
        if one.name == other.name:
            raise ValueError(
                f"{one.path} and {other.path} would both be called {one.name!r}; list them from a "
                "common directory"
            )
    for group in _groups(ordered):
        first = group[0]
        inputs.append(
            Input(
                first.path,
                first.name,
                sum(one.size for one in group),
                etag_of(group),
                members=tuple(group),
            )
        )
    return inputs


def etag_of(members: Iterable[Member]) -> str:
    """Changes when one of the members does."""
    digest = hashlib.blake2b(digest_size=16)
    for one in members:
        digest.update(f"{one.name}\n{one.etag}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _groups(members: list[Member]) -> Iterator[list[Member]]:
    group: list[Member] = []
    for one in members:
        group.append(one)
        drawn = hashlib.blake2b(one.name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if int.from_bytes(drawn, "big") * PACK_BYTES < one.size * _DRAWS or len(group) == MOST_MEMBERS:
            yield group
            group = []
    if group:
        yield group
