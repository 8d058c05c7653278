"""What the benchmarks of the renderer share: real pages, the peers by name, tokens, and the printed line.

Knows the WARC reader (pages come through it, decoded as in a run) and how each peer is called. Does not
know our renderer beyond its public call, nor how anything is scored.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.lib import data
from stages.base import FileInfo
from stages.read.warc import Warc, WarcConfig
from stages.render import render

LYNX = str.split(
    "lynx -dump -nolist -width=10000 -assume_charset=utf-8 -display_charset=utf-8 -localhost -force_html"
)


class Page(NamedTuple):
    """One capture as the reader gives it. ``kind`` and ``lang`` come from ``pages.jsonl``, "" without one."""

    url: str
    html: str
    kind: str
    lang: str


class OneFile:
    """The storage protocol for one local file."""

    def glob(self, pattern: str) -> list[FileInfo]:
        return [FileInfo(pattern, os.path.getsize(pattern), "")]

    def list(self, directory: str) -> list[FileInfo]:
        return []

    def stat(self, path: str) -> FileInfo | None:
        return FileInfo(path, os.path.getsize(path), "")

    def open(self, path: str) -> BinaryIO:
        return open(path, "rb")


def labels(path: Path) -> dict[int, dict[str, Any]]:
    """What ``pages.jsonl`` beside the WARC file says, by the offset of the response record."""
    listing = path.with_name("pages.jsonl")
    if not listing.exists():
        return {}
    with listing.open(encoding="utf-8") as lines:
        return {row["offset"]: row for row in map(json.loads, lines)}


def read_pages(path: Path) -> Iterator[Page]:
    """Every HTML page of a WARC file that a run would render, in file order."""
    reader, storage, known = Warc(WarcConfig(paths=[str(path)], damaged="keep")), OneFile(), labels(path)
    (item,) = reader.list(storage)
    for batch in reader.read(item, storage):
        table = batch.documents
        for url, html, place in zip(table["url"], table["html"], table["provenance"], strict=True):
            if html.as_py() is not None:
                label = known.get(place["offset"].as_py(), {})
                yield Page(url.as_py() or "", html.as_py(), label.get("kind") or "", label.get("lang") or "")


def sample(pages: list[Page], size: int, seed: int) -> list[Page]:
    """At most ``size`` pages, in file order: the same ones for the same seed."""
    chosen = random.Random(seed).sample(range(len(pages)), min(size, len(pages)))
    return [pages[i] for i in sorted(chosen)]


def parser(text: str | None) -> argparse.ArgumentParser:
    """A command line with the docstring as its help."""
    return argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_pages(options: argparse.ArgumentParser) -> None:
    """The option ``--pages``: required unless ``NANOCORPUS_DATA`` names the folder of the measured file."""
    default = data.find("web/pages.warc.gz")
    options.add_argument(
        "--pages",
        type=Path,
        default=default,
        required=default is None,
        help=f"a WARC file, gzip per record (default: web/pages.warc.gz in the folder ${data.VARIABLE})",
    )


# Tools by name -----------------------------------------------------------------------------------------

Tool = Callable[[Page], str]

_JUSTEXT_LISTS = {
    "da": "Danish",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
}


def lynx_file(path: str) -> str:
    """What lynx prints for a file. A failure of lynx is an error, not an empty page."""
    done = subprocess.run(
        [*LYNX, path], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=120
    )
    return done.stdout.decode("utf-8", "replace")


def lynx(page: Page) -> str:
    """``lynx_file`` on a file with the page in UTF-8."""
    with tempfile.NamedTemporaryFile(suffix=".html") as file:
        file.write(page.html.encode("utf-8", "replace"))
        file.flush()
        return lynx_file(file.name)


def _trafilatura(page: Page, fast: bool) -> str:
    from trafilatura import extract

    return extract(page.html, fast=fast) or ""


def _inscriptis(page: Page) -> str:
    from inscriptis import get_text

    text: str = get_text(page.html)
    return text


def _resiliparse(page: Page, main: bool) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    # With image descriptions its main content scores lower, without them its full text loses formulas.
    text: str = extract_plain_text(page.html, main_content=main, alt_texts=not main)
    return text


@cache
def _stop_words(lang: str) -> frozenset[str]:
    import justext

    return frozenset(justext.get_stoplist(_JUSTEXT_LISTS.get(lang, "English")))


def _justext(page: Page) -> str:
    import justext

    paragraphs = justext.justext(
        page.html.encode("utf-8", "replace"), _stop_words(page.lang), encoding="utf-8"
    )
    return "\n".join(p.text for p in paragraphs if not p.is_boilerplate)


def _lexbor(page: Page) -> str:
    from selectolax.lexbor import LexborHTMLParser

    return "parsed" if LexborHTMLParser(page.html).body is not None else ""


#: Name, what has to be there (a package, or a program after "!"), and the call.
_TOOLS: dict[str, tuple[str, Tool]] = {
    "ours full": ("stages", lambda page: render(page.html, content="full").text),
    "ours main": ("stages", lambda page: render(page.html, content="main").text),
    "lynx": ("!lynx", lynx),
    "trafilatura": ("trafilatura", lambda page: _trafilatura(page, fast=False)),
    "trafilatura fast": ("trafilatura", lambda page: _trafilatura(page, fast=True)),
    "inscriptis": ("inscriptis", _inscriptis),
    "resiliparse full": ("resiliparse", lambda page: _resiliparse(page, main=False)),
    "resiliparse main": ("resiliparse", lambda page: _resiliparse(page, main=True)),
    "justext": ("justext", _justext),
    "lexbor parse only": ("selectolax", _lexbor),
}


def tools(*names: str, quiet: bool = False) -> dict[str, Tool]:
    """The named tools that are installed; the others are named on standard error, unless ``quiet``."""
    found: dict[str, Tool] = {}
    for name in names:
        needs, call = _TOOLS[name]
        there = shutil.which(needs[1:]) if needs[0] == "!" else importlib.util.find_spec(needs)
        if there:
            found[name] = call
        elif not quiet:
            how = f"apt-get install {needs[1:]}" if needs[0] == "!" else f"pip install {needs}"
            print(f"{name} is not installed and left out ({how})", file=sys.stderr)
    return found


# Scores ------------------------------------------------------------------------------------------------

_BY_CHARACTER = (
    "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"[{_BY_CHARACTER}]|[^\W{_BY_CHARACTER}]+")


def tokens(text: str) -> list[str]:
    """Lower-cased words; each Thai, Han, kana or Hangul character is a token."""
    return _TOKEN.findall(text.lower())


def line(name: str, ours: float, peer: float, floor: float, ratio: float | None = None) -> bool:
    """Print ``name ours peer ratio floor``; whether the ratio (ours / peer, or as given) is enough."""
    if ratio is None:
        ratio = ours / peer if peer else float("inf")
    good = ratio >= floor
    print(
        f"{name:56} {ours:9.4g} {peer:9.4g}  {ratio:7.3f}  {floor:g}{'' if good else '   UNDER'}", flush=True
    )
    return good


def settle() -> None:
    """Before a measurement or a fork: what has been read so far is no garbage to be looked through again."""
    gc.collect()
    gc.freeze()
