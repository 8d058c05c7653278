"""Trains the sample's two classifiers, ``classifiers/clean.bin`` and ``classifiers/instructive.bin``, on itself.

    python configs/sample/train_classifiers.py [--out DIRECTORY]

They let the whole path run offline and show what a card says; they have seen 16 languages, a few pages each, and
judge no others. The pages go through the stages that a run puts them through; what is on which side is the
``quality`` and ``group`` of ``truth.jsonl``. The same sample gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from pipeline.storage import Storage  # noqa: E402
from pipeline.train.classifier import Side, classifier  # noqa: E402
from stages.base import Annotator  # noqa: E402
from stages.fasttext.train import TrainingPlan  # noqa: E402
from stages.language.stage import Language, LanguageConfig  # noqa: E402
from stages.read.warc import Warc, WarcConfig  # noqa: E402
from stages.render.stage import Render, RenderConfig  # noqa: E402

NOTE = (
    "Trained on the bundled sample: some hundred made-up pages in 16 languages, without copies of one another, "
    "of which few are negative. It is there to try the pipeline with. Languages without spaces between words "
    "have few words that it knows."
)
INSTRUCTIVE = "[documentation, encyclopaedia, math, code, article]"
OTHERWISE = "[product, forum, spam, link_farm, boilerplate, repetition, listing, recipe]"
#: What is asked, and the pages that say yes and no.
CLASSIFIERS = {
    "clean": (
        "quality in [high, medium]",
        "quality = 'low'",
        "Prose and references against spam and filler.",
    ),
    "instructive": (
        f"group in {INSTRUCTIVE}",
        f"group in {OTHERWISE}",
        "Articles, documentation, encyclopaedia and mathematics against products, forums, recipes and spam.",
    ),
}
#: Small enough to be kept with the code: 200 kB.
PLAN = TrainingPlan(dim=8, epochs=40, rate=0.4, buckets=2000, min_count=3, seed=42)


def truth() -> dict[str, dict[str, Any]]:
    """What is said of the pages that a run keeps, by URL, one of each cluster of copies."""
    found: dict[str, dict[str, Any]] = {}
    clusters = set[str]()
    for row in map(json.loads, (HERE / "truth.jsonl").read_text(encoding="utf-8").splitlines()):
        if row["outcome"] not in ("kept", "duplicate_cluster") or row["near_duplicate_of"]:
            continue
        if row["duplicates"] is None or row["duplicates"] not in clusters:
            clusters.add(row["duplicates"])
            found[row["url"]] = row
    return found


def documents() -> Iterator[pa.Table]:
    """``id``, ``text``, ``language``, ``quality`` and ``group`` of these pages, as a run has them."""
    known, storage = truth(), Storage()
    reader = Warc(WarcConfig(paths=[str(HERE / "sample.warc.gz")], damaged="keep", source="sample"))
    stages: list[Annotator] = [Render(RenderConfig()), Language(LanguageConfig())]
    for stage in stages:
        stage.open()
    for batch in reader.read(reader.list(storage)[0], storage):
        table = batch.documents.filter(pa.array([url in known for url in batch.documents["url"].to_pylist()]))
        for stage in stages:
            done = stage.annotate(table)
            for name, column in done.columns.items():
                table = table.drop_columns(name) if name in table.column_names else table
                table = table.append_column(name, column)
            table = table.filter(pa.array([row not in done.faults for row in range(len(table))]))
        table = table.select(["id", "url", "text", "language"])
        for key in ("quality", "group"):
            table = table.append_column(key, pa.array([known[url][key] for url in table["url"].to_pylist()]))
        yield table


def main() -> None:
    """Write both models and their cards."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=HERE / "classifiers")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder, "sample.parquet")
        pq.write_table(pa.concat_tables(documents()), pages)
        for name, (positive, negative, what) in CLASSIFIERS.items():
            sides = (Side([str(pages)], where) for where in (positive, negative))
            card = classifier(Storage(), *sides, str(out / f"{name}.bin"), PLAN, 0.25, f"{what} {NOTE}")
            print(f"{name}: {card['model']['bytes']:,} bytes, AUC {card['held_out']['auc']}")


if __name__ == "__main__":
    main()
