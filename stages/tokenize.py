"""The stage ``tokenize``: turns text into token ids with a Hugging Face ``tokenizer.json``.

Knows the tokenizers library and Arrow lists. Does not know what separates documents in a training sequence
(the code that packs them adds that), nor chat formats.

Web text is data, never instruction: a page that contains ``<|endoftext|>`` gives the ordinary tokens of these
characters. The library does this on request for most models (``encode_special_tokens``); but a Unigram model
still finds its control pieces in text, and the pieces that stand for single bytes, so every result is
checked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer

from stages.base import MIB, Annotation, Annotator, AssetFile, Fault, Resources, StageConfig
from stages.vocabulary import vocabulary

#: Code points that are encoded at a time, unless one text has more. The library's result is some 100
#: bytes per token, so this bounds it to about 40 MB.
CHARS_PER_CALL = 1 << 20

#: Characters that few vocabularies contain: a tokenizer that gives nothing for them drops unknown characters.
_RARE = ("ꙮ", "𓀀", "🧿")

#: How vocabularies spell a single byte.
_BYTE = re.compile("<0x[0-9A-F]{2}>")

_NO_IDS = np.empty(0, dtype=np.int32)


class TokenizeConfig(StageConfig):
    #: The tokenizer, in the format of the Hugging Face tokenizers library.
    path: AssetFile
    #: What the corpus calls the tokenizer. Default: the name of its repository, or of the file.
    name: str | None = None
    #: The special token that ends a document for whoever trains; shards do not contain it. Default: the usual
    #: one (`<|endoftext|>`, `</s>` …), if the tokenizer has one of these and not several.
    eos: str | None = None


class Tokenize(Annotator):
    """Adds ``input_ids`` and their number. Truncation, padding, dropout and begin or end tokens that the file
    may specify are not applied. Added tokens that the file does not mark as special (such as runs of blanks)
    are ordinary vocabulary.

    Fails with ``no_text`` (the text is null), ``tokenize_error``, and ``special_token`` if the text would
    give the id of a special token or of a single byte.
    """

    name = "tokenize"
    version = 2
    Config = TokenizeConfig
    reads = ("text",)
    notes_only = frozenset({"name", "eos"})
    adds = pa.schema([("input_ids", pa.list_(pa.int32())), ("n_tokens", pa.int32())])
    resources = Resources(memory=768 * MIB)

    def __init__(self, config: TokenizeConfig) -> None:
        super().__init__(config)
        self._tokenizer: Tokenizer | None = None
        self._special = _NO_IDS

    def open(self) -> None:
        """Loads the tokenizer. Raises ``ValueError`` if the file is not a tokenizer, silently loses
        characters, or has no such ``eos``."""
        path = self.config.path
        try:
            tokenizer = Tokenizer.from_file(path)
        except Exception as error:  # the library raises nothing more specific
            raise ValueError(f"tokenize.path: {path} is not a tokenizer.json: {error}") from error
        # The executor assumes one core per worker. The library reads this at every call.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        if getattr(tokenizer.model, "dropout", None):
            tokenizer.model.dropout = None
        try:
            vocabulary(tokenizer, self.config.eos)
        except ValueError as error:
            raise ValueError(f"tokenize.eos: {error}") from None
        self._special = _special_ids(tokenizer)
        self._bytes = _byte_ids(tokenizer)
        self._tokenizer = tokenizer
        for text in _RARE:
            result = self._encode([text])[0]
            if not isinstance(result, Fault) and not len(result):
                raise ValueError(
                    f"tokenize.path: {path} gives no token for {text!r}: it would silently lose text. It "
                    "needs byte-level encoding, byte fallback or an unknown token"
                )

    def annotate(self, batch: pa.Table) -> Annotation:
        texts = batch["text"].to_pylist()
        encoded: list[np.ndarray] = [_NO_IDS] * len(texts)
        faults = {row: Fault("no_text") for row, text in enumerate(texts) if text is None}
        for rows in _groups(texts):
            for row, result in zip(rows, self._encode([texts[row] for row in rows]), strict=True):
                if isinstance(result, Fault):
                    faults[row] = result
                else:
                    encoded[row] = result
        lengths = np.fromiter(map(len, encoded), dtype=np.int32, count=len(encoded))
        offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
        np.cumsum(lengths, out=offsets[1:])
        failed = np.zeros(len(encoded), dtype=bool)
        failed[list(faults)] = True
        input_ids = pa.ListArray.from_arrays(
            pa.array(offsets), pa.array(np.concatenate([_NO_IDS, *encoded])), mask=pa.array(failed)
        )
        return Annotation({"input_ids": input_ids, "n_tokens": pa.array(lengths, mask=failed)}, faults)

    def _encode(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Fault]:
        if self._tokenizer is None:
            raise RuntimeError("Tokenize.open() comes before annotate()")
        try:
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except Exception as error:
            if len(texts) == 1:
                return [Fault("tokenize_error", str(error))]
            # One text makes the whole call fail: find it.
            return [result for text in texts for result in self._encode([text])]
        ids = (np.array(encoding.ids, dtype=np.int32) for encoding in encodings)
        return [self._checked(one, text) for one, text in zip(ids, texts, strict=True)]

    def _checked(self, ids: npt.NDArray[np.int32], text: str) -> npt.NDArray[np.int32] | Fault:
        found = ids[np.isin(ids, self._special)]
        if self._bytes and (spelt := _BYTE.findall(text)):
            found = ids[np.isin(ids, [*self._special, *(self._bytes.get(piece, -1) for piece in spelt)])]
        if not len(found):
            return ids
        assert self._tokenizer is not None
        return Fault("special_token", f"{self._tokenizer.id_to_token(int(found[0]))!r} from the text")


def _groups(texts: Sequence[str | None]) -> Iterator[list[int]]:
    """Groups of rows that have text, each at most ``CHARS_PER_CALL`` long in total."""
    rows: list[int] = []
    chars = 0
    for row, text in enumerate(texts):
        if text is None:
            continue
        if rows and chars + len(text) > CHARS_PER_CALL:
            yield rows
            rows, chars = [], 0
        rows.append(row)
        chars += len(text)
    if rows:
        yield rows


def _byte_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Pieces that stand for bytes, if the model would find their spelling in a text: Unigram searches for
    every piece of its vocabulary, BPE only merges characters."""
    if json.loads(tokenizer.to_str())["model"].get("type") != "Unigram":
        return {}
    return {piece: id for piece, id in tokenizer.get_vocab().items() if _BYTE.fullmatch(piece)}


def _special_ids(tokenizer: Tokenizer) -> npt.NDArray[np.int32]:
    """Ids that no text may give: the special ones, except the model's id for unknown text."""
    model = json.loads(tokenizer.to_str())["model"]
    unknown = model.get("unk_id")
    if (token := model.get("unk_token")) is not None:
        unknown = tokenizer.token_to_id(token)
    added = tokenizer.get_added_tokens_decoder()
    ids = [id for id, token in added.items() if token.special and id != unknown]
    return np.array(sorted(ids), dtype=np.int32)
