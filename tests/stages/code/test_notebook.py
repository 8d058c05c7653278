"""Notebooks: both forms, every version of the format, magic commands, damage; and real ones where they are."""

from __future__ import annotations

import ast
import json
import random
from typing import Any

import pyarrow as pa
import pytest

from stages.base import Fault
from stages.code.cells import NotNotebook, parse
from stages.code.comments import SIGNS, comment
from stages.code.magics import without_magics
from stages.code.notebook import JUPYTER, NotebookConfig, NotebookStage

PYTHON = {"kernelspec": {"name": "python3", "language": "python"}, "language_info": {"name": "python"}}


def cell(kind: str, source: Any, *outputs: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    return found | {"outputs": list(outputs), "execution_count": 1} if kind == "code" else found


def notebook(*cells: Any, metadata: Any = PYTHON) -> str:
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def stage(**settings: Any) -> NotebookStage:
    made = NotebookStage(NotebookConfig.model_validate(settings))
    made.open()
    return made


def done(text: str, **settings: Any) -> tuple[str, str]:
    batch = pa.table({"text": [text], "code_language": [JUPYTER]})
    found = stage(**settings).annotate(batch)
    assert not found.faults
    return found.columns["text"][0].as_py(), found.columns["code_language"][0].as_py()


IMAGE = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo" * 1000, "text/plain": "<Figure>"}}
PRINTED = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n", "3\n"]}
WARNED = {"output_type": "stream", "name": "stderr", "text": "careful\n"}
FAILED = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["long " * 100]}
SHOWN = {"output_type": "execute_result", "data": {"text/html": "<b>4</b>", "text/plain": ["4"]}}
BOATS = notebook(
    cell(
        "markdown", ["# Boats\n", "\n", "How *many* there are.\n", "![](data:image/png;base64,iVBORw0KGgo=)"]
    ),
    cell("code", "%matplotlib inline\nboats = 4\n\n", IMAGE, FAILED),
    cell("code", "   \n"),
    cell("code", ["for boat in range(3):\n", "    print(boat + 1)"], PRINTED, WARNED, SHOWN),
    cell("code", "%%bash\nls -l\n\necho boats"),
    cell("raw", "The end."),
)


def test_a_script() -> None:
    assert done(BOATS) == (
        "# # Boats\n#\n# How *many* there are.\n# ![]()\n\n# %matplotlib inline\nboats = 4\n\n"
        "for boat in range(3):\n    print(boat + 1)\n\n# %%bash\n# ls -l\n#\n# echo boats\n\n# The end.\n",
        "Python",
    )
    ast.parse(done(BOATS)[0])


def test_markdown_with_the_first_lines_of_outputs() -> None:
    assert done(BOATS, **{"as": "markdown", "outputs": 3}) == (
        "# Boats\n\nHow *many* there are.\n![]()\n\n```python\n%matplotlib inline\nboats = 4\n```\n\n"
        "```\n<Figure>\n```\n\n"
        "```python\nfor boat in range(3):\n    print(boat + 1)\n```\n\n```\n1\n2\n3\n…\n```\n\n"
        "```python\n%%bash\nls -l\n\necho boats\n```\n\nThe end.\n",
        JUPYTER,
    )
    assert "# 1\n# 2\n# …\n" in done(BOATS, outputs=2)[0]


def test_fences_are_longer_than_those_within() -> None:
    text, _ = done(notebook(cell("code", 'help = """\n````\n"""')), **{"as": "markdown"})
    assert text == '`````python\nhelp = """\n````\n"""\n`````\n'


def test_wide_outputs_are_cut() -> None:
    wide = {"output_type": "stream", "name": "stdout", "text": "x" * 100_000}
    assert len(done(notebook(cell("code", "y()", wide)), outputs=5)[0]) < 250


@pytest.mark.parametrize(
    ("metadata", "language", "line"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}}, "R", "# Boats"),
        ({"language_info": {"name": "julia"}}, "Julia", "# Boats"),
        ({"language_info": {"name": "scala"}}, "Scala", "// Boats"),
        ({"kernelspec": {"name": "xcpp17", "language": "C++17"}}, "C++", "// Boats"),
        ({"kernelspec": {"name": "Haskell", "language": "haskell"}}, "Haskell", "-- Boats"),
        ({"kernelspec": {"name": "octave"}}, "MATLAB", "% Boats"),
        ({}, "Python", "# Boats"),
        (None, "Python", "# Boats"),
        ({"kernelspec": 3, "language_info": []}, "Python", "# Boats"),
    ],
)
def test_languages_of_kernels(metadata: Any, language: str, line: str) -> None:
    text, found = done(notebook(cell("markdown", "Boats"), cell("code", "%x"), metadata=metadata))
    assert (found, text.split("\n")[0]) == (language, line)
    # a command to IPython only
    assert text.split("\n")[2] == ("# %x" if language == "Python" else "%x")


def test_a_language_without_known_comments_is_markdown() -> None:
    text, language = done(
        notebook(
            cell("markdown", "Boats"), cell("code", "boats."), metadata={"language_info": {"name": "Boat"}}
        )
    )
    assert (text, language) == ("Boats\n\n```boat\nboats.\n```\n", JUPYTER)


def test_version_three() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Boats"]},
        {"cell_type": "code", "language": "python", "input": ["print 4"], "outputs": [
            {"output_type": "pyout", "text": ["4"], "png": "iVBOR"},
            {"output_type": "stream", "stream": "stdout", "text": "5\n"},
        ]},
        {"cell_type": "markdown", "source": "Four."},
    ]  # fmt: skip
    old = json.dumps({"metadata": {"name": "old"}, "nbformat": 3, "worksheets": [{"cells": cells}]})
    assert done(old, outputs=4) == ("# ## Boats\n\nprint 4\n\n# 4\n# 5\n\n# Four.\n", "Python")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "no JSON: Expecting value"),
        ('{"cells": [', "no JSON: "),
        ('<<<<<<< HEAD\n{"cells": []}\n=======\n', "no JSON: "),
        ("[1]", "JSON, but no object"),
        ('{"a": 1}', "JSON without cells"),
        ("[" * 200_000, "no JSON"),
        ('{"cells": ' + "9" * 5000 + "}", "no JSON"),
    ],
)
def test_damaged_ones_fail_alone(text: str, detail: str) -> None:
    batch = pa.table({"text": [BOATS, text, "boats"], "code_language": [JUPYTER, JUPYTER, "Text"]})
    found = stage().annotate(batch)
    assert list(found.faults) == [1]
    assert found.faults[1].reason == "notebook"
    assert found.faults[1].detail.startswith(detail)
    assert found.columns["text"][0].as_py() == done(BOATS)[0]
    assert found.columns["text"][2].as_py() == "boats"
    assert found.columns["notebook"].to_pylist() == ["Python", None, None]
    assert isinstance(found.faults[1], Fault)


def test_damaged_cells_are_left_out() -> None:
    text = notebook(
        None, 3, {}, cell("code", None), cell("code", ["a = ", 3, "4"]), cell("boat", "x"), {"cell_type": []}
    )
    assert done(text) == ("a = 4\n", "Python")
    assert done(notebook(cell("markdown", "\ud800 boats")))[0] == "# ? boats\n"
    assert done(notebook())[0] == ""


def test_others_are_left_alone() -> None:
    batch = pa.table({"text": pa.array([BOATS, None]), "code_language": ["JSON", JUPYTER]})
    found = stage().annotate(batch)
    assert not found.faults
    assert found.columns["text"].to_pylist() == [BOATS, None]
    assert found.columns["code_language"].to_pylist() == ["JSON", JUPYTER]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("%time x()", "# %time x()"),
        ("%%time\nx()\n%cd ..", "# %%time\nx()\n# %cd .."),
        ("%%html\n<b>", "# %%html\n# <b>"),
        (
            "!pip install boats \\\n    --quiet\nimport boats",
            "# !pip install boats \\\n# --quiet\nimport boats",
        ),
        ("files = !ls 'it\nx = 1", "# files = !ls 'it\nx = 1"),
        ("took = %timeit -o f()", "# took = %timeit -o f()"),
        ("if colab:\n    !pip install boats\nx", "if colab:\n    pass  # !pip install boats\nx"),
        ("boats?\nboats.find??\n?boats", "# boats?\n# boats.find??\n# ?boats"),
        # Python, although lines begin so
        ("x = ('%d'\n%y)", "x = ('%d'\n%y)"),
        ("x = 5 \\\n%y", "x = 5 \\\n%y"),
        ('x = """\n!no\n%no\n"""', 'x = """\n!no\n%no\n"""'),
        ("x = '''it\\'''\n%no ''' \n%yes", "x = '''it\\'''\n%no ''' \n# %yes"),
        ("x = 'it\n%yes", "x = 'it\n# %yes"),
        ("# (\n%yes", "# (\n# %yes"),
        ("a != b", "a != b"),
        ("x = y if z else '?'", "x = y if z else '?'"),
    ],
)
def test_commands_to_ipython(source: str, found: str) -> None:
    assert without_magics(source) == found


def test_hostile_cells_take_no_longer() -> None:
    rng = random.Random(4)
    for size in (30_000,):
        for alphabet in ("'\"\\\n%", "([{%\n", "'''", '"', "\\\n!", "a=%\n?"):
            source = "%x\n" + "".join(rng.choices(alphabet, k=size))
            assert len(without_magics(source)) >= size / 2


def test_comments_close() -> None:
    assert comment("a (* b *) c", "OCaml") == "(* a (* b * ) c *)"
    assert comment("", "Python") == "#"
    assert len(SIGNS) == len(set(SIGNS))


def test_no_notebook_has_a_reason() -> None:
    with pytest.raises(NotNotebook, match="no object"):
        parse("3")
