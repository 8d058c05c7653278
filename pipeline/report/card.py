"""The dataset card: the README.md of a corpus, for people and for ``datasets.load_dataset``.

Knows ``stats.json``, ``blend.json`` and the resolved config; reads no data. The sentences about a stage come
from the stage. Since the card must have the same bytes on every machine and storage, it has no date. Of a
local path it shows the file name only, which also keeps private names out of a public card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import yaml

from pipeline import layout
from stages import registry

#: Addresses that anyone can open. Of all other paths only the last component is shown.
_PUBLIC = ("https://", "http://", "hf://", "s3://commoncrawl/")
_PATH_KEYS = ("path", "paths", "index", "prefix", "model")
#: What the Hub calls the sizes: rows up to this number.
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
    (10**11, "10B<n<100B"),
    (10**12, "100B<n<1T"),
)
#: Columns of a shard: name, Parquet type, dtype for the ``datasets`` library, meaning. The front matter
#: states the dtypes because releases of ``datasets`` before 5 cannot infer one for binary(16).
_Columns: TypeAlias = Sequence[tuple[str, str, Mapping[str, str], str]]
_COLUMNS: _Columns = (
    (
        "id",
        "binary(16)",
        {"dtype": "binary"},
        "Identity of the document, from its source and not its position",
    ),
    ("input_ids", "list of int32", {"sequence": "int32"}, "Tokens of the text, no special tokens"),
    ("n_tokens", "int32", {"dtype": "int32"}, "Length of `input_ids`"),
    ("dataset", "string", {"dtype": "string"}, "Dataset of the config that the document belongs to"),
    ("source", "string", {"dtype": "string"}, "Where the document was read from"),
    ("url", "string", {"dtype": "string"}, "Address of the document as captured; null if it has none"),
    ("language", "string", {"dtype": "string"}, "ISO 639-1 code as identified; null if not identified"),
    ("license", "string", {"dtype": "string"}, "SPDX identifier; null if not known"),
)
#: Only where the config asks for it with ``shards: {text: true}``.
_TEXT = ("text", "string", {"dtype": "string"}, "The text that `input_ids` are the tokens of")


def card(stats: Mapping[str, Any], blend: Mapping[str, Any] | None, config: Mapping[str, Any]) -> str:
    """README.md of the corpus, Markdown with Hugging Face front matter.

    stats, blend: the content of ``stats.json`` and ``blend.json`` (None without a blend).
    config: the resolved config: ``datasets`` and what there is of tokenizer, shards, blend, budget, seed.
    """
    sharded = {name: data for name, data in stats["datasets"].items() if data.get("shards")}
    columns = (*_COLUMNS, _TEXT) if (config.get("shards") or {}).get("text") else _COLUMNS
    sections = [
        _front_matter(stats, sharded, columns),
        _introduction(stats, sharded),
        _contents(stats),
        _languages(sharded or stats["datasets"]),
        _attrition(stats),
        _blend(blend) if blend else "",
        _attribution(stats.get("attribution")),
        _tokenizer(stats["tokenizer"]) if sharded else "",
        _use(sharded, blend, columns),
        _making(config, stats.get("artefacts", ())),
        _limitations(sharded or stats["datasets"], config),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(stats: Mapping[str, Any], sharded: Mapping[str, Any], columns: _Columns) -> str:
    datasets = sharded or stats["datasets"]
    documents = sum(data["documents"] for data in datasets.values())
    codes = {code.split("-")[0] for data in datasets.values() for code in data["languages"]}
    globs = {name: _glob(data["shards"]) for name, data in sharded.items()}
    configs = {"default": list(globs.values())} if globs else {}
    # a config of the Hub cannot have this name twice; "default" is all datasets
    configs |= {name: [glob] for name, glob in globs.items() if name != "default"}
    features = [{"name": name, **dtype} for name, _, dtype, _ in columns]
    fields: dict[str, Any] = {
        "pretty_name": stats["name"],
        "license": "other",
        "language": sorted(code for code in codes if re.fullmatch("[a-z]{2,3}", code) and code != "und"),
        "task_categories": ["text-generation"],
        "size_categories": [next((label for limit, label in _SIZES if documents < limit), "n>1T")],
        "configs": [
            {"config_name": name, "data_files": [{"split": "train", "path": paths}]}
            for name, paths in configs.items()
        ],
        "dataset_info": [{"config_name": name, "features": features} for name in configs],
    }
    kept = {key: value for key, value in fields.items() if value}
    return f"---\n{_yaml(kept)}---"


def _introduction(stats: Mapping[str, Any], sharded: Mapping[str, Any]) -> str:
    if not sharded:
        what = "Documents for pretraining language models, made with nanocorpus; not tokenized."
    else:
        documents = sum(data["documents"] for data in sharded.values())
        tokens = sum(data["tokens"] for data in sharded.values())
        what = (
            "A tokenized corpus for pretraining language models, made with nanocorpus: "
            f"{documents:,} documents and {tokens:,} tokens in {_count(len(sharded), 'dataset')}. "
            "The documents of a dataset are shuffled over all of its shards."
        )
    return f"# {_text(stats['name'])}\n\n{what}"


def _contents(stats: Mapping[str, Any]) -> str:
    rows = [
        (name, data["inputs"], data["documents"], data["tokens"], len(data.get("shards", ())) or None)
        for name, data in stats["datasets"].items()
    ]
    table = _table(("Dataset", "Inputs", "Documents", "Tokens", "Shards"), rows, range(1, 5))
    note = (
        "A dataset that comes from another one shares documents with it. Those without shards are steps on "
        "the way to others."
    )
    missing = [
        f"{name}: {item}"
        for name, data in stats["datasets"].items()
        for item in data.get("failed_inputs", ())
    ]
    lost = f"\n\nInputs that could not be read, and are not in it: {', '.join(missing)}." if missing else ""
    return f"## Datasets\n\n{table}\n\n{note}{lost}"


def _languages(datasets: Mapping[str, Any]) -> str:
    rows = []
    for name, data in datasets.items():
        unit = "tokens" if data["tokens"] else "documents"
        total = data[unit]
        order = sorted(data["languages"].items(), key=lambda item: (-item[1][unit], item[0]))
        rows += [
            (name, code or "unknown", counts["documents"], counts["tokens"], _percent(counts[unit], total))
            for code, counts in order
        ]
    if not rows:
        return ""
    return "## Languages\n\n" + _table(
        ("Dataset", "Language", "Documents", "Tokens", "Share"), rows, range(2, 5)
    )


def _attrition(stats: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            stage["stage"],
            stage["rows_in"],
            stage["generated"] or None,
            stage["kept"],
            _percent(stage["kept"], stage["rows_in"] + stage["generated"]),
            _reasons(stage["dropped"]),
            _reasons(stage["failed"]),
        )
        for name, data in stats["datasets"].items()
        for stage in data["stages"]
    ]
    headings = ("Dataset", "Stage", "Rows in", "Generated", "Kept", "Kept %", "Dropped", "Failed")
    note = "For every stage: rows in + generated = kept + dropped + failed."
    return f"## What became of the documents\n\n{_table(headings, rows, range(2, 6))}\n\n{note}"


def _blend(blend: Mapping[str, Any]) -> str:
    rows = [
        (
            str(phase["phase"]),
            f"{phase['from']:,} to {phase['until']:,}",
            name,
            f"{row['weight']:.4f}",
            row["tokens"],
            f"{row['epochs']:.2f}",
            f"{row['cumulative_epochs']:.2f}",
        )
        for phase in blend["phases"]
        for name, row in phase["datasets"].items()
    ]
    headings = ("Phase", "Training tokens", "Dataset", "Weight", "Tokens", "Epochs", "Epochs so far")
    parts = [
        f"## Blend\n\nFor a training of {blend['tokens']:,} tokens (`blend.json`):",
        _table(headings, rows, range(3, 7)),
        *(f"> **Warning:** {_text(warning)}." for warning in blend["warnings"]),
    ]
    return "\n\n".join(parts)


_LICENSES = 20


def _attribution(found: Mapping[str, Any] | None) -> str:
    """Licences that documents carry, the most frequent first."""
    if not found:
        return ""
    rows = [
        (row["license"], row["projects"], row["documents"], row["tokens"])
        for row in found["licenses"][:_LICENSES]
    ]
    table = _table(("Licence", "Projects", "Documents", "Tokens"), rows, range(1, 4))
    more = len(found["licenses"]) - len(rows)
    rest = f" {_count(more, 'more licence')} are in the list." if more > 0 else ""
    return (
        "## Attribution\n\nDocuments that carry a licence, by the licence that was found with them:\n\n"
        f"{table}\n\n`attribution.parquet` names each of the {_count(found['projects'], 'project')} "
        f"with its licence, address, and number of documents.{rest}"
    )


def _tokenizer(said: Mapping[str, Any]) -> str:
    end = (
        f"A document ends with {_code(said['eos_token'])}, id {said['eos_id']:,}: shards do not contain it, "
        "and who packs documents puts it between them."
        if said["eos_id"] is not None
        else "Which token ends a document is not known; shards contain none."
    )
    return (
        f"## Tokenizer\n\n`{said['file']}` ({_text(said['name'])}), in the format of Hugging Face "
        f"tokenizers, sha256 `{said['sha256']}`. Ids are below {said['vocabulary']:,}; "
        f"{_count(len(said['special']), 'special token')}. {end}"
    )


def _use(sharded: Mapping[str, Any], blend: Mapping[str, Any] | None, columns: _Columns) -> str:
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
    schema = _table(
        ("Column", "Type", "Meaning"),
        [(f"`{name}`", kind, meaning) for name, kind, _, meaning in columns],
    )
    packing = (
        "Sequences for training are packed: documents one after the other, the end token between them, cut "
        "where a sequence is full. `BlendedReader` does that; a loop over `load_dataset` must."
    )
    row = "A row of a shard (Parquet) is one document:"
    sums = "`sha256sum --check SHA256SUMS` compares every file with what was written."
    return f"## Use\n\n{_fenced('python', lines)}\n\n{packing}\n\n{row}\n\n{schema}\n\n{sums}"


def _making(config: Mapping[str, Any], artefacts: Sequence[str]) -> str:
    shown = _shown(config)
    lines = []
    for name, data in shown["datasets"].items():
        steps = []
        if data.get("read"):
            read = dict(data["read"])
            steps.append(f"read {_call(read.pop('format', 'input'), read)}")
        elif data.get("from"):
            steps.append("from " + ", ".join(f"`{parent}`" for parent in _listed(data["from"])))
        if data.get("where"):
            steps.append(f"where {_code(data['where'])}")
        steps += [
            _call(stage, settings) for step in data.get("stages") or () for stage, settings in step.items()
        ]
        lines.append(f"- **{name}**: {' → '.join(steps)}")
    seed = f" (seed {shown['seed']})" if "seed" in shown else ""
    steps_taken = "\n".join(lines)
    if artefacts:
        fitted = ", ".join(f"`{name}`" for name in artefacts)
        steps_taken += f"\n\nWhat was fitted to these documents, for later runs to use as it is: {fitted}."
    return "\n\n".join(
        (
            "## How it was made\n\nEach dataset went through these steps, in this order:",
            steps_taken,
            "### Reproduce\n\nThe same inputs, settings, seed and version of nanocorpus give the same bytes, "
            f"on any machine and with any number of workers{seed}. The settings, with defaults filled in and "
            "paths that only their owner can open cut to the last part:",
            _fenced("yaml", _yaml(shown).splitlines()),
        )
    )


def _limitations(datasets: Iterable[str], config: Mapping[str, Any]) -> str:
    ran = {name: list(_lineage(config["datasets"], name)) for name in datasets}
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
    return "## Limitations\n\n" + "\n".join(f"- {point}" for point in points)


def _lineage(datasets: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and settings of all stages that the documents of a dataset went through, also in its parents."""
    data = datasets[name]
    for step in data.get("stages") or ():
        yield from ((stage, settings or {}) for stage, settings in step.items())
    for parent in _listed(data.get("from") or []):
        yield from _lineage(datasets, parent)


def _shown(value: Any, key: str = "") -> Any:
    """A config value fit to print: paths cut to what means the same to every reader."""
    if isinstance(value, Mapping):
        return {str(k): _shown(v, str(k)) for k, v in value.items() if k != "output"}
    if isinstance(value, list | tuple):
        return (
            list(dict.fromkeys(_shown(v, key) for v in value))
            if key in _PATH_KEYS
            else [_shown(v, key) for v in value]
        )
    if not isinstance(value, str) or value.startswith(_PUBLIC):
        return value
    if key in _PATH_KEYS or re.match(r"/|~/|[A-Za-z]:\\|[a-z][a-z0-9+]*://", value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value


def _call(name: str, settings: Mapping[str, Any] | None) -> str:
    """A stage with its settings, as one piece of inline code."""
    given = ", ".join(
        f"{key}={_yaml_inline(value)}"
        for key, value in (settings or {}).items()
        if value not in (None, [], {})
    )
    return _code(f"{name}({given})" if given else name)


def _code(text: str) -> str:
    """Inline code; two backticks around text that has one."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _reasons(counts: Mapping[str, int]) -> str:
    """Reasons with counts, the most frequent first."""
    return ", ".join(
        f"{reason} {n:,}" for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _glob(shards: Sequence[Mapping[str, Any]]) -> str:
    return layout.in_corpus(shards[0]["path"]).rpartition("/")[0] + "/train-*.parquet"


def _yaml(value: Any) -> str:
    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(value, Dumper=NoAliases, sort_keys=False, allow_unicode=True, width=100)


def _yaml_inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _fenced(language: str, lines: Iterable[str]) -> str:
    return "\n".join((f"```{language}", *lines, "```"))


def _text(value: str) -> str:
    """Text that stays text: one line, no table cell or HTML opened by accident."""
    escaped = " ".join(value.split()).replace("\\", "\\\\").replace("|", "\\|")
    return escaped.replace("<", "&lt;")


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[str | int | None]], numbers: Sequence[int] = ()
) -> str:
    """A Markdown table with its columns aligned; the columns ``numbers`` to the right."""
    cells = [[_cell(value) for value in row] for row in (headings, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(headings))]
    rule = ["-" * (width - 1) + ":" if i in numbers else "-" * width for i, width in enumerate(widths)]
    padded = [
        [cell.rjust(widths[i]) if i in numbers else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        for row in (cells[0], rule, *cells[1:])
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in padded)


def _cell(value: str | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else _text(value)
