"""The texts of all licences of SPDX, as numbers of words: what ``match`` compares with.

``spdx.npz`` is made from SPDX's published texts (CC0-1.0) by ``python -m stages.licenses.build``:

    vocabulary  uint8    all words, UTF-8, one a line; the number of a word is its line
    words       uint16   the words of all texts, one text after the other
    optional    uint8    whether a text may lack the word (titles, placeholders, instructions for authors)
    starts      int64    where each text starts, and where the last one ends
    names       uint8    SPDX ids, one a line, in the order of the texts

Knows the file. Does not know how texts are compared.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).with_name("spdx.npz")


class Texts(NamedTuple):
    names: tuple[str, ...]
    vocabulary: dict[str, int]
    spelt: tuple[str, ...]  # the vocabulary, by number
    words: npt.NDArray[np.int64]
    optional: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]


@cache
def texts() -> Texts:
    """The texts, loaded once per process."""
    with np.load(FILE, allow_pickle=False) as file:
        vocabulary = file["vocabulary"].tobytes().decode().split("\n")
        return Texts(
            tuple(file["names"].tobytes().decode().split("\n")),
            {word: number for number, word in enumerate(vocabulary)},
            tuple(vocabulary),
            file["words"].astype(np.int64),
            file["optional"].astype(bool),
            file["starts"],
        )
