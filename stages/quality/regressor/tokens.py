"""Tokenizers of BERT checkpoints: ``tokenizer.json``, or WordPiece built from an older ``vocab.txt``.

Knows the files. Does not know the network. Special tokens spelled out in a text ("[SEP]") are treated as
special, as they were when the published classifiers were trained and scored; this is harmless here, because a
text is measured, not continued.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def load_tokenizer(path: str | Path, most: int) -> Tokenizer:
    """The tokenizer of a checkpoint directory; its encodings have special tokens and are cut to ``most``
    tokens.

    Raises ``ValueError`` if there is none or it cannot be read.
    """
    folder = Path(path)
    file, vocabulary = folder / "tokenizer.json", folder / "vocab.txt"
    if not file.is_file() and not vocabulary.is_file():
        raise ValueError(f"{folder}: neither {file.name} nor {vocabulary.name}")
    try:
        tokenizer = Tokenizer.from_file(str(file)) if file.is_file() else _word_piece(folder)
    except Exception as error:  # the library raises nothing more specific
        raise ValueError(f"{folder}: the tokenizer cannot be read: {error}") from error
    if not tokenizer.num_special_tokens_to_add(is_pair=False):
        raise ValueError(f"{file}: puts no special token before a text; the score is computed from its state")
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return tokenizer


def _word_piece(folder: Path) -> Tokenizer:
    """Same as BERT's: ``tokenizer_config.json`` says whether it lower-cases, which is the default."""
    settings = folder / "tokenizer_config.json"
    said = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    ids = models.WordPiece.read_file(str(folder / "vocab.txt"))
    if absent := [token for token in _SPECIAL if token not in ids]:
        raise ValueError(f"vocab.txt has no {', '.join(absent)}")
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.add_special_tokens(_SPECIAL)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=said.get("do_lower_case", True))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return tokenizer
