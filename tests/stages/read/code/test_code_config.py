"""``code_v1.yaml`` from mirrors to shards: what may be kept is kept, and everything else has its reason."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from code_trees import mirror

from tests.runs import ROOT, call, documents, rejects, stats

MIT = """MIT License

Copyright (c) 2024 The Harbour

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
BODY = """
\"\"\"Counts boats in harbour number {number}.\"\"\"

from dataclasses import dataclass


@dataclass
class Harbour{number}:
    name: str
    boats: list[str]

    def count(self, prefix: str) -> int:
        # only boats whose name begins like this
        found = [boat for boat in self.boats if boat.startswith(prefix)]
        return len(found) + {number}


def largest(harbours: list[Harbour{number}]) -> Harbour{number}:
    ranked = sorted(harbours, key=lambda harbour: len(harbour.boats))
    print("the largest is", ranked[-1].name)
    return ranked[-1]
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    first, second, third = (BODY.format(number=number) for number in (1, 2, 3))
    tag = "# SPDX-License-Identifier: GPL-2.0-only\n"
    mirror(folder / "m/o/free.git", {"LICENSE": MIT.encode(), "a.py": first.encode(), "data.bin": b"\0"})
    mirror(folder / "m/o/bound.git", {"b.py": (tag + second).encode(), "a.py": first.encode()})
    mirror(folder / "m/o/silent.git", {"c.py": third.encode()})
    mirror(
        folder / "m/o/mixed.git",
        {"LICENSE": MIT.encode(), "d.py": (tag + third).encode(), "e.py": second.encode()},
    )
    (folder / "about.csv").write_text("repo,stars\no/free,12\n")
    settings = {
        "datasets.code.read.paths": f"['{folder}/m']",
        "datasets.code.read.metadata": folder / "about.csv",
        "tokenizer.path": ROOT / "configs/sample/tokenizer.json",
        "output": folder / "out",
        "datasets.code_questions": "null",
        "blend.0.weights": "{code: 1.0}",
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    call("run", "--config", "code_v1.yaml", "--executor", "inline", *options)
    return folder / "out"


def test_what_is_permissive_and_good_becomes_tokens(output: Path) -> None:
    # a.py lies in a repository without a licence, too: the copy with the worst licence decides
    why = {(row["provenance"]["record"], row["stage"]): row["reason"] for row in rejects(output, "code")}
    assert why["data.bin", "read"] == "binary"
    assert why["c.py", "license_filter"] == "license_unknown"
    assert why["b.py", "license_filter"] == "license"
    assert why["d.py", "license_filter"] == "license_conflict"
    assert "a.py" in {path for path, _ in why}
    kept = documents(output, "code")
    assert [(row["repo"], row["path"], row["license"]) for row in kept] == [("o/mixed", "e.py", "MIT")]
    assert "notices" not in kept[0]
    shards = [pq.read_table(path) for path in sorted((output / "corpus/code").glob("*.parquet"))]
    assert [name for shard in shards for name in shard["license"].to_pylist()] == ["MIT"]
    tallies = stats(output)["datasets"]["code"]["stages"]
    assert tallies[0]["rows_in"] == 9
    assert all(
        one["rows_in"] == one["kept"] + sum({**one["dropped"], **one["failed"]}.values()) for one in tallies
    )


def test_a_corpus_of_the_web_takes_it_into_its_blend(output: Path, tmp_path: Path) -> None:
    (tmp_path / "web.jsonl").write_text('{"text": "some words of the web"}\n')
    (last,) = sorted((output / "work/code").glob("*-fuzzy_dedup"))[-1:]
    config = f"""
name: web
output: {tmp_path}/out
datasets:
  web:
    read: {{format: jsonl, paths: [web.jsonl]}}
tokenizer: {{path: {ROOT}/configs/sample/tokenizer.json}}
blend:
  - {{phase: 1, weights: {{web: 1.0}}}}
"""
    (tmp_path / "web.yaml").write_text(config)
    code = f"{{read: {{format: parquet, paths: ['{last}/*.parquet']}}}}"
    more = ["--set", f"datasets.code={code}", "--set", "blend=[{phase: 1, weights: {web: 0.8, code: 0.2}}]"]
    call("run", "--config", tmp_path / "web.yaml", "--executor", "inline", *more)
    (shard,) = (tmp_path / "out/corpus/code").glob("*.parquet")
    assert pq.read_table(shard)["license"].to_pylist() == ["MIT"]
