"""Commands about what a corpus and its documents become: ``export``, ``train``, and ``model inspect``.

Knows the options of these commands; what they do is done below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from pipeline.blend.forms import FORMS
from pipeline.cli.common import SetOption, absolute, answered, failed, load, terminal
from pipeline.config.located import ConfigError
from pipeline.storage import Storage

model_app = typer.Typer(no_args_is_help=True, help="Checkpoints of the embedded engine.")
export_app = typer.Typer(no_args_is_help=True, help="A corpus in the form that a training framework reads.")
train_app = typer.Typer(no_args_is_help=True, help="Models that stages load, from documents.")

CorpusArgument = Annotated[str, typer.Argument(help="A corpus, or the output of a run; local or an address.")]
TargetArgument = Annotated[str, typer.Argument(help="The folder to write to; local or an address.")]
EosOption = Annotated[
    int | None, typer.Option(help="Id of the token that ends a document; default: the tokenizer's.", min=0)
]
WorkersOption = Annotated[int | None, typer.Option(help="Shards worked on at once; default 4.", min=1)]
StorageOption = Annotated[
    str | None, typer.Option("--config", "-c", help="Whose `storage` says how addresses are reached.")
]


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


for _name, _form in FORMS.items():
    export_app.command(_name, help=f"{_form.told} Started again, it continues.")(_exporting(_name))


def _export(
    form: str,
    corpus: str,
    target: str,
    eos: int | None,
    workers: int | None,
    config: str | None,
    overrides: list[str] | None,
) -> None:
    from pipeline.blend.export import WORKERS, export
    from pipeline.sealed import Damaged

    with answered():
        storage = Storage(load(config, overrides).storage if config is not None else None)
        console = terminal(stderr=True)
        try:
            made = export(
                form,
                storage,
                corpus,
                absolute(target),
                "tokenizer" if eos is None else eos,
                workers or WORKERS,
                lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
            )
        except ValueError as error:
            raise ConfigError(str(error)) from None
        except Damaged as error:
            raise failed(str(error)) from None
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
    from rich.table import Table

    from model.checkpoint import CheckpointError
    from model.config import ModelConfigError
    from model.inspection import inspect

    with answered():
        try:
            found = inspect(path, max_length=max_length, memory_gib=memory or (24, 48, 80, 141))
        except (CheckpointError, ModelConfigError, OSError) as error:
            raise ConfigError(str(error)) from None
        table = Table(box=None, show_header=False, pad_edge=False)
        for row in found.rows():
            table.add_row(*row)
        terminal().print(table)


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
    from rich.table import Table

    from pipeline.train.classifier import Side, classifier
    from stages.fasttext.train import TrainingPlan

    settings: dict[str, Any] = {
        "dim": dim, "epochs": epochs, "rate": lr, "word_ngrams": word_ngrams,
        "buckets": buckets, "min_count": min_count, "seed": seed,
    }  # fmt: skip
    plan = TrainingPlan(**{key: value for key, value in settings.items() if value is not None})
    sides = Side(positive, where_positive), Side(negative, where_negative)
    with answered():
        card = classifier(Storage(), *sides, output, plan, holdout, note)
        table = Table(box=None, show_header=False, pad_edge=False)
        for name in ("documents", "auc", "precision", "recall", "f1"):
            table.add_row(name, f"{card['held_out'][name]:g}")
        terminal(stderr=True).print(table)
        print(output)
