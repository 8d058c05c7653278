"""Claim: ``nemotron_cc_multilingual`` keeps as many good documents in every language as in English.

    python benchmarks/false_positives.py [--rules configs/rules/x.yaml] [--general]

Good documents, in the 16 languages: pages of the bundled sample of high or medium quality; main texts of gold
sets; and real pages, rendered, whose label and identified language agree and whose main text has at least
1,000 characters (400 in zh, ja, ko and th, where a character says more). Nobody judged the last, so a rule
may be right to drop some: what counts is what it drops beyond its share in English.

Prints the share that each rule drops in each language. A star marks what calls for an exception: more than
5 %, two documents at least, and more than twice the share in English. ``--general`` judges every language as
one that the file does not name, that is without exceptions: from that table they were chosen (it is in
``configs/rules/README.md``). Then one line a language, ``name  ours  peer  ratio  floor``: the share of good
documents kept, that share in English, their ratio.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import (
    data,
    pages,
)
from stages.heuristics.rules import Rules, load
from stages.language.stage import Language, LanguageConfig
from stages.render import render
from stages.signals import measure

LANGUAGES = ["en", "ar", "da", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "th", "zh"]
SAMPLE = ROOT / "configs" / "sample"

#: Characters of a gold text (what the stage ``length`` asks for) and of a real page.
LEAST, LEAST_PAGE, LEAST_DENSE, DENSE = 200, 1_000, 400, {"zh", "ja", "ko", "th"}

EXCESS, DOCUMENTS, TIMES = 0.05, 2, 2
NEEDS = ("data:gold", "data:web/pages.warc.gz")
FLOORS = {"times the share kept of English": 0.9}

Labelled = Iterator[tuple[str | None, str]]


def identified(texts: list[str]) -> list[str | None]:
    stage = Language(LanguageConfig())
    stage.open()
    return stage.annotate(pa.table({"text": texts})).columns["language"].to_pylist()


def sample() -> Labelled:
    with (SAMPLE / "truth.jsonl").open(encoding="utf-8") as lines:
        truth = {row["url"]: row for row in map(json.loads, lines) if row["outcome"] == "kept"}
    for page in pages.read_pages(SAMPLE / "sample.warc.gz"):
        row = truth.get(page.url)
        if row and row["quality"] in ("high", "medium"):
            yield row["language"], render(page.html, content="main").text


def gold() -> Labelled:
    texts = []
    for path in sorted(data.need("gold").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts += [
                main for main in (json.loads(line)["main"] or "" for line in lines) if len(main) >= LEAST
            ]
    return zip(identified(texts), texts, strict=True)


def web() -> Labelled:
    found = []
    for page in pages.read_pages(data.need("web/pages.warc.gz")):
        if page.kind == "ok" and page.lang in LANGUAGES:
            text = render(page.html, content="main").text
            if len(text) >= (LEAST_DENSE if page.lang in DENSE else LEAST_PAGE):
                found.append((page.lang, text))
    languages = identified([text for _, text in found])
    return (both for both, language in zip(found, languages, strict=True) if both[0] == language)


def collect() -> tuple[dict[str, list[str]], dict[str, Counter[str]]]:
    """Texts of each language, and how many each source gave. A page that is in two sources counts once: it
    shares a line of 60 characters with an earlier text."""
    sources = {"sample": sample}
    if data.find("gold") and data.find("web/pages.warc.gz"):
        sources |= {"gold": gold, "web": web}
    else:
        print(f"the bundled sample only: {data.missing('gold and web')}", file=sys.stderr)
    texts: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    known: set[str] = set()
    for source, read in sources.items():
        lines: set[str] = set()
        for language, text in read():
            long = {line for line in map(str.strip, text.split("\n")) if len(line) >= 60}
            if language in LANGUAGES and not long & known:
                texts[language].append(text)
                counts[language][source] += 1
                lines |= long
        known |= lines
    return texts, counts


def fired(rules: Rules, texts: list[str], language: str) -> np.ndarray:
    """bool[texts, rules]: which rule drops which text."""
    codes = [language] * len(texts)
    signals = {f"signal.{name}": values for name, values in measure(texts, codes).items()}
    return rules.judge(pa.table({"language": codes, **signals})).fired


def report(rules: Rules, verdicts: dict[str, np.ndarray], counts: dict[str, Counter[str]]) -> None:
    """Percent of each language's documents that each rule drops; a dot is none."""
    print(f"{'dropped by, %':24}" + "".join(f"{code:>6} " for code in verdicts))
    for source in ("sample", "gold", "web"):
        print(f"# {source:22}" + "".join(f"{counts[code][source]:6} " for code in verdicts))
    for rule, reason in enumerate(rules.reasons):
        row, english = "", verdicts["en"][:, rule].mean()
        for found in (verdict[:, rule] for verdict in verdicts.values()):
            share = found.mean()
            star = share > max(EXCESS, TIMES * english) and found.sum() >= DOCUMENTS
            row += (f"{100 * share:6.1f}" if share else "     .") + ("*" if star else " ")
        print(f"{reason:24}{row}".rstrip())


def main() -> int:
    parser = pages.parser(__doc__)
    default = ROOT / "configs" / "rules" / "nemotron_cc_multilingual.yaml"
    parser.add_argument("--rules", type=Path, default=default)
    parser.add_argument("--general", action="store_true", help="without the exceptions of languages")
    options = parser.parse_args()
    rules = load(options.rules)
    if options.general:
        rules = dataclasses.replace(rules, languages=(), low=rules.low[-1:], high=rules.high[-1:])
    texts, counts = collect()
    verdicts = {code: fired(rules, texts[code], code) for code in LANGUAGES}
    report(rules, verdicts, counts)
    kept = {code: 1 - verdict.any(axis=1).mean() for code, verdict in verdicts.items()}
    good = [
        pages.line(
            f"false_positives.{code}.kept", share, kept["en"], FLOORS["times the share kept of English"]
        )
        for code, share in kept.items()
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
