"""What a plan knows of the columns that each stage finds."""

from __future__ import annotations

from pathlib import Path

from runs import launched, stats, toy_config


def test_a_stage_finds_what_one_before_it_measured_and_decided_by(tmp_path: Path) -> None:
    config = toy_config(tmp_path, bad=False)
    first = "      - exact_dedup: {}"
    config.write_text(config.read_text().replace(first, f"      - toys:Halves: {{}}\n{first}", 1))
    launched(config)
    by_stage = {stage["stage"]: stage for stage in stats(tmp_path / "out")["datasets"]["web"]["stages"]}
    assert by_stage["AtLeast"]["dropped"]
    assert by_stage["Halves"]["kept"] == by_stage["AtLeast"]["kept"]
