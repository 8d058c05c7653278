"""``signatures.json`` names how loops are called. It is renewed by

RENEW_SIGNATURES=1 python -m pytest tests/stages/test_ahead.py
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from numba import types

from stages import ahead, kept

ROOT = Path(__file__).resolve().parents[2]

#: Runs the cases of all stages, and prints how Python called loops: calls of loops by loops do not count.
OBSERVER = """
import json, sys, tempfile
from importlib import import_module
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from stages import ahead

seen, depth, compile = {}, 0, Dispatcher.compile

def observed(self, signature):
    global depth
    function = self.py_func
    if depth == 0 and function.__module__.startswith("stages."):
        arguments = getattr(signature, "args", signature)
        calls = seen.setdefault(function.__module__, {}).setdefault(function.__name__, [])
        calls.append([ahead.written(one) for one in arguments])
    depth += 1
    try:
        return compile(self, signature)
    finally:
        depth -= 1

Dispatcher.compile = observed
import version_outputs
from version_cases import NAMES, cases

with tempfile.TemporaryDirectory() as folder:
    for number, name in enumerate(NAMES):
        below = Path(folder) / str(number)
        below.mkdir()
        for case in cases(name, below).values():
            version_outputs.output(name, case)
for loops in seen.values():
    for calls in loops.values():
        calls.sort(key=json.dumps)
print(json.dumps(seen, indent=1, sort_keys=True))
"""


def observed() -> ahead.Signatures:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    path = os.pathsep.join(str(ROOT / name) for name in tool["pytest"]["ini_options"]["pythonpath"])
    done = subprocess.run(
        [sys.executable, "-c", OBSERVER],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])


def test_loops_are_called_as_the_record_says():
    found = observed()
    if os.environ.get("RENEW_SIGNATURES"):
        # the first time, a loop may have been compiled as part of another before it is called itself
        record = json.dumps(observed(), indent=1, sort_keys=True)
        ahead.signatures.cache_clear()
        ahead.SIGNATURES.write_text(record + "\n", encoding="utf-8")
    known = ahead.signatures()
    unknown = [
        (module, loop, call)
        for module, loops in found.items()
        for loop, calls in loops.items()
        for call in calls
        if call not in known.get(module, {}).get(loop, ())
    ]
    assert not unknown, __doc__


def test_the_record_names_loops_that_there_are():
    for module, loops in ahead.signatures().items():
        for loop in loops:
            assert hasattr(import_module(module), loop), __doc__


@pytest.mark.parametrize(
    "kind",
    [
        types.int64,
        types.boolean,
        types.Array(types.uint8, 1, "C"),
        types.Array(types.float32, 2, "A", readonly=True),
    ],
)
def test_types_are_read_as_they_were_written(kind):
    assert ahead.read(ahead.written(kind), None) == kind


def test_a_type_that_loops_do_not_take_is_refused():
    with pytest.raises(ValueError, match="unicode_type"):
        ahead.written(types.unicode_type)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Of this package what one loop needs, compiled never."""
    modules = ("__init__", "ahead", "cached", "compiled", "kept", "parts")
    for name in [f"stages/{module}.py" for module in modules]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    room = tmp_path / "stages" / "room"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "loops.py").write_text(
        "from stages.compiled import compiled\n\n@compiled\ndef total(numbers):\n    return numbers.sum()\n"
    )
    record = {"stages.room.loops": {"total": [["int64[1C]"], ["const int64[1C]"]]}}
    (tmp_path / "stages" / "signatures.json").write_text(json.dumps(record))
    monkeypatch.setattr(ahead, "_ROOT", tmp_path)
    monkeypatch.setattr(kept, "_SHARED", tmp_path / "stages" / "text")
    ahead.signatures.cache_clear()
    monkeypatch.setattr(ahead, "SIGNATURES", tmp_path / "stages" / "signatures.json")
    yield tmp_path
    ahead.signatures.cache_clear()


def test_what_is_missing_is_compiled_once(checkout, monkeypatch):
    kept = checkout / "stages" / "room" / "__pycache__"
    assert ahead.missing() == []  # this process has not imported the room
    monkeypatch.setitem(sys.modules, "stages.room", object())
    assert ahead.missing() == ["stages.room.loops"]
    for way in ([], ["--beside"]):
        command = [sys.executable, "-m", "stages.ahead", *way]
        subprocess.run(command, cwd=checkout, check=True, input="stages.room.loops", text=True)
        assert len(list(kept.glob("loops.total-*.nbc"))) == 2
        assert ahead.missing() == []


def test_two_processes_share_the_work(checkout, monkeypatch):
    monkeypatch.setitem(sys.modules, "stages.room", object())
    kept = checkout / "stages" / "room" / "__pycache__"
    kept.mkdir()
    with (kept / "loops.ahead").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        beside = [sys.executable, "-m", "stages.ahead", "--beside"]
        subprocess.run(beside, cwd=checkout, check=True, input="stages.room.loops", text=True)
    assert ahead.missing() == ["stages.room.loops"]


@pytest.mark.parametrize("needed", [True, False])
def test_a_run_begins_before_it_knows_what_is_missing(checkout, monkeypatch, needed):
    kept = checkout / "stages" / "room" / "__pycache__"
    ahead.prepare()
    waiting = list(ahead._beside)
    assert len(waiting) == len(os.sched_getaffinity(0))
    if needed:
        monkeypatch.setitem(sys.modules, "stages.room", object())
    ahead.start()
    assert [process.wait(60) for process in waiting] == [0] * len(waiting)
    assert len(list(kept.glob("loops.total-*.nbc"))) == (2 if needed else 0)
    if needed:
        ahead.prepare()
        assert not ahead._beside  # something was compiled


def test_a_machine_that_starts_no_more_processes_compiles_later(checkout, monkeypatch):
    def refuse(*rest, **named):
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(ahead.subprocess, "Popen", refuse)
    monkeypatch.setitem(sys.modules, "stages.room", object())
    ahead.prepare()
    ahead.start()
    assert ahead.missing() == ["stages.room.loops"]


def test_where_a_process_that_waits_was_killed_the_others_compile(checkout, monkeypatch):
    monkeypatch.setattr(ahead.os, "sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setitem(sys.modules, "stages.room", object())
    ahead.prepare()
    waiting = list(ahead._beside)
    waiting[0].kill()
    waiting[0].wait()
    ahead.start()
    assert waiting[1].wait(60) == 0
    assert ahead.missing() == []


def test_before_the_first_document_everything_imported_is_compiled(checkout):
    code = """
import stages.room.loops as room
from stages import ahead
ahead.wait()
print(len(room.total.signatures))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, check=True, capture_output=True, text=True
    )
    assert done.stdout == "2\n"


def test_nothing_is_started_where_nothing_can_be_kept(checkout, monkeypatch):
    monkeypatch.setitem(sys.modules, "stages.room", object())
    monkeypatch.setattr(ahead.os, "access", lambda path, mode: False)
    assert ahead.missing() == []


def test_where_nothing_can_be_kept_it_is_compiled_before_the_first_document(checkout):
    code = """
import os
os.access = lambda path, mode: False
import stages.room.loops as room
from stages import ahead
ahead.wait()
print(len(room.total.signatures))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, check=True, capture_output=True, text=True
    )
    assert done.stdout == "2\n"


def test_what_was_compiled_of_other_sources_is_missing(checkout, monkeypatch):
    monkeypatch.setitem(sys.modules, "stages.room", object())
    subprocess.run([sys.executable, "-m", "stages.ahead"], cwd=checkout, check=True)
    assert ahead.missing() == []
    (checkout / "stages" / "room" / "other.py").write_text("FACTOR = 2\n")
    kept.stamp.cache_clear()
    assert ahead.missing() == ["stages.room.loops"]


def test_of_two_processes_that_need_a_loop_one_compiles(checkout):
    """Both start at once, before either has compiled anything."""
    code = """
import sys, numpy, stages.room.loops as room
print("ready", flush=True)
sys.stdin.read()
room.total(numpy.zeros(3))
print(sum(room.total.stats.cache_misses.values()))
"""
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=checkout, stdin=-1, stdout=-1, text=True)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.close()
    assert sorted(int(process.stdout.read()) for process in both) == [0, 1]
    assert [process.wait() for process in both] == [0, 0]
