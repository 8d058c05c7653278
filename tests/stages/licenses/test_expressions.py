"""Expressions, and the table of licences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.licenses.expressions import Expression, NoExpression, both, either, parse, single
from stages.licenses.groups import GROUPS
from stages.licenses.table import Table, table

NAMES = ["MIT", "Apache-2.0", "GPL-2.0-only", "MPL-2.0", "LicenseRef-x"]
EXPRESSIONS = st.recursive(
    st.sampled_from(NAMES).map(single) | st.just(single("GPL-2.0-only", "Classpath-exception-2.0")),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(either)
        | st.lists(inner, min_size=1, max_size=3).map(both)
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_what_is_written_is_read_again(expression: Expression) -> None:
    assert parse(str(expression), table().known) == expression


@pytest.mark.parametrize(
    ("text", "expected", "group"),
    [
        ("MIT OR GPL-2.0", "MIT OR GPL-2.0-only", "permissive"),
        ("MIT AND GPL-2.0+", "MIT AND GPL-2.0-or-later", "strong_copyleft"),
        ("mit", "MIT", "permissive"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception", "permissive"),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", "(MIT OR Apache-2.0) AND BSD-3-Clause", "permissive"),
        ("MIT OR Apache-2.0 AND LGPL-2.1", "MIT OR (Apache-2.0 AND LGPL-2.1-only)", "permissive"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0", "permissive"),
        ("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0", "strong_copyleft"),
        ("AGPL-3.0", "AGPL-3.0-only", "network_copyleft"),
        ("LicenseRef-scancode-x", "LicenseRef-scancode-x", "unknown"),
        ("EPL-2.0 OR CC-BY-NC-4.0", "EPL-2.0 OR CC-BY-NC-4.0", "weak_copyleft"),
        ("CC0-1.0", "CC0-1.0", "public_domain"),
        ("BUSL-1.1", "BUSL-1.1", "source_available"),
    ],
)
def test_expressions(text: str, expected: str, group: str) -> None:
    found = table().expression(text)
    assert found is not None
    assert str(found) == expected
    assert found.group(table().group) == group


@pytest.mark.parametrize(
    "text", ["", "SEE LICENSE IN x", "MIT OR", "(MIT", "MIT)", "OR", "MIT Apache-2.0", "MIT WITH", "a" * 999]
)
def test_no_expressions(text: str) -> None:
    assert table().expression(text) is None
    with pytest.raises(NoExpression):
        parse(text, lambda name: single(name) if name == "MIT" else None)


def test_no_copyleft_is_permissive() -> None:
    for name in table():
        if name.startswith(
            (
                "GPL",
                "LGPL",
                "AGPL",
                "GFDL",
                "MPL",
                "EPL",
                "BUSL",
                "SSPL",
                "CC-BY-NC",
                "CC-BY-SA",
                "EUPL",
                "CDDL",
                "OSL",
            )
        ):
            assert GROUPS.index(table().group(name)) > GROUPS.index("permissive"), name


def test_a_table_with_a_group_that_is_none() -> None:
    with pytest.raises(ValueError, match="licence MIT: 'free' is no group"):
        Table({"licenses": {"MIT": "free"}})
