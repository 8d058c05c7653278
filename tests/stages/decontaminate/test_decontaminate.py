"""Decontamination: what is a copy and what is not, against brute force, and from files as benchmarks come."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import Fault
from stages.decontaminate.index import COMMON, build
from stages.decontaminate.items import Item
from stages.decontaminate.measure import measure
from stages.decontaminate.stage import Decontaminate, DecontaminateConfig

LOOM = (
    "Petra's loom makes 12 metres of cloth a day, and the new one of her neighbour makes 5 metres more. "
    "After 30 days, how many metres have both looms made together, if each stood still for 4 days?"
)
SEA = (
    "Which of the currents would carry a bottle from the cape of Sorrel to the bay of herring gulls fastest?"
)
CHOICES = ["the northern one", "the one along the coast", "the warm one", "none of them"]
#: About anything else, so that copies are in the middle of it.
PAGE = (
    "The museum opens at nine on weekdays, and visitors are asked to leave their umbrellas at the door. " * 9
)


def rows(path: Path, *rows: dict[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Decontaminate:
    folder = tmp_path_factory.mktemp("bench")
    loom = rows(
        folder / "loom.jsonl", {"question": "Too short?", "answer": LOOM}, {"question": LOOM, "answer": "1"}
    )
    sea = rows(folder / "sea.jsonl", {"question": SEA, "choices": CHOICES})
    return opened(benchmarks={"loom": loom, "sea": sea})


def opened(**config: Any) -> Decontaminate:
    stage = Decontaminate(DecontaminateConfig(**config))
    stage.open()
    return stage


def found(stage: Decontaminate, *texts: str) -> list[tuple[str | None, str | None, float, int | None]]:
    columns = stage.annotate(pa.table({"text": pa.array(texts, pa.string())})).columns
    assert pa.table(dict(columns)).schema.equals(Decontaminate.adds)
    return list(zip(*(columns[name].to_pylist() for name in Decontaminate.adds.names), strict=True))


def overlap(stage: Decontaminate, text: str) -> float:
    return found(stage, f"{PAGE}\n\n{text}\n\n{PAGE}")[0][2]


@pytest.mark.parametrize(
    "copy",
    [
        LOOM,
        LOOM.upper(),
        LOOM.replace(". ", ".\n\n> ").replace(", ", ",\r\n  * "),
        LOOM.replace(" ", " **").replace("'", "’"),
        "Q7) " + LOOM.replace("12", "$12$").replace("30", r"\(30\)").replace("5", "__5__"),
        LOOM.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        LOOM.replace("cloth a day", "clo\u00adth a day").replace("looms", "ḽööms"),
        "".join(f"<p>{word}</p>" for word in LOOM.split()).replace("<p>", "| "),
    ],
    ids=["verbatim", "capitals", "lines", "marks", "latex", "width", "accents", "table"],
)
def test_a_copy_is_found_whatever_it_is_set_in(stage: Decontaminate, copy: str) -> None:
    if "|" in copy:
        copy = copy.replace("</p>", " ")
    ((benchmark, item, share, tokens),) = found(stage, PAGE + copy + PAGE)
    assert (benchmark, item, share) == ("loom", "1", 1.0)
    assert tokens == 37


def test_edits_cost_what_they_change(stage: Decontaminate) -> None:
    one = LOOM.replace("neighbour", "cousin")
    three = one.replace("the new one", "the one").replace("stood still", "stood quite still")
    assert overlap(stage, one) == pytest.approx(36 / 37)
    assert overlap(stage, three) == pytest.approx(35 / 37)
    assert (
        overlap(stage, SEA + " ".join(f"\n({c}) {text}" for c, text in zip("abcd", CHOICES, strict=True)))
        == 1
    )


def test_other_questions_are_kept(stage: Decontaminate) -> None:
    assert (
        overlap(stage, LOOM.replace("12", "14").replace("30", "45").replace("5", "7").replace("4", "6")) == 0
    )
    assert overlap(stage, LOOM.replace("30", "31")) == pytest.approx(3 / 4)
    assert overlap(stage, LOOM.split(". ")[0]) < 0.8
    assert (
        overlap(stage, SEA.replace("cape of Sorrel", "mouth of the river").replace("herring gulls", "terns"))
        < 0.8
    )
    assert overlap(stage, " ".join(CHOICES)) == 0


def test_what_lies_apart_does_not_add_up(stage: Decontaminate) -> None:
    words = LOOM.split()
    half = len(words) // 2
    inserted = " ".join(words[:half] + ["xylem"] * 8 + words[half:])
    assert overlap(stage, inserted) == 1
    assert overlap(stage, inserted.replace("xylem", "xylem phloem", 1)) < 0.8
    assert overlap(stage, " ".join(words[half:]) + PAGE + " ".join(words[:half])) < 0.8


@pytest.mark.parametrize(
    "question",
    [
        "灯塔看守人每天晚饭前都要在旧本子上记下风向和潮水，三十年后本子里一共有多少页？",
        "灯台守は毎晩夕食の前に風と潮のようすを古いノートに書きとめていました。何ページになりましたか。",
        "คนเฝ้าประภาคารจดทิศทางลมและระดับน้ำลงในสมุดเล่มเก่าทุกเย็นก่อนกินข้าวเป็นเวลากี่ปี",
        "등대지기는 매일 저녁 식사를 하기 전에 바람과 물때를 낡은 공책에 적어 두었다면 모두 몇 쪽입니까",
        "Сколько страниц исписал смотритель маяка, если каждый вечер перед ужином он записывал ветер и прилив?",
        "كم صفحة كتب حارس المنارة إذا كان يكتب أحوال الريح والبحر كل مساء قبل العشاء؟",
        "Combien de pages le gardien du phare a-t-il écrites s'il notait chaque soir le vent et la marée à 3 heures ?",
    ],
)
def test_other_scripts(question: str) -> None:
    index = build({"b": [Item("0", question, "")]}, 8, 8)
    middle = len(question) // 2
    other = f"{question[:middle].lower()}\u200b{question[middle:]}"
    shares = measure(
        pa.array([f"{PAGE}\n{question}\n{PAGE}", other, question[: len(question) // 3]]), index
    ).overlap
    assert shares[0] == shares[1] == 1 > 0.5 > shares[2]


def test_templates_are_no_evidence() -> None:
    template = "Which of the following is the best explanation for the fact that {} is never seen by day?"
    creatures = ["moth", "owl", "bat", "lynx", "eel", "crab", "slug", "newt", "wasp", "toad", "mole"]
    assert len(creatures) == COMMON + 1
    items = [
        Item(str(row), template.format(f"the {name} of the {name}s"), "")
        for row, name in enumerate(creatures)
    ]
    index = build({"b": items}, 8, 8)
    texts = [items[4].text, template.format("the comet of the innkeeper"), template.format("it")]
    result = measure(pa.array(texts), index)
    assert result.item.tolist() == [4, -1, -1]
    assert result.overlap.tolist() == [1, 0, 0]
    # the creatures and what is between them, seven tokens before and all five after them
    assert result.tokens[0] == 4 + 7 + 5


WORDS = [f"{a}{b}" for a in ("ba", "ke", "lo") for b in ("mi", "nu")]


@settings(max_examples=80, deadline=None)
@given(
    items=st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=14), min_size=1, max_size=13),
    documents=st.lists(st.lists(st.sampled_from([*WORDS, "7"]), max_size=30), min_size=1, max_size=4),
    data=st.data(),
)
def test_against_brute_force(items: list[list[str]], documents: list[list[str]], data: st.DataObject) -> None:
    """An item is found if and only if a gram of it that is of few items is; then its overlap is at least the
    longest run of both around the first of such a gram and at most their longest common subsequence."""
    size = 4
    documents.append([*documents[0], *data.draw(st.sampled_from(items)), *documents[0]])

    def grams(tokens: list[str], n: int) -> dict[tuple[str, ...], int]:
        return {tuple(tokens[i : i + n]): i for i in reversed(range(len(tokens) - n + 1))}

    distinct = list(dict.fromkeys(map(tuple, items)))
    owners: dict[tuple[str, ...], int] = {}
    sizes = [size if len(item) >= size else 3 for item in distinct]
    for item, n in zip(distinct, sizes, strict=True):
        for gram in grams(list(item), n):
            owners[gram] = owners.get(gram, 0) + 1
    index = build({"b": [Item(str(row), " ".join(item), "") for row, item in enumerate(items)]}, size, 3)
    result = measure(pa.array([" ".join(words) for words in documents]), index)

    for document, best, share in zip(documents, result.item.tolist(), result.overlap.tolist(), strict=True):
        least, possible = {}, {}
        for item, n in zip(distinct, sizes, strict=True):
            places = {gram: i for gram, i in grams(list(item), n).items() if owners[gram] <= COMMON}
            counted = {i + k for i in range(len(item) - n + 1) if item[i : i + n] in places for k in range(n)}
            if places.keys() & grams(document, n).keys():
                row = items.index(list(item))
                runs = [
                    sum(i + k in counted for k in range(length))
                    for i in range(len(item))
                    for length in range(n, len(item) - i + 1)
                    if item[i : i + length] in grams(document, length)
                    and any(places.get(item[i + k : i + k + n]) == i + k for k in range(length - n + 1))
                ]
                least[row] = max(runs) / len(counted)
                possible[row] = common([item[i] for i in sorted(counted)], document) / len(counted)
        assert (best in possible) if possible else (best, share) == (-1, 0)
        if possible:
            assert max(least.values()) - 1e-6 <= share <= possible[best] + 1e-6


def common(left: list[str], right: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for one in left:
        above = row
        row = [0]
        for place, other in enumerate(right):
            row.append(above[place] + 1 if one == other else max(row[place], above[place + 1]))
    return row[-1]


def test_no_matter_how_documents_and_benchmarks_arrive(stage: Decontaminate) -> None:
    rng = random.Random(3)
    texts = [PAGE[: rng.randrange(300)] + rng.choice((LOOM, SEA, "", LOOM + SEA)) for _ in range(20)]
    whole = found(stage, *texts)
    assert {row[0] for row in whole} == {None, "loom", "sea"}
    assert [row for text in texts for row in found(stage, text)] == whole
    chunks = pa.chunked_array(
        [pa.array(["x", *texts[:7]]).slice(1), pa.array(texts[7:], pa.large_string()).cast("string")]
    )
    columns = stage.annotate(pa.table({"text": chunks})).columns
    assert columns["contamination.item"].to_pylist() == [row[1] for row in whole]
    turned = opened(benchmarks=dict(reversed(stage.config.benchmarks.items())))
    assert found(turned, *texts) == whole
    # as much of both: the longer one
    assert found(stage, LOOM + SEA)[0][0] == "loom"


def test_verdicts(stage: Decontaminate) -> None:
    texts = [LOOM, LOOM.replace("30", "31"), PAGE, None]
    batch = pa.table({"text": pa.array(texts, pa.string())})
    done = stage.annotate(batch)
    assert done.faults == {3: Fault("no_text", "null")}
    for name, column in done.columns.items():
        batch = batch.append_column(name, column)
    hit = Fault("contaminated_loom", "loom item 1: 1.00 of 37 tokens")
    assert stage.judge(batch) == [hit, None, None, None]

    def judged(**config: Any) -> list[str | None]:
        other = Decontaminate(stage.config.model_copy(update=config))  # not opened: nothing is measured again
        return [fault and fault.detail for fault in other.judge(batch)]

    assert judged(threshold=0.75) == [hit.detail, "loom item 1: 0.75 of 37 tokens", None, None]
    assert judged(action="annotate") == [None] * 4


def test_files_and_directories(tmp_path: Path) -> None:
    line = json.dumps({"id": 1, "Problem": LOOM, "solution": SEA})
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(f"\n{line}\n".encode()))
    folder = tmp_path / "sea"
    folder.mkdir()
    (folder / "README.md").write_text("not data")
    (folder / "b.jsonl.zst").write_bytes(
        zstandard.compress(json.dumps({"question": {"stem": PAGE}}).encode())
    )
    (folder / "main").mkdir()
    table = pa.table({"question": ["", SEA], "choices": [[], CHOICES]})
    pq.write_table(table, folder / "main" / "test-00000-of-00001.parquet")
    pq.write_table(pa.table({"question": [LOOM + " Why?"]}), folder / "main" / "train-00000-of-00001.parquet")
    stage = opened(benchmarks={"loom": str(tmp_path / "a.jsonl.gz"), "sea": str(folder)})
    assert [row[:2] for row in found(stage, LOOM, SEA, PAGE)] == [
        ("loom", "0"),
        ("sea", "main/test-00000-of-00001.parquet:1"),
        ("sea", "b.jsonl.zst:0"),
    ]
    answers = opened(benchmarks={"loom": str(tmp_path / "a.jsonl.gz")}, fields={"loom": ["solution"]})
    assert [row[0] for row in found(answers, LOOM, SEA)] == [None, "loom"]


def test_what_cannot_be_looked_for_is_said(tmp_path: Path) -> None:
    path = rows(
        tmp_path / "q.jsonl",
        {"question": "What is the capital of France?"},
        {
            "question": "Which of them is a mammal?",
            "options": ["the dogfish", "the sea horse", "the manatee"],
        },
        {"question": "中国的首都在哪里呢"},
        {"question": LOOM},
        {"question": LOOM.replace(", ", " - ")},
        {"question": None},
    )
    stage = opened(benchmarks={"again": path, "q": path}, ngram=13)
    assert stage.notes[0] == "3 of 6 items of again are not looked for: 2 short, 1 empty"
    mammal = "Which of them is a mammal?\nA. The dogfish\nB. The sea horse\nC. The manatee"
    assert [row[:2] for row in found(stage, LOOM, mammal)] == [("again", "3"), ("again", "1")]


@pytest.mark.parametrize(
    ("content", "config", "message"),
    [
        ('{"question": 1}\n{"question"', {}, r"q\.jsonl, line 2: "),
        ("[1]\n", {}, "line 1: no JSON object"),
        (b"\xff\xfe{}", {}, "line 1: "),
        (gzip.compress(b'{"question": "x"}\n' * 9, mtime=0)[:-12], {}, "and all after: "),
        (b"PAR1 but no more", {}, "is a damaged Parquet file"),
        ("\n", {}, "has no rows"),
        ('{"a": "x", "b": 1}', {}, r"none of its columns \(a, b\) .*fields: \{b: \[\.\.\.\]\}"),
        (
            '{"question": "x"}',
            {"fields": {"b": ["question", "stem"]}},
            "no row has 'stem'; there are question",
        ),
        ('{"question": "Why not?"}', {}, r"no item can be looked for \(1 short\)"),
    ],
)
def test_unusable_benchmarks(
    tmp_path: Path, content: str | bytes, config: dict[str, Any], message: str
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        opened(benchmarks={"b": str(path)}, **config)


def test_directories_without_tests(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no \.parquet, \.jsonl"):
        opened(benchmarks={"b": str(tmp_path)})
    rows(tmp_path / "auxiliary_train" / "x.jsonl", {"question": LOOM})
    with pytest.raises(ValueError, match="only training splits: auxiliary_train/x"):
        opened(benchmarks={"b": str(tmp_path)})


@pytest.mark.parametrize(
    "config",
    [
        {"benchmarks": {}},
        {"benchmarks": {"a b": "x"}},
        {"benchmarks": {"a": "x"}, "fields": {"b": ["c"]}},
        {"benchmarks": {"a": "x"}, "fields": {"a": []}},
        {"benchmarks": {"a": "x"}, "ngram": 6},
        {"benchmarks": {"a": "x"}, "threshold": 0},
    ],
)
def test_settings_that_cannot_be(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DecontaminateConfig(**config)
