"""``python -m benchmarks``: the claims, their floors, and what each needs; ``--run`` runs those that can run.

    python -m benchmarks                        # list
    python -m benchmarks --run                  # all whose needs are met, one after the other
    python -m benchmarks --run signals pii      # these

A claim is a script in this folder. It says in its docstring what is claimed, in ``FLOORS`` and ``CEILINGS``
what has to be reached or not exceeded, and in ``NEEDS`` what a verdict takes: packages by their modules,
``program!``, ``data:`` files of real pages (see ``lib/data.py``), ``cuda``. Those are read here without
importing it. It exits 0 if the claim holds, 1 if not, and 2 if it could not be measured.

Exit code: 1 if a claim does not hold; 2 if one that was named could not be measured; else 0.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.lib import data

HERE = Path(__file__).resolve().parent


class Claim(NamedTuple):
    """A benchmark, as its source says."""

    name: str
    text: str
    needs: tuple[str, ...]
    floors: dict[str, float]
    ceilings: dict[str, float]

    def bounds(self) -> str:
        """All floors and ceilings on one line."""
        found = [f">= {value:g} {what}" for what, value in self.floors.items()]
        return "; ".join(found + [f"<= {value:g} {what}" for what, value in self.ceilings.items()])


def claims() -> list[Claim]:
    """Every claim in this folder, by name."""
    return [_read(path) for path in sorted(HERE.glob("*.py")) if not path.name.startswith("_")]


def _read(path: Path) -> Claim:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said: dict[str, Any] = {"NEEDS": (), "FLOORS": {}, "CEILINGS": {}}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in said:
                said[name] = ast.literal_eval(node.value)
    text = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    return Claim(path.stem, text.removeprefix("Claim: "), said["NEEDS"], said["FLOORS"], said["CEILINGS"])


def missing(claim: Claim) -> Iterator[str]:
    """What it needs and is not here, each with how to get it."""
    for need in claim.needs:
        if need.startswith("data:"):
            if data.find(need.removeprefix("data:")) is None:
                yield f"{need.removeprefix('data:')} (${data.VARIABLE})"
        elif need.endswith("!"):
            if shutil.which(need[:-1]) is None:
                yield f"{need[:-1]} (apt-get install {need[:-1]})"
        elif need == "cuda":
            if shutil.which("nvidia-smi") is None:
                yield "a CUDA device"
        elif find_spec(need) is None:
            yield f"{need} (pip install -c constraints.txt '.[bench,test]')"


def show(found: Sequence[Claim]) -> None:
    """The list."""
    for claim in found:
        print(f"{claim.name}\n    {claim.text}\n    {claim.bounds()}")
        if lacks := "; ".join(missing(claim)):
            print(f"    cannot run here, lacks: {lacks}")


def run(found: Sequence[Claim], named: bool) -> int:
    """Run them, and say at the end how each came out."""
    ended: dict[str, list[str]] = {"holds": [], "does not hold": [], "skipped": []}
    for claim in found:
        if lacks := "; ".join(missing(claim)):
            ended["skipped"].append(f"{claim.name}: lacks {lacks}")
            continue
        print(f"== {claim.name}: {claim.text}", flush=True)
        started = time.monotonic()
        code = subprocess.run([sys.executable, str(HERE / f"{claim.name}.py")], check=False).returncode
        took = f"{claim.name} ({time.monotonic() - started:.0f} s)"
        if code == 2:
            ended["skipped"].append(f"{claim.name}: it could not measure, see above")
        else:
            ended["holds" if code == 0 else "does not hold"].append(took)
    print()
    for how, names in ended.items():
        print(f"{how}: {len(names)}", *names, sep="\n    ")
    return 1 if ended["does not hold"] else 2 if named and ended["skipped"] else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="only these claims")
    parser.add_argument("--run", action="store_true", help="run what can run, in place of a list")
    options = parser.parse_args()
    found = claims()
    if unknown := set(options.names) - {claim.name for claim in found}:
        parser.error(f"no such claim: {', '.join(sorted(unknown))}")
    chosen = [claim for claim in found if not options.names or claim.name in options.names]
    if options.run:
        return run(chosen, bool(options.names))
    show(chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
