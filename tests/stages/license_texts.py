"""Texts of licences, for tests, from the data that they are told by."""

from __future__ import annotations

from stages.licenses.texts import texts


def text_of(license: str) -> str:
    """The words of a licence as they are compared, in lines of ten."""
    known = texts()
    number = known.names.index(license)
    listed = [
        known.spelt[word] for word in known.words[known.starts[number] : known.starts[number + 1]].tolist()
    ]
    return "\n".join(" ".join(listed[place : place + 10]) for place in range(0, len(listed), 10))
