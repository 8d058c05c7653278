"""The documentation says what the code says: what is written by scripts is what they write, links lead
somewhere, and every setting and reason is explained."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docs import architecture, sample, stages
from pipeline.config import schema
from pipeline.ledger.receipts import File, Receipt
from pipeline.tasks.outputs import REJECT
from pipeline.tasks.shards import SHARD
from stages import registry
from stages.base import DOCUMENT, PROVENANCE

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
CLASSES = {
    **{name: registry.find_reader(name) for name in registry.READERS},
    **{name: registry.find_stage(name) for name in registry.STAGES},
    registry.TOKENIZE: registry.load(registry.TOKENIZE),
}


def test_the_page_of_stages_is_that_of_the_code() -> None:
    assert (DOCS / "stages.md").read_text(encoding="utf-8") == stages.page(), "run `python -m docs`"


def test_the_picture_is_that_of_the_code() -> None:
    assert (DOCS / "architecture.svg").read_text(encoding="utf-8") == architecture.picture(), (
        "run `python -m docs`"
    )


@pytest.mark.parametrize("name", CLASSES)
def test_every_setting_and_reason_is_explained(name: str) -> None:
    cls = CLASSES[name]
    meanings = dict(stages.comments_of(cls.Config)) if cls.Config.model_fields else {}
    assert {setting for setting in cls.Config.model_fields if not meanings.get(setting)} == set()
    section = stages.section(name, cls)
    unexplained = [reason for reason in stages.declared(sys.modules[cls.__module__]) if reason not in section]
    assert unexplained == [], inspect.getfile(cls)


def anchors(page: Path) -> set[str]:
    """Of headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_a_funnel_is_drawn_of_what_changes_the_number_of_documents(tmp_path: Path) -> None:
    (tmp_path / "stats.json").write_text(
        """{"datasets": {"web": {"documents": 5, "tokens": 70, "stages": [
            {"stage": "read", "rows_in": 9, "kept": 9, "dropped": {}, "failed": {}},
            {"stage": "render", "rows_in": 9, "kept": 9, "dropped": {}, "failed": {}},
            {"stage": "length", "rows_in": 9, "kept": 5, "dropped": {"too_short": 3}, "failed": {"deadline": 1}}
        ]}}}"""
    )
    drawn = sample.funnel(tmp_path)
    assert "5 documents, 70 tokens" in drawn
    assert "5   − too_short 3, deadline 1" in drawn
    assert ">read<" in drawn
    assert ">render<" not in drawn


def test_every_column_and_field_is_in_the_format() -> None:
    page = (DOCS / "format.md").read_text(encoding="utf-8")
    columns = [
        *DOCUMENT.names,
        *(f"provenance.{field.name}" for field in PROVENANCE),
        *REJECT.names,
        *SHARD.names,
    ]
    fields = [field.name for field in dataclasses.fields(Receipt)] + [*File.__dataclass_fields__]
    assert [name for name in (*columns, *fields, "checksum") if f"`{name}`" not in page] == []


def test_rows_are_printed_after_their_marks(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [b"\x01\x02"], "text": ["x" * 200]}), tmp_path / "part-1.parquet")
    page = "before\n<!-- row: *.parquet -->\n\nafter\n"
    printed = sample.with_rows(page, tmp_path)
    assert "id    0102\n" in printed
    assert "x …" in printed
    assert sample.with_rows(printed, tmp_path) == printed


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "guide.md"], ids=lambda page: page.name)
def test_configs_that_are_shown_are_right(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    shown = [block for block in blocks if "datasets:" in block]
    assert shown
    for block in shown:
        (tmp_path / "shown.yaml").write_text(block, encoding="utf-8")
        assert schema.read(tmp_path / "shown.yaml").blended == ["web", "german"]
