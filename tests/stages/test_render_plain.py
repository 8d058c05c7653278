"""The plain renderer and the stage around it: on small pages, hostile ones and real ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.render import render
from stages.render.stage import Render, RenderConfig

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def text(html: str, **options: str) -> str:
    return render(html, **options).text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>Tide</h1><p>one<p>two", "Tide\n\none\n\ntwo"),
        ("<div>a<div>b</div>c</div>", "a\nb\nc"),
        ("<section>a</section><section>b</section>", "a\nb"),
        ("<p>a <b> b</b>\n\t c</p>", "a b c"),
        ("<p>un<i>brok</i>en", "unbroken"),
        ("<p>a&nbsp;&nbsp;b&shy;c&amp;d&lt;e", "a bc&d<e"),
        ("<p>&nbsp;</p>", ""),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<p>a<br></p><p>b", "a\n\nb"),
        ("<ul><li>a<li>b</ul><p>c", "* a\n* b\n\nc"),
        ("<ul><li></li><li><a href=x>a</a></li></ul>b", "* a\n\nb"),
        ("<dl><dt>a<dd>b</dl>", "a\nb"),
        ("<button>a</button><button>b</button>", "a b"),
        ("<table><caption>T</caption><tr><th>a<th>b<tr><td>1<td>2</table>", "T\na | b\n1 | 2"),
        ("<table><tr><td>a<td><td>b</table>", "a |  | b"),
        ("<table><tr><td> <td></table>x", "x"),
        ("<table><tr><td>menu<td><p>a<p>b</table>", "menu\na\n\nb"),
        (
            "<table><tr><td><table><tr><td>1<td>2</table><td>b</table>",
            "1 | 2 | b",
        ),
        ("x<pre>\n\n  a  b\n\tc \n\n</pre>y", "x\n\n  a  b\n\tc\n\ny"),
        ("<pre>a<br>b<span> c</span><div>d</div>e</pre>", "a\nb c\nd\ne"),
        ("<pre><table><tr><td>1<td>a<tr><td>2<td>b</table></pre>", " 1  a \n 2  b"),
        ("<ul><li><pre>a\n b</pre></ul>", "a\n b"),
        ("<p>日本\u3000語</p>", "日本\u3000語"),
    ],
)
def test_layout(html: str, expected: str) -> None:
    assert text(html) == expected


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>x</script>",
        "<style>x</style>",
        "<template><p>x</template>",
        "<noscript>x</noscript>",
        "<p hidden>x</p>",
        "<div style='color:red; Display : NONE'><p>x</p></div>",
        "<dialog>x</dialog>",
        "<select><option>x</select>",
        "<textarea>x</textarea>",
        "<svg><text>x</text></svg>",
        "<img alt=x src=x>",
        "<!-- x -->",
        "<math><annotation encoding='application/x-tex'>x</annotation></math>",
    ],
)
def test_what_does_not_show(unseen: str) -> None:
    assert text(f"<head><title>x</title></head><p>before</p>{unseen}<p>after") == "before\n\nafter"


def test_a_page_that_hides_itself_until_its_script_runs_is_read() -> None:
    assert text("<html hidden><body style='display:none'><p>a") == "a"


def test_noscript_stands_in_for_a_page_without_other_text() -> None:
    assert text("<body><div id=app></div><noscript><p>thread</p></noscript>") == "thread"


def test_main_leaves_out_landmarks_around_the_content() -> None:
    html = (
        "<header>logo</header><nav>menu</nav><form>search</form>"
        "<main><header><h1>Title</h1></header><nav>toc</nav><p>body</p><aside>ad</aside>"
        "<footer>by us</footer></main>"
        "<footer>imprint</footer>"
    )
    assert text(html, content="main") == "Title\n\nbody\n\nby us"
    assert {"menu", "imprint"} <= set(text(html).split())


def test_main_keeps_a_form_that_holds_the_content_and_pages_without_marks() -> None:
    assert text("<form><nav>menu</nav><article>a</article></form>", content="main") == "a"
    assert text("<nav>menu</nav><p>a", content="main") == "menu\n\na"


def test_counts() -> None:
    page = render(
        "<title> Two\n words </title><a href=/>a</a><a name=b>b</a><pre>code</pre><pre> </pre>"
        "<table><tr><td>1<td>2</table><table><tr><td>layout</table>"
        "<math><mi>x</mi></math><script type='math/tex; mode=display'>y</script>"
        "<span class=katex><math><mi>z</mi></math></span><span class='katex'>w</span><math hidden></math>"
    )
    assert (page.title, page.links, page.code_blocks, page.tables) == ("Two words", 1, 1, 1)
    assert page.equations == 4
    assert page.chars == len(page.text)


@pytest.mark.parametrize("html", ["", " ", "<frameset><frame src=x></frameset>", "<html></html>", "<title>t"])
def test_nothing_to_show_is_an_empty_text(html: str) -> None:
    assert text(html) == ""


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 30_000 + "x",  # the parser takes quadratic time for these: 60,000 are 9 s
        "<b>" * 60_000 + "x",
        "<table><tr><td>" * 20_000 + "x",
        "<main>" + "<aside>" * 3_000 + "</aside>" * 3_000 + "x",
        "<span class=katex>" * 20_000 + "<math>x",
        "<pre>" * 3_000 + "x",
    ],
    ids=["div", "b", "table", "aside", "katex", "pre"],
)
@pytest.mark.parametrize("content", ["full", "main"])
def test_depth_costs_no_recursion(html: str, content: str) -> None:
    assert text(html, content=content).strip() == "x"


def test_nul_and_lone_surrogates_are_harmless() -> None:
    assert text("<p>a\x00b\ud800c</p><p>d") == "abc\n\nd"


_TAGS = (
    "a b br button caption div dialog form head li math main nav noscript ol p pre script svg table td title"
    " tr ul"
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([f"<{c}{tag}>" for tag in _TAGS.split() for c in ("", "/")]),
            st.sampled_from(["word", " ", "\n", "&nbsp;", "<p hidden>", "<!--", "<", "\x00", "語"]),
        ),
        max_size=40,
    )
)
def test_any_soup_gives_tidy_text_and_the_same_again(parts: list[str]) -> None:
    html = "".join(parts)
    contents: tuple[Literal["full", "main"], ...] = ("full", "main")
    for content in contents:
        page = render(html, content=content)
        assert page == render(html, content=content)
        assert page.text == page.text.strip("\n")
        assert "\n\n\n" not in page.text or "<pre>" in html
        assert page.text.count("word") <= html.count("word")


def stage(content: str = "full") -> Render:
    made = Render(RenderConfig(content=content))  # type: ignore[arg-type]
    made.open()
    return made


def table(*rows: tuple[str | None, str | None]) -> pa.Table:
    html, texts = zip(*rows, strict=True) if rows else ((), ())
    columns = {"html": html, "text": texts, "url": ["http://a.test/"] * len(rows)}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_stage_columns_and_documents_that_came_as_text() -> None:
    done = stage().annotate(table(("<title>T</title><p>a<p>b", None), (None, "plain"), ("", None)))
    assert not done.faults
    got = pa.table(dict(done.columns))
    assert got.schema.equals(Render.adds)
    assert got["text"].to_pylist() == ["a\n\nb", "plain", ""]
    assert got["title"].to_pylist() == ["T", None, None]
    assert got["render.extractor"].to_pylist() == ["plain", "none", "plain"]
    assert got["render.chars"].to_pylist() == [4, 5, 0]


def test_stage_on_no_rows() -> None:
    assert pa.table(dict(stage().annotate(table()).columns)).schema.equals(Render.adds)


def test_a_row_that_cannot_be_rendered_is_a_fault_and_no_text() -> None:
    done = stage().annotate(table(("<p>a", None), (None, None)))
    assert list(done.faults) == [1]
    assert done.faults[1].reason == "render_error"
    assert done.columns["text"].to_pylist() == ["a", None]


def test_an_exception_stays_with_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(html: str, **options: object) -> object:
        if "bad" in html:
            raise ValueError("unheard of")
        return render(html)

    monkeypatch.setattr("stages.render.stage.render", failing)
    done = stage().annotate(table(("<p>a", None), ("bad", None), ("<p>b", None)))
    assert done.columns["text"].to_pylist() == ["a", None, "b"]
    assert done.faults[1] == ("render_error", "ValueError: unheard of")


def test_real_pages_show_the_words_that_their_gold_text_has() -> None:
    path = DATA / "gold" / "aeb.jsonl.gz"
    if not path.exists():
        pytest.skip(
            "needs ../shared/data/gold (real pages with gold text), which is not part of the repository"
        )
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pages = [json.loads(line) for _, line in zip(range(60), lines, strict=False)]
    recalls = []
    for page in pages:
        seen, gold = set(render(page["html"]).text.split()), set(page["main"].split())
        recalls.append(len(seen & gold) / len(gold))
    assert sum(recalls) / len(recalls) > 0.97
