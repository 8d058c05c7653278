"""py3langid, with its loop over bytes compiled, and its model kept in a form that needs no reading.

The model comes packed with LZMA, of which unpacking takes every process a third of a second. So its arrays
are kept where compiled loops are (93 MB), and mapped: all workers of a machine share their memory. Where
nothing can be written, each unpacks its own.

Knows the arrays of py3langid's models. Does not know what its labels mean.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier
from py3langid.modelio import load_model

from stages.compiled import alone
from stages.kept import is_writable, places
from stages.language import visits

Arrays = dict[str, npt.NDArray[Any]]


class _Compiled(LanguageIdentifier):  # type: ignore[misc]
    """As the library's, but for the loop over bytes."""

    def __init__(self, model: Arrays) -> None:
        self.visits = visits.Visits(model["moves"], model["rows"], model["output"])
        super().__init__(  # without the automaton, which takes memory
            model["table"], model["priors"], model["classes"].tolist(), None, None,
            norm_probs=True, tk_row=(),
        )  # fmt: skip

    def _raw_score(self, text: bytes) -> Any:
        features, counts = self.visits.count(text)
        if not len(features):
            return np.zeros(len(self.nb_classes), np.float32)
        return np.log1p(counts) @ self.nb_ptc.take(features, axis=0) + self.nb_pc


def identifier() -> LanguageIdentifier:
    """With the model of the package; scores are probabilities, equal to the library's to the last bit."""
    return _Compiled(_arrays(Path(MODEL_DIR) / MODEL_FILE, places(Path(__file__).parent)))


def _arrays(packed: Path, kept: Sequence[Path]) -> Arrays:
    """What is in a model file. ``kept``: where it may be kept, by the digest of the file; it is written to
    the first of these."""
    name = f"langid-{blake2b(packed.read_bytes(), digest_size=16).hexdigest()}"
    if (found := _mapped(kept, name)) or not is_writable(kept[0]):
        return found or _unpacked(packed)
    with alone(kept[0] / "langid.lock"):
        if found := _mapped(kept, name):  # another process has made it meanwhile
            return found
        model = _unpacked(packed)
        with suppress(OSError):
            _write(kept[0] / name, model)
    return _mapped(kept, name) or model


def _unpacked(packed: Path) -> Arrays:
    """``table``, of the logarithms of probabilities by feature and class, in the type that scores have."""
    table, priors, classes, moves, rows, output = load_model(packed)
    return {
        "table": np.array(table, np.float32),
        "priors": np.asarray(priors),
        "classes": np.array(classes),
        "moves": np.array(moves, np.int32),
        "rows": np.array(rows, np.int32),
        "output": np.array(output, np.int32),
    }


_NAMES = ("table", "priors", "classes", "moves", "rows", "output")


def _mapped(kept: Sequence[Path], name: str) -> Arrays | None:
    """What is kept in one of the directories; None if none has it, or it is cut short."""
    for place in kept:
        with suppress(OSError, ValueError, EOFError):
            return {key: np.asarray(np.load(place / name / f"{key}.npy", mmap_mode="r")) for key in _NAMES}
    return None


def _write(folder: Path, model: Arrays) -> None:
    """Whole or not at all, in place of what is left of earlier models and attempts."""
    for old in folder.parent.glob("langid-*"):
        shutil.rmtree(old, ignore_errors=True)
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}."))
    try:
        for name, array in model.items():
            np.save(new / f"{name}.npy", array, allow_pickle=False)
        new.chmod(0o755)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
