"""The ``nanocorpus`` command, also ``python -m nanocorpus``: checks its packages and runs ``pipeline.cli``.

The packages have common names. A folder called ``stages`` or ``model`` in the working directory does not
hide them; if one that is earlier on Python's path does, the error message names it.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parent.parent
_ROOMS = ("model", "pipeline", "stages")


def main() -> None:
    """Entry point; see ``pipeline.cli``."""
    home, here = str(_HOME), os.getcwd()
    # modules in the working directory are found after all others
    sys.path[:] = dict.fromkeys([*(entry for entry in sys.path if entry not in ("", here)), home, here])
    for room in _ROOMS:
        spec = find_spec(room)
        places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
        if _HOME / room not in [Path(place).resolve() for place in places]:
            found = f"is hidden by {places[0]}" if places else "is missing"
            print(
                f"nanocorpus: its package `{room}` {found}; remove its directory from PYTHONPATH, "
                "or rename it",
                file=sys.stderr,
            )
            raise SystemExit(2)
    from stages.collecting import uncollected

    with uncollected():
        from pipeline.cli import main as command

    command()


if __name__ == "__main__":
    main()
