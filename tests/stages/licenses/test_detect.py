"""What one text says of its terms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from license_texts import text_of

from stages.licenses.detect import statement
from stages.licenses.match import matches
from stages.licenses.table import table
from stages.licenses.texts import texts
from stages.licenses.words import words


def said(text: str, role: str = "source") -> str | None:
    expression = statement(text, role).expression  # type: ignore[arg-type]
    return None if expression is None else str(expression)


def group(text: str, role: str = "source") -> str:
    expression = statement(text, role).expression  # type: ignore[arg-type]
    return "unknown" if expression is None else expression.group(table().group)


def commented(text: str, mark: str) -> str:
    return "\n".join(f"{mark}{line}" for line in text.splitlines())


COMMON = (
    "MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "GPL-2.0-only", "GPL-3.0-only", "LGPL-2.1-only",
    "AGPL-3.0-only", "MPL-2.0", "EPL-2.0", "Zlib", "BSL-1.0", "Unlicense", "CC0-1.0", "BUSL-1.1", "SSPL-1.0",
    "CC-BY-NC-4.0", "0BSD", "Artistic-2.0", "WTFPL", "PostgreSQL", "NCSA",
)  # fmt: skip


@pytest.mark.parametrize("license", COMMON)
def test_texts_as_files_of_terms(license: str) -> None:
    text = text_of(license)
    assert said(text, "terms") == license
    assert said(f"Copyright (c) 2020 Somebody\nAll rights reserved.\n\n{text.upper()}", "terms") == license


def test_nearly_every_text_is_told_from_all_others() -> None:
    known = texts()
    wrong = []
    for license in dict.fromkeys(known.names):
        found = matches(words(text_of(license)))
        if [match.license for match in found][:1] != [license]:
            wrong.append(license)
    # a few contain the text of another and little else
    assert len(wrong) <= 0.02 * len(set(known.names)), wrong


@pytest.mark.parametrize("mark", ["// ", "# ", " * ", "-- ", ";; ", "% ", "! ", "dnl "])
@pytest.mark.parametrize("license", ["MIT", "BSD-3-Clause", "ISC", "Zlib"])
def test_texts_in_comments(license: str, mark: str) -> None:
    assert said(commented(text_of(license), mark) + "\n\nint main() { return 0; }\n") == license


def test_a_text_at_the_end_of_a_long_file() -> None:
    body = "\n".join(f"int f{number}(void);" for number in range(500))
    assert said(f"{body}\n/*\n{text_of('MIT')}\n*/\n") == "MIT"


def test_words_in_a_program_are_no_statement() -> None:
    lines = [f"x{number} = {number}" for number in range(200)]
    lines[100] = 'LICENSES = ["GPL-3.0", "licensed under the GNU GPL version 3"]'
    assert said("\n".join(lines)) is None
    assert said("def license(name):\n    return name\n") is None


@pytest.mark.parametrize(
    "addition",
    [
        "The Software may be used for non-commercial purposes only.",
        "This software may also be distributed under the terms of the GNU General Public License only.",
        "Unauthorized copying of this file is strictly prohibited. Proprietary and confidential.",
        "Not for commercial use.",
    ],
)
@pytest.mark.parametrize("license", ["MIT", "BSD-3-Clause", "ISC"])
def test_other_terms_beside_a_permissive_text(license: str, addition: str) -> None:
    text = text_of(license)
    lines = text.splitlines()
    middle = "\n".join([*lines[: len(lines) // 2], addition, *lines[len(lines) // 2 :]])
    for changed in (f"{text}\n{addition}", middle):
        assert group(changed, "terms") not in ("permissive", "public_domain")
        assert group(commented(changed, "# ")) not in ("permissive", "public_domain")


def test_other_authors_are_no_other_terms() -> None:
    text = text_of("BSD-3-Clause").replace("copyright holder", "university of the harbour", 1)
    assert said(text, "terms") == "BSD-3-Clause"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["MIT", "BSD-2-Clause", "GPL-2.0-only", "MPL-2.0"]))
def test_a_few_changed_words(seed: int, license: str) -> None:
    rng = np.random.default_rng(seed)
    listed = text_of(license).split()
    for place in rng.integers(0, len(listed), max(1, len(listed) // 60)).tolist():
        listed[place] = "harbour"
    assert said(" ".join(listed), "terms") == license


def test_several_texts_in_a_file() -> None:
    bundle = f"{text_of('MIT')}\n\nPortions of zlib:\n\n{text_of('Zlib')}\n"
    found = statement(bundle, "terms")
    assert str(found.expression) == "MIT"
    assert found.bundle == ("Zlib",)
    choice = f"You may choose either of:\n\n{text_of('MIT')}\n\nor\n\n{text_of('Unlicense')}\n"
    assert said(choice, "terms") == "MIT OR Unlicense"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("SPDX-License-Identifier: MIT", "MIT"),
        ("SPDX-License-Identifier: (MIT OR GPL-2.0+) */", "MIT OR GPL-2.0-or-later"),
        ("SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note", "GPL-2.0-only WITH Linux-syscall-note"),
        ("SPDX-License-Identifier: Harbour-1.0", "LicenseRef-unknown"),
        ('Licensed under the Apache License, Version 2.0 (the "License")', "Apache-2.0"),
        (
            "under the terms of the GNU General Public License as published by the Free Software Foundation; either "
            "version 2 of the License, or (at your option) any later version.",
            "GPL-2.0-or-later",
        ),
        ("it under the terms of the GNU Lesser General Public License version 2.1", "LGPL-2.1-only"),
        ("This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.", "MPL-2.0"),
        ("Dual licensed under the MIT and GPL licenses.", "MIT OR GPL-1.0-or-later"),
        ("Released under the MIT license", "MIT"),
        ("@license MIT", "MIT"),
        ("License: BSD 3-Clause", "BSD-3-Clause"),
        ("Distributed under the Boost Software License, Version 1.0.", "BSL-1.0"),
        (
            "you can redistribute it and/or modify it under the same terms as Perl itself.",
            "Artistic-1.0-Perl OR GPL-1.0-or-later",
        ),
        (
            "This work is licensed under a Creative Commons Attribution-NonCommercial 4.0 License",
            "CC-BY-NC-4.0",
        ),
        ("This file has been placed in the public domain.", "LicenseRef-public-domain"),
        ("PROPRIETARY AND CONFIDENTIAL. Unauthorized copying is prohibited.", "LicenseRef-proprietary"),
        ("Licensed under the Timescale License.", "LicenseRef-unknown"),
        ("SPDX-License-Identifier: BSD 3-Clause", "BSD-3-Clause"),
        ("100% Public Domain", "LicenseRef-public-domain"),
        ("This file may be used for research purposes only.", "LicenseRef-noncommercial"),
        ("See the README for help. Copyright 2020 Somebody.", None),
        ("Use of this source code is governed by a license that can be found in the LICENSE file.", None),
    ],
)
def test_headers(header: str, expected: str | None) -> None:
    for text in (f"/* {header}\n */\nint x;\n", f"#!/bin/sh\n# Copyright 2020 A\n#\n# {header}\n\necho\n"):
        assert said(text) == expected


def test_tags_further_down() -> None:
    head = "# SPDX-License-Identifier: MIT\n" + "x = 1\n" * 600
    assert said(f"{head}# SPDX-License-Identifier: 0BSD\n") == "MIT"
    assert said(f"{head}# SPDX-License-Identifier: GPL-2.0\n") == "MIT AND GPL-2.0-only"


def test_a_choice_with_a_text() -> None:
    text = (
        text_of("BSD-2-Clause")
        + "\n\nAlternatively, the contents of this file may be used under the terms of\nthe GNU General Public License "
        '("GPL") version 2 or any later version,\nin which case the provisions of the GPL are applicable.\n'
    )
    assert said(commented(text, " * ")) == "BSD-2-Clause OR GPL-2.0-or-later"


def test_pointers() -> None:
    assert statement("// See LICENSE.foo for terms.\n", "source").pointers == ("LICENSE.foo",)
    text = "Available under either of the licenses found in LICENSE.A or LICENSE.B.\n"
    assert statement(text, "terms").pointers == ("LICENSE.A", "LICENSE.B")


@pytest.mark.parametrize(
    ("readme", "expected"),
    [
        ("# Harbour\n\nA library.\n\n## License\n\nMIT © Somebody\n", "MIT"),
        (
            "Harbour\n=======\n\nLicense\n-------\n\nThis project is licensed under the GPLv3 or later.\n",
            "GPL-3.0-or-later",
        ),
        ("# Harbour\n\nIt uses libfoo, which is licensed under the GPL.\n", None),
        (
            "# H\n\n## License\n\nLicensed under either of Apache License, Version 2.0 or MIT license at your option.\n",
            "Apache-2.0 OR MIT",
        ),
        ("# H\n\n## License\n\nMIT.\n\n### Third-party\n\nIcons are CC BY-SA 4.0, parsers GPL.\n", "MIT"),
        ("# H\n\nMIT is a university.\n", None),
    ],
)
def test_readmes(readme: str, expected: str | None) -> None:
    assert said(readme, "prose") == expected


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_text_is_too_odd(text: str) -> None:
    for role in ("source", "terms", "prose"):
        statement(text, role)  # type: ignore[arg-type]


def test_a_badge_without_an_end_is_read_once() -> None:
    """Each underscore could be read in two ways: more ways than there is time for."""
    from stages.licenses import detect

    assert not detect._BADGE.search("badge/license-" + "_" * 4000 + "!")
    found = detect._BADGE.search("https://img.shields.io/badge/license-Apache_2.0-blue")
    assert found is not None
    assert found[1] == "Apache_2.0"
