"""Scripts: of letters, of languages, and those that have few letters in a text."""

from __future__ import annotations

import pytest

from stages.language.scripts import WRITTEN_IN, fits, measure, without_rare


def test_scripts_of_letters_are_those_of_unicode() -> None:
    regex = pytest.importorskip("regex", reason="needs regex, which has the property Script")
    letters = [chr(c) for c in range(1 << 16) if chr(c).isalpha() and not 0xD800 <= c < 0xE000]
    counted, _ = measure(letters, [None] * len(letters))
    classes = {code: rf"\p{{Script={code}}}" for code in set(counted) - {"Zzzz", None}}
    classes |= {"Jpan": r"[\p{Script=Hira}\p{Script=Kana}]", "Hani": r"[\p{Script=Hani}\p{Script=Bopo}]"}
    truth = {letter: code for code, of in classes.items() for letter in regex.findall(of, "".join(letters))}
    wrong = [one for one, code in zip(letters, counted, strict=True) if truth.get(one, "Zzzz") != code]
    # raised letters of phonetics, and signs such as that of the Kelvin, have names of their own
    assert {one for one in wrong if not regex.fullmatch(r"\p{Lm}", one)} == set("ªº\u2126\u212a\u212bℲⅎↃ〆")


@pytest.mark.parametrize(
    ("text", "script", "languages"),
    [
        ("Grüße aus Łódź", "Latn", "de pl en cs ka"),
        ("Ждём ответа, please", "Cyrl", "ru cs"),
        ("図書館の開館時間", "Jpan", "ja cs"),
        ("圖書館下個星期開始", "Hani", "zh cs"),
        ("店招牌写着「いら」但是老板是广东人只会说中文听不懂日文", "Hani", "zh"),
        ("pip install foo bar で新しい版を入れる", "Latn", "ja en"),
        ("ＡＢＣ ｱｲｳｴ", "Jpan", "ja"),
        ("x = 在; return other.map(function)", "Latn", "en"),
        ("도서관은 漢字", "Hang", "ko"),
        ("ห้องสมุดจะเปิดถึงสองทุ่ม", "Thai", "th"),
        ("𝑥 + 𝑦 = 42", None, ""),
    ],
)  # fmt: skip
def test_which_languages_a_script_speaks_for(text: str, script: str | None, languages: str) -> None:
    known = [*WRITTEN_IN, "cs", "ka"]
    most, shares = measure([text] * len(known), known)
    assert set(most) == {script}
    fitting = {code for code, *found in zip(known, most, shares, strict=True) if fits(code, *found)}
    latin = {code for code, own in WRITTEN_IN.items() if own == "Latn"} if script == "Latn" else set()
    assert fitting == {*languages.split(), *latin, "cs", "ka"}


def test_letters_of_scripts_that_are_rare_do_not_count() -> None:
    latin = "a word " * 30
    for rare in ("हिन्दी नेपाली", "日本語の 中文", "العَرَبِيَّة"):
        left = without_rare(f"{latin}{rare} {latin}")
        assert (left.split(), len(left)) == ((latin * 2).split(), len(f"{latin}{rare} {latin}"))
    for text in ("", "42", latin, "日本語の本 and some words", "한국어 漢字", "ε > 0"):
        assert without_rare(text) == text
