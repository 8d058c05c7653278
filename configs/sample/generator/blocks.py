"""Blocks of an entry as HTML, and with it what the truth says must be found in the rendered text.

This module knows how a body is marked up (code with its gutters, tables with spans, formulas by carrier).
It does not know the page around the body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from .maths import CARRIERS
from .texts import SPAN, Block, Entry

TOKENS = re.compile(r"\{\{\w+:([^}]+)\}\}|`([^`]+)`|\$\$(.+?)\$\$|\$(.+?)\$")
TOKENS_NO_MATHS = re.compile(r"\{\{\w+:([^}]+)\}\}|`([^`]+)`")
HIGHLIGHT = re.compile(
    r"(?P<c>#[^\n\[]*|//[^\n]*|/\*.*?\*/|--[^\n]*)|(?P<s>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<k>\b(?:def|class|return|if|else|for|while|import|from|fn|let|const|func|go|defer|int|char|select|SELECT"
    r"|FROM|ORDER|BY|define|cond|lambda|where|module)\b)|(?P<m>\b\d+\b)",
    re.S,
)
NEEDLE = 70  # characters of a fragment that the rendered text must contain


@dataclass
class Body:
    """The HTML of a body and what it contains."""

    html: str = ""
    posts: list[tuple[str, str, str]] = field(default_factory=list)  # author, date, HTML
    fragments: list[str] = field(default_factory=list)
    equations: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)


def inline(text: str, carrier: str, body: Body) -> str:
    """One line as HTML; its formulas go into ``body.equations``."""
    out, at = [], 0
    for match in (TOKENS if carrier else TOKENS_NO_MATHS).finditer(text):
        out.append(escape(text[at : match.start()], quote=False))
        at = match.end()
        personal, code, *formulas = match.groups()
        if personal is not None:
            out.append(escape(personal, quote=False))
        elif code is not None:
            out.append(f"<code>{escape(code, quote=False)}</code>")
        else:
            latex = formulas[0] or formulas[1]
            body.equations.append(latex)
            out.append(CARRIERS[carrier](latex, bool(formulas[0])))
    out.append(escape(text[at:], quote=False))
    return "".join(out)


def fragment(text: str) -> str:
    """The longest stretch of a line without inline markup, cut to ``NEEDLE`` characters at a space."""
    longest = max(TOKENS.sub("\0", text).split("\0"), key=len).strip()
    if len(longest) <= NEEDLE:
        return longest
    cut = longest[:NEEDLE]
    return cut.rsplit(" ", 1)[0] if " " in cut[NEEDLE // 2 :] else cut


def highlight(code: str) -> str:
    """Spans around comments, strings, keywords and numbers, as a highlighter leaves them."""
    out, at = [], 0
    for match in HIGHLIGHT.finditer(code):
        out.append(escape(code[at : match.start()], quote=False))
        out.append(f'<span class="{match.lastgroup}">{escape(match[0], quote=False)}</span>')
        at = match.end()
    return "".join(out) + escape(code[at:], quote=False)


def code_block(code: str, language: str, gutter: str) -> str:
    """A listing; ``gutter`` is ``table``, ``inline`` or empty. Line numbers are no part of the code."""
    lines = highlight(code).split("\n")
    if gutter == "table":
        numbers = "\n".join(str(n) for n in range(1, len(lines) + 1))
        return (
            '<table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>'
            f'{numbers}</pre></div></td><td class="code"><div class="highlight"><pre><code class="{language}">'
            f"{chr(10).join(lines)}</code></pre></div></td></tr></table>"
        )
    if gutter == "inline":
        lines = [
            f'<span class="lineno" data-line="{n}">{n:>3} </span>{line}' for n, line in enumerate(lines, 1)
        ]
    text = "\n".join(lines)
    return f'<div class="highlight"><pre><code class="language-{language}">{text}</code></pre></div>'


def table(rows: tuple[tuple[str, ...], ...], carrier: str, body: Body) -> str:
    """A data table. `` >n`` after a cell spans columns, `` vn`` rows; rows of two cells have row headings."""
    head = 0 if len(rows[0]) == 2 and len(rows) > 2 and rows[0][0] not in ("Field",) else 1
    if any(cell.endswith(" v2") for cell in rows[0]):
        head = 2
    texts, out = [], ["<table>"]
    for i, row in enumerate(rows):
        cells = []
        for j, cell in enumerate(row):
            span = SPAN.search(cell)
            plain = cell[: span.start()] if span else cell
            attribute = f' {"colspan" if span[1] == ">" else "rowspan"}="{span[2]}"' if span else ""
            tag = "th" if i < head or j == 0 else "td"
            cells.append(f"<{tag}{attribute}>{inline(plain, carrier, body)}</{tag}>")
        texts.append([TOKENS.sub(lambda m: m[1] or m[2] or m[0], SPAN.sub("", cell)) for cell in row])
        part = "<thead>" if i == 0 and head else "<tbody>" if i == head else ""
        out.append(f"{part}<tr>{''.join(cells)}</tr>{'</thead>' if i + 1 == head else ''}")
    body.tables.append(texts)
    return "\n".join([*out, "</tbody></table>"])


def block_html(block: Block, entry: Entry, body: Body) -> str:
    """One block as HTML."""
    carrier = entry.get("carrier")
    if block.kind == "code":
        body.code.append(block.text)
        return code_block(block.text, block.note, entry.get("gutter"))
    if block.kind == "table":
        return table(block.rows, carrier, body)
    if block.kind in ("list", "ordered"):
        tag = "ul" if block.kind == "list" else "ol"
        items = "\n".join(f"<li>{inline(item, carrier, body)}</li>" for item in block.items)
        return f"<{tag}>\n{items}\n</{tag}>"
    if block.kind == "formula":
        body.equations.append(block.text)
        return f'<p class="equation">{CARRIERS[carrier](block.text, True)}</p>'
    text = inline(block.text, carrier, body)
    if block.kind == "heading":
        return f"<h2>{text}</h2>"
    if block.kind == "quote":
        return f"<blockquote><p>{text}</p></blockquote>"
    return f"<p>{text}</p>"


def render(entry: Entry) -> Body:
    """The body of an entry: HTML before the first post, then the posts."""
    body = Body()
    parts: list[str] = []
    lines: list[str] = []
    for block in entry.blocks:
        if block.kind == "post":
            body.posts.append((block.text, block.note, ""))
            continue
        html = block_html(block, entry, body)
        if body.posts:
            author, date, before = body.posts[-1]
            body.posts[-1] = (author, date, f"{before}\n{html}" if before else html)
        else:
            parts.append(html)
        lines.extend(block.items or ([block.text] if block.kind == "paragraph" else []))
    body.html = "\n".join(parts)
    found = [piece for piece in map(fragment, lines) if len(piece) >= 12]
    body.fragments = list(dict.fromkeys([found[0], found[len(found) // 2], found[-1]]))
    return body
