"""Against the real lynx: the same characters in the same order on pages without maths, tables or forms.

White space is left out of the comparison, because lynx indents, centres and wraps; so are the documented improvements,
by pages that have no use for them (hidden elements, subscripts, rules, images without a description).
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.lib import data
from stages.read.warc import Warc, WarcConfig
from stages.render import render

pytestmark = pytest.mark.skipif(shutil.which("lynx") is None, reason="needs lynx: apt-get install lynx")


def lynx(html: str, folder: Path) -> str:
    # A charset that the page names would override the one that lynx is told.
    html = re.sub(r"(?i)charset", "x-charset", html)
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8", errors="replace")
    options = (
        "-dump -nolist -dont_wrap_pre -width=10000 -assume_charset=utf-8 -display_charset=utf-8 -localhost"
    )
    run = subprocess.run(
        ["lynx", *options.split(), "-force_html", page], capture_output=True, check=True, timeout=60
    )
    return run.stdout.decode("utf-8", "replace")


def generated(seed: int) -> str:
    """A page of the constructs that lynx and we lay out alike."""
    rng = random.Random(seed)
    words = [
        "tide",
        "harbour",
        "&amp;",
        "Ærø",
        "&mdash;",
        "x<sup>2</sup>",
        "quay",
        "<b>ebb</b>",
        "<a href=/t>flood</a>",
    ]
    words += [
        "<em>log</em>book",
        "<code>a = b</code>",
        "3&nbsp;m",
        "“so”",
        "<q>said</q>",
        "<img src=i.png alt='a boat'>",
    ]

    def line() -> str:
        return " ".join(rng.choices(words, k=rng.randint(1, 12)))

    def block(depth: int) -> str:
        kind = rng.choice(["p", "h2", "ul", "ol", "dl", "blockquote", "pre", "div", "br", "a"])
        inner = "".join(block(depth - 1) for _ in range(rng.randint(0, 2))) if depth else ""
        if kind in ("ul", "ol"):
            extra = (
                f" start={rng.randint(2, 9)} type={rng.choice('1aAiI')}"
                if kind == "ol" and rng.random() < 0.5
                else ""
            )
            nested = f"<{kind}><li>{line()}</li></{kind}>" if depth else ""
            return (
                f"<{kind}{extra}>"
                + "".join(f"<li>{line()}</li>" for _ in range(2))
                + f"<li>{line()}{nested}</li></{kind}>"
            )
        if kind == "dl":
            return f"<dl><dt>{line()}</dt><dd>{line()}</dd></dl>"
        if kind == "pre":
            return f"<pre>if x:\n    {line()}\n\n  done</pre>"
        if kind == "br":
            return f"<p>{line()}<br>{line()}</p>"
        if kind == "a":
            return f"<p><a name=n>{line()}</a></p>"
        return (
            f"<{kind}>{line()}</{kind}>"
            if kind in ("p", "h2")
            else f"<{kind}><p>{line()}</p>{inner}</{kind}>"
        )

    return "<title>t</title><body>" + "\n".join(block(2) for _ in range(12))


def trigrams(text: str) -> Counter[tuple[str, ...]]:
    """Three words in a row: their bag tells order and is cheap to compare."""
    words = re.findall(r"\w+", text)
    return Counter(zip(words, words[1:], words[2:], strict=False))


def solid(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("seed", range(20))
def test_generated_pages_have_the_same_characters(seed: int, tmp_path: Path) -> None:
    html = generated(seed)
    assert solid(render(html).text) == solid(lynx(html, tmp_path))


#: Where lynx and we differ on purpose, or lynx has no say.
_IMPROVED = re.compile(
    r"<(?:math|table|form|input|select|textarea|button|iframe|embed|object|noscript|template|dialog|sub|del|ins|s|strike|hr"
    r"|img|ruby|frame|frameset|svg|canvas|audio|video|applet|wbr|isindex|nav)\b|\bhidden|display|visibility|white-space|\$|\\[(\[]"
    r"|line-?no|gutter|refresh|&shy;|&#173;|katex|mathjax|\u200b|\xad",
    re.IGNORECASE,
)


def test_real_pages_have_nearly_the_same_characters(tmp_path: Path) -> None:
    if (path := data.find("web/pages.warc.gz")) is None:
        pytest.skip(data.missing("web/pages.warc.gz"))
    from pipeline.storage import Storage

    reader = Warc(WarcConfig(paths=[str(path)]))
    reader.open()
    storage = Storage()
    pages = [
        html
        for item in reader.list(storage)
        for batch in reader.read(item, storage)
        for html in batch.documents["html"].to_pylist()
        if html and len(html) > 300 and "\x00" not in html and not _IMPROVED.search(html)
    ]
    ratios = []
    for html in pages[:100]:
        ours, theirs = trigrams(render(html).text), trigrams(lynx(html, tmp_path))
        if ours or theirs:
            ratios.append((ours & theirs).total() / max(ours.total(), theirs.total()))
    assert len(ratios) >= 10
    assert sum(ratios) / len(ratios) > 0.99
