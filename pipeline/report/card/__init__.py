"""The dataset card: the README.md of a corpus, for people and for ``datasets.load_dataset``.

Knows ``stats.json``, ``blend.json``, the resolved config and its section ``card``; reads no data. The
sentences about a stage come from the stage. Since the card must have the same bytes on every machine and
storage, the only date in it is the one that the config gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.card import figures, making, origins, publisher
from pipeline.report.card.front import columns_of, front_matter


def card(
    stats: Mapping[str, Any],
    blend: Mapping[str, Any] | None,
    config: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
    version: str | None = None,
    assets: Mapping[str, str] | None = None,
) -> str:
    """README.md of the corpus, Markdown with Hugging Face front matter.

    stats, blend: the content of ``stats.json`` and ``blend.json`` (None without a blend).
    config: the resolved config: ``datasets`` and what there is of tokenizer, shards, blend, budget, seed.
    about: its section ``card``. version: of nanocorpus. assets: sha256 of files by the path in the config.
    """
    about = about or {}
    sharded = {name: data for name, data in stats["datasets"].items() if data.get("shards")}
    columns = columns_of(config)
    sections = [
        front_matter(stats, sharded, columns, about),
        figures.introduction(stats, sharded, about),
        figures.contents(stats),
        origins.sources(stats),
        figures.languages(sharded or stats["datasets"]),
        origins.lengths(stats),
        origins.domains(stats),
        figures.attrition(stats),
        figures.blend(blend) if blend else "",
        figures.attribution(stats.get("attribution")),
        origins.synthetic(stats, about.get("teachers") or {}),
        origins.redacted(stats),
        origins.opted_out(stats),
        making.tokenizer(stats["tokenizer"]) if sharded else "",
        making.use(sharded, blend, columns),
        making.making(config, stats.get("artefacts", ()), version, assets or {}),
        making.not_for(about),
        making.limitations(sharded or stats["datasets"], config),
        publisher.summary(stats),
        publisher.license_of(about),
        publisher.contact(about),
        publisher.citation(about),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"
