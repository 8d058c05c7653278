"""Files of terms that are not recognised, asked of ScanCode in a process of its own.

Its index takes 1.4 GB and some seconds to load, so it is started with the first such file and asked about
each text once. Its environment is not ours: it needs another version of a package that our tests need.

Knows the process and what it answers. Does not know which file it is asked for.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from hashlib import blake2b

from stages.licenses.names import kind
from stages.licenses.resolve import Notice, Resolved
from stages.licenses.table import UNKNOWN_ID, table

#: Runs there: a line of JSON with a text comes in, one with an SPDX expression or null goes out.
_SERVER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from licensedcode.detection import detect_licenses
out, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    asked = json.loads(line)
    found = list(detect_licenses(query_string=asked["text"], deadline=time.time() + asked["seconds"]))
    spdx = [item.license_expression_spdx for item in found if item.license_expression_spdx]
    out.write(json.dumps(" AND ".join(f"({item})" for item in dict.fromkeys(spdx)) or None) + "\\n")
    out.flush()
"""
_STARTING = 180.0  # seconds that loading the index may take


class Scancode:
    """One process, started when it is first needed; ended with ours."""

    def __init__(self, python: str, seconds: float) -> None:
        """ValueError if ``python`` has no scancode."""
        self._python, self._seconds = python, seconds
        self._process: subprocess.Popen[str] | None = None
        self._answers: dict[bytes, str | None] = {}
        try:
            subprocess.run(
                [python, "-c", "import licensedcode.detection"],
                check=True,
                capture_output=True,
                timeout=_STARTING,
            )
        except (OSError, subprocess.SubprocessError) as error:
            detail = getattr(error, "stderr", b"") or str(error).encode()
            last = detail.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise ValueError(
                f"license.scancode: {python} cannot import licensedcode ({' '.join(last)}); it is the Python "
                "of an environment with `scancode-toolkit-mini pluggy==1.6.0`"
            ) from error

    def instead(self, found: Resolved, path: str, text: str, notices: Sequence[Notice]) -> Resolved | None:
        """A better answer, if ``found`` is a file of terms that was not recognised; None otherwise."""
        if found.expression is None or UNKNOWN_ID not in found.expression.ids() or found.path is None:
            return None
        if kind(found.path) != "licence":
            return None
        asked = (
            text
            if found.path == path
            else next((item.text for item in notices if item.path == found.path), "")
        )
        expression = table().expression(self._ask(asked) or "")
        return None if expression is None else found._replace(expression=expression)

    def _ask(self, text: str) -> str | None:
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key not in self._answers:
            self._answers[key] = self._asked(text)
        return self._answers[key]

    def _asked(self, text: str) -> str | None:
        """RuntimeError if the process dies or does not answer in time: the file fails, it is not guessed."""
        limit = self._seconds + 10
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [self._python, "-c", _SERVER],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            limit += _STARTING
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(limit, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps({"text": text, "seconds": self._seconds}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            timer.cancel()
        if not answer:
            process.kill()
            self._process = None
            raise RuntimeError("scancode gave no answer")
        told: str | None = json.loads(answer)
        return told
