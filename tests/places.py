"""Storage on real file systems and a real S3 endpoint on loopback, for tests: places to write to, and writers."""

from __future__ import annotations

import pickle
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

from pipeline.storage import (
    S3Settings,
    Storage,
    StorageSettings,
)

MIB = 1 << 20


ROOT = Path(__file__).parents[3]


def s3(endpoint: str, **more: object) -> Storage:
    return Storage(StorageSettings(s3=S3Settings.model_validate({"endpoint": endpoint, **more})))


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def names_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


WRITER = """
import sys, time, pickle
storage, path, size = pickle.load(sys.stdin.buffer)
with storage.create(path) as temporary:
    temporary.write_bytes(bytes(size))
    print(temporary, flush=True)
    if sys.argv[1] == "inside":
        time.sleep(60)
"""


def killed_writer(storage: Storage, path: str, when: str, until: threading.Event | None = None) -> Path:
    """Kills a writer with SIGKILL: inside the block, or in its upload, as soon as ``until`` is set."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, when], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pickle.dumps((storage, path, 80 * MIB)))
    process.stdin.close()
    temporary = Path(process.stdout.readline().decode().strip())
    if until is not None:
        assert until.wait(30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return temporary
