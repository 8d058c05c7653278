"""Which language a file is in: by its modeline, name, interpreter, extension and, where those leave several,
by rules over its text.

Knows Linguist's order of asking (``Linguist.detect``), without its last step: instead of a classifier
trained on samples, extensions that rules leave undecided have a default. Does not know what languages are
wanted.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.code.languages.data import FLAGS, Tables, tables

#: Characters that rules look at (as in Linguist) and lines (which are more than that many characters of code
#: have): some patterns take the time of lines times characters.
LOOKED_AT, LOOKED_AT_LINES = 50 * 1024, 2000
#: Blanks in a row that rules see of longer runs: patterns that begin with blanks take the square of their
#: number.
_MOST_BLANKS = 64
_BLANKS = re.compile(rf"\s{{{_MOST_BLANKS + 1},}}")

#: Where rules say nothing: the language that nearly all files of this extension are in.
DEFAULTS = {
    ".as": "ActionScript",
    ".asm": "Assembly",
    ".b": "Limbo",
    ".bas": "BASIC",
    ".cake": "C#",
    ".cfg": "INI",
    ".cgi": "Perl",
    ".cl": "Common Lisp",
    ".cls": "TeX",
    ".cs": "C#",
    ".d": "D",
    ".ddl": "SQL",
    ".es": "JavaScript",
    ".ex": "Elixir",
    ".f": "Fortran",
    ".fcgi": "Perl",
    ".for": "Fortran",
    ".fpp": "Fortran",
    ".frag": "GLSL",
    ".fs": "F#",
    ".g": "GAP",
    ".h": "C",
    ".hh": "C++",
    ".i": "SWIG",
    ".inc": "C++",
    ".j": "Objective-J",
    ".jq": "jq",
    ".l": "Lex",
    ".lean": "Lean",
    ".lisp": "Common Lisp",
    ".lsp": "Common Lisp",
    ".m": "Objective-C",
    ".ml": "OCaml",
    ".mm": "Objective-C++",
    ".nas": "Assembly",
    ".nb": "Wolfram Language",
    ".odin": "Odin",
    ".php": "PHP",
    ".pl": "Perl",
    ".pm": "Perl",
    ".pp": "Pascal",
    ".prc": "SQL",
    ".pro": "Prolog",
    ".properties": "Java Properties",
    ".r": "R",
    ".re": "Reason",
    ".rs": "Rust",
    ".s": "Assembly",
    ".sc": "Scala",
    ".scd": "SuperCollider",
    ".scm": "Scheme",
    ".sh.in": "Shell",
    ".shader": "ShaderLab",
    ".spec": "RPM Spec",
    ".srt": "SubRip Text",
    ".st": "Smalltalk",
    ".t": "Perl",
    ".tpl": "Smarty",
    ".v": "Verilog",
    ".w": "CWeb",
    ".workflow": "XML",
}
#: The same for interpreters that run several languages, where there is no extension.
RUN_BY = {
    "bun": "TypeScript",
    "deno": "TypeScript",
    "lua": "Lua",
    "node": "JavaScript",
    "ocaml": "OCaml",
    "perl": "Perl",
    "perl6": "Raku",
}

#: Rules of our own, where Linguist's leave an extension undecided.
_OWN = {".m": (re.compile(r"^\s{0,64}function\b[^\n;{]*(?:=|\()", FLAGS), "MATLAB")}

_MANPAGE = re.compile(r"\.(?:[1-9](?![0-9])[a-z_0-9]*|0p|n|man|mdoc)(?:\.in)?$", re.IGNORECASE)
#: Lines at each end that may hold a modeline, and characters of them: lines of data have no end.
_MODELINES, _MODELINE_CHARS = 5, 2000
_EMACS = re.compile(
    r"-\*-(?:[ \t]*(?=[^:;\s]+[ \t]*-\*-)|(?:[^\n]*?[ \t;]|(?<=-\*-))[ \t]*mode[ \t]*:[ \t]*)([^:;\s]+)"
    r"(?=[ \t;]|(?<![-*])-\*-)[^\n]*?-\*-",
    re.IGNORECASE,
)
_VIM = re.compile(
    r"(?:(?:^|[ \t])(?:vi|Vi(?=m))(?:m[<=>]?[0-9]+|m)?|[ \t]ex)"
    r"(?=:(?=[ \t]*set?[ \t][^\r\n:]+:)|:(?![ \t]*set?[ \t]))"
    r"(?:[ \t:\w]|=(?:[^\\\s]|\\.)*+(?=[ \t]))*?(?:=(?:[^\\\s]|\\.)*?)?"
    r"[ \t:](?:filetype|ft|syntax)[ \t]*=(\w+)(?=$|\s|:)",
    re.MULTILINE | re.ASCII,
)
_PATH = re.compile(r"#!\s*(\S+)")
_ENV = re.compile(r"\s*(?:(?>-[i0uCSv]*\s+|--\S+\s+|[^\s=]+=\S*\s+))*(\S+)")
_EXEC = re.compile(r"exec (\w+)[\s\"']+\$0[\s\"']+\$@")


class Detected(NamedTuple):
    """A language by Linguist's name and what told it; both are None where nothing does."""

    language: str | None
    by: str | None  # modeline, filename, shebang, extension, xml, manpage, rule, default


def detect(path: str, text: str) -> Detected:
    """The language of a file. ``path`` is within its repository; only its last part counts."""
    known = tables()
    name = path.rpartition("/")[2]
    program = interpreter(text)
    found: tuple[str, ...] = ()
    for by, names in (
        ("modeline", _by_modeline(text, known)),
        ("filename", known.filenames.get(name, ())),
        ("shebang", known.interpreters.get(program or "", ())),
    ):
        found = _both(found, names)
        if len(found) == 1:
            return Detected(found[0], by)
    extension, names = _by_extension(name, known)
    if extension not in known.generic:
        found = _both(found, names)
        if len(found) == 1:
            return Detected(found[0], "extension")
    if not found and "<?xml version=" in "\n".join(text[:1000].split("\n", 2)[:2]):
        return Detected("XML", "xml")
    manual = not found and _MANPAGE.search(name) is not None
    if manual:
        found = ("Roff", "Roff Manpage")
    if (ruled := _by_rule(name, text, known)) is not None:
        return Detected(ruled, "rule")
    if manual:
        return Detected("Roff", "manpage")
    if not found:
        # Dockerfile.dev, Makefile.linux
        family = known.filenames.get(name.partition(".")[0], ())
        return Detected(family[0], "filename") if len(family) == 1 else Detected(None, None)
    if "XML" in found and text[:100].lstrip().startswith("<?xml "):
        return Detected("XML", "xml")
    if extension in _OWN and _OWN[extension][0].search(text[:LOOKED_AT]):
        return Detected(_OWN[extension][1], "rule")
    default = DEFAULTS.get(extension) or RUN_BY.get(program or "")
    primary = known.primary.get(extension, ())
    if default is None and len(primary) == 1 and primary[0] in found:
        default = primary[0]
    return Detected(default, "default" if default else None)


def _both(candidates: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """What two ways of asking leave: the second among the first; the first if the second knows nothing."""
    if not candidates or not names:
        return candidates or names
    return tuple(name for name in names if name in candidates) or candidates


def _by_extension(name: str, known: Tables) -> tuple[str, tuple[str, ...]]:
    """The longest known extension of a name, and its languages: ``.html.erb`` before ``.erb``."""
    segments = name.lower().split(".")[1:]
    for place in range(len(segments)):
        extension = "." + ".".join(segments[place:])
        if extension in known.extensions:
            return extension, known.extensions[extension]
    return ("." + segments[-1] if segments else ""), ()


def _by_modeline(text: str, known: Tables) -> tuple[str, ...]:
    head = "\n".join(text[:_MODELINE_CHARS].split("\n", _MODELINES)[:_MODELINES])
    foot = "\n".join(text[-_MODELINE_CHARS:].rsplit("\n", _MODELINES)[-_MODELINES:])
    if "UseVimball" in head:
        return ()
    for lines in (head, foot):
        match = _EMACS.search(lines) if "-*-" in lines else None
        if match is None and (":" in lines and ("ft" in lines or "filetype" in lines or "syntax" in lines)):
            match = _VIM.search(lines)
        if match is not None:
            language = known.aliases.get(match.group(1).lower())
            return (language,) if language else ()
    return ()


def interpreter(text: str) -> str | None:
    """The program that a first line beginning with ``#!`` names, without its path and minor version."""
    if not text.startswith("#!"):
        return None
    line = text[:_MODELINE_CHARS].split("\n", 1)[0]
    if (path := _PATH.match(line)) is None:
        return None
    script = path.group(1).rpartition("/")[2]
    if script == "env":
        if (named := _ENV.match(line, path.end())) is None:
            return None
        script = named.group(1)
    script = re.sub(r"\.\d+$", "", script)
    if script not in tables().interpreters:
        script = script.rstrip("0123456789")  # ruby2
    if script == "sh":
        for line in text[:_MODELINE_CHARS].split("\n", 5)[:5]:
            if (run := _EXEC.search(line)) is not None:
                script = run.group(1)
                break
    if script == "osascript" and "-l" in line:
        return None
    return script.rpartition("/")[2]


def _by_rule(name: str, text: str, known: Tables) -> str | None:
    """The language of the first rule for this extension that holds; None: no rule, or none that names one."""
    lower = name.lower()
    segments = lower.split(".")[1:]
    for place in range(len(segments)):
        if (rules := known.rules.get("." + ".".join(segments[place:]))) is not None:
            break
    else:
        return None
    seen = "\n".join(text[:LOOKED_AT].split("\n", LOOKED_AT_LINES)[:LOOKED_AT_LINES])
    seen = _BLANKS.sub(lambda run: run.group()[: _MOST_BLANKS // 2] + run.group()[-_MOST_BLANKS // 2 :], seen)
    for rule in rules:
        if all((pattern.search(seen) is not None) is wanted for wanted, pattern in rule.tests):
            return rule.languages[0] if len(rule.languages) == 1 else None
    return None
