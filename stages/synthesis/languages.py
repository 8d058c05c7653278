# ruff: noqa: E501 (tables of words)
"""Languages of tasks: their names, scripts, tags of pairs, and words that tell one from another.

Knows the sixteen languages of the corpus. Does not know texts. The function words were chosen so that they
are frequent in one language and, but for a few, absent from the others: enough to notice an answer in the
wrong language, not to identify one.
"""

from __future__ import annotations

import re

NAMES = {
    "ar": "Arabic",
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "zh": "Chinese",
}

#: Letters of the script that a language is written in; Latin for those not named.
LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]")
SCRIPTS = {
    "ar": re.compile(r"[\u0600-\u06ff\u0750-\u077f]"),
    "ja": re.compile(r"[\u3040-\u30ff\u4e00-\u9fff々]"),
    "ko": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
}
LETTER = re.compile(r"[^\W\d_]")

#: Written without spaces between words.
UNSPACED = frozenset(("ja", "th", "zh"))
#: Nouns or no letters at all have capitals: a capital says nothing about names.
NO_NAMES = frozenset(("ar", "de", "ja", "ko", "th", "zh"))

#: ``Question:`` and ``Answer:`` in each language.
TAGS = {
    "ar": ("سؤال:", "جواب:"),
    "da": ("Spørgsmål:", "Svar:"),
    "de": ("Frage:", "Antwort:"),
    "en": ("Question:", "Answer:"),
    "es": ("Pregunta:", "Respuesta:"),
    "fr": ("Question :", "Réponse :"),
    "it": ("Domanda:", "Risposta:"),
    "ja": ("質問：", "回答："),
    "ko": ("질문:", "답변:"),
    "nl": ("Vraag:", "Antwoord:"),
    "pl": ("Pytanie:", "Odpowiedź:"),
    "pt": ("Pergunta:", "Resposta:"),
    "ru": ("Вопрос:", "Ответ:"),
    "sv": ("Fråga:", "Svar:"),
    "th": ("คำถาม:", "คำตอบ:"),
    "zh": ("问题：", "回答："),
}

_FUNCTION_WORDS = {
    "da": "og er at det en på ikke som med af til har blev også hvor hvad mellem efter fra deres kan være",
    "de": "und ist nicht das der die ein eine mit für von auf dem den des sich auch wird werden oder wie was wurde",
    "en": "the and of is are was were that this which with from have has not what who how when where by it its as be they their",
    "es": "el los las una del y es que por con para como más pero su son fue está qué cómo cuál entre también",
    "fr": "le les des une et est que dans pour par avec sur au aux ce qui sont été cette quelle quel elle ils ou où",
    "it": "il gli una di che è per con non sono della delle nel dei come anche più questo quale cosa fu alla",
    "nl": "het een en van is niet dat zijn voor met op aan ook wordt door naar wat hoe welke werd deze bij uit",
    "pl": "i w nie na się z do jest to że jak jest są dla od przez oraz był była ich czy który która po co",
    "pt": "o os as um uma e é que não para com por mais como mas foi são da do dos das qual quais também",
    "sv": "och är att det en ett på inte som med av till har också vad hur mellan efter från deras kan vara var den",
}
#: Frequent short words, by language; only languages in Latin script.
FUNCTION_WORDS = {code: frozenset(words.split()) for code, words in _FUNCTION_WORDS.items()}

_LIGHT = {
    "en": "do does did done doing can could will would should may might must shall about there here then than them him into onto over under such some any other another more most many much only also between both each every either neither while because if so no yes you your we our us me my she her his himself itself themselves been being had just very too all these those upon during before after above below again once same own itself according following true false say says said called known used use using one two three first second many question answer option options",
}
#: Words that carry little meaning: function words, and for English those of questions.
STOP = {code: known | frozenset(_LIGHT.get(code, "").split()) for code, known in FUNCTION_WORDS.items()}

_NEVER_LAST = "the a an of and or but in on at by to from with for as that which who whose is are was were be been has have had will would can could may might must its their his her this these those than into between through because while when where if also not very such der die das und oder mit von für ein eine des les le la un une et de du dans pour avec sur el los las y con por para il gli di e che het een en van och att det som på av"
#: Words that do not end a sentence in the languages in Latin script.
NEVER_LAST = frozenset(_NEVER_LAST.split())

#: Characters of a translation for one of an English text; from experience, not measured. A run's own medians
#: are better where there are some.
LENGTHS = {
    "ar": 0.85,
    "da": 1.0,
    "de": 1.15,
    "en": 1.0,
    "es": 1.1,
    "fr": 1.15,
    "it": 1.1,
    "ja": 0.45,
    "ko": 0.52,
    "nl": 1.1,
    "pl": 1.05,
    "pt": 1.07,
    "ru": 1.05,
    "sv": 1.0,
    "th": 0.95,
    "zh": 0.33,
}
