"""Prompts as token ids: roles, reasoning on or off, and texts in which no markup is recognised.

Knows the tokenizer file of a checkpoint and the chat format of Nemotron Nano 2. Does not know tensors,
engines or what the prompts are for.

A chat template joins markup and texts into one string, and a tokenizer then reads both alike: a web page that
contains ``<SPECIAL_12>`` ends the turn, and NVIDIA's template also cuts ``/think`` out of texts (out of every
URL that has it) and switches reasoning on. Here special tokens are inserted as ids, and everything between
them is encoded by a tokenizer without special tokens: a text cannot produce markup. Reasoning is set only by
the end of the prompt. For texts without markup the ids are those of the template.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tokenizers

from model.requests import Request, Thinking
from model.text import THINK_CLOSE, THINK_OPEN

#: A text, or pieces of one that are encoded separately: prompts that begin with equal pieces then begin with
#: equal ids, and an engine can share the work on those.
Text = str | Sequence[str]

#: Text that inexact tokenizers lose or change: runs of blanks, control and zero-width characters, characters
#: of one to four bytes, accents in one and in two characters, look-alikes, markup.
_AWKWARD = (
    " \t a  b\u00a0\u2009c \r\n\r\n\n  I'LL re-use it's 0123.50 {[x_y]} \x00\x07\x7f\u200b\u200d\ufeff\ufffd"
    "\u2581\u0120 \u00c9\u00e9 e\u0301 \ufb01 \uff21\u2460 ß \u0130 \u03a9\u2126 Привет 朝の港 한글 "
    "\U0001f469\u200d\U0001f467\U0001f3fd \U0010fffd <s></s> <think></think> [UNK] <SPECIAL_12>\n\t "
)


class TokenizerError(ValueError):
    """A tokenizer file that cannot be read, or is of a kind that this module cannot handle exactly."""


def _byte_alphabet() -> dict[str, int]:
    """The characters by which byte-level BPE (GPT-2) represents the 256 bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


class Tokenizer:
    """The byte-level BPE tokenizer of a checkpoint, with markup and texts kept separate."""

    def __init__(self, content: str, name: str = "tokenizer") -> None:
        """``content`` is the content of a ``tokenizer.json``; ``name`` is used in messages."""
        try:
            settings = json.loads(content)
            model, added = settings["model"], settings.get("added_tokens") or []
            vocabulary: dict[str, int] = model["vocab"]
            self._check(settings)
            # Beginning and end tokens are added by the code that builds a prompt.
            settings.update(post_processor=None, truncation=None, padding=None)
            self._with_markup = json.dumps(settings)
            names = {token["content"] for token in added}
            ordinary = {token: number for token, number in vocabulary.items() if token not in names}
            model = model | {"vocab": ordinary, "unk_token": None}
            plain = settings | {"added_tokens": [], "model": model}
            self._plain = tokenizers.Tokenizer.from_str(json.dumps(plain))
        except TokenizerError as error:
            raise TokenizerError(f"{name}: {error}") from None
        except Exception as error:  # tokenizers raises bare Exceptions
            raise TokenizerError(f"{name} is not a readable tokenizer.json: {error}") from error
        alphabet = _byte_alphabet()
        missing = [token for token in alphabet if token not in ordinary]
        if missing:
            raise TokenizerError(f"{name}: no token for {len(missing)} of the 256 bytes")
        self.vocab_size: int = 1 + max([*vocabulary.values(), *(token["id"] for token in added)])
        #: Ids that never occur in texts.
        self.special_ids = frozenset(token["id"] for token in added if token["special"])
        self._ids = {token["content"]: token["id"] for token in added}
        self._bytes = [b""] * self.vocab_size
        for token, number in ordinary.items():
            letters = [alphabet.get(letter) for letter in token]
            self._bytes[number] = token.encode() if None in letters else bytes(letters)  # type: ignore[arg-type]
        for token in added:
            self._bytes[token["id"]] = b"" if token["special"] else token["content"].encode()
        if self.decode(self.encode(_AWKWARD)) != _AWKWARD:
            raise TokenizerError(f"{name}: it changes texts (ids of a text do not give back that text)")

    @staticmethod
    def load(path: str | Path) -> Tokenizer:
        """From a ``tokenizer.json`` or the directory of a checkpoint that has one."""
        path = Path(path)
        path = path / "tokenizer.json" if path.is_dir() else path
        try:
            return Tokenizer(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise TokenizerError(f"cannot read the tokenizer: {error}") from error

    @staticmethod
    def _check(settings: dict[str, Any]) -> None:
        """Refuse settings that would change a text when it is encoded and decoded."""
        model, normalizer = settings["model"], settings.get("normalizer")
        if model["type"] != "BPE":
            raise TokenizerError(f"a byte-level BPE is needed, not {model['type']}")
        for field in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if model.get(field):
                raise TokenizerError(f"it does not give texts their own ids ({field} {model[field]!r})")
        if normalizer is not None:
            raise TokenizerError(f"it changes texts (normalizer {normalizer.get('type')})")
        splitter = settings.get("pre_tokenizer") or {"type": "Sequence", "pretokenizers": []}
        steps = splitter["pretokenizers"] if splitter["type"] == "Sequence" else [splitter]
        for step in steps:
            if step["type"] not in ("ByteLevel", "Split") or step.get("behavior") == "Removed":
                what = " ".join(filter(None, (step["type"], step.get("behavior"))))
                raise TokenizerError(f"it may change texts (pre_tokenizer {what})")
        byte_level = [step for step in steps if step["type"] == "ByteLevel"]
        if len(byte_level) != 1 or byte_level[0].get("add_prefix_space"):
            raise TokenizerError("its pre_tokenizer must have one ByteLevel step without add_prefix_space")

    def encode(self, text: str) -> list[int]:
        """The ids of a text, in which nothing is special: ``decode`` gives back exactly this text."""
        try:
            return self._plain.encode(text, add_special_tokens=False).ids
        except TypeError:
            text.encode()  # half of a surrogate pair: this says where
            raise

    def encode_markup(self, text: str) -> list[int]:
        """The ids that an ordinary tokenizer gives a text: special tokens in it are recognised."""
        return self._markup.encode(text, add_special_tokens=False).ids

    @functools.cached_property
    def _markup(self) -> tokenizers.Tokenizer:
        return tokenizers.Tokenizer.from_str(self._with_markup)

    def render(self, ids: Sequence[int]) -> str:
        """The text of ids, with special tokens as their names; these cannot be distinguished from equal
        words."""
        names = {number: name.encode() for name, number in self._ids.items()}
        return b"".join(names.get(i) or self.text_bytes(i) for i in ids).decode("utf-8", errors="replace")

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; special tokens have no text, bytes that are not UTF-8 become U+FFFD."""
        return b"".join(map(self.text_bytes, ids)).decode("utf-8", errors="replace")

    def text_bytes(self, token_id: int) -> bytes:
        """The bytes of a token in text: none for special tokens, and for ids beyond the vocabulary (those
        that only pad the network's)."""
        return self._bytes[token_id] if token_id < self.vocab_size else b""

    def id_of(self, token: str) -> int:
        """The id of a special or other added token."""
        if token not in self._ids:
            raise TokenizerError(f"the tokenizer has no token {token}; is it one of Nemotron Nano 2?")
        return self._ids[token]


@dataclass(frozen=True)
class Prompt:
    """Ids with the ids and strings at which to stop, and the state of reasoning at their end."""

    ids: tuple[int, ...]
    stop_ids: tuple[int, ...]
    thinking: Thinking | None

    def request(self, id: str, max_tokens: int, **settings: Any) -> Request:
        """A request to continue this prompt; ``settings`` as in ``Request``."""
        return Request(id, self.ids, max_tokens, stop_ids=self.stop_ids, thinking=self.thinking, **settings)


class Chat:
    """The chat format of Nemotron Nano 2 (9B and 12B; Nemotron 3 numbers its tokens differently), after the
    template in NVIDIA's NeMo; and raw text for base models."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._bos, self._eos = tokenizer.id_of("<s>"), tokenizer.id_of("</s>")
        self._system = tokenizer.id_of("<SPECIAL_10>")
        self._speaker = tokenizer.id_of("<SPECIAL_11>")
        self._turn_end = tokenizer.id_of("<SPECIAL_12>")
        # The aligned models end with 12; the two others would only begin something unwanted.
        self._stop_ids = (self._eos, self._speaker, self._turn_end)
        self._close_ids = tuple(tokenizer.encode(f"{THINK_CLOSE}\n\n"))
        self._cut_ids = tuple(tokenizer.encode(f".\n{THINK_CLOSE}\n\n"))

    def prompt(
        self,
        user: Text,
        system: Text = "",
        earlier: Sequence[tuple[Text, Text]] = (),
        thinking: Literal["off", "on"] | int = "off",
        answer: str = "",
    ) -> Prompt:
        """A user turn, after a system text and ``earlier`` turns of user and assistant.

        ``thinking``: "off", the cheapest; "on", without end; or a budget in tokens, after which the engine
        closes the reasoning. ``answer``: the first words of the answer, which the model continues; they are
        not part of its completion, and there is no reasoning before them.
        """
        if answer and thinking != "off":
            raise ValueError("an answer that has begun leaves no room for reasoning: thinking must be 'off'")
        ids = [self._system, *self._encode("System\n", system, "\n")]
        for question, reply in earlier:
            ids += [self._speaker, *self._encode("User\n", question, "\n")]
            ids += [self._speaker, *self._encode("Assistant\n", reply, "\n")]
            ids += [self._turn_end, *self._encode("\n")]
        ids += [self._speaker, *self._encode("User\n", user, "\n"), self._speaker]
        if thinking == "off":
            ids += self._encode(f"Assistant\n{THINK_OPEN}{THINK_CLOSE}")
            ids += self._encode(answer)
            return Prompt(tuple(ids), self._stop_ids, Thinking(open=False))
        ids += self._encode(f"Assistant\n{THINK_OPEN}\n")
        if thinking == "on":
            return Prompt(tuple(ids), self._stop_ids, Thinking())
        if type(thinking) is not int:
            raise ValueError(f"thinking must be 'off', 'on' or a number of tokens, not {thinking!r}")
        budget = Thinking(budget=thinking, close_ids=self._close_ids, cut_ids=self._cut_ids)
        return Prompt(tuple(ids), self._stop_ids, budget)

    def completion(self, text: Text, add_bos: bool = True) -> Prompt:
        """Raw text for a base model to continue, preceded by ``<s>``, which the tokenizer of the checkpoint
        also adds by default."""
        ids = self._encode("", text)
        return Prompt((self._bos, *ids) if add_bos else tuple(ids), (self._eos,), None)

    def _encode(self, before: str, text: Text = "", after: str = "") -> list[int]:
        """Ids of a text between fixed strings, which are encoded together with its first and last piece."""
        pieces = [text] if isinstance(text, str) else list(text) or [""]
        pieces[0] = before + pieces[0]
        pieces[-1] += after
        return [token for piece in pieces for token in self.tokenizer.encode(piece)]
