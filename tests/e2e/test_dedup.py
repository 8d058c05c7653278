"""Deduplication from YAML to documents: what stays is the same wherever documents lie, and across runs."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from runs import call, documents, hashes, rejects, stats

from pipeline import launch
from pipeline.config import schema
from pipeline.config.located import ConfigError
from pipeline.schedule import rounds
from pipeline.schedule.loop import RunFailed

CONFIG = """
name: {name}
output: {output}
execution: {{executor: inline}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["{inputs}/*.jsonl"]}}
    stages:
      - exact_dedup: {{{exact}}}
      - fuzzy_dedup: {{{fuzzy}}}
      - passage_dedup: {{min_tokens: 20{passages}}}
      - line_dedup: {{}}
"""
WORDS = [
    f"{a}{b}{c}"
    for a in ("ba", "ke", "li", "mo", "nu")
    for b in ("r", "st", "nd", "l")
    for c in ("a", "en", "is", "o")
]


def texts(count: int = 150) -> dict[str, str]:
    """By id: originals, and of each third one a copy, a near copy, and a document that quotes it."""
    rng = random.Random(5)
    found = {}
    for number in range(count):
        words = rng.choices(WORDS, k=rng.randint(80, 300))
        found[f"{number:04d}"] = " ".join(words)
        if number % 3 == 0:
            found[f"{number:04d}-copy"] = " ".join(words)
            words[rng.randrange(len(words))] = "changed"
            found[f"{number:04d}-near"] = " ".join(words)
            quoted = rng.choices(WORDS, k=100) + words[10:50] + rng.choices(WORDS, k=100)
            found[f"{number:04d}-quote"] = " ".join(quoted)
    return found


def write(folder: Path, rows: dict[str, str], files: int, seed: int | None = None) -> Path:
    folder.mkdir()
    lines = [json.dumps({"id": key, "text": text}) for key, text in rows.items()]
    if seed is not None:
        random.Random(seed).shuffle(lines)
    for number in range(files):
        (folder / f"{number}.jsonl").write_text("\n".join(lines[number::files]) + "\n")
    return folder


def run(folder: Path, inputs: Path, name: str, exact: str = "", fuzzy: str = "", passages: str = "") -> Path:
    path, output = folder / f"{name}.yaml", folder / name
    settings = {"exact": exact, "fuzzy": fuzzy, "passages": passages}
    path.write_text(CONFIG.format(name=name, output=output, inputs=inputs, **settings), encoding="utf-8")
    launch.run(schema.read(path), Console(file=io.StringIO()))
    return output


def corpus(output: Path) -> dict[bytes, str]:
    return {row["id"]: row["text"] for row in documents(output, "web")}


def reasons(output: Path) -> dict[str, dict[str, int]]:
    return {stage["stage"]: stage["dropped"] for stage in stats(output)["datasets"]["web"]["stages"]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dedup")
    return run(folder, write(folder / "in", texts(), 4), "plain")


def test_copies_near_copies_and_quotations_go(plain: Path) -> None:
    assert reasons(plain)["exact_dedup"] == {"exact_duplicate": 50}
    assert reasons(plain)["fuzzy_dedup"] == {"near_duplicate": 50}
    rows = documents(plain, "web")
    assert len(rows) == 200
    assert sum(row["dedup.passages"] for row in rows) == 50
    assert sum(row["dedup.copies"] == 2 for row in rows) == 50
    kept = {row["id"].hex() for row in rows}
    assert all(row["detail"] in kept for row in rejects(plain, "web") if row["stage"] == "fuzzy_dedup")


@pytest.mark.parametrize(("files", "seed"), [(4, 1), (1, 2), (7, 3)])
def test_what_stays_does_not_depend_on_where_documents_lie(
    tmp_path: Path, plain: Path, files: int, seed: int
) -> None:
    other = run(tmp_path, write(tmp_path / "in", texts(), files, seed), "other")
    assert corpus(other) == corpus(plain)


def test_clusters_by_many_rounds_are_those_by_one(tmp_path: Path, plain: Path) -> None:
    other = run(tmp_path, write(tmp_path / "in", texts(), 4), "stars", fuzzy="single_process_edges: 0")
    assert "labels" in stats(other)["datasets"]["web"]["rounds"]["fuzzy_dedup"]
    assert corpus(other) == corpus(plain)


def test_a_new_snapshot_against_an_earlier_one(tmp_path: Path) -> None:
    rows = texts()
    first = {key: text for key, text in rows.items() if len(key) == 4}
    earlier = run(tmp_path, write(tmp_path / "in1", first, 2), "january")
    for part in (earlier / "work/web").glob("*/*.parquet"):
        part.unlink()  # its texts are not read again
    against = f"against: ['{earlier}']"
    second = run(tmp_path, write(tmp_path / "in2", rows, 3), "february", against, against)
    assert reasons(second)["exact_dedup"] == {"exact_duplicate_of_earlier_run": 200}
    assert reasons(second)["fuzzy_dedup"] == {"near_duplicate_of_earlier_run": 50}
    assert len(corpus(second)) == 50


def _quoting() -> tuple[dict[str, str], dict[str, str]]:
    """Documents of an earlier run, and documents of which each quotes 40 words of one of those."""
    rng = random.Random(7)
    old = {f"{number:04d}": rng.choices(WORDS, k=200) for number in range(40)}
    new = {
        f"{number:04d}-new": [
            *rng.choices(WORDS, k=60),
            "so",
            *words[30:70],
            "far",
            *rng.choices(WORDS, k=60),
        ]
        for number, words in enumerate(old.values())
    }
    joined: Any = lambda rows: {key: " ".join(words) for key, words in rows.items()}  # noqa: E731
    return joined(old), joined(new)


@pytest.mark.parametrize("cut", [False, True])
def test_passages_of_an_earlier_run_are_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    old, new = _quoting()
    earlier = run(tmp_path, write(tmp_path / "in1", old, 3), "january")
    if cut:  # as with very many parts
        monkeypatch.setattr(rounds, "BUCKET_ROWS", 50)
        monkeypatch.setattr(rounds, "MOST_FILES", 2)
        monkeypatch.setattr(rounds, "MOST_FILES_OF_PART", 1)
    inputs = write(tmp_path / "in2", new, 3)
    second = run(tmp_path, inputs, "february", passages=f", against: ['{earlier}']")
    rows = documents(second, "web")
    assert [row["dedup.passage_tokens"] for row in rows] == [40] * 40
    texts = {row["id"]: row["text"].split() for row in rows}
    assert all(len(words) == 122 for words in texts.values())
    joins = [*(second / "work/web").glob("*/windows/receipts/earlier-*.json")]
    assert len(joins) == 3
    # the same earlier run, nothing to do; and without it, nothing is repeated
    before = hashes(second)
    run(tmp_path, inputs, "february", passages=f", against: ['{earlier}']")
    assert hashes(second) == before
    alone = run(tmp_path, inputs, "alone")
    assert [row["dedup.passages"] for row in documents(alone, "web")] == [0] * 40


def test_passages_need_the_documents_of_the_earlier_run(tmp_path: Path) -> None:
    old, new = _quoting()
    earlier = run(tmp_path, write(tmp_path / "in1", old, 1), "january")
    [texts] = (earlier / "work/web").glob("*-passage_dedup/*.parquet")
    inputs = write(tmp_path / "in2", new, 1)
    against = f", against: ['{earlier}']"
    run(tmp_path, inputs, "february", passages=against)
    moved = texts.rename(texts.with_suffix(".moved"))
    with pytest.raises(ConfigError, match=r"against.*parquet is missing"):
        run(tmp_path, inputs, "march", passages=against)
    damaged = bytearray(moved.read_bytes())
    damaged[200] ^= 1
    texts.write_bytes(damaged)
    with pytest.raises(RunFailed, match="if the file belongs to an earlier run, run that one again"):
        run(tmp_path, inputs, "march", passages=against)


def test_an_earlier_run_of_other_settings_is_refused(tmp_path: Path, plain: Path) -> None:
    inputs = write(tmp_path / "in", texts(9), 1)
    path = tmp_path / "other.yaml"
    fuzzy = f"ngram: 12, against: ['{plain}']"
    path.write_text(
        CONFIG.format(
            name="other", output=tmp_path / "other", inputs=inputs, exact="", fuzzy=fuzzy, passages=""
        )
    )
    answer = call("plan", "--config", path, check=2)
    assert "has no fuzzy_dedup with these settings" in answer.stderr


def test_the_report_names_the_largest_clusters(plain: Path) -> None:
    found: dict[str, Any] = stats(plain)["datasets"]["web"]
    assert found["rounds"]["fuzzy_dedup"]["verdicts"]["clusters of 2"] == 50
    shown = call("report", "--config", plain.parent / "plain.yaml").stdout
    largest = found["largest_clusters"]["fuzzy_dedup"][0]["id"]
    text = next(row["text"] for row in documents(plain, "web") if row["id"].hex() == largest)
    assert f"{largest}  {text[:40]}" in shown
