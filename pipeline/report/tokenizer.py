"""What a corpus says of the tokenizer that it carries.

Knows the config and the run's copy of the file; does not know how it is written into the corpus.
"""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer

from pipeline import layout
from pipeline.plan.assets import HUB, fetch
from pipeline.plan.segment import Plan
from pipeline.storage import Storage
from stages.vocabulary import vocabulary


def tokenizer(plan: Plan, storage: Storage) -> dict[str, Any] | None:
    """``{file, name, sha256, vocabulary, special, eos_token, eos_id}``; None if nothing is tokenized.

    ``vocabulary`` is the largest id plus one, ``special`` has ids by token. The last two are null if it is
    not known which token ends a text.
    """
    if plan.config.tokenizer is None:
        return None
    settings = plan.config.tokenizer.settings.model_dump()
    asset = plan.assets[settings["path"]]
    found = vocabulary(Tokenizer.from_file(str(fetch(asset, storage))), settings["eos"])
    return {
        "file": layout.TOKENIZER_NAME,
        "name": settings["name"] or _name(settings["path"]),
        "sha256": asset.sha256,
        "vocabulary": found.size,
        "special": found.special,
        "eos_token": found.eos,
        "eos_id": found.special[found.eos] if found.eos is not None else None,
    }


def content(plan: Plan, storage: Storage) -> bytes:
    """The tokenizer file itself."""
    assert plan.config.tokenizer is not None
    return storage.read(plan.assets[plan.config.tokenizer.settings.model_dump()["path"]].path)


def _name(path: str) -> str:
    if path.startswith(HUB):
        return "/".join(path.removeprefix(HUB).split("/")[:2])
    return path.rstrip("/").rsplit("/", 1)[-1]
