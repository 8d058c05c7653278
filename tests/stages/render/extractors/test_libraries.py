from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from stages.render import extractors
from stages.render.extractors import ExtractionError, Extractor, Text, check, libraries, open_extractor
from stages.render.guards import MAX_CHARS

ROOT = Path(__file__).resolve().parents[4]


def paragraphs(*texts: str, lang: str = "") -> str:
    attribute = f' lang="{lang}"' if lang else ""
    body = "".join(f"<p>{text}</p>" for text in texts)
    return f"<html{attribute}><head><title> A \n page </title></head><body><nav><a href=/>Home</a></nav><article>{body}</article></body></html>"


ENGLISH = (
    "The harbour was built in the years after the great storm, and it has been in use by the fishermen of the town"
    " ever since, because there is no other place on this coast where a boat can be kept through the winter."
)
GERMAN = (
    "Der Hafen wurde in den Jahren nach dem großen Sturm gebaut und wird seitdem von den Fischern der Stadt genutzt,"
    " weil es an dieser Küste keinen anderen Ort gibt, an dem ein Boot über den Winter liegen kann, ohne dass es Schaden nimmt."
)
RUSSIAN = (
    "Гавань была построена в годы после большой бури, и с тех пор ею пользуются рыбаки города, потому что на этом берегу"
    " нет другого места, где лодка может стоять всю зиму, и потому что дорога к ней была проложена ещё в прошлом веке."
)
JAPANESE = (
    "この港は大嵐の後に造られ、それ以来、町の漁師たちに使われている。冬の間に船を置ける場所は、この海岸にはほかにないからである。"
    * 3
)


def opened(name: str) -> Extractor:
    if name != "resiliparse":
        pytest.importorskip(name, reason=f"needs {name}: pip install 'nanocorpus[extractors]'")
    return open_extractor(name)


def test_the_pairs_are_known_without_importing_anything() -> None:
    program = (
        "import sys\n"
        "from stages.render import extractors\n"
        "for pair in [('lynx', 'full'), ('resiliparse', 'full'), ('resiliparse', 'main'), ('trafilatura', 'main'), ('justext', 'main')]:\n"
        "    extractors.check(*pair)\n"
        "assert not {'trafilatura', 'justext', 'lxml', 'resiliparse', 'stages.render.extractors.lynx'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "lynx",
            "main",
            "lynx has content 'full' only; content 'main' is for justext, resiliparse, trafilatura",
        ),
        (
            "trafilatura",
            "full",
            "trafilatura has content 'main' only; content 'full' is for lynx, resiliparse",
        ),
        ("justext", "full", "justext has content 'main' only"),
        ("resiliparse", "some", "resiliparse has content 'full' and 'main' only$"),
        ("trafilatra", "main", "did you mean 'trafilatura'"),
        ("w3m", "full", "there are: justext, lynx, resiliparse, trafilatura"),
    ],
)
def test_other_pairs_are_refused(name: str, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(name, content)
    if name not in extractors.get_args(extractors.Name):
        with pytest.raises(ValueError, match="unknown extractor"):
            open_extractor(name)


@pytest.mark.parametrize("name", ["trafilatura", "justext"])
def test_a_missing_package_names_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'nanocorpus\[extractors\]'"):
        open_extractor(name)


@pytest.mark.parametrize("name", ["resiliparse", "trafilatura", "justext"])
def test_main_content(name: str) -> None:
    found = opened(name).render(
        paragraphs(*[ENGLISH] * 4, lang="en"), content="main", url="https://example.org/"
    )
    assert isinstance(found, Text)
    assert found.title == "A page"
    assert ENGLISH in found.text
    assert "Home" not in found.text


@pytest.mark.parametrize("name", ["trafilatura", "justext"])
def test_full_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="main content only"):
        opened(name).render("<p>x</p>", content="full", url=None)


def test_resiliparse_full() -> None:
    found = opened("resiliparse").render(paragraphs(ENGLISH), content="full", url=None)
    assert "Home" in found.text
    assert ENGLISH in found.text


PAIRS: list[tuple[str, Literal["full", "main"]]] = [
    ("resiliparse", "full"),
    ("resiliparse", "main"),
    ("trafilatura", "main"),
    ("justext", "main"),
]


@pytest.mark.parametrize(("name", "content"), PAIRS)
@pytest.mark.parametrize(
    "html", ["", " ", "<!-- x -->", "<script>x</script>", "<html></html>", "<img src=x>", "\ud800"]
)
def test_pages_without_text(name: str, content: Literal["full", "main"], html: str) -> None:
    found = opened(name).render(html, content=content, url=None)
    assert found.text.replace("\ufffd", "") == ""
    assert found.title == ""


@pytest.mark.parametrize(("name", "content"), PAIRS)
def test_charsets_declarations_and_control_characters_do_no_harm(
    name: str, content: Literal["full", "main"]
) -> None:
    html = (
        '<?xml version="1.0" encoding="gb2312"?><html lang="de"><meta charset="gb2312"><title>Überfahrt</title>'
        f"<body><article>{f'<p>{GERMAN}</p>' * 3}<p>\0 \x01 \ud800 {GERMAN}</p></article>"
    )
    found = opened(name).render(html, content=content, url=None)
    # trafilatura prints equal paragraphs twice at most
    assert found.text.count("Küste keinen anderen Ort") == (2 if name == "trafilatura" else 4)
    assert found.title == "Überfahrt"


@pytest.mark.parametrize(("name", "content"), PAIRS)
def test_hostile_and_oversized_pages(name: str, content: Literal["full", "main"]) -> None:
    extractor = opened(name)
    for depth in (230, 400, 20_000):
        page = paragraphs(*[ENGLISH] * 3, lang="en").replace("<article>", "<div>" * depth + "<article>")
        assert ENGLISH in extractor.render(page, content=content, url=None).text
    with pytest.raises(ValueError, match="larger than"):
        extractor.render("x" * (MAX_CHARS + 1), content=content, url=None)


def test_a_package_that_fails_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = libraries.Resiliparse()

    def fails(*_: object, **__: object) -> str:
        raise RuntimeError("no memory for this")

    monkeypatch.setattr(extractor, "_extract", fails)
    with pytest.raises(ExtractionError, match="RuntimeError: no memory for this"):
        extractor.render("<p>x</p>", content="full")
    monkeypatch.setattr(extractor, "_extract", lambda *_, **__: " ")
    with pytest.raises(ExtractionError, match="gave nothing"):
        extractor.render("<p>x</p>", content="full")
    assert extractor.render("<p>x</p>", content="main").text == ""


# jusText -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lang"),
    [(ENGLISH, "en-GB"), (ENGLISH, ""), (GERMAN, "de_DE"), (GERMAN, ""), (RUSSIAN, ""), (RUSSIAN, "en")],
)
def test_justext_takes_the_stop_list_of_the_page(text: str, lang: str) -> None:
    found = opened("justext").render(paragraphs(*[text] * 3, lang=lang), content="main", url=None)
    assert found.text.split("\n\n") == [text] * 3


@pytest.mark.parametrize(
    ("text", "lang", "message"),
    [
        (JAPANESE, "ja", "Chinese or Japanese"),
        (JAPANESE, "en", "Chinese or Japanese"),
        (JAPANESE, "", "Chinese or Japanese"),
        ("ท่าเรือแห่งนี้สร้างขึ้นหลังจากพายุใหญ่ " * 9, "", "Thai"),
        ("Toki li pona tawa jan ale. " * 20, "tok", "'tok'"),
    ],
)
def test_a_language_without_a_stop_list_is_a_failure(text: str, lang: str, message: str) -> None:
    with pytest.raises(ExtractionError, match=f"no stop list for this language.*{message}"):
        opened("justext").render(paragraphs(text, lang=lang), content="main", url=None)


def test_every_stop_list_is_there() -> None:
    opened("justext")
    import justext

    names = {name for lists in libraries._LISTS.values() for name in lists.values()}
    assert names <= justext.get_stoplists()
