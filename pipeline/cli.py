"""The ``nanocorpus`` command: parses arguments, calls, prints. Exit codes: 0 done; 1 failed; 2 could not
start.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipeline import api, launch
from pipeline.config.located import ConfigError
from pipeline.config.schema import Config
from pipeline.execute.on_ray import ClusterError
from pipeline.ledger import verify as verifying
from pipeline.report import account as accounts
from pipeline.report import tables as reporting
from pipeline.report.log import as_json
from pipeline.report.view import Format
from pipeline.schedule.loop import RunFailed
from pipeline.sealed import Damaged
from pipeline.storage import Storage, StorageError, is_local

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

ConfigOption = Annotated[str, typer.Option("--config", "-c", help="YAML file, or its name in configs/.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="key.key=value; overrides the config. Repeatable.")
]

model_app = typer.Typer(no_args_is_help=True, help="Checkpoints of the embedded engine.")
app.add_typer(model_app, name="model")

export_app = typer.Typer(no_args_is_help=True, help="A corpus in the form that a training framework reads.")
app.add_typer(export_app, name="export")

train_app = typer.Typer(no_args_is_help=True, help="Models that stages load, from documents.")
app.add_typer(train_app, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        import nanocorpus

        print(nanocorpus.__version__)
        raise typer.Exit


@app.callback()
def _nanocorpus(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """From Common Crawl WARC to a pretraining corpus: exact, resumable, reproducible."""


@app.command()
def run(
    config: ConfigOption,
    set_: SetOption = None,
    executor: Annotated[str | None, typer.Option(help="ray or inline.")] = None,
    workers: Annotated[int | None, typer.Option(help="Parts worked on at once.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Real stages on the first records, into OUTPUT/dry-run.")
    ] = False,
    records: Annotated[
        int | None, typer.Option(help="Dry run: records of each input; default 100.", min=1)
    ] = None,
    inputs: Annotated[int | None, typer.Option(help="Dry run: inputs of each dataset.", min=1)] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do parts again in which documents failed.")
    ] = False,
    cache: Annotated[
        list[str] | None,
        typer.Option(help="Another output: parts that are the same are copied from there. Repeatable."),
    ] = None,
    log_format: Annotated[
        Format,
        typer.Option(help="auto: a table on a terminal, else text; text: a log; json: one for programs."),
    ] = "auto",
) -> None:
    """Run a config to its end. Started again, it continues where it stopped."""
    with _answered(log_format):
        loaded = _load(config, set_, executor, workers)
        console = _console(stderr=True)
        if dry_run:
            loaded = launch.dry(loaded)
            launch.run(loaded, console, records or 100, inputs, retry_failed, log_format, cache or ())
        elif records is not None or inputs is not None:
            raise ConfigError("--records and --inputs are for --dry-run")
        else:
            launch.run(loaded, console, retry_failed=retry_failed, log_format=log_format, caches=cache or ())
        print(loaded.output)


@app.command()
def plan(config: ConfigOption, set_: SetOption = None) -> None:
    """Show what a run would do: segments, parts, and what is already done. Runs nothing."""
    with _answered():
        loaded = _load(config, set_)
        made, groups = launch.survey(loaded)
        table = _status_table(groups)
        for name, items in made.inputs.items():
            size = sum(item.size for _, item in items)
            print(f"{name}: {len(items)} inputs, {size:,} bytes")
        _console().print(table)


@app.command()
def status(
    config: ConfigOption, set_: SetOption = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Show the progress of a run: parts done and to do, for each segment."""
    with _answered():
        _, groups = launch.survey(_load(config, set_))
        if as_json:
            print(json.dumps([{"group": key, "parts": total, "done": done} for key, total, done in groups]))
        else:
            _console().print(_status_table(groups))


@app.command()
def estimate(
    config: ConfigOption,
    set_: SetOption = None,
    basis: Annotated[
        str | None,
        typer.Option("--from", help="The output that was measured; default: the dry run of the config."),
    ] = None,
    nodes: Annotated[int, typer.Option(help="Nodes of the cluster.", min=1)] = 1,
    cores: Annotated[int | None, typer.Option(help="Cores of a node; default: of this one.", min=1)] = None,
    gpus: Annotated[int, typer.Option(help="GPUs of a node.", min=0)] = 0,
    node_hour: Annotated[float | None, typer.Option(help="Price of a node for an hour.", min=0)] = None,
    gpu_hour: Annotated[float | None, typer.Option(help="Price of a GPU for an hour.", min=0)] = None,
    groups: Annotated[bool, typer.Option("--groups", help="Also every segment, round and shards.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what the inputs of a config will cost, from its dry run; after the run, beside what it took."""
    from pipeline.report import estimate as estimates
    from pipeline.report import estimate_text
    from pipeline.report.measured import NotMeasured

    with _answered():
        loaded = _load(config, set_)
        cluster = estimates.Cluster(nodes, cores or os.cpu_count() or 1, gpus, node_hour, gpu_hour)
        if basis is not None and is_local(basis):
            basis = os.path.abspath(os.path.expanduser(basis))
        try:
            found = launch.estimated(loaded, cluster, basis)
        except NotMeasured as error:
            raise ConfigError(str(error)) from None
        if as_json:
            print(json.dumps(found.as_json(), indent=1))
        else:
            print("\n".join(estimate_text.lines(found, cluster, groups)))


@app.command()
def report(
    config: ConfigOption,
    set_: SetOption = None,
    html: Annotated[
        str | None, typer.Option("--html", help="Write a report to look at: one HTML file.")
    ] = None,
    speed: Annotated[
        bool, typer.Option(help="HTML: with seconds and memory. Without, equal runs give equal bytes.")
    ] = True,
) -> None:
    """Show what happened to the documents of a run, and the largest clusters of duplicates."""
    with _answered():
        loaded = _load(config, set_)
        found, texts = accounts.account(loaded)
        if html is not None:
            _report_page(loaded, found, html, speed)
            print(html)
            return
        console = _console()
        if "failed" in found:
            print(f"not finished: {found['failed']}")
        for table in (reporting.attrition(found), *reporting.clusters(found, texts)):
            console.print(table)


def _report_page(config: Config, found: dict[str, Any], target: str, speed: bool) -> None:
    from pipeline import layout
    from pipeline.config.told import told
    from pipeline.report.looked import look
    from pipeline.report.page import page

    storage = Storage(config.storage)
    place = storage.join(config.output, layout.PLAN)
    plan = json.loads(storage.read(place))
    blend_path = storage.join(config.output, layout.BLEND)
    blend = json.loads(storage.read(blend_path)) if storage.stat(blend_path) else None
    try:
        known = {name: told(config, name) for name in config.datasets}
        looked = {
            name: look(storage, config.output, plan, name, known.get(name, ())) for name in found["datasets"]
        }
    except Damaged as error:
        raise RunFailed(f"{error}; start the run again, which makes it anew") from None
    target = _absolute(target)
    storage.write(target, page(found, blend, looked, speed).encode())


@app.command()
def trace(
    what: Annotated[str, typer.Argument(help="An address as captured, or an id in hex.")],
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Whose output, and how storage is reached.")
    ] = None,
    set_: SetOption = None,
    output: Annotated[str | None, typer.Option(help="Another output; default: that of --config.")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="With the text, before and after each change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what became of a document: stages, reasons, the copy that stayed, what was cut, shard and row."""
    from pipeline.report import trace as traces
    from pipeline.report import trace_text

    with _answered():
        storage, place = _place(config, set_, output)
        try:
            found = traces.trace(storage, place, what)
        except (traces.NotTraced, Damaged) as error:
            raise RunFailed(str(error)) from None
        if as_json:
            print(json.dumps(found.as_json(), ensure_ascii=False, indent=1, default=_plain))
        else:
            print("\n".join(trace_text.lines(found, text)))


@app.command()
def diff(
    first: Annotated[str, typer.Argument(help="An output.")],
    second: Annotated[str, typer.Argument(help="Another output, or a config: a .yaml file.")],
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Whose `storage` says how addresses are reached.")
    ] = None,
    set_: SetOption = None,
) -> None:
    """Compare two outputs: settings, attrition, documents lost and gained by reason, with examples. Or an
    output with a config: what would be computed again there and why, and what reused; runs nothing."""
    from pipeline.report import compare, foreseen, foreseen_text

    with _answered():
        try:
            if second.endswith((".yaml", ".yml")):
                if config is not None:
                    raise ConfigError("--config is for two outputs; here the second argument is the config")
                loaded = _load(second, set_)
                found = launch.foreseen(loaded, _absolute(first))
                print("\n".join(foreseen_text.lines(found)))
                return
            (storage, a), (_, b) = (_place(config, set_, place) for place in (first, second))
            print("\n".join(compare.lines(compare.compare(storage, a, b))))
        except (compare.NotCompared, foreseen.NotForeseen, Damaged) as error:
            raise RunFailed(str(error)) from None


@app.command()
def verify(
    path: Annotated[
        str | None,
        typer.Argument(help="An output, or a corpus on its own; default: the output of --config."),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="Whose output, and how storage is reached.")
    ] = None,
    set_: SetOption = None,
) -> None:
    """Compare every file of a run or a corpus with its checksum. Exit code 1 if one is damaged or missing."""
    with _answered():
        loaded = _load(config, set_) if config is not None else None
        if (place := path or (loaded.output if loaded else None)) is None:
            raise ConfigError("give the directory or address to verify, or --config")
        try:
            found = verifying.verify(Storage(loaded.storage if loaded else None), place)
        except verifying.NothingToVerify as error:
            raise ConfigError(str(error)) from None
        for line in (*map(str, found.damages), *found.notes):
            print(line)
        if found.damages:
            what = "run it again to mend it" if config else "start the run again to mend it"
            raise RunFailed(f"{len(found.damages)} of {found.files} files are damaged or missing; {what}")
        print(f"{found.files:,} files, {found.bytes:,} bytes in parts and shards: all as written")


CorpusArgument = Annotated[str, typer.Argument(help="A corpus, or the output of a run; local or an address.")]
TargetArgument = Annotated[str, typer.Argument(help="The folder to write to; local or an address.")]
EosOption = Annotated[
    int | None, typer.Option(help="Id of the token that ends a document; default: the tokenizer's.", min=0)
]
WorkersOption = Annotated[int | None, typer.Option(help="Shards worked on at once; default 4.", min=1)]
StorageOption = Annotated[
    str | None, typer.Option("--config", "-c", help="Whose `storage` says how addresses are reached.")
]


_FORMS = {
    "megatron": "Write .bin and .idx for Megatron-LM, and its blend list for each phase.",
    "nanotron": "Write .ds, .ds.index and .ds.metadata for nanotron and datatrove.",
    "olmo": "Write .npy without a header and .csv.gz for OLMo-core, as Dolma does.",
    "npy": "Write arrays for numpy.load: .npy of tokens, .ends.npy of where documents end.",
}


def _exporting(form: str) -> Callable[..., None]:
    def export(
        corpus: CorpusArgument,
        target: TargetArgument,
        eos: EosOption = None,
        workers: WorkersOption = None,
        config: StorageOption = None,
        set_: SetOption = None,
    ) -> None:
        _export(form, corpus, target, eos, workers, config, set_)

    return export


for _form, _help in _FORMS.items():
    export_app.command(_form, help=f"{_help} Started again, it continues.")(_exporting(_form))


def _export(
    form: str,
    corpus: str,
    target: str,
    eos: int | None,
    workers: int | None,
    config: str | None,
    overrides: list[str] | None,
) -> None:
    from pipeline.blend import export

    write = getattr(export, form)
    with _answered():
        storage = Storage(_load(config, overrides).storage if config is not None else None)
        console = _console(stderr=True)
        try:
            made = write(
                storage,
                corpus,
                _absolute(target),
                "tokenizer" if eos is None else eos,
                workers or export.WORKERS,
                lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
            )
        except ValueError as error:
            raise ConfigError(str(error)) from None
        except Damaged as error:
            raise RunFailed(str(error)) from None
        console.print(
            f"{made.shards} shards ({made.reused} of them there already), {made.documents:,} documents, "
            f"{made.tokens:,} tokens with the end of each document"
        )
        for name in made.lists:
            print(name)


@model_app.command("inspect")
def model_inspect(
    path: Annotated[str, typer.Argument(help="Checkpoint directory, or its config.json.")],
    max_length: Annotated[
        int | None,
        typer.Option(help="Tokens per sequence, prompt and answer; default as of the engine.", min=1),
    ] = None,
    memory: Annotated[list[int] | None, typer.Option(help="GiB of the device. Repeatable.", min=1)] = None,
) -> None:
    """Show layers, parameters, memory for a sequence and the batch that fits. Reads no weights."""
    from model.checkpoint import CheckpointError
    from model.config import ModelConfigError
    from model.inspection import inspect

    with _answered():
        try:
            found = inspect(path, max_length=max_length, memory_gib=memory or (24, 48, 80, 141))
        except (CheckpointError, ModelConfigError, OSError) as error:
            raise ConfigError(str(error)) from None
        table = Table(box=None, show_header=False, pad_edge=False)
        for row in found.rows():
            table.add_row(*row)
        _console().print(table)


@train_app.command("classifier")
def train_classifier(
    positive: Annotated[
        list[str], typer.Option(help="Parquet or JSONL files, patterns, or directories of them. Repeatable.")
    ],
    negative: Annotated[list[str], typer.Option(help="As --positive. Repeatable.")],
    output: Annotated[str, typer.Option(help="The model, ….bin; its card is written beside it.")],
    where_positive: Annotated[
        str | None, typer.Option(help="Which of the rows; as `where` in a config.")
    ] = None,
    where_negative: Annotated[str | None, typer.Option(help="Which of the rows.")] = None,
    dim: Annotated[int | None, typer.Option(help="Numbers for each word; default 100.", min=1)] = None,
    epochs: Annotated[int | None, typer.Option(help="Default 5.", min=1)] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate at the start; default 0.1.", min=0)] = None,
    word_ngrams: Annotated[
        int | None, typer.Option(help="Most words of an n-gram; default 2.", min=1, max=10)
    ] = None,
    buckets: Annotated[
        int | None, typer.Option(help="Rows for all n-grams; default 2,000,000.", min=1, max=10**9)
    ] = None,
    min_count: Annotated[int | None, typer.Option(help="Rarer words are left out; default 1.", min=1)] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the first numbers; default 0.", min=0, max=2**31)
    ] = None,
    holdout: Annotated[float, typer.Option(help="Share of the documents to measure with.", max=0.9)] = 0.1,
    note: Annotated[str, typer.Option(help="A text for the card.")] = "",
) -> None:
    """Train a fastText classifier to tell positive documents from negative ones, and measure it."""
    from pipeline.train.classifier import Side, classifier
    from stages.fasttext.train import TrainingPlan

    settings: dict[str, Any] = {
        "dim": dim, "epochs": epochs, "rate": lr, "word_ngrams": word_ngrams,
        "buckets": buckets, "min_count": min_count, "seed": seed,
    }  # fmt: skip
    plan = TrainingPlan(**{key: value for key, value in settings.items() if value is not None})
    sides = Side(positive, where_positive), Side(negative, where_negative)
    with _answered():
        card = classifier(Storage(), *sides, output, plan, holdout, note)
        table = Table(box=None, show_header=False, pad_edge=False)
        for name in ("documents", "auc", "precision", "recall", "f1"):
            table.add_row(name, f"{card['held_out'][name]:g}")
        _console(stderr=True).print(table)
        print(output)


def main() -> None:
    """Entry point of the console command and of ``pipeline/run.py``."""
    for stream in (
        sys.stdout,
        sys.stderr,
    ):  # characters that the terminal cannot encode are replaced, instead of raising
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.path.append(
        os.getcwd()
    )  # so that stages of the user's own (``module:Class``) are found in the working directory
    app()


def _load(
    name: str, overrides: list[str] | None, executor: str | None = None, workers: int | None = None
) -> Config:
    return api.load(name, overrides or (), executor, workers)


def _place(config: str | None, overrides: list[str] | None, output: str | None) -> tuple[Storage, str]:
    """An output that is there, given as such or as that of a config, and the storage that it is on."""
    loaded = _load(config, overrides) if config is not None else None
    if (place := output or (loaded.output if loaded else None)) is None:
        raise ConfigError("give --output, or --config")
    return Storage(loaded.storage if loaded else None), _absolute(place)


def _absolute(place: str) -> str:
    return place if not is_local(place) else os.path.abspath(os.path.expanduser(place))


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _status_table(groups: list[tuple[str, int | None, int]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("segment", "parts", "done", "to do"):
        table.add_column(name, justify="left" if name == "segment" else "right")
    for key, total, done in groups:
        if total is None:
            table.add_row(key, "?", "?", "after those before it")
        else:
            table.add_row(key, f"{total:,}", f"{done:,}", f"{total - done:,}")
    return table


def _console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    # output to a pipe or file is not wrapped at 80 columns
    return console if console.is_terminal else Console(stderr=stderr, width=180)


@contextmanager
def _answered(log_format: Format = "auto") -> Iterator[None]:
    """Answers a user's mistake with a message and an exit code instead of a traceback."""
    try:
        yield
    except (ConfigError, ClusterError, StorageError) as error:
        _fail(str(error), 2, log_format)
    except RunFailed as error:
        _fail(str(error), 1, log_format)
    except SystemExit as error:
        _fail(f"a stage called sys.exit({error})", 1, log_format)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to continue", 130, log_format)


def _fail(message: str, code: int, log_format: Format) -> None:
    if log_format == "json":
        print(as_json("error", {"text": message, "exit_code": code}), file=sys.stderr)
    else:
        for line in message.splitlines():
            print(f"nanocorpus: {line}", file=sys.stderr)
    raise typer.Exit(code)
