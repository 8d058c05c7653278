"""How a corpus is used, how it was made, and what it is not: from the resolved config.

Of a local path it shows the file name only, which also keeps private names out of a public card. The
sentences about a stage come from the stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.card.front import Columns
from pipeline.report.card.markdown import (
    counted,
    fenced,
    inline_code,
    plain,
    table_of,
    yaml_block,
    yaml_inline,
)
from stages import registry

#: Addresses that anyone can open. Of all other paths only the last component is shown.
_PUBLIC = ("https://", "http://", "hf://", "s3://commoncrawl/")
_PATH_KEYS = ("path", "paths", "index", "prefix", "model")


def tokenizer(said: Mapping[str, Any]) -> str:
    end = (
        f"A document ends with {inline_code(said['eos_token'])}, id {said['eos_id']:,}: shards do not "
        "contain it, and who packs documents puts it between them."
        if said["eos_id"] is not None
        else "Which token ends a document is not known; shards contain none."
    )
    return (
        f"## Tokenizer\n\n`{said['file']}` ({plain(said['name'])}), in the format of Hugging Face "
        f"tokenizers, sha256 `{said['sha256']}`. Ids are below {said['vocabulary']:,}; "
        f"{counted(len(said['special']), 'special token')}. {end}"
    )


def use(sharded: Mapping[str, Any], blend: Mapping[str, Any] | None, columns: Columns) -> str:
    if not sharded:
        return ""
    named = next((name for name in sharded if name != "default"), None)
    lines = [
        "from datasets import load_dataset",
        "",
        'corpus = load_dataset("PATH")  # this folder: all datasets',
    ]
    if named:
        lines.append(f'dataset = load_dataset("PATH", "{named}")  # one of them')
    if blend:
        lines += [
            "",
            "from nanocorpus import BlendedReader  # the package that made the corpus",
            "",
            'for sequence in BlendedReader("PATH", sequence_length=4096, rank=0, world_size=1):',
            "    ...  # int32[4096], mixed by the weights of the blend",
        ]
    schema = table_of(
        ("Column", "Type", "Meaning"),
        [(f"`{name}`", kind, meaning) for name, kind, _, meaning in columns],
    )
    packing = (
        "Sequences for training are packed: documents one after the other, the end token between them, cut "
        "where a sequence is full. `BlendedReader` does that; a loop over `load_dataset` must."
    )
    row = "A row of a shard (Parquet) is one document:"
    sums = "`sha256sum --check SHA256SUMS` compares every file with what was written."
    return f"## Use\n\n{fenced('python', lines)}\n\n{packing}\n\n{row}\n\n{schema}\n\n{sums}"


def making(
    config: Mapping[str, Any], artefacts: Sequence[str], version: str | None, assets: Mapping[str, str]
) -> str:
    """Steps, checksums of what decided, and the settings."""
    said = shown(config)
    lines = [f"- **{name}**: {' → '.join(steps)}" for name, steps in steps_of(config).items()]
    seed = f" (seed {said['seed']})" if "seed" in said else ""
    steps_taken = "\n".join(lines)
    if artefacts:
        fitted = ", ".join(f"`{name}`" for name in artefacts)
        steps_taken += f"\n\nWhat was fitted to these documents, for later runs to use as it is: {fitted}."
    by = f" With nanocorpus {version}, each" if version else " Each"
    return "\n\n".join(
        (
            f"## How it was made\n\n{by.strip()} dataset went through these steps, in this order:",
            steps_taken,
            *_assets(assets),
            "### Reproduce\n\nThe same inputs, settings, seed and version of nanocorpus give the same bytes, "
            f"on any machine and with any number of workers{seed}. The settings, with defaults filled in and "
            "paths that only their owner can open cut to the last part:",
            fenced("yaml", yaml_block(said).splitlines()),
        )
    )


def steps_of(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """The steps of each dataset in order, as Markdown."""
    found: dict[str, list[str]] = {}
    for name, data in shown(config)["datasets"].items():
        steps = []
        if data.get("read"):
            read = dict(data["read"])
            steps.append(f"read {_call(read.pop('format', 'input'), read)}")
        elif data.get("from"):
            steps.append("from " + ", ".join(f"`{parent}`" for parent in listed(data["from"])))
        if data.get("where"):
            steps.append(f"where {inline_code(data['where'])}")
        steps += [
            _call(stage, settings) for step in data.get("stages") or () for stage, settings in step.items()
        ]
        found[name] = steps
    return found


def _assets(assets: Mapping[str, str]) -> Iterator[str]:
    """Rules, models, word lists and the tokenizer, by their checksums."""
    if assets:
        yield "Files that decided about documents: rules, models, lists, the tokenizer."
        rows = sorted({(f"`{shown(path, 'path')}`", f"`{sha}`") for path, sha in assets.items()})
        yield table_of(("File", "sha256"), rows)


_NOT_FOR = (
    "Identifying persons, or building profiles of them.",
    "Facts or advice that somebody relies on without checking.",
    "Training without looking at the licences, signals and limits that this card names.",
)


def not_for_of(about: Mapping[str, Any]) -> Sequence[str]:
    """Uses that the corpus is not meant for: those that the publisher names, or those of every corpus."""
    return about.get("not_for") or _NOT_FOR


def not_for(about: Mapping[str, Any]) -> str:
    """The same as a section."""
    return "## What it is not for\n\n" + "\n".join(f"- {plain(point)}" for point in not_for_of(about))


def limitations(datasets: Iterable[str], config: Mapping[str, Any]) -> str:
    """What a reader of the corpus should not expect of it."""
    return "## Limitations\n\n" + "\n".join(f"- {point}" for point in limitations_of(datasets, config))


def limitations_of(datasets: Iterable[str], config: Mapping[str, Any]) -> list[str]:
    """Sentences about what these datasets went through and what not."""
    ran = {name: list(lineage(config["datasets"], name)) for name in datasets}
    points = [
        "Documents belong to their authors and stay under their terms; this corpus grants no rights in them. "
        "`license` is what was found with a document, and null where nothing was found.",
        "Text from the web can be false, biased, offensive or harmful; automatic filters let some through.",
        "Languages are identified automatically; short and mixed texts are sometimes wrong.",
    ]
    for expected in registry.EXPECTED:
        stage = registry.load(expected)
        if stage.caveat is None:
            continue
        without = [
            name
            for name, steps in ran.items()
            if not any(step == expected and stage.alters(settings) for step, settings in steps)
        ]
        if without:
            points.append(stage.caveat.undone.format(datasets=", ".join(without)))
        elif stage.caveat.done:
            points.append(stage.caveat.done)
    return points


def lineage(datasets: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and settings of all stages that the documents of a dataset went through, also in its parents."""
    data = datasets[name]
    for step in data.get("stages") or ():
        yield from ((stage, settings or {}) for stage, settings in step.items())
    for parent in listed(data.get("from") or []):
        yield from lineage(datasets, parent)


def shown(value: Any, key: str = "") -> Any:
    """A config value fit to print: paths cut to what means the same to every reader."""
    if isinstance(value, Mapping):
        return {str(k): shown(v, str(k)) for k, v in value.items() if k != "output"}
    if isinstance(value, list | tuple):
        return (
            list(dict.fromkeys(shown(v, key) for v in value))
            if key in _PATH_KEYS
            else [shown(v, key) for v in value]
        )
    if not isinstance(value, str) or value.startswith(_PUBLIC):
        return value
    if key in _PATH_KEYS or re.match(r"/|~/|[A-Za-z]:\\|[a-z][a-z0-9+]*://", value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value


def _call(name: str, settings: Mapping[str, Any] | None) -> str:
    """A stage with its settings, as one piece of inline code."""
    given = ", ".join(
        f"{key}={yaml_inline(value)}"
        for key, value in (settings or {}).items()
        if value not in (None, [], {})
    )
    return inline_code(f"{name}({given})" if given else name)


def listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
