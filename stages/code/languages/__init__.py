"""Which language a file is written in, and what kind of file it is, as GitHub's Linguist sees it.

Knows names of files and the beginning of their text. Does not know natural languages, nor what code is good
for. ``linguist.json`` is data of Linguist (MIT; the file has the notice); ``regenerate`` makes it.
"""

from stages.code.languages.data import nemotron, resolve, types
from stages.code.languages.detect import Detected, detect
from stages.code.languages.marks import Marks, marks

__all__ = ["Detected", "Marks", "detect", "marks", "nemotron", "resolve", "types"]
