"""Lists of domains, URLs and expressions: what they match, the formats they come in, and what is wrong."""

from __future__ import annotations

import io
import json
import random
import string
import tarfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.lib import data
from stages.base import Fault
from stages.urls import lists
from stages.urls.addresses import split
from stages.urls.hashes import hashes
from stages.urls.stage import Urls, UrlsConfig


def write(path: Path, *lines: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def opened(**config: object) -> Urls:
    stage = Urls(UrlsConfig(**config))  # type: ignore[arg-type]
    stage.open()
    return stage


def judge(stage: Urls, *urls: str | None) -> Sequence[Fault | None]:
    return stage.judge(pa.table({"url": pa.array(urls, pa.string())}))


def details(stage: Urls, *urls: str | None) -> list[str | None]:
    verdicts = judge(stage, *urls)
    assert {fault.reason for fault in verdicts if fault} <= {"url_listed"}
    return [fault and fault.detail for fault in verdicts]


@pytest.mark.parametrize(
    ("entry", "listed", "free"),
    [
        (
            "example.com",
            "http://example.com https://EXAMPLE.com/A?b#c http://shop.example.com http://www.a.b.example.com:8080/ "
            "http://user:p@ss@example.com/ http://example.com./ //example.com/x example.com/x http://ex%61mple.com "
            "http:\\\\example.com\\x http://www.other.org@example.com/",
            "http://myexample.com http://example.com.evil.org http://example.co http://other.org/example.com "
            "http://example.com@other.org/ http://com/",
        ),
        ("www.blogs.net", "http://blogs.net/ http://www.blogs.net/x", "http://ann.blogs.net/ http://www2.blogs.net/"),
        ("co.uk", "http://anything.co.uk/ http://co.uk", "http://uk http://example.uk http://xco.uk"),
        ("BÜCHER.example", "http://bücher.example http://xn--bcher-kva.example/ http://a.B%C3%BCcher.example.", "http://bucher.example"),
        ("xn--bcher-kva.example", "http://bücher.example http://bu\u0308cher。example/", ""),
        ("Straße.example", "http://xn--strae-oqa.example/ http://STRAßE.example", "http://strasse.example"),
        ("10.1.2.3", "http://10.1.2.3/x http://10.1.2.3:81/", "http://1.2.3/ http://110.1.2.3/ http://10.1.2.30"),
    ],
)  # fmt: skip
def test_a_domain_and_what_is_below_it(tmp_path: Path, entry: str, listed: str, free: str) -> None:
    for form in (entry, f"*.{entry}", f".{entry}", f"0.0.0.0 {entry} # why", f"{entry}."):
        stage = opened(domains={"bad": write(tmp_path / "list", form)})
        assert None not in judge(stage, *listed.split()), form
        assert judge(stage, *free.split(), None) == [None] * (len(free.split()) + 1), form


@pytest.mark.parametrize(
    ("entry", "listed", "free"),
    [
        (
            "foo.com/~bad",
            "http://foo.com/~bad http://foo.com/~bad/whatever ftp://foo.com/~BAD/x http://www2.foo.com/~bad?q "
            "http://web56.foo.com:81/%7Ebad/ http://me@www.foo.com./~bad#x",
            "http://barfoo.com/~bad http://bar.foo.com/~bad http://foo.com/~good http://foo.com/~badly http://foo.com",
        ),
        ("https://www.Foo.com/A/", "http://foo.com/a http://foo.com/a/b", "http://foo.com/b http://foo.com/ab"),
        ("web.foo.com/x", "http://web.foo.com/x/y", "http://foo.com/x"),
        ("foo.com/t?id=7", "http://foo.com/t?id=7 http://foo.com/t?id=7&p=2", "http://foo.com/t?id=77 http://foo.com/t"),
        ("foo.com", "http://foo.com http://www.foo.com/any/thing?x", "http://a.foo.com http://foo.co"),
        ("www.com/x", "http://www.com/x", "http://com/x"),
        (f"foo.com/{'x' * 3000}", f"http://foo.com/{'x' * 3000}/y", f"http://foo.com/{'x' * 1990}"),
        ("例え.jp/道", "http://xn--r8jz45g.jp/%E9%81%93/x", "http://例え.jp/"),
    ],
)  # fmt: skip
def test_a_url_and_what_continues_it(tmp_path: Path, entry: str, listed: str, free: str) -> None:
    stage = opened(urls={"bad": write(tmp_path / "list", "\ufeff# comment", "", entry)})
    assert None not in judge(stage, *listed.split())
    assert judge(stage, *free.split(), None) == [None] * (len(free.split()) + 1)


def test_expressions(tmp_path: Path) -> None:
    path = write(tmp_path / "list", "# words", r"(^|[-?+=&/_.])casinos?([-?+=&/_.]|$)", r"\.exe$")
    stage = opened(expressions={"games": path})
    assert details(stage, "http://a.org/CASINO/x", "http://a.org/casin%6f", "http://a.org/x.exe", "http://a.org/occasion") == [
        r"games: line 2, (^|[-?+=&/_.])casinos?([-?+=&/_.]|$)",
        r"games: line 2, (^|[-?+=&/_.])casinos?([-?+=&/_.]|$)",
        r"games: line 3, \.exe$",
        None,
    ]  # fmt: skip


def test_the_detail_names_the_list_and_the_entry_and_allowed_domains_stay(tmp_path: Path) -> None:
    stage = opened(
        domains={
            "spam": write(tmp_path / "a", "bad.org", "sub.bad.org"),
            "ads": write(tmp_path / "b", "ads.net"),
        },
        urls={"pages": write(tmp_path / "c", "news.org/ads", "ads.net/x")},
        allow=[write(tmp_path / "d", "fine.ads.net", "news.org")],
    )
    urls = ["http://x.sub.bad.org/", "http://ads.net/x", "http://fine.ads.net/", "http://news.org/ads/1"]
    assert details(stage, *urls) == ["spam: sub.bad.org", "ads: ads.net", None, None]


def test_ut1_as_a_directory_and_as_the_archive(tmp_path: Path) -> None:
    root = tmp_path / "blacklists"
    write(root / "adult" / "domains", "bad.example", "worse.example", "")
    write(root / "adult" / "urls", "fine.example/bad")
    write(root / "adult" / "expressions", "very-?bad", "")
    write(root / "adult" / "usage", "black")
    write(root / "phishing" / "domains", "trap.example", "bad.example")
    write(root / "press" / "domains", "news.example")
    (root / "porn").symlink_to("adult")
    with tarfile.open(tmp_path / "blacklists.tar.gz", "w:gz") as archive:
        archive.add(root, "blacklists")
    urls = [
        f"http://{rest}"
        for rest in ("www.bad.example/", "fine.example/bad/1", "a.example/very-bad", "trap.example")
    ]
    urls.append("http://news.example/bad")
    for path in (root, tmp_path / "blacklists.tar.gz"):
        stage = opened(ut1=str(path), categories=["phishing", "porn"])
        assert details(stage, *urls) == [
            "phishing: bad.example", "porn: fine.example/bad", "porn: line 1, very-?bad", "phishing: trap.example", None,
        ]  # fmt: skip
        with pytest.raises(ValueError, match=r"^urls\.ut1: no category nothing, usage$"):
            opened(ut1=str(path), categories=["adult", "nothing", "usage"])


@pytest.mark.parametrize(
    ("kind", "line", "words"),
    [
        ("domains", "two words.org", "'two' does not appear to be an IPv4 or IPv6 address"),
        ("domains", "example.com/path", "'example.com/path' is no domain"),
        ("domains", "||example.com^", "no domain"),
        ("domains", "Ä..b", "'Ä..b' is no domain"),
        ("urls", "http://", "no URL"),
        ("urls", "/path/only", "'/path/only' is no URL"),
        ("expressions", "(open", "no regular expression"),
        ("expressions", "[[:alpha:]]x", "no regular expression"),
    ],
)
def test_what_cannot_be_read_is_named_with_list_and_line(
    tmp_path: Path, kind: str, line: str, words: str
) -> None:
    path = write(tmp_path / "list", "example.org", "# 2", line, "example.net")
    with pytest.raises(ValueError, match=rf"^urls\.{kind}\.mine, line 3: .*({words})"):
        opened(**{kind: {"mine": path}})
    Path(path).write_bytes(b"example.org\r\n\r\n\xff\xfe\r\n")
    with pytest.raises(ValueError, match=rf"^urls\.{kind}\.mine, line 3: .*not UTF-8"):
        opened(**{kind: {"mine": path}})


def test_wrong_settings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a directory nor a tar archive"):
        opened(ut1=write(tmp_path / "list", "example.com"), categories=["adult"])
    with pytest.raises(ValidationError, match="no list: give"):
        UrlsConfig(allow=["a"])
    for config in ({"ut1": "a"}, {"domains": {"a": "b"}, "categories": ["adult"]}):
        with pytest.raises(ValidationError, match="go together"):
            UrlsConfig(**config)  # type: ignore[arg-type]


LABEL = st.text("ab-W1ü", min_size=1, max_size=3)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(DOMAIN, max_size=20), st.lists(DOMAIN, max_size=20), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_domains_are_found_as_in_a_set(entries: list[str], hosts: list[str], separator: str) -> None:
    normal = [found[0] for entry in entries if (found := split(entry))]
    assert len(normal) == len(entries)
    stage = Urls(UrlsConfig(domains={"x": "y"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "BLOCK", 16)
        file = io.BytesIO(separator.join(entries).encode())
        stage._lists = [lists.Listed("x", lists.domains(file, "x"))]
    verdicts = judge(stage, *(f"http://{host}/a/b" for host in hosts))
    for host, verdict in zip(hosts, verdicts, strict=True):
        found = split(host)
        assert found is not None
        labels = found[0].split(".")
        tails = {".".join(labels[i:]) for i in range(len(labels))} | {f"www.{found[0]}"}
        assert (verdict is not None) == bool(tails & set(normal))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | st.text(max_size=40) | st.from_regex(r"https?://[^ ]{0,30}"), max_size=4))
def test_any_url_has_a_verdict_that_does_not_depend_on_its_neighbours(urls: list[str | None]) -> None:
    stage = Urls(UrlsConfig(domains={"x": "y"}))
    entries = io.BytesIO(b"0\nexample.com\nxn--a\n")
    stage._lists = [lists.Listed("x", *[lists.domains(entries, "x")] * 2)]
    assert judge(stage, *urls) == [judge(stage, url)[0] for url in urls]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", ["a@", "a.", "a:1", "//", "%41", "ü.", "a/?&"])
def test_hostile_addresses_end(unit: str) -> None:
    """At once where time is linear in the address; otherwise it would run into the timeout."""
    judge(
        Urls(UrlsConfig(domains={"x": "y"})), "http://" + unit * 200_000 + "[", "http://a/" + unit * 200_000
    )


def test_hashes_of_many_strings_are_distinct_and_even() -> None:
    rng = random.Random(7)
    names = sorted(
        {"".join(rng.choices(string.ascii_lowercase[:4], k=rng.randint(1, 24))) for _ in range(150_000)}
    )
    text = np.frombuffer("".join(names).encode(), np.uint8)
    lengths = np.array([len(name) for name in names])
    found = hashes(text, np.cumsum(lengths) - lengths, lengths)
    assert len(np.unique(found)) == len(names)
    bits = (found[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 6 / (2 * len(names) ** 0.5)
    # of the text, not of where it is or of what follows
    assert hashes(np.frombuffer(b"xxabcdefghijyy", np.uint8), np.array([2]), np.array([10])) == hashes(
        np.frombuffer(b"abcdefghij", np.uint8), np.array([0]), np.array([10])
    )


def test_hosts_of_real_urls_are_those_of_urllib() -> None:
    if (pages := data.find("web/pages.jsonl")) is None:
        pytest.skip(data.missing("web/pages.jsonl"))
    with pages.open(encoding="utf-8") as lines:
        urls = [json.loads(line)["url"] for line in lines]
    for url in urls:
        found = split(url)
        assert found is not None
        assert found[0] == urlsplit(url).hostname
