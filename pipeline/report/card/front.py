"""What the Hub and ``datasets`` read of a card: its front matter, and the columns of a shard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pipeline import layout
from pipeline.report.card.markdown import yaml_block

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
    datasets = sharded or stats["datasets"]
    documents = sum(data["documents"] for data in datasets.values())
    codes = {code.split("-")[0] for data in datasets.values() for code in data["languages"]}
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


def glob(shards: Sequence[Mapping[str, Any]]) -> str:
    return layout.in_corpus(shards[0]["path"]).rpartition("/")[0] + "/train-*.parquet"
