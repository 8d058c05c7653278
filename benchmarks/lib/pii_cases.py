"""The labelled set of ``benchmarks/pii.py``: what is personal data and what only looks like it.

``pii_cases.jsonl`` has one text per line, ``lang`` and ``text``, written by hand for this benchmark. In it
``⟦kind:value⟧`` is a piece to be found and ``⟪kind:value⟫`` a look-alike of that kind; ``⟦kind=maker⟧`` and
``⟪kind=maker⟫`` stand for a value that a maker of this module invents from a seed: such a text gives
``TIMES`` cases. Every identity is invented. No key is stored, not even an invalid one: scanners of
repositories would report it.

A third of the texts is held out (``Case.held_out``, by a checksum of the text as written): the stage was
written and corrected without looking at what it does with them.

Checksums are computed here and not by the code that is measured.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import random
import re
import string
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TIMES = 6
KINDS = ("email", "ip", "phone", "card", "iban", "secret")
_MARK = re.compile(r"([⟦⟪])([a-z]+)(?:([:=])(.*?))?[⟧⟫]", re.S)


class Case(NamedTuple):
    """A text, its labelled pieces (kind, start, end in code points) and its look-alikes likewise."""

    lang: str
    text: str
    pieces: list[tuple[str, int, int]]
    lookalikes: list[tuple[str, int, int]]
    by_hand: bool
    held_out: bool


def cases() -> list[Case]:
    """All cases, in the order of the file."""
    with Path(__file__).with_suffix(".jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [case for row in rows for case in _expand(row["lang"], row["text"])]


def _expand(lang: str, template: str) -> list[Case]:
    checksum = zlib.crc32(template.encode())
    by_hand = all(mark[3] == ":" for mark in _MARK.finditer(template))
    made = []
    for number in range(1 if by_hand else TIMES):
        rng = random.Random(f"{checksum}/{number}")
        text, pieces, lookalikes, end = "", [], [], 0
        for mark in _MARK.finditer(template):
            text += template[end : mark.start()]
            kind, how, what = mark[2], mark[3], mark[4]
            value = what if how == ":" else _make(MAKERS[what or kind], rng)
            (pieces if mark[1] == "⟦" else lookalikes).append((kind, len(text), len(text) + len(value)))
            text += value
            end = mark.end()
        made.append(Case(lang, text + template[end:], pieces, lookalikes, by_hand, checksum % 3 == 0))
    return made


Maker = Callable[[random.Random], str]


def _make(maker: Maker | tuple[str, ...], rng: random.Random) -> str:
    return maker(rng) if callable(maker) else _fill(rng.choice(maker), rng)


def _fill(pattern: str, rng: random.Random) -> str:
    """``#`` a digit, ``%`` one from 2 to 9, ``?`` a capital letter."""
    choose = {"#": string.digits, "%": "23456789", "?": string.ascii_uppercase}
    return "".join(rng.choice(choose[c]) if c in choose else c for c in pattern)


def _chars(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


BASE62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

# Addresses ---------------------------------------------------------------------------------------------

FIRST = str.split("anna jonas priya tomasz lucie oleg mei hana carlos fatima sven ingrid davide bram noor")
LAST = str.split("keller okafor lindqvist moreau petrova tanaka silva novak jensen rossi devries haddad")
WORDS = str.split("quiet amber north willow copper lantern meadow harbour cedar granite heron saffron")
TLDS = str.split("com org net de fr co.uk it es com.br nl pl se dk ru co.jp cn kr io info dev ac.th edu")


def email(rng: random.Random) -> str:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    local = rng.choice(
        (
            f"{first}.{last}",
            f"{first[0]}{last}",
            f"{first}_{last}{rng.randrange(100)}",
            f"{first}+{rng.choice(WORDS)}",
            f"{last.upper()}",
            f"{first}-{last}",
        )
    )
    domain = rng.choice(("", "", "mail.")) + rng.choice(WORDS) + rng.choice(("-", "")) + rng.choice(WORDS)
    return f"{local}@{domain}.{rng.choice(TLDS)}"


def v4(rng: random.Random) -> str:
    while True:
        address = ipaddress.IPv4Address(rng.randrange(1 << 24, 224 << 24))
        if address.is_global:
            return str(address)


def v6(rng: random.Random) -> str:
    prefix = rng.choice((0x2A00, 0x2A02, 0x2600, 0x2001 << 16 >> 16, 0x2400, 0x2804))
    groups = [prefix, rng.randrange(0x600, 0xD00), *(rng.randrange(1 << 16) for _ in range(6))]
    for at in range(rng.choice((2, 3, 4)), rng.choice((2, 5, 7))):
        groups[at] = 0
    address = ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
    return rng.choice((str(address), str(address).upper(), str(address)))


# Accounts ----------------------------------------------------------------------------------------------


def _luhn_digit(digits: str) -> str:
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


ISSUERS = {
    "visa": (("4",), 16, (4, 4, 4, 4)),
    "mastercard": (("51", "52", "53", "54", "55", "2221", "2450", "2719"), 16, (4, 4, 4, 4)),
    "amex": (("34", "37"), 15, (4, 6, 5)),
    "discover": (("6011", "65", "644"), 16, (4, 4, 4, 4)),
    "diners": (("36", "38"), 14, (4, 6, 4)),
    "jcb": (("3528", "3589", "3550"), 16, (4, 4, 4, 4)),
    "unionpay": (("622126", "6225", "6212"), 16, (4, 4, 4, 4)),
    "mir": (("2200", "2204"), 16, (4, 4, 4, 4)),
}


def card(issuer: str, rng: random.Random) -> str:
    prefixes, length, groups = ISSUERS[issuer]
    digits = rng.choice(prefixes)
    digits += _chars(rng, string.digits, length - 1 - len(digits))
    return _grouped(digits + _luhn_digit(digits), groups, rng.choice(("", " ", " ", "-")))


def _grouped(value: str, sizes: tuple[int, ...], separator: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(value[at : at + size])
        at += size
    return separator.join([*parts, *([value[at:]] if at < len(value) else [])])


def bare(number: str) -> str:
    return re.sub("[ -]", "", number)


def bad_luhn(rng: random.Random) -> str:
    digits = rng.choice("45") + _chars(rng, string.digits, 14)
    wrong = (int(_luhn_digit(digits)) + rng.randrange(1, 10)) % 10
    return _grouped(f"{digits}{wrong}", (4, 4, 4, 4), rng.choice(("", " ", "-")))


#: BBAN per country: n a digit, a a capital letter, c either (SWIFT IBAN registry).
BBAN = {
    "GB": "aaaannnnnnnnnnnnnn",
    "DE": "n" * 18,
    "AT": "n" * 16,
    "CH": "nnnnncccccccccccc",
    "FR": "nnnnnnnnnncccccccccccnn",
    "BE": "n" * 12,
    "ES": "n" * 20,
    "IT": "annnnnnnnnncccccccccccc",
    "PT": "n" * 21,
    "NL": "aaaannnnnnnnnn",
    "PL": "n" * 24,
    "SE": "n" * 20,
    "DK": "n" * 14,
    "SA": "nncccccccccccccccccc",
    "NO": "n" * 11,
    "UA": "nnnnnnccccccccccccccccccc",
    "TR": "nnnnn0cccccccccccccccc",
}


def _iban_digits(country: str, bban: str) -> int:
    return 98 - int("".join(str(int(c, 36)) for c in bban + country + "00")) % 97


def iban(country: str | None, rng: random.Random) -> str:
    country = country or rng.choice(sorted(BBAN))
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits}
    bban = "".join(rng.choice(alphabets.get(c, c)) for c in BBAN[country])
    value = f"{country}{_iban_digits(country, bban):02}{bban}"
    return _grouped(value, (4,) * ((len(value) - 1) // 4), rng.choice((" ", " ", "", "")))


def bad_iban(rng: random.Random) -> str:
    value = iban(None, rng)
    at = next(i for i in range(len(value) - 1, 0, -1) if value[i].isdigit())
    return f"{value[:at]}{(int(value[at]) + rng.randrange(1, 10)) % 10}{value[at + 1 :]}"


# Phones: shapes per country, from the national numbering plans --------------------------------------------

PHONES: dict[str, tuple[str, ...]] = {
    "us": ("(%##) 555-01##", "%##-555-01##", "%##.555.01##", "+1 %##-555-01##", "1-%##-555-01##"),
    "uk": ("020 7946 0###", "07700 900###", "01632 960###", "0161 496 0###", "+44 7700 900###"),
    "de": ("030 23125###", "089 / 99998###", "(0221) 4710###", "0171-39200##", "+49 69 90009###"),
    "fr": ("01 99 00 ## ##", "06 39 98 ## ##", "02.61.91.##.##", "+33 1 99 00 ## ##", "0353019###"),
    "es": ("91% ### ###", "6## ## ## ##", "+34 93% ## ## ##", "9%####### "[:9]),
    "it": ("02 55#####", "06/55#####", "33# 55#####", "+39 055 55####"),
    "br": ("(11) 9####-####", "(21) 3###-####", "+55 11 9####-####", "(85) 3### ####"),
    "nl": ("020-55#####", "06-55######", "0341 55####", "+31 20 55# ####"),
    "pl": ("22 55# ## ##", "60# ### ###", "+48 22 55# ## ##", "12 55#-##-##"),
    "se": ("08-465 004 ##", "070-174 06 ##", "031-390 06 ##", "+46 8 465 004 ##"),
    "dk": ("## ## ## ##".replace("#", "%", 1), "%### ####", "+45 %# ## ## ##"),
    "ru": ("8 (495) ###-##-##", "+7 (812) ###-##-##", "8 9## ### ## ##", "(383) ###-##-##"),
    "jp": ("03-####-####", "0%#-###-####", "090-####-####", "+81-3-####-####", "03(####)####"),
    "kr": ("02-###-####", "010-####-####", "031-###-####", "+82-2-###-####"),
    "cn": ("010-########", "138########", "0755-########", "+86 10 #### ####", "139-####-####"),
    "sa": ("011 4## ####", "05########", "+966 5# ### ####", "0112######"),
    "th": ("02-###-####", "08%-###-####", "0%#-######", "+66 2 ### ####"),
}
INTERNATIONAL = tuple(p for shapes in PHONES.values() for p in shapes if p.startswith("+"))

# Secrets, in the shapes that their issuers document ------------------------------------------------------


def jwt(rng: random.Random) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": _chars(rng, string.digits, 10), "iat": 1516239022}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, _chars(rng, BASE62 + "-_", 43)])


def pem(rng: random.Random) -> str:
    kind = rng.choice(("RSA ", "EC ", "OPENSSH ", ""))
    lines = [_chars(rng, BASE62 + "+/", 64) for _ in range(rng.randrange(3, 9))]
    body = "\n".join([*lines, _chars(rng, BASE62, 22) + "=="])
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


SECRETS: dict[str, Maker] = {
    "aws": lambda rng: rng.choice(("AKIA", "ASIA")) + _chars(rng, string.ascii_uppercase + "234567", 16),
    "github": lambda rng: f"gh{rng.choice('pousr')}_" + _chars(rng, BASE62, 36),
    "githubfine": lambda rng: f"github_pat_{_chars(rng, BASE62, 22)}_{_chars(rng, BASE62, 59)}",
    "gitlab": lambda rng: "glpat-" + _chars(rng, BASE62 + "-_", 19) + "x",
    "slack": lambda rng: (
        f"xoxb-{_chars(rng, string.digits, 12)}-{_chars(rng, string.digits, 12)}-{_chars(rng, BASE62, 24)}"
    ),
    "slackhook": lambda rng: (
        "https://hooks.slack.com/services/"
        f"T{_chars(rng, BASE62.upper(), 8)}/B{_chars(rng, BASE62.upper(), 8)}/{_chars(rng, BASE62, 24)}"
    ),
    "google": lambda rng: "AIza" + _chars(rng, BASE62 + "-_", 34) + "k",
    "stripe": lambda rng: rng.choice(("sk_live_", "rk_live_")) + _chars(rng, BASE62, 24),
    "openai": lambda rng: rng.choice(
        (
            f"sk-{_chars(rng, BASE62, 20)}T3BlbkFJ{_chars(rng, BASE62, 20)}",
            "sk-proj-" + _chars(rng, BASE62, 48),
        )
    ),
    "anthropic": lambda rng: "sk-ant-api03-" + _chars(rng, BASE62 + "-_", 92) + "AA",
    "hf": lambda rng: "hf_" + _chars(rng, BASE62, 34),
    "npm": lambda rng: "npm_" + _chars(rng, BASE62, 36),
    "sendgrid": lambda rng: f"SG.{_chars(rng, BASE62, 22)}.{_chars(rng, BASE62, 43)}",
    "jwt": jwt,
    "pem": pem,
    "hex32": lambda rng: _chars(rng, HEX, 32),
    "hex40": lambda rng: _chars(rng, HEX, 40),
    "base62": lambda rng: _chars(rng, BASE62, rng.choice((24, 32, 40))),
    "base64": lambda rng: _chars(rng, BASE62 + "+/", 39) + rng.choice(BASE62),
    "password": lambda rng: _chars(rng, BASE62, 14) + rng.choice(string.digits),
}

# Look-alikes ------------------------------------------------------------------------------------------


def isbn10(rng: random.Random) -> str:
    digits = [rng.randrange(10) for _ in range(9)]
    check = -sum(d * (10 - i) for i, d in enumerate(digits)) % 11
    text = "".join(map(str, digits))
    return f"{text[0]}-{text[1:4]}-{text[4:]}-{'X' if check == 10 else check}"


def isbn13(rng: random.Random) -> str:
    digits = "978" + _chars(rng, string.digits, 9)
    check = -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10
    return rng.choice((f"{digits}{check}", f"978-{digits[3]}-{digits[4:7]}-{digits[7:]}-{check}"))


def imei(rng: random.Random) -> str:
    digits = "35" + _chars(rng, string.digits, 12)
    return digits + _luhn_digit(digits)


def date(rng: random.Random) -> str:
    year, month, day = rng.randrange(1900, 2030), rng.randrange(1, 13), rng.randrange(1, 29)
    parts = rng.choice((f"{year} {month:02} {day:02}", f"{day:02} {month:02} {year}")).split()
    return rng.choice(("-", ".", "/")).join(parts)


def hashed(name: str) -> Maker:
    return lambda rng: hashlib.new(name, rng.randbytes(8)).hexdigest()


def spread(separator: str, count: int, low: int, high: int) -> Maker:
    """``count`` numbers between two bounds."""
    return lambda rng: separator.join(str(rng.randrange(low, high)) for _ in range(count))


Shapes = tuple[str, ...]
MAKERS: dict[str, Maker | Shapes] = {
    "email": email,
    "v4": v4,
    "v6": v6,
    "card": lambda rng: card(rng.choice(("visa", "mastercard", "visa", "amex")), rng),
    **{issuer: (lambda rng, issuer=issuer: card(issuer, rng)) for issuer in ISSUERS},
    "iban": lambda rng: iban(None, rng),
    **{country: (lambda rng, country=country: iban(country, rng)) for country in BBAN},
    **PHONES,
    "intl": INTERNATIONAL,
    **SECRETS,
    # email
    "package": ("left-pad@1.#.#", "@babel/core@7.##.#", "rxjs@^6.#.0", "numpy@1.2#.*"),
    "remote": (
        "git@github.com:amber/heron.git",
        "ssh://git@git.sr.ht/~cedar/meadow",
        "origin\tgit@bitbucket.org:north/willow.git (fetch)",
        "hg@hosting.org:copper",
    ),
    "retina": ("icon##@2x.png", "logo@3x.webp", "bg-#@1.5x.jpg", "img/hero@2x.svg"),
    "decorator": ("@app.route('/')", "@staticmethod", "@pytest.fixture", "@np.vectorize"),
    "docmail": ("john.doe@example.com", "a#@example.org", "user@test.invalid", "me@mail.example"),
    "prompt": ("anna@laptop:~", "root@db-0#:/var", "pi@raspberrypi.local:~", "build@ci.lan:/src"),
    # IP addresses
    "version": ("1.##.#.#", "2.#.#.1#", "v3.1#.2.#", "0.9.1#.#", "5.1.0.##"),
    "section": spread(".", 4, 1, 10),
    "private": ("192.168.#.1##", "10.#.%#.1##", "172.2#.#.%#", "169.254.%#.#", "127.0.0.%"),
    "docip": ("192.0.2.1##", "198.51.100.%#", "203.0.113.%#", "2001:db8::#", "2001:db8:%##::1"),
    "oid": lambda rng: "1.3.6.1." + spread(".", rng.randrange(2, 6), 0, 400)(rng),
    "mac": lambda rng: ":".join(_chars(rng, HEX, 2) for _ in range(6)),
    "clock": ("1#:%5:0#", "0%:4#:1#.###", "20##:1%", "1:2#:3#:00"),
    # phones
    "date": date,
    "isbn10": isbn10,
    "tablerow": lambda rng: rng.choice((" ", " | ", "  "))
    .join(str(rng.randrange(10 ** rng.randrange(1, 6))) for _ in range(rng.randrange(4, 9))),
    "matrix": lambda rng: rf"\begin{{matrix}} {spread(' & ', 3, -99, 999)(rng)} \\ 1 & 0 & 7",
    "seconds": ("1######### 1#########", "14########", "15########.###"),
    "partnumber": ("##-#####-#", "####-###", "A##.###.##", "%##-####", "0##.###.##"),
    "coords": ("##.######, -##.######", "+%#.######, +1#.######", "5#.####° N, 0#.####° E"),
    "thousands": ("1 ### ###", "%## ### ###", "1.###.###", "1,###,###", "%# ### ###"),
    "doi": ("10.1038/s41586-0##-0####-#", "10.1016/0##1-9###(9#)90###-#", "10.1103/PhysRevD.##.##%###"),
    "uuid": lambda rng: str(uuid.UUID(bytes=rng.randbytes(16), version=4)),
    # cards
    "badluhn": bad_luhn,
    "inside": lambda rng: f"{rng.randrange(1, 10)}{bare(card('visa', rng))}{rng.randrange(10**6)}",
    "digits": lambda rng: _chars(rng, string.digits, 16),
    "cardfraction": lambda rng: bare(card("visa", rng)),
    "sha1": hashed("sha1"),
    "md5": hashed("md5"),
    "sha256": hashed("sha256"),
    "isbn13": isbn13,
    "ean13": ("40###########"[:13], "50###########"[:13]),
    "microseconds": ("14##############"[:16], "15##############"[:16]),
    "fbid": ("1015##############"[:17] + "_##", "#######_1015##########_####"),
    "table4": spread(" ", 4, 1000, 4000),
    "imei": imei,
    "iccid": ("8949####################"[:19], "8901####################"[:20]),
    "hexid": lambda rng: "a" + _chars(rng, string.digits, 16) + "f",
    "wronggroups": lambda rng: _grouped(bare(card("visa", rng)), (3, 5, 2, 6), " "),
    # IBANs and secrets
    "badiban": bad_iban,
    "partno": ("XR##-####-####", "AB## #### ####", "DE######", "GB##??######"),
    "vat": ("DE#########", "GB### #### ##", "FR##########"[:4] + "#########", "NL#########B##"),
    "base32": lambda rng: _chars(rng, string.ascii_uppercase + "234567", 32),
    "container": ("MSCU#######", "CSQU305438#", "TGHU ### ### #"),
    "flight": ("LH#### BA##", "AF## KL####", "SK#### SK####"),
    "isin": ("US##########", "DE000#######"),
    "hexupper": lambda rng: _chars(rng, HEX.upper(), 16),
    "publishable": lambda rng: "pk_live_" + _chars(rng, BASE62, 24),
}  # fmt: skip
