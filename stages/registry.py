"""The names that a config may use, each with the class behind it.

A stage is identified by its name, wherever its code is: the results of a stage are identified by its name
here (for a user's own stage: ``package.module:Class``) and its version. So files and classes may be renamed
freely, but names may not.

It knows where the stages are, but not what they do; a module is imported when a config names its stage, so
that unused extras need not be installed.
"""

from __future__ import annotations

import difflib
from importlib import import_module

from stages.base import Form, Reader, Stage
from stages.collecting import uncollected

#: The packages of nanocorpus. A user's own module cannot be below one of these names.
ROOMS = ("model", "nanocorpus", "pipeline", "stages")

READERS = {
    "warc": "stages.read.warc:Warc",
    "parquet": "stages.read.tables:Tables",
    "jsonl": "stages.read.tables:Tables",
    "repositories": "stages.read.code.repositories:Repositories",
    "tarball": "stages.read.code.tarball:Tarball",
    "code_folder": "stages.read.code.folder:CodeFolder",
    "stack": "stages.read.code.stack:Stack",
    "nemotron_code": "stages.read.code.nemotron:NemotronCode",
}

STAGES = {
    "render": "stages.render.stage:Render",
    "urls": "stages.urls.stage:Urls",
    "language": "stages.language.stage:Language",
    "code_language": "stages.code.languages.stage:CodeLanguage",
    "length": "stages.length:Length",
    "exact_dedup": "stages.dedup.exact:ExactDedup",
    "fuzzy_dedup": "stages.dedup.fuzzy:FuzzyDedup",
    "line_dedup": "stages.dedup.lines:LineDedup",
    "passage_dedup": "stages.dedup.passages:PassageDedup",
    "signals": "stages.signals.stage:Signals",
    "code_signals": "stages.code.signals.stage:CodeSignals",
    "heuristics": "stages.heuristics.stage:Heuristics",
    "fasttext": "stages.quality.fasttext:FastText",
    "regressor": "stages.quality.regressor.stage:Regressor",
    "ensemble": "stages.quality.ensemble:Ensemble",
    "decontaminate": "stages.decontaminate.stage:Decontaminate",
    "pii": "stages.pii.stage:Pii",
    "license": "stages.license.annotate:License",
    "license_filter": "stages.license.keep:LicenseFilter",
    "repository_notices": "stages.read.code.inherit:RepositoryNotices",
    "notebook": "stages.code.notebook:NotebookStage",
    "secrets": "stages.code.secrets:Secrets",
    "repository_order": "stages.code.repository_order:RepositoryOrder",
    "segments": "stages.synthesis.segments:Segments",
    "complete": "stages.synthesis.complete:Complete",
    "parse": "stages.synthesis.parse:Parse",
    "accept": "stages.synthesis.accept:Accept",
    "assemble": "stages.synthesis.assemble:Assemble",
}

#: Entries of a config that stand for several stages.
FORMS = {
    "synthesize": "stages.synthesis.forms:Synthesize",
    "translate": "stages.synthesis.forms:Translate",
    "math_cleanup": "stages.synthesis.forms:MathCleanup",
    "code_qa": "stages.synthesis.forms:CodeQA",
}

#: Runs before the shards of every blended dataset are made; not listed in a dataset's stages.
TOKENIZE = "tokenize"
_TOKENIZE = {TOKENIZE: "stages.tokenize:Tokenize"}


#: Stages that readers of a corpus expect: its card names the datasets that they did not process.
EXPECTED = ("pii", "fuzzy_dedup", "decontaminate")


def find_reader(name: str) -> type[Reader]:
    """The reader of a format. LookupError says which formats there are."""
    cls = _load(name, READERS, "format")
    if not issubclass(cls, Reader):
        raise LookupError(f"{name!r} is no reader")
    return cls


def find_stage(name: str) -> type[Stage]:
    """The stage with a name; ``package.module:Class`` is a user's own stage."""
    cls = _load(name, {**STAGES, **FORMS} if name not in FORMS else STAGES, "stage")
    if issubclass(cls, Reader):
        raise LookupError(f"{name!r} is a reader; it belongs under `read`")
    return cls


def find_form(name: str) -> type[Form] | None:
    """The short form with a name; None if there is none."""
    if name not in FORMS:
        return None
    module, _, attribute = FORMS[name].partition(":")
    form: type[Form] = getattr(import_module(module), attribute)
    return form


def canonical(name: str) -> str:
    """The canonical name of a stage: that of the registry, even if a config says ``module:Class``."""
    names = {target: known for known, target in {**STAGES, **_TOKENIZE}.items()}
    return names.get(name, name)


def load(name: str) -> type[Stage]:
    """The class for a name: one of the registry, or ``package.module:Class``. LookupError if there is
    none."""
    target = {**READERS, **STAGES, **_TOKENIZE}.get(name, name)
    module, _, attribute = target.partition(":")
    try:
        with uncollected():
            cls = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:  # a module of the user's own may fail in any way
        hint = ""
        if isinstance(error, ModuleNotFoundError) and (room := module.partition(".")[0]) in ROOMS:
            hint = f"; {room!r} is a package of nanocorpus itself: give a folder of your own another name"
        raise LookupError(f"cannot load {target!r}: {type(error).__name__}: {error}{hint}") from error
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        raise LookupError(f"{target!r} is not a Stage")
    return cls


def _load(name: str, table: dict[str, str], what: str) -> type[Stage]:
    if ":" in name:
        return load(name)
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(table))}"
        raise LookupError(f"unknown {what} {name!r}; {hint}")
    return load(name)
