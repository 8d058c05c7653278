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

from pipeline.report.card import _attribution
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
    schema = pa.schema(
        [("source", pa.string()), ("license", pa.string()), ("url", pa.string()), ("n_tokens", pa.int32())]
    )
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


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
    wanted = sorted({(source, license) for source, license, _, _ in rows if source and license})
    assert [(row["source"], row["license"]) for row in whole.rows()] == wanted
    assert sum(row["documents"] for row in whole.rows()) == sum(1 for row in rows if row[0] and row[1])
    assert sum(row["tokens"] for row in whole.rows()) == sum(row[3] for row in rows if row[0] and row[1])


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
    card = _attribution(told)
    assert "| ISC     |        2 |         2 |      2 |" in card
    assert "each of the 3 projects" in card
    assert _attribution(None) == ""


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
