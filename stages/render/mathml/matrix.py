"""Matrices, cases and aligned equations as LaTeX: chooses the environment for finished cells.

Knows cells and their layout. Does not know MathML (``tables``), nor the brackets around a table that make it
pmatrix or cases (``rows``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Table:
    """Rows of finished cells, and the properties of the table that decide its environment."""

    rows: list[list[str]]
    aligns: list[str]  # "l", "c", "r" or "" (not said) per column
    lines: list[bool]  # a rule to the right of column i
    rules: list[bool]  # a rule below row i
    frame: bool
    relations: bool  # every second column starts with a relation
    stacked: bool  # holds equations, if it has one column
    script: bool  # is in a script
    tags: list[str]  # number of the equation in each row, "" without one
    small: bool = False

    @property
    def ruled(self) -> bool:
        return self.frame or any(self.lines) or any(self.rules)

    @property
    def paired(self) -> bool:
        """Whether columns are aligned right, left, right, left ... like those of ``aligned``."""
        said = "".join(self.aligns)
        if said and len(said) == len(self.aligns):
            return len(said) > 1 and said == ("rl" * len(said))[: len(said)]
        return not said and self.relations

    @property
    def plain(self) -> bool:
        """Whether it is set like a matrix: centred, without rules."""
        return not self.ruled and not self.paired and set(self.aligns) <= {"", "c"}

    def environment(self, name: str) -> str:
        spec = f"{{{self._columns()}}}" if name == "array" else ""
        out = [f"\\begin{{{name}}}{spec}"]
        if self.frame:
            out.append("\\hline")
        last = len(self.rows) - 1
        for i, cells in enumerate(self.rows):
            line = " &".join(f" {cell}" if cell else "" for cell in cells).strip()
            if name == "align" and self.tags[i]:
                line += f" \\tag{{{self.tags[i]}}}"
            # after \\ a bracket would be read as its argument, a star as its starred form
            out.append("{}" + line if i and line[:1] in ("[", "*") else line)
            rule = self.frame if i == last else i < len(self.rules) and self.rules[i]
            if i < last or rule:
                out.append("\\\\ \\hline" if rule else "\\\\")
        out.append(f"\\end{{{name}}}")
        return " ".join(filter(None, out))

    def _columns(self) -> str:
        count = max(map(len, self.rows))
        spec = ""
        for i in range(count):
            spec += (self.aligns[i] if i < len(self.aligns) else "") or "c"
            if i < count - 1 and i < len(self.lines) and self.lines[i]:
                spec += "|"
        return f"|{spec}|" if self.frame else spec

    def numbered(self) -> str:
        """LaTeX of a table that is a whole formula with numbers."""
        if len(self.rows) > 1:
            return self.environment("align")
        return f"{' '.join(filter(None, self.rows[0]))} \\tag{{{self.tags[0]}}}"

    def unfenced(self) -> str:
        """LaTeX of a table without brackets around it."""
        count = max(map(len, self.rows))
        if self.script and count == 1:
            return "\\substack{" + " \\\\ ".join(cells[0] if cells else "" for cells in self.rows) + "}"
        if self.ruled:
            return self.environment("array")
        if len(self.rows) == count == 1:
            return self.rows[0][0]
        if self.small:
            return self.environment("smallmatrix")
        if self.paired:
            return self.environment("aligned")
        if count == 1 and self.stacked and self.aligns[:1] != ["l"]:
            return self.environment("aligned" if self.aligns[:1] == ["r"] else "gathered")
        return self.environment("matrix" if self.plain else "array")
