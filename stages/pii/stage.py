"""The stage ``pii``: counts personal data and secrets in the text and replaces them with placeholders.

    - pii: {}                                    # all kinds, redacted
    - pii: {kinds: [email, ip], action: annotate}

Knows columns. Does not know what personal data looks like (``find``).

It works by patterns and rules, so it does not find names or postal addresses. ``addresses``, ``accounts``,
``phones`` and ``secrets`` say what is redacted, and what is kept because it identifies nobody; ``find`` has
the placeholders. Redacting a text a second time changes nothing.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.base import Annotation, Annotator, Caveat, StageConfig, Told
from stages.pii.find import redact

Kind = Literal["email", "ip", "phone", "card", "iban", "secret"]


_NAMES = {
    "email": "mail addresses",
    "ip": "IP addresses",
    "phone": "telephone numbers",
    "card": "numbers of payment cards",
    "iban": "bank accounts",
    "secret": "keys and passwords",
}


class PiiConfig(StageConfig):
    #: The kinds of data to find.
    kinds: list[Kind] = Field(default=["email", "ip", "phone", "card", "iban", "secret"], min_length=1)
    #: ``annotate`` counts and leaves the text unchanged.
    action: Literal["redact", "annotate"] = "redact"
    #: Also redact data that is reserved for documentation and tests, and so identifies nobody: example.com,
    #: 192.0.2.0/24, 2001:db8::/32, test card numbers, keys that are marked as examples.
    documentation: bool = False

    @field_validator("kinds")
    @classmethod
    def _once(cls, kinds: list[Kind]) -> list[Kind]:
        if len(set(kinds)) < len(kinds):
            raise ValueError("a kind is named twice")
        return kinds


class Pii(Annotator):
    """Adds ``pii.<kind>`` (int32), the number of pieces found, for each of ``kinds``. A null text has 0."""

    name = "pii"
    version = 4
    Config = PiiConfig
    reads = ("text",)
    caveat = Caveat(
        undone="Personal data was not searched for or removed in: {datasets}.",
        done="Personal data was searched for by pattern and rule; some will have been missed.",
    )

    @classmethod
    def added(cls, config: Any) -> pa.Schema:
        """A count per kind, and ``text`` if it is redacted."""
        counts = pa.schema([(f"pii.{kind}", pa.int32()) for kind in config.kinds])
        return counts.append(pa.field("text", pa.string())) if config.action == "redact" else counts

    @classmethod
    def tells(cls, config: Any) -> tuple[Told, ...]:
        if config.action != "redact":
            return ()
        return tuple(Told(f"pii.{kind}", "redacted", _NAMES[kind]) for kind in config.kinds)

    def annotate(self, batch: pa.Table) -> Annotation:
        column = batch["text"].combine_chunks()
        found = list(redact(column, self.config.kinds, self.config.documentation))
        columns = {}
        for kind in self.config.kinds:
            counts = np.zeros(len(batch), np.int32)
            for row, pieces, _ in found:
                counts[row] = pieces[kind]
            columns[f"pii.{kind}"] = pa.array(counts)
        if self.config.action == "redact":
            changed = np.zeros(len(batch), bool)
            changed[[row for row, _, _ in found]] = True
            texts = pa.array([text for _, _, text in found], column.type)
            columns["text"] = pc.replace_with_mask(column, pa.array(changed), texts)
        return Annotation(columns)
