"""The report as one HTML file: no script, nothing that is fetched, bars as SVG, light and dark.

Equal runs give equal bytes, except for the section about speed, which can be left out. Knows the content of
``stats.json`` and ``blend.json`` and what was looked at (``report.looked``); reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from pipeline.report.looked import EXAMPLES, Looked
from stages.global_stage import LAST

_MOST = 20  # rows of a list of languages, domains or reasons
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --pale: #52606d; --back: #fff; --line: #d9e0e7;
  --kept: #2f74b5; --dropped: #b8c2cc; --failed: #d64545; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --pale: #a3b1bf; --back: #14191f;
  --line: #36414d; --kept: #5ba3e6; --dropped: #56636f; --failed: #f07070; } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem;
  background: var(--back); color: var(--ink);
  font: 15px/1.45 system-ui, Helvetica, Arial, sans-serif; }
h1 { margin: 0 }
h2 { margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line) }
h3 { margin: 1.2rem 0 .3rem }
p, .why, .note { color: var(--pale) }
a { color: inherit }
.row { display: grid; grid-template-columns: 12rem 1fr 8rem; gap: .2rem .8rem; align-items: center;
  padding: .12rem 0 }
.row .number { text-align: right; font-variant-numeric: tabular-nums }
.row .name { overflow-wrap: anywhere }
.row .why { grid-column: 2 / 4; font-size: .85rem }
.row svg { display: block; width: 100%; height: 16px }
.kept { fill: var(--kept) }
.dropped { fill: var(--dropped) } .failed { fill: var(--failed) }
.legend svg { width: 12px; height: 12px; margin: 0 .3rem 0 .9rem }
.legend svg:first-child { margin-left: 0 }
blockquote { margin: .4rem 0; padding: .3rem .8rem; border-left: 3px solid var(--line);
  overflow-wrap: anywhere }
.url { font-size: .85rem; color: var(--pale) }
@media (max-width: 40rem) { body { padding: .8rem } .row { grid-template-columns: 1fr auto }
  .row > * { grid-column: 1 / 3 } .row .name { grid-area: 1 / 1 } .row .number { grid-area: 1 / 2 } }
@media print { body { max-width: none; padding: 0 } .row, blockquote { break-inside: avoid } }
"""


def page(
    stats: Mapping[str, Any],
    blend: Mapping[str, Any] | None,
    looked: Mapping[str, Looked],
    speed: bool = True,
) -> str:
    """The whole file. ``looked``: by dataset. ``speed``: with what differs between runs."""
    title = f"{stats['name']}: what became of the documents"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(stats['name'])}</h1>",
        f'<p class="summary">{_summary(stats)}</p>',
    ]
    if "failed" in stats:
        parts.append(f"<p><strong>Not finished:</strong> {escape(stats['failed'])}</p>")
    parts += _funnel(stats)
    parts += _blend(blend) if blend else ()
    for name, dataset in stats["datasets"].items():
        parts += _dataset(name, dataset, looked[name], speed)
    return "\n".join([*parts, "</body></html>"]) + "\n"


def bar(*shares: tuple[str, float]) -> str:
    """A bar whose pieces have a class and a share of its width, 0 to 1."""
    x, shapes = 0.0, []
    for kind, share in shares:
        if share > 0:
            shapes.append(f'<rect class="{kind}" x="{x:.3%}" width="{share:.3%}" height="100%"/>')
            x += share
    return f'<svg aria-hidden="true">{"".join(shapes)}</svg>'


def row(name: str, drawn: str, number: str, why: str = "") -> str:
    """A line with a bar."""
    said = f'<div class="why">{escape(why)}</div>' if why else ""
    return (
        f'<div class="row"><div class="name">{escape(name)}</div><div>{drawn}</div>'
        f'<div class="number">{escape(number)}</div>{said}</div>'
    )


def _summary(stats: Mapping[str, Any]) -> str:
    said = []
    for name, data in stats["datasets"].items():
        tokens = f", {data['tokens']:,} tokens" if data.get("tokens") is not None else ""
        link = f'<a href="#{escape(name)}">{escape(name)}</a>'
        said.append(f"{link}: {data['documents']:,} documents{tokens}")
    return "; ".join(said)


def _funnel(stats: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>What stages keep and drop</h2>"
    legend = (f"{bar((kind, 1.0))}{kind}" for kind in ("kept", "dropped", "failed"))
    yield f'<p class="legend">{"".join(legend)}</p>'
    for name, data in stats["datasets"].items():
        yield f"<h3>{escape(name)}</h3>"
        most = max((stage["rows_in"] + stage["generated"] for stage in data["stages"]), default=0) or 1
        for stage in data["stages"]:
            dropped, failed = sum(stage["dropped"].values()), sum(stage["failed"].values())
            drawn = bar(
                ("kept", stage["kept"] / most), ("dropped", dropped / most), ("failed", failed / most)
            )
            why = [f"{reason} {count:,}" for reason, count in _largest(stage["dropped"])]
            why += [f"{reason} {count:,} (failed)" for reason, count in _largest(stage["failed"])]
            why += [f"{stage['generated']:,} generated"] if stage["generated"] else []
            yield row(stage["stage"], drawn, f"{stage['kept']:,}", ", ".join(why))


def _blend(blend: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Blend and epochs</h2>"
    for phase in blend["phases"]:
        yield f"<h3>Phase {phase['phase']}: token {phase['from']:,} to {phase['until']:,}</h3>"
        for name, data in phase["datasets"].items():
            epochs = f"{data['tokens']:,} tokens, {data['epochs']:.3g} epochs"
            epochs += f", {data['cumulative_epochs']:.3g} so far"
            yield row(name, bar(("kept", data["weight"])), f"{data['weight']:.0%}", epochs)
    for warning in blend["warnings"]:
        yield f"<p>{escape(str(warning))}</p>"


def _dataset(name: str, data: Mapping[str, Any], looked: Looked, speed: bool) -> Iterator[str]:
    yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
    languages = {language: counts["documents"] for language, counts in data["languages"].items()}
    yield from _bars("Languages", languages.items(), len(languages))
    note = "" if looked.read == looked.files else f"Of {looked.read:,} of {looked.files:,} files."
    yield from _bars("Registered domains", _largest(looked.domains), len(looked.domains), note)
    lengths = [
        (f"{2**n // 2:,} to {2**n - 1:,}" if n else "0", looked.lengths[n]) for n in _between(looked.lengths)
    ]
    yield from _bars(f"Length in {looked.unit}", lengths, len(lengths), note)
    for title, ranks in looked.ranks.items():
        ordered = [(str(rank), ranks[rank]) for rank in _between(ranks)]
        yield from _bars(title[:1].upper() + title[1:], ordered, len(ordered), note)
    for stage, rounds in data.get("rounds", {}).items():
        sizes = {k: n for k, n in rounds.get(LAST, {}).items() if k.startswith("clusters of ")}
        clusters = sorted(sizes.items(), key=lambda item: int(item[0].split()[2].split("-")[0]))
        yield from _bars(f"{stage}: sizes of clusters", clusters, len(clusters))
    if speed:
        yield from _speed(looked)
    yield from _examples(looked)


def _bars(title: str, counts: Iterable[tuple[str, int]], of: int, note: str = "") -> Iterator[str]:
    shown = list(counts)[:_MOST]
    if not shown:
        return
    yield f"<h3>{escape(title)}</h3>"
    said = [f"The {len(shown)} largest of {of:,}."] if of > len(shown) else []
    if said := [*said, *([note] if note else [])]:
        yield f'<p class="note">{escape(" ".join(said))}</p>'
    most = max(count for _, count in shown) or 1
    for name, count in shown:
        yield row(name, bar(("kept", count / most)), f"{count:,}")


def _speed(looked: Looked) -> Iterator[str]:
    if not looked.seconds:
        return
    yield "<h3>Seconds of work and memory</h3>"
    most = max(looked.seconds.values()) or 1
    for stage, seconds in sorted(looked.seconds.items(), key=lambda item: (-item[1], item[0])):
        why = (
            [f"{looked.rows[stage] / seconds:,.0f} documents per second"]
            if seconds and looked.rows[stage]
            else []
        )
        why += [f"largest worker {looked.memory[stage] / 2**20:,.0f} MiB"] if stage in looked.memory else []
        yield row(stage, bar(("kept", seconds / most)), f"{seconds:,.1f} s", ", ".join(why))


def _examples(looked: Looked) -> Iterator[str]:
    yield "<h3>Examples</h3>"
    said = "Beginnings of texts. Digits are shown as 0; mail addresses and queries are left out."
    yield f'<p class="note">{said}</p>'
    yield from _quoted("Kept", looked.kept)
    for (stage, reason), rows in sorted(looked.dropped.items()):
        yield from _quoted(f"{stage}: {reason}", rows)


def _quoted(title: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    if rows:
        yield f"<details><summary>{escape(title)}</summary>"
    for one in rows[:EXAMPLES]:
        detail = f" ({one['detail']})" if one.get("detail") else ""
        head = f'<div class="url">{escape(one["url"] + detail)}</div>'
        yield f"<blockquote>{head}{escape(one['text'])}</blockquote>"
    if rows:
        yield "</details>"


def _between(counts: Mapping[int, int]) -> range:
    """From the smallest to the largest: what lies between them and does not occur is shown too."""
    return range(min(counts), max(counts) + 1) if counts else range(0)


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
