"""Which files of a repository may state the licence of others, and for which files each of them speaks.

A reader lists the paths of a repository once, reads the files that ``is_notice`` names, keeps of each what
``excerpt`` keeps, and gives every document those that ``Notices.of`` names, in this order:

    notices = Notices(paths)
    texts = {path: excerpt(path, read(path)) for path in notices.paths}
    for path in paths:
        column = [{"path": name, "text": texts[name]} for name in notices.of(path)]

Nearest directory first; within a directory by path. Directories that hold other people's packages
(``node_modules/NAME``, ``site-packages``) end the way up: what a repository says of itself says nothing of
what was installed into it.

Knows names of files; does not know what is in them, nor what it means.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

#: What a file can say: the terms themselves (or which ones), something about them in prose, a declared
#: licence of a package, the licence of the file whose name it extends, or that of many files (REUSE).
Kind = Literal["licence", "prose", "manifest", "companion", "reuse"]

#: Of a notice, what is kept at most (characters).
LONGEST = 256 << 10
#: Of a README, lines before and after one that has a word of ``_TELLING``, and characters in all.
_AROUND, _LONGEST_PROSE = 6, 16 << 10
#: Files of one directory that speak for others, at most; the most ordinary names are kept.
MOST = 24

_TEXT = (
    r"(?:\.(?:txt|md|mkd|mdown|markdown|rst|rest|html?|xhtml|adoc|asciidoc|textile|org|rtf|text|pod|rdoc"
    r"|en|utf-?8))"
    r"*"
)
_LICENCE_WORD = r"(?:un-?)?licen[sc]es?|licen[sc]ing|licencia|licenza|lizenz|copying|copyrights?|eula"
_ID = (
    r"(?:[al]?gpl|gfdl|fdl|mpl|epl|cddl|eupl|osl|apache|asl|bsd|mit|isc|x11|zlib|boost|bsl|artistic|cc0"
    r"|cc-by|wtfpl|"
    r"ofl|sspl|rsal|fsl|ms-pl|psf|unlicense)"
)
_LICENCE = re.compile(
    rf"(?:{_LICENCE_WORD})(?:[-_. ,()+a-z0-9]*)|[-_. a-z0-9]+[-_. ](?:{_LICENCE_WORD}){_TEXT}"
    rf"|{_ID}(?:[-_. ]?v?\d[\d.]*)?"
    rf"(?:[-_. ](?:clause|only|or[-_]later|new|modified|simplified|sa|nc|nd|style))*{_TEXT}"
    r"|ofl(?:-faq)?\.txt|legal(?:[-_.][a-z]+)?|artistic|gpl",
    re.IGNORECASE,
)
#: Endings of files that are something else, whatever they are called.
_ELSE = re.compile(
    r"\.(?:py[ciwx]?|js|mjs|cjs|jsx|tsx?|vue|svelte|go|rs|c|h|cc|hh|cpp|hpp|cxx|hxx|m|mm|cs|vb|fs|java"
    r"|kt|kts|scala|clj|"
    r"groovy|rb|php|pl|pm|t|lua|r|jl|swift|dart|ex|exs|erl|hs|lhs|ml|mli|el|lisp|scm|rkt|vim|sh|bash|zsh"
    r"|fish|bat|cmd|ps1|"
    r"sql|css|scss|sass|less|json|jsonc|ya?ml|toml|xml|xsl|ini|cfg|conf|csv|tsv|lock|svg|png|jpe?g|gif"
    r"|ico|webp|pdf|docx?|odt|"
    r"zip|gz|bz2|xz|tar|jar|whl|gem|exe|dll|so|dylib|a|o|class|tmpl|tpl|ejs|hbs|erb|mustache|snap|diff"
    r"|patch|po|pot|mo|"
    r"strings|plist|properties|gradle|cmake|mk|in|am|ac|m4|dtd|proto|thrift|tex|bib|ipynb|asm|s|v|sv"
    r"|vhdl?|wav|mp3|mp4|ttf|woff2?)$",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"readme.*|notice.*|.*(?:third|3rd)[-_ ]?part(?:y|ies).*|patents.*|authors.*"
    r"|contributing.*|credits.*|acknowledge?ments.*",
    re.IGNORECASE,
)
_PROSE_ENDINGS = re.compile(rf"[^.]+{_TEXT}(?:\.[a-z]{{2}}(?:[-_][a-z]{{2}})?)?{_TEXT}", re.IGNORECASE)
_MANIFESTS = frozenset(
    [
        "package.json",
        "bower.json",
        "composer.json",
        "component.json",
        "cargo.toml",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "description",
        "pom.xml",
        "meta.json",
        "meta.yml",
        "meta.yaml",
        "makefile.pl",
        "build.pl",
        "dist.ini",
        "package.yaml",
        "dune-project",
        "opam",
        "mix.exs",
        "directory.build.props",
        "elm.json",
        "haxelib.json",
        "project.clj",
        "build.sbt",
        "vcpkg.json",
        "dub.json",
        "dub.sdl",
        "alire.toml",
        "shard.yml",
        "pkg-info",
        "metadata",
        "codemeta.json",
        "citation.cff",
        "galaxy.yml",
        "info.rkt",
        "deno.json",
        "jsr.json",
    ]
)
_MANIFEST_ENDINGS = (
    ".gemspec",
    ".podspec",
    ".podspec.json",
    ".cabal",
    ".opam",
    ".nuspec",
    ".rockspec",
    ".asd",
    ".nimble",
    ".csproj",
    ".spec",
)
#: Folders whose licence files speak for the folder that they are in.
_SIDE = frozenset(
    [
        "licenses",
        "licences",
        "license",
        "licence",
        "legal",
        "copying",
        "doc",
        "docs",
        "documentation",
        ".github",
        ".reuse",
        "debian",
    ]
)
_PACKAGES = frozenset({"node_modules", "bower_components", "site-packages", "dist-packages"})
_INSTALLED = re.compile(r"(.+?)(?:-\d[^/]*)?\.(?:dist|egg)-info", re.IGNORECASE)
_TELLING = re.compile(
    r"licen[sc]|lizenz|copyright|©|\bterms\b|public domain|\b(?:l?gpl|agpl|mit|bsd|apache|isc|cc0)\b", re.I
)


@lru_cache(maxsize=1 << 16)
def kind(path: str) -> Kind | None:
    """What the file of a path may say; None if it is of no interest for the licences of others."""
    folder, _, name = path.rpartition("/")
    lower, parent = name.lower(), folder.rpartition("/")[2].lower()
    if not name or len(name) > 120:
        return None
    if name == "REUSE.toml" or (name == "dep5" and parent == ".reuse"):
        return "reuse"
    if lower in _MANIFESTS or lower.endswith(_MANIFEST_ENDINGS):
        return "manifest"
    if lower.endswith(".license") and len(name) > 8 and "." in name[:-8]:
        return "companion"
    if _ELSE.search(name):
        return None
    if _PROSE.fullmatch(name) and _PROSE_ENDINGS.fullmatch(name):
        return "prose"
    if _LICENCE.fullmatch(name) or (parent in ("licenses", "licences") and _PROSE_ENDINGS.fullmatch(name)):
        return "licence"
    if parent == "licenses":  # names of SPDX have dots: GPL-3.0-or-later.txt, Apache-2.0
        return "licence"
    return None


def is_notice(path: str) -> bool:
    """Whether the licences of other files may be stated in this one."""
    return kind(path) is not None


def excerpt(path: str, text: str) -> str:
    """What is kept of a notice: all of it up to ``LONGEST`` characters; of prose, what may be about terms."""
    text = text[: LONGEST * 4]
    if kind(path) != "prose":
        return text[:LONGEST]
    lines = text.splitlines()
    kept: set[int] = set()
    for number, line in enumerate(lines):
        if _TELLING.search(line):
            kept.update(range(max(0, number - _AROUND), min(len(lines), number + _AROUND + 1)))
    return "\n".join(lines[number] for number in sorted(kept))[:_LONGEST_PROSE]


def _parent(folder: str) -> str | None:
    return folder.rpartition("/")[0] if folder else None


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


class Notices:
    """The notices of one repository, given the paths of all its files.

    ``paths`` are those to read, sorted.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths: tuple[str, ...] = tuple(sorted(path for path in paths if is_notice(path)))
        self._companions = {path for path in self.paths if kind(path) == "companion"}
        folders: dict[str, set[str]] = defaultdict(set)
        #: by folder of packages and name of a package as its files are called: its notices
        self._installed: dict[tuple[str, str], set[str]] = defaultdict(set)
        for path in self.paths:
            if path in self._companions:
                continue
            folder, _, _ = path.rpartition("/")
            folders[folder].add(path)
            parent, _, last = folder.rpartition("/")
            if folder and last.lower() in _SIDE and kind(path) in ("licence", "reuse"):
                folders[parent].add(path)
            while folder:  # also licenses/ within NAME.dist-info/
                folder, _, last = folder.rpartition("/")
                if match := _INSTALLED.fullmatch(last):
                    self._installed[folder, _plain(match[1])].add(path)
                    break
        self._folders = {folder: _ordinary(found) for folder, found in folders.items()}
        self._chains: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """Paths of the notices that may speak for a file: a companion of its own, then those of its folder
        and of each one above."""
        folder, _, name = path.rpartition("/")
        own = f"{path}.license"
        found: tuple[str, ...] = (own,) if own in self._companions else ()
        if folder.endswith(("-packages",)) and "." in name:  # a package that is one file
            found += tuple(sorted(self._installed.get((folder, _plain(name.partition(".")[0])), ())))
        return found + self._chain(folder)

    def _chain(self, folder: str) -> tuple[str, ...]:
        if folder not in self._chains:
            found = self._folders.get(folder, ())
            parent = _parent(folder)
            last = folder.rpartition("/")[2]
            if parent is not None:
                found += tuple(sorted(self._installed.get((parent, _plain(last)), ())))
                around = parent.rpartition("/")[2]
                scoped = around.startswith("@") and _parent(parent) is not None
                within = last in _PACKAGES or (around in _PACKAGES and not last.startswith("@"))
                if scoped:
                    within |= (_parent(parent) or "").rpartition("/")[2] in _PACKAGES
                if not within:
                    found += self._chain(parent)
            self._chains[folder] = tuple(dict.fromkeys(found))
        return self._chains[folder]


def _plain(name: str) -> str:
    """A package's name as PyPI compares them, and as its folder may spell it."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _ordinary(paths: set[str]) -> tuple[str, ...]:
    """At most ``MOST``, those with ordinary names first when there are more; sorted by path."""
    if len(paths) > MOST:
        order = ("licence", "reuse", "manifest", "prose", "companion")
        paths = set(sorted(paths, key=lambda path: (order.index(str(kind(path))), len(path), path))[:MOST])
    return tuple(sorted(paths))


def scope(notice: str, path: str) -> str:
    """The folder that a notice speaks for when it speaks for a file: the nearest one above both."""
    folder = notice.rpartition("/")[0]
    while folder and not path.startswith(f"{folder}/"):
        folder = folder.rpartition("/")[0]
    return folder
