"""Where the documents of a corpus come from, and what was found in them: from ``stats.json``.

The names of what is told come from stages. Knows the field ``composition``; does not know how it was counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import layout
from pipeline.report.card.markdown import counted, fenced, percent, plain, table_of

#: Rows of the table of sources.
_SOURCES = 40
_LENGTHS = {"min": "Shortest", "p5": "5 %", "p25": "25 %", "median": "Half", "p75": "75 %", "p95": "95 %",
            "max": "Longest"}  # fmt: skip


def sources(stats: Mapping[str, Any]) -> str:
    """Source, documents, tokens, bytes, licence, and the first and last date."""
    found = [(name, row) for name, data in datasets(stats) for row in data["sources"] if row["documents"]]
    if not found:
        return f"## Sources\n\n{note}" if (note := _partly(stats)) else ""
    found.sort(
        key=lambda item: (-item[1]["tokens"], item[0], item[1]["source"] or "", item[1]["license"] or "")
    )
    rows = [
        (
            row["source"] or "unknown", name, row["documents"], row["tokens"], row["bytes"],
            row["license"] or "not stated", _day(row["since"]), _day(row["until"]),
        )
        for name, row in found[:_SOURCES]
    ]  # fmt: skip
    headings = ("Source", "Dataset", "Documents", "Tokens", "Bytes", "Licence", "First", "Last")
    note = (
        "Bytes are those of the texts in UTF-8. A licence is one that was found with the documents. First "
        "and last are dates of documents: of pages, when they were captured."
    )
    rest = f" {counted(len(found) - _SOURCES, 'smaller row')} left out." if len(found) > _SOURCES else ""
    return "\n\n".join(
        filter(None, ("## Sources", table_of(headings, rows, range(2, 5)), note + rest, _partly(stats)))
    )


def domains(stats: Mapping[str, Any]) -> str:
    """The registered domains with the most tokens."""
    found = (stats.get("composition") or {}).get("domains")
    if not found or not found["domains"]:
        return ""
    rows = [
        (row["domain"], row["documents"], row["tokens"], percent(row["tokens"], found["tokens"]))
        for row in found["top"]
    ]
    which = f"the {len(rows)} largest of {found['domains']:,}" if found["domains"] > len(rows) else "all"
    what = (
        f"Registered domains (by the Public Suffix List) that documents with an address come from, {which}; "
        f"`{layout.DOMAINS_NAME}` lists each for every dataset."
    )
    headings = ("Domain", "Documents", "Tokens", "Share")
    return f"## Domains\n\n{what}\n\n{table_of(headings, rows, range(1, 4))}"


def lengths(stats: Mapping[str, Any]) -> str:
    """Quantiles of lengths in tokens."""
    rows = [(name, *(data["lengths"][key] for key in _LENGTHS)) for name, data in datasets(stats)]
    if not rows:
        return ""
    table = table_of(("Dataset", *_LENGTHS.values()), rows, range(1, len(_LENGTHS) + 1))
    note = "The share of the documents that have at most so many tokens, rounded down by up to 1.6 %."
    return f"## Lengths in tokens\n\n{table}\n\n{note}"


def redacted(stats: Mapping[str, Any]) -> str:
    """What was replaced by placeholders."""
    rows = [(name, row["name"], row["pieces"], row["documents"]) for name, row in _told(stats, "redacted")]
    if not rows:
        return ""
    table = table_of(("Dataset", "What", "Pieces", "Documents"), rows, range(2, 4))
    note = (
        "Found and replaced by placeholders in documents that are in the corpus. Some will have been missed."
    )
    return f"## What was redacted\n\n{table}\n\n{note}"


def opted_out(stats: Mapping[str, Any]) -> str:
    """Signals of sites about automatic use."""
    rows = [(name, row["name"], row["documents"], row["tokens"]) for name, row in _told(stats, "opt_out")]
    if not rows:
        return ""
    table = table_of(("Dataset", "Pages that", "Documents", "Tokens"), rows, range(2, 4))
    note = (
        "As seen in the HTTP headers and heads of captured pages, of documents that are in the corpus. The "
        "`robots.txt` of sites was not looked at."
    )
    return f"## Opt-out signals\n\n{table}\n\n{note}"


def synthetic(stats: Mapping[str, Any], terms: Mapping[str, str]) -> str:
    """Models that wrote text, their terms, and examples by task."""
    rows = [
        (
            name,
            row["value"] or "not named",
            terms.get(row["value"], "not stated"),
            row["documents"],
            row["tokens"],
        )
        for name, row in _told(stats, "teacher")
    ]
    if not rows:
        return ""
    parts = [
        "## Text written by models",
        table_of(("Dataset", "Model", "Its terms", "Documents", "Tokens"), rows, range(3, 5)),
        *_examples(stats),
    ]
    return "\n\n".join(parts)


def _examples(stats: Mapping[str, Any]) -> Iterator[str]:
    tasks = [(name, row) for name, row in _told(stats, "task")]
    if tasks:
        rows = [(name, row["value"], row["documents"], row["tokens"]) for name, row in tasks]
        yield table_of(("Dataset", "Task", "Documents", "Tokens"), rows, range(2, 4))
        yield "Examples of each task: the documents with the smallest ids, long ones cut."
    for name, data in datasets(stats):
        for example in data["examples"]:
            quoted = "\n\n".join(fenced("text", text.splitlines()) for text in example["texts"])
            title = f"{name}: {example['value']}"
            yield f"<details><summary>{plain(title)}</summary>\n\n{quoted}\n\n</details>"


def datasets(stats: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Datasets of the corpus and what was counted of them, those that have such counts."""
    found = (stats.get("composition") or {}).get("datasets", {})
    return [(name, data) for name, data in found.items() if data["counted"]]


def _told(stats: Mapping[str, Any], what: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, row) for name, data in datasets(stats) for row in data["told"] if row["what"] == what]


def _partly(stats: Mapping[str, Any]) -> str:
    """Which datasets have documents that were not counted."""
    found = (stats.get("composition") or {}).get("datasets", {})
    missing = [
        f"{data['counted']:,} of {stats['datasets'][name]['documents']:,} in {name}"
        for name, data in found.items()
        if data["counted"] < stats["datasets"][name]["documents"]
    ]
    if not missing:
        return ""
    return (
        "> **Note:** Sources, lengths, domains, and what was found in documents were counted for "
        f"{', '.join(missing)}; the others come from parts that an earlier version of nanocorpus made."
    )


def _day(date: str | None) -> str | None:
    return date[:10] if date else None
