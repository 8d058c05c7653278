"""What stays is not looked through for garbage, and what comes after it is."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

from stages.collecting import uncollected


class Circle:
    def __init__(self) -> None:
        self.me = self


def test_garbage_is_looked_for_again_afterwards() -> None:
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
        left = weakref.ref(Circle())
        assert left() is not None
    assert gc.isenabled()
    gc.collect()
    assert left() is None


def test_a_process_settles_once() -> None:
    code = (
        "import gc; from stages.collecting import settled; settled(); first = gc.get_freeze_count(); kept = [[] for _ in range(9999)]; "
        "settled(); assert 1000 < gc.get_freeze_count() <= first"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
