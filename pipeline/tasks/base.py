"""The interface of tasks: values that can be sent to any process that reaches the output, and run there.

Running a task again is always safe. Knows how an attempt may end; what to do after a death or an error is
decided in ``pipeline.schedule``.
"""

from __future__ import annotations

import errno
import functools
import traceback
from dataclasses import dataclass
from typing import Protocol

from pipeline.ledger.commit import Foreign, Ledger, Superseded
from pipeline.ledger.receipts import Receipt
from pipeline.sealed import Damaged
from pipeline.storage import Storage, StorageError, StorageFull, StorageSettings
from pipeline.storage.spool import clear_spools
from pipeline.tasks.guard import READ_SECONDS, DeadlineExceeded, Guard
from stages.base import DamagedInput, Resources, Unusable


@dataclass(frozen=True)
class Context:
    """What every task of a run shares."""

    output: str
    #: Identifies the driver: only the one that wrote its token last may publish.
    token: str
    storage: StorageSettings
    seed: int
    document_seconds: float
    #: Number of records that are read of each input (dry run); None for all.
    limit: int | None = None
    name: str = ""  # of the run

    def ledger(self, storage: Storage) -> Ledger:
        """The ledger through which this run changes the output."""
        return Ledger(storage, self.output, self.token, self.name)


class Task(Protocol):
    """One part, one bucket or one shard."""

    @property
    def label(self) -> str:
        """``dataset/segment/part``, for messages."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of everything that the result depends on."""
        ...

    @property
    def receipt_name(self) -> str:
        """Relative to the output."""
        ...

    @property
    def resources(self) -> Resources:
        """Needed while it runs."""
        ...

    def run(self, context: Context, storage: Storage, guard: Guard) -> Receipt:
        """Do the work, publish files and receipt, and return the receipt."""
        ...


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: a receipt, or an error; ``died`` if the worker died."""

    task: Task
    receipt: Receipt | None = None
    error: str = ""
    died: bool = False
    retryable: bool = False
    #: No other task can succeed either (full disk): the run must stop.
    fatal: bool = False
    #: The damaged file of the run that the task met.
    damaged: Damaged | None = None
    #: The task to run instead.
    again: Task | None = None


class Died(Exception):
    """Something that a stage depends on broke in this process; treated as if the worker had died."""


class Again(Exception):
    """A task needs other resources; ``task`` is the same task with those."""

    def __init__(self, task: Task) -> None:
        super().__init__(task.label)
        self.task = task


def attempt(task: Task, context: Context, guard: Guard) -> Ended:
    """Run a task in this process. Whatever it raises is returned as an ``Ended``."""
    try:
        receipt = task.run(context, _storage(context.storage.model_dump_json()), guard)
    except (StorageFull, Superseded, Foreign) as error:
        return Ended(task, error=str(error), fatal=True)
    except Damaged as error:
        return Ended(task, error=str(error), damaged=error)
    except DamagedInput as error:
        return Ended(task, error=_line(error))
    except Again as again:
        return Ended(task, again=again.task)
    except Died as error:
        return Ended(task, error=_line(error), died=True)
    except Unusable as error:
        return Ended(task, error=_line(error), retryable=True)
    except StorageError as error:
        return Ended(task, error=str(error), retryable=error.retryable)
    except MemoryError:
        return Ended(task, error="out of memory", retryable=True)
    except DeadlineExceeded:
        return Ended(task, error=f"reading a batch took more than {READ_SECONDS:g} seconds")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return Ended(task, error=f"{type(error).__name__}: {error}", fatal=full)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stage may call sys.exit() or raise anything
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        return Ended(task, error=f"{type(error).__name__}: {_line(error)} ({place})")
    return Ended(task, receipt)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


@functools.lru_cache(maxsize=4)
def _storage(settings: str) -> Storage:
    clear_spools()  # left by workers of this machine that died
    return Storage(StorageSettings.model_validate_json(settings))
