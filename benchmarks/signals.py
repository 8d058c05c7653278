"""Claim: all signals of all rule sets, and the verdicts of Gopher quality, Gopher repetition, C4 and
FineWeb, at least 80 times as fast on one core as datatrove's four filters; and the same verdicts on 99.5 %
of real pages.

    pip install '.[bench]'
    python benchmarks/signals.py [--pages FILE.warc.gz] [--size N] [--timed 300] [--rounds 3]

Main texts of the pages, all of them taken for English on both sides, whatever they are, so that both find
words by the same rules. Ours are the rules of ``configs/rules``, whose thresholds are datatrove's defaults.

**Agreement**, family by family: keep or drop, and the reason, which is the first rule that fires, in
datatrove's order. Where they differ, the text is printed with both reasons and the values that decide here.

**Speed**: datatrove's filters share the words of a text if it goes through all of them before the next one
does (the last few are kept), so it does. Ours goes through the stage and the rules, in batches of 256 texts.
Runs take turns; the ratio is the median.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import pyarrow as pa

from benchmarks.lib.pages import add_pages, line, parser, read_pages, sample, settle
from stages.base import StageConfig
from stages.heuristics.rules import load
from stages.render import render
from stages.signals.stage import Signals

NEEDS = ("datatrove", "spacy", "data:web/pages.warc.gz")
FLOORS = {"times datatrove's texts/s": 80.0, "of verdicts the same": 0.995}
FLOOR, AGREEMENT = FLOORS["times datatrove's texts/s"], FLOORS["of verdicts the same"]
SEED, BATCH = 42, 256

#: By family, the rule file, and by datatrove's reason, in its order, the rule in that file.
FAMILIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "gopher quality": (
        "gopher",
        {
            "gopher_short_doc": "too_few_words",
            "gopher_long_doc": "too_many_words",
            "gopher_below_avg_threshold": "mean_word_length",
            "gopher_above_avg_threshold": "mean_word_length",
            "gopher_too_many_hashes": "hashes",
            "gopher_too_many_ellipsis": "ellipses",
            "gopher_too_many_bullets": "bullet_lines",
            "gopher_too_many_end_ellipsis": "ellipsis_lines",
            "gopher_below_alpha_threshold": "alphabetic_words",
            "gopher_enough_stop_words": "stop_words",
        },
    ),
    "gopher repetition": (
        "gopher",
        {
            "dup_para_frac": "duplicate_paragraphs",
            "dup_para_char_frac": "duplicate_paragraph_chars",
            "dup_line_frac": "duplicate_lines",
            "dup_line_char_frac": "duplicate_line_chars",
            **{f"top_{n}_gram": f"top_{n}gram" for n in (2, 3, 4)},
            **{f"duplicated_{n}_n_grams": f"duplicate_{n}grams" for n in range(5, 11)},
        },
    ),
    "c4": ("c4", {name: name for name in ("lorem_ipsum", "curly_bracket", "too_few_sentences")}),
    "fineweb": (
        "fineweb",
        {
            "empty": "empty",
            "line_punct_ratio": "unpunctuated_lines",
            "short_line_ratio": "short_lines",
            "char_dup_ratio": "duplicate_line_chars",
            "list_ratio": "newlines",
        },
    ),
}
RULES = {name: load(ROOT / "configs" / "rules" / f"{name}.yaml") for name, _ in FAMILIES.values()}
STAGE = Signals(StageConfig())

Verdicts = dict[str, list[str | None]]


def ours(texts: Sequence[str]) -> tuple[pa.Table, Verdicts]:
    """All signals as the stage adds them; by family, the first rule that drops each text, None keeps it."""
    tables, verdicts = [], {family: list[str | None]() for family in FAMILIES}
    for start in range(0, len(texts), BATCH):
        batch = pa.table({"text": texts[start : start + BATCH]})
        batch = batch.append_column("language", pa.array(["en"] * len(batch)))
        tables.append(pa.table({"language": batch["language"], **STAGE.annotate(batch).columns}))
        fired = {name: rules.judge(tables[-1]).fired for name, rules in RULES.items()}
        for family, (name, names) in FAMILIES.items():
            own = [rule for rule, reason in enumerate(RULES[name].reasons) if reason in names.values()]
            first = fired[name][:, own].argmax(axis=1)
            verdicts[family] += [
                RULES[name].reasons[own[rule]] if row[own[rule]] else None
                for row, rule in zip(fired[name], first, strict=True)
            ]
    return pa.concat_tables(tables), verdicts


def datatrove() -> Callable[[str], dict[str, str | None]]:
    """The filters with their defaults: by family, our name of why a text goes, None keeps it."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    classes = (GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter, FineWebQualityFilter)
    filters = dict(zip(FAMILIES, (cls() for cls in classes), strict=True))

    def judge(text: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for family, step in filters.items():
            verdict: Any = step.filter(Document(text=text, id=""))
            found[family] = None if verdict is True else FAMILIES[family][1][verdict[1]]
        return found

    return judge


def compare(texts: Sequence[str], judge: Callable[[str], dict[str, str | None]]) -> bool:
    """Print agreement and every difference; whether it is enough in every family."""
    signals, verdicts = ours(texts)
    theirs = [judge(text) for text in texts]
    good = True
    for family, (name, _) in FAMILIES.items():
        columns = dict(zip(RULES[name].reasons, RULES[name].columns, strict=True))
        pairs = [(mine, peer[family]) for mine, peer in zip(verdicts[family], theirs, strict=True)]
        equal = sum((mine is None) == (peer is None) for mine, peer in pairs)
        good &= line(f"signals.verdicts equal to datatrove's, {family}", equal, len(texts), AGREEMENT)
        dropped = sum(peer is not None for _, peer in pairs)
        print(f"  dropped {dropped}, same reason on {sum(a == b for a, b in pairs) / len(texts):.2%}")
        for place, pair in enumerate(pairs):
            if pair[0] != pair[1]:
                print(f"  text {place}, {len(texts[place])} code points: ours {pair[0]}, datatrove {pair[1]}")
                for column in (columns[reason] for reason in pair if reason is not None):
                    print(f"    {column} {signals[column][place].as_py():.6g}")
    return good


def main() -> int:
    """Print the lines; 1 if something is under its floor."""
    options = parser(__doc__)
    add_pages(options)
    options.add_argument("--size", type=int, default=1 << 30, help="pages that verdicts are compared on")
    options.add_argument("--timed", type=int, default=300, help="pages that speed is measured on")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    if missing := [name for name in ("datatrove", "spacy") if importlib.util.find_spec(name) is None]:
        print(f"{' and '.join(missing)}: not installed (pip install '.[bench]')", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    pages = sample(list(read_pages(given.pages)), given.size, SEED)
    texts = [text for page in pages if (text := render(page.html, content="main").text)]
    judge = datatrove()
    print(f"{len(texts)} texts:")
    good = compare(texts, judge)

    texts = [texts[place] for place in np.random.default_rng(SEED).permutation(len(texts))[: given.timed]]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts)} texts, {megabytes:.2f} MB; one core:")
    settle()
    times: list[tuple[float, float]] = []
    for _ in range(given.rounds):
        marks = [time.perf_counter()]
        ours(texts)
        marks.append(time.perf_counter())
        for text in texts:
            judge(text)
        marks.append(time.perf_counter())
        times.append((marks[1] - marks[0], marks[2] - marks[1]))
    mine, peer = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(theirs / own for own, theirs in times)
    good &= line(
        "signals.texts/s, all signals and four families", len(texts) / mine, len(texts) / peer, FLOOR, ratio
    )
    good &= line("signals.MB/s", megabytes / mine, megabytes / peer, FLOOR, ratio)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
