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
    r"^(?:sure|certainly|of course|absolutely|great question|okay|ok|happy to help)[,!.:](?= |$|\n)",
    r"\bhere(?:'s| is| are) (?:the|a|an|your|my|some|\w+) (?:\w+ ){0,3}(?:text|version|summary|list|questions?|answers?|translation|paraphrase|rewrit\w+|passage|paragraph|facts?|pairs?|conversation|dialogue|output|response)\b[^.\n]{0,60}:",
    r"\blet me know if\b|\bi hope this helps\b|\bhope this helps\b|\bfeel free to (?:ask|let)\b|\bif you (?:have any (?:other |more |further )?questions|need any(?:thing)? (?:else|more|further)|would like me to)\b",
    r"\bwould you like me to\b|\b(?:is there|do you need) anything else\b",
    r"\bthe (?:provided|given|above|following) (?:text|passage|document|article|excerpt|information)\b",
    r"\b(?:based on|according to|as (?:stated|mentioned|described) in) the (?:text|passage|document|article|excerpt)\b",
    r"\bnote: (?:i|the|this) (?:have|has|text|translation|answer|response|version|is)\b|\b(?:please note|note) that (?:i|this is)\b",
    r"<\|?/?(?:im_start|im_end|system|user|assistant|think|endoftext|eot_id)\|?>|\[/?inst\]|</?s>|<special_\d+>",
    r"(?:^|\n)(?:system|user|assistant|human|ai)\s*:",
)
REFUSAL = re.compile("|".join(_REFUSALS))
CHAT = re.compile("|".join(_CHAT))
#: Says that there is a text: a question that does cannot stand alone.
REFERS = re.compile(
    r"\b(?:the|this) (?:text|passage|document|excerpt|article|author|paragraph|snippet|page)(?:'s)?\b"
    r"|\b(?:mentioned|described|discussed|stated|provided|listed) (?:above|here|in the)\b"
)


def phrases(pattern: re.Pattern[str], text: str, source: str) -> list[str]:
    """What of a pattern is in a text and not in its source; both in lower case."""
    return [found[0].strip() for found in pattern.finditer(text) if found[0].strip() not in source]
