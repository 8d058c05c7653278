"""What a plan knows of the columns that each stage finds."""

from __future__ import annotations

from pathlib import Path

import pytest
import toys
from runs import launched, stats, toy_config

from pipeline.config import schema
from pipeline.config.located import ConfigError
from pipeline.plan import build as planning
from pipeline.storage import Storage


def test_a_stage_finds_what_one_before_it_measured_and_decided_by(tmp_path: Path) -> None:
    config = toy_config(tmp_path, bad=False)
    first = "      - exact_dedup: {}"
    config.write_text(config.read_text().replace(first, f"      - toys:Halves: {{}}\n{first}", 1))
    launched(config)
    by_stage = {stage["stage"]: stage for stage in stats(tmp_path / "out")["datasets"]["web"]["stages"]}
    assert by_stage["at_least"]["dropped"]
    assert by_stage["halves"]["kept"] == by_stage["at_least"]["kept"]


def test_a_stage_of_ones_own_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy_config(tmp_path, bad=False)
    path.write_text(path.read_text().replace("toys:Poison: {}", "toys:Poison: {}\n      - toys:Poison: {}"))
    settings = schema.read(path, [])
    made = planning.build(settings, Storage())
    assert list(made.segments)[:2] == ["web/00-read-poison-poison_2-at_least", "web/01-at_least-exact_dedup"]
    monkeypatch.setattr(toys.AtLeast, "name", "at least/")
    with pytest.raises(
        ConfigError, match=r"toy.yaml:\d+: .*AtLeast.name is 'at least/'; it may have letters"
    ):
        planning.build(settings, Storage())
