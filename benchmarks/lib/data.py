"""Where the real pages are that some benchmarks and tests need: they are not part of the repository.

``NANOCORPUS_DATA`` names their folder: ``web/pages.warc.gz`` (captures in Common Crawl's layout) with
``web/pages.jsonl`` (a line for each), ``web/corrupt.warc.gz``, ``web/lynx_cases/``, and ``gold/*.jsonl.gz``
(pages with their main content). Knows names only.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "NANOCORPUS_DATA"


def find(name: str) -> Path | None:
    """The file or folder of this name; None where it is not to be had."""
    folder = os.environ.get(VARIABLE)
    path = Path(folder, name) if folder else None
    return path if path is not None and path.exists() else None


def missing(name: str) -> str:
    """Why something is skipped that needs it."""
    return f"needs {name}, real pages that are not part of the repository: {VARIABLE} names their folder"


def need(name: str) -> Path:
    """The file or folder of this name. FileNotFoundError where it is not to be had."""
    if (path := find(name)) is None:
        raise FileNotFoundError(missing(name))
    return path
