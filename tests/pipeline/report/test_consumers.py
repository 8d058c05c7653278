"""A corpus as the libraries of its receivers see it; each is skipped where it is not installed.

``NANOCORPUS_CONSUMERS`` names a Python that has them, if it is not this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from corpora import notes_config
from runs import launched

PYTHON = os.environ.get("NANOCORPUS_CONSUMERS", sys.executable)
ABOUT = {
    "license": "odc-by",
    "license_url": "https://opendatacommons.org/licenses/by/1-0/",
    "creator": "A laboratory",
    "contact": "corpus@laboratory.example",
    "url": "https://laboratory.example/corpus",
    "date": "2026-11-30",
    "version": "1.0.0",
    "citation": "A laboratory (2026). Notes.",
}
#: What is run for each library, with the corpus as ``folder``; it prints JSON.
PROGRAMS = {
    "huggingface_hub": """
data = huggingface_hub.DatasetCard.load(folder + "/README.md").data
found = [data.license, data.license_link, [one["config_name"] for one in data.configs]]
""",
    "datasets": """
rows = datasets.load_dataset(folder, "notes", cache_dir=folder + "-cache")["train"]
found = [len(rows), sum(map(len, rows["input_ids"]))]
""",
    "duckdb": """
query = f"select count(*), sum(len(input_ids)) from '{folder}/*/train-*.parquet'"
found = [int(value) for value in duckdb.sql(query).fetchall()[0]]
domains = duckdb.sql(f"select sum(documents) from '{folder}/domains.parquet'").fetchall()[0]
assert int(domains[0]) == found[0]
""",
    "polars": """
rows = polars.read_parquet(folder + "/*/train-*.parquet")
found = [len(rows), int(rows["input_ids"].list.len().sum())]
""",
    "pandas": """
rows = pandas.read_parquet(folder + "/notes")
found = [len(rows), int(rows["input_ids"].map(len).sum())]
""",
    "mlcroissant": """
dataset = mlcroissant.Dataset(folder + "/croissant.json")
issues = dataset.metadata.ctx.issues
rows = list(dataset.records("notes"))
found = [len(rows), sum(len(row["notes/input_ids"]) for row in rows)]
assert not issues.errors and not issues.warnings, issues.report()
""",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("consumers")
    launched(notes_config(folder), *(f"card.{key}={value}" for key, value in ABOUT.items()))
    return folder / "out/corpus"


def asked(library: str, corpus: Path) -> Any:
    """What the program of a library prints; a process of its own, since libraries read the environment."""
    program = f"import json, sys\nimport {library}\nfolder = sys.argv[1]\n{PROGRAMS[library]}\nprint(json.dumps(found))"
    have = subprocess.run([PYTHON, "-c", f"import {library}"], capture_output=True, check=False)
    if have.returncode:
        pytest.skip(f"{library} is not installed")
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(corpus.parent / "home"), "PATH": "/usr/bin:/bin",
           "HOME": str(corpus.parent)}  # fmt: skip
    done = subprocess.run(
        [PYTHON, "-c", program, str(corpus)], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("library", [name for name in PROGRAMS if name != "huggingface_hub"])
def test_every_library_reads_all_tokens(library: str, corpus: Path) -> None:
    shards = pq.read_table(corpus / "notes").to_pylist()
    assert asked(library, corpus) == [len(shards), sum(row["n_tokens"] for row in shards)]


def test_the_hub_reads_the_card(corpus: Path) -> None:
    assert asked("huggingface_hub", corpus) == ["odc-by", ABOUT["license_url"], ["default", "notes"]]


def test_croissant_names_every_file_with_its_checksum(corpus: Path) -> None:
    said = json.loads((corpus / "croissant.json").read_text())
    sums = dict(reversed(line.split("  ")) for line in (corpus / "SHA256SUMS").read_text().splitlines())
    assert "croissant.json" in sums
    files = {one["@id"]: one["sha256"] for one in said["distribution"] if one["@type"] == "cr:FileObject"}
    assert files == {name: sha for name, sha in sums.items() if name not in ("README.md", "croissant.json")}
    sizes = {one["@id"]: one["contentSize"] for one in said["distribution"] if "contentSize" in one}
    assert sizes == {name: f"{(corpus / name).stat().st_size} B" for name in files}
    [records] = said["recordSet"]
    columns = [field["name"] for field in records["field"]]
    assert columns == pq.read_schema(next((corpus / "notes").glob("*.parquet"))).names
    assert said["license"] == ABOUT["license_url"]
    assert said["datePublished"] == ABOUT["date"]
    assert said["creator"]["name"] == ABOUT["creator"]
    assert said["rai:dataCollectionTimeFrame"] == ["2025-01-01", "2025-02-05"]
    assert said["rai:personalSensitiveInformation"][0] == "notes: 2 mail addresses were found and replaced"
    assert [one["prov:label"] for one in said["prov:wasDerivedFrom"]] == ["notes"]


def test_what_the_publisher_does_not_say_is_not_made_up(tmp_path: Path) -> None:
    launched(notes_config(tmp_path))
    said = json.loads((tmp_path / "out/corpus/croissant.json").read_text())
    assert not {"license", "creator", "url", "datePublished", "citeAs"} & said.keys()
    before = (tmp_path / "out/corpus/croissant.json").read_bytes()
    launched(notes_config(tmp_path))
    assert (tmp_path / "out/corpus/croissant.json").read_bytes() == before
