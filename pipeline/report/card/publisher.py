"""What the publisher says of a corpus (the section ``card`` of a config), and what those who train on it are
asked for.

Fields of the EU's template are those for the public summary of training content under Article 53(1)(d) of the
AI Act, C(2025) 5235 of 24 July 2025. Knows ``stats.json``; does not know who publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import layout
from pipeline.report.card.markdown import counted, fenced, percent, plain
from pipeline.report.card.origins import datasets

#: Classes of size of the template, tokens of text.
_SIZES = ((10**9, "less than 1 billion tokens"), (10**13, "1 billion to 10 trillion tokens"))
_POINTS = {"creator": "Publisher", "url": "Address", "version": "Version", "date": "Published"}
_COMMON_CRAWL = "CC-MAIN-"


def license_of(about: Mapping[str, Any]) -> str:
    """What the card says of the licence of the compilation."""
    name, url = about.get("license_name") or about.get("license") or "other", about.get("license_url")
    if name == "other" and not url:
        return (
            "## Licence\n\nNo licence of the compilation is stated. Documents stay under the terms of their "
            "authors."
        )
    said = f"[{plain(name)}]({url})" if url else plain(name)
    return f"## Licence\n\nThe compilation: {said}. Documents stay under the terms of their authors."


def contact(about: Mapping[str, Any]) -> str:
    """Who publishes it, where, since when, and whom to write to."""
    points = [f"- {label}: {plain(str(about[key]))}" for key, label in _POINTS.items() if about.get(key)]
    if about.get("contact"):
        what = "questions, and requests to remove a document (name its address, or the `id` of its row)"
        points.append(f"- Contact: {plain(about['contact'])}, for {what}")
    return "## Contact\n\n" + "\n".join(points) if points else ""


def citation(about: Mapping[str, Any]) -> str:
    """How to cite it."""
    said = about.get("citation")
    return (
        f"## Citation\n\n{fenced('bibtex' if said.startswith('@') else 'text', said.splitlines())}"
        if said
        else ""
    )


def summary(stats: Mapping[str, Any]) -> str:
    """Numbers for the public summary that the EU asks of providers of models."""
    found = datasets(stats)
    if not found:
        return ""
    tokens = sum(stats["datasets"][name]["tokens"] or 0 for name, _ in found)
    size = next((label for limit, label in _SIZES if tokens < limit), "more than 10 trillion tokens")
    codes = {code for name, _ in found for code in stats["datasets"][name]["languages"]} - {"", "und"}
    latest = max((row["until"] for _, data in found for row in data["sources"] if row["until"]), default=None)
    crawls = sorted(
        {row["source"] for _, data in found for row in data["sources"]
         if (row["source"] or "").startswith(_COMMON_CRAWL)}
    )  # fmt: skip
    rows = [
        ("1.3 Size of text", f"{size} ({tokens:,})"),
        ("1.3 Latest date", f"{latest[5:7]}/{latest[:4]}" if latest else "not known"),
        ("1.3 Languages", f"{len(codes)}, see *Languages*"),
        ("2.1 Public data sets", ", ".join(f"Common Crawl {name}" for name in crawls) or "see *Sources*"),
        ("2.3 Content by domain", _largest(stats["composition"]["domains"])),
        ("2.5 Synthetic data", _count(found, "teacher") or "none that was marked as such"),
        ("3.1 Rights reserved", _count(found, "opt_out") or "signals were not recorded"),
        ("3.2 Personal data", _count(found, "redacted") or "not redacted"),
    ]
    what = (
        "A provider of a model for general purposes owes the EU a public summary of what it was trained on. "
        "These are the numbers of this corpus for it, by the sections of the template; the duty is that of "
        "who trains. Common Crawl counts there as a public data set, not as a crawl of one's own."
    )
    points = "\n".join(f"- {label}: {said}" for label, said in rows)
    return f"## For the EU's summary of training content\n\n{what}\n\n{points}"


def _largest(found: Mapping[str, Any]) -> str:
    if not found["domains"]:
        return "no document has an address"
    tenth, twentieth = found["largest"]
    return (
        f"the largest 10 % ({tenth['domains']:,} of {found['domains']:,}) have "
        f"{percent(tenth['tokens'], found['tokens'])} of the tokens; 5 %, at most 1,000, "
        f"{percent(twentieth['tokens'], found['tokens'])} (`{layout.DOMAINS_NAME}`, summed over datasets)"
    )


def _count(found: list[tuple[str, Mapping[str, Any]]], what: str) -> str:
    """Documents by what is told of them, over all datasets."""
    counts: dict[str, int] = {}
    for _, data in found:
        for row in data["told"]:
            if row["what"] == what:
                name = (row["value"] or "a model that is not named") if what == "teacher" else row["name"]
                counts[name] = counts.get(name, 0) + row["documents"]
    return "; ".join(f"{name}: {counted(documents, 'document')}" for name, documents in counts.items())
