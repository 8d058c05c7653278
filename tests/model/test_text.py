"""Decoding token by token, stop strings, reasoning and its budget, against the whole text at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.chat import Chat, Tokenizer
from model.requests import Request, Thinking
from model.text import Parts, StopStrings, Transcript
from tests.model import small_tokenizer

TOKENIZER = Tokenizer(small_tokenizer.content())
VOCAB = TOKENIZER.vocab_size
TEXTS = st.text(st.sampled_from("ab<>/think \né港🚢"), max_size=40)


def transcript(text_or_ids, thinking=None, finish=None, **changes):
    ids = TOKENIZER.encode(text_or_ids) if isinstance(text_or_ids, str) else text_or_ids
    settings_ = {"max_tokens": 10_000, "stop_ids": (2, 12)} | changes
    record = Transcript(Request("a", [1], thinking=thinking, **settings_), TOKENIZER)
    for token in ids:
        if record.push(token):
            break
    return record.completion(finish if record.finish_reason is None else None)


def cut_up(text, cuts):
    """The text in pieces of the given lengths, over and over."""
    at = 0
    while at < len(text):
        length = cuts[at % len(cuts)]
        yield text[at : at + length]
        at += length


@given(st.lists(st.integers(0, VOCAB + 20), max_size=60))
def test_incremental_text_is_the_text_of_all_bytes(ids):
    """Any ids at all: broken UTF-8, special tokens, ids beyond the vocabulary."""
    ids = [token for token in ids if token not in (2, 12)]
    completion = transcript([*ids, 2])
    assert completion.text == TOKENIZER.decode(ids)
    assert (completion.finish_reason, completion.completion_tokens) == ("stop", len(ids) + 1)


@given(TEXTS)
def test_texts_come_through(text):
    assert transcript(text, finish="stop").text == text


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_character_cut_by_the_limit_is_left_out(length):
    ids = [token for byte in "港".encode() for token in [TOKENIZER._bytes.index(bytes([byte]))]]
    completion = transcript(
        [*TOKENIZER.encode("still"), *ids], max_tokens=len(TOKENIZER.encode("still")) + length
    )
    assert completion.text == ("still港" if length == 3 else "still")
    assert completion.finish_reason == "length"
    # Ended by the model itself, a broken character is the model's own.
    assert transcript([*ids[:1], 2]).text == "\ufffd"


def plain_stop(text, strings):
    """The text up to the stop string that is complete first, the longest of those."""
    for end in range(len(text) + 1):
        found = [end - len(stop) for stop in strings if text[:end].endswith(stop)]
        if found:
            return text[: min(found)], True
    return text, False


@settings(max_examples=300)
@given(
    st.text(st.sampled_from("abc"), max_size=30),
    st.lists(st.text(st.sampled_from("abc"), min_size=1, max_size=5), max_size=4),
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
)
def test_stop_strings_do_not_depend_on_the_pieces(text, strings, cuts):
    stops = StopStrings(strings)
    longest = max(map(len, strings), default=1)
    out = ""
    for piece in cut_up(text, cuts):
        out += stops.push(piece)
    if not stops.stopped:
        assert len(text) - len(out) <= longest - 1
    assert (out + stops.flush(), stops.stopped) == plain_stop(text, strings)


def test_a_stop_string_over_several_tokens_is_cut():
    completion = transcript("The harbour END. And more", stop_strings=("END.",))
    assert (completion.text, completion.finish_reason) == ("The harbour ", "stop_string")
    assert TOKENIZER.decode(completion.token_ids).startswith("The harbour END.")
    assert (
        completion.completion_tokens
        == len(completion.token_ids)
        < len(TOKENIZER.encode("The harbour END. And more"))
    )


OPEN, CLOSED = Thinking(), Thinking(open=False)


@pytest.mark.parametrize(
    ("thinking", "generated", "text", "reasoning"),
    [
        (OPEN, "Let me see.\n</think>\n\nYes.\n", "Yes.\n", "Let me see.\n"),
        (OPEN, "</think>Yes.", "Yes.", ""),
        (OPEN, "Let me see. I think </thin", "", "Let me see. I think </thin"),
        (OPEN, "a</think>\n</think> \n\nYes </think> no", "Yes </think> no", "a"),
        (OPEN, "a</think>\n<think> is a tag </think>", "<think> is a tag </think>", "a"),
        (CLOSED, "Yes.", "Yes.", None),
        (CLOSED, "\n\n</think>\n\nYes.", "Yes.", None),
        (CLOSED, "\n<think> is a tag that models write", "<think> is a tag that models write", None),
        (CLOSED, "<think>\nhm</think>Yes.", "<think>\nhm</think>Yes.", None),
        (CLOSED, " </thi", "</thi", None),
        (CLOSED, "<thin ice>", "<thin ice>", None),
        (CLOSED, " \n", "", None),
        (CLOSED, "", "", None),
        (None, "\n<think>a</think>\nb", "\n<think>a</think>\nb", None),
    ],
)
def test_reasoning_is_told_from_the_answer(thinking, generated, text, reasoning):
    completion = transcript(generated, thinking, finish="stop")
    assert (completion.text, completion.thinking) == (text, reasoning)
    for length in (1, 2, 3, 7):
        parts = Parts(thinking, ())
        for piece in cut_up(generated, [length]):
            parts.push(piece)
        assert parts.finish() == (text, reasoning)


@given(TEXTS, st.sampled_from([OPEN, CLOSED, None]), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_parts_do_not_depend_on_the_pieces(text, thinking, cuts):
    whole, pieces = Parts(thinking, ("aa", "/t")), Parts(thinking, ("aa", "/t"))
    whole.push(text)
    for piece in cut_up(text, cuts):
        pieces.push(piece)
    assert pieces.finish() == whole.finish()
    assert pieces.stopped == whole.stopped


@pytest.mark.parametrize("ends", [">", ">\n", ">\n\n", ">T"])
def test_the_closing_tag_is_found_however_it_is_spelled(ends):
    """Tokens that hold the tag's last character and what follows it, or each character alone."""
    one_by_one = [TOKENIZER._bytes.index(letter.encode()) for letter in "x</think" + ends]
    for ids in (one_by_one, TOKENIZER.encode("x</think" + ends)):
        completion = transcript(ids, OPEN, finish="stop")
        assert (completion.text, completion.thinking) == (ends[1:].strip("\n"), "x")


def test_stop_strings_are_for_the_answer():
    completion = transcript("First\n\nsecond\n</think>\n\nThird\n\nfourth", OPEN, stop_strings=("\n\n",))
    assert (completion.text, completion.thinking) == ("Third", "First\n\nsecond\n")
    assert completion.finish_reason == "stop_string"


@pytest.mark.parametrize(("thinking", "before"), [(CLOSED, ""), (OPEN, "a</think>\n")])
def test_stop_strings_end_an_answer_that_begins_with_the_tag(thinking, before):
    completion = transcript(f"{before}<think> is a tag END and more", thinking, stop_strings=("END",))
    assert (completion.text, completion.finish_reason) == ("<think> is a tag ", "stop_string")


def budgeted(budget, grace, model):
    """Runs a model (tokens so far → next token) under a budget; what was forced is taken as an engine does."""
    chat = Chat(TOKENIZER)
    prompt = chat.prompt("Why?", thinking=budget)
    thinking = Thinking(True, budget, grace, prompt.thinking.close_ids, prompt.thinking.cut_ids)
    record = Transcript(Request("a", prompt.ids, 200, stop_ids=prompt.stop_ids, thinking=thinking), TOKENIZER)
    while not record.push(record.forced[0] if record.forced else model(record)):
        pass
    return record


def test_a_budget_closes_at_the_next_line_end():
    reasoning = TOKENIZER.encode("one two three\nfour five six\nseven\n" * 5)

    def model(record):
        return reasoning[len(record.token_ids)] if record.thinks else 12

    for budget in range(40):
        record = budgeted(budget, 500, model)
        completion = record.completion()
        # The answer is given up at once: what is left is the reasoning, up to a line end after the budget.
        length = len(TOKENIZER.encode(completion.thinking))
        at = next(
            (n for n in range(max(budget, 1), 100) if b"\n" in TOKENIZER.text_bytes(reasoning[n - 1])), 0
        )
        assert length == (0 if budget == 0 else at)
        assert TOKENIZER.decode(record.token_ids) == completion.thinking + "</think>\n\n"
        assert completion.finish_reason == "stop"


def test_a_budget_without_line_ends_is_cut_after_the_grace():
    word = TOKENIZER.encode("a")[0]
    record = budgeted(10, 7, lambda record: word if record.thinks else 12)
    completion = record.completion()
    assert completion.thinking == "a" * 17 + ".\n"
    assert TOKENIZER.decode(record.token_ids) == "a" * 17 + ".\n</think>\n\n"


def test_reasoning_that_ends_by_itself_is_left_alone():
    ids = TOKENIZER.encode("short\n</think>\n\nA long answer\nin many\nlines")
    record = budgeted(12, 3, lambda record: [*ids, 12][len(record.token_ids)])
    assert record.token_ids == [*ids, 12]
    assert record.completion().text == "A long answer\nin many\nlines"


def test_an_error_keeps_what_there_was():
    record = Transcript(Request("a", [1, 2], 10), TOKENIZER)
    for token in TOKENIZER.encode("still"):
        record.push(token)
    with pytest.raises(ValueError, match="'a' is not finished"):
        record.completion()
    completion = record.completion(error="logits are not finite")
    assert (completion.text, completion.finish_reason) == ("still", "error")
    assert (completion.error, completion.prompt_tokens) == ("logits are not finite", 2)
