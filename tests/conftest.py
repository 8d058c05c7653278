"""What tests share: the checkout on the path of every process that a test starts, and a service like S3."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.s3_server import S3Server

ROOT = Path(__file__).resolve().parent.parent

for entry in (str(ROOT), str(ROOT / "tests")):
    if entry not in sys.path:
        sys.path.insert(0, entry)
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
# tests run side by side: threads that wait for each other by spinning would take each other's cores
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Files run in their order. pytest-xdist would begin with those of the most tests, and end with the few
    that take longest, for which one worker waits."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Runs in this process write thousands of small files; on a busy disk most of their time is waiting until
    these are safe from power cuts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """A service on loopback, with its credentials in the environment."""
    from tests.s3_server import ENVIRONMENT, S3Server  # needs moto, which not every test does

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with S3Server() as running:
            yield running
