"""The contracts between the core and the stages, on one page. The one kind that is not here is the stage that
sees all documents at once, see ``stages.global_stage``.

A stage knows documents. It does not know Ray, parts, receipts or other stages: it is given
Arrow tables and gives back columns, verdicts or rows. Everything else (fusing, counting,
splitting kept from rejected rows, writing, committing) is done by ``pipeline``.

One row is one document. A stage never loses a row silently: a row that it rejects has a reason, a row that it
could not process has a ``Fault``.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, BinaryIO, ClassVar, Literal, NamedTuple, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

MIB = 1 << 20

PROVENANCE = pa.struct([("file", pa.string()), ("offset", pa.int64()), ("record", pa.string())])

#: Columns that every document has, in this order, before what the stages add.
DOCUMENT = pa.schema(
    [
        ("id", pa.binary(16)),  # from source and url, record or commit + path; never from position
        ("text", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("date", pa.string()),  # ISO 8601, UTC
        ("language", pa.string()),  # ISO 639-1
        ("language_score", pa.float32()),  # 0 to 1
        ("license", pa.string()),  # SPDX
        ("parent", pa.binary(16)),  # id of the document that a generated one came from
        ("provenance", PROVENANCE),
    ]
)


class Fault(NamedTuple):
    """Why a row was dropped or failed: a short countable reason, and details."""

    reason: str
    detail: str = ""


class Reject(NamedTuple):
    """A record that did not become a document; ``failed`` distinguishes errors from decisions."""

    id: bytes
    url: str | None
    fault: Fault
    failed: bool
    provenance: Mapping[str, Any]


class Member(NamedTuple):
    """One of several small inputs that are read together, such as a repository or an archive."""

    path: str
    name: str  # as in ``Input``
    size: int
    etag: str


class Input(NamedTuple):
    """One unit of reading: a file as listed, rows ``start`` to ``stop`` of it, or several ``members``."""

    path: str
    name: str  # path relative to what was listed: the same on every machine and storage
    size: int
    etag: str
    start: int = 0
    stop: int | None = None
    memory: int = 0  # bytes of heap that this input needs beyond what the reader declares
    members: tuple[Member, ...] = ()  # then ``path`` and ``name`` are those of the first


class DamagedInput(Exception):
    """Too much of an input is lost to count it as read: it becomes a failed input, with this message."""


class MoreMemory(Exception):
    """An input needs ``bytes`` of heap beyond what its reader declares: it is read again from its start, with
    at least this in ``Input.memory``."""

    def __init__(self, bytes: int) -> None:
        super().__init__(bytes)
        self.bytes = bytes

    def __str__(self) -> str:
        return f"reading this input takes {self.bytes} bytes of memory more than usual"


class Unusable(Exception):
    """Something that a stage depends on (a server, an engine) cannot be used now: no document is at fault,
    and the part may be tried again."""


class FileInfo(NamedTuple):
    """One stored file as a listing sees it. ``etag`` changes when the content does."""

    path: str
    size: int
    etag: str


class Storage(Protocol):
    """The part of storage that readers use; ``pipeline.storage.Storage`` provides it."""

    def glob(self, pattern: str) -> list[FileInfo]:
        """Files that match, sorted by path. ``*`` stays within one path segment, ``**`` does not."""
        ...

    # From here on ``list`` is the method: annotations say ``builtins.list``.
    def list(self, directory: str, /) -> builtins.list[FileInfo]:
        """Every file below a directory, sorted by path; [] where there is no such directory."""
        ...

    def stat(self, path: str) -> FileInfo | None:
        """Size and etag of a file; None if there is none."""
        ...

    def open(self, path: str) -> BinaryIO:
        """A seekable stream that reads on demand; it never holds the whole file."""
        ...


class Resources(NamedTuple):
    """What one worker needs while it runs the stage."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 128 * MIB  # bytes of heap, beyond what every worker has
    lasting: bool = False  # ``open`` takes minutes: one worker then processes many parts


class StageConfig(BaseModel):
    """Base of every stage's settings: unknown keys are errors, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class AssetMark:
    """Marks a config field as a file that the stage opens (see ``AssetFile``)."""


#: A file that a stage loads (model, table, tokenizer). In YAML it is a path or s3:// address, relative to the
#: config file; the core fingerprints its content and gives the stage a local path.
AssetFile = Annotated[str, AssetMark()]


@dataclass(frozen=True)
class InputMark:
    """Marks a config field of a reader as paths or patterns (see ``InputPath``)."""


#: A path, address or pattern that a reader lists; in YAML it is relative to the config file.
InputPath = Annotated[str, InputMark()]


@dataclass(frozen=True)
class RunMark:
    """Marks a config field of a global stage as outputs of earlier runs (see ``EarlierRun``)."""


#: The output of an earlier run, whose documents a global stage takes into account: the partials that its map
#: wrote there with the same settings are read; its documents only by rounds in ``Global.rereads``. The run
#: must be finished.
EarlierRun = Annotated[str, RunMark()]


class Caveat(NamedTuple):
    """Sentences of a corpus's dataset card that depend on whether a stage has processed its documents."""

    undone: str  #: if it has not; ``{datasets}`` becomes the names of the datasets concerned
    done: str | None = None  #: if it has processed all datasets; may be empty


class Told(NamedTuple):
    """A column about which a corpus's dataset card tells something, counted over the documents that become
    tokens. Sentences are those of the card; ``name`` is what the column holds, such as "mail addresses".

    ``what`` says what is counted. ``redacted``: pieces that were replaced, an integer, or a list of structs
    ``{rule, count}``. ``opt_out``: documents with the value true, or with any text. ``teacher``: documents by
    the model that wrote them. ``task``: documents by the task that they were made for, with examples.
    ``rank``: documents by a rank, an integer.
    """

    column: str
    what: Literal["redacted", "opt_out", "teacher", "task", "rank"]
    name: str


class Stage:
    """What all stages share. Subclass one of the five kinds below, never this."""

    name: ClassVar[str]
    #: Part of fingerprints: raise it when the same config gives another result.
    version: ClassVar[int] = 1
    Config: ClassVar[type[StageConfig]] = StageConfig
    reads: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[pa.Schema] = pa.schema([])
    #: Columns that this stage removes.
    consumes: ClassVar[tuple[str, ...]] = ()
    resources: ClassVar[Resources] = Resources()
    #: Settings that are for people and other programs, and do not change what the stage does.
    notes_only: ClassVar[frozenset[str]] = frozenset()
    #: Columns whose sums over the rows that leave the stage are in ``stats.json``: tokens, words.
    sums: ClassVar[tuple[str, ...]] = ()
    #: A column: consecutive rows with equal values in it are passed in one call, however many there are.
    together: ClassVar[str | None] = None
    #: For the dataset card; only for stages in ``registry.EXPECTED``.
    caveat: ClassVar[Caveat | None] = None
    #: Maximum rows of one call. The deadline of a document applies to a call, so a stage that takes a second
    #: for a document should ask for few. If it depends on settings, it is set in ``__init__``.
    rows: int = 256

    def __init__(self, config: Any) -> None:
        self.config = config
        #: Notes for users about the files that ``open`` loaded, one sentence each; shown when a run begins.
        self.notes: list[str] = []

    @classmethod
    def needs(cls, config: Any) -> tuple[str, ...]:
        """The columns that it reads with these settings; by default ``reads``; overridden if settings name
        columns."""
        return cls.reads

    @classmethod
    def added(cls, config: Any) -> pa.Schema:
        """The columns that it adds or changes with these settings; by default ``adds``; overridden if
        settings name columns."""
        return cls.adds

    @classmethod
    def requires(cls, config: Any) -> Resources:
        """What one worker needs with these settings; by default ``resources``."""
        return cls.resources

    @classmethod
    def alters(cls, settings: Mapping[str, Any]) -> bool:
        """Whether it changes or drops documents with these settings, which are as in a config. With
        ``action: annotate``, the setting for this purpose, documents are only measured."""
        return settings.get("action") != "annotate"

    @classmethod
    def tells(cls, config: Any) -> tuple[Told, ...]:
        """The columns that the dataset card tells of; by default none."""
        return ()

    @classmethod
    def check(cls, config: Any, schema: pa.Schema) -> str | None:
        """What is wrong with these columns for these settings, checked before any work; None if nothing
        is."""
        return None

    def open(self) -> None:
        """Load models and tables. Called once per worker process, before the first batch."""


class Batch(NamedTuple):
    """What a reader yields: documents, and the records that did not become documents."""

    documents: pa.Table
    rejects: Sequence[Reject] = ()


class Reader(Stage):
    """Turns inputs into documents. ``adds`` are its columns beyond ``DOCUMENT``.

    ``gives_ids``: ``provenance.record`` holds an id that the input gives to a row, which may repeat.
    """

    gives_ids: ClassVar[bool] = False

    def list(self, storage: Storage) -> list[Input]:
        """All inputs, in an order that does not depend on storage."""
        raise NotImplementedError

    def current(self, item: Input, storage: Storage) -> str | None:
        """The current etag of an input; None if it is gone. Readers whose inputs are not files override
        this."""
        info = storage.stat(item.path)
        return info.etag if info else None

    def read(self, item: Input, storage: Storage, limit: int | None = None) -> Iterator[Batch]:
        """Batches of bounded size, in file order; at most ``limit`` records in all.

        A damaged record is a failed ``Reject`` and reading goes on. Raises only when the input
        cannot be read at all, ``DamagedInput`` when too much of it is lost to count as read, and
        ``MoreMemory`` when it cannot be read in the memory that the reader declares.
        """
        raise NotImplementedError

    def share(self, item: Input, storage: Storage, records: int, offset: int) -> float | None:
        """About how much of an input its first ``records`` records are, 0 to 1, where ``offset`` is the
        ``provenance.offset`` of the last; None if that is not known. For forecasts of dry runs."""
        return None


@dataclass(frozen=True)
class Annotation:
    """New columns for every row; rows that could not be processed are named in ``faults``."""

    columns: Mapping[str, pa.Array]
    faults: Mapping[int, Fault] = field(default_factory=dict)


class Annotator(Stage):
    """Measures: same rows, more columns."""

    def annotate(self, batch: pa.Table) -> Annotation:
        """The columns of ``added``, one value per row (null where there is a fault)."""
        raise NotImplementedError


class Journal(Protocol):
    """Keeps results of one part while it is processed, so that they survive if the worker dies."""

    def find(self, keys: Sequence[bytes]) -> pa.Table:
        """The rows kept for these keys, in the columns ``Streamer.keeps``, each key once, in any order."""
        ...

    def seal(self, rows: pa.Table) -> None:
        """Keep rows. When this returns, they are stored."""
        ...


class Streamer(Annotator):
    """An annotator so expensive (a language model) that nothing may be done twice. It gets the whole part as
    a stream, is alone in its segment, and stores its results in a journal as it goes.

    ``rows`` are those of a batch. A batch at which the process dies twice is halved until the row that causes
    it is found.
    """

    #: The added columns that are kept in the journal. The first is a key, binary(16): rows with the same key
    #: have the same result.
    keeps: ClassVar[tuple[str, ...]]
    #: A column: a dry run passes on a few rows of each of its values, and forecasts the rest.
    kinds: ClassVar[str | None] = None
    #: The column of ``sums`` that time is proportional to.
    cost: ClassVar[str | None] = None
    #: Seconds without a result after which the process counts as hung.
    patience: float = 3600.0

    def stream(self, batches: Iterator[pa.Table], journal: Journal) -> Iterator[tuple[pa.Table, Annotation]]:
        """Yields each batch with its annotation, in order; it may read ahead. Raises ``Unusable`` if no row
        is at fault."""
        raise NotImplementedError

    def annotate(self, batch: pa.Table) -> Annotation:
        added = self.added(self.config)
        kept = pa.schema([added.field(name) for name in self.keeps])
        return next(self.stream(iter([batch]), _Nothing(kept)))[1]


class _Nothing:
    """A journal that keeps nothing."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def find(self, keys: Sequence[bytes]) -> pa.Table:
        return self._schema.empty_table()

    def seal(self, rows: pa.Table) -> None:
        pass


class Filter(Stage):
    """Decides: keeps or drops, by a reason.

    A class may be Annotator and Filter at once (``language``): then ``decides`` names the config
    keys that only the decision uses, so that changing them does not measure again.
    """

    decides: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def judges(cls, config: Any) -> bool:
        """Whether it can drop anything with these settings. If an annotator cannot, its documents are not
        written again between measuring and deciding."""
        return True

    def judge(self, batch: pa.Table) -> Sequence[Fault | None]:
        """One entry per row: None keeps it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Generated:
    """New rows with ``parent`` set. ``faults`` names the rows of the batch that could not be processed,
    ``dropped`` those from which by decision no row was made."""

    rows: pa.Table
    faults: Mapping[int, Fault] = field(default_factory=dict)
    dropped: Mapping[int, Fault] = field(default_factory=dict)


class Generator(Stage):
    """Writes new documents from given ones. Only the new rows are passed on."""

    def generate(self, batch: pa.Table) -> Generated:
        """Rows in the schema of the batch and ``added``, in an order fixed by the batch."""
        raise NotImplementedError


class Form:
    """A short form: one entry of a config that stands for several stages. It does nothing itself."""

    name: ClassVar[str]
    Config: ClassVar[type[StageConfig]]

    @classmethod
    def expand(cls, config: Any) -> builtins.list[dict[str, dict[str, Any]]]:
        """The stages that it stands for, as in a config. Messages about a setting that has the same name in
        the form point to its place in the form."""
        raise NotImplementedError
