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

#: Words of English that may stand in any text: that an answer shares them with a text says nothing.
_COMMON = "able about above accept according across act actually add added after again against age ago agree air all allow allowed almost alone along already also although among amount another answer any anything appear area around arrive ask asked away back bad base based because become been before began begin beginning begins behind being believe belong below best better between big bit both bring brings brought build building built but buy call called came can cannot carried carries carry case catch cause caused causes certain certainly chance change changed changes child children choose clear clearly close closed cold common compare compared complete completely condition contain contained contains continue continued control correct cost could country course create created cut dark day days dead deal death deep depend depends describe described develop did die died differ difference differences different difficult do does done down draw drew drive drop due during each early earth easier easily easy eat eight either else end ended ends enough enter entire equal especially even event ever every everything exact exactly example except exist existed expect explain explained extra face fact fall falls far farther fast faster father fear feel fell few field fifth fill find finds fine finish finished fire first fit five flow follow followed following food for force form formed forms forward found four fourth free fresh friend from front full fully further future gave general get gets give given gives giving go goes going gone good got great greater ground group grow grown grows growth guess had half hand hands happen happened hard has have having head hear heard heart heat heavy held help helped helps her here herself high higher him himself his hold holds home hope hot hour hours house how however hundred idea if important in increase inside instead into is it its itself job join just keep keeps kept kill killed kind kinds knew know known knows lack land large larger largest last lasted later lay lead leads learn learned least leave leaves led left less let level lie life lift light like likely line list little live lived lives living long longer look looked looks lose loses loss lost lot low lower made main mainly make makes making man many mark matter may me mean means measure meet member men met middle might mind minute minutes miss moment money month months more morning most mostly move moved moves moving much must my name named names near nearly necessary need needed needs never new next night nine no none nor normal not note nothing notice noticed now number occur of off often old on once one only onto open opened opposite option options or order original other others our out outside over own owner paid part parts pass passed past pay people perhaps period person piece place placed plan play point possible power prefer present prevent price probably problem process produce produced produces protect protected protects prove provide provided public pull purpose push put question quick quickly quite ran rather reach reached read ready real really reason receive received record reduce refuse relation remain remained remains remove removed require required rest result return returned rich right rise rises role round rule run runs said same save saw say says sea second see seen sell send sense sent separate serve served set seven several shape share she short should show showed shown shows side sign simple simply since single sit six size slow slower slowly small smaller so sold some something sometimes soon sort sound space speak special speed spend spent stand standing stands start started state stay stayed steady step still stop stopped store strong study such sudden suddenly sun supply support sure surface surround survive taken talk taste teach tell ten than that the their them themselves then there these they thing things think third this those though thought three through thus time times to today together told too took top total touch toward towards town true try trying turn turned turns twice two type under until up upper us use used useful user uses usual usually value various very view visit visited visitor wait walk want wanted war warm was watch water way ways we wear week weeks weigh weight well went were west what whatever when where whether which while who whole whom whose why wide will wish with within without woman women wonder wood word words work worked worker workers works world worse worst would write written wrong year years yes yet you young your yourself"
#: Words that carry little meaning: function words, and for English common ones.
STOP = {**FUNCTION_WORDS, "en": FUNCTION_WORDS["en"] | frozenset(_COMMON.split())}

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
