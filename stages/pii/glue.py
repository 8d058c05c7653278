"""Finds where a word begins that directly follows a piece without a blank:
``info@site.orgTel: 030 1234567Fax``.

Spans and cells that only a style sheet separates are joined in the text of a page, and so are lines of a PDF.
Such a word is not part of the piece before it. Letters of languages without blanks, and letters beyond ASCII,
are never taken for a part of a piece. These expressions are included in other patterns, which may ignore
case.
"""

from __future__ import annotations

#: Words that people write beside an address or a number, in upper or lower case.
NOTICE = (
    r"(?i:tele?(?:f(?:on|oon|ax|ono|one|óno|oni)?|phone)?|fono?|phone|fax|mobi(?:l|le|el)?|handy|cell|gsm|tlf|tfn"
    r"|whatsapp|telegram|skype|e-?mail|mail|courriel|correo|web(?:site|seite)?|www|https?|internet|home(?:page)?|url"
    r"|facebook|instagram|twitter|linkedin|xing|kontakt|contact|impressum|adresse|address|hotline|durchwahl"
    r"|bic|swift|iban|ust|vat|ip|port)(?![A-Za-z_])"
)
#: A word with a capital and without digits: the start of a sentence, a name, a label.
CAPITAL = r"(?-i:[A-ZÀ-Þ](?:[a-zß-ÿ]{2,}(?![0-9_])|[a-zß-ÿ]?(?:-(?=[A-Za-z])|:|\. )))"
WORD = rf"(?:{CAPITAL}|{NOTICE})"
#: Code points after a piece that are enough to recognise such a word.
LOOK = 24
