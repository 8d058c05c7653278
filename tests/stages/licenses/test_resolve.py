"""Which statement counts for a file."""

from __future__ import annotations

import pytest
from license_texts import text_of

from stages.licenses.names import Notices
from stages.licenses.resolve import Notice, resolve


def answer(
    files: dict[str, str], path: str, repository: str | None = None, **settings: str
) -> tuple[str | None, str | None]:
    """Expression and ``by`` for a file of a repository."""
    found = found_in(files, path, repository, **settings)
    return (None if found.expression is None else str(found.expression)), found.by


def found_in(files: dict[str, str], path: str, repository: str | None = None, **settings: str):  # type: ignore[no-untyped-def]
    notices = [Notice(name, files[name]) for name in Notices(files).of(path)]
    return resolve(path, files.get(path, ""), notices, repository, **settings)  # type: ignore[arg-type]


MIT, GPL, LGPL, APACHE = (text_of(name) for name in ("MIT", "GPL-3.0-only", "LGPL-3.0-only", "Apache-2.0"))


def test_the_nearest_counts() -> None:
    files = {"LICENSE": GPL, "lib/LICENSE": MIT, "lib/a.c": "", "src/b.c": ""}
    assert answer(files, "lib/a.c") == ("MIT", "file")
    assert answer(files, "src/b.c") == ("GPL-3.0-only", "file")


def test_a_header_before_the_folder() -> None:
    files = {
        "LICENSE": MIT,
        "a.c": "/* Licensed under the GNU GPL version 2. */",
        "b.c": "// SPDX-License-Identifier: ISC",
    }
    found = found_in(files, "a.c")
    assert str(found.expression) == "GPL-2.0-only"
    assert found.conflict == "GPL-2.0-only in the file, MIT in LICENSE"
    assert answer(files, "b.c") == ("ISC", "tag")
    assert found_in(files, "b.c").conflict is None


def test_companion_and_reuse() -> None:
    files = {
        "LICENSES/MIT.txt": MIT,
        "LICENSES/CC0-1.0.txt": text_of("CC0-1.0"),
        "a.svg": "<svg/>",
        "a.svg.license": "SPDX-FileCopyrightText: 2020 A\nSPDX-License-Identifier: CC0-1.0\n",
        "REUSE.toml": 'version = 1\n[[annotations]]\npath = "docs/**"\nSPDX-License-Identifier = "CC-BY-SA-4.0"\n',
        "docs/a/b.md": "",
        ".reuse/dep5": "Format: x\n\nFiles: img/*\nCopyright: A\nLicense: MIT\n",
        "img/x/y.py": "",
    }
    assert answer(files, "a.svg") == ("CC0-1.0", "tag")
    assert answer(files, "docs/a/b.md") == ("CC-BY-SA-4.0", "tag")
    assert answer(files, "img/x/y.py") == ("MIT", "tag")


def test_manifest_readme_host() -> None:
    assert answer({"package.json": '{"license": "ISC"}', "a.js": ""}, "a.js") == ("ISC", "manifest")
    assert answer({"README.md": "## License\nMIT\n", "a.js": ""}, "a.js") == ("MIT", "notice")
    assert answer({"a.js": ""}, "a.js", "Apache-2.0") == ("Apache-2.0", "repository")
    assert answer({"a.js": ""}, "a.js", "NOASSERTION") == (None, None)
    assert answer({"a.js": ""}, "a.js", "Something") == ("LicenseRef-unknown", "repository")
    assert answer({"LICENSE": MIT, "a.js": ""}, "a.js", "GPL-3.0") == ("MIT", "file")


def test_stub_and_description() -> None:
    files = {
        "LICENSE": "YEAR: 2020\nCOPYRIGHT HOLDER: A",
        "DESCRIPTION": "License: MIT + file LICENSE",
        "R/a.R": "",
    }
    assert answer(files, "R/a.R") == ("MIT", "manifest")


def test_terms_that_are_not_known_end_the_way() -> None:
    terms = (
        "These are the terms of the harbour. "
        + "Ships pay a toll before they leave, and none is let go without it. " * 10
    )
    files = {"LICENSE": MIT, "port/LICENSE": terms, "port/a.c": "", "port/package.json": '{"license": "MIT"}'}
    assert answer(files, "port/a.c") == ("LicenseRef-unknown", "file")


def test_several_files_of_terms() -> None:
    assert answer({"LICENSE-MIT": MIT, "LICENSE-APACHE": APACHE, "a.rs": ""}, "a.rs") == (
        "Apache-2.0 OR MIT",
        "file",
    )
    assert answer({"COPYING": GPL, "COPYING.LESSER": LGPL, "a.c": ""}, "a.c")[0] == "LGPL-3.0-only"
    assert answer({"COPYING": GPL, "LICENSE": MIT, "a.c": ""}, "a.c")[0] == "GPL-3.0-only AND MIT"
    dual = {
        "COPYING": GPL,
        "LICENSE": MIT,
        "a.c": "",
        "README.md": "It is dual-licensed under MIT or GPLv3.\n",
    }
    assert answer(dual, "a.c")[0] == "MIT OR GPL-3.0-only"
    either = {
        "LICENSE": "Available under either of the licenses in LICENSE.X or LICENSE.Y.",
        "LICENSE.X": MIT,
        "LICENSE.Y": APACHE,
        "a": "",
    }
    assert answer(either, "a")[0] == "MIT OR Apache-2.0"
    assert answer({"LICENSE": MIT, "LICENSE-docs": text_of("CC-BY-4.0"), "a.c": ""}, "a.c")[0] == "MIT"


def test_bundles() -> None:
    files = {"LICENSE": f"{MIT}\n\nBundled:\n\n{text_of('MPL-2.0')}", "a.c": ""}
    assert answer(files, "a.c")[0] == "MIT"
    assert answer(files, "a.c", bundles="all")[0] == "MIT AND MPL-2.0"


def test_a_family_and_its_file() -> None:
    header = "// Use of this source code is governed by a BSD-style license that can be found in the LICENSE file.\n"
    assert answer({"LICENSE": text_of("BSD-2-Clause"), "a.go": header}, "a.go") == ("BSD-2-Clause", "header")
    assert answer({"LICENSE": GPL, "a.go": header}, "a.go")[0] == "BSD-3-Clause"


def test_what_a_file_points_to() -> None:
    files = {"LICENSE": MIT, "LICENSE-APACHE": APACHE, "a.c": "/* See LICENSE-APACHE for the terms. */"}
    assert answer(files, "a.c") == ("Apache-2.0", "header")


@pytest.mark.parametrize("folder", ["venv/lib/python3.12/site-packages", "node_modules"])
def test_installed_packages_inherit_nothing(folder: str) -> None:
    assert answer({"LICENSE": MIT, f"{folder}/x/a.py": ""}, f"{folder}/x/a.py") == (None, None)


def test_a_committed_virtualenv() -> None:
    site = "venv/lib/python3.12/site-packages"
    files = {
        "LICENSE": MIT,
        f"{site}/x/a.py": "",
        f"{site}/x-1.0.dist-info/METADATA": "Name: x\nLicense: GPL-3.0-only\n",
    }
    assert answer(files, f"{site}/x/a.py") == ("GPL-3.0-only", "manifest")
