"""A small byte-level BPE tokenizer with the special tokens of Nemotron Nano 2 at their places."""

import functools
import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

LINES = [
    "The harbour was quiet in the morning, and the boats lay still.",
    "Every page has a title; this one is about thinking, and about the thinking of others.",
    "for (int i = 0; i < n; ++i) { total += values[i]; }",
    "Die Brücke über den Fluss wurde im Frühjahr gebaut.",
    "Утром в порту было тихо.  朝の港は静かだった。",
    "<p>1, 2, 3 and 12 are numbers</p>\n\n<think>\n",
]


@functools.cache
def content(merges: int = 200, specials: int = 20) -> str:
    """The ``tokenizer.json``: ``specials`` special tokens, then 256 bytes, then the merges."""
    names = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{i}>" for i in range(3, specials))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", ignore_merges=True))
    split = pre_tokenizers.Split(
        Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s+"), "isolated"
    )
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=specials + 256 + merges,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    # As the published one: it puts <s> before everything unless told otherwise.
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return json.dumps(json.loads(tokenizer.to_str()))
