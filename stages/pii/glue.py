"""Where a word begins that stands at a piece without a blank: ``info@site.orgTel: 030 1234567Fax``.

Spans and cells that only a style sheet sets apart run together in the text of a page, as do lines of a PDF.
Such a word is no part of the piece before it. Letters of languages without blanks, and those beyond ASCII,
are never taken for a part of one. For patterns that have this in them; those may be written for any case.
"""

from __future__ import annotations

#: What people write beside an address or a number, in any case.
NOTICE = (
    r"(?i:tele?(?:f(?:on|oon|ax|ono|one|óno|oni)?|phone)?|fono?|phone|fax|mobi(?:l|le|el)?|handy|cell|gsm|tlf|tfn"
    r"|whatsapp|telegram|skype|e-?mail|mail|courriel|correo|web(?:site|seite)?|www|https?|internet|home(?:page)?|url"
    r"|facebook|instagram|twitter|linkedin|xing|kontakt|contact|impressum|adresse|address|hotline|durchwahl"
    r"|bic|swift|iban|ust|vat|ip|port)(?![A-Za-z_])"
)
#: A word with a capital, in which there is no digit: the start of a sentence, a name, a label.
CAPITAL = r"(?-i:[A-ZÀ-Þ](?:[a-zß-ÿ]{2,}(?![0-9_])|[a-zß-ÿ]?(?:-(?=[A-Za-z])|:|\. )))"
WORD = rf"(?:{CAPITAL}|{NOTICE})"
#: Code points after a piece that tell such a word.
LOOK = 24
