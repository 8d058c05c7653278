"""Claim: languages of code are told right for 99 % of real files in the languages of the Nemotron code
datasets, at 3,000 files a second and more, on one core.

The files are drawn by a seed from repositories whose languages are known (``PROJECTS``: which paths of which
project are in which language), ten of each of the 43 languages where there are as many, hard ones among them:
headers, ``.m``, ``.f``, ``.v``, ``.sql``, scripts without an extension. Right is the language by name, with
the dialects that count as one there.

Beside it go-enry (``enry-python``) and magika, where they are installed, on the same files; then the samples
of Linguist's own repository, most of which are hard on purpose, and what a hostile text of 50,000 characters
costs at worst (Linguist's rules are regular expressions that nobody wrote for that).
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.lib import trees
from benchmarks.lib.pages import line
from stages.code.languages import detect, marks
from stages.code.languages.data import NEMOTRON, tables

NEEDS = ("git!", "data:code")
FLOORS = {"right of real files": 0.99, "files/s": 3000}

EACH = 10
SEED = "languages"

#: Language, repository, paths.
PROJECTS = (
    ("Assembly", "redis/redis", r"\.S$"),
    ("Assembly", "libevent/libevent", r"\.[sS]$"),
    ("Assembly", "madler/zlib", r"\.(?:asm|S)$"),
    ("Assembly", "leachim6/hello-world", r"/Assembly[^/]*\.(?:asm|s|S)$"),
    ("C", "curl/curl", r"^(?:lib|src)/.*\.[ch]$"),
    ("C", "redis/redis", r"^src/.*\.[ch]$"),
    ("C", "madler/zlib", r"\.[ch]$"),
    ("C#", "App-vNext/Polly", r"\.cs$"),
    ("C#", "lerocha/chinook-database", r"\.cs$"),
    ("C++", "nlohmann/json", r"^(?:include|src|tests)/.*\.(?:hpp|cpp)$"),
    ("C++", "fmtlib/fmt", r"^(?:include|src|test)/.*\.(?:h|cc)$"),
    ("CSS", "h5bp/html5-boilerplate", r"\.css$"),
    ("CSS", "rstudio/shiny", r"\.css$"),
    ("Common Lisp", "edicl/hunchentoot", r"\.lisp$"),
    ("Cuda", "NVIDIA/cuda-samples", r"\.cuh?$"),
    ("Dart", "dart-lang/http", r"\.dart$"),
    ("Dockerfile", "nodejs/docker-node", r"(?:^|/)Dockerfile$"),
    ("Dockerfile", "docker/cli", r"(?:^|/)Dockerfile$|\.Dockerfile$"),
    ("Fortran", "Reference-LAPACK/lapack", r"\.(?:f|F|f90)$"),
    ("Go", "docker/cli", r"^(?:cli|cmd|opts|internal)/.*\.go$"),
    ("HTML", "h5bp/html5-boilerplate", r"\.html$"),
    ("HTML", "curl/curl", r"\.html$"),
    ("HTML", "jquery/jquery-ui", r"\.html$"),
    ("Haskell", "jgm/pandoc-types", r"\.hs$"),
    ("Haskell", "haskell/bytestring", r"\.hs$"),
    ("JSON", "docker/cli", r"\.json$"),
    ("JSON", "gitleaks/gitleaks", r"\.json$"),
    ("Java", "eclipse-ee4j/jersey", r"\.java$"),
    ("Java", "square/retrofit", r"\.java$"),
    ("JavaScript", "d3/d3-shape", r"\.js$"),
    ("JavaScript", "jquery/jquery-ui", r"^ui/.*\.js$"),
    ("Julia", "JuliaData/DataFrames.jl", r"\.jl$"),
    ("Jupyter Notebook", "mwaskom/seaborn", r"\.ipynb$"),
    ("Lua", "lua/lua", r"\.lua$"),
    ("Lua", "redis/redis", r"\.lua$"),
    ("Makefile", "curl/curl", r"(?:^|/)(?:Makefile|[^/]*\.mk)$"),
    ("Makefile", "redis/redis", r"(?:^|/)Makefile$"),
    ("Markdown", "docker/cli", r"^docs/.*\.md$"),
    ("Markdown", "leachim6/hello-world", r"\.md$"),
    ("Wolfram Language", "WolframResearch/WolframLanguageForJupyter", r"\.(?:wl|wls|m)$"),
    ("PHP", "slimphp/Slim", r"\.php$"),
    ("PHP", "phpmyadmin/sql-parser", r"^src/.*\.php$"),
    ("Pascal", "BeRo1985/kraft", r"\.(?:pas|dpr|lpr)$"),
    ("Perl", "mojolicious/mojo", r"^lib/.*\.pm$|\.t$"),
    ("Perl", "curl/curl", r"^(?:scripts|tests)/[^/]*\.(?:pl|pm)$"),
    ("Python", "mwaskom/seaborn", r"\.py$"),
    ("Python", "pallets/click", r"\.py$"),
    ("R", "rstudio/shiny", r"\.R$"),
    ("R", "tidyverse/dplyr", r"\.R$"),
    ("Ruby", "sinatra/sinatra", r"\.(?:rb|gemspec)$|(?:^|/)(?:Gemfile|Rakefile)$"),
    ("Rust", "BurntSushi/ripgrep", r"\.rs$"),
    ("Rust", "rust-lang/regex", r"\.rs$"),
    ("SQL", "lerocha/chinook-database", r"\.sql$"),
    ("SQL", "leachim6/hello-world", r"\.sql$"),
    ("SQL", "ghdl/ghdl", r"\.sql$"),
    ("Scala", "com-lihaoyi/os-lib", r"\.scala$"),
    ("Shell", "ohmyzsh/ohmyzsh", r"\.(?:sh|zsh)$"),
    ("Shell", "docker/cli", r"^scripts/.*(?:\.sh|/[a-z]+)$"),
    ("Swift", "apple/swift-argument-parser", r"\.swift$"),
    ("SystemVerilog", "lowRISC/ibex", r"\.svh?$"),
    ("TeX", "josephwright/siunitx", r"\.(?:tex|dtx|cls|sty)$"),
    ("TeX", "Reference-LAPACK/lapack", r"\.tex$"),
    ("TypeScript", "sindresorhus/type-fest", r"\.ts$"),
    ("TypeScript", "rstudio/shiny", r"^srcts/.*\.tsx?$"),
    ("VHDL", "ghdl/ghdl", r"\.vhdl?$"),
    ("Verilog", "YosysHQ/picorv32", r"\.v$"),
    ("Visual Basic .NET", "VBAndCs/sVB-Small-Visual-Basic", r"\.vb$"),
    ("XML", "eclipse-ee4j/jersey", r"\.xml$"),
    ("YAML", "nodejs/docker-node", r"\.yml$"),
    ("YAML", "fsfe/reuse-tool", r"\.ya?ml$"),
    ("reStructuredText", "fsfe/reuse-tool", r"\.rst$"),
    ("reStructuredText", "mwaskom/seaborn", r"\.rst$"),
)
WANTED = sorted({names[0] for names in NEMOTRON.values()})
#: What counts as the same: kinds of a language, and dialects that are one language there.
SAME = {kind: group for kind, group in tables().groups.items() if group in WANTED}
SAME |= {name: names[0] for names in NEMOTRON.values() for name in names}

Labelled = list[tuple[str, str, str]]  # language, path, text


def real() -> Labelled:
    """Files of each language, drawn from all its projects together."""
    pools: dict[str, list[trees.File]] = {}
    for language, repo, pattern in PROJECTS:
        if trees.find(repo) is not None:
            wanted = re.compile(pattern)
            pools.setdefault(language, []).extend(
                file for file in trees.files(repo) if wanted.search(file.path) and 0 < file.size < 1_000_000
            )
    found = []
    for language, pool in sorted(pools.items()):
        for file, content in trees.read(trees.draw(pool, EACH, SEED)):
            if (text := trees.text(content)) is not None and text.strip():
                found.append((language, file.path, text))
    return found


def samples() -> Labelled:
    """Files of Linguist's repository that are labelled by their folder, of the 43 languages."""
    if trees.find("github-linguist/linguist") is None:
        return []
    pool = [
        file
        for file in trees.files("github-linguist/linguist")
        if file.path.startswith("samples/") and file.path.split("/")[1] in WANTED
    ]
    found = []
    for file, content in trees.read(pool):
        if (text := trees.text(content)) is not None:
            found.append(
                (file.path.split("/")[1], file.path.split("/", 2)[2].removeprefix("filenames/"), text)
            )
    return found


def peers() -> Iterator[tuple[str, Callable[[str, str], str | None]]]:
    """Name, and what tells the language of path and text in Linguist's words."""
    if find_spec("enry"):
        import enry

        yield "go-enry", lambda path, text: enry.get_language(path, text.encode()) or None
    if find_spec("magika"):
        from magika import Magika

        model = Magika()

        def identify(path: str, text: str) -> str | None:
            label = str(model.identify_bytes(text.encode()).output.label)
            return tables().aliases.get(_MAGIKA.get(label, label))

        yield "magika", identify


#: Labels of magika that Linguist knows by another name.
_MAGIKA = {
    "asm": "assembly",
    "batch": "batchfile",
    "cs": "c#",
    "ipynb": "jupyter notebook",
    "latex": "tex",
    "lisp": "common lisp",
    "rst": "restructuredtext",
    "vb": "visual basic .net",
}


def measure(name: str, tell: Callable[[str, str], str | None], files: Labelled) -> tuple[float, float]:
    """Share that is right, and files a second of processor time; prints what is wrong."""
    for _, path, text in files[:20]:
        tell(path, text)
    start = time.process_time()
    said = [tell(path, text) for _, path, text in files]
    seconds = time.process_time() - start
    wrong = [
        (truth, path, answer)
        for (truth, path, _), answer in zip(files, said, strict=True)
        if SAME.get(answer or "", answer) != truth
    ]
    confused = Counter((truth, answer) for truth, _, answer in wrong)
    shown = ", ".join(f"{truth} as {answer} {count}" for (truth, answer), count in confused.most_common(12))
    print(f"  {name}: {len(files) - len(wrong)} of {len(files)} right; wrong: {shown or 'none'}")
    return 1 - len(wrong) / len(files), len(files) / seconds


def hostile() -> tuple[float, str]:
    """Seconds that the worst of some texts costs, and its extension: rules run over all they look at."""
    texts = ("\n" * 50_000, " \n" * 25_000, "a\n" * 25_000, "a " * 25_000, "(" * 50_000, "/*" * 25_000,
             '"a' * 25_000, "use " * 12_500, ".\n" * 25_000, "\t" * 50_000, "[a" * 25_000)  # fmt: skip
    worst = (0.0, "")
    for extension in sorted(tables().rules):
        for text in texts:
            start = time.process_time()
            detect(f"x{extension}", text)
            worst = max(worst, (time.process_time() - start, f"{extension} {text[:4]!r}"))
    return worst


def main() -> int:
    files = real()
    count = Counter(language for language, _, _ in files)
    print(f"{len(files)} real files in {len(count)} languages, {sum(len(t) for *_, t in files) / 1e6:.1f} MB")
    right, speed = measure("nanocorpus", lambda path, text: detect(path, text).language, files)
    start = time.process_time()
    for _, path, text in files:
        marks(path, text)
    print(f"  marks of kind: {len(files) / (time.process_time() - start):.0f} files/s")
    others = {name: measure(name, tell, files) for name, tell in peers()}
    if hard := samples():
        print(f"{len(hard)} samples of Linguist")
        measure("nanocorpus", lambda path, text: detect(path, text).language, hard)
        for name, tell in peers():
            measure(name, tell, hard)
    seconds, where = hostile()
    print(f"a hostile text takes {seconds:.2f} s at worst ({where})")
    for name, (share, rate) in others.items():
        print(f"beside {name}: right {right:.4f} {share:.4f}, files/s {speed:.0f} {rate:.0f}")
    good = line("right of real files", right, 1, FLOORS["right of real files"])
    good &= line("files/s", speed, FLOORS["files/s"], FLOORS["files/s"], speed)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
