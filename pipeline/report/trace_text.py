"""A trace as text for people: one line for each segment, what was cut, and on request the texts.

Knows traces; does not know how they are found.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator

from pipeline.report.trace import Capture, Event, Trace

_CHANGES = 8  # pieces that are shown of what was cut or replaced
_PIECE = 120  # characters of a piece
_OF_A_KIND = 12  # columns of a kind (``signal.…``) that are shown
_VALUE = 60  # characters of the value of a column


def lines(found: Trace, text: bool = False) -> Iterator[str]:
    """The lines to print. ``text``: with the whole text, before and after each change."""
    if not found.finished:
        yield "not finished: this is what is known so far"
    elif not found.indexed:
        yield "this output has no index of documents; start the run again to have one made"
    for number, capture in enumerate(found.captures, 1):
        yield ""
        yield f"{number} of {len(found.captures)}: {capture.url or '(no address)'}"
        yield f"  id      {capture.id}"
        if capture.file is not None:
            record = f", record {capture.record}" if capture.record else ""
            yield f"  from    {capture.file}, offset {capture.offset}{record}"
        if capture.parent is not None:
            yield f"  made of {capture.parent}"
        yield f"  result  {capture.outcome}"
        yield from _way(capture, text)


def _way(capture: Capture, text: bool) -> Iterator[str]:
    before: str | None = None
    for event in capture.events:
        yield f"  {event.segment}/{event.part}"
        if event.passed:
            chars = f" ({event.chars:,} characters)" if event.chars is not None else ""
            yield f"    passed   {', '.join(event.passed)}{chars}"
        if event.outcome in ("dropped", "failed"):
            detail = f": {event.detail}" if event.detail and not event.copy else ""
            yield f"    {event.outcome:8} {event.stage}: {event.reason}{detail}"
        elif event.outcome == "not_selected":
            yield "    not selected by `where`"
        elif event.outcome == "not_done":
            yield "    not done yet"
        elif event.outcome == "in_shard":
            yield f"    shard    {event.shard}, row {event.row:,}, {event.columns['n_tokens']:,} tokens"
        if event.copy:
            yield f"    copy     {event.copy['id']} stays: {event.copy['url'] or '(no address)'}"
            if event.copy["outcome"]:
                yield f"             its result: {event.copy['outcome']}"
        if event.generated:
            yield f"    made     {', '.join(event.generated)}"
        if event.columns and event.outcome != "in_shard":
            yield from (f"    says     {said}" for said in [_values(event)] if said)
        if event.text is not None:
            if before is not None:
                yield from (f"    {change}" for change in changes(before, event.text))
            if text:
                yield "    text"
                yield from (f"      {line}" for line in event.text.splitlines())
            before = event.text


def _values(event: Event) -> str:
    """The columns that say something; of a kind that has many only how many."""
    telling = {name: value for name, value in event.columns.items() if value not in (0, False, "", [])}
    kinds = Counter(name.split(".")[0] for name in telling)
    said = []
    for name, value in telling.items():
        if kinds[name.split(".")[0]] <= _OF_A_KIND:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            said.append(f"{name}={shown if len(shown) <= _VALUE else shown[:_VALUE] + '…'}")
    said += [f"{count} of {kind}.* (--json)" for kind, count in kinds.items() if count > _OF_A_KIND]
    return ", ".join(said)


def changes(before: str, after: str) -> Iterator[str]:
    """The pieces that were cut or replaced: lines first, then the words of lines that changed."""
    found: list[tuple[str, str]] = []
    old, new = before.splitlines(), after.splitlines()
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "replace":
            found += _words("\n".join(old[a:b]), "\n".join(new[c:d]))
        elif tag != "equal":
            found.append((" ".join(old[a:b]), " ".join(new[c:d])))
    for removed, put in found[:_CHANGES]:
        yield f"{'cut' if not put else 'replaced' if removed else 'added':8} " + (
            f"{_short(removed)} -> {_short(put)}" if removed and put else _short(removed or put)
        )
    if len(found) > _CHANGES:
        yield f"         and {len(found) - _CHANGES} more changes"


def _words(old: str, new: str) -> Iterator[tuple[str, str]]:
    a, b = old.split(), new.split()
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b).get_opcodes():
        if tag != "equal":
            yield " ".join(a[i:j]), " ".join(b[k:m])


def _short(piece: str) -> str:
    piece = " ".join(piece.split())
    return repr(piece if len(piece) <= _PIECE else f"{piece[:_PIECE]}…")
