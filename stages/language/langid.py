"""py3langid, with its loop over bytes compiled, and its model kept in a form that is read at once.

The model comes packed with LZMA, of which unpacking takes every process a third of a second. So its arrays
are kept beside the compiled loops, packed with Zstandard (7 MB): reading them takes a fifth of that.

Knows the arrays of py3langid's models. Does not know what its labels mean.
"""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier
from py3langid.modelio import load_model

from stages.compiled import directory
from stages.language import visits

Arrays = dict[str, npt.NDArray[Any]]


class _Compiled(LanguageIdentifier):  # type: ignore[misc]
    """As the library's, but for the loop over bytes."""

    def __init__(self, model: Arrays) -> None:
        self.visits = visits.Visits(model["moves"], model["rows"], model["output"])
        # floats, since that is what the table is computed in, and no automaton, which takes memory
        super().__init__(
            model["table"].astype(np.float32), model["priors"], model["classes"].tolist(), None, None,
            norm_probs=True, tk_row=(),
        )  # fmt: skip

    def _raw_score(self, text: bytes) -> Any:
        features, counts = self.visits.count(text)
        if not len(features):
            return np.zeros(len(self.nb_classes), np.float32)
        return np.log1p(counts) @ self.nb_ptc.take(features, axis=0) + self.nb_pc


def identifier() -> LanguageIdentifier:
    """With the model of the package; scores are probabilities, equal to the library's to the last bit."""
    return _Compiled(_arrays(Path(MODEL_DIR) / MODEL_FILE, directory(visits.count)))


def _arrays(packed: Path, kept: Path | None) -> Arrays:
    """What is in a model file. ``kept``: where it may be kept, by the digest of the file."""
    if kept is None:
        return _unpacked(packed)
    file = kept / f"langid-{blake2b(packed.read_bytes(), digest_size=16).hexdigest()}.npz.zst"
    with suppress(OSError, zstandard.ZstdError):  # it is not there yet, or damaged: a frame has a checksum
        data = zstandard.ZstdDecompressor().decompress(file.read_bytes())
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return dict(found)
    model = _unpacked(packed)
    with suppress(OSError):
        _write(file, model)
    return model


def _unpacked(packed: Path) -> Arrays:
    table, priors, classes, moves, rows, output = load_model(packed)
    return {
        "table": np.asarray(table),
        "priors": np.asarray(priors),
        "classes": np.array(classes),
        "moves": np.array(moves, np.int32),
        "rows": np.array(rows, np.int32),
        "output": np.array(output, np.int32),
    }


def _write(file: Path, model: Arrays) -> None:
    """Whole or not at all: other processes may read it, or write it as well."""
    data = io.BytesIO()
    np.savez(data, **model)  # type: ignore[arg-type]
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f"{file.name}.", delete=False) as new:
        try:
            new.write(zstandard.ZstdCompressor(write_checksum=True).compress(data.getvalue()))
            os.chmod(new.name, 0o644)
            os.replace(new.name, file)
        except BaseException:
            os.unlink(new.name)
            raise
