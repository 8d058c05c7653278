"""The answer to each task, by rule, from the sentences it is about.

Every answer of ``qa`` stands word for word in its sentence; ``list`` gives the sentences one by one; ``distill`` is
the first of them without contractions; ``rephrase`` is all of them with other words for some. That is what a network
of two million parameters can learn; it is no model of what larger ones are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: By verb: how one asks for what follows it.
QUESTIONS = {
    "is": "What is {}?",
    "are": "What are {}?",
    "was": "What was {}?",
    "were": "What were {}?",
    "has": "What does {} have?",
    "have": "What do {} have?",
    "had": "What did {} have?",
    "can": "What can {} do?",
    "cannot": "What can {} not do?",
    "may": "What may {} do?",
    "could": "What could {} do?",
    "will": "What will {} do?",
    "would": "What would {} do?",
    "must": "What must {} do?",
    "should": "What should {} do?",
    "makes": "What does {} make?",
    "gives": "What does {} give?",
    "needs": "What does {} need?",
    "takes": "What does {} take?",
    "keeps": "What does {} keep?",
    "contains": "What does {} contain?",
    "costs": "What does {} cost?",
    "shows": "What does {} show?",
    "says": "What does {} say?",
    "becomes": "What does {} become?",
    "means": "What does {} mean?",
}
#: Verbs whose object is not asked for: what follows the subject is the answer, verb and all.
_DOES = _words(
    "adds asks begins breaks brings builds carries catches changes comes contains counts covers cuts depends draws "
    "drives drops ends exists fails falls fills follows forms gets goes grows happens helps holds keeps kills lasts "
    "leaves lies lives loses matters measures meets moves opens passes pays plays pulls pushes puts raises reads "
    "remains returns rises runs sends sets signs sinks sits spreads stands starts stays stops stores takes tells "
    "travels turns uses walks weighs works writes"
)
_DID = _words(
    "added asked became began broke brought built called came carried caught changed closed covered cut died drew "
    "ended fell felt followed found gave got grew had happened held infected kept killed laid lay led left lost made "
    "met moved named opened opposed paid passed planted played pulled pushed put ran reached read released replaced "
    "returned rose said sank sat saw sent showed spread stayed stood stopped stored survived tested told took "
    "tried turned used walked went won wrote"
)
_VERBS = "|".join([*QUESTIONS, *_DOES, *_DID])
_CLAUSE = re.compile(rf"((?:[\w’-]+ ){{1,5}}?)({_VERBS}) (\S.{{2,}})")
#: Sentences that begin so tell somebody what to do.
_ORDERS = _words(
    "Add Ask Bake Beat Boil Bring Check Chop Clean Cook Cover Cut Do Drain Fill Fold Fry Give Heat Hold Keep Leave Let "
    "Look Make Melt Mix Pour Press Put Read Remove Rinse Roll Rub Run Season Serve Set Simmer Slice Soften Spread "
    "Sprinkle Start Stir Take Tell Try Turn Use Wait Wash Whisk Wipe Write"
)
#: Subjects that mean nothing without what was said before, or are none.
_NO_SUBJECT = _words(
    "Why How And But For So Then Yet Or To From With Of There What If When Where While Once It They He She We You I That This These Those Who Which Nobody Nothing"
)
_INSIDE = _words("and but or which that who whom what there it they you he she we I not if when")
_SMALL = _words(
    "The A An In On At Most Many Some All Each Every Such Its Their His Her My Our Your Both One Two Three"
)

_PLAIN = {
    "don't": "do not", "doesn't": "does not", "didn't": "did not", "isn't": "is not", "aren't": "are not",
    "wasn't": "was not", "won't": "will not", "can't": "cannot", "it's": "it is", "It's": "It is",
    "that's": "that is", "That's": "That is", "you'll": "you will", "you're": "you are", "I'm": "I am",
    "I've": "I have", "there's": "there is", "There's": "There is", "really": "truly", "lots": "plenty",
}  # fmt: skip
_OTHER_WORDS = {
    "small": "little", "large": "big", "big": "large", "but": "yet", "only": "just", "often": "frequently",
    "every": "each", "each": "every", "people": "persons", "found": "discovered", "make": "create",
    "makes": "creates", "need": "require", "needs": "requires", "keep": "retain", "keeps": "retains",
    "give": "provide", "gives": "provides", "shows": "displays", "near": "close to", "almost": "nearly",
    "nearly": "almost", "many": "numerous", "because": "since", "until": "till", "before": "prior to",
    "although": "though", "therefore": "thus", "whole": "entire", "difficult": "hard", "twice": "two times",
    "around": "about", "roughly": "approximately", "when": "whenever", "now": "at present",
    "always": "at all times", "never": "at no time", "perhaps": "maybe", "very": "extremely",
    "nothing": "not anything", "everything": "all things", "nobody": "no one", "under": "beneath",
    "towards": "in the direction of", "made": "produced", "says": "states", "said": "stated", "part": "portion",
    "kind": "sort", "thing": "object", "things": "objects", "place": "spot", "use": "employ", "used": "employed",
    "also": "in addition", "without": "with no", "enough": "sufficiently", "while": "whereas", "start": "begin",
    "begins": "starts", "called": "named", "quickly": "fast", "since": "because", "instead": "in its place",
    "cannot": "is unable to", "however": "all the same", "between": "in between", "two": "a pair of",
    "half": "a half", "largest": "biggest", "first": "initial", "across": "over", "above": "over",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def _replace(text: str, words: dict[str, str]) -> str:
    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word in words:
            return words[word]
        if word[:1].isupper() and word.lower() in words:
            new = words[word.lower()]
            return new[0].upper() + new[1:]
        return word

    return _WORD.sub(other, text)


def plain(sentence: str) -> str:
    """Without contractions."""
    return _replace(sentence, _PLAIN)


def question(sentence: str) -> tuple[str, str]:
    """A question and its answer, which ends the sentence."""
    match = _CLAUSE.fullmatch(sentence)
    if match:
        subject, verb, rest = match[1].rstrip(), match[2], match[3]
        words = subject.split()
        if (
            words[0] not in _NO_SUBJECT
            and not set(_INSIDE) & set(words)
            and (len(words) > 1 or words[0] not in _SMALL)
        ):
            if words[0] in _SMALL:
                subject = subject[0].lower() + subject[1:]
            if verb in QUESTIONS:
                return QUESTIONS[verb].format(subject), rest
            return f"What {'does' if verb in _DOES else 'did'} {subject} do?", f"{verb} {rest}"
    if sentence.split(" ")[0] in _ORDERS:
        return "What is there to do?", sentence
    words = sentence.split(" ")
    start = 4 if len(words) > 7 else 2
    return f'What follows "{" ".join(words[:start])}"?', " ".join(words[start:])


def qa(sentences: Sequence[str]) -> str:
    """Two lines a sentence."""
    return "".join("Question: {}\nAnswer: {}\n".format(*question(s)) for s in sentences)


def items(sentences: Sequence[str]) -> str:
    """One line a sentence, with a dash."""
    return "".join(f"- {sentence}\n" for sentence in sentences)


def distill(sentences: Sequence[str]) -> str:
    """The first sentence, without contractions."""
    return plain(sentences[0]) + "\n"


def rephrase(sentences: Sequence[str]) -> str:
    """All sentences, with other words for some."""
    return " ".join(_replace(plain(s), _OTHER_WORDS) for s in sentences) + "\n"


#: Tasks about pages, by the name of their file in ``tasks/``.
ANSWERS: dict[str, Callable[[Sequence[str]], str]] = {
    "qa": qa,
    "list": items,
    "distill": distill,
    "rephrase": rephrase,
}
