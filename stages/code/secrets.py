"""The stage ``secrets``: counts keys, tokens and passwords in code, and replaces them with a placeholder.

    - secrets: {}                   # replaced by REDACTED_SECRET
    - secrets: {action: drop}       # files that have some are dropped

Finds what 80 issuers print by its form, private keys, logins in URLs and headers, and values that look at
random after names such as ``api_key``. Left are publishable keys, hashes, UUIDs, integrity hashes of lock
files, templates, and what calls itself an example. Addresses of people are the stage ``pii``'s.

Knows columns. Does not know what a secret looks like (``find_secrets``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.base import Annotation, Annotator, Caveat, Fault, Filter, StageConfig, Told
from stages.code.find_secrets import secrets
from stages.text.utf8 import as_array

COUNTS = pa.list_(pa.struct([("rule", pa.string()), ("count", pa.int32())]))


class SecretsConfig(StageConfig):
    #: ``redact`` replaces every secret, ``drop`` drops the files that have some, ``annotate`` only counts.
    action: Literal["redact", "drop", "annotate"] = "redact"
    #: Also what guards nothing: values that call themselves an example, stand-ins such as ``changeme``, and
    #: lines that a comment excuses (``gitleaks:allow``).
    examples: bool = False


class Secrets(Annotator, Filter):
    """``secrets`` has each rule that found something, with how often, sorted by rule; it is empty where
    nothing was found. With ``action: drop`` drops with the reason ``secret`` and the rules as detail.

    Redacting a text twice changes nothing more. A null text has no secrets.
    """

    name = "secrets"
    Config = SecretsConfig
    reads = ("text",)
    adds = pa.schema([("secrets", COUNTS)])
    caveat = Caveat(undone="Keys and passwords in code were not searched for in: {datasets}.")

    @classmethod
    def added(cls, config: Any) -> pa.Schema:
        """The counts, and ``text`` if it is redacted."""
        return cls.adds.append(pa.field("text", pa.string())) if config.action == "redact" else cls.adds

    @classmethod
    def tells(cls, config: Any) -> tuple[Told, ...]:
        return (Told("secrets", "redacted", "secrets in code"),) if config.action == "redact" else ()

    @classmethod
    def judges(cls, config: Any) -> bool:
        return bool(config.action == "drop")

    def annotate(self, batch: pa.Table) -> Annotation:
        column = as_array(batch["text"])
        counts: list[list[dict[str, Any]]] = [[] for _ in range(len(batch))]
        texts: list[str] = []
        changed = np.zeros(len(batch), bool)
        for found in secrets(column, self.config.examples):
            rules = Counter(secret.rule for secret in found.secrets)
            counts[found.row] = [{"rule": rule, "count": rules[rule]} for rule in sorted(rules)]
            if self.config.action == "redact":
                changed[found.row] = True
                texts.append(found.redacted())
        columns: dict[str, Any] = {"secrets": pa.array(counts, COUNTS)}
        if self.config.action == "redact":
            columns["text"] = pc.replace_with_mask(column, pa.array(changed), pa.array(texts, column.type))
        return Annotation(columns)

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        if self.config.action != "drop":
            return [None] * len(batch)
        return [
            Fault("secret", ", ".join(f"{one['rule']} {one['count']}" for one in found)) if found else None
            for found in batch["secrets"].to_pylist()
        ]
