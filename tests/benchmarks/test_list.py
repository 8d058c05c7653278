"""``python -m benchmarks``: every claim says what is claimed, what it needs and where its bounds are."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from runs import ROOT

from benchmarks.__main__ import Claim, claims, missing

CLAIMS = claims()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_can_be_listed(claim: Claim) -> None:
    tree = ast.parse((ROOT / "benchmarks" / f"{claim.name}.py").read_text(encoding="utf-8"))
    assert (ast.get_docstring(tree) or "").startswith("Claim: ")
    assert claim.floors or claim.ceilings
    names = {
        node.targets[0].id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert "NEEDS" in names


def test_the_list_and_what_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "benchmarks"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [line for line in listed.stdout.splitlines() if not line.startswith(" ")] == [
        c.name for c in CLAIMS
    ]
    monkeypatch.delenv("NANOCORPUS_DATA", raising=False)
    needy = Claim(
        "a", "", ("no_such_package", "no-such-program!", "data:web/pages.warc.gz", "pytest"), {}, {}
    )
    assert [lack.partition(" ")[0] for lack in missing(needy)] == [
        "no_such_package",
        "no-such-program",
        "web/pages.warc.gz",
    ]
