"""Answers taken apart: pairs, facts, passages, dialogues, code; and what is no answer."""

import pytest

from stages.synthesis import task
from stages.synthesis.answers import taken_apart, turns
from stages.synthesis.task import found


def items(name: str, answer: str) -> list[tuple[str, str]]:
    apart = taken_apart(task.load(found(name)), answer)
    assert isinstance(apart, list), apart
    return [(item.question, item.answer) for item in apart]


def reason(name: str, answer: str) -> str:
    apart = taken_apart(task.load(found(name)), answer)
    assert not isinstance(apart, list)
    return apart.reason


def test_pairs_go_on_from_the_prefix() -> None:
    answer = " What is it?\nAnswer: A boat.\n\n**Question:** Which?\nA) one\nB) two\n**Answer:** B) two\nand more\n- Question: Who?"
    assert items("diverse_qa", answer) == [
        ("What is it?", "A boat."),
        ("Which?\nA) one\nB) two", "B) two\nand more"),
        ("Who?", ""),
    ]


def test_a_question_without_answer_and_an_answer_without_question_are_items() -> None:
    assert items("diverse_qa", " One?\nQuestion: Two?\nAnswer: Yes.\nAnswer: Again.") == [
        ("One?", ""),
        ("Two?", "Yes."),
        ("", "Again."),
    ]


def test_facts() -> None:
    assert items("knowledge_list", " One fact.\n- Another\nthat goes on.\n2. A third.\n\n- \n") == [
        ("", "One fact."),
        ("", "Another that goes on."),
        ("", "A third."),
    ]


def test_passages_lose_quotation_marks_around_them_only() -> None:
    assert items("distill", '"All of it."\n') == [("", "All of it.")]
    assert items("distill", '"One" and "two"') == [("", '"One" and "two"')]


def test_dialogues_begin_with_a_speaker() -> None:
    said = "Teacher: What is $x$?\n\nStudent: Two.\nso\nTeacher: Right."
    assert items("mind", said) == [("", said)]
    assert turns(said) == {"Teacher": 2, "Student": 1}
    assert reason("mind", "they talked: Teacher: so") == "no_items"


def test_code_keeps_what_looks_like_tags() -> None:
    answer = " Write f.\nAnswer:\n```python\nAnswer: int = 1\n```\nDone."
    assert items("code_qa", answer) == [("Write f.", "```python\nAnswer: int = 1\n```\nDone.")]
    assert items("code_qa", " Write f.") == [("Write f.", "")]


@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        ("diverse_qa", " NONE", "none"),
        ("diverse_qa", "NONE.", "none"),
        ("distill", "none", "none"),
        ("knowledge_list", " NONE", "none"),
        ("math_cleanup", "NO USEFUL CONTENT", "none"),
        ("distill", " \n", "no_answer"),
        ("mind", "A text that nobody speaks", "no_items"),
    ],
)
def test_no_items(name: str, answer: str, why: str) -> None:
    assert reason(name, answer) == why
