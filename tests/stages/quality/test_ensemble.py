from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import rounds
from pydantic import ValidationError
from tokenizers import Tokenizer

from stages.quality.ensemble import Ensemble, EnsembleConfig, cuts

SCORES = ["quality.a", "quality.b", "quality.c"]
SAMPLE_TOKENIZER = Path(__file__).parents[3] / "configs/sample/tokenizer.json"


def documents(count: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    scores = [random.beta(2, 5, count), random.normal(2, 1, count).clip(0, 5), random.random(count).round(2)]
    columns = {
        "id": pa.array([hashlib.md5(f"{seed}/{i}".encode()).digest() for i in range(count)], pa.binary(16)),
        "text": [" ".join(["word é"] * int(n)) for n in random.integers(0, 60, count)],
    }
    for name, values in zip(SCORES, scores, strict=True):
        columns[name] = pa.array(values.astype(np.float32), mask=random.random(count) < 0.05)
    return pa.table(columns)


def stage(**settings: object) -> Ensemble:
    made = Ensemble(EnsembleConfig.model_validate({"scores": SCORES, **settings}))
    made.open()
    return made


def by_numpy(table: pa.Table, fit: pa.Table, weights: np.ndarray) -> np.ndarray:
    """Ranks as NVIDIA's notebook computes them; -1 where there is no score."""
    best = np.full(len(table), -1)
    for name in SCORES:
        sample = fit[name].to_numpy(zero_copy_only=False)
        known = ~np.isnan(sample)
        at = np.percentile(sample[known], np.arange(5, 100, 5), method="inverted_cdf", weights=weights[known])
        scores = table[name].to_numpy(zero_copy_only=False)
        best = np.maximum(best, np.where(np.isnan(scores), -1, np.digitize(scores, at)))
    return best


def ranks(parts: list[pa.Table]) -> np.ndarray:
    return pa.concat_tables(parts)["quality.rank"].fill_null(-1).to_numpy()


def test_ranks_are_those_of_plain_numpy_and_a_calibration_keeps_them(tmp_path: Path) -> None:
    table, later = documents(400, 1), documents(150, 2)
    weights = np.array([len(text.encode()) for text in table["text"].to_pylist()])
    fitted = stage()
    parts, verdicts, counts = rounds.run(fitted, [table.slice(0, 130), table.slice(130)])
    assert (ranks(parts) == by_numpy(table, table, weights)).all()
    assert counts["verdicts"]["sampled"] == 400
    assert not any(verdict for part in verdicts for verdict in part)
    lowest = {"high": 19, "medium_high": 18, "medium": 12, "medium_low": 7, "low": 0}
    for row in pa.concat_tables(parts).to_pylist():
        within = [label for label, rank in lowest.items() if (row["quality.rank"] or 0) >= rank]
        assert row["quality.label"] == (within[0] if row["quality.rank"] is not None else None)

    rows = last_round(fitted, [table])
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(fitted.artefact(rows)))
    fixed = stage(calibration=str(path))
    parts, _, counts = rounds.run(fixed, [later])
    assert (ranks(parts) == by_numpy(later, table, weights)).all()
    assert counts["verdicts"]["rows"] == 0  # nothing was fitted
    assert (ranks(rounds.run(stage(), [later])[0]) != by_numpy(later, table, weights)).any()
    assert fixed.artefact(rows) is None


def last_round(fitted: Ensemble, parts: list[pa.Table]) -> pa.Table:
    partials = pa.concat_tables([fitted.map(part) for part in parts]).sort_by("key")
    return next(fitted.reduce("verdicts", iter([partials])))


def test_the_sample_is_the_same_however_the_documents_come() -> None:
    table = documents(500, 3)
    shuffled = table.take(np.random.default_rng(0).permutation(500))
    one, other = (last_round(stage(fraction=0.3), [part]) for part in (table, shuffled))
    assert one.equals(other)
    assert 100 < one["documents"][0].as_py() < 180


def test_the_sample_of_a_dry_run_is_more_than_its_share() -> None:
    table = documents(100, 5)
    parts, _, counts = rounds.run(stage(fraction=1e-9), [table], batch_rows=50)
    assert counts["verdicts"]["sampled"] == 16
    assert len(set(ranks(parts))) > 5
    large = documents(3000, 6)
    fitted = last_round(stage(fraction=0.5), [large.slice(start, 100) for start in range(0, 3000, 100)])
    keys = [int.from_bytes(identity[8:], "big") for identity in large["id"].to_pylist()]
    share = large.filter(pa.array([key <= 1 << 63 for key in keys])).select(SCORES)
    assert fitted["documents"].to_pylist() == [len(share) - column.null_count for column in share.columns]


def test_weights_are_tokens_where_a_tokenizer_is_given() -> None:
    table = documents(60, 4)
    tokenizer = Tokenizer.from_file(str(SAMPLE_TOKENIZER))
    partials = stage(tokenizer=str(SAMPLE_TOKENIZER)).map(table)
    assert partials["weight"].to_pylist() == [len(tokenizer.encode(t).ids) for t in table["text"].to_pylist()]


def test_cuts_hold_a_twentieth_of_the_weight_each() -> None:
    scores, weights = np.arange(1000, dtype=np.float32), np.ones(1000, np.int64)
    assert cuts(scores, weights).tolist() == [50 * k - 1 for k in range(1, 20)]
    weights[999] = 9_001  # one document of nine tenths of all tokens
    assert cuts(scores, weights).tolist() == [499] + [999] * 18
    assert cuts(scores, np.zeros(1000, np.int64)).tolist() == [50 * k - 1 for k in range(1, 20)]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="and include 0"):
        stage(labels={"good": 10})
    with pytest.raises(ValidationError, match="twice"):
        stage(scores=["quality.a", "quality.a"])
    assert "quality.a" in (
        Ensemble.check(EnsembleConfig(scores=["quality.a"]), pa.schema([("quality.a", pa.string())])) or ""
    )
    path = tmp_path / "c.json"
    for content, message in (
        ("{", "is no calibration"),
        ('{"kind": "x", "format": 1, "scores": {}}', "is 'x'"),
        ('{"kind": "quality calibration", "format": 1, "scores": {}}', r"no cuts for quality.a"),
        (
            json.dumps(
                {
                    "kind": "quality calibration",
                    "format": 1,
                    "scores": {name: {"cuts": [1.0, 0.5]} for name in SCORES},
                }
            ),
            "19 cuts that ascend",
        ),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            stage(calibration=str(path))
