"""Pages whose attributes are written with references, as some templates write them: ``math&#x2F;tex``."""

from __future__ import annotations

import random
import re

_TAG = re.compile(r"""<[a-zA-Z](?:[^<>"']++|"[^"<>]*+"|'[^'<>]*+')*+>""")
_VALUE = re.compile(r"""=("[^"]*"|'[^']*'|[\w/:-]+(?=[\s>]))""")
_NAMES = {"/": "&sol;", "_": "&lowbar;", ":": "&colon;", "$": "&dollar;", "\\": "&bsol;", " ": "&#32;"}


def referenced(html: str, rng: random.Random) -> str:
    """The same page; some signs in the values of its attributes are references. Scripts have no tags."""

    def written(sign: str) -> str:
        forms = (f"&#{ord(sign)};", f"&#x{ord(sign):x};", f"&#X{ord(sign):04X};", _NAMES.get(sign, sign))
        return rng.choice(forms) if sign not in "\"'\n" and rng.random() < 0.4 else sign

    def value(found: re.Match[str]) -> str:
        pieces = re.split(r"(&\w*;?)", found[1])
        return "=" + "".join(piece if piece[:1] == "&" else "".join(map(written, piece)) for piece in pieces)

    return _TAG.sub(lambda tag: _VALUE.sub(value, tag[0]), html)
