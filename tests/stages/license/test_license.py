"""The stages ``license`` and ``license_filter``."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import version_inputs as inputs

from stages.base import Fault
from stages.license.annotate import NOTICES, License, LicenseConfig
from stages.license.keep import LicenseFilter, LicenseFilterConfig


def annotated(batch: pa.Table, **settings: object) -> dict[str, list[object]]:
    stage = License(LicenseConfig(**settings))  # type: ignore[arg-type]
    stage.open()
    found = stage.annotate(batch)
    assert not found.faults
    assert {name: array.type for name, array in found.columns.items()} == {
        field.name: field.type for field in License.adds
    }
    return {name: array.to_pylist() for name, array in found.columns.items()}


def test_columns() -> None:
    found = annotated(inputs.licensed())
    assert found["license"] == [
        "MIT OR Apache-2.0", "GPL-2.0-or-later", "MIT", "LicenseRef-unknown", "BSD-2-Clause", "GPL-3.0-only", "Artistic-2.0", None,
    ]  # fmt: skip
    assert found["license_by"] == [
        "tag",
        "header",
        "file",
        "header",
        "manifest",
        "notice",
        "repository",
        None,
    ]
    assert found["license_path"] == ["a.py", "b.c", "LICENSE", "d.go", "e.gemspec", "README.md", None, None]
    assert found["license_group"][:4] == ["permissive", "strong_copyleft", "permissive", "unknown"]
    assert found["license_rank"][:4] == [1, 3, 1, 8]
    assert found["license_conflict"][1] == "GPL-2.0-or-later in the file, MIT in LICENSE"


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "groups.yaml"
    path.write_text("licenses: {MIT: {group: proprietary}}")
    assert annotated(inputs.licensed(), groups=str(path))["license_group"][2] == "proprietary"


def test_other_columns_are_refused() -> None:
    schema = pa.schema([("notices", pa.string())])
    assert "column `notices` is string" in str(License.check(LicenseConfig(), schema))
    assert License.check(LicenseConfig(), pa.schema([("notices", NOTICES)])) is None


def verdicts(**settings: object) -> list[str | None]:
    stage = LicenseFilter(LicenseFilterConfig(**settings))  # type: ignore[arg-type]
    return [None if fault is None else fault.reason for fault in stage.judge(inputs.judged())]


def test_what_is_kept() -> None:
    assert verdicts() == [
        None,
        None,
        "license",
        "license_unknown",
        "license_of_copy",
        "license_conflict",
        "license_unknown",
    ]
    assert verdicts(keep=["strong_copyleft"], unknown="keep", conflict="keep") == [
        "license", "license", None, None, "license", "license", None,
    ]  # fmt: skip
    found = LicenseFilter(LicenseFilterConfig()).judge(inputs.judged())
    assert found[4] == Fault("license_of_copy", "permissive: MIT; of a copy strong_copyleft")


@pytest.mark.parametrize("name", ["free", "unknown"])
def test_groups_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="is no group of licences; there are public_domain"):
        LicenseFilterConfig(keep=[name])


def fake(folder: Path, answer: str) -> str:
    """An interpreter that stands for one with scancode: it answers every line in the same way."""
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable}\nimport sys\nif 'for line' in sys.argv[2]:\n    for line in sys.stdin:\n        {answer}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


def unrecognised(count: int = 1) -> pa.Table:
    terms = (
        "These are the terms of the harbour. "
        + "Ships pay a toll before they leave, and none goes without it. " * 10
    )
    table = inputs.documents(["x = 1"] * count)
    table = table.append_column("path", pa.array([f"{number}.py" for number in range(count)]))
    table = table.append_column("notices", pa.array([[{"path": "LICENSE", "text": terms}]] * count, NOTICES))
    return table.append_column("repo_license", pa.array([None] * count, pa.string()))


def test_scancode_is_asked_once_for_a_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    python = fake(tmp_path, f"open({str(log)!r}, 'a').write('x'); print('\"MIT\"', flush=True)")
    found = annotated(unrecognised(3), scancode=python)
    assert found["license"] == ["MIT"] * 3
    assert found["license_by"] == ["file"] * 3
    assert log.read_text() == "x"


def test_a_scancode_that_dies_is_no_answer(tmp_path: Path) -> None:
    stage = License(LicenseConfig(scancode=fake(tmp_path, "sys.exit(1)")))
    stage.open()
    with pytest.raises(RuntimeError, match="scancode gave no answer"):
        stage.annotate(unrecognised())


def test_no_scancode_there() -> None:
    with pytest.raises(ValueError, match="cannot import licensedcode"):
        License(LicenseConfig(scancode=sys.executable)).open()
