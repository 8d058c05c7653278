"""An object store in a process of its own whose tasks leave receipts without work, for measuring a driver.

The process holds the objects, and it is the cluster too: a task that is submitted comes back with the receipt
that a real run left for a task of its kind, under other names and checksums, and with its files in place. The
driver pays what it pays on a cluster: pickled tasks and results, and a call for every request. Requests are
counted as S3 would count them, a listing by pages of 1,000. Nothing is written to a disk.

Knows receipts and templates of them; does not know what is measured.
"""

from __future__ import annotations

import builtins
import hashlib
import os
import pickle
import re
import threading
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline import layout
from pipeline.execute.base import Hear, unheard
from pipeline.ledger.receipts import RUNS, File, Receipt
from pipeline.ledger.tallies import Tally
from pipeline.storage import flat
from pipeline.storage.errors import Conflict, Missing
from pipeline.storage.names import temporary_name
from pipeline.storage.spool import spool
from pipeline.tasks.base import Context, Ended, Task
from pipeline.tasks.part import OpenTask
from pipeline.tasks.reduce import JoinTask, ReduceTask
from stages.base import FileInfo, Resources

ROOT = "stub://place/"
PAGE = 1000
#: What a listing says of a receipt that was not spelled out.
RECEIPT_BYTES = 3000
#: Tasks that run at once, as on a cluster of so many cores.
SLOTS = 256
#: Tasks whose ends a driver learns of at once.
AT_ONCE = 16


@dataclass
class Templates:
    """Receipts that a real run left, by directory; with the bytes of their files, by name."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    #: Tasks of each group, by directory: a bucket stands for the whole range of keys.
    tasks: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, output: Path, name: str, times: int) -> Templates:
        """Of the run in ``output``: of every group one receipt, in segments that of the part ``name``.
        ``times``: by how much counts are multiplied."""
        found = cls()
        for path in sorted(output.glob("work/**/receipts/*.json")):
            if not layout.is_receipt(str(path.relative_to(output))):
                continue
            receipt = Receipt.from_bytes(path.read_bytes())
            directory = receipt.name.split("/receipts/")[0]
            found.tasks[directory] += 1
            if path.stem.startswith("part-") and path.stem != name:
                continue
            found.receipts[directory] = _multiplied(receipt, times)
            for file in receipt.files:
                found.files[f"{directory} {file.role}"] = (output / file.name).read_bytes()
        return found


def _multiplied(receipt: Receipt, times: int) -> Receipt:
    many: Callable[[Any], Any] = lambda value: _times(value, times)  # noqa: E731
    census = receipt.census
    if census:
        census = census | {
            "documents": census["documents"] * times,
            "lengths": [[length, count * times] for length, count in census["lengths"]],
            "values": [
                [*key, *map(many, counts)] for *key, counts in ((a, b, c) for a, b, *c in census["values"])
            ],
        }
    tallies = [
        Tally(t.stage, t.rows_in * times, t.generated * times, t.kept * times,
              Counter(many(t.dropped)), Counter(many(t.failed)))
        for t in receipt.tallies
    ]  # fmt: skip
    return replace(
        receipt, tallies=tallies, census=census, counts=many(receipt.counts), sums=many(receipt.sums),
        languages=many(receipt.languages),
        projects=[{k: many(v) if k in ("documents", "tokens", "bytes") else v for k, v in row.items()}
                  for row in receipt.projects],
    )  # fmt: skip


def _times(value: Any, times: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _times(item, times) for key, item in value.items()}
    return value * times if isinstance(value, int) else value


@dataclass
class _Object:
    size: int
    etag: str
    data: bytes | Written


class Written(NamedTuple):
    """A receipt as a stub task left it, spelled out when it is asked for."""

    template: Receipt
    fingerprint: str
    name: str
    run: str
    files: tuple[File, ...]

    def receipt(self) -> Receipt:
        """The receipt."""
        said = {"fingerprint": self.fingerprint, "name": self.name, "run": self.run}
        return replace(self.template, files=list(self.files), **said)


class Place:
    """The process: serves requests and tasks until its parent closes it."""

    def __init__(self, templates: Templates, parts: int) -> None:
        self.templates, self.parts = templates, parts
        self.objects: dict[str, _Object] = {}
        self._keys: list[str] = []
        self._stale = False
        self._lock = threading.RLock()

    def serve(self, address: str) -> None:
        """Answer every connection in a thread of its own."""
        with Listener(address) as listener:
            while True:
                connection = listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Any) -> None:
        ends: deque[bytes] = deque()
        try:
            while True:
                name, arguments = connection.recv()
                if name == "run":  # nobody waits for an answer
                    with self._lock:
                        ends.append(self.run(*arguments))
                    continue
                if name == "ends":
                    connection.send([ends.popleft() for _ in range(min(len(ends), AT_ONCE))])
                    continue
                try:
                    with self._lock:
                        result = getattr(self, name)(*arguments)
                    connection.send((True, result))
                except (Conflict, Missing) as error:
                    connection.send((False, error))
        except (EOFError, ConnectionError):
            return

    # Objects

    def put(self, key: str, data: bytes, expect: str | None) -> str:
        there = self.objects.get(key)
        if expect is not None and (there.etag if there else "") != expect:
            raise Conflict(ROOT + key)
        etag = hashlib.md5(data).hexdigest()
        self.objects[key] = _Object(len(data), etag, data)
        self._stale = True
        return etag

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        if (one := self.objects.get(key)) is None:
            raise Missing(f"{ROOT}{key}: there is no such object")
        data = one.data.receipt().as_bytes() if isinstance(one.data, Written) else one.data
        return data[start:stop]

    def head(self, key: str) -> tuple[int, str] | None:
        one = self.objects.get(key)
        return (one.size, one.etag) if one else None

    def remove(self, key: str, expect: str | None) -> None:
        if expect and key in self.objects and self.objects[key].etag != expect:
            raise Conflict(ROOT + key)
        self._stale |= self.objects.pop(key, None) is not None

    def page(self, prefix: str, after: str) -> list[tuple[str, int, str]]:
        """Up to 1,000 objects with a prefix after a key."""
        if self._stale:
            self._keys, self._stale = sorted(self.objects), False
        start = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after))
        found = []
        for key in self._keys[start : start + PAGE]:
            if not key.startswith(prefix):
                break
            one = self.objects[key]
            found.append((key, one.size, one.etag))
        return found

    # Tasks

    def run(self, pickled: bytes, output: str, run: str) -> bytes:
        """What a task leaves, and its end as a worker of a cluster returns it."""
        task: Any = pickle.loads(pickled)
        if isinstance(task, OpenTask):
            return pickle.dumps(Ended(task, Receipt(task.fingerprint)))
        receipt = self._receipt(task)
        files = []
        for file in receipt.files:
            data = self.templates.files.get(f"{self._kind(task)} {file.role}", b"")
            sha = hashlib.sha256(f"{file.sha256}{task.fingerprint}".encode()).hexdigest()
            name = self._name(task, file)
            self.objects[output + name] = _Object(file.size, sha[:32], data)
            files.append(File(file.role, name, file.size, sha, file.foot, sha[:32]))
        written = Written(receipt, task.fingerprint, task.receipt_name, run, tuple(files))
        etag = hashlib.md5(f"{task.receipt_name} {task.fingerprint}".encode()).hexdigest()
        self.objects[output + task.receipt_name] = _Object(RECEIPT_BYTES, etag, written)
        self._stale = True
        return pickle.dumps(Ended(task, written.receipt()))

    def _kind(self, task: Any) -> str:
        return task.receipt_name.split("/receipts/")[0]

    def _receipt(self, task: Any) -> Receipt:
        kind = self._kind(task)
        found = self.templates.receipts.get(kind)
        if found is None:  # a regrouping, of which a run of few files has none
            consumer = re.sub(r"-(merged|by-position)$", "", kind)
            found = self.templates.receipts.get(consumer) or next(
                one
                for key, one in sorted(self.templates.receipts.items())
                if RUNS in [f.role for f in one.files]
            )
            runs = [one for one in found.files if one.role == RUNS]
            return Receipt(
                "", counts={"rows": 1}, files=runs or [File(RUNS, "x.runs", 64, "0" * 64, "0" * 32)]
            )
        if isinstance(task, ReduceTask):  # the template had all rows of the few parts there were
            share = (task.high - task.low) / (1 << 64) * self.parts / self.templates.tasks["parts"]
            return replace(found, counts={name: int(value * share) for name, value in found.counts.items()})
        return found

    def _name(self, task: Any, file: File) -> str:
        directory, name = task.receipt_name.removesuffix(".json").split("/receipts/")
        if directory.endswith("/shards"):
            return layout.shard(directory.split("/")[1], name)
        if isinstance(task, ReduceTask | JoinTask) or re.search(r"-(merged|by-position)$", directory):
            return layout.round_runs(directory, name)
        return {
            "documents": layout.documents, "rejects": layout.rejects, "runs": layout.runs,
            "domains": layout.domains,
        }[file.role](directory, name)  # fmt: skip


class Stub:
    """The store of a driver, see ``pipeline.storage.store``; counts its requests."""

    def __init__(self, address: str) -> None:
        self._address, self._mine = address, threading.local()
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()

    def ask(self, kind: str, name: str, *arguments: Any) -> Any:
        """The answer of the process to one request."""
        with self._lock:
            self.requests[kind] += 1
        if not hasattr(self._mine, "connection"):
            self._mine.connection = Client(self._address)
        self._mine.connection.send((name, arguments))
        good, result = self._mine.connection.recv()
        if not good:
            raise result
        return result

    def objects(self, prefix: str, after: str = "") -> Iterator[FileInfo]:
        """Every object whose key starts with a prefix."""
        while True:
            page = self.ask("list", "page", prefix, after)
            yield from (FileInfo(ROOT + key, size, etag) for key, size, etag in page)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def glob(self, pattern: str) -> list[FileInfo]:
        found = flat.glob(ROOT, _key(pattern), lambda key: False, self.objects)
        if found is None:
            one = self.stat(pattern)
            return [one] if one else []
        return found

    def base(self, pattern: str) -> str:
        return flat.base(ROOT, _key(pattern), lambda key: False)

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        return [*self.objects(_key(prefix_dir).rstrip("/") + "/")]

    ranged = True

    def begins(self, prefix: str, after: str, until: str) -> builtins.list[FileInfo]:
        found = []
        for info in self.objects(_key(prefix), _key(after)):
            if until and info.path > until:
                break
            found.append(info)
            if info.path == until:
                break
        return found

    def scan(self, directory: str) -> Iterator[FileInfo]:
        return self.objects(_key(directory).rstrip("/") + "/")

    def stat(self, path: str) -> FileInfo | None:
        found = self.ask("head", "head", _key(path))
        return FileInfo(path, *found) if found else None

    def open(self, path: str) -> BinaryIO:
        info = self.stat(path)
        if info is None:
            raise Missing(f"cannot read {path}: there is no such object")
        return flat.stream(
            info, lambda start, stop, etag: iter([self.ask("get", "get", _key(path), start, stop)])
        )

    def read(self, path: str) -> bytes:
        return self.ask("get", "get", _key(path))

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        return self.ask("get", "get", _key(path), offset, offset + length)

    def write(self, path: str, data: bytes, expect: str | None = None) -> str:
        return self.ask("put", "put", _key(path), data, expect)

    @contextmanager
    def stage(self, path: str) -> Iterator[Path]:
        with spool(path) as directory:
            yield directory / temporary_name(path.rpartition("/")[2])

    def publish(self, local: Path, path: str, expect: str | None = None) -> str:
        return self.write(path, local.read_bytes(), expect)

    def delete(self, path: str, expect: str | None = None) -> None:
        self.ask("delete", "remove", _key(path), expect)

    def move(self, old: str, new: str) -> None:
        raise NotImplementedError

    def sweep(self, prefix_dir: str, upload_age_s: float, ours: Any, deep: bool) -> int:
        with self._lock:
            self.requests["list"] += deep  # of unfinished uploads
        return 0

    def check_writable(self, directory: str) -> None:
        with self._lock:
            self.requests["put"] += 1


def _key(path: str) -> str:
    return path.removeprefix(ROOT)


class StubExecutor:
    """Sends tasks to the process and gets their ends; see ``execute.base.Executor``."""

    slots = workers = SLOTS

    def __init__(self, context: Context, address: str) -> None:
        self._output, self._run = _key(context.output) + "/", context.name
        self.hear: Hear = unheard
        self._connection = Client(address)
        self.tasks = 0

    def check(self, needs: Iterable[Resources]) -> None:
        """Nothing is needed."""

    def submit(self, task: Task, isolated: bool) -> None:
        """Send it."""
        self._connection.send(("run", (pickle.dumps(task), self._output, self._run)))
        self.tasks += 1

    def stop(self, task: Task) -> None:
        """Nothing takes long."""

    def wait(self, seconds: float) -> list[Ended]:
        """The tasks that have ended."""
        self._connection.send(("ends", ()))
        return [pickle.loads(one) for one in self._connection.recv()]

    def close(self) -> None:
        """Nothing runs."""
        self._connection.close()


def inputs(place: Place, count: int) -> None:
    """Inputs that a reader lists and no task opens."""
    for number in range(count):
        key = f"in/CC-MAIN-20261107121314-20261107151314-{number:05d}.warc.gz"
        place.objects[key] = _Object(1_000_000_000, hashlib.md5(key.encode()).hexdigest(), b"")
    place._stale = True


def address(folder: Path) -> str:
    """Of the socket of a place."""
    return os.fspath(folder / "socket")
