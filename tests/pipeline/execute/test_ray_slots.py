"""How many tasks are handed to Ray at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from pipeline import launch
from pipeline.execute import on_ray
from pipeline.storage import StorageSettings
from pipeline.tasks.base import Context
from stages.base import Input


@pytest.mark.parametrize(
    ("address", "workers", "remote", "slots"),
    [
        ("local", 4, False, 6),
        ("local", None, False, 12),
        ("head:6379", None, False, 12),
        ("head:6379", 4, False, 4),
        ("local", 1, True, 3),
        ("head:6379", None, True, 16),
        ("head:6379", 4, True, 6),
    ],
)
def test_no_more_parts_run_at_once_than_were_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    workers: int | None,
    remote: bool,
    slots: int,
) -> None:
    """On a cluster only the number of tasks says how many run, and how far an autoscaler grows. Behind an
    object store half as many more do, with their share of as many CPUs."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 8.0}}])
    for name in ("Pulse", "Actors", "_check_reachable"):
        monkeypatch.setattr(on_ray, name, lambda *_: None)
    monkeypatch.setattr(on_ray.RayExecutor, "_check_output", lambda *_: None)
    context = Context(str(tmp_path), "", StorageSettings(), 0, 10.0)
    executor = on_ray.RayExecutor(context, workers, address, remote)
    assert executor.slots == slots
    assert executor.workers == (workers or 8)
    shares = {cpus: executor._share(cpus) for cpus in (1, 2, 8)}
    assert shares == ({1: 0.5, 2: 0.6666, 8: 0.6666} if remote else {1: 1, 2: 1, 8: 1})


@pytest.mark.parametrize(
    ("output", "inputs", "remote"),
    [
        ("/out", ["/in/a"], False),
        ("s3://b/out", ["/in/a"], True),
        ("/out", ["/in/a", "az://c/in/a"], True),
    ],
)
def test_a_run_waits_if_anything_is_behind_an_object_store(
    output: str, inputs: list[str], remote: bool
) -> None:
    items = {str(number): [("part-0", Input(path, "a", 1, ""))] for number, path in enumerate(inputs)}
    plan: Any = SimpleNamespace(config=SimpleNamespace(output=output), inputs=items)
    assert launch._remote(plan) is remote
