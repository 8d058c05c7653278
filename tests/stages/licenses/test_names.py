"""Which files may state a licence, and for which files they speak."""

from __future__ import annotations

import pytest

from stages.licenses.groups import GROUPS, best, worst
from stages.licenses.names import LONGEST, MOST, Notices, excerpt, is_notice, kind


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "LICENSE.txt",
        "license.md",
        "LICENCE",
        "LICENSE-MIT",
        "LICENSE.apache",
        "LICENSE.MIT.md",
        "MIT-LICENSE.txt",
        "COPYING",
        "COPYING.LESSER",
        "Copying.lib",
        "LGPL-2.1.txt",
        "gpl-3.0.txt",
        "UNLICENSE",
        "LICENSES/GPL-3.0-or-later.txt",
        "docs/license.rst",
        "debian/copyright",
        "COPYRIGHT",
        "LICENSE_1_0.txt",
        "foo_license.md",
        "licenses/jquery.txt",
        "LICENSE-3RD",
    ],
)
def test_files_with_terms(name: str) -> None:
    assert kind(f"a/{name}") == "licence"


@pytest.mark.parametrize(
    "name",
    [
        "license.py",
        "licenses.json",
        "bsd.hpp",
        "license-checker.sh",
        "license.svg",
        "src/mit.c",
        "licensed.rb",
        "main.go",
    ],
)
def test_files_that_only_look_like_it(name: str) -> None:
    assert not is_notice(name)


def test_other_kinds() -> None:
    assert kind("README.zh-cn.md") == kind("NOTICE") == kind("3rdparty-licenses.txt") == "prose"
    assert kind("a/package.json") == kind("foo.gemspec") == kind("DESCRIPTION") == "manifest"
    assert kind("img/a.svg.license") == "companion"
    assert kind("REUSE.toml") == kind(".reuse/dep5") == "reuse"


def test_nearest_folder_first() -> None:
    notices = Notices(
        ["b/c.py", "LICENSE", "README.md", "b/NOTICE", "b/COPYING", "docs/LICENSE", "LICENSES/MIT.txt"]
    )
    assert notices.paths == (
        "LICENSE",
        "LICENSES/MIT.txt",
        "README.md",
        "b/COPYING",
        "b/NOTICE",
        "docs/LICENSE",
    )
    above = ("LICENSE", "LICENSES/MIT.txt", "README.md", "docs/LICENSE")
    assert notices.of("b/c.py") == ("b/COPYING", "b/NOTICE", *above)
    assert notices.of("x/y/z.py") == above
    assert notices.of("docs/x.md")[0] == "docs/LICENSE"


def test_companion_speaks_for_one_file() -> None:
    notices = Notices(["a.svg", "a.svg.license", "b.svg", "LICENSE"])
    assert notices.of("a.svg") == ("a.svg.license", "LICENSE")
    assert notices.of("b.svg") == ("LICENSE",)


def test_installed_packages_have_nothing_from_the_repository() -> None:
    site = "venv/lib/site-packages"
    paths = [
        "LICENSE",
        f"{site}/foo_bar/x.py",
        f"{site}/foo.bar-1.0.dist-info/METADATA",
        f"{site}/foo.bar-1.0.dist-info/licenses/LICENSE",
        f"{site}/six-1.0.dist-info/LICENSE",
        "node_modules/@a/b/package.json",
        "node_modules/c/LICENSE",
    ]
    notices = Notices(paths)
    assert notices.of(f"{site}/foo_bar/sub/x.py") == tuple(sorted(paths[2:4]))
    assert notices.of(f"{site}/six.py") == (paths[4],)
    assert notices.of(f"{site}/unknown/x.py") == ()
    assert notices.of("node_modules/@a/b/lib/x.js") == (paths[5],)
    assert notices.of("node_modules/c/x.js") == (paths[6],)
    assert notices.of("node_modules/d/x.js") == ()
    assert notices.of("venv/bin/activate") == ("LICENSE",)


def test_of_very_many_the_ordinary_names() -> None:
    notices = Notices([f"licenses/package-{number}.txt" for number in range(99)] + ["LICENSE", "README"])
    found = notices.of("a.c")
    assert len(found) == MOST
    assert "LICENSE" in found


def test_excerpts() -> None:
    assert len(excerpt("LICENSE", "x" * (LONGEST + 1))) == LONGEST
    text = "\n".join(["# Title", *["words"] * 50, "## License", "MIT", *["more"] * 50])
    kept = excerpt("README.md", text)
    assert "## License\nMIT" in kept
    assert "# Title" not in kept


def test_order_of_groups() -> None:
    assert GROUPS[0] == "public_domain"
    assert GROUPS[-1] == "unknown"
    assert worst(["permissive", "weak_copyleft"]) == "weak_copyleft"
    assert best(["permissive", "weak_copyleft"]) == "permissive"
    assert worst([]) == best([]) == "unknown"
