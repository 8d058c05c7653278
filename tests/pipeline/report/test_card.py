"""The dataset card: front matter that ``datasets`` opens, tables that render, nothing private in it."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blend.weights import Budget, Phase, weights
from pipeline.report.card import card
from pipeline.report.card.markdown import table_of
from pipeline.tasks.shards import SHARD, WITH_TEXT


def stage(name: str, rows_in: int, kept: int, dropped: dict, failed: dict, generated: int = 0) -> dict:
    return {
        "stage": name,
        "rows_in": rows_in,
        "generated": generated,
        "kept": kept,
        "dropped": dropped,
        "failed": failed,
    }


def told(what: str, name: str, documents: int, tokens: int, pieces: int = 0, value: str = "") -> dict:
    return {"what": what, "name": name, "value": value, "documents": documents, "tokens": tokens,
            "pieces": pieces}  # fmt: skip


STATS = {
    "name": "cc_v2",
    "seed": 42,
    "tokenizer": {
        "file": "tokenizer.json",
        "name": "mine",
        "sha256": "0" * 64,
        "vocabulary": 4096,
        "special": {"<|endoftext|>": 0},
        "eos_token": "<|endoftext|>",
        "eos_id": 0,
    },
    "composition": {
        "datasets": {
            "english": {
                "counted": 5,
                "sources": [
                    {
                        "source": "CC-MAIN-2025-13",
                        "license": None,
                        "documents": 4,
                        "tokens": 40,
                        "bytes": 400,
                        "since": "2025-03-16T01:00:00Z",
                        "until": "2025-03-28T02:00:00Z",
                    },
                    {
                        "source": "blog",
                        "license": "CC-BY-4.0",
                        "documents": 1,
                        "tokens": 10,
                        "bytes": 99,
                        "since": None,
                        "until": None,
                    },
                ],
                "lengths": {"min": 1, "p5": 2, "p25": 3, "median": 10, "p75": 11, "p95": 12, "max": 13},
                "told": [
                    told("redacted", "mail addresses", 2, 20, 7),
                    told("redacted", "telephone numbers", 0, 0),
                    told("opt_out", "refuse use for AI", 1, 9),
                    told("opt_out", "have directives", 0, 0),
                ],
                "examples": [],
            },
            "german-qa": {
                "counted": 2,
                "sources": [
                    {
                        "source": "CC-MAIN-2025-13",
                        "license": None,
                        "documents": 2,
                        "tokens": 20,
                        "bytes": 200,
                        "since": "2025-03-20T01:00:00Z",
                        "until": "2025-03-20T02:00:00Z",
                    },
                ],
                "lengths": {"min": 5, "p5": 5, "p25": 5, "median": 9, "p75": 9, "p95": 9, "max": 9},
                "told": [
                    told("teacher", "model that wrote it", 1, 12, value="Teacher-9B"),
                    told("teacher", "model that wrote it", 1, 8, value=""),
                    told("task", "task that it was made for", 2, 20, value="qa"),
                ],
                "examples": [{"value": "qa", "texts": ["Question?\n```\nAnswer.", "Second"]}],
            },
        },
        "domains": {
            "domains": 60,
            "tokens": 70,
            "top": [{"domain": f"d{i}.example", "documents": 1, "tokens": 50 - i} for i in range(50)],
            "largest": [{"domains": 6, "tokens": 35}, {"domains": 3, "tokens": 7}],
        },
    },
    "datasets": {
        "english": {
            "inputs": 2,
            "stages": [
                stage("read", 1400, 1200, {"http_status": 150, "not_text": 48}, {"damaged_member": 2}),
                stage("language", 1200, 1100, {"language": 100}, {}),
                stage("exact_dedup", 1100, 5, {"exact_duplicate": 1095}, {}),
                stage("pii", 5, 5, {}, {}),
            ],
            "documents": 5,
            "tokens": 50,
            "languages": {"en": {"documents": 4, "tokens": 45}, "": {"documents": 1, "tokens": 5}},
            "shards": [
                {"path": "corpus/english/train-00000-of-00002.parquet", "documents": 3, "tokens": 30},
                {"path": "corpus/english/train-00001-of-00002.parquet", "documents": 2, "tokens": 20},
            ],
        },
        "german-qa": {
            "inputs": 5,
            "stages": [stage("synthesize", 5, 2, {"no|answer": 4}, {}, generated=1)],
            "documents": 2,
            "tokens": 20,
            "languages": {"de": {"documents": 2, "tokens": 20}},
            "shards": [
                {"path": "corpus/german-qa/train-00000-of-00001.parquet", "documents": 2, "tokens": 20},
            ],
        },
        "raw": {
            "inputs": 1,
            "stages": [],
            "documents": 7,
            "tokens": None,
            "languages": {"fr": {"documents": 7, "tokens": None}},
        },
    },
}
CONFIG = {
    "name": "cc_v2",
    "output": "/home/someone/private/output",
    "seed": 42,
    "datasets": {
        "english": {
            "read": {
                "format": "warc",
                "paths": ["s3://commoncrawl/crawl-data/CC-MAIN-2025-13/segments/*/warc/*.warc.gz"],
            },
            "stages": [
                {"language": {"keep": ["en"], "min_score": 0.3, "model": "/home/someone/lid.176.ftz"}},
                {"exact_dedup": {}},
                {"pii": None},
            ],
        },
        "german-qa": {
            "from": "english",
            "where": "quality.label = 'high' | x < 3",
            "stages": [{"synthesize": {"endpoint": "s3://secret-bucket/a/b.jsonl"}}],
        },
        "raw": {"read": {"format": "jsonl", "paths": ["s3://secret-bucket/docs/*.jsonl"]}},
    },
    "tokenizer": {"path": "/home/someone/tokenizer.json"},
    "shards": {"tokens": 100000000},
    "blend": [{"phase": 1, "until": 1.0, "weights": {"english": 0.7, "german-qa": 0.3}}],
}
BLEND = weights(
    [Phase(phase=1, weights={"english": 0.7, "german-qa": 0.3})], Budget(tokens=1000, max_epochs=4), STATS
)


def front_matter(text: str) -> dict:
    start, matter, _ = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(matter)


def section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture(scope="module")
def text() -> str:
    return card(STATS, BLEND, CONFIG)


def test_front_matter(text: str) -> None:
    matter = front_matter(text)
    assert matter["pretty_name"] == "cc_v2"
    assert matter["license"] == "other"
    assert matter["language"] == ["de", "en"]
    assert matter["task_categories"] == ["text-generation"]
    assert matter["tags"] == ["nanocorpus", "pretraining", "common-crawl", "synthetic"]
    assert matter["source_datasets"] == ["original"]
    assert matter["size_categories"] == ["n<1K"]
    files = {entry["config_name"]: entry["data_files"][0]["path"] for entry in matter["configs"]}
    english, german = "english/train-*.parquet", "german-qa/train-*.parquet"
    assert files == {"default": [english, german], "english": [english], "german-qa": [german]}
    assert [entry["config_name"] for entry in matter["dataset_info"]] == list(files)


@pytest.mark.parametrize(
    ("documents", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**9, "1B<n<10B"), (10**13, "n>1T")]
)
def test_size_categories(documents: int, size: str) -> None:
    stats = copy.deepcopy(STATS)
    stats["datasets"]["english"]["documents"] = documents - 2
    assert front_matter(card(stats, None, CONFIG))["size_categories"] == [size]


def test_front_matter_satisfies_the_hub(text: str) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = hub.DatasetCard(text).data
    assert data.license == "other"
    assert data.language == ["de", "en"]
    assert data.source_datasets == ["original"]
    assert "common-crawl" in data.tags


def test_datasets_of_the_hub_that_it_was_made_from() -> None:
    stats = copy.deepcopy(STATS)
    sources = stats["composition"]["datasets"]["english"]["sources"]
    sources[0]["source"], sources[1]["source"] = "bigcode/the-stack-v2", "nvidia/some.data"
    stats["composition"]["datasets"]["german-qa"]["sources"] = []
    matter = front_matter(card(stats, BLEND, CONFIG))
    assert matter["source_datasets"] == ["bigcode/the-stack-v2", "nvidia/some.data"]
    assert "common-crawl" not in matter["tags"]
    about = {"source_datasets": ["extended|wikipedia"], "tags": ["legal", "pretraining"]}
    matter = front_matter(card(stats, BLEND, CONFIG, about))
    assert matter["source_datasets"] == ["extended|wikipedia"]
    assert matter["tags"] == ["nanocorpus", "pretraining", "synthetic", "legal"]


def test_the_columns_are_those_of_a_shard(text: str) -> None:
    for info in front_matter(text)["dataset_info"]:
        assert [feature["name"] for feature in info["features"]] == SHARD.names
    rows = re.findall(r"\| `(\w+)` +\|", section(text, "Use"))
    assert rows == SHARD.names


def test_the_text_stands_beside_the_tokens_where_it_was_asked_for() -> None:
    found = card(STATS, BLEND, {**CONFIG, "shards": {"tokens": 1, "text": True}})
    for info in front_matter(found)["dataset_info"]:
        assert [feature["name"] for feature in info["features"]] == WITH_TEXT.names
    assert re.findall(r"\| `(\w+)` +\|", section(found, "Use")) == WITH_TEXT.names


def test_the_tokenizer_is_described(text: str) -> None:
    said = section(text, "Tokenizer")
    assert "`tokenizer.json` (mine)" in said
    assert "ends with `<|endoftext|>`, id 0" in said
    unknown = {**STATS, "tokenizer": {**STATS["tokenizer"], "eos_token": None, "eos_id": None}}
    assert "Which token ends a document is not known" in section(card(unknown, BLEND, CONFIG), "Tokenizer")


def test_load_dataset_opens_the_corpus(tmp_path: Path, text: str) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed")
    corpus = tmp_path / "corpus-of-a-run"
    for name, data in STATS["datasets"].items():
        for shard in data.get("shards", ()):
            rows = [
                {"id": bytes(16), "input_ids": [1, 2, 3], "n_tokens": 3, "dataset": name, "source": "s"}
                for _ in range(shard["documents"])
            ]
            path = corpus / shard["path"].removeprefix("corpus/")
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=SHARD), path, compression="zstd")
    # what else a run leaves beside the corpus
    work = corpus / "work/english/0-read"
    (work / "receipts").mkdir(parents=True)
    pq.write_table(pa.table({"text": ["not tokens"]}), work / "part-00000.parquet")
    (work / "receipts/part-00000.json").write_text("{}")
    for name, content in (("stats", STATS), ("blend", BLEND), ("plan", {"parts": []})):
        (corpus / f"{name}.json").write_text(json.dumps(content))
    (corpus / "README.md").write_text(text)
    # a process of its own: the library reads its settings from the environment when it is imported
    program = """
import json, sys
from datasets import load_dataset
found = {}
for name in (None, "english", "german-qa"):
    rows = load_dataset(sys.argv[1], name, cache_dir=sys.argv[2])["train"]
    found[str(name)] = [len(rows), sorted(set(rows["dataset"])), rows.column_names, rows[0]["input_ids"]]
streamed = load_dataset(sys.argv[1], "english", streaming=True)["train"]
found["streamed"] = sum(1 for _ in streamed)
print(json.dumps(found))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, str(corpus), str(tmp_path / "cache")],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["None"][:2] == [7, ["english", "german-qa"]]
    assert found["english"][:2] == [5, ["english"]]
    assert found["german-qa"][:2] == [2, ["german-qa"]]
    assert found["english"][2] == SHARD.names
    assert found["english"][3] == [1, 2, 3]
    assert found["streamed"] == 5


def test_attrition_names_every_reason(text: str) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in section(text, "What became of the documents").splitlines()
        if line.startswith("|")
    ]
    assert rows[2][:6] == ["english", "read", "1,400", "–", "1,200", "85.7 %"]
    assert rows[2][6:] == ["http_status 150, not_text 48", "damaged_member 2"]
    assert rows[6] == ["german-qa", "synthesize", "5", "1", "2", "33.3 %", r"no\|answer 4", ""]


def test_languages_and_blend(text: str) -> None:
    languages = section(text, "Languages")
    assert re.search(r"\| english +\| en +\| +4 \| +45 \| +90.0 % \|", languages)
    assert re.search(r"\| english +\| unknown +\| +1 \| +5 \| +10.0 % \|", languages)
    blend = section(text, "Blend")
    assert re.search(r"\| 1 +\| 0 to 1,000 +\| german-qa +\| +0.3000 \| +300 \| +15.00 \| +15.00 \|", blend)
    assert blend.count("> **Warning:**") == 2


def test_making_tells_steps_and_settings(text: str) -> None:
    making = section(text, "How it was made")
    assert "`warc(paths=['s3://commoncrawl/crawl-data/CC-MAIN-2025-13/segments/*/warc/*.warc.gz'])`" in making
    assert "`language(keep=[en], min_score=0.3, model=lid.176.ftz)` → `exact_dedup` → `pii`" in making
    assert "from `english` → where `quality.label = 'high' | x < 3` → " in making
    settings = yaml.safe_load(making.split("```yaml\n")[1].split("```")[0])
    assert settings["datasets"]["german-qa"]["where"] == CONFIG["datasets"]["german-qa"]["where"]
    assert settings["tokenizer"] == {"path": "tokenizer.json"}
    assert settings["blend"] == CONFIG["blend"]


def test_limitations_follow_the_stages(text: str) -> None:
    limits = section(text, "Limitations")
    assert "Personal data was searched for by pattern" in limits  # german-qa has it from its parent
    assert "Not decontaminated: english, german-qa." in limits
    config = copy.deepcopy(CONFIG)
    config["datasets"]["english"]["stages"] = [{"decontaminate": {}}]
    limits = section(card(STATS, BLEND, config), "Limitations")
    assert "not searched for or removed in: english, german-qa." in limits
    assert "decontaminated" not in limits
    config["datasets"]["english"]["stages"] = [{"decontaminate": {"action": "annotate"}}]
    assert "Not decontaminated: english, german-qa." in card(STATS, BLEND, config)


def test_the_same_card_wherever_the_run_was(text: str) -> None:
    moved = json.loads(
        json.dumps(CONFIG)
        .replace("/home/someone/private/output", "s3://bucket/output")
        .replace("/home/someone", "s3://models/of/ours")
        .replace("s3://secret-bucket/docs", "/mnt/data")
        .replace("s3://secret-bucket/a", "/mnt/data")
    )
    assert moved != CONFIG
    assert card(STATS, BLEND, moved) == text
    assert not re.search(r"/home|someone|private|secret", text)


def test_a_dataset_that_is_called_default() -> None:
    stats = copy.deepcopy(STATS)
    stats["datasets"]["default"] = stats["datasets"].pop("english")
    del stats["composition"]
    config = copy.deepcopy(CONFIG)
    config["datasets"]["default"] = config["datasets"].pop("english")
    config["datasets"]["german-qa"]["from"] = "default"
    names = [entry["config_name"] for entry in front_matter(card(stats, None, config))["configs"]]
    assert names == ["default", "german-qa"]


def test_a_corpus_without_tokens() -> None:
    stats = copy.deepcopy(STATS)
    stats["tokenizer"] = None
    del stats["composition"]
    for data in stats["datasets"].values():
        data.pop("shards", None)
        data["tokens"] = None
        for counts in data["languages"].values():
            counts["tokens"] = None
    text = card(stats, None, {"datasets": CONFIG["datasets"]})
    assert "configs" not in front_matter(text)
    assert front_matter(text)["language"] == ["de", "en", "fr"]
    assert "not tokenized" in text
    assert "\n## Blend" not in text
    assert "\n## Use" not in text


def rows_of(text: str, heading: str) -> list[list[str]]:
    lines = [line for line in section(text, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_sources_with_bytes_licence_and_dates(text: str) -> None:
    assert rows_of(text, "Sources") == [
        ["CC-MAIN-2025-13", "english", "4", "40", "400", "not stated", "2025-03-16", "2025-03-28"],
        ["CC-MAIN-2025-13", "german-qa", "2", "20", "200", "not stated", "2025-03-20", "2025-03-20"],
        ["blog", "english", "1", "10", "99", "CC-BY-4.0", "–", "–"],
    ]
    assert "> **Note:**" not in text


def test_what_was_not_counted_is_said() -> None:
    stats = copy.deepcopy(STATS)
    stats["composition"]["datasets"]["english"]["counted"] = 3
    said = section(card(stats, BLEND, CONFIG), "Sources")
    assert "were counted for 3 of 5 in english; the others" in said
    for data in stats["composition"]["datasets"].values():
        data["counted"] = 0
    said = card(stats, BLEND, CONFIG)
    assert "for 0 of 5 in english, 0 of 2 in german-qa; the others" in section(said, "Sources")
    assert "## Lengths" not in said
    assert "EU's" not in said


def test_domains_and_lengths(text: str) -> None:
    domains = rows_of(text, "Domains")
    assert len(domains) == 50
    assert domains[0] == ["d0.example", "1", "50", "71.4 %"]
    assert "the 50 largest of 60" in section(text, "Domains")
    assert rows_of(text, "Lengths in tokens")[0] == ["english", "1", "2", "3", "10", "11", "12", "13"]


def test_what_was_redacted_and_what_sites_ask_for(text: str) -> None:
    assert rows_of(text, "What was redacted") == [
        ["english", "mail addresses", "7", "2"],
        ["english", "telephone numbers", "0", "0"],
    ]
    assert rows_of(text, "Opt-out signals")[0] == ["english", "refuse use for AI", "1", "9"]


def test_models_their_terms_and_examples(text: str) -> None:
    found = card(STATS, BLEND, CONFIG, {"teachers": {"Teacher-9B": "Open Model License"}})
    rows = rows_of(found, "Text written by models")
    assert rows[0] == ["german-qa", "Teacher-9B", "Open Model License", "1", "12"]
    assert rows[1] == ["german-qa", "not named", "not stated", "1", "8"]
    said = section(found, "Text written by models")
    assert "| german-qa | qa " in said
    assert "<summary>german-qa: qa</summary>\n\n````text\nQuestion?\n```\nAnswer.\n````\n" in said
    assert "Teacher-9B | not stated" in re.sub(" +", " ", section(text, "Text written by models"))


def test_what_the_publisher_says(text: str) -> None:
    about = {
        "license": "odc-by", "license_url": "https://opendatacommons.org/licenses/by/1-0/", "creator": "A lab",
        "contact": "mail@lab.example", "url": "https://lab.example/corpus", "date": "2026-11-30",
        "citation": "@misc{x,\n title={X}}", "description": "Pages for *tests*.", "not_for": ["Flying."],
    }  # fmt: skip
    found = card(STATS, BLEND, CONFIG, about, "1.2.3", {"/home/someone/lid.176.ftz": "ab" * 32})
    matter = front_matter(found)
    assert matter["license"] == "odc-by"
    assert matter["license_link"] == about["license_url"]
    assert "\n# cc_v2\n\nPages for *tests*.\n" in found
    assert f"[odc-by]({about['license_url']})" in section(found, "Licence")
    contact = section(found, "Contact")
    assert all(str(about[key]) in contact for key in ("creator", "contact", "url", "date"))
    assert "```bibtex\n@misc{x,\n title={X}}\n```" in section(found, "Citation")
    assert section(found, "What it is not for").strip() == "- Flying."
    making = section(found, "How it was made")
    assert making.strip().startswith("With nanocorpus 1.2.3, each dataset")
    assert f"| `lid.176.ftz` | `{'ab' * 32}` |" in making
    assert "someone" not in found
    assert "\n## Contact\n" not in text
    assert "No licence of the compilation is stated" in section(text, "Licence")
    assert "Identifying persons" in section(text, "What it is not for")


def test_numbers_for_the_summary_of_the_eu(text: str) -> None:
    said = section(text, "For the EU's summary of training content")
    assert "1.3 Size of text: less than 1 billion tokens (70)" in said
    assert "1.3 Latest date: 03/2025" in said
    assert "2.1 Public data sets: Common Crawl CC-MAIN-2025-13" in said
    assert "the largest 10 % (6 of 60) have 50.0 % of the tokens; 5 %, at most 1,000, 10.0 %" in said
    assert "Teacher-9B: 1 document; a model that is not named: 1 document" in said
    assert "refuse use for AI: 1 document" in said
    assert "mail addresses: 2 documents" in said


@given(
    st.lists(
        st.lists(st.one_of(st.text(max_size=12), st.integers(0), st.none()), min_size=3, max_size=3),
        max_size=5,
    )
)
def test_tables_are_aligned_whatever_is_in_them(rows: list[list[str | int | None]]) -> None:
    lines = table_of(("One", "Two", "Three"), rows, numbers=[1]).split("\n")
    assert len(lines) == len(rows) + 2
    assert len({len(line) for line in lines}) == 1
    for line in lines:
        # a bar that is not escaped (an even number of backslashes before it) ends a cell
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4
