"""What a run says of the documents of its corpus, also where an earlier version made some of its parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
from corpora import notes_config
from runs import launched, stats

from pipeline.ledger.receipts import DOMAINS, Receipt


def test_a_corpus_says_what_it_is_made_of(tmp_path: Path) -> None:
    path, out = notes_config(tmp_path), tmp_path / "out"
    launched(path, "card.license=odc-by", "card.date=2026-11-30", "card.creator=Somebody")
    found = stats(out)["composition"]
    notes = found["datasets"]["notes"]
    shards = pq.read_table(out / "corpus/notes").to_pylist()
    [source] = notes["sources"]
    assert (source["documents"], source["tokens"]) == (10, sum(row["n_tokens"] for row in shards))
    assert source["source"] == "notes"
    assert (source["since"], source["until"]) == ("2025-01-01", "2025-02-05")
    lengths = sorted(row["n_tokens"] for row in shards)
    assert (notes["lengths"]["min"], notes["lengths"]["max"]) == (lengths[0], lengths[-1])
    mail = next(row for row in notes["told"] if row["name"] == "mail addresses")
    assert (mail["documents"], mail["pieces"]) == (2, 2)
    listed = pq.read_table(out / "corpus/domains.parquet").to_pylist()
    assert {row["domain"]: row["documents"] for row in listed} == {"site0.co.uk": 6, "site1.co.uk": 4}
    assert sum(row["tokens"] for row in listed) == source["tokens"] == found["domains"]["tokens"]
    card = (out / "corpus/README.md").read_text()
    assert "license: odc-by" in card
    assert "- Published: 2026-11-30" in card
    sums = (out / "corpus/SHA256SUMS").read_text()
    assert "  domains.parquet\n" in sums


def test_parts_of_an_earlier_version_are_kept_and_said_to_be_uncounted(tmp_path: Path) -> None:
    path, out = notes_config(tmp_path), tmp_path / "out"
    launched(path)
    first = sorted((out / "work/notes/tokens/receipts").glob("part-*.json"))[0]
    receipt = Receipt.from_bytes(first.read_bytes())
    domains = next(file for file in receipt.files if file.role == DOMAINS)
    (out / domains.name).unlink()
    before = [
        {key: value for key, value in row.items() if key not in ("bytes", "since", "until")}
        for row in receipt.projects
        if row["license"] is not None
    ]
    files = [file for file in receipt.files if file.role != DOMAINS]
    first.write_bytes(replace(receipt, projects=before, census={}, files=files).as_bytes())
    (out / "corpus/README.md").unlink()
    said = launched(path)
    assert "0 parts computed" in said
    assert stats(out)["composition"]["datasets"]["notes"]["counted"] == 5
    assert "were counted for 5 of 10 in notes" in (out / "corpus/README.md").read_text()
