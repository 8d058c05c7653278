"""What the Hub and ``datasets`` read of a card: its front matter, and the columns of a shard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pipeline import layout
from pipeline.report.card.markdown import yaml_block
from pipeline.report.card.origins import datasets

#: What the Hub calls the sizes: rows up to this number.
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
    (10**11, "10B<n<100B"),
    (10**12, "100B<n<1T"),
)
#: How ``source`` spells a dataset of the Hub.
_OF_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+")
#: Columns of a shard: name, Parquet type, dtype for the ``datasets`` library, meaning. The front matter
#: states the dtypes because releases of ``datasets`` before 5 cannot infer one for binary(16).
Columns: TypeAlias = Sequence[tuple[str, str, Mapping[str, str], str]]
COLUMNS: Columns = (
    (
        "id",
        "binary(16)",
        {"dtype": "binary"},
        "Identity of the document, from its source and not its position",
    ),
    ("input_ids", "list of int32", {"sequence": "int32"}, "Tokens of the text, no special tokens"),
    ("n_tokens", "int32", {"dtype": "int32"}, "Length of `input_ids`"),
    ("dataset", "string", {"dtype": "string"}, "Dataset of the config that the document belongs to"),
    ("source", "string", {"dtype": "string"}, "Where the document was read from"),
    ("url", "string", {"dtype": "string"}, "Address of the document as captured; null if it has none"),
    ("language", "string", {"dtype": "string"}, "ISO 639-1 code as identified; null if not identified"),
    ("license", "string", {"dtype": "string"}, "SPDX identifier; null if not known"),
)
#: Only where the config asks for it with ``shards: {text: true}``.
TEXT = ("text", "string", {"dtype": "string"}, "The text that `input_ids` are the tokens of")


def columns_of(config: Mapping[str, Any]) -> Columns:
    """The columns of the shards that a resolved config makes."""
    return (*COLUMNS, TEXT) if (config.get("shards") or {}).get("text") else COLUMNS


def front_matter(
    stats: Mapping[str, Any], sharded: Mapping[str, Any], columns: Columns, about: Mapping[str, Any]
) -> str:
    """YAML between lines of dashes."""
    told = sharded or stats["datasets"]
    documents = sum(data["documents"] for data in told.values())
    codes = {code.split("-")[0] for data in told.values() for code in data["languages"]}
    globs = {name: glob(data["shards"]) for name, data in sharded.items()}
    configs = {"default": list(globs.values())} if globs else {}
    # a config of the Hub cannot have this name twice; "default" is all datasets
    configs |= {name: [glob] for name, glob in globs.items() if name != "default"}
    features = [{"name": name, **dtype} for name, _, dtype, _ in columns]
    fields: dict[str, Any] = {
        "pretty_name": stats["name"],
        "license": about.get("license") or "other",
        "license_name": about.get("license_name"),
        "license_link": about.get("license_url"),
        "language": sorted(code for code in codes if re.fullmatch("[a-z]{2,3}", code) and code != "und"),
        "tags": list(dict.fromkeys([*_tags(stats), *(about.get("tags") or ())])),
        "source_datasets": about.get("source_datasets") or _origins(stats),
        "task_categories": ["text-generation"],
        "size_categories": [next((label for limit, label in _SIZES if documents < limit), "n>1T")],
        "configs": [
            {"config_name": name, "data_files": [{"split": "train", "path": paths}]}
            for name, paths in configs.items()
        ],
        "dataset_info": [{"config_name": name, "features": features} for name in configs],
    }
    kept = {key: value for key, value in fields.items() if value}
    return f"---\n{yaml_block(kept)}---"


def _tags(stats: Mapping[str, Any]) -> Iterator[str]:
    """What the Hub may find it by, as far as it was counted."""
    yield from ("nanocorpus", "pretraining")
    if any(source.startswith("CC-MAIN-") for source in _sources(stats)):
        yield "common-crawl"
    if any(row["what"] == "teacher" for _, data in datasets(stats) for row in data["told"]):
        yield "synthetic"


def _origins(stats: Mapping[str, Any]) -> list[str]:
    """Datasets of the Hub that documents came from, and ``original`` for those that came from elsewhere."""
    named = {source for source in _sources(stats) if _OF_THE_HUB.fullmatch(source)}
    return [*(["original"] if _sources(stats) - named else []), *sorted(named)]


def _sources(stats: Mapping[str, Any]) -> set[str]:
    return {row["source"] or "" for _, data in datasets(stats) for row in data["sources"]}


def glob(shards: Sequence[Mapping[str, Any]]) -> str:
    return layout.in_corpus(shards[0]["path"]).rpartition("/")[0] + "/train-*.parquet"
