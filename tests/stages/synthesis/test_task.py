"""Task files: those that come along can be read, and mistakes are named."""

import pytest

from stages.synthesis import task
from stages.synthesis.accept import RULES, RuleFile, load
from stages.synthesis.task import FOLDER, TaskError, found, load_all, parse

FILES = sorted(FOLDER.glob("*.md"))
MINE = """---
name: mine
version: 1
segment: {max_tokens: 100}
answer: {max_tokens: 50}
parser: passage
---
# Before
Say it in {language}, {variant}.
# After
Now:
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_task_says_that_the_document_is_material_and_what_to_answer_without_any(file) -> None:
    one = task.load(str(file))
    assert one.name == file.stem
    told = one.before + one.after
    assert "BEGIN" in one.before
    assert "END" in one.after
    assert "material" in told or "pattern" in told
    assert one.prepare == "units" or one.none in told
    system, before, after = one.said("de", "fr", next(iter(one.variants), ""))
    assert "{" not in (system + before + after).replace("{}", "")
    if "{language}" in told:
        assert "German" in before + after


def test_there_are_the_tasks_that_the_recipes_name() -> None:
    assert {file.stem for file in FILES} == {
        "diverse_qa", "wikipedia", "distill", "extract_knowledge", "knowledge_list", "translate", "math_cleanup",
        "code_qa", "mind", "stem", "academic_qa",
    }  # fmt: skip
    assert len(task.load(found("mind")).variants) == 7
    assert len(task.load(found("stem")).variants) == 3


def test_every_task_has_rules() -> None:
    rules = load(RULES)
    assert set(rules.tasks) == {file.stem for file in FILES}
    for file in FILES:
        assert "refusal" in rules.of(file.stem)
        assert "truncated" in rules.of(file.stem)


def test_rules_of_a_task_replace_common_ones() -> None:
    file = RuleFile.model_validate(
        {
            "name": "n",
            "source": "s",
            "common": {"a": {"gate": "words", "min": 3}, "b": {"gate": "words", "max": 9}},
            "tasks": {"t": {"a": {"gate": "words", "min": 5}, "b": "off"}},
        }
    )
    assert {name: rule.min for name, rule in file.of("t").items()} == {"a": 5}
    assert set(file.of("another")) == {"a", "b"}


def test_the_words_of_a_task_are_its_prompt_hash() -> None:
    one = parse(MINE)
    assert one.prompt_hash == parse(MINE.replace("version: 1", "version: 2")).prompt_hash
    assert one.prompt_hash != parse(MINE.replace("Now:", "Now")).prompt_hash


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("---\nname", "name", "begins with settings"),
        ("version: 1", "version: [", "no YAML"),
        ("version: 1", "version: 0", "version: Input should be greater"),
        ("parser: passage", "parser: poem", "parser: Input should be"),
        ("parser: passage", "parser: passage\nmore: 1", "more: Extra inputs"),
        ("# Before", "# Befor", "text before the first"),
        ("# Before", "# System", "`# Before` must"),
        ("# After", "# Before", "each section stands once"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, says: str) -> None:
    with pytest.raises(TaskError, match=r"task: .*" + says):
        parse(MINE.replace(old, new, 1))


def test_names_and_files(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"no task 'diverse'; there are: academic_qa, .*wikipedia"):
        found("diverse")
    file = tmp_path / "mine.md"
    file.write_text(MINE)
    assert found(str(file)) == str(file)
    assert set(load_all([str(file), found("distill")])) == {"mine", "distill"}
    (tmp_path / "again.md").write_text(MINE)
    with pytest.raises(TaskError, match="two tasks of the name 'mine'"):
        load_all([str(file), str(tmp_path / "again.md")])
    with pytest.raises(TaskError, match="cannot be read"):
        task.load(str(tmp_path / "none.md"))
