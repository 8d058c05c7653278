"""The section ``card`` of a config: what only the publisher of a corpus knows.

It says nothing about how the corpus is made, so it is not part of what a run is identified by.
"""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\r\n]+$")]
_Address = Annotated[_Line, StringConstraints(pattern=r"^(https?://|mailto:)\S+$")]


class About(BaseModel):
    """What the dataset card and ``croissant.json`` say of a corpus besides what the run knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Licence of the compilation, as the Hub spells it (``odc-by``, ``cc-by-4.0``), or ``other``.
    license: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]*$")] = "other"
    #: Its name, where ``license`` is ``other``.
    license_name: _Line | None = None
    #: Address of its text.
    license_url: _Address | None = None
    #: Who publishes the corpus.
    creator: _Line | None = None
    #: Where people write to, also those who want a document removed: an address of mail or the web.
    contact: _Line | None = None
    #: Where the corpus is published.
    url: _Address | None = None
    #: Version of the corpus: MAJOR.MINOR.PATCH.
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    #: Day of publication.
    date: datetime.date | None = None
    #: How to cite it, as it should be printed (BibTeX or one line).
    citation: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    #: A few sentences that the card begins with.
    description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    #: What the Hub finds it by, besides what the card says by itself.
    tags: list[Annotated[_Line, StringConstraints(max_length=60)]] = Field(default=[])
    #: Datasets of the Hub that it was made from, as ``owner/name``, in place of those that the card finds.
    source_datasets: list[
        Annotated[str, StringConstraints(pattern=r"^(original|(extended\|)?[\w.-]+(/[\w.-]+)?)$")]
    ] = Field(default=[])
    #: Uses that it is not meant for, one sentence each, in place of those that the card names by itself.
    not_for: list[_Line] = Field(default=[])
    #: Terms of the models that wrote text, by their names in the column ``synthetic.model``.
    teachers: dict[str, _Line] = Field(default={})
