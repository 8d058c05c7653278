"""Presentation MathML to LaTeX, as an author would have typed it: ``to_latex(math) -> str``.

How it works. ``tree`` copies the DOM without recursion; then every node becomes a row of atoms, children
before parents: ``tokens``, ``scripts`` and ``elements`` make the atoms, ``tables`` and ``matrix`` the
matrices, ``rows`` matches the brackets of a row, ``typeset`` sets its spaces, and ``symbols`` and ``fonts``
hold the tables. ``content`` handles the common operators of Content MathML. None of them looks for formulas
in a page, nor for TeX beside a formula.
"""

from stages.render.mathml.elements import to_latex

__all__ = ["to_latex"]
