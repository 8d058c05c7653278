"""Tasks: what a model is asked to do with a segment, as a Markdown file.

A file begins with YAML between ``---`` lines, and has the sections ``# System`` (optional), ``# Before`` and
``# After`` (optional), which stand around the document::

    ---
    name: shorter
    version: 1
    segment: {max_tokens: 1000, min_tokens: 30}
    answer: {max_tokens: 600, temperature: 0.5, top_p: 0.9}
    parser: passage
    assemble: {by: document}
    ---
    # Before
    Make this text shorter. Text:
    # After
    Now the shorter text in {language}:

``{language}`` is the language of the answer in English, ``{source}`` that of the document, ``{variant}`` the
variant. Knows the format of the files; does not know tokens, models or rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from stages.base import AssetFile
from stages.synthesis.languages import NAMES

#: Where the tasks lie that come with nanocorpus.
FOLDER = Path(__file__).parent / "tasks"

Parser = Literal["pairs", "items", "passage", "dialogue", "units", "code"]


class TaskError(ValueError):
    """A task file that cannot be used; the message names the file and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Segmenting(_Strict):
    """Sizes of segments, in tokens of the document."""

    max_tokens: int = Field(ge=8)
    #: A document with fewer is not asked about.
    min_tokens: int = Field(default=1, ge=1)


class Answering(_Strict):
    """How the model answers."""

    max_tokens: int = Field(ge=1)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    repetition_penalty: float = Field(default=1.0, gt=0)
    #: First words of the answer; the model goes on from them.
    prefix: str = ""
    stop: tuple[str, ...] = ()


class Assembling(_Strict):
    """What becomes of the items of a document."""

    #: One document for each item, for each segment, or for the whole document.
    by: Literal["item", "segment", "document"] = "segment"
    #: Whether the segment itself comes first, as in Nemotron-CC's diverse QA.
    source: bool = False
    #: Whether all segments and items must be there; otherwise the document is dropped as ``incomplete``.
    whole: bool = False
    separator: str = "\n\n"
    #: Most items for each 150 tokens of the segment; 0: no limit.
    per_150_tokens: int = Field(default=0, ge=0)


class _Front(_Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    about: str = ""
    #: ISO 639-1 codes of documents that it is for; none: all.
    languages: tuple[str, ...] = ()
    segment: Segmenting
    answer: Answering
    parser: Parser
    #: Words that begin the two parts of a pair.
    tags: tuple[str, str] = ("Question:", "Answer:")
    #: What the model answers when the document has nothing for this task.
    none: str = "NONE"
    #: Kinds of answers; each request gets one, by its id and sample.
    variants: dict[str, str] = {}
    #: ``units``: the document is sent as numbered lines in which what must not change is replaced by marks.
    prepare: Literal["plain", "units"] = "plain"
    assemble: Assembling = Assembling()


class Task(_Front):
    """A task file, read."""

    system: str = ""
    before: str
    after: str = ""

    @property
    def prompt_hash(self) -> str:
        """Of all words that the model is told besides the document; 16 hex digits."""
        words = "\x00".join((self.system, self.before, self.after, self.answer.prefix))
        return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()

    def said(self, target: str, source: str, variant: str = "") -> tuple[str, str, str]:
        """System, before and after, with the names of languages and the variant filled in."""
        fill = {
            "{language}": NAMES.get(target, target),
            "{source}": NAMES.get(source, source),
            "{variant}": self.variants.get(variant, ""),
        }
        parts = []
        for text in (self.system, self.before, self.after):
            for mark, value in fill.items():
                text = text.replace(mark, value)
            parts.append(text)
        return parts[0], parts[1], parts[2]


def found(name: str) -> str:
    """The file of a task: a name of those in ``FOLDER``, or a path."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) and not re.fullmatch(r"[0-9a-f]{64}", name):  # a checksum
        file = FOLDER / f"{name}.md"
        if not file.is_file():
            known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.md")))
            raise ValueError(f"there is no task {name!r}; there are: {known}; a file of yours ends in .md")
        return str(file)
    return name


#: A task in a config: a name of those that come with nanocorpus, or the path of a file.
TaskFile = Annotated[AssetFile, AfterValidator(found)]


def load(path: str) -> Task:
    """Read a task file. TaskError says what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: cannot be read: {error}") from None
    return parse(text, path)


def load_all(paths: Sequence[str]) -> dict[str, Task]:
    """Tasks by name, in the order of ``paths``. TaskError if two have the same name."""
    tasks: dict[str, Task] = {}
    for path in paths:
        task = load(path)
        if task.name in tasks:
            raise TaskError(f"{path}: there are two tasks of the name {task.name!r}")
        tasks[task.name] = task
    return tasks


def parse(text: str, path: str = "task") -> Task:
    """The task of a file's content."""
    match = re.fullmatch(r"---\n(.*?)\n---\n(.*)", text.replace("\r\n", "\n"), re.DOTALL)
    if match is None:
        raise TaskError(f"{path}: begins with settings between two lines `---`, then has `# Before`")
    try:
        settings = yaml.safe_load(match[1])
        front = _Front.model_validate(settings)
    except yaml.YAMLError as error:
        raise TaskError(f"{path}: the settings are no YAML: {error}") from None
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise TaskError(f"{path}: {what}") from None
    pieces = re.split(r"^# (System|Before|After)[ \t]*\n", match[2], flags=re.MULTILINE)
    if pieces[0].strip():
        raise TaskError(f"{path}: text before the first of `# System`, `# Before`, `# After`")
    sections = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    if len(sections) * 2 + 1 != len(pieces) or not sections.get("Before", "").strip():
        raise TaskError(f"{path}: each section stands once, and `# Before` must")
    return Task(
        **front.model_dump(),
        system=sections.get("System", "").strip(),
        before=sections["Before"].strip() + "\n",
        after="\n" + after if (after := sections.get("After", "").strip()) else "",
    )
