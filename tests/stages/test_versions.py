"""What a stage puts out belongs to its ``version``: a change of the one asks for a change of the other.

A receipt names a stage by its registry name and its version. Were its output to change under the same version,
a run that goes on, or one that builds on an earlier one, would mix old results with new. So
``versions.json`` keeps, for every name of the registry, the version and a digest of what comes out of the
cases of ``version_cases``. After a version was raised, or a case changed, the record is renewed by

    RENEW_VERSIONS=1 python -m pytest tests/stages/test_versions.py

which refuses an output that changed under an unchanged version. Where the version was raised already since the
last release, take the record of that release back first (``git checkout <it> tests/stages/versions.json``).

Numbers with a point are compared to three digits, so that another processor gives the same digest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import version_outputs
from version_cases import NAMES, ROOT, cases
from version_outputs import Case

RECORD = Path(__file__).with_name("versions.json")
RENEW = bool(os.environ.get("RENEW_VERSIONS"))
HOW = f"renew the record: RENEW_VERSIONS=1 python -m pytest tests/stages/{Path(__file__).name}"

#: Of one stage: its version and, by case, digests of what was given and of what was found.
Entry = dict[str, Any]


def canonical(value: Any) -> Any:
    """What two processes must agree on, as JSON."""
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        return [
            [field.name, str(field.type), canonical(value[field.name].to_pylist())] for field in value.schema
        ]
    if isinstance(value, Mapping):
        return [[str(key), canonical(one)] for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return [canonical(one) for one in value]
    if isinstance(value, float):
        return f"{value:.3g}"
    return value.hex() if isinstance(value, bytes) else value


def given(case: Case) -> Any:
    """The case as JSON, with the content of files in the place of their names."""

    def content(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: content(one) for key, one in value.items()}
        if isinstance(value, list):
            return [content(one) for one in value]
        if not isinstance(value, Path):
            return value
        if value.is_dir():
            return [content(file) for file in sorted(value.iterdir()) if file.suffix == ".json"]
        # how Parquet is written differs between releases of Arrow
        return pq.read_table(value) if value.suffix == ".parquet" else value.read_bytes()

    return canonical([content(dict(case.settings)), case.parts, case.earlier])


def digest(value: Any, *places: Path) -> str:
    text = json.dumps(value, ensure_ascii=False)
    for place in places:
        text = text.replace(str(place), "")
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def measured(name: str, folder: Path) -> Entry:
    folder.mkdir(exist_ok=True)
    places = (folder, ROOT)
    found = {
        word: {
            "given": digest(given(case), *places),
            "found": digest(canonical(version_outputs.output(name, case)), *places),
        }
        for word, case in cases(name, folder).items()
    }
    return {"version": version_outputs.version(name), "cases": found}


def changed(recorded: Entry, now: Entry) -> list[str]:
    """Cases in which the same input gives another output."""
    before = recorded["cases"]
    return [
        word
        for word, case in now["cases"].items()
        if word in before
        and case["given"] == before[word]["given"]
        and case["found"] != before[word]["found"]
    ]


def unrenewable(name: str, recorded: Entry | None, now: Entry) -> str | None:
    """Why the record of a stage cannot become what was measured now; None: it can."""
    if not now["cases"]:
        return f"{name} has no case in version_cases.py: give it one"
    if recorded is None:
        return None
    before, after = recorded["version"], now["version"]
    if after < before:
        return f"the version of {name} is {after}, and was {before} already: a number is not used twice"
    if after == before and (words := changed(recorded, now)):
        return f"output of {name} changed ({', '.join(words)}): raise its version, which is {after}"
    return None


def mistake(name: str, recorded: Entry | None, now: Entry) -> str | None:
    """What is wrong with a stage and its record, and what to do; None: nothing."""
    if (why := unrenewable(name, recorded, now)) is not None:
        return why
    if recorded is None:
        return f"{name} is not in the record; {HOW}"
    if recorded["version"] != now["version"]:
        return f"the version of {name} is {now['version']}, in the record {recorded['version']}; {HOW}"
    return None if recorded == now else f"the cases of {name} are others than in the record; {HOW}"


def write(record: Mapping[str, Entry]) -> None:
    ordered = {name: record[name] for name in NAMES if name in record}
    RECORD.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read() -> dict[str, Entry]:
    return json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}


@pytest.mark.parametrize("name", NAMES)
def test_output_belongs_to_a_version(name: str, tmp_path: Path) -> None:
    if name == "regressor":
        pytest.importorskip("torch", reason="the network needs torch (pip install 'nanocorpus[model]')")
        pytest.importorskip("safetensors", reason="checkpoints need safetensors")
    now, record = measured(name, tmp_path / "files"), read()
    if RENEW:
        assert "PYTEST_XDIST_WORKER" not in os.environ, "renew in one process: the record is one file"
        why = unrenewable(name, record.get(name), now)
        if why is None:
            write({**record, name: now})
    else:
        why = mistake(name, record.get(name), now)
    if why is not None:
        pytest.fail(why, pytrace=False)


def test_what_is_recorded_exists() -> None:
    if RENEW:
        write(read())
    assert set(read()) == set(NAMES)


def entry(version: int, found: str = "a", given: str = "x", case: str = "defaults") -> Entry:
    return {"version": version, "cases": {case: {"given": given, "found": found}}}


@pytest.mark.parametrize(
    ("recorded", "now", "says", "renewable"),
    [
        (entry(2), entry(2), None, True),
        (entry(2), entry(2, "b"), "output of s changed (defaults): raise its version, which is 2", False),
        (entry(2), entry(1), "a number is not used twice", False),
        (entry(2), entry(3, "b"), "the version of s is 3, in the record 2; renew the record: ", True),
        (entry(2), entry(3), "in the record 2", True),
        (entry(2), entry(2, "b", given="y"), "cases of s are others", True),
        (entry(2), entry(2, "b", case="another"), "cases of s are others", True),
        (None, entry(1), "s is not in the record; renew", True),
        (None, {"version": 1, "cases": {}}, "s has no case", False),
        (entry(2), {"version": 2, "cases": {}}, "s has no case", False),
    ],
)
def test_what_is_said_and_what_is_renewed(
    recorded: Entry | None, now: Entry, says: str | None, renewable: bool
) -> None:
    found = mistake("s", recorded, now)
    assert (found is None) if says is None else (found is not None and says in found)
    assert (unrenewable("s", recorded, now) is None) is renewable


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (pa.table({"a": [0.12345]}), pa.table({"a": [0.12349]}), True),
        (pa.table({"a": [0.12345]}), pa.table({"a": [0.13]}), False),
        (pa.table({"a": [1]}), pa.table({"b": [1]}), False),
        (pa.table({"a": [1]}), pa.table({"a": pa.array([1], pa.int32())}), False),
        (pa.table({"a": [None, "x"]}), pa.table({"a": ["", "x"]}), False),
        ([None, ("short", "3 < 4")], [None, ("short", "2 < 4")], False),
    ],
)
def test_what_counts_as_a_change(one: Any, other: Any, alike: bool) -> None:
    assert (digest(canonical(one)) == digest(canonical(other))) is alike
