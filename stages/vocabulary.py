"""What a ``tokenizer.json`` says of itself: the size of its vocabulary, its special tokens, and which of them
ends a text.

Knows the tokenizers library; does not encode anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Tokenizer

#: Names by which base models end a text: in this order of GPT-2, OLMo and Qwen; Llama 3; Llama 2, Mistral and
#: T5; Gemma; DeepSeek-V3; Kimi K2. They are ``eos_token`` in the models' ``tokenizer_config.json``, for a
#: ``tokenizer.json`` does not say it. Tokens that end a turn of a conversation are not among them.
ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>", "[EOS]")


@dataclass(frozen=True)
class Vocabulary:
    """``size`` is the largest id plus one: the rows that an embedding needs, at least. ``special`` has the
    ids of the special tokens by their text, in the order of ids. ``eos`` is the one that ends a text; None if
    that is not known."""

    size: int
    special: dict[str, int]
    eos: str | None


def vocabulary(tokenizer: Tokenizer, eos: str | None = None) -> Vocabulary:
    """``eos``: the text of the token that ends a text; by default the only one of ``ENDS`` that is a special
    token here. ValueError if it is none: a text could contain it."""
    added = sorted(tokenizer.get_added_tokens_decoder().items())
    special = {token.content: id for id, token in added if token.special}
    if eos is None:
        known = [token for token in ENDS if token in special]
        eos = known[0] if len(known) == 1 else None
    elif eos not in special:
        there = ", ".join(list(special)[:8]) or "none"
        raise ValueError(
            f"{eos!r} is no special token of this tokenizer, so texts may contain it; there are: {there}"
        )
    return Vocabulary(max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1, special, eos)
