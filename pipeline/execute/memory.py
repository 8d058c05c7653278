"""Memory of the machine and of processes, to end a child before the kernel or Ray ends a worker.

When the kernel or Ray ends a worker, it is not known which document it was at. A child that is ended here
leaves its journal, which names the document. Reads ``/proc`` and ``/sys/fs/cgroup``; without them nothing is
limited. Knows bytes and process numbers.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

#: Share of memory in use at which a large child is ended. Ray ends workers at 0.95.
LIMIT = 0.9
#: Bytes. A child that holds less is not the reason.
LEAST = 1 << 30
_GROUP = Path("/sys/fs/cgroup")


def too_much(pid: int) -> str | None:
    """Why process ``pid`` must be ended now; None if it may continue."""
    total, used = _machine()
    held = resident(pid)
    if not total or used < min(LIMIT, _ray_limit() - 0.03) * total or held < LEAST:
        return None
    return f"held {held >> 20} MiB when {used >> 20} of {total >> 20} MiB of the machine were in use"


def kills() -> int:
    """How many processes the kernel has ended for lack of memory, as far as it is known."""
    with suppress(OSError, ValueError):
        if match := re.search(r"^oom_kill (\d+)$", (_GROUP / "memory.events").read_text(), re.MULTILINE):
            return int(match[1])
    with suppress(OSError, ValueError):
        if match := re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE):
            return int(match[1])
    return 0


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 if that is not known."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _machine() -> tuple[int, int]:
    """Total bytes and bytes in use, of the container if it has a limit, else of the machine."""
    total = used = 0
    with suppress(OSError, ValueError):
        fields = dict(re.findall(r"^(\w+):\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE))
        total = int(fields["MemTotal"]) << 10
        used = total - (int(fields["MemAvailable"]) << 10)
    with suppress(OSError, ValueError, KeyError):
        limit = int((_GROUP / "memory.max").read_text())  # "max" without a limit
        if limit < total:
            fields = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
            return limit, int((_GROUP / "memory.current").read_text()) - int(fields["inactive_file"])
    return total, used


def _ray_limit() -> float:
    with suppress(ValueError):
        return float(os.environ.get("RAY_memory_usage_threshold", "0.95"))  # noqa: SIM112 (Ray spells it so)
    return 0.95
