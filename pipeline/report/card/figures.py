"""What is in a corpus by the numbers of ``stats.json`` and ``blend.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.card.markdown import counted, percent, plain, reasons, table_of

#: Rows of the table of licences.
_LICENSES = 20


def introduction(stats: Mapping[str, Any], sharded: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Name, what the publisher says of it, and its size."""
    if not sharded:
        what = "Documents for pretraining language models, made with nanocorpus; not tokenized."
    else:
        documents = sum(data["documents"] for data in sharded.values())
        tokens = sum(data["tokens"] for data in sharded.values())
        what = (
            "A tokenized corpus for pretraining language models, made with nanocorpus: "
            f"{documents:,} documents and {tokens:,} tokens in {counted(len(sharded), 'dataset')}. "
            "The documents of a dataset are shuffled over all of its shards."
        )
    said = f"{about['description']}\n\n" if about.get("description") else ""
    return f"# {plain(stats['name'])}\n\n{said}{what}"


def contents(stats: Mapping[str, Any]) -> str:
    rows = [
        (name, data["inputs"], data["documents"], data["tokens"], len(data.get("shards", ())) or None)
        for name, data in stats["datasets"].items()
    ]
    table = table_of(("Dataset", "Inputs", "Documents", "Tokens", "Shards"), rows, range(1, 5))
    note = (
        "A dataset that comes from another one shares documents with it. Those without shards are steps on "
        "the way to others."
    )
    missing = [
        f"{name}: {item}"
        for name, data in stats["datasets"].items()
        for item in data.get("failed_inputs", ())
    ]
    lost = f"\n\nInputs that could not be read, and are not in it: {', '.join(missing)}." if missing else ""
    return f"## Datasets\n\n{table}\n\n{note}{lost}"


def languages(datasets: Mapping[str, Any]) -> str:
    rows = []
    for name, data in datasets.items():
        unit = "tokens" if data["tokens"] else "documents"
        total = data[unit]
        order = sorted(data["languages"].items(), key=lambda item: (-item[1][unit], item[0]))
        rows += [
            (name, code or "unknown", counts["documents"], counts["tokens"], percent(counts[unit], total))
            for code, counts in order
        ]
    if not rows:
        return ""
    return "## Languages\n\n" + table_of(
        ("Dataset", "Language", "Documents", "Tokens", "Share"), rows, range(2, 5)
    )


def attrition(stats: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            stage["stage"],
            stage["rows_in"],
            stage["generated"] or None,
            stage["kept"],
            percent(stage["kept"], stage["rows_in"] + stage["generated"]),
            reasons(stage["dropped"]),
            reasons(stage["failed"]),
        )
        for name, data in stats["datasets"].items()
        for stage in data["stages"]
    ]
    headings = ("Dataset", "Stage", "Rows in", "Generated", "Kept", "Kept %", "Dropped", "Failed")
    note = "For every stage: rows in + generated = kept + dropped + failed."
    return f"## What became of the documents\n\n{table_of(headings, rows, range(2, 6))}\n\n{note}"


def blend(blend: Mapping[str, Any]) -> str:
    rows = [
        (
            str(phase["phase"]),
            f"{phase['from']:,} to {phase['until']:,}",
            name,
            f"{row['weight']:.4f}",
            row["tokens"],
            f"{row['epochs']:.2f}",
            f"{row['cumulative_epochs']:.2f}",
        )
        for phase in blend["phases"]
        for name, row in phase["datasets"].items()
    ]
    headings = ("Phase", "Training tokens", "Dataset", "Weight", "Tokens", "Epochs", "Epochs so far")
    parts = [
        f"## Blend\n\nFor a training of {blend['tokens']:,} tokens (`blend.json`):",
        table_of(headings, rows, range(3, 7)),
        *(f"> **Warning:** {plain(warning)}." for warning in blend["warnings"]),
    ]
    return "\n\n".join(parts)


def attribution(found: Mapping[str, Any] | None) -> str:
    """Licences that documents carry, the most frequent first."""
    if not found:
        return ""
    rows = [
        (row["license"], row["projects"], row["documents"], row["tokens"])
        for row in found["licenses"][:_LICENSES]
    ]
    table = table_of(("Licence", "Projects", "Documents", "Tokens"), rows, range(1, 4))
    more = len(found["licenses"]) - len(rows)
    rest = f" {counted(more, 'more licence')} are in the list." if more > 0 else ""
    return (
        "## Attribution\n\nDocuments that carry a licence, by the licence that was found with them:\n\n"
        f"{table}\n\n`attribution.parquet` names each of the {counted(found['projects'], 'project')} "
        f"with its licence, address, and number of documents.{rest}"
    )
