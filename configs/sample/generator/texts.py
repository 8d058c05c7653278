"""The text stores: one plain-text file per language or subject, parsed into entries of blocks.

A store opens with ``key: value`` lines (language, ``site: host | design | name``, the words of the site's
furniture); then come entries, each ``=== slug``, its attributes, a blank line and the body. In a body a line
is one block: ``## heading``, ``- item``, ``1. item``, ``| cell | cell |``, ``> quote``, ``@ author | date`` (a
post begins), ``$$formula$$``, fenced code, else a paragraph. Inline: `` `code` ``, ``$formula$`` (only where the
entry names a ``carrier``) and ``{{kind:value}}`` for invented personal data.

This module knows the markup. It does not know HTML, sites or what becomes of a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

STORES = Path(__file__).with_name("texts")
PERSONAL = re.compile(r"\{\{(\w+):([^}]+)\}\}")
INLINE = re.compile(r"`([^`]+)`")
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$")
SPAN = re.compile(r" ([>v])(\d)$")


@dataclass(frozen=True)
class Block:
    """One piece of a body. ``kind`` says which of the fields count."""

    kind: str  # paragraph heading list ordered table quote code formula post
    text: str = ""
    items: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""  # language of code; date of a post


@dataclass(frozen=True)
class Site:
    """A host, the design its pages use and the name it goes by."""

    host: str
    design: str
    name: str


@dataclass(frozen=True)
class Entry:
    """One page's content with what its store says about it."""

    slug: str
    store: str
    language: str
    site: Site
    title: str
    blocks: tuple[Block, ...]
    furniture: dict[str, str]
    related: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)

    def get(self, key: str, default: str = "") -> str:
        """An attribute of the entry, or ``default``."""
        return self.attributes.get(key, default)

    def with_blocks(self, blocks: list[Block]) -> Entry:
        """The same entry with another body."""
        return replace(self, blocks=tuple(blocks))

    def with_attributes(self, **changes: str) -> Entry:
        """The same entry with some attributes changed."""
        return replace(self, attributes={**self.attributes, **changes})


def parse_body(lines: list[str]) -> list[Block]:
    """Blocks of a body, in order; neighbouring list items and table rows become one block."""
    blocks: list[Block] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        i += 1
        if not line.strip():
            continue
        if line.startswith("```"):
            end = lines.index("```", i)
            blocks.append(Block("code", "\n".join(lines[i:end]), note=line[3:]))
            i = end + 1
        elif line.startswith("## "):
            blocks.append(Block("heading", line[3:]))
        elif line.startswith("@ "):
            author, _, date = line[2:].partition(" | ")
            blocks.append(Block("post", author, note=date))
        elif line.startswith("> "):
            blocks.append(Block("quote", line[2:]))
        elif line.startswith("$$"):
            blocks.append(Block("formula", line.strip("$")))
        elif line.startswith("| "):
            cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
            if blocks and blocks[-1].kind == "table":
                blocks[-1] = replace(blocks[-1], rows=(*blocks[-1].rows, cells))
            else:
                blocks.append(Block("table", rows=(cells,)))
        elif item := re.match(r"(- |\d+\. )(.+)", line):
            kind = "list" if item[1] == "- " else "ordered"
            if blocks and blocks[-1].kind == kind:
                blocks[-1] = replace(blocks[-1], items=(*blocks[-1].items, item[2]))
            else:
                blocks.append(Block(kind, items=(item[2],)))
        else:
            blocks.append(Block("paragraph", line))
    return blocks


def load_store(path: Path) -> list[Entry]:
    """All entries of one store.

    Raises ``ValueError`` for an attribute line without a colon, ``KeyError`` for a site that the store's
    head does not name.
    """
    head, *parts = path.read_text(encoding="utf-8").split("\n=== ")
    furniture: dict[str, str] = {}
    sites: dict[str, Site] = {}
    for line in filter(None, head.splitlines()):
        key, value = line.split(": ", 1)
        if key == "site":
            host, design, name = value.split(" | ")
            sites[host] = Site(host, design, name)
        else:
            furniture[key] = value
    raw = []
    for part in parts:
        lines = part.splitlines()
        blank = lines.index("")
        attributes = dict(line.split(": ", 1) for line in lines[1:blank])
        raw.append((lines[0].strip(), attributes, parse_body(lines[blank:])))
    entries = []
    titles = [attributes.pop("title") for _, attributes, _ in raw]
    hosts = [attributes.pop("site") for _, attributes, _ in raw]
    for i, (slug, attributes, blocks) in enumerate(raw):
        following = [(i + k) % len(raw) for k in range(1, len(raw))]
        same_site = [k for k in following if hosts[k] == hosts[i]]
        others = [*same_site, *(k for k in following if hosts[k] != hosts[i])]
        entries.append(
            Entry(
                slug=slug,
                store=path.stem,
                language=furniture["language"],
                site=sites[hosts[i]],
                title=titles[i],
                blocks=tuple(blocks),
                furniture=furniture,
                related=tuple(titles[k] for k in others[:3]),
                attributes=attributes,
            )
        )
    return entries


def load_all() -> list[Entry]:
    """The entries of every store, stores sorted by name."""
    return [entry for path in sorted(STORES.glob("*.txt")) for entry in load_store(path)]


def plain(text: str) -> str:
    """A line of a body as a reader sees it, formulas left as they are."""
    return INLINE.sub(r"\1", PERSONAL.sub(r"\2", text))


def body_text(entry: Entry) -> str:
    """Title and body as plain lines: what the tokenizer is trained on."""
    lines = [entry.title]
    for block in entry.blocks:
        lines.append(plain(block.text))
        lines.extend(plain(item) for item in block.items)
        lines.extend(" ".join(SPAN.sub("", plain(cell)) for cell in row) for row in block.rows)
    return "\n".join(filter(None, lines))


def personal_data(entry: Entry) -> list[dict[str, str]]:
    """Every ``{{kind:value}}`` of the body, in order of first appearance."""
    found: dict[tuple[str, str], None] = {}
    for block in entry.blocks:
        cells = [cell for row in block.rows for cell in row]
        for text in (block.text, *block.items, *cells):
            found.update(dict.fromkeys(PERSONAL.findall(text)))
    return [{"kind": kind, "value": value} for kind, value in found]
