"""Repositories as one document each: what files name, the order that follows, and the stage over any split."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from rounds import kept, run

from stages.base import Fault
from stages.code import repository
from stages.code.imports import MOST_NAMES, names
from stages.code.repository import File, order
from stages.code.repository_order import RepositoryOrder, RepositoryOrderConfig


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("Python", "import a.b, c as d\n  import e\nx = 'import f'", ["a.b", "c", "e"]),
        ("Python", "from a.b import c as d, e\nfrom . import f\nfrom ..g import *", ["a.b.c", "a.b.e", ".f", "..g"]),
        ("Python", "from a import (  # why\n    b,\n    c as d,  # so, e\n)\n", ["a.b", "a.c"]),
        ("Java", "import a.b.C;\nimport static a.D.e;\n import a.f.* ;\n", ["a.b.C", "a.D.e", "a.f.*"]),
        ("C", '#include "a/b.h"\n#  include <c.h>\n', ['"a/b.h', "<c.h"]),
        ("C++", "#include <a/b.hpp> // c\n", ["<a/b.hpp"]),
        ("C#", "using A.B;\nusing X = C.D;\nusing static E;\nnamespace F.G\n{\n", ["=F.G", "A.B", "C.D", "E"]),
        ("C#", "namespace F;\nusing (var x = y) {}\n", ["=F"]),
        ("Go", 'import "a"', []),
        (None, "import a", []),
    ],
)  # fmt: skip
def test_names(language: str | None, text: str, found: list[str]) -> None:
    assert names(text, language) == found


def test_names_are_bounded() -> None:
    assert len(names("\n".join(f"import a{n}" for n in range(9000)), "Python")) == MOST_NAMES
    assert names("import " + "a" * 1000, "Python") == []
    for piece in ("from a import (", "import a,", "from . import b \\\n", "using a", "#include <"):
        for language in ("Python", "Java", "C", "C#"):
            names(piece * 20_000, language)  # ends


def ordered(files: Mapping[str, str], language: str) -> list[str]:
    listed = [File(path, language, names(text, language)) for path, text in files.items()]
    return [listed[index].path for index in order(listed)]


@pytest.mark.parametrize(
    ("language", "files", "paths"),
    [
        (
            "Python",
            {"pkg/a.py": "from pkg.z import x", "pkg/z.py": "from . import m", "pkg/m.py": "import re", "pkg/__init__.py": "from .a import y", "b.py": ""},
            ["b.py", "pkg/m.py", "pkg/z.py", "pkg/a.py", "pkg/__init__.py"],
        ),
        # the nearest of two of a name; a module beside it
        (
            "Python",
            {"one/a.py": "import x.y.z", "one/x/y/z.py": "", "two/a.py": "import x.y.z\nimport util", "two/util.py": "", "two/x/y/z.py": ""},
            ["one/x/y/z.py", "one/a.py", "two/util.py", "two/x/y/z.py", "two/a.py"],
        ),
        # too many dots
        ("Python", {"a.py": "from ....b import c", "b.py": ""}, ["a.py", "b.py"]),
        (
            "Java",
            {"src/main/java/a/A.java": "import b.B;\nimport static c.C.Inner.run;", "src/main/java/b/B.java": "import d.*;", "src/main/java/c/C.java": "", "src/main/java/d/D.java": "", "src/main/java/d/E.java": "import java.util.*;"},
            ["src/main/java/c/C.java", "src/main/java/d/D.java", "src/main/java/d/E.java", "src/main/java/b/B.java", "src/main/java/a/A.java"],
        ),
        (
            "C",
            {"include/boat.h": '#include "types/t.h"', "include/types/t.h": "", "src/a.c": '#include "boat.h"\n#include "../lib/z.h"\n#include <stdio.h>', "lib/z.h": "#include <types/t.h>", "lib/stdio.h": '#include "../src/a.c"'},
            ["include/types/t.h", "include/boat.h", "lib/z.h", "src/a.c", "lib/stdio.h"],
        ),
        (
            "C#",
            {"A.cs": "using Boats.Core;\nnamespace App;", "Core/One.cs": "namespace Boats.Core;", "Core/Two.cs": "namespace Boats.Core { }", "B.cs": "using System;"},
            ["B.cs", "Core/One.cs", "Core/Two.cs", "A.cs"],
        ),
        # circles by path, after what they need
        (
            "Python",
            {"a.py": "import b", "b.py": "import c\nimport z", "c.py": "import a", "z.py": "import z", "0.py": "import a"},
            ["z.py", "a.py", "b.py", "c.py", "0.py"],
        ),
    ],
)  # fmt: skip
def test_orders(language: str, files: dict[str, str], paths: list[str]) -> None:
    assert ordered(files, language) == paths
    backwards = dict(reversed(files.items()))
    assert ordered(backwards, language) == paths


def test_languages_do_not_mix() -> None:
    files = [File("a.py", "Python", ["b"]), File("b.py", "Text", []), File("b", None, ["a"])]
    assert order(files) == [0, 2, 1]


GRAPHS = st.lists(st.sets(st.integers(0, 14)), max_size=15)


@settings(deadline=None, max_examples=300)
@given(GRAPHS)
def test_any_graph(graph: list[set[int]]) -> None:
    """All files are there; whatever one needs is before it, unless they are in a circle."""
    needs = [{other for other in some if other < len(graph)} for some in graph]
    done = repository._topological(needs, len(needs))
    assert sorted(done) == list(range(len(needs)))
    reach = [set(some) for some in needs]
    for _ in needs:
        for node, some in enumerate(reach):
            reach[node] = some.union(*(reach[other] for other in some))
    place = {node: number for number, node in enumerate(done)}
    for node, some in enumerate(reach):
        for other in some:
            if node not in reach[other]:
                assert place[other] < place[node]
            elif node < other:  # a circle is in one piece, by path
                between = done[place[node] : place[other] + 1]
                assert between == sorted(between)
                assert all(node in reach[inner] or inner == node for inner in between)


def test_deep_chains() -> None:
    count = 50_000
    assert repository._topological(
        [{n + 1} if n + 1 < count else set() for n in range(count)], count
    ) == list(reversed(range(count)))


# The stage ---------------------------------------------------------------------------------------------


def stage(**config: Any) -> RepositoryOrder:
    made = RepositoryOrder(RepositoryOrderConfig(**config))
    made.open()
    return made


def documents(rows: Sequence[tuple[str, str, str | None, str | None]], **columns: Any) -> pa.Table:
    """Of repository, path, language and text."""
    repos, paths, languages, texts = (list(column) for column in zip(*rows, strict=True))
    ids = [hashlib.blake2b(f"{repo} {path}".encode(), digest_size=16).digest() for repo, path, *_ in rows]
    return pa.table(
        {
            "id": pa.array(ids, pa.binary(16)),
            "text": pa.array(texts, pa.string()),
            "repo": pa.array(repos, pa.string()),
            "commit": pa.array([None] * len(rows), pa.string()),
            "path": pa.array(paths, pa.string()),
            "code_language": pa.array(languages, pa.string()),
            "license": pa.array(columns.pop("license", ["MIT"] * len(rows)), pa.string()),
            **columns,
        }
    )


def made(tables: Sequence[pa.Table], verdicts: Sequence[Sequence[Fault | None]]) -> list[dict[str, Any]]:
    rows = pa.concat_tables(tables).to_pylist()
    stay = [verdict is None for some in verdicts for verdict in some]
    return sorted(
        (row for row, keep in zip(rows, stay, strict=True) if keep),
        key=lambda row: (row["repo"], row["repository.files"]),
    )


BOATS = [
    ("north/boats", "boats/main.py", "Python", "from boats import sail\n"),
    ("north/boats", "boats/sail.py", "Python", "wind = 1"),
    ("north/boats", "README.md", "Markdown", "# Boats\n"),
    ("north/boats", "src/a.c", "C", '#include "a.h"\n'),
    ("north/boats", "src/a.h", "C", "int a;\n"),
    ("south/boats", "one.txt", None, None),
]


def test_a_repository_is_a_document() -> None:
    table = documents(BOATS, license=["MIT", "MIT", "Apache-2.0 OR MIT", "MIT", "MIT", None])
    tables, verdicts, counts = run(stage(), [table])
    north, south = made(tables, verdicts)
    assert north["text"] == (
        "# README.md\n# Boats\n\n# boats/sail.py\nwind = 1\n\n# boats/main.py\nfrom boats import sail\n\n"
        '// src/a.h\nint a;\n\n// src/a.c\n#include "a.h"\n'
    )
    assert north["repository.files"] == [
        "README.md", "boats/sail.py", "boats/main.py", "src/a.h", "src/a.c"
    ]  # fmt: skip
    assert north["path"] == "README.md"
    assert north["code_language"] == "Python"
    assert north["license"] == "(Apache-2.0 OR MIT) AND MIT"
    assert (south["text"], south["license"]) == ("# one.txt\n\n", None)
    assert counts["places"] == {"repositories": 2, "documents": 2, "rows": 6}
    assert {verdict for some in verdicts for verdict in some if verdict} == {
        Fault("in_repository", north["id"].hex())
    }


def test_large_repositories_are_several_documents() -> None:
    rows = [("r", f"{n:03}.txt", "Text", "x" * (300 if n == 4 else 40)) for n in range(10)]
    tables, verdicts, counts = run(stage(max_bytes=100, header=""), [documents(rows)])
    files = [[int(path[:3]) for path in row["repository.files"]] for row in made(tables, verdicts)]
    assert files == [[0, 1], [2, 3], [4], [5, 6], [7, 8], [9]]
    assert counts["places"]["documents"] == 6


def test_within_columns() -> None:
    groups = pa.array(["a", "b", "a", "b", None, None])
    tables, verdicts, _ = run(stage(order="path", within=["group"]), [documents(BOATS, group=groups)])
    assert [row["repository.files"] for row in made(tables, verdicts)] == [
        ["README.md", "boats/main.py"], ["boats/sail.py", "src/a.c"], ["src/a.h"], ["one.txt"]
    ]  # fmt: skip


def test_the_split_of_files_into_parts_shows_nowhere() -> None:
    rng = random.Random(3)
    rows = []
    for repo in range(12):
        for number in range(rng.choice([1, 2, 9, 30])):
            text = f"import m{rng.randrange(40)}\nimport m{rng.randrange(40)}\n" + "x" * rng.randrange(200)
            rows.append((f"r{repo}", f"m{number}.py", "Python", text))
    found = []
    for seed, (parts, buckets, batch) in enumerate([(1, 1, 1000), (5, 3, 7), (9, 11, 2)]):
        dealt = rows[:]
        random.Random(seed).shuffle(dealt)
        cuts = sorted(random.Random(seed).choices(range(1, len(dealt)), k=parts - 1))
        tables = [documents(dealt[a:b]) for a, b in itertools.pairwise([0, *cuts, len(dealt)]) if b > a]
        done, verdicts, _ = run(stage(max_bytes=2000), tables, (), buckets, batch)
        found.append(made(done, verdicts))
        assert len(kept(tables, verdicts)) == len(found[-1])
    assert found[0] == found[1] == found[2]
    assert sum(len(row["repository.files"]) for row in found[0]) == len(rows)


@pytest.mark.parametrize("header", ["{name}", "{", "{path!q}{}", "{path.x}"])
def test_headers_that_cannot_be(header: str) -> None:
    with pytest.raises(ValidationError):
        RepositoryOrderConfig(header=header)


def test_headers_stay_on_one_line() -> None:
    tables, verdicts, _ = run(
        stage(header="<{repo}:{path}> {{x}}\n"), [documents([("r", "a\nb", None, "x")])]
    )
    assert made(tables, verdicts)[0]["text"] == "<r:a b> {x}\nx\n"
