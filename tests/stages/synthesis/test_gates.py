"""What gates see of an answer, and what they leave alone."""

import pytest

from stages.synthesis.gates import code, loops, maths, measure, phrases, translation
from stages.synthesis.gates.measure import GATES, Measured, Source
from stages.synthesis.gates.words import forms, names, numbers, words
from stages.synthesis.units import prepared, restored

TEXT = (
    "The harbour of Marn was built in 1888 by masons from Tarbat. It cost 1,500 pounds and holds forty boats. "
    "O'Brien, the first keeper, lived there with two dogs."
)


def compared(answer: str, text: str = TEXT, language: str = "en") -> Measured:
    found = Measured()
    measure.comparison(found, answer, words(answer), Source(text, language), language)
    return found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1,500", "1500", True),
        ("1.500", "1500", True),
        ("1 500".replace(" ", "\u00a0"), "1500", True),
        ("1.50", "1.5", True),
        ("3.5", "35", False),
        ("007", "7", True),
        ("٣٤", "34", True),
        ("1888", "1889", False),
    ],
)
def test_spellings_of_figures(one: str, other: str, same: bool) -> None:
    assert bool(forms(one) & forms(other)) is same


def test_figures_and_names_as_they_stand() -> None:
    assert numbers("On 3.5.2020 it was 1,500.25; 12%") == ["3.5.2020", "1,500.25", "12"]
    assert names("The keeper O'Brien met Anna-Lena Berg. She knew NATO. Yes, I do. A dog") == [
        "O'Brien",
        "Anna-Lena",
        "Berg",
        "NATO",
    ]


@pytest.mark.parametrize(
    ("answer", "gate", "seen"),
    [
        ("It was built in 1889.", "numbers_missing", ["1889"]),
        ("It cost 1500 pounds and holds 40 boats.", "numbers_missing", []),
        ("It has seven cranes.", "numbers_missing", ["seven"]),
        ("It was built by masons from Dornoch.", "names_missing", ["Dornoch"]),
        ("Keeper O'Brien lived in the Marn harbour.", "names_missing", []),
    ],
)
def test_figures_and_names_that_the_source_does_not_have(answer: str, gate: str, seen: list[str]) -> None:
    found = compared(answer)
    assert found[gate] == len(seen)
    assert found.seen.get(gate, []) == seen


def test_grounding() -> None:
    assert compared("Masons built the harbour.")["grounded"] == 1
    assert compared("Volcanic islands erupt beneath oceans.")["grounded"] == 0
    assert "grounded" not in compared("Yes.")
    german = "Der Hafen wurde von Maurern gebaut."
    assert compared("Maurer bauten den Hafen.", german, "de")["grounded"] > 0.6
    assert "names_missing" not in compared("Die Maurer bauten den Hafen.", german, "de")
    japanese = "港は1888年に石工によって建てられた。"
    assert compared("港は石工によって建てられた。", japanese, "ja")["grounded"] > 0.9
    assert compared("犬が庭で走っている。", japanese, "ja")["grounded"] < 0.3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It was built in 1888.", 0),
        ("In 1888", 0),
        ("It was built in", 1),
        ("It was built by mas", 1),
        ("Masons from Tarbat built the harbour of Marn and", 1),
        ("The old masons of Tarbat built the harbour", 1),
        ("It was built,", 1),
        ("It says “yes.”", 0),
        ("$x = 2$", 0),
        ("", 1),
    ],
)
def test_ends(text: str, value: float) -> None:
    assert measure.unfinished(text, words(text), Source(TEXT, "en"), "en") == value


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("a b c d", 1),
        ("very very very good", 3),
        ("it was it was it was it was so", 4),
        ("one two three four five six one two three four five six one two three four five six", 3),
        ("that that is", 1),
        ("had had enough", 1),
    ],
)
def test_loops(text: str, times: int) -> None:
    assert loops.repeats(words(text)) == times if times > 2 else loops.repeats(words(text)) <= 2


def test_lines_and_compression() -> None:
    line = "The same sentence comes again"
    assert loops.same_lines(f"{line}. Another. {line}! {line.upper()}.") == 3
    assert loops.same_lines("Yes. Yes. Yes.") == 1
    assert loops.compression("short") == 1
    assert loops.compression("again and " * 200) < 0.1


REFUSED = [
    "I'm sorry, but I cannot help with that.",
    "As an AI language model, I have no opinion.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Lo siento, pero no puedo ayudar.",
    "К сожалению, я не могу ответить.",
    "很抱歉，我无法回答。",
    "申し訳ありませんが、お答えできません。",
    "ขออภัยค่ะ ฉันไม่สามารถตอบได้",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text: str) -> None:
    assert phrases.REFUSAL.found(text.lower(), "")
    assert not phrases.REFUSAL.found(text.lower(), f"he said: {text}".lower())


SAID = [
    ("Sure, here is a version:", True),
    ("Here are the questions and answers based on it:", True),
    ("Let me know if you need more.", True),
    ("Based on the passage, it is red.", True),
    ("<|im_start|>user", True),
    ("User: do this", True),
    ("Here are the boats that I saw.", False),
    ("The system was built in 1990.", False),
]


@pytest.mark.parametrize(("text", "there"), SAID)
def test_chat(text: str, there: bool) -> None:
    assert bool(phrases.CHAT.found(text.lower(), "")) is there


def test_hints_leave_nothing_out() -> None:
    for pattern in (phrases.REFUSAL, phrases.CHAT):
        for said in (*REFUSED, *(text for text, there in SAID if there)):
            text = said.lower()
            assert bool(pattern.found(text, "")) is bool(
                pattern.found(f"{text} –", "")
            )  # the dash: not ASCII


def test_prompt_leaks_name_the_words() -> None:
    told = "Write up to eight questions in English that this document answers, each followed by its answer."
    found = Measured()
    said = "It says: write up to eight questions in English that this document answers."
    measure.surface(found, said, Source(TEXT, "en"), "en", measure.prompt_runs(told))
    assert found["prompt_overlap"] == 4
    assert found.seen["prompt_overlap"][0] == "write up to eight questions in english that"
    measure.surface(found, said, Source(told, "en"), "en", measure.prompt_runs(told))
    assert found["prompt_overlap"] == 0


def test_language_and_script() -> None:
    german = "Der Hafen ist nicht alt und wurde von Maurern mit Steinen gebaut."
    assert measure.wrong_language(words(german), "de") == 0
    assert measure.wrong_language(words(german), "en") >= 4
    assert measure.wrong_language(words(german), "und") == 0
    assert measure.script("Утром в порту было тихо и холодно.", "ru") == 1
    assert measure.script("In the morning it was quiet and cold.", "ru") == 0
    assert measure.script("NATO", "ru") == 1  # too short to tell


def test_passages() -> None:
    found = Measured()
    measure.passage(found, TEXT, words(TEXT), Source(TEXT, "en"), "en")
    assert (found["copied"], found["coverage"], found["numbers_lost"]) == (1, 1, 0)
    other = "Masons built it long ago, and nobody now knows what it did cost them."
    measure.passage(found, other, words(other), Source(TEXT, "en"), "en")
    assert found["copied"] == 0
    assert found["coverage"] < 0.5
    assert found["numbers_lost"] == 1


def translated(original: str, answer: str, target: str = "de") -> Measured:
    found = Measured()
    asked = prepared(original)
    translation.measure(found, asked, restored(asked, answer, target), "en", target)
    return found


def test_translations() -> None:
    original = "The harbour was built in 1888 with two cranes.\nSee $x$ there, and forty boats lie in it."
    good = (
        "[1] Der Hafen wurde 1888 mit 2 Kränen gebaut.\n[2] Siehe dort ⟦1⟧, und vierzig Boote liegen darin."
    )
    found = translated(original, good)
    assert {name: found[name] for name in ("units_missing", "spans_missing", "units_same", "numbers_changed")} == {
        "units_missing": 0, "spans_missing": 0, "units_same": 0, "numbers_changed": 0,
    }  # fmt: skip
    assert found["length_off"] < 1.2
    assert translated(original, good.replace("1888", "1889"))["numbers_changed"] == 2
    assert translated(original, good.replace("⟦1⟧", ""))["spans_missing"] == 1
    assert translated(original, good.split("\n")[0])["units_missing"] == 1
    same = "[1] The harbour was built in 1888 with two cranes.\n" + good.split("\n")[1]
    assert translated(original, same)["units_same"] == 1
    assert translated(original, good.replace("gebaut", "gebaut" + " und" * 60))["units_off"] > 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x^{2}", "x^2", True),
        ("\\left( a \\right)", "(a)", True),
        ("\\dfrac12", "\\frac12", True),
        ("a \\leq b.", "a\\le b", True),
        ("a \\, + b", "a+b", True),
        ("a + b", "a - b", False),
        ("\\leftarrow", "arrow", False),
    ],
)
def test_normal_forms_of_formulas(one: str, other: str, same: bool) -> None:
    assert (maths.normal(one) == maths.normal(other)) is same


PAGE = "Home | Log in\nLet $x^2 = 4$ and $$y = \\frac{1}{2}.$$ Then a + b = 7 holds for 12 cases.\n```\nx = 1\n```"


def cleaned(answer: str) -> Measured:
    found = Measured()
    maths.measure(found, answer, Source(PAGE, "en"))
    return found


def test_mathematics() -> None:
    good = "Let $x^{2} = 4$ and $y=\\frac12$. Then $a + b = 7$ holds for 12 cases.\n```\nx = 1  \n```"
    zeros = ("unbalanced", "formulas_added", "numbers_added", "code_changed")
    found = cleaned(good.replace("\\frac12", "\\frac{1}{2}"))
    assert {name: found[name] for name in (*zeros, "formulas_missing")} == dict.fromkeys(
        (*zeros, "formulas_missing"), 0
    )
    assert cleaned(good.replace("4$", "5$"))["formulas_missing"] >= 1
    assert cleaned(good.replace("$x^{2} = 4$", "it"))["formulas_missing"] >= 1
    assert cleaned(good + " $z = 1$")["formulas_added"] == 1
    assert cleaned(good + " $x^2 = 4$")["formulas_added"] == 0
    assert cleaned(good + " 99")["numbers_added"] == 1
    assert cleaned(good.replace("x = 1", "x = 2"))["code_changed"] == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("$a$ and $b$ for \\$5", 0),
        ("$a$ and $b", 1),
        ("$$a$$ $$", 1),
        ("`$` and\n```\n$ {\n```", 0),
        ("${a$", 1),
        ("\\begin{align} a \\end{align}", 0),
        ("\\begin{align} a", 1),
        ("\\( a", 1),
        ("$\\left( a )$", 1),
    ],
)
def test_balance(text: str, count: int) -> None:
    assert len(maths.unbalanced(text)) == count


def test_code_is_parsed_and_never_run() -> None:
    assert code.error_in("python", "x = 1\n") == ""
    assert code.error_in("python", "def f(:\n")
    assert code.error_in("python", "raise SystemExit\n") == ""
    assert code.error_in("brainfuck", "+") is None
    found = Measured()
    answer = "```py\nprint(1)\n```\ntext\n```python\nprint(\n"
    code.measure(found, answer, "What does parse_header do?", Source("def parse_header(): pass", "und"))
    assert (found["code_blocks"], found["code_errors"], found["question_grounded"]) == (2, 1, 1 / 3)


@pytest.mark.parametrize(
    ("language", "good", "bad"),
    [
        ("javascript", "const f = (x) => x + 1;", "const = ;"),
        ("typescript", "let x: number = 1;", "let x: = 1;"),
        ("java", "int f(int x) { return x; }", "int f(int x { return x; }"),
        ("c", "int f(int x) { return x; }", "int f( { return"),
        ("cpp", "auto f = [](int x) { return x; };", "auto f = [](int x { return x; };"),
        ("csharp", "public int F(int x) => x;", "public int F(int x => x;"),
        ("go", "x := 1\nfmt.Println(x)", "x := \nfunc ("),
        ("rust", 'let x = 1; println!("{}", x);', "let = 1; fn ("),
        ("php", "echo $x;", "echo $x ("),
        ("bash", "for f in *; do echo $f; done", "for f in *; do echo $f"),
    ],
)
def test_grammars(language: str, good: str, bad: str) -> None:
    pytest.importorskip("tree_sitter", reason="parsers of code (pip install 'nanocorpus[code]')")
    assert code.error_in(language, good) == ""
    assert code.error_in(language, bad)


def test_every_gate_is_a_column() -> None:
    row = measure.row(Measured())
    assert set(row) == {*(f"gate.{name}" for name in GATES), "gate.seen"}
    assert set(row.values()) == {None}


def test_yes_and_no_answer_other_questions() -> None:
    for question, off in (("How many boats?", True), ("Is it a boat?", False), ("Wie viele?", True)):
        assert bool(phrases.ASKS_WHAT.match(question.lower())) is off
    assert phrases.YES_NO.match("no, there is none.")
    assert not phrases.YES_NO.match("nobody, they say.")


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("according to the passage, it is red", True),
        ("what does the text say?", True),
        ("the author argues that", True),
        ("how long does the passage to lunna last?", False),
        ("who wrote the document of 1215?", False),
    ],
)
def test_speaking_of_the_text(text: str, there: bool) -> None:
    assert bool(phrases.REFERS.search(text)) is there
