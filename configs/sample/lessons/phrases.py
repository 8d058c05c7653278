"""English sentences of a closed vocabulary and their German, by rule, with gender and endings right.

``HELD_OUT`` are pairs of noun and adjective that no lesson has: what is measured is whether words are put together
rightly that were never seen together.
"""

from __future__ import annotations

import random

NOUNS = {
    "house": ("Haus", "n"), "car": ("Auto", "n"), "book": ("Buch", "n"), "bread": ("Brot", "n"),
    "boat": ("Boot", "n"), "bed": ("Bett", "n"), "picture": ("Bild", "n"), "window": ("Fenster", "n"),
    "horse": ("Pferd", "n"), "knife": ("Messer", "n"), "shirt": ("Hemd", "n"), "glass": ("Glas", "n"),
    "ship": ("Schiff", "n"), "table": ("Tisch", "m"), "chair": ("Stuhl", "m"), "tree": ("Baum", "m"),
    "dog": ("Hund", "m"), "garden": ("Garten", "m"), "train": ("Zug", "m"), "coat": ("Mantel", "m"),
    "cheese": ("Käse", "m"), "apple": ("Apfel", "m"), "letter": ("Brief", "m"), "key": ("Schlüssel", "m"),
    "river": ("Fluss", "m"), "mountain": ("Berg", "m"), "bird": ("Vogel", "m"), "bridge": ("Brücke", "f"),
    "cup": ("Tasse", "f"), "lamp": ("Lampe", "f"), "cat": ("Katze", "f"), "street": ("Straße", "f"),
    "flower": ("Blume", "f"), "bag": ("Tasche", "f"), "clock": ("Uhr", "f"), "door": ("Tür", "f"),
    "soup": ("Suppe", "f"), "island": ("Insel", "f"), "town": ("Stadt", "f"), "church": ("Kirche", "f"),
}  # fmt: skip
ADJECTIVES = {
    "red": "rot", "green": "grün", "old": "alt", "new": "neu", "small": "klein", "big": "groß", "good": "gut",
    "cold": "kalt", "warm": "warm", "long": "lang", "short": "kurz", "white": "weiß", "black": "schwarz",
    "round": "rund", "quiet": "ruhig", "beautiful": "schön", "cheap": "billig", "heavy": "schwer",
    "light": "leicht", "blue": "blau",
}  # fmt: skip
PLACES = {
    "in Berlin": "in Berlin", "near the station": "in der Nähe des Bahnhofs", "in the market": "auf dem Markt",
    "at home": "zu Hause", "in winter": "im Winter", "today": "heute", "every day": "jeden Tag",
    "in the kitchen": "in der Küche",
}  # fmt: skip
_THE = {"m": "Der", "f": "Die", "n": "Das"}
_AN = {"m": "einen", "f": "eine", "n": "ein"}
_ENDING = {"m": "en", "f": "e", "n": "es"}
#: What stands before a unit, by which its translation is told; {} is its number.
MARKS = ("[{}] ", "[{}] ", "[{}] ", "", "{}. ", "- ")


def _pairs() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    pairs = [(noun, adjective) for noun in NOUNS for adjective in ADJECTIVES]
    random.Random(9).shuffle(pairs)
    return pairs[: len(pairs) // 5], pairs[len(pairs) // 5 :]


HELD_OUT, TAUGHT = _pairs()


def sentence(chance: random.Random, held_out: bool = False) -> tuple[str, str]:
    """English and German."""
    noun, adjective = chance.choice(HELD_OUT if held_out else TAUGHT)
    german, gender = NOUNS[noun]
    the, an, end = _THE[gender], _AN[gender], _ENDING[gender]
    how = ADJECTIVES[adjective]
    second = chance.choice(sorted(ADJECTIVES))
    place = chance.choice(sorted(PLACES))
    number = chance.randint(2, 980)
    return chance.choice(
        [
            (f"The {adjective} {noun} costs {number} euros.", f"{the} {how}e {german} kostet {number} Euro."),
            (f"The {noun} is {adjective} and {second}.", f"{the} {german} ist {how} und {ADJECTIVES[second]}."),
            (f"We have a {adjective} {noun} {place}.", f"Wir haben {an} {how}{end} {german} {PLACES[place]}."),
            (f"I see a {adjective} {noun}.", f"Ich sehe {an} {how}{end} {german}."),
            (f"The {adjective} {noun} is {place}.", f"{the} {how}e {german} ist {PLACES[place]}."),
            (f"The {noun} is not {adjective}.", f"{the} {german} ist nicht {how}."),
            (f"She buys a {adjective} {noun} for {number} euros.", f"Sie kauft {an} {how}{end} {german} für {number} Euro."),
            (f"Is the {noun} {adjective}?", f"Ist {the.lower()} {german} {how}?"),
        ]
    )  # fmt: skip


def lesson(chance: random.Random, most: int = 4, held_out: bool = False) -> tuple[str, str]:
    """Up to ``most`` sentences and their translation, on a line or several, which mostly have numbers."""
    pairs = [sentence(chance, held_out) for _ in range(chance.randint(1, most))]
    mark = chance.choice(MARKS)
    number = chance.choice((1, 1, 1, chance.randint(1, 40)))
    lines: list[tuple[str, str]] = []
    for english, german in pairs:
        if lines and chance.random() < 0.3:
            lines[-1] = (f"{lines[-1][0]} {english}", f"{lines[-1][1]} {german}")
        else:
            before = mark.format(number + len(lines))
            lines.append((before + english, before + german))
    english, german = ("\n".join(side) for side in zip(*lines, strict=True))
    return english, german + "\n"


def documents(count: int = 40) -> list[str]:
    """Texts of three to six lines for the sample to translate, of pairs that no lesson has."""
    chance = random.Random(17)
    return [
        "\n".join(sentence(chance, held_out=True)[0] for _ in range(chance.randint(3, 6)))
        for _ in range(count)
    ]
