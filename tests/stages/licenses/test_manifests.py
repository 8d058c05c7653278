"""Licences that manifests declare."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.licenses.manifests import declared
from stages.licenses.table import table


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("package.json", '{"license": "MIT"}', "MIT"),
        ("package.json", '{"license": {"type": "BSD"}}', "BSD-3-Clause"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}', "MIT OR GPL-2.0-only"),
        ("package.json", '{"license": "UNLICENSED"}', "LicenseRef-proprietary"),
        ("package.json", '{"license": "SEE LICENSE IN terms.txt"}', None),
        ("package.json", '{"license": "Harbour"}', "LicenseRef-unknown"),
        ("package.json", '{"license": ', None),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"\n', "MIT OR Apache-2.0"),
        ("Cargo.toml", '[package]\nlicense.workspace = true\n', None),
        ("pyproject.toml", '[project]\nlicense = {text = "BSD-2-Clause"}\n', "BSD-2-Clause"),
        ("pyproject.toml", '[project]\nclassifiers = ["License :: OSI Approved :: MIT License"]\n', "MIT"),
        ("pyproject.toml", '[project]\nlicense = {file = "LICENSE"}\n', None),
        ("setup.py", "setup(name='x', license='Apache 2.0')", "Apache-2.0"),
        ("setup.cfg", "[metadata]\nlicense = LGPL-3.0-or-later\n", "LGPL-3.0-or-later"),
        ("DESCRIPTION", "Package: x\nLicense: GPL (>= 2) | MIT + file LICENSE\n", "GPL-2.0-or-later OR MIT"),
        ("DESCRIPTION", "License: MIT + file LICENSE\n", "MIT"),
        ("DESCRIPTION", "License: file LICENSE\n", None),
        ("pom.xml", "<licenses><license><name>Apache License, Version 2.0</name></license></licenses>", "Apache-2.0"),
        ("x.csproj", "<PackageLicenseExpression>MIT</PackageLicenseExpression>", "MIT"),
        ("x.gemspec", "Gem::Specification.new do |s|\n  s.licenses = ['MIT', 'Ruby']\nend\n", "MIT OR Ruby"),
        ("Makefile.PL", 'WriteMakefile("LICENSE" => "perl", "MIN_PERL" => 5)', "Artistic-1.0-Perl OR GPL-1.0-or-later"),
        ("x.cabal", "name: x\nlicense:       BSD3\n", "BSD-3-Clause"),
        ("x.opam", 'license: "ISC"\n', "ISC"),
        ("composer.json", '{"license": ["MIT", "GPL-3.0-or-later"]}', "MIT OR GPL-3.0-or-later"),
        ("METADATA", "Name: x\nClassifier: License :: OSI Approved :: BSD License\nLicense: BSD\n", "BSD-3-Clause"),
        ("mix.exs", 'licenses: ["Apache-2.0"]', "Apache-2.0"),
        ("package.json", '{"name": "x"}', None),
    ],
)  # fmt: skip
def test_declared(name: str, text: str, expected: str | None) -> None:
    found = declared(name, text)
    assert (None if found is None else str(found)) == expected


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["package.json", "Cargo.toml", "pom.xml", "DESCRIPTION", "setup.py", "x.cabal"]),
    st.text(max_size=200),
)
def test_damaged(name: str, text: str) -> None:
    declared(name, f"license {text}")
    declared(name, f'{{"license": {text}')


def test_deep_json() -> None:
    assert declared("package.json", '{"license": ' + "[" * 5000) is None


def _pom(*names: str) -> str:
    return f"<licenses>{''.join(f'<license><name>{name}</name></license>' for name in names)}</licenses>"


def test_a_list_of_two_is_a_choice_and_a_longer_one_a_bundle() -> None:
    assert (
        str(declared("pom.xml", _pom("Apache License, Version 2.0", "LGPL-2.1")))
        == "Apache-2.0 OR LGPL-2.1-only"
    )
    bundle = declared("pom.xml", _pom("EPL 2.0", "MIT License", "Apache License, 2.0"))
    assert str(bundle) == "EPL-2.0 AND MIT AND Apache-2.0"
    assert bundle is not None
    assert bundle.group(table().group) == "weak_copyleft"
