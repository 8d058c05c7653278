"""``python -m docs`` writes ``stages.md`` and ``architecture.svg`` anew from the code.

``python -m docs OUTPUT``, with the output of a run of the sample, also draws its funnel and prints rows of it
in ``format.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs import architecture, sample, stages

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> None:
    (HERE / "stages.md").write_text(stages.page(), encoding="utf-8")
    (HERE / "architecture.svg").write_text(architecture.picture(), encoding="utf-8")
    for output in arguments:
        (HERE / "funnel.svg").write_text(sample.funnel(Path(output)), encoding="utf-8")
        page = HERE / "format.md"
        page.write_text(sample.with_rows(page.read_text(encoding="utf-8"), Path(output)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
