"""Claim: every formula of a page is in our text, once, whatever carries it; raw TeX, code and tables survive.

    python benchmarks/render_fidelity.py [--pages FILE.warc.gz] [--show 20]

``inventory.py`` lists what is on each page, from the DOM and without any code of ours; each tool's text is
scored against that, over the same pages in the same run. A score is the mean over the pages with the thing:

- annotation, alttext, script, attribute (data-*, aria-label), image, raw: share of the formulas whose TeX
  is in the text (white space aside; as often as the page has it), for raw ones between delimiters of TeX;
- delimited: the same for all that have a carrier, which peers print without delimiters if at all (several may
  be in one pair, as the columns of an equation array are);
- code lines: share of the lines of ``<pre>`` that are lines of the text; indentation: share of blocks of two
  or more lines with every line, in sequence, indented as in the page (tabs at every eighth column);
- table rows: share of rows of data tables with all their cells, in order, on one line;
- words: share of the visible words outside formulas; order: of the words that are once on the page and once
  in the text, the share that is in the page's order (longest increasing subsequence).

Copies are counted over all pages: a formula's TeX once more than the page has it, or its rendered twin
(KaTeX's HTML, MathJax's glyphs, the MathML next to its annotation) printed as well. They are not to be.
``--show N`` prints the pages with the most misses of ours, and what was missed.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib import inventory
from benchmarks.lib.carriers import CARRIERS
from benchmarks.lib.dom import EDGE, squeeze
from benchmarks.lib.inventory import Inventory
from benchmarks.lib.pages import Page, add_pages, line, parser, read_pages, settle, tokens, tools

OURS = "ours full"
NAMES = (OURS, "ours main", "lynx", "resiliparse full", "resiliparse main", "trafilatura")
#: The best peer of each line is looked for among these: the ones that print whole pages.
PEERS = ("lynx", "resiliparse full", "trafilatura")
#: 0.995 is what rounds to 1.00.
FLOORS = {
    "each carrier of formulas": 0.995,
    "raw": 0.995,
    "delimited": 0.98,
    "code lines": 0.99,
    "indentation": 0.98,
    "table rows": 0.97,
    "words": 0.0,
    "order": 0.99,
}
NEEDS = ("lynx!", "resiliparse", "trafilatura", "lxml", "data:web/pages.warc.gz")
KINDS = dict.fromkeys(CARRIERS, FLOORS["each carrier of formulas"]) | {
    kind: floor for kind, floor in FLOORS.items() if kind != "each carrier of formulas"
}


@dataclass
class Scores:
    """One text of one page: (got, of) for each thing the page has; what was missed; copies."""

    shares: dict[str, tuple[int, int]] = field(default_factory=dict)
    missed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    copies: int = 0

    def add(self, name: str, got: int, of: int) -> None:
        """Nothing where the page has none."""
        if of:
            self.shares[name] = (got, of)


def score(found: Inventory, text: str) -> Scores:
    """How much of an inventory is in a text."""
    scores = Scores()
    _formulas(found, text, scores)
    _code(found, text, scores)
    _tables(found, text, scores)
    _words(found, text, scores)
    return scores


def consume(text: str, pieces: Iterable[str]) -> tuple[Counter[str], str]:
    """How often each piece is in the text, longest first, and the text without them.

    What a longer piece took is gone for the shorter ones: ``x`` is not found in ``x^2``.
    """
    counts: Counter[str] = Counter()
    for piece in sorted(set(pieces), key=lambda p: (-len(p), p)):
        parts = text.split(piece)
        counts[piece] = len(parts) - 1
        text = EDGE.join(parts) if len(parts) > 1 else text
    return counts, text


def _formulas(found: Inventory, text: str, scores: Scores) -> None:
    flat = squeeze(text)
    carried = [f for f in found.formulas if not f.hidden]
    sources = {f.tex for f in found.formulas} | set(found.raw)
    printed, rest = consume(flat, sources)
    spans = [span for match in _SPAN.finditer(text) for span in match.groups() if span]
    squeezed = [squeeze(span).removeprefix("\\displaystyle") for span in spans]
    whole = Counter(squeezed)
    within, _ = consume(EDGE.join(squeezed), sources)
    # Not found in this way: an environment that needs no delimiters, and TeX with a ``$`` in it.
    forms = {tex: tex if tex.startswith("\\begin{") else f"${tex}$" for tex in sources}
    literal, _ = consume(flat, {form for tex, form in forms.items() if "$" in tex or form == tex})
    enclosed = {tex: max(whole[tex], within[tex], literal[form]) for tex, form in forms.items()}
    for name in (*CARRIERS, "raw", "delimited"):
        wanted = Counter(
            found.raw if name == "raw" else (f.tex for f in carried if name in (f.carrier, "delimited"))
        )
        available = printed if name in CARRIERS else enclosed
        got = sum(min(count, available[tex]) for tex, count in wanted.items())
        scores.add(name, got, wanted.total())
        scores.missed[name] += [tex for tex, count in wanted.items() if available[tex] < count]

    # What the page itself has several times, in formulas and beside them, is no copy.
    known = Counter(f.tex for f in found.formulas)
    beside, beside_rest = consume(found.beside, sources)
    for tex in known:
        more = printed[tex] - known[tex] - beside[tex]
        if len(tex) >= 6 and more > 0:
            scores.copies += more
            scores.missed["copies"].append(tex)
    twins = {twin for f in found.formulas for twin in f.twins}
    shown, _ = consume(rest, twins)
    allowed, _ = consume(beside_rest, twins)
    for twin in sorted(twins):
        if shown[twin] > allowed[twin]:
            scores.copies += shown[twin] - allowed[twin]
            scores.missed["copies"].append(f"twin {twin}")


#: TeX in a text, from delimiter to delimiter; no formula goes across a blank line.
_SPAN = re.compile(
    r"\\\(((?:(?!\n\s*\n).)+?)\\\)|\\\[((?:(?!\n\s*\n).)+?)\\\]"
    r"|(?<![\\$])\$\$((?:(?!\n\s*\n).)+?)\$\$|(?<![\\$])\$((?:(?!\n\s*\n)[^$])+?)\$",
    re.DOTALL,
)


def _code(found: Inventory, text: str, scores: Scores) -> None:
    printed = [line for line in inventory.lines_of(text) if line]
    places: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(printed):
        places[one.strip()].append(number)
    available = Counter({one: len(numbers) for one, numbers in places.items()})
    wanted = Counter(one.strip() for block in found.code for one in block if one)
    scores.add("code lines", sum(min(n, available[one]) for one, n in wanted.items()), wanted.total())
    scores.missed["code lines"] += [one for one, n in wanted.items() if available[one] < n]

    blocks = [[one for one in block if one] for block in found.code]
    blocks = [block for block in blocks if len(block) > 1]
    exact = [any(_indented(block, printed, at) for at in places[block[0].strip()]) for block in blocks]
    scores.add("indentation", sum(exact), len(blocks))
    scores.missed["indentation"] += ["\n".join(b) for b, good in zip(blocks, exact, strict=True) if not good]


def _indented(block: list[str], printed: list[str], at: int) -> bool:
    """Whether the lines from ``at`` on are the block, all moved to the right by the same."""
    shift = _indent(printed[at]) - _indent(block[0])
    if at + len(block) > len(printed):
        return False
    return all(
        theirs.strip() == ours.strip() and _indent(theirs) - _indent(ours) == shift
        for ours, theirs in zip(block, printed[at : at + len(block)], strict=True)
    )


def _indent(one: str) -> int:
    return len(one) - len(one.lstrip())


def _tables(found: Inventory, text: str, scores: Scores) -> None:
    rows = [row for table in found.tables for row in table]
    if not rows:
        return
    flat = "\n".join(inventory.cell_text(one) for one in text.split("\n"))
    missed = [row for row in rows if not _on_one_line(row, flat)]
    scores.add("table rows", len(rows) - len(missed), len(rows))
    scores.missed["table rows"] += [" | ".join(row) for row in missed]


def _on_one_line(row: list[str], flat: str) -> bool:
    rarest = max(row, key=len)
    at = flat.find(rarest)
    while at >= 0:
        start, stop = flat.rfind("\n", 0, at) + 1, flat.find("\n", at)
        stop = len(flat) if stop < 0 else stop
        position = start
        for cell in row:
            position = flat.find(cell, position, stop)
            if position < 0:
                break
            position += len(cell)
        else:
            return True
        at = flat.find(rarest, stop)
    return False


def _words(found: Inventory, text: str, scores: Scores) -> None:
    page, printed = tokens(found.text), tokens(text)
    wanted, available = Counter(page), Counter(printed)
    scores.add("words", (wanted & available).total(), wanted.total())
    if scores.shares.get("words", (1, 1))[0] < wanted.total():
        scores.missed["words"] += [word for word, n in wanted.items() if available[word] < n]
    place = {word: at for at, word in enumerate(printed) if available[word] == 1}
    sequence = [place[word] for word in page if wanted[word] == 1 and word in place]
    kept = increasing(sequence)
    scores.add("order", kept, len(sequence))
    if kept < len(sequence):
        falls = [b for a, b in itertools.pairwise(sequence) if b < a]
        scores.missed["order"] += [" ".join(printed[max(at - 3, 0) : at + 5]) for at in falls]


def increasing(sequence: list[int]) -> int:
    """Length of the longest increasing subsequence."""
    tails: list[int] = []
    for value in sequence:
        at = bisect_left(tails, value)
        tails[at : at + 1] = [value]
    return len(tails)


# The run -----------------------------------------------------------------------------------------------

_PAGES: list[Page] = []


def _one(number: int) -> dict[str, Scores]:
    page = _PAGES[number]
    found = inventory.take(page.html)
    scores = {}
    for name, call in tools(*NAMES, quiet=True).items():
        scores[name] = score(found, call(page))
        if name != OURS:
            scores[name].missed.clear()
    return scores


def main() -> int:
    """Print the table; 1 if a figure of ours is under its floor."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--limit", type=int, help="only the first pages")
    options.add_argument("--show", type=int, default=0, metavar="N", help="print the N worst pages of ours")
    options.add_argument("--only", metavar="NAME", help="with --show: misses of this kind only")
    options.add_argument("--processes", type=int, default=2)
    given = options.parse_args()
    _PAGES.extend(list(read_pages(given.pages))[: given.limit])
    names = list(tools(*NAMES))
    settle()
    # Not multiprocessing.Pool: that waits for ever for a worker that died.
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(given.processes, mp_context=fork) as pool:
        results = list(pool.map(_one, range(len(_PAGES)), chunksize=8))

    good = True
    print(f"{len(_PAGES)} pages; mean of the pages' shares (pages, things)")
    print(f"{'':14} {'pages':>6} {'things':>8} " + " ".join(f"{name:>16}" for name in names))
    means: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        shares = {name: [r[name].shares[kind] for r in results if kind in r[name].shares] for name in names}
        if not shares[OURS]:
            continue
        means[kind] = {n: sum(got / of for got, of in s) / len(s) for n, s in shares.items() if s}
        things = sum(of for _, of in shares[OURS])
        print(
            f"{kind:14} {len(shares[OURS]):6} {things:8} "
            + " ".join(f"{means[kind].get(name, 0.0):16.4f}" for name in names)
        )
    copies = {name: sum(r[name].copies for r in results) for name in names}
    print(f"{'copies':14} {'':15} " + " ".join(f"{copies[name]:16}" for name in names))

    for kind, floor in KINDS.items():
        if kind in means:
            ours = means[kind][OURS]
            peer = max((means[kind].get(name, 0.0) for name in PEERS), default=0.0)
            # The floor is on our figure itself: the peers' may be zero.
            good &= line(f"render_fidelity.{kind}", ours, peer, floor, ratio=ours)
    good &= line(
        "render_fidelity.copies",
        copies[OURS],
        min(copies.get(n, 0) for n in PEERS),
        0.0,
        ratio=0.0 - copies[OURS],
    )
    if given.show:
        show(_PAGES, [result[OURS] for result in results], given.show, given.only)
    return 0 if good else 1


def show(pages: list[Page], scores: list[Scores], most: int, only: str | None) -> None:
    """The worst pages of each kind of miss, with the first few of what was missed."""
    for kind in (only,) if only else (*KINDS, "copies"):

        def loss(number: int, kind: str = kind) -> float:
            if kind == "copies":
                return float(scores[number].copies)
            got, of = scores[number].shares.get(kind, (1, 1))
            return 1 - got / of

        worst = sorted((n for n in range(len(pages)) if loss(n)), key=lambda n: (-loss(n), n))
        print(f"\n== {kind}: {len(worst)} pages with misses")
        for number in worst[:most]:
            print(
                f"{loss(number):7.3f} {scores[number].shares.get(kind, '')} page {number} {pages[number].url}"
            )
            for miss in scores[number].missed[kind][:4]:
                print("        " + repr(miss[:160]))


if __name__ == "__main__":
    sys.exit(main())
