"""The main-content model: what it counts, that its loops and torch agree, and what it picks on pages."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.lib import data
from stages.compiled import compiled
from stages.render.block_kernels import CONTAINER, PRE, ROW, TEXT
from stages.render.blocks import KINDS, Block, Container, blocks_of, looks_of, outline_of
from stages.render.main import DOUBT, _shipped, choose, load, select, soften
from stages.render.main.align import scores, tokens
from stages.render.main.features import GROUP_FEATURES, Vocabulary, extract
from stages.render.main.network import probabilities, weights_of
from stages.render.main.tree import LEVELS, Names, tree
from stages.render.text import render, structure


def block(text: str, container: int = 0, kind: str = "text", link_chars: int = 0) -> Block:
    return Block(text, kind, 0, container, "", 1, int(link_chars > 0), link_chars, 0)  # type: ignore[arg-type]


def chosen(html: str) -> str:
    blocks, containers = structure(html)
    return "\n".join(
        b.text
        for b, keep in zip(blocks, select(blocks_of(blocks), outline_of(containers)), strict=True)
        if keep
    )


# Groups


def test_wrappers_and_empty_containers_do_not_count() -> None:
    blocks = [block("a", 4), block("b", 5)]
    plain = [Container(-1, "body", "", 0, 2), Container(0, "p", "", 0, 1), Container(0, "p", "", 1, 2)]
    wrapped = [
        Container(-1, "body", "", 0, 2),
        Container(0, "nav", "menu", 0, 0),
        Container(0, "div", "", 0, 2),
        Container(2, "div", "", 0, 0),
        Container(2, "p", "", 0, 1),
        Container(2, "p", "", 1, 2),
    ]
    vocabulary = Vocabulary(["<p>", "<nav>", "menu"], [])
    one = extract(blocks_of([block("a", 1), block("b", 2)]), outline_of(plain), vocabulary)
    two = extract(blocks_of(blocks), outline_of(wrapped), vocabulary)
    assert (
        one.ancestors.tolist()
        == two.ancestors.tolist()
        == [[1, 0] + [3] * (LEVELS - 2), [2, 0] + [3] * (LEVELS - 2)]
    )
    assert two.name_ids.tolist() == [0, 0]
    assert two.name_groups.tolist() == [1, 2]


# Network


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[Block], list[Container]]:
    """A random tree of containers over random blocks."""
    containers = [Container(-1, "body", "", 0, 0)]
    blocks: list[Block] = []

    def fill(parent: int, depth: int) -> None:
        for _ in range(draw(st.integers(0, 3))):
            if depth < 4 and draw(st.booleans()):
                tag = draw(st.sampled_from(["div", "p", "li", "nav", "section", "tr"]))
                names = draw(st.sampled_from(["", "menu", "post content", "x9 Über"]))
                containers.append(Container(parent, tag, names, len(blocks), 0))
                index = len(containers) - 1
                fill(index, depth + 1)
                containers[index].last = len(blocks)
            else:
                text = draw(st.text(min_size=1, max_size=30))
                blocks.append(block(text, parent, draw(st.sampled_from(KINDS)), draw(st.integers(0, 40))))

    fill(0, 0)
    containers[0].last = len(blocks)
    return blocks, containers


@given(pages())
@settings(deadline=None)
def test_any_page_with_blocks_gets_some_content(page: tuple[list[Block], list[Container]]) -> None:
    blocks, containers = page
    keep = select(blocks_of(blocks), outline_of(containers))
    assert len(keep) == len(blocks)
    assert any(keep) == bool(blocks)
    assert (keep == select(blocks_of(blocks), outline_of(containers))).all()


@given(pages())
@settings(deadline=None)
def test_groups_by_their_definition(page: tuple[list[Block], list[Container]]) -> None:
    blocks, containers = page
    if not blocks:
        return
    inner = np.array([block.container for block in blocks])
    found = tree(inner, outline_of(containers), Names([]))
    spans = list(dict.fromkeys((c.first, c.last) for c in containers if c.first < c.last))
    looks = {span: (c.tag, c.names) for c in reversed(containers) if (span := (c.first, c.last)) in spans}
    around = [[s for s in spans if s != span and s[0] <= span[0] and span[1] <= s[1]] for span in spans]
    assert list(zip(found.first.tolist(), found.last.tolist(), strict=True)) == spans
    up = [spans.index(min(outer, key=lambda s: s[1] - s[0])) if outer else len(spans) for outer in around]
    assert found.up.tolist() == up
    assert found.wraps.tolist() == [sum((c.first, c.last) == span for c in containers) for span in spans]
    keys = [(up[group], looks[span]) for group, span in enumerate(spans)]
    assert found.alike.tolist() == [keys.count(key) for key in keys]
    assert found.rank.tolist() == [keys[:group].count(key) for group, key in enumerate(keys)]
    for block in range(len(blocks)):
        inside = sorted((s for s in spans if s[0] <= block < s[1]), key=lambda s: s[1] - s[0])
        assert found.depth[block] == len(inside)
        chain = [spans.index(span) for span in inside] + [len(spans)] * LEVELS
        assert found.ancestors[block].tolist() == chain[:LEVELS]


def test_kin_have_the_same_known_words_whatever_their_numbers() -> None:
    names = ["post odd p101", "post even p102", "advert", "p103 post odd"]
    containers = [Container(-1, "body", "", 0, 4)]
    containers += [Container(0, "div", name, i, i + 1) for i, name in enumerate(names)]
    blocks = blocks_of([block("Posted in 2019 " * (i + 1), i + 1) for i in range(4)])
    vocabulary = Vocabulary(["<div>", "post"], [])
    found = tree(blocks.column(CONTAINER).copy(), outline_of(containers), vocabulary.names)
    assert found.alike.tolist() == [1] * 5
    assert found.kin.tolist() == [0, 1, 1, 3, 1]
    assert found.kin_rank.tolist() == [0, 0, 1, 0, 2]
    features = extract(blocks, outline_of(containers), vocabulary).group[1:]
    column = {name: features[:, GROUP_FEATURES.index(name)].tolist() for name in GROUP_FEATURES}
    assert column["kin_share"] == pytest.approx([3 / 4, 3 / 4, 1 / 4, 3 / 4])
    assert column["kin_page_share"] == pytest.approx([7 / 10, 7 / 10, 3 / 10, 7 / 10])
    assert column["kin_years"] == [1, 1, 1, 1]
    assert column["kin_same_size"] == pytest.approx([7 / 12, 7 / 12, 1, 7 / 12])


def test_without_a_place_for_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import caching

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled(_twice)(21) == 42


def _twice(number: int) -> int:
    return 2 * number


def test_loops_and_torch_compute_the_same() -> None:
    torch = pytest.importorskip("torch", reason="training needs the extra [model]")
    from stages.render.main.learning import Example, Network, batch

    vocabulary = Vocabulary(["<p>", "<div>", "post", "menu"], ["home", "the"])
    examples = []
    for length in (1, 3, 40):
        containers = [Container(-1, "body", "post", 0, length), Container(0, "div", "menu", 0, length // 2)]
        containers += [Container(0, "p", "", i, i + 1) for i in range(length // 2, length)]
        blocks = [
            block("Home " * (i + 1), 1 if i < length // 2 else i - length // 2 + 2) for i in range(length)
        ]
        features = (
            extract(blocks_of(blocks), outline_of(containers), vocabulary)
            if length > 1
            else extract(
                blocks_of([block("Home", 0)]), outline_of([Container(-1, "body", "post", 0, 1)]), vocabulary
            )
        )
        examples.append(
            Example(features, features.tokens.astype(np.float32), features.tokens.astype(np.float32))
        )
    scale = {"block_mean": 0.0, "block_std": 1.0, "group_mean": 0.0, "group_std": 1.0}
    torch.manual_seed(1)
    net = Network(4, 2).eval()
    with torch.no_grad():
        expected = torch.sigmoid(net(batch(examples, scale, None))).numpy()  # type: ignore[arg-type]
    weights = {
        name: value.numpy() if name in ("names.weight", "text.weight") else value.numpy().T
        for name, value in net.state_dict().items()
    }
    found = np.concatenate([probabilities(example.features, weights_of(weights)) for example in examples])
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("written", [False, True])
def test_training_is_reproducible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: bool) -> None:
    pytest.importorskip("torch", reason="training needs the extra [model]")
    from stages.render.main import train

    monkeypatch.setattr(train, "EPOCHS", 2)
    monkeypatch.setattr(train, "WRITTEN", {"forum": 2, "code": 1})
    monkeypatch.setattr(train, "NAME_SITES", 2)
    monkeypatch.setattr(train, "TEXT_SITES", 2)
    gold = tmp_path / "gold"
    gold.mkdir()
    with gzip.open(gold / "toy.jsonl.gz", "wt", encoding="utf-8") as lines:
        for i in range(12):
            body = f"Story number {i} tells of a house by the sea and of those who lived in it."
            html = f"<body><div class=menu><a href=/>Home</a></div><div class=post><p>{body}</p></div></body>"
            lines.write(json.dumps({"id": str(i), "group": "article", "html": html, "main": body}) + "\n")
    known = train.read(gold)
    assert [page.matched.tolist() for page in known] == [[0, 17]] * 12
    models = [train.save(tmp_path / name, *train.fit(known, written=written)) for name in ("a.npz", "b.npz")]
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        assert np.array_equal(one, other)
    _, words, _ = models[0].vocabulary.names.of_looks(looks_of([("div", "menu")]))
    assert len(words) == 1
    only = train.save(tmp_path / "only.npz", *train.fit(known))
    assert np.array_equal(models[0].weights.group, only.weights.group) is not written
    rows = train.judge(known, models[0])
    assert "toy" in train.table(rows)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="not a main-content model"):
        load(tmp_path / "other.npz")


def test_the_shipped_file_is_small() -> None:
    from stages.render.main import WEIGHTS

    assert WEIGHTS.stat().st_size < 400_000
    assert all(np.isfinite(array).all() for array in _shipped().weights)


# The choice


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(0, 30)), min_size=1, max_size=8),
)
def test_the_choice_has_the_largest_expected_f1(items: list[tuple[float, int]]) -> None:
    probability = np.array([p for p, _ in items], np.float32)
    size = np.array([n for _, n in items])

    def expected(keep: np.ndarray) -> float:
        """Over pages whose odds are those given, or all larger, or all smaller."""
        total = 0.0
        for shift, weight in ((0, 2 / 3), (DOUBT * 3**0.5, 1 / 6), (-DOUBT * 3**0.5, 1 / 6)):
            yes, no = probability * math.exp(shift), 1 - probability.astype(np.float64)
            gold = yes / (yes + no) * size
            total += weight * 2 * gold[keep].sum() / max(size[keep].sum() + gold.sum(), 1e-9)
        return total

    order = np.argsort(-probability, kind="stable")
    best = max(expected(order[: taken + 1]) for taken in range(len(order)))
    assert expected(choose(probability, size)) == pytest.approx(best, abs=1e-6)


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30))
def test_softened_probabilities_keep_their_order_and_move_towards_a_half(values: list[float]) -> None:
    before = np.sort(np.array(values, np.float32))
    after = soften(before)
    assert after.dtype == np.float32
    assert (np.diff(after) >= 0).all()
    assert (np.abs(after - 0.5) <= np.abs(before - 0.5) + 1e-6).all()


def test_code_and_rows_within_the_content_are_kept() -> None:
    from stages.render.main import _bridge

    body = outline_of([Container(-1, "body", "", 0, 6)])
    kinds = [TEXT, PRE, ROW, TEXT, TEXT, PRE]
    keep = np.array([True, False, False, True, True, False])
    features = extract(blocks_of([block("x", 0, KINDS[kind]) for kind in kinds]), body, Vocabulary([], []))
    _bridge(keep, np.array(kinds), features)
    assert keep.tolist() == [True, True, True, True, True, False]


def test_nothing_and_signs_only() -> None:
    assert not len(select(blocks_of([]), outline_of([])))
    body = outline_of([Container(-1, "body", "", 0, 2)])
    assert select(blocks_of([block("***"), block("—")]), body).all()


# Pages

MENU = (
    "<nav><ul>"
    + "".join(
        f"<li><a href=/{i}>{w}</a></li>" for i, w in enumerate(["Home", "News", "Sport", "Video", "Shop"])
    )
    + "</ul></nav>"
)
FOOT = "<footer class=site-footer><p>© 2024 Example Media. All rights reserved. <a href=/p>Privacy</a> <a href=/t>Terms</a></p></footer>"
PARAGRAPHS = {
    "en": "The harbour was built before the town, and for a hundred years the fishermen who used it lived in the hills above, where the wind was kinder and the water clean.",
    "de": "Der Hafen wurde vor der Stadt gebaut, und hundert Jahre lang wohnten die Fischer, die ihn nutzten, oben in den Hügeln, wo der Wind milder und das Wasser sauber war.",
    "ru": "Порт построили раньше города, и сто лет рыбаки, которые им пользовались, жили выше, на холмах, где ветер был мягче, а вода чище, чем внизу у самого моря.",
    "zh": "港口比城镇建得更早。一百年来，使用港口的渔民都住在山上，因为那里的风更温和，水也更干净。后来人们才慢慢搬到海边，在码头旁边盖起了房子和商店。",
    "ar": "بُني الميناء قبل المدينة، وعلى مدى مئة عام عاش الصيادون الذين استخدموه في التلال فوقه، حيث كانت الرياح ألطف والمياه أنظف، ثم انتقلوا إلى الساحل شيئًا فشيئًا.",
    "th": "ท่าเรือถูกสร้างขึ้นก่อนเมือง และตลอดหนึ่งร้อยปีชาวประมงที่ใช้ท่าเรือนี้อาศัยอยู่บนเนินเขาด้านบน ซึ่งลมพัดเบากว่าและน้ำสะอาดกว่าด้านล่าง",
    "ko": "항구는 마을보다 먼저 지어졌고, 백 년 동안 그 항구를 이용한 어부들은 바람이 더 부드럽고 물이 깨끗한 위쪽 언덕에서 살았다. 사람들은 나중에야 바닷가로 내려왔다.",
}


@pytest.mark.parametrize("language", sorted(PARAGRAPHS))
def test_an_article_without_its_frame(language: str) -> None:
    paragraph = PARAGRAPHS[language]
    story = "".join(f"<p>{paragraph} ({i})</p>" for i in range(6))
    text = chosen(f"<body>{MENU}<div class=wrap><h1>{paragraph[:30]}</h1>{story}</div>{FOOT}</body>")
    assert all(f"({i})" in text for i in range(6))
    assert "Sport" not in text
    assert "rights reserved" not in text


def test_formulas_code_and_tables_of_an_article_stay() -> None:
    paragraph = PARAGRAPHS["en"]
    rows = "".join(f"<tr><td>{i}</td><td>{i * i}</td></tr>" for i in range(4))
    body = (
        f"<h1>Squares</h1><p>{paragraph}</p><pre>for i in range(4):\n    print(i * i)</pre><p>{paragraph}</p>"
        f"<p>$$ e^x = 1 $$</p><p>{paragraph}</p><table><tr><th>i</th><th>square</th></tr>{rows}</table><p>{paragraph}</p>"
    )
    text = render(f"<body>{MENU}<article>{body}</article>{FOOT}</body>", content="main").text
    assert "    print(i * i)" in text
    assert "e^x = 1" in text
    assert re.search(r"3 \| 9", text)
    assert "Privacy" not in text


@pytest.mark.parametrize("around", ["div", "aside", "footer"])
def test_code_stays_wherever_it_stands(around: str) -> None:
    paragraph = PARAGRAPHS["en"]
    code = "".join(f"total[{i}] = previous[{i}] + step\n" for i in range(4))
    html = (
        f"<body>{MENU}<article><h1>Sums</h1>"
        + f"<p>{paragraph}</p>" * 4
        + f"</article><{around} class=sidebar>"
        f"<p>Share</p><pre>{code}</pre></{around}>{FOOT}</body>"
    )
    text = render(html, content="main").text
    assert code.strip() in text
    assert "Sport" not in text
    # Links in a monospace font are a menu.
    links = "\n".join(f"<a href=/{i}>Chapter {i}</a>" for i in range(9))
    assert "Chapter 5" not in render(html.replace(code, links), content="main").text


def test_a_forum_keeps_its_posts() -> None:
    replies = [
        "Has anybody got the pump to run on a frozen line? Mine stops after two minutes.",
        "Mine did that too. Bleed the air out of the filter first, then open the valve slowly.",
        "That worked, thank you. It took three tries, but it has been running since Monday.",
    ]
    posts = "".join(
        f"<div class=post id=post-{i}><div class=author><a href=/u/{i}>user{i}</a></div>"
        f"<div class=post-content><p>{reply}</p></div></div>"
        for i, reply in enumerate(replies * 2)
    )
    text = chosen(f"<body class=forum>{MENU}<div class=thread><h1>Pump stops</h1>{posts}</div>{FOOT}</body>")
    assert all(reply in text for reply in replies)
    assert "rights reserved" not in text


def test_a_very_long_page() -> None:
    blocks = [block(f"Paragraph {i} of a page that does not end.", i + 1) for i in range(20_000)]
    containers = [Container(-1, "body", "", 0, 20_000)] + [
        Container(0, "p", "", i, i + 1) for i in range(20_000)
    ]
    assert len(select(blocks_of(blocks), outline_of(containers))) == 20_000


def test_real_articles() -> None:
    if (path := data.find("gold/aeb.jsonl.gz")) is None:
        pytest.skip(data.missing("gold/aeb.jsonl.gz"))
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, 25)]
    values = [scores(tokens(chosen(row["html"])), tokens(row["main"]))[2] for row in rows]
    assert np.mean(values) > 0.93
