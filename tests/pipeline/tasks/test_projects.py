"""Projects and licences of what is in a corpus."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import launched

from pipeline.report.card.figures import attribution
from pipeline.tasks.projects import LISTED, Projects, listed, parquet, summary

ROOT = Path(__file__).resolve().parents[3]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a/b", "c/d", None]),
        st.sampled_from(["MIT", "ISC", None]),
        st.sampled_from(["https://x.org/a/b/1.c", "https://x.org/a/b/2.c", "https://x.org/a/q", None]),
        st.integers(0, 9),
    ),
    max_size=20,
)


def documents(rows: list[tuple[str | None, str | None, str | None, int]]) -> pa.Table:
    """A text has as many bytes as tokens, and the date is in the year of that number."""
    strings = ("source", "license", "url")
    schema = pa.schema([*((name, pa.string()) for name in strings), ("n_tokens", pa.int32())])
    table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
    texts = pa.array(["x" * row[3] for row in rows], pa.string())
    dates = pa.array([f"200{row[3]}-01-01T00:00:00Z" if row[3] else None for row in rows], pa.string())
    return table.append_column("text", texts).append_column("date", dates)


@settings(deadline=None)
@given(ROWS, st.integers(0, 20))
def test_parts_and_the_whole_are_the_same(
    rows: list[tuple[str | None, str | None, str | None, int]], cut: int
) -> None:
    whole = Projects()
    whole.count(documents(rows))
    parts = Projects()
    for some in (rows[cut:], rows[:cut]):
        part = Projects()
        part.count(documents(some))
        parts.add(json.loads(json.dumps(part.rows())))
    assert parts.rows() == whole.rows()
    wanted = {(source, license) for source, license, _, _ in rows}
    assert {(row["source"], row["license"]) for row in whole.rows()} == wanted
    assert sum(row["documents"] for row in whole.rows()) == len(rows)
    for count in ("tokens", "bytes"):
        assert sum(row[count] for row in whole.rows()) == sum(row[3] for row in rows)
    for row in whole.rows():
        years = [tokens for *by, _, tokens in rows if by == [row["source"], row["license"]] and tokens]
        ends = (
            (f"200{min(years)}-01-01T00:00:00Z", f"200{max(years)}-01-01T00:00:00Z") if years else (None,) * 2
        )
        assert (row["since"], row["until"]) == ends
    licensed = {(row["project"], row["license"]) for row in listed({"code": whole}).to_pylist()}
    assert licensed == {(source, license) for source, license in wanted if source and license}


def test_those_of_an_earlier_version_are_added() -> None:
    found = Projects()
    found.add([{"source": "a", "license": "MIT", "first": "u", "last": "v", "documents": 2, "tokens": 5}])
    [row] = found.rows()
    assert row["documents"] == 2
    assert row["since"] is None


def test_the_list() -> None:
    found = Projects()
    address = "https://github.com/a/b/blob/0123"
    found.count(documents([("a/b", "MIT", f"{address}/x.c", 3), ("a/b", "MIT", f"{address}/src/y.c", 4)]))
    found.count(documents([("c/d", "ISC", "https://x.org/c", 1), ("e/f", "ISC", None, 1)]))
    table = listed({"code": found, "web": Projects()})
    assert table.schema == LISTED
    assert table.to_pylist() == [
        {"dataset": "code", "project": "a/b", "license": "MIT", "url": address, "documents": 2, "tokens": 7},
        {"dataset": "code", "project": "c/d", "license": "ISC", "url": "https://x.org/c", "documents": 1, "tokens": 1},
        {"dataset": "code", "project": "e/f", "license": "ISC", "url": None, "documents": 1, "tokens": 1},
    ]  # fmt: skip
    assert pq.read_table(io.BytesIO(parquet(table))).equals(table)
    told = summary(table)
    assert told["projects"] == 3
    assert [row["license"] for row in told["licenses"]] == ["ISC", "MIT"]
    card = attribution(told)
    assert "| ISC     |        2 |         2 |      2 |" in card
    assert "each of the 3 projects" in card
    assert attribution(None) == ""


def test_a_corpus_names_its_projects(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        rows = [
            {"id": f"{number}-{i}", "text": f"text number {number} {i}", "url": f"https://x.org/{number}/{i}",
             "license": "MIT" if i < 3 else None}
            for i in range(5)
        ]  # fmt: skip
        (tmp_path / f"in/{number}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    config = tmp_path / "config.yaml"
    tokenizer = ROOT / "configs/sample/tokenizer.json"
    config.write_text(
        f"name: x\noutput: {tmp_path / 'out'}\ntokenizer: {{path: {tokenizer}}}\n"
        "datasets:\n  code:\n    read: {format: jsonl, source: a/b, paths: ['in/*.jsonl']}\n"
        "blend: [{phase: 1, weights: {code: 1}}]\n"
    )
    launched(config)
    [row] = pq.read_table(tmp_path / "out/corpus/attribution.parquet").to_pylist()
    tokens = row.pop("tokens")
    assert row == {
        "dataset": "code", "project": "a/b", "license": "MIT", "url": "https://x.org", "documents": 6,
    }  # fmt: skip
    shards = pq.read_table(tmp_path / "out/corpus/code")
    assert tokens == sum(r["n_tokens"] for r in shards.to_pylist() if r["license"] == "MIT")
    assert "## Attribution" in (tmp_path / "out/corpus/README.md").read_text()
    stats = json.loads((tmp_path / "out/stats.json").read_text())
    assert stats["attribution"]["projects"] == 1
    before = (tmp_path / "out/corpus/attribution.parquet").read_bytes()
    launched(config)
    assert (tmp_path / "out/corpus/attribution.parquet").read_bytes() == before
