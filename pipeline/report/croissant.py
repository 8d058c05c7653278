"""``croissant.json``: what a corpus says of itself to machines, as Croissant 1.1 with its RAI properties.

The vocabulary is that of https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and the RAI
specification beside it; where the data come from is said in PROV-O. Licence, creator, address and date of
publication, which the specification requires, are in it if the config gives them. Knows ``stats.json``, the
config's section ``card``, and the files of ``corpus/``; reads no data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline import layout
from pipeline.report.card.front import Columns, columns_of
from pipeline.report.card.making import limitations_of, not_for_of, steps_of
from pipeline.report.card.origins import datasets

_PARQUET = "application/x-parquet"  # the name by which readers of Croissant know Parquet
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"int32": "sc:Integer", "string": "sc:Text", "binary": "sc:Text"}
_FORMATS = {".json": "application/json", ".parquet": _PARQUET, ".md": "text/markdown"}


def croissant(
    stats: Mapping[str, Any],
    config: Mapping[str, Any],
    about: Mapping[str, Any],
    version: str | None,
    files: Mapping[str, tuple[int, str]],
) -> dict[str, Any]:
    """The content of the file.

    stats, config, about, version: as for the card. files: size in bytes and sha256 of the
    other files that lie in ``corpus/``, by their names there; not those that people may edit.
    """
    sharded = {name: data for name, data in stats["datasets"].items() if data.get("shards")}
    shards = {
        layout.in_corpus(shard["path"]): (shard["bytes"], shard["sha256"])
        for data in sharded.values()
        for shard in data["shards"]
    }
    documents = sum(data["documents"] for data in sharded.values())
    tokens = sum(data["tokens"] for data in sharded.values())
    columns = columns_of(config)
    size = f"{documents:,} documents and {tokens:,} tokens for pretraining language models."
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": stats["name"],
        "description": f"{about.get('description') or 'A tokenized corpus, made with nanocorpus.'} {size}",
        **_publisher(about),
        "inLanguage": sorted({code for data in sharded.values() for code in data["languages"]} - {"", "und"}),
        **_provenance(stats, version),
        **_responsible(stats, sharded, config, about),
        "distribution": [
            *(_file(name, *said) for name, said in sorted({**files, **shards}.items())),
            *(_file_set(name) for name in sharded),
        ],
        "recordSet": [_records(name, columns) for name in sharded],
    }
    return {key: value for key, value in found.items() if value not in (None, [], "")}


def _publisher(about: Mapping[str, Any]) -> dict[str, Any]:
    name = about.get("license_name") or about.get("license")
    license = about.get("license_url") or (name if name != "other" else None)
    creator = about.get("creator")
    return {
        "license": license,
        "url": about.get("url"),
        "creator": {"@type": "sc:Organization", "name": creator} if creator else None,
        "datePublished": about.get("date"),
        "version": about.get("version"),
        "citeAs": about.get("citation"),
    }


def _provenance(stats: Mapping[str, Any], version: str | None) -> dict[str, Any]:
    """What it was made from, and by what."""
    sources = sorted(
        {row["source"] for _, data in datasets(stats) for row in data["sources"] if row["source"]}
    )
    return {
        "prov:wasDerivedFrom": [{"@type": "prov:Entity", "prov:label": name} for name in sources],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"nanocorpus {version}" if version else "nanocorpus",
        },
    }


def _responsible(
    stats: Mapping[str, Any], sharded: Iterable[str], config: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Properties of the RAI vocabulary."""
    counted = datasets(stats)
    rows = [row for _, data in counted for row in data["sources"]]
    dates = sorted(row[end][:10] for row in rows for end in ("since", "until") if row[end])
    told = [(name, row) for name, data in counted for row in data["told"]]
    personal = [
        f"{name}: {row['pieces']:,} {row['name']} were found and replaced"
        for name, row in told
        if row["what"] == "redacted"
    ]
    teachers = sorted({row["value"] for _, row in told if row["what"] == "teacher" and row["value"]})
    steps = steps_of(config)
    kinds = (
        ["Web Scraping"] if any(row["what"] == "opt_out" for _, row in told) else ["Secondary Data Analysis"]
    )
    collected = ", ".join(sorted({row["source"] for row in rows if row["source"]}))
    contact = about.get("contact")
    not_for = [f"Not for: {said}" for said in not_for_of(about)]
    return {
        "rai:dataCollection": f"Documents were read from: {collected}." if collected else None,
        "rai:dataCollectionType": kinds if counted else None,
        "rai:dataCollectionTimeFrame": [dates[0], dates[-1]] if dates else None,
        "rai:dataPreprocessingProtocol": [f"{name}: {' -> '.join(said)}" for name, said in steps.items()],
        "rai:machineAnnotationTools": teachers,
        "rai:personalSensitiveInformation": personal,
        "rai:dataLimitations": [*limitations_of(sharded, config), *not_for],
        "rai:dataUseCases": ["Pretraining of language models"],
        "rai:dataReleaseMaintenancePlan": (
            f"Requests to remove a document go to {contact}." if contact else None
        ),
    }  # fmt: skip


def _file(name: str, size: int, sha256: str) -> dict[str, Any]:
    extension = name[name.rfind(".") :] if "." in name else ""
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": _FORMATS.get(extension, "text/plain"),
        "sha256": sha256,
    }


def _file_set(dataset: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{dataset}-shards",
        "name": f"{dataset}-shards",
        "description": f"The token shards of {dataset}.",
        "encodingFormat": _PARQUET,
        "includes": f"{dataset}/train-*.parquet",
    }


def _records(dataset: str, columns: Columns) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": dataset,
        "name": dataset,
        "description": f"A record is a document of {dataset}.",
        "key": {"@id": f"{dataset}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{dataset}/{name}",
                "name": name,
                "description": _plain(meaning),
                "dataType": _TYPES[dtype.get("dtype") or dtype["sequence"]],
                "source": {"fileSet": {"@id": f"{dataset}-shards"}, "extract": {"column": name}},
                **({"isArray": True, "arrayShape": "-1"} if "sequence" in dtype else {}),
            }
            for name, _, dtype, meaning in columns
        ],
    }


def _plain(markdown: str) -> str:
    return re.sub("`", "", markdown)
