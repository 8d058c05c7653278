"""Claim: all signals of all rule sets, and the verdicts of Gopher quality, Gopher repetition, C4 and
FineWeb, at least 15 times as fast on one core as datatrove's four filters; and the same verdicts on 99.5 %
of real pages.

    pip install '.[bench]'
    python benchmarks/signals.py [--pages FILE.warc.gz] [--size N] [--timed 300] [--rounds 3]

Main texts of the pages, all of them taken for English on both sides, whatever they are, so that both find
words by the same rules. Thresholds are datatrove's defaults.

**Agreement**, family by family: keep or drop, and the reason. Where they differ, the texts are printed with
what datatrove says and the values that decide here. Our reason is the first rule in datatrove's order that
fires.

**Speed**: datatrove's filters share the words of a text if it goes through all of them before the next one
does (the last few are kept), so it does. Ours measures batches of 256 texts. Runs take turns; the ratio is
the median.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.pages import add_pages, line, parser, read_pages, sample, settle  # noqa: E402
from stages.render import render  # noqa: E402
from stages.signals import measure  # noqa: E402

SEED, BATCH, FLOOR, AGREEMENT = 42, 256, 15.0, 0.995

#: By family, datatrove's reasons in its order, each with the signal, what drops and the threshold.
Rule = tuple[str, str, str, float]
RULES: Mapping[str, Sequence[Rule]] = {
    "gopher quality": [
        ("gopher_short_doc", "words", "<", 50),
        ("gopher_long_doc", "words", ">", 100_000),
        ("gopher_below_avg_threshold", "mean_word_length", "<", 3),
        ("gopher_above_avg_threshold", "mean_word_length", ">", 10),
        ("gopher_too_many_hashes", "gopher_hash_ratio", ">", 0.1),
        ("gopher_too_many_ellipsis", "gopher_ellipsis_ratio", ">", 0.1),
        ("gopher_too_many_bullets", "gopher_bullet_line_ratio", ">", 0.9),
        ("gopher_too_many_end_ellipsis", "gopher_ellipsis_line_ratio", ">", 0.3),
        ("gopher_below_alpha_threshold", "gopher_alphabetic_ratio", "<", 0.8),
        ("gopher_enough_stop_words", "gopher_stop_words", "<", 2),
    ],
    "gopher repetition": [
        ("empty", "chars", "<", 1),
        ("dup_para_frac", "gopher_duplicate_paragraph_ratio", ">", 0.3),
        ("dup_para_char_frac", "gopher_duplicate_paragraph_char_ratio", ">", 0.2),
        ("dup_line_frac", "gopher_duplicate_line_ratio", ">", 0.3),
        ("dup_line_char_frac", "gopher_duplicate_line_char_ratio", ">", 0.2),
        *(
            (f"top_{n}_gram", f"gopher_top_{n}gram_char_ratio", ">", share)
            for n, share in ((2, 0.2), (3, 0.18), (4, 0.16))
        ),
        *(
            (f"duplicated_{n}_n_grams", f"gopher_duplicate_{n}gram_char_ratio", ">", (20 - n) / 100)
            for n in range(5, 11)
        ),
    ],
    "c4": [
        ("lorem_ipsum", "c4_lorem_ipsum_lines", ">", 0),
        ("curly_bracket", "c4_curly_bracket_lines", ">", 0),
        ("too_few_sentences", "c4_sentences", "<", 5),
    ],
    "fineweb": [
        ("empty", "lines", "<", 1),
        ("line_punct_ratio", "fineweb_terminal_line_ratio", "<", 0.12),
        ("short_line_ratio", "fineweb_short_line_ratio", ">", 0.67),
        ("char_dup_ratio", "fineweb_duplicate_char_ratio", ">", 0.01),
        ("list_ratio", "fineweb_newline_ratio", ">", 0.3),
    ],
}

Signals = dict[str, np.ndarray]


def judged(signals: Signals) -> dict[str, np.ndarray]:
    """By family, the number of the first rule that drops each text; -1 keeps it."""
    verdicts = {}
    for family, rules in RULES.items():
        fires = np.array(
            [
                signals[name] > np.float32(bound) if side == ">" else signals[name] < np.float32(bound)
                for _, name, side, bound in rules
            ]
        )
        verdicts[family] = np.where(fires.any(axis=0), fires.argmax(axis=0), -1)
    return verdicts


def ours(texts: Sequence[str]) -> tuple[Signals, dict[str, np.ndarray]]:
    """All signals, and the verdicts of the four families."""
    parts = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        signals = measure(batch, ["en"] * len(batch))
        parts.append((signals, judged(signals)))
    return tuple(  # type: ignore[return-value]
        {name: np.concatenate([part[side][name] for part in parts]) for name in parts[0][side]}
        for side in (0, 1)
    )


def datatrove() -> Callable[[str], dict[str, str | None]]:
    """The filters with their defaults: by family, why a text goes, None keeps it."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    classes = (GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter, FineWebQualityFilter)
    filters = dict(zip(RULES, (cls() for cls in classes), strict=True))

    def judge(text: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for family, step in filters.items():
            verdict: Any = step.filter(Document(text=text, id=""))
            found[family] = None if verdict is True else verdict[1]
        return found

    return judge


def compare(texts: Sequence[str], judge: Callable[[str], dict[str, str | None]]) -> bool:
    """Print agreement and every difference; whether it is enough in every family."""
    signals, verdicts = ours(texts)
    theirs = [judge(text) for text in texts]
    good = True
    for family, rules in RULES.items():
        mine = [rules[rule][0] if rule >= 0 else None for rule in verdicts[family]]
        peer = [verdict[family] for verdict in theirs]
        equal = sum((one is None) == (other is None) for one, other in zip(mine, peer, strict=True))
        reasons = sum(one == other for one, other in zip(mine, peer, strict=True))
        good &= line(f"signals.verdicts equal to datatrove's, {family}", equal, len(texts), AGREEMENT)
        print(f"  dropped {len(peer) - peer.count(None)}, same reason on {reasons / len(texts):.2%}")
        for (one, other), count in Counter(zip(mine, peer, strict=True)).items():
            if one == other:
                continue
            print(f"  {count} x ours: {one}, datatrove: {other}")
            for place in [i for i, pair in enumerate(zip(mine, peer, strict=True)) if pair == (one, other)][
                :5
            ]:
                names = [name for reason, name, *_ in rules if reason in (one, other)]
                values = ", ".join(f"{name} {signals[name][place]:.6g}" for name in names)
                print(f"    text {place}, {len(texts[place])} code points: {values}")
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
    texts = [text for page in pages if (text := render(page.html, content="main", url=page.url).text)]
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
