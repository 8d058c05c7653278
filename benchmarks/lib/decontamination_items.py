"""Benchmark items of our own for ``decontamination.py``: 43 written by hand, each with another question that
is much like it, and as many as wanted from sentences with slots, in many combinations.

Knows items. Does not know how they are looked for.
"""

# ruff: noqa: E501, SIM905 (a question to a line, names as a list of words)
from __future__ import annotations

import random
from typing import NamedTuple


class Question(NamedTuple):
    """``text`` is what is asked. ``other`` asks something else in much the same words."""

    benchmark: str
    text: str
    answer: str
    choices: tuple[str, ...] = ()
    other: str = ""


#: Question; another one; answer.
_WRITTEN = """
Mirela plants 14 rows of onions with 23 bulbs each, and the hares dig up 58 of them before June. How many bulbs are left to harvest?
Mirela plants 17 rows of leeks with 31 seedlings each, and the slugs eat 45 of them before July. How many seedlings are left?
264

A ferry carries 38 cars per crossing and makes 9 crossings a day, but on Sundays only 4. How many cars can it carry in a full week?
A cable car carries 24 riders per trip and makes 30 trips a day, but on Mondays only 12. How many riders can it carry in a week?
2204

The cistern behind the mill holds 1260 litres and loses 7 litres an hour through a crack. After how many hours is a third of the water gone?
The cistern behind the barn holds 840 litres and gains 5 litres an hour from a spring. After how many hours is it full if it was empty?
60

Olaf's clock gains 4 minutes every day, and he sets it right on the first of March. What does it show at true noon on the sixteenth of March?
Olaf's watch loses 3 minutes every week, and he sets it right at New Year. By how much is it slow at the end of June?
13:00

A baker sells loaves at 3 crowns and rolls at 40 cents; on Friday she took 96 crowns for 22 loaves and the rest in rolls. How many rolls did she sell?
A baker sells pies at 5 crowns and buns at 60 cents; on Monday she sold 12 pies and 50 buns. How much money did she take in all?
75

Two lighthouses flash together at midnight, one every 18 seconds and the other every 24 seconds. How often do they flash together before one minute past five?
Two buses leave the depot together at six, one every 12 minutes and the other every 20 minutes. When do they next leave together?
251

A rope of 57 metres is cut into three pieces so that each is twice as long as the one before, except that the last is 1 metre longer than that. How long is the first piece?
A rope of 60 metres is cut into four equal pieces, and each piece is cut again so that one part is 3 metres longer. How long is the short part?
8

The sum of three consecutive odd numbers is 111 more than the smallest of them. What is the largest of the three numbers?
The sum of four consecutive even numbers is 92. What is the second smallest of the four numbers, and what is their product?
55

In the orchard every fourth tree is a pear and every sixth of the others a quince. If there are 35 quinces, how many trees stand in the orchard?
In the orchard every fifth tree is a plum and the others are apples. If there are 64 apples, how many plums stand there?
280

What is the remainder when the product of all prime numbers below twenty is divided by the number of days in a leap year?
What is the remainder when the sum of all prime numbers below thirty is divided by the number of weeks in a year?
42

A triangular sail has a base of 6.5 metres, and its height is two metres less than twice the base. How many square metres of canvas does it need?
A rectangular sail has a width of 4.5 metres, and its height is one metre more than the width. How long is the rope around its edge?
35.75

If f(x) = 3x^2 - 5x + 7 and g(x) is the line tangent to f at x = 2, for which value of x does g(x) equal 30?
If f(x) = 2x^3 - 4x + 1 and h(x) is the derivative of f, for which positive value of x does h(x) equal 20?
5

How many different necklaces can be strung from four red and two white beads if turning a necklace over does not make it a different one?
How many different words can be formed from the letters of BEADED if no two equal letters may stand side by side?
3

A fair die is thrown until a six comes up, but no more than three times. What is the probability that it has to be thrown exactly three times?
A fair coin is thrown until heads comes up, but no more than five times. What is the expected number of throws?
25/36

The numerator of a fraction is five less than its denominator, and adding two to both gives three quarters. Which fraction is it?
The denominator of a fraction is four more than its numerator, and doubling both gives nothing new. Why can it not be one half?
13/18

Which layer of the forest does the imaginary sloth-bird of Tarquemada leave only in order to lay its eggs in warm volcanic sand?
Which layer of the atmosphere reflects medium radio waves at night, so that distant stations are heard which are silent by day?
The canopy

Why does a sealed jar of pickled beets bulge when it is carried from a valley up to a mountain pass on a cold morning?
Why does a plastic bottle that was closed on a mountain pass look crumpled when it is carried down into a warm valley?
The air pressure outside is lower

Which of these would a geologist take as the best evidence that a dry inland basin was once covered by a salt lake?
Which of these would a geologist take as the best evidence that a wide valley was once filled by a glacier?
Layers of gypsum

A student shines light through a slit onto a soap film and sees coloured bands that move downward. What makes the bands move?
A student shines light through a prism onto a white wall and sees a spectrum. What happens to it if a second prism is held behind the first?
The film drains and grows thinner from the top

What would happen to the length of a day on a planet if all of the ice at its poles melted and spread evenly over its oceans?
What would happen to the length of a year on a planet if half of its mass were blown away by the wind of its star?
It would become slightly longer

In the treaty of the seven fords, which the margrave signed only under protest, what did the river guild receive in exchange for its tolls?
In the treaty that ended the war of the two dukes, what did the merchants receive in exchange for the loan they had given?
The right to hold a winter market

Which argument did the fictional jurist Anselm Okoro use against trying a ship's cat as an accessory to smuggling?
Which argument did the jurist use against trying a minor as an accessory to theft when he had only kept watch?
That intent cannot be shown

A patient takes a blue tablet at breakfast and feels faint whenever she then drinks liquorice tea. Which electrolyte should the nurse ask to have measured first?
A patient takes a water tablet at bedtime and has cramps in the calves at night. Which change to the time of the dose should the nurse propose first?
Potassium

The violinist tunes her A string to a fork of 442 hertz, and the oboe plays 440. How many beats per second do they hear together?
The violinist tunes her E string a perfect fifth above an A of 440 hertz. Which frequency does the string then have?
2

Which sorting method would you choose for a list of ten million records on tape, when only a few thousand of them fit into memory?
Which search method would you choose for a list of ten thousand records in memory that is sorted by another key than the one asked for?
An external merge sort

A hash table with open addressing and linear probing has 97 slots and holds 90 keys. What can be said about the expected cost of an unsuccessful search?
A hash table with separate chaining has 97 slots and holds 300 keys. What can be said about the expected length of the longest chain?
It is far above ten probes

Write a function ripple(values) that returns the list in which each number is replaced by the difference between it and its right neighbour, and the last one by zero.
Write a function ripple(values) that returns the sum of the differences between each number and the largest one, or zero for an empty list.
def ripple(values): ...

Write a function that takes a string of brackets and stars, where a star may stand for any bracket or for nothing, and says whether it can be balanced.
Write a function that takes a string of brackets and says how many of them have to be turned around so that it is balanced.
def balanced(text): ...

Write a function lantern_order(names) that sorts names by their number of vowels and, where that is equal, in reverse alphabetical order, leaving out repeated names.
Write a function that sorts names by their length and, where that is equal, in alphabetical order, and that keeps repeated names in one group.
def lantern_order(names): ...

Given a list of intervals of time during which a harbour crane is busy, write a function that returns the longest gap between them within one working day.
Given a list of intervals of time during which meeting rooms are booked, write a function that returns the least number of rooms that are needed.
def longest_gap(intervals): ...

Implement a queue for print jobs in which a job may be withdrawn by its number in constant time, using only dictionaries and lists.
Implement a queue for print jobs in which the job with the fewest pages is always printed next, using only the standard library.
class PrintQueue: ...

The keeper set down her lamp, listened at the door and heard a sound she knew. What is she most likely to do next?
The keeper set down her cup, looked out of the window and saw that the light had gone out. What does she most likely fear?
Open the door

Tomasz put the wet boots near the stove, though his sister had warned him about the glue. By evening, what had most likely happened to them?
Tomasz put the wet coat near the stove, though the smell of wool was strong. By evening, what had his sister most likely done?
The soles had come off

What is the shortest route by which a letter can get from the island of Vessel to the island of Thrane if the post boat calls at Orm only on even days?
What is the cheapest way in which a parcel can get from one island to the next if the post boat does not take anything heavier than a sack?
By way of Sund

If all glimmers are sprites and no sprite is a wisp, but some wisps are lanterns, which of the following must be true?
If all cats are mammals and no mammal is a reptile, but some reptiles are pets, which of the following cannot be concluded?
Some lanterns are not glimmers

Anna is taller than Bruno, Clara is shorter than David, and Bruno is as tall as David. Who of the four is certainly the shortest?
Anna is older than Bruno, Clara is younger than David, and Bruno is younger than Clara. In which order were the four born?
Clara

How many grams of salt must be stirred into 850 grams of a 4 percent brine to make it strong enough, 15 percent, for curing olives?
How many grams of water must be stirred into 300 grams of a 12 percent syrup to make it weak enough, 5 percent, for feeding bees?
110

A train of 180 metres needs 27 seconds to pass over a bridge of 360 metres. How fast is it going in kilometres per hour?
A train needs 27 seconds to pass a man on the platform and 45 seconds to pass the platform itself. How long is it?
72

The area of a square garden is 529 square metres. A hedge runs around it with a gap of 1.5 metres for the gate. How long is the hedge?
The area of a round garden is 314 square metres. A path of 2 metres runs around it. How large is the area of the path?
90.5

A cyclist rides up a pass at 12 km/h and down the same road at 36 km/h. What is her average speed for the whole ride?
A cyclist rides two hours at 18 km/h and one hour at 30 km/h. What is her average speed, and how far does she get?
18

Six machines fill 480 jars in 5 hours. How many jars would nine machines fill in 4 hours if a tenth of them broke on the belt?
Eight pumps empty a dock in 6 hours. How long would three pumps need if one of them worked only half of the time?
518

Which number comes next in the sequence 3, 4, 7, 11, 18, 29, in which every number is the sum of two before it?
Which number comes next in the sequence 2, 6, 12, 20, 30, in which the differences grow by the same amount?
47

A shop takes 20 percent off a coat and then another 15 percent off the lower price, so that it costs 136 euros. What did it cost at first?
A shop adds 19 percent of tax to the price of a coat and then takes 19 percent off, so that it costs 96.39 euros. What was the price?
200
"""

_NAMES = (
    "Adaeze Bogdan Chiara Dimitri Esperanza Farid Greta Hiroshi Ingrid Jamal Kirsten Lorenzo Mwangi".split()
)
_THINGS = (
    "lanterns kites teapots marbles stamps ribbons acorns buttons candles puzzles shells whistles".split()
)
_PLACES = (
    "harbour market", "village fair", "school bazaar", "mountain hut", "railway station", "botanical garden",
    "travelling circus", "public library", "old observatory", "fishing club", "pottery workshop",
)  # fmt: skip
_TRAITS = (
    "a copper roof", "an odd number of bridges", "no harbour at all", "a law against bells", "two mayors",
    "the oldest windmill", "a festival of kites", "a tower that leans to the north", "a school for divers",
)  # fmt: skip
_TOWNS = "Arnvik Belmora Castrel Dunhollow Eskerry Fenwaldt Gorsebridge Hallunda Ivrea-am-See Jorund".split()
_NOUNS = "tokens readings invoices tickets moves coordinates syllables temperatures packets votes".split()
_VERBS = "reverse group rotate filter merge count shuffle compress flatten split".split()

#: Of each row one, in this order, makes a question.
_CHOICE = (
    (
        "A traveller who knows that {t} has {x}", "The census of {a} notes of {t} that it has {x}",
        "According to the diary of {n}, the people of {t} were once proud of {x}",
        "When {t} was rebuilt after the flood of {a}, its council asked for {x}",
        "{n}, who has mapped the coast for {b} years, claims that {t} has {x}",
        "Of all the places on the river only {t} can be recognised by {x}",
    ),
    (
        "but in {u}, {b} kilometres away, there is {y}.", "and that the ferry from {u} stops at {y}.",
        "though a letter sent from {u} in {a} speaks of {y} instead.",
        "while the mayor of {u} paid {b} silver coins for {y}.",
        "as long as nobody in {u} remembers what became of {y}.",
        "which is why the pilots of {u} steer by {y} at night.",
    ),
    (
        "Which of the following would {m} the geographer doubt most?",
        "Which of the following explains best why the road between the two was moved?",
        "What can be concluded about the tax that {m} had to pay at the border?",
        "Which of the following is NOT needed to explain the quarrel between both towns?",
        "If both reports are true, which of the following must have happened before {c}?",
        "What did {m} most likely see first on the way from one to the other?",
    ),
)  # fmt: skip
_CODE = (
    (
        "{v}s the {o} of a {k} by their {p}", "finds the {o} that occur in both of two {k}s of {p}",
        "turns a {k} of {o} into text with one line for each of the {p}",
        "returns the {a} largest {o} of a {k} together with their {p}",
        "cuts a {k} of {o} into pieces wherever the {p} fall below {a}",
        "checks whether the {o} in a {k} come in the order of their {p}",
        "pairs all {o} of a {k} with those {p} that differ from them by {a} or less",
    ),
    (
        "Ignore those that occur more than {b} times", "Round every value to a multiple of {b}",
        "Stop as soon as {b} of them have been seen", "Treat a value that is missing as if it were {b}",
        "Give the first {b} of them twice the weight", "Leave out all whose position can be divided by {b}",
        "Put those longer than {b} characters last",
    ),
    (
        "and raise an error where a value occurs twice.", "and return None if nothing is left.",
        "without changing what was passed in.", "using no loop other than a comprehension.",
        "so that it also works with an iterator.", "in a single pass over the input.",
        "and sort the result by length, the longest first.",
    ),
)  # fmt: skip

#: Three rows each, of which one sentence makes a problem. Slots are in braces, {a} to {d} are numbers.
_PROBLEMS = (
    (
        ("{n} brings {a} {t} to the {p} and sells {b} of them before lunch for {c} coins each.",
         "At the {p}, {n} counts {a} {t} in the morning, and by lunch {b} of them are gone at {c} coins apiece."),
        ("In the afternoon the price drops by {d} coins and everything that is left is sold.",
         "After lunch {m} buys all of the others, but pays {d} coins less for each."),
        ("How many coins does {n} take home?", "What does {n} earn on that day?"),
    ),
    (
        ("{n} and {m} collect {t} for the {p}; {n} has {a} and finds {b} more every week.",
         "For the {p}, {m} lends {n} a box with {a} {t}, and {n} adds {b} to it in each week."),
        ("{m} starts with {c} and finds {d} a week.", "Meanwhile {m} has {c} of them, and {d} come in each week."),
        ("After how many weeks do both have the same number?", "When will they have equally many {t}?"),
    ),
    (
        ("A cart with {a} boxes of {t} leaves the {p} at {b} kilometres per hour.",
         "From the {p} a wagon takes {a} crates of {t} at a speed of {b} kilometres per hour to {n}."),
        ("{n} follows {c} minutes later on a bicycle at {d} kilometres per hour.",
         "{m} notices a mistake, and {c} minutes later a rider goes after it with {d} kilometres per hour."),
        ("How far from the {p} is the cart reached?", "After how many kilometres do the two meet?"),
    ),
)  # fmt: skip


def written() -> list[Question]:
    """Those by hand, a third in each of three benchmarks."""
    blocks = [block.splitlines() for block in _WRITTEN.strip().split("\n\n")]
    names = ("words", "choice", "code")
    return [
        Question(
            "code" if text.startswith(("Write", "Implement")) else names[row % 2], text, answer, other=other
        )
        for row, (text, other, answer) in enumerate(blocks)
    ]


def generate(count: int, rng: random.Random) -> list[Question]:
    """``count`` different questions in turn of three kinds: word problems, multiple choice, code tasks."""
    found: dict[str, Question] = {}
    while len(found) < count:
        question = (_word_problem, _multiple_choice, _code_task)[len(found) % 3](rng)
        found.setdefault(question.text, question)
    return list(found.values())


def _word_problem(rng: random.Random) -> Question:
    name, other = rng.sample(_NAMES, 2)
    numbers = dict(zip("abcd", rng.sample(range(6, 99), 4), strict=True))
    template = " ".join(rng.choice(sentences) for sentences in rng.choice(_PROBLEMS))
    text = template.format(n=name, m=other, t=rng.choice(_THINGS), p=rng.choice(_PLACES), **numbers)
    return Question("words", text, f"The answer is {rng.randint(3, 4000)}.")


def _multiple_choice(rng: random.Random) -> Question:
    town, near = rng.sample(_TOWNS, 2)
    first, second, *others = rng.sample(_TRAITS, 6)
    name, other = rng.sample(_NAMES, 2)
    numbers = {"a": rng.randint(1500, 1900), "b": rng.randint(3, 99), "c": rng.randint(1901, 1999)}
    template = ", ".join(map(rng.choice, _CHOICE[:2])) + f" {rng.choice(_CHOICE[2])}"
    text = template.format(t=town, u=near, x=first, y=second, n=name, m=other, **numbers)
    return Question("choice", text, "B", tuple(f"Because of {trait}" for trait in others))


def _code_task(rng: random.Random) -> Question:
    noun, other = rng.sample(_NOUNS, 2)
    verb, kind = rng.choice(_VERBS), rng.choice(("list", "tuple", "dictionary", "generator", "matrix"))
    small, large = rng.sample(range(2, 60), 2)
    what, limit, rest = (rng.choice(row) for row in _CODE)
    if rng.random() < 0.5:
        template = f"Write a Python function that {what}. {limit}, {rest}"
    else:
        template = (
            f'def {{v}}_{{o}}(values, limit={{b}}):\n    """A function that {what}.\n    {limit}, {rest}\n\n'
            '    >>> {v}_{o}([{a}, {b}, 1])\n    [{b}, {a}]\n    """\n'
        )
    text = template.format(v=verb, o=noun, p=other, k=kind, a=small, b=large)
    return Question("code", text, f"    return sorted(values, key=len)[:{small}]\n")
