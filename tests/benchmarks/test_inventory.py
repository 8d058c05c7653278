"""The judge of the renderer is judged here: what the inventory takes from a page, and how texts are scored."""

from __future__ import annotations

import itertools
import random
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lxml", reason="the inventory parses with lxml (pip install 'nanocorpus[bench]')")

from benchmarks import main_content, render_fidelity, render_hostile
from benchmarks.lib import dom, inventory, mutations
from benchmarks.lib.pages import tokens
from benchmarks.render_fidelity import score

MATHML = (
    '<math alttext="E=mc^{2}"><semantics><mrow><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup><mo>+</mo>'
    '<mn>0</mn></mrow><annotation encoding="application/x-tex">E = mc^{2}+0</annotation></semantics></math>'
)


def carried(html: str) -> list[tuple[str, str]]:
    return [(f.carrier, f.tex) for f in inventory.take(html).formulas]


def test_one_formula_has_one_source_the_most_trusted() -> None:
    katex = f'<span class="katex"><span class="katex-mathml">{MATHML}</span><span class="katex-html">E=mc2+0</span></span>'
    assert carried(f"<p>See {katex}.</p>") == [("annotation", "E=mc^{2}+0")]
    wiki = f'<span class="mwe-math-element"><span style="display:none">{MATHML}</span><img class="mwe-math-fallback-image-inline" alt="{{\\displaystyle E}}"></span>'
    assert carried(wiki) == [("annotation", "E=mc^{2}+0")]
    assert carried('<math alttext="{\\displaystyle x+%\ny}"><mi>x</mi></math>') == [("alttext", "x+y")]


def test_mathjax_output_before_its_script_is_the_same_formula() -> None:
    html = (
        '<p>So <span class="MathJax_Preview">a over b</span><span class="MathJax" data-mathml="<math></math>">ab rendered'
        '</span><script type="math/tex; mode=display">\\frac{a}{b}</script> holds.</p>'
    )
    found = inventory.take(html)
    assert [(f.carrier, f.tex) for f in found.formulas] == [("script", "\\frac{a}{b}")]
    assert set(found.formulas[0].twins) == {"aoverb", "abrendered"}
    assert "rendered" not in found.text


def test_labels_are_tex_or_speech_by_the_page() -> None:
    tex = '<mjx-container aria-label="\\frac{a}{b}"></mjx-container><mjx-container aria-label="x"></mjx-container>'
    assert carried(tex) == [("attribute", "\\frac{a}{b}"), ("attribute", "x")]
    assert carried('<mjx-container aria-label="a over b"></mjx-container>') == []


@pytest.mark.parametrize(
    ("image", "tex"),
    [
        ('<img class="latex" src="1.png" alt="$\\pi r^2$">', ["\\pir^2"]),
        ('<img src="https://latex.codecogs.com/gif.latex?\\dpi{150}&space;x^2&plus;1">', None),
        ('<img src="https://s0.wp.com/latex.php?latex=x%5E2%2B1&bg=ffffff" alt="">', ["x^2+1"]),
        ('<img src="holiday.jpg" alt="We at the sea, 2^nd day">', []),
        ('<img src="/img/latex/shop.jpg" alt="gloves made of latex">', []),
    ],
)
def test_images_carry_tex_where_their_source_or_class_says_so(image: str, tex: list[str] | None) -> None:
    found = [t for _, t in carried(f"<p>{image}</p>")]
    assert found == tex if tex is not None else len(found) == 1


def test_what_is_not_on_the_page_is_not_in_the_inventory() -> None:
    dead = f"<!-- {MATHML} --><template>{MATHML}</template><noscript>{MATHML}</noscript><textarea>{MATHML}</textarea>"
    found = inventory.take(f"<p>Text</p>{dead}<script>var a = '\\\\(x\\\\)';</script><p hidden>\\(y\\)</p>")
    assert (found.formulas, found.raw, tokens(found.text)) == ([], [], ["text"])
    tab = inventory.take(f'<div style="display: none"><p>Later: {MATHML}</p></div>')
    assert [f.hidden for f in tab.formulas] == [True]


def test_raw_delimiters_in_text_not_in_code_and_not_currency() -> None:
    html = (
        "<p>Let \\(a+b\\), \\[c\nd\\] and $x_1$ and $$\\sum<br>x$$</p><p>\\begin{align}a&amp;=b\\end{align}</p>"
        "<p>It is $5 today and $10 tomorrow.</p><pre>\\(no\\)</pre><p>A <code>$x$</code> in code</p>"
    )
    assert inventory.take(html).raw == ["a+b", "cd", "x_1", "\\sumx", "\\begin{align}a&=b\\end{align}"]


def test_code_is_lines_without_gutter_and_entities() -> None:
    html = (
        "<table><tr><td class='gutter'><pre>1\n2\n</pre></td><td class='code'><pre>\ndef f(x):\n\treturn x &lt; 1  \n\n"
        "f(<b>2</b>)\n</pre></td></tr></table><pre><span class='lineno'>1</span>a<br>  b</pre>"
    )
    assert inventory.take(html).code == [["def f(x):", "        return x < 1", "", "f(2)"], ["a", "  b"]]


def test_tables_of_data_and_of_layout() -> None:
    data = "<table><tr><th>Name</th><th>H<sub>2</sub>O</th></tr><tr><td>a <i>b</i></td><td>1<br>2</td></tr></table>"
    assert inventory.take(data).tables == [[["Name", "H2O"], ["ab", "12"]]]
    layout = (
        "<table><tr><td><p>Left</p><p>column</p></td><td>Right</td></tr><tr><td>x</td><td>y</td></tr></table>"
    )
    nested = f"<table><tr><td>{data}</td><td>side</td></tr></table>"
    assert inventory.take(layout).tables == []
    assert inventory.take(nested).tables == [[["Name", "H2O"], ["ab", "12"]]]


def test_scores_of_a_faithful_text_and_of_others() -> None:
    html = (
        f"<p>Energy {MATHML} is \\(n\\) mass</p><pre>if x:\n    y()\n    z()</pre>"
        "<table><tr><th>k</th><th>v</th></tr><tr><td>one</td><td>1</td></tr></table>"
    )
    found = inventory.take(html)
    faithful = "Energy $E = mc^{2}+0$ is \\(n\\) mass\n\n  if x:\n      y()\n      z()\n\nk | v\none | 1"
    scores = score(found, faithful)
    assert all(got == of for got, of in scores.shares.values())
    assert set(scores.shares) == {
        "annotation",
        "raw",
        "delimited",
        "code lines",
        "indentation",
        "table rows",
        "words",
        "order",
    }
    assert scores.copies == 0

    flat = score(found, "mass is E=mc2+0 E = mc^{2}+0 Energy\nif x:\ny()\n  z()\nk\nv\none 1")
    assert flat.shares["annotation"] == (1, 1)
    assert flat.shares["delimited"] == (0, 1)
    assert flat.shares["raw"] == (0, 1)
    assert flat.shares["code lines"] == (3, 3)
    assert flat.shares["indentation"] == (0, 1)
    assert flat.shares["table rows"] == (1, 2)
    assert flat.shares["order"][0] < flat.shares["order"][1]
    assert flat.copies == 1
    assert score(found, faithful + " $E = mc^{2}+0$").copies == 1


def test_a_long_formula_does_not_count_for_the_short_one_in_it() -> None:
    counts, rest = render_fidelity.consume("a$x^2+y$b$x$", ["x", "x^2+y"])
    assert counts == {"x^2+y": 1, "x": 1}
    assert "x" not in rest


@given(st.lists(st.integers(0, 50), max_size=12))
def test_increasing_is_the_longest(sequence: list[int]) -> None:
    longest = 0
    for mask in range(1 << min(len(sequence), 8)):
        chosen = [v for i, v in enumerate(sequence[:8]) if mask >> i & 1]
        if all(a < b for a, b in itertools.pairwise(chosen)):
            longest = max(longest, len(chosen))
    assert render_fidelity.increasing(sequence[:8]) == longest


@given(st.text(alphabet=st.sampled_from("<>/=\"' abpretdhmx$\\(){}_^&;\x00\ud800漢\n"), max_size=200))
def test_any_text_has_an_inventory_which_a_text_can_be_scored_by(html: str) -> None:
    found = inventory.take(html)
    score(found, html)
    dom.visible(html)


def test_tokens_and_f1() -> None:
    assert tokens("Das Maß: 3.5 kg 漢字とabcไทย") == ["das", "maß", "3", "5", "kg", *"漢字と", "abc", *"ไทย"]
    assert main_content.score("a b b c", "A B d") == pytest.approx((0.5, 2 / 3, 4 / 7))
    assert main_content.score("", "") == (1.0, 1.0, 1.0)
    assert main_content.score("a", "") == (0.0, 0.0, 0.0)


def test_mutants_are_a_function_of_seed_and_number() -> None:
    bases = ["<html><body>" + "<p>Some text &amp; <b>more</b>.</p>" * 40 + "</body></html>"]
    pages = [mutations.mutant(1, number, bases) for number in range(60)]
    assert pages == [mutations.mutant(1, number, bases) for number in range(60)]
    assert pages != [mutations.mutant(2, number, bases) for number in range(60)]
    assert max(map(len, pages)) <= mutations.MB
    for mutation in mutations.MUTATIONS:
        assert isinstance(mutation(random.Random(0), ""), str)


def test_a_child_that_dies_or_raises_costs_its_own_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def harmful(html: str, content: str) -> object:
        if html == "die":
            resource.setrlimit(resource.RLIMIT_CPU, (0, 0))
            while True:
                pass
        raise ValueError("no page")

    monkeypatch.setattr(render_hostile, "render", harmful)
    monkeypatch.setattr(render_hostile, "_RECORDS", [("a", "x"), ("b", "die"), ("c", "y")])
    done, died = render_hostile.run(range(3), 0, 1)
    assert {one.page: one.error for one in done} == {
        0: "main: ValueError: no page",
        2: "main: ValueError: no page",
    }
    assert set(died) == {1}
