# ruff: noqa: E501 (tables of words)
"""What assistants say that no document does: refusals, prefaces, offers of help.

Knows phrases in the languages of the corpus. They count only where the source does not have them.
"""

from __future__ import annotations

import re

_REFUSALS = (
    # English
    r"\bas an ai\b|\bas a(?: large)? language model\b|\bi(?:'| a)m (?:just )?an? (?:ai|assistant|language model)\b",
    r"\bi(?:'m| am) (?:very )?sorry,? (?:but|i)\b|\bi apologi[sz]e\b|\bunfortunately,? i (?:can|am|do|cannot)\b",
    r"\bi (?:can(?:no|')t|am unable to|am not able to|won't|will not) (?:\w+ )?(?:help|assist|provide|answer|fulfil|comply|create|generate|write|do|find|access|process|complete|continue|produce|determine|engage|discuss)",
    r"\bi must decline\b|\bmy training data\b|\bmy knowledge cut-?off\b|\bi do not have (?:access|enough information)\b|\bi don't have (?:access|enough information)\b",
    # others
    r"\bals ki\b|\bals (?:ein )?sprachmodell\b|\bes tut mir leid, aber\b|\bich kann (?:ihnen |dir )?(?:dabei |damit )?(?:leider )?nicht (?:helfen|weiterhelfen)",
    r"\ben tant qu(?:e|'une?) (?:ia|intelligence|modèle de langage)|\bje suis désolée?, mais\b|\bje ne peux pas (?:vous )?(?:aider|fournir|répondre)",
    r"\bcomo (?:una? )?(?:ia|modelo de lenguaje|modelo de linguagem|inteligencia artificial|inteligência artificial)\b|\blo siento, pero\b|\bno puedo (?:ayudar|proporcionar|responder)|\bdesculpe, mas\b|\bnão posso (?:ajudar|fornecer|responder)",
    r"\bin quanto (?:ia|modello linguistico)\b|\bmi dispiace, ma\b|\bnon posso (?:aiutar|fornire|rispondere)",
    r"\bals (?:een )?(?:ai|taalmodel)\b|\bhet spijt me, maar\b|\bik kan (?:je|u) (?:daar )?niet (?:mee )?helpen",
    r"\bjako (?:model językowy|sztuczna inteligencja|ai)\b|\bprzykro mi, ale\b|\bnie mogę (?:pomóc|udzielić|odpowiedzieć)",
    r"\bsom (?:en )?(?:ai|sprogmodel|språkmodell)\b|\bjeg beklager, men\b|\bjag är ledsen, men\b|\bjag kan (?:tyvärr )?inte (?:hjälpa|svara)|\bjeg kan (?:desværre )?ikke (?:hjælpe|svare)",
    r"как (?:языковая модель|ии\b|искусственный интеллект)|извините, но|к сожалению, я не могу|я не могу (?:помочь|ответить|предоставить)",
    r"作为(?:一个|一名)?(?:ai|人工智能|语言模型)|很抱歉|抱歉，我(?:无法|不能)|我无法(?:提供|回答|帮助)",
    r"aiとして|言語モデルとして|申し訳(?:ありません|ございません)が|お答えできません|お手伝いできません",
    r"ai로서|언어 모델로서|죄송하지만|도와드릴 수 없|답변할 수 없|답변드릴 수 없",
    r"كنموذج لغوي|بصفتي (?:نموذج|ذكاء)|أعتذر، (?:ولكن|لكن)|عذرًا، (?:لا|ولكن|لكن)|لا أستطيع (?:مساعدتك|الإجابة|تقديم)",
    r"ในฐานะ(?:โมเดลภาษา|ปัญญาประดิษฐ์|ai)|ขออภัย(?:ค่ะ|ครับ)?|ฉันไม่สามารถ(?:ช่วย|ตอบ|ให้)",
)
_CHAT = (
    r"(?:^|\n)(?:answer: *)?(?:sure|certainly|of course|absolutely|great question|okay|ok|happy to help)[,!.:](?= |$|\n)",
    r"\bhere(?:'s| is| are) (?:the|a|an|your|my|some|\w+) (?:\w+ ){0,3}(?:text|version|summary|list|questions?|answers?|translation|paraphrase|rewrit\w+|passage|paragraph|facts?|pairs?|conversation|dialogue|output|response)\b[^.\n]{0,60}:",
    r"\blet me know if\b|\bi hope this helps\b|\bhope this helps\b|\bfeel free to (?:ask|let)\b|\bif you (?:have any (?:other |more |further )?questions|need any(?:thing)? (?:else|more|further)|would like me to)\b",
    r"\bwould you like me to\b|\b(?:is there|do you need) anything else\b",
    r"\bthe (?:provided|given|above|following) (?:text|passage|document|article|excerpt|information)\b",
    r"\b(?:based on|according to|as (?:stated|mentioned|described) in) the (?:text|passage|document|article|excerpt)\b",
    r"\bnote: (?:i|the|this) (?:have|has|text|translation|answer|response|version|is)\b|\b(?:please note|note) that (?:i|this is)\b",
    r"<\|?/?(?:im_start|im_end|system|user|assistant|think|endoftext|eot_id)\|?>|\[/?inst\]|</?s>|<special_\d+>",
    r"(?:^|\n)(?:system|user|assistant|human|ai)\s*:",
)
#: One of these is in every phrase of the patterns in Latin script: looking for them is a fraction of the work.
_HINTS = (
    "as a", "i'm a", "i am a", "sorry", "apolog", "i can", "i am unable", "i am not able", "i won't", "i will not", "decline",
    "my training", "knowledge cut", "i do not have", "i don't have", "als ki", "als ein", "es tut mir", "ich kann", "en tant qu",
    "je suis d", "je ne peux", "como ", "lo siento", "no puedo", "desculpe", "não posso", "in quanto", "mi dispiace", "non posso",
    "als ai", "als taal", "het spijt", "ik kan", "jako ", "przykro", "nie mog", "som ai", "som en", "som spr", "jeg be", "jag är",
    "jag kan", "jeg kan",
)  # fmt: skip
_CHAT_HINTS = (
    "sure", "certainly", "of course", "absolutely", "great question", "ok", "happy to", "here", "let me know", "hope this", "feel free",
    "if you", "would you like", "anything else", "the provided", "the given", "the above", "the following", " the text", "in the passage",
    "the passage", "the document", "the article", "the excerpt", "note", "<", "[", "system", "user", "assistant", "human", "ai:", "ai :",
)  # fmt: skip


class Phrases:
    """A set of phrases."""

    def __init__(self, patterns: tuple[str, ...], hints: tuple[str, ...]) -> None:
        self._pattern = re.compile("|".join(patterns))
        self._hints = hints

    def found(self, text: str, source: str) -> list[str]:
        """The phrases that are in a text and not in its source; both in lower case."""
        if text.isascii() and not any(hint in text for hint in self._hints):
            return []
        return [match[0].strip() for match in self._pattern.finditer(text) if match[0].strip() not in source]


REFUSAL = Phrases(_REFUSALS, _HINTS)
CHAT = Phrases(_CHAT, _CHAT_HINTS)
#: An answer to a question that can be answered by yes or no, and a question that cannot, in languages in which
#: the question's first word tells.
YES_NO = re.compile(r"(?:yes|no|ja|nein|nej|nee|oui|non|s[íì]|n[ãa]o|tak|nie|да|нет)\b,")
ASKS_WHAT = re.compile(
    r"(?:(?:at|by|for|from|in|into|of|on|to|under|with) )?(?:what|which|who|whom|whose|where|when|why|how)\b"
    r"|(?:wer|wo|wann|warum|wie|welche[rsnm]?|où|quand|pourquoi|comment|combien|quel(?:le)?s?)\b"
    r"|(?:hvad|hvem|hvor|hvornår|hvorfor|vad|vem|var|när|varför|hur|wat|wie|waar|wanneer|waarom|hoe)\b"
    r"|¿?(?:qué|quién|dónde|cuándo|cómo|cuánt[oa]s?|cuál(?:es)?)\b|(?:chi|dove|quando|perché|come|quant[oiae])\b"
    r"|(?:o que|quem|onde|quando|quant[oa]s?)\b|(?:kto|gdzie|kiedy|dlaczego|ile)\b|(?:кто|что|где|когда|почему|сколько)\b"
)
#: Says that there is a text: a question that does cannot stand alone.
_TEXT = r"(?:text|passage|document|excerpt|article|author|paragraph|snippet)"
REFERS = re.compile(
    rf"\b(?:according to|based on|in|from|by) (?:the|this) (?:given |provided |above )?{_TEXT}\b"
    rf"|\b(?:the|this) {_TEXT}(?:'s)? (?:\w+ly )?(?:say|said|stat|mention|describ|explain|suggest|discuss|tell|claim|argu|list|not)"
    r"|\b(?:mentioned|described|discussed|stated|provided|listed) (?:above|here|in the (?:text|passage|document))\b"
)
