"""The five stages, one after the other, with a small made-up model; and each where it is special."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import synthesis_cases as cases
from synthesis_cases import HARBOUR, documents, opened, reasons, run, through

from stages.synthesis.columns import COMPLETION
from stages.synthesis.complete import model_hash
from stages.synthesis.task import found

TASK = """---
name: mine
version: 3
segment: {{max_tokens: 90}}
answer: {{max_tokens: 400}}
parser: {parser}
assemble: {assemble}
---
# Before
DOCUMENT BEGINS
# After
DOCUMENT ENDS
{after}
"""


def task(folder: Path, parser: str = "passage", assemble: str = "{}", after: str = "Go on.") -> str:
    file = folder / f"{parser}.md"
    file.write_text(TASK.format(parser=parser, assemble=assemble, after=after))
    return str(file)


def settings(**others: object) -> dict[str, object]:
    return {"tokenizer": cases.tokenizer(), "backend": "fake_engine:make", "device": "cpu", **others}


# all of them


def test_pairs_come_after_their_segment() -> None:
    made, faults = run(documents(HARBOUR), "diverse_qa")
    (row,) = made.to_pylist()
    assert row["text"].startswith(f"{HARBOUR}\n\nQuestion: ")
    assert row["synthetic.items"] == row["text"].count("Question:") == 4 - len(faults["accept"])
    assert row["parent"] == b"%016d" % 0
    assert row["license"] == "CC0-1.0"
    assert row["synthetic.task"] == "diverse_qa"
    assert {
        name for name in made.schema.names if name.startswith(("gate.", "segment.", "completion.", "item."))
    } == set()


def test_columns_of_others_say_nothing_of_what_was_made() -> None:
    table = documents(HARBOUR).append_column("quality.label", pa.array(["high"]))
    made, _ = run(table, "distill")
    assert made["quality.label"].to_pylist() == [None]


def test_a_translation_has_the_lines_of_its_document_and_another_language() -> None:
    made, _ = run(documents(f"{HARBOUR}\n\n12 $x$"), "translate", to=["de", "fr", "en"])
    assert sorted(made["language"].to_pylist()) == ["de", "fr"]
    for text in made["text"].to_pylist():
        lines = text.split("\n")
        assert (len(lines), lines[1], lines[-1]) == (5, "", "12 $x$")
        assert "1888" in text


def test_several_tasks_and_samples_are_documents_of_their_own() -> None:
    made, _ = run(documents(HARBOUR, HARBOUR[:-1] + " now."), ["distill", "knowledge_list"], samples=2)
    names = [(row["parent"], row["synthetic.task"]) for row in made.to_pylist()]
    assert len(names) == 8
    assert len(set(names)) == 4
    assert len(set(made["id"].to_pylist())) == 8


def test_everything_is_accounted_for() -> None:
    texts = ["", None, "Short.", HARBOUR, "no sentence at all " * 20]
    _, faults = run(documents(*texts), "diverse_qa", upto="parse")
    assert reasons(faults["segments"]) == ["no_text", "no_text", "too_short"]
    assert reasons(faults["parse"]) == ["none"]


# segments


def test_segments_are_pieces_of_their_document(tmp_path: Path) -> None:
    text = " ".join(f"Sentence {number} of it is here." for number in range(30))
    stage = opened("segments", tasks=[task(tmp_path)], tokenizer=cases.tokenizer())
    rows, _ = through(stage, documents("x y z", text))
    pieces = [row for row in rows.to_pylist() if row["parent"] == b"%016d" % 1]
    assert len(pieces) > 3
    assert [row["segment.index"] for row in pieces] == list(range(len(pieces)))
    assert {row["segment.count"] for row in pieces} == {len(pieces)}
    for row in pieces:
        assert row["text"] == text[row["segment.start"] : row["segment.end"]]
        assert row["segment.tokens"] <= 90
    assert len({row["id"] for row in pieces}) == len(pieces)


def test_what_must_not_be_cut_is_not_asked_about(tmp_path: Path) -> None:
    block = "```\n" + "a line of code\n" * 40 + "```"
    text = f"{HARBOUR}\n\n{block}\n\n{HARBOUR}"
    rows, faults = run(documents(text), task(tmp_path), upto="parse")
    assert reasons(faults["parse"]) == ["too_long"]
    (fault,) = faults["parse"].values()
    assert "tokens that must not be cut" in fault.detail
    assert len(rows) > 1


def test_a_task_that_wants_all_of_a_document_has_none_without_a_segment(tmp_path: Path) -> None:
    block = "```\n" + "a line of code\n" * 40 + "```"
    made, faults = run(
        documents(f"{HARBOUR}\n\n{block}"), task(tmp_path, assemble="{by: document, whole: true}")
    )
    assert len(made) == 0
    assert set(reasons(faults["assemble"])) == {"incomplete"}
    made, faults = run(documents(f"{HARBOUR}\n\n{block}"), task(tmp_path, assemble="{by: document}"))
    assert len(made) == 1


def test_languages() -> None:
    rows, faults = run(documents(HARBOUR, language="de"), "translate", to=["de"], upto="segments")
    assert (len(rows), reasons(faults["segments"])) == (0, ["language"])
    with pytest.raises(ValueError, match="xx: not among the languages"):
        opened("segments", tasks=[found("translate")], tokenizer=cases.tokenizer(), to=["xx"])


def test_room_for_a_segment_is_what_prompt_and_answer_leave() -> None:
    whole = opened("segments", tasks=[found("distill")], tokenizer=cases.tokenizer())
    text = " ".join(f"Sentence {number} of it is here." for number in range(100))
    assert len(through(whole, documents(text))[0]) == 1
    small = opened("segments", tasks=[found("distill")], tokenizer=cases.tokenizer(), context=3200)
    rows, _ = through(small, documents(text))
    assert len(rows) > 1
    asking = opened("complete", tasks=[found("distill")], **settings())
    most = 0
    for request in asking.asked(rows).requests.values():
        most = max(most, len(request.prompt_ids) + request.max_tokens)
    assert 3000 < most <= 3200
    with pytest.raises(ValueError, match=r"context 1600 leaves \d+ tokens for a segment of task 'distill'"):
        opened("segments", tasks=[found("distill")], tokenizer=cases.tokenizer(), context=1600)


def test_variants_differ_between_samples() -> None:
    rows, _ = run(documents(HARBOUR * 3), "mind", samples=7, upto="segments")
    by_segment: dict[int, set[str]] = {}
    for row in rows.to_pylist():
        by_segment.setdefault(row["segment.index"], set()).add(row["task.variant"])
    assert by_segment
    assert all(len(variants) == 7 for variants in by_segment.values())


# complete


def asked(table: pa.Table, **others: object) -> pa.Table:
    return run(table, "distill", upto="complete", **others)[0]


def test_seeds_and_keys_depend_on_what_is_asked_and_nothing_else() -> None:
    first, second = HARBOUR, HARBOUR.replace("Marn", "Tarn")
    one, other = asked(documents(first, second)), asked(documents(first, second)).slice(1)
    assert one.slice(1).to_pylist() == other.to_pylist()
    assert len(set(one["completion.seed"].to_pylist())) == 2
    assert asked(documents(first), seed=1)["completion.key"] != asked(documents(first))["completion.key"]
    assert (
        asked(documents(first), temperature=0.0)["completion.key"]
        != asked(documents(first))["completion.key"]
    )


def test_requests_that_fail_are_rows_with_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE_FAILS_EVERY", "3")
    texts = [HARBOUR.replace("1888", str(number)) for number in range(1700, 1740)]
    rows, faults = run(documents(*texts), "distill", upto="complete")
    assert 0 < len(faults["complete"]) < 40
    assert len(rows) + len(faults["complete"]) == 40
    assert set(faults["complete"].values()) == {("request_failed", "it was to fail")}


def test_replay_answers_from_what_is_stored(tmp_path: Path) -> None:
    table = documents(HARBOUR, HARBOUR.replace("Marn", "Tarn"))
    made, _ = run(table, "diverse_qa")
    stored = run(table, "diverse_qa", upto="complete")[0]
    pq.write_table(stored.slice(0, 1), tmp_path / "one.parquet")
    pq.write_table(stored.slice(1), tmp_path / "two.parquet")
    again, faults = run(table, "diverse_qa", backend="replay", against=[str(tmp_path)])
    assert again == made
    assert not faults["complete"]
    half, faults = run(table, "diverse_qa", backend="replay", against=[str(tmp_path / "one.parquet")])
    assert half == made.slice(0, 1)
    assert list(faults["complete"].values()) == [("request_failed", "not stored")]


def test_stored_completions_are_used_with_any_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = documents(HARBOUR, HARBOUR.replace("Marn", "Tarn"))
    stored = asked(table)
    pq.write_table(stored.slice(0, 1), tmp_path / "one.parquet")
    monkeypatch.setenv("FAKE_ENGINE_NOTES", str(tmp_path / "notes"))
    assert asked(table, against=[str(tmp_path / "one.parquet")]) == stored
    assert times(tmp_path / "notes") == 1


def times(notes: Path) -> int:
    """How often the engine was asked."""
    return sum("loaded" not in line for line in notes.read_text().splitlines())


class Memory:
    """A journal in memory."""

    def __init__(self) -> None:
        self.sealed: list[pa.Table] = []

    def find(self, keys):
        rows = pa.concat_tables([COMPLETION.empty_table(), *self.sealed])
        return rows.filter(pa.compute.is_in(rows["completion.key"], pa.array(keys, pa.binary(16))))

    def seal(self, rows):
        self.sealed.append(rows)


def test_batches_are_sealed_and_not_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("FAKE_ENGINE_NOTES", str(notes))
    texts = [HARBOUR.replace("1888", str(number)) for number in range(1700, 1720)]
    rows, _ = run(documents(*texts, texts[3]), "distill", upto="segments")
    batches = [rows.slice(start, 5) for start in range(0, len(rows), 5)]
    stage = opened("complete", tasks=[found("distill")], **settings())
    journal = Memory()
    done = list(stage.stream(iter(batches), journal))
    assert [batch for batch, _ in done] == batches
    assert [len(table) for table in journal.sealed] == [5, 5, 5, 5, 1]
    assert times(notes) == 21
    del journal.sealed[2]
    again = list(stage.stream(iter(batches), journal))
    assert times(notes) == 26
    assert [annotation.columns for _, annotation in again] == [annotation.columns for _, annotation in done]


class Streams:
    """An engine that takes one request after the other, and says so before it answers."""

    def __init__(self, engine: Any, begins: Callable[[], object] = bool) -> None:
        self._engine, self._begins = engine, begins

    def stream(self, requests: Iterator[Any]) -> Iterator[Any]:
        for request in requests:
            self._begins()
            yield from self._engine.generate([request])


def test_prompts_are_made_while_the_engine_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = run(documents(HARBOUR, HARBOUR.replace("Marn", "Tarn")), "distill", upto="segments")
    batches = [rows.slice(0, 1), rows.slice(1)]
    stage = opened("complete", tasks=[found("distill")], **settings())
    expected = list(stage.stream(iter(batches), Memory()))
    calls, second, make = [], threading.Event(), stage.asked

    def asked(table: pa.Table) -> Any:
        calls.append(table)
        if len(calls) == 2:
            second.set()
        return make(table)

    def begins() -> None:
        assert second.wait(60), "nobody makes the prompts of the next batch"

    monkeypatch.setattr(stage, "asked", asked)
    monkeypatch.setattr(stage, "_engine", Streams(stage._engine, begins))
    assert list(stage.stream(iter(batches), Memory())) == expected


def test_what_was_read_before_a_fault_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = run(documents(HARBOUR), "distill", upto="segments")
    stage = opened("complete", tasks=[found("distill")], **settings())
    monkeypatch.setattr(stage, "_engine", Streams(stage._engine))

    def source() -> Iterator[pa.Table]:
        yield rows
        raise OSError("the file ends")

    journal = Memory()
    with pytest.raises(OSError, match="the file ends"):
        list(stage.stream(source(), journal))
    assert [len(table) for table in journal.sealed] == [1]


def test_answers_of_another_backend_are_not_taken_from_the_journal() -> None:
    rows, _ = run(documents(HARBOUR), "distill", upto="segments")
    stage = opened("complete", tasks=[found("distill")], **settings())
    journal = Memory()
    list(stage.stream(iter([rows]), journal))
    at = COMPLETION.names.index("completion.backend")
    journal.sealed = [journal.sealed[0].set_column(at, "completion.backend", pa.array(["vllm"]))]
    list(stage.stream(iter([rows]), journal))
    assert len(journal.sealed) == 2


def test_what_a_backend_needs_is_said_before_work() -> None:
    from stages.synthesis.complete import Complete

    def wrong(**given: object) -> str | None:
        config = Complete.Config.model_validate(settings(tasks=[found("distill")], **given))
        return Complete.check(config, pa.schema([]))

    assert "needs `model`" in str(wrong(backend="embedded"))
    assert "needs `endpoint" in str(wrong(backend="endpoint"))
    assert "name them with `against`" in str(wrong(backend="replay"))
    with pytest.raises(ValueError, match=r"no backend 'vlm'; there are: embedded"):
        wrong(backend="vlm")


def test_resources() -> None:
    from stages.synthesis.complete import Complete

    def needs(**given: object) -> tuple[float, bool]:
        config = Complete.Config.model_validate(settings(tasks=[found("distill")], **given))
        found_resources = Complete.requires(config)
        return found_resources.gpus, found_resources.lasting

    assert needs(backend="embedded", device="cuda", model="m") == (1.0, True)
    assert needs(backend="vllm", device="cuda", model="m", gpus=2) == (2.0, True)
    assert needs(backend="embedded", device="cpu", model="m") == (0.0, True)
    assert needs(backend="replay", against=["a"]) == (0.0, False)


def test_the_hash_of_a_model_is_of_its_settings_words_and_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(10))
    first = model_hash(str(tmp_path))
    (tmp_path / "README.md").write_text("a card")
    assert model_hash(str(tmp_path)) == first
    (tmp_path / "model.safetensors").write_bytes(bytes(9) + b"x")
    assert model_hash(str(tmp_path)) != first


# accept


def test_rejects_name_the_thing_at_fault() -> None:
    rows, _ = run(documents(HARBOUR), "knowledge_list", upto="parse")
    at = rows.schema.names.index("gate.numbers_missing")
    rows = rows.set_column(at, rows.schema.field(at), pa.array([2, 0, 0, 0], pa.float32()))
    at = rows.schema.names.index("gate.seen")
    rows = rows.set_column(
        at, "gate.seen", pa.array(["names_missing: A\nnumbers_missing: 12, 13", None, None, None])
    )
    kept, faults = through(opened("accept"), rows)
    assert faults == {0: ("number", "gate.numbers_missing 2 > 0: 12, 13")}
    assert len(kept) == 3


def test_another_file_of_rules_judges_the_same_columns(tmp_path: Path) -> None:
    rows, _ = run(documents(HARBOUR), "knowledge_list", upto="parse")
    file = tmp_path / "rules.yaml"
    file.write_text("name: mine\nsource: me\ncommon:\n  brief: {gate: words, max: 8}\n")
    _, faults = through(opened("accept", rules=str(file)), rows)
    assert set(reasons(faults)) == {"brief"}
    file.write_text("name: mine\nsource: me\ncommon:\n  brief: {gate: word, max: 8}\n")
    with pytest.raises(ValueError, match="there is no gate 'word'"):
        opened("accept", rules=str(file))


# assemble


def test_a_segment_has_as_many_pairs_as_its_length_is_good_for() -> None:
    text = " ".join(f"The {name} boat is {number} years old and lies at the {name} quay." for number, name in enumerate(["red", "blue", "green", "white", "black", "brown"], 12))  # fmt: skip
    made, faults = run(documents(text), "diverse_qa")
    tokens = run(documents(text), "diverse_qa", upto="segments")[0]["segment.tokens"][0].as_py()
    most = 10 * tokens // 150
    assert made["synthetic.items"].to_pylist() == [min(most, 6 - len(faults["accept"]))]


def test_items_segments_and_documents(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {number} says this. And that." for number in range(6))
    for by, least in (("item", 1), ("segment", 1), ("document", 2)):
        made, _ = run(documents(text), task(tmp_path, assemble=f"{{by: {by}}}"))
        assert (len(made) == 1) is (by == "document")
        assert min(made["synthetic.items"].to_pylist()) >= least
    assert made["text"].to_pylist()[0].count("Paragraph") == 6


# code_qa


def test_exercises_from_code_have_code_that_parses(tmp_path: Path) -> None:
    pytest.importorskip("tree_sitter", reason="parsers of code (pip install 'nanocorpus[code]')")
    from stages.synthesis.forms import CodeQA

    code = "def mean_of(values):\n    return sum(values) / len(values)\n" * 8
    given = CodeQA.Config.model_validate(settings())
    first = {name: one for entry in CodeQA.expand(given) for name, one in entry.items()}
    assert first["segments"]["to"] == ["en"]
    table = documents(code, code.replace("mean", "total"))
    table = table.set_column(table.schema.get_field_index("language"), "language", pa.nulls(2, pa.string()))
    rows, _ = through(opened("segments", **first["segments"]), table)
    answers = [
        f" Write mean_of, which gives the mean of values.\nAnswer:\n```python\n{body}\n```\nIt divides the sum by the length."
        for body in (
            "def mean_of(values):\n    return sum(values) / len(values)",
            "def mean_of(values:\n    return",
        )
    ]
    columns = {"completion.text": answers, "completion.finish": ["stop"] * 2}
    for field in COMPLETION:
        rows = rows.append_column(field.name, pa.array(columns.get(field.name, [None] * 2), field.type))
    items, _ = through(opened("parse", **first["parse"]), rows)
    kept, faults = through(opened("accept"), items)
    assert [fault.reason for fault in faults.values()] == ["code_error"]
    made, _ = through(opened("assemble", **first["assemble"]), kept)
    assert made["language"].to_pylist() == ["en"]
    assert "```python" in made["text"].to_pylist()[0]
