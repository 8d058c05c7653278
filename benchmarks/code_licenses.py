"""Claim: the licence of 96 % of files of repositories that the rules were not written for is told exactly, no
file under a copyleft, source-available or non-commercial licence is taken for permissive, and at most one in
fifty permissive files is missed; 200 files a second on one core, a hundred times as fast as ScanCode.

Exact means the same set of SPDX ids, without ``-only``, ``-or-later`` and exceptions. Draw 3 of
``lib/license_labels`` decides. At its first run it gave .966 exact, 1.000 precision and .996 recall (draw 2
before it: .916, .995, .995); then what it showed was mended, so what is printed now says that nothing was
lost since, and no longer what to expect of files that nobody has seen.

Beside it ScanCode, where ``SCANCODE_PYTHON`` is an interpreter that has it: on every ``EACH``-th file of draw
3, what it finds in the file, else in the nearest files of terms, else in the nearest manifest or README; CPU
seconds of both on the same files. Then, from a clone of ScanCode's repository, 588 of its own odd test files,
drawn by a seed: on each it is right by definition, and a file that it holds for not permissive must not be
taken for it.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import data, license_labels, scancode
from benchmarks.lib.license_labels import Label
from benchmarks.lib.pages import line
from stages.licenses import detect, expressions, manifests
from stages.licenses import resolve as resolving
from stages.licenses.detect import statement
from stages.licenses.expressions import Expression, NoExpression, single
from stages.licenses.names import Notices, excerpt, kind
from stages.licenses.resolve import Notice, resolve
from stages.licenses.table import table

NEEDS = ("git!", "data:code")
FLOORS = {
    "exact": 0.95,
    "precision": 1.0,
    "recall": 0.95,
    "files/s": 200,
    "exact against ScanCode": 1.0,
    "speed against ScanCode": 100,
    "odd files: recall": 0.46,
}
CEILINGS = {"odd files: wrongly permissive": 5}

EACH = int(os.environ.get("SCANCODE_EACH", "4"))
ODD, SEED = 588, 7
_GOOD = frozenset({"permissive", "public_domain"})
_ODD_FOLDER = "tests/licensedcode/data/datadriven"


class Case(NamedTuple):
    label: Label
    text: str
    notices: tuple[Notice, ...]


def cases(draw: int) -> list[Case]:
    """Files with what stands around them."""
    found = []
    for tree, mine in license_labels.trees(license_labels.labels(draw)):
        around = Notices(tree.blobs)
        texts: dict[str, str] = {}
        for label in mine:
            names = around.of(label.path)
            for name in names:
                if name not in texts:
                    texts[name] = excerpt(name, tree.text(tree.blobs[name]))
            notices = tuple(Notice(name, texts[name]) for name in names)
            found.append(Case(label, tree.text(label.blob), notices))
    return found


def _known(name: str) -> Expression:
    return table().known(name) or single(name if name.startswith("LicenseRef-") else f"LicenseRef-{name}")


def ids(expression: Expression | None) -> frozenset[str]:
    """What is compared: ids without how much later versions may be; all that SPDX does not know is OTHER."""
    if expression is None:
        return frozenset({"OTHER"})
    return frozenset(
        "OTHER" if id.startswith("LicenseRef-") and "public-domain" not in id
        else re.sub(r"-(?:only|or-later)$", "", id).replace("LicenseRef-scancode-", "LicenseRef-")
        for id in expression.ids()
    )  # fmt: skip


def permissive(expression: Expression | None) -> bool:
    return expression is not None and expression.group(table().group) in _GOOD


def wanted(label: Label) -> Expression | None:
    if label.license in ("OTHER", "GPL-*"):
        return None
    return expressions.parse(label.license, _known)


def exact(found: Expression | None, label: Label) -> bool:
    got = ids(found)
    if label.license == "GPL-*":
        return found is not None and all(id.startswith("GPL-") for id in got)
    return got == ids(wanted(label))


def right_to_keep(label: Label) -> bool:
    return label.license == "SSH-short" or permissive(wanted(label))


def forget() -> None:
    """What was told of texts before: each measurement starts without it."""
    for module in (detect, manifests, resolving):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


class Score(NamedTuple):
    exact: float
    precision: float
    recall: float


def score(found: Sequence[Expression | None], labels: Sequence[Label], show: bool = False) -> Score:
    right = [exact(one, label) for one, label in zip(found, labels, strict=True)]
    kept = [permissive(one) for one in found]
    good = [right_to_keep(label) for label in labels]
    both = sum(a and b for a, b in zip(kept, good, strict=True))
    for one, label, is_right, is_kept, is_good in zip(found, labels, right, kept, good, strict=True):
        if show and (not is_right or is_kept != is_good):
            print(f"    {label.repo} {label.path}: {label.license}, found {one}")
    return Score(sum(right) / len(right), both / max(1, sum(kept)), both / max(1, sum(good)))


def peer(ask: scancode.Scancode, case: Case) -> Expression | None:
    """What ScanCode says of a file, and of what stands around it."""

    def asked(text: str) -> Expression | None:
        try:
            return expressions.parse(ask(text), _known) if text else None
        except NoExpression:
            return None

    if (own := asked(case.text)) is not None:
        return own
    for kinds in (("licence",), ("manifest", "prose")):
        folders: dict[str, list[Notice]] = {}
        for notice in case.notices:
            if kind(notice.path) in kinds:
                folders.setdefault(notice.path.rpartition("/")[0], []).append(notice)
        for folder in sorted(folders, key=len, reverse=True):
            found = [one for notice in folders[folder] if (one := asked(notice.text)) is not None]
            if found:
                return expressions.both(found)
    return None


def odd() -> list[tuple[str, bool]]:
    """Texts of ScanCode's test files, and whether what it expects is permissive."""
    folder = data.find("code/aboutcode-org+scancode-toolkit")
    if folder is None:
        return []

    def git(*words: str) -> bytes:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True).stdout

    blobs, keys = {}, {}
    for row in git("ls-tree", "-r", "-z", "HEAD", _ODD_FOLDER, "src/licensedcode/data/licenses").split(b"\0"):
        if row:
            facts, _, name = row.partition(b"\t")
            blobs[name.decode("utf-8", "replace")] = facts.split()[2].decode()
    for name, blob in blobs.items():
        if name.endswith(".LICENSE"):
            head = git("cat-file", "blob", blob).decode("utf-8", "replace")[:10_000]
            key, category = (re.search(rf"^{what}: (.*)$", head, re.M) for what in ("key", "category"))
            spdx = re.search(r"^spdx_license_key: (.*)$", head, re.M)
            if key and category:
                keys[key[1].strip()] = ((spdx[1] if spdx else "").strip(), category[1].strip())
    names = sorted(name for name in blobs if name.endswith(".yml") and name[:-4] in blobs)
    random.Random(SEED).shuffle(names)
    found: list[tuple[str, bool]] = []
    for name in names:
        about = yaml.safe_load(git("cat-file", "blob", blobs[name])) or {}
        content = git("cat-file", "blob", blobs[name[:-4]])
        expected = about.get("license_expressions") or []
        if not expected or about.get("expected_failure") or b"\0" in content[:4000] or len(content) > 300_000:
            continue
        found.append((content.decode("utf-8", "replace"), _is_good(expected, keys)))
        if len(found) == ODD:
            break
    return found


def _is_good(expected: Sequence[str], keys: dict[str, tuple[str, str]]) -> bool:
    """By our groups for ids of SPDX, by ScanCode's categories for its own."""

    def group(name: str) -> str:
        spdx, category = keys.get(name.removeprefix("LicenseRef-"), ("", ""))
        if spdx and not spdx.startswith("LicenseRef-"):
            known = table().known(spdx)
            return known.group(table().group) if known else "unknown"
        return "permissive" if category in ("Permissive", "Public Domain", "CLA") else "unknown"

    try:
        joined = expressions.parse(
            " AND ".join(f"({one})" for one in expected), lambda name: single(f"LicenseRef-{name}")
        )
    except NoExpression:
        return False
    return joined.group(group) in _GOOD


def main() -> int:
    good = True
    print(f"{'':56} {'ours':>9} {'peer':>9}  {'ratio':>7}  floor")
    resolve("LICENSE", "MIT License")  # loads the texts
    for draw in (1, 2, 3):
        listed = cases(draw)
        labels = [case.label for case in listed]
        if draw == 3 and len(listed) < 300:
            print(f"draw 3: {len(listed)} of its files are there, 300 are needed")
            return 1
        forget()
        start = time.process_time()
        found = [resolve(case.label.path, case.text, case.notices).expression for case in listed]
        speed = len(listed) / (time.process_time() - start)
        result = score(found, labels, show=draw == 3)
        repos = len({label.repo for label in labels})
        print(f"draw {draw}: {len(listed)} files of {repos} repositories")
        for name, value in (*result._asdict().items(), ("files/s", speed)):
            floor = FLOORS[name] if draw == 3 else 0
            good &= line(f"  {name}", value, 1.0, floor)
    if scancode.VARIABLE in os.environ:
        good &= _against(listed)
    else:
        print(f"ScanCode: {scancode.VARIABLE} names no interpreter")
    good &= _odd()
    return 0 if good else 1


def _against(listed: list[Case]) -> bool:
    some = listed[::EACH]
    labels = [case.label for case in some]
    ask = scancode.Scancode()
    forget()
    start = time.process_time()
    found = [resolve(case.label.path, case.text, case.notices).expression for case in some]
    seconds = time.process_time() - start
    theirs = [peer(ask, case) for case in some]
    mine, other = score(found, labels), score(theirs, labels)
    print(f"ScanCode: {len(some)} files, {ask.texts} texts")
    good = line("  exact against ScanCode", mine.exact, other.exact, FLOORS["exact against ScanCode"])
    line("  precision", mine.precision, other.precision, 0)
    line("  recall", mine.recall, other.recall, 0)
    speeds = len(some) / seconds, len(some) / ask.seconds
    return good & line("  speed against ScanCode, files/s", *speeds, FLOORS["speed against ScanCode"])


def _odd() -> bool:
    texts = odd()
    if not texts:
        print("ScanCode's test files: no clone of its repository")
        return True
    forget()
    kept = []
    for text, _ in texts:
        found = statement(text, "source")
        kept.append((found if found.expression is not None else statement(text, "terms")).permissive)
    wrong = sum(one and not good for one, (_, good) in zip(kept, texts, strict=True))
    there = sum(good for _, good in texts)
    recall = sum(one and good for one, (_, good) in zip(kept, texts, strict=True)) / there
    print(f"ScanCode's test files: {len(texts)}, {len(texts) - there} of them not permissive")
    limit = CEILINGS["odd files: wrongly permissive"]
    print(f"  wrongly permissive: {wrong} (at most {limit})")
    return line("  recall", recall, 1.0, FLOORS["odd files: recall"]) and wrong <= limit


if __name__ == "__main__":
    sys.exit(main())
