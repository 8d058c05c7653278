"""OpenCoder's own pipeline (OpenCoder-llm/opc_data_filtering, MIT), run as it is in a process of its own.

As a script it reads files as JSON lines from standard input and writes what the pipeline says of each: its
signals and rules that fire, and how it parts code from comments. Its random rules are made to fire always;
the language of comments is English for all (its model for that is not public). Knows a checkout of that
repository.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = "OpenCoder-llm/opc_data_filtering"
#: What it imports; fastText and MeCab are not needed for English.
PACKAGES = ("bs4", "esprima", "jieba", "nltk", "pygments", "regex", "zhconv")


class Said(NamedTuple):
    """Signals by name (None: nothing measured), rules that fire, and its two parts of the text."""

    language: str
    kind: str  # code, data, text, unknown, excluded
    signals: dict[str, float | None]
    fired: list[str]
    code: str
    comments: str


def run(repository: Path, files: Sequence[tuple[str, str, int]]) -> tuple[list[Said], float]:
    """What it says of files (path, text, bytes), and the seconds of processor time that signals and rules
    took."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "tree.tar")
        command = [
            "git",
            "-c",
            "safe.directory=*",
            "-C",
            str(repository),
            "archive",
            "HEAD",
            "-o",
            str(archive),
        ]
        subprocess.run(command, check=True)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        lines = "".join(json.dumps(file) + "\n" for file in files)
        done = subprocess.run(
            [sys.executable, __file__, folder, *sys.path],
            input=lines,
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
    answer = json.loads(done.stdout.splitlines()[-1])
    return [Said(*said) for said in answer["said"]], answer["seconds"]


def main(folder: str, paths: Sequence[str]) -> None:
    # Its packages are called `pipeline` and `utils`: they come before all others.
    sys.path[:] = [folder, *(path for path in paths if path)]
    import random
    import time

    random.random = lambda: 1.0
    from document import QSCodeDocument  # type: ignore[import-not-found]
    from pipeline.compute_filtering import CodeFilter  # type: ignore[import-not-found]
    from pipeline.compute_quality_signals import ComputeCodeQualitySignal  # type: ignore[import-not-found]
    from utils.preprocessing import get_doc_type, get_program_lang  # type: ignore[import-not-found]

    measure, judge = ComputeCodeQualitySignal(), CodeFilter()
    said: list[Any] = []
    seconds = 0.0
    for line in sys.stdin:
        path, text, size = json.loads(line)
        name = path.rpartition("/")[2]
        extension = name.rpartition(".")[2] if "." in name else ""
        language = get_program_lang(name, extension)
        kind = get_doc_type(language)
        start = time.process_time()
        found = json.loads(measure.evaluate(text, name, "en", extension, size, language, kind))
        signals = found.get("quality_signal", "{}")
        verdict = json.loads(judge.evaluate(kind, "en", language, signals))
        seconds += time.process_time() - start
        fired = [rule for rule, hit in json.loads(verdict["hit_map"]).items() if hit]
        parts = QSCodeDocument(text, name, "en", extension, size, language, kind)
        code = parts.code_raw_content if kind in ("code", "data") else text
        said.append([language, kind, json.loads(signals), fired, code, parts._comment_raw_content or ""])
    print()
    print(json.dumps({"said": said, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
