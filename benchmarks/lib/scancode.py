"""ScanCode in an environment of its own (``SCANCODE_PYTHON`` is its interpreter), asked text by text.

It counts the CPU seconds of its answers, without loading its index. Knows how to ask; does not know why.
"""

from __future__ import annotations

import json
import os
import subprocess

VARIABLE = "SCANCODE_PYTHON"
_SERVER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from licensedcode.detection import detect_licenses
out, sys.stdout = sys.stdout, sys.stderr
list(detect_licenses(query_string="MIT License", deadline=time.time() + 100))
for line in sys.stdin:
    start = time.process_time()
    found = list(detect_licenses(query_string=json.loads(line), deadline=time.time() + 100))
    spdx = [item.license_expression_spdx for item in found if item.license_expression_spdx]
    told = " AND ".join(f"({item})" for item in dict.fromkeys(spdx))
    out.write(json.dumps([told, time.process_time() - start]) + "\\n")
    out.flush()
"""


class Scancode:
    """``seconds``: CPU spent on answers; ``texts``: how many it was asked. The same text is asked once."""

    def __init__(self) -> None:
        """KeyError if ``SCANCODE_PYTHON`` is not set."""
        self._process = subprocess.Popen(
            [os.environ[VARIABLE], "-c", _SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._known: dict[str, str] = {}
        self.seconds, self.texts = 0.0, 0

    def __call__(self, text: str) -> str:
        """The SPDX expression of all that it finds in a text; "" for nothing."""
        if text not in self._known:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(text) + "\n")
            self._process.stdin.flush()
            self._known[text], seconds = json.loads(self._process.stdout.readline())
            self.seconds += seconds
            self.texts += 1
        return self._known[text]
