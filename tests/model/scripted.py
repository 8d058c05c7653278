"""A scripted model: what stands in the prompt decides what comes next, as a deterministic model would.

It reasons in lines for as long as its script says, closes the reasoning, answers, and ends its turn. After
reasoning that was closed for it, it answers at once. No network, no weights: it is there to test what lies
between requests and an engine.
"""

from model.chat import Chat
from model.requests import Request
from model.text import THINK_CLOSE, THINK_OPEN, Transcript

ANSWER = "The bridge was built in spring.\n\nEND of the first part – and the second."


class Script:
    """Goes on from token ids."""

    def __init__(self, tokenizer, lines=4, answer=ANSWER):
        self._tokenizer = tokenizer
        self._reasoning = tokenizer.encode(
            "".join(f"Step {n} of it\n" for n in range(lines)) + f"{THINK_CLOSE}\n\n"
        )
        self._answer = [*tokenizer.encode(answer), 12]

    def next(self, ids):
        """The next token after the ids of a prompt and what was generated."""
        last = max(i for i, token in enumerate(ids) if token == 11)
        bare = self._tokenizer.decode(ids[last:])
        if THINK_OPEN not in bare:
            raise ValueError("the prompt must be of a chat")
        if THINK_CLOSE not in bare:
            head = len(self._tokenizer.encode(f"Assistant\n{THINK_OPEN}\n"))
            return self._reasoning[len(ids) - last - 1 - head]
        raw = b"".join(map(self._tokenizer.text_bytes, ids[last:]))
        said = raw.split(THINK_CLOSE.encode(), 1)[1].lstrip()
        lengths = [len(self._tokenizer.text_bytes(token)) for token in self._answer]
        done = next(n for n in range(len(lengths) + 1) if sum(lengths[:n]) == len(said))
        return self._answer[done]

    def run(self, ids, max_tokens, stop_ids, stop_strings):
        """As servers do it: tokens, finish reason, and the stop string or id."""
        generated, text = [], ""
        while len(generated) < max_tokens:
            generated.append(self.next([*ids, *generated]))
            if generated[-1] in stop_ids:
                return generated, "stop", generated[-1]
            text = self._tokenizer.decode(generated)
            for stop in stop_strings:
                if stop in text:
                    return generated, "stop", stop
        return generated, "length", None

    def directly(self, request):
        """The completion that an engine with slots of its own gives."""
        record = Transcript(request, self._tokenizer)
        while True:
            sampled = self.next([*request.prompt_ids, *record.token_ids])
            if record.push(record.forced[0] if record.forced else sampled):
                return record.completion()


def requests(tokenizer) -> list[Request]:
    """Chats of every kind: reasoning off, on, with budgets; stop strings; limits within all of these."""
    chat = Chat(tokenizer)
    made = []
    for thinking in ("off", "on", 0, 1, 9, 17, 40, 1000):
        for stops in ((), ("END",), ("\n\n",), ("Step", "END of")):
            for max_tokens in (3, 24, 400):
                prompt = chat.prompt("When was it built?", thinking=thinking)
                name = f"{thinking} {stops} {max_tokens}"
                made.append(prompt.request(name, max_tokens, stop_strings=stops, seed=len(made)))
    return made
