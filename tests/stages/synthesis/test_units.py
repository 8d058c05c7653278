"""Texts as numbered units: what comes back is the text, what must not change is guarded by marks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.synthesis.units import prepared, restored

TEXT = """Question: What is $x^2$ of `len`?
Answer: See https://a.test/x, page 3.

```
left as it is
```
  1.5 2
  An indented <b>line</b>."""


def test_lines_with_letters_are_shown_with_marks() -> None:
    assert prepared(TEXT).shown == (
        "[1] What is ⟦1⟧ of ⟦2⟧?\n[2] See ⟦3⟧, page 3.\n[3] An indented ⟦4⟧line⟦5⟧."
    )


def test_a_whole_answer_gives_a_whole_text() -> None:
    answer = "[1] Was ist ⟦1⟧ von ⟦2⟧?\n[2] Siehe ⟦3⟧, Seite 3.\n\n[3] Eine eingerückte ⟦4⟧Zeile⟦ 5 ⟧.\n"
    back = restored(prepared(TEXT), answer, "de")
    assert (back.missing, back.extra, back.marks) == ((), (), ())
    assert back.text == TEXT.replace("Question: What is", "Frage: Was ist").replace(" of ", " von ").replace(
        "Answer: See", "Antwort: Siehe"
    ).replace("page", "Seite").replace("An indented", "Eine eingerückte").replace("line<", "Zeile<")


def test_what_is_wrong_with_an_answer_is_named() -> None:
    asked = prepared(TEXT)
    back = restored(asked, "[1] ⟦1⟧ ⟦1⟧\n[3] ⟦4⟧ ⟦5⟧ ⟦9⟧\n[3] again\n[7] x\n", "de")
    assert back.missing == (2,)
    assert back.extra == ("[3]", "[7]")
    assert back.marks == ("$x^2$", "`len`", "https://a.test/x", "⟦9⟧")
    assert restored(asked, "Here it is:\n[1] ⟦1⟧ ⟦2⟧\nand more\n[2] ⟦3⟧\n[3] ⟦4⟧⟦5⟧", "de").extra == (
        "Here it is:",
        "[1] has 2 lines",
    )
    assert restored(asked, "[2] ⟦3⟧\n[1] ⟦1⟧ ⟦2⟧\n[3] ⟦4⟧⟦5⟧", "de").extra == ("[1]",)


@given(st.text("aé $`<>/x[]⟦⟧1\n.", max_size=120))
@settings(max_examples=300, deadline=None)
def test_the_text_itself_as_an_answer_gives_the_text(text: str) -> None:
    asked = prepared(text)
    back = restored(asked, asked.shown, "en")
    assert (back.missing, back.extra, back.marks) == ((), (), ())

    def plain(text: str) -> list[str]:
        return [line.strip() for line in text.replace("⟦", "[").replace("⟧", "]").split("\n")]

    assert plain(back.text) == plain(text)
