"""Azure Blob Storage: ``az://container/path``.

Knows which calls of azure-storage-blob make up a listing, a read and an upload, and what its errors mean to a
user. Does not know what is in the blobs. adlfs (fsspec) is not used, since it does not support conditional
writes, which runs depend on; the library below it, which is used here, does.

What the service guarantees: a blob appears whole or not at all, with one request or with the request that
commits its blocks. A write or delete with a condition (``If-Match``, ``If-None-Match``) is refused if another
version is there. Reads and listings see every write that was answered. The ETag is new with every write, even
of the same bytes.
"""

from __future__ import annotations

import builtins
import io
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.storage import flat
from pipeline.storage.errors import Conflict, Missing, StorageError, full_explained
from pipeline.storage.names import TEMP_PREFIX, temporary_name
from pipeline.storage.patterns import MAGIC
from pipeline.storage.settings import AzureSettings
from pipeline.storage.spool import clear_spools, spool
from stages.base import MIB, FileInfo

try:
    from azure.core import MatchConditions
    from azure.core.exceptions import AzureError, HttpResponseError
    from azure.storage.blob import BlobServiceClient, ContainerClient, ExponentialRetry
except ModuleNotFoundError as error:
    raise StorageError(f"az:// needs {error.name}: pip install 'nanocorpus[cloud]'") from error

#: Larger files are uploaded in blocks, which the service joins in one step at the end.
SINGLE_PUT = 64 * MIB
BLOCK = 16 * MIB
PIECE = 4 * MIB
#: Pause before a request is retried: a random time of up to 0.2 s, 0.4 s, … 20 s.
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 20.0
#: Name of the metadata by which a writer recognises its own blob.
_MARK = "nanocorpusput"

_DENIED = "access denied; check the credentials, and that they have the role Storage Blob Data Contributor"
_REASONS = {
    "ContainerNotFound": "there is no such container; check its name and the account",
    "InvalidResourceName": "that is not a valid name for a container",
    "BlobNotFound": "no such blob",
    "AuthenticationFailed": _DENIED,
    "AuthorizationFailure": _DENIED,
    "AuthorizationPermissionMismatch": _DENIED,
    "ConditionNotMet": "it changed while it was read; start again when nothing writes to it",
}
_REFUSED = (409, 412)


class _Retry(ExponentialRetry):
    """The library's retry policy, with the same pauses as requests to S3."""

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        return _pause(settings["count"])


def _pause(attempt: int) -> float:
    return random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))


class Azure:
    """The blobs of one account; methods as in ``pipeline.storage.store.Storage``."""

    def __init__(self, settings: AzureSettings) -> None:
        self._settings = settings
        self._service: Any = None  # made at the first request, since credentials may be missing

    # -- listing -------------------------------------------------------------------------------------

    def glob(self, pattern: str) -> list[FileInfo]:
        container, key = _parse(pattern)
        if MAGIC.search(container):
            raise StorageError(f"{pattern}: wildcards do not work in the name of a container")
        matching = flat.glob(*self._parted(container, key), lambda prefix: self._objects(container, prefix))
        if matching is None:
            found = self.stat(pattern)
            return [found] if found else []
        return matching

    def base(self, pattern: str) -> str:
        return flat.base(*self._parted(*_parse(pattern)))

    def _parted(self, container: str, key: str) -> tuple[str, str, flat.Exists]:
        def exists(name: str) -> bool:
            below = next(self._objects(container, f"{name}/", page=1), None)
            return below is not None or self.stat(f"az://{container}/{name}") is not None

        return f"az://{container}/", key, exists

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        return sorted(self.scan(prefix_dir))

    ranged = False

    def begins(self, prefix: str, after: str, until: str) -> builtins.list[FileInfo]:
        infos = sorted(self._objects(*_parse(prefix)))
        return [info for info in infos if info.path > after and (not until or info.path <= until)]

    def scan(self, directory: str) -> Iterator[FileInfo]:
        container, key = _parse(directory)
        return self._objects(container, f"{key.rstrip('/')}/" if key else "")

    def _objects(self, container: str, prefix: str, page: int | None = None) -> Iterator[FileInfo]:
        """Every blob whose name starts with ``prefix``, without unfinished files of ours."""
        where = f"az://{container}/{prefix}"
        with _explained("list", where):
            for blob in self._container(container).list_blobs(
                name_starts_with=prefix or None, results_per_page=page, include=["metadata"]
            ):
                # an account with directories lists them as empty blobs
                if (blob.metadata or {}).get("hdi_isfolder") or blob.name.endswith("/"):
                    continue
                if f"/{TEMP_PREFIX}" not in f"/{blob.name}":
                    yield FileInfo(f"az://{container}/{blob.name}", blob.size, _etag(blob.etag))

    def stat(self, path: str) -> FileInfo | None:
        found = self._properties(path) if _parse(path)[1] else None
        return FileInfo(path, found.size, _etag(found.etag)) if found else None

    def _properties(self, path: str) -> Any:
        """Size, ETag and metadata of a blob; None where there is none."""
        blob = self._blob(path)
        try:
            with _explained("look at", path):
                found = blob.get_blob_properties()
        except Missing:
            container = _parse(path)[0]
            with _explained(
                "look at", path
            ):  # HEAD answers 404 for a missing container and for a missing blob
                self._container(container).get_container_properties()
            return None
        return None if (found.metadata or {}).get("hdi_isfolder") else found

    # -- reading -------------------------------------------------------------------------------------

    def open(self, path: str) -> BinaryIO:
        info = self.stat(path)
        if info is None:
            raise Missing(f"cannot read {path}: no such blob")
        return flat.stream(info, lambda start, stop, etag: self._pieces(path, start, stop - start, etag))

    def _pieces(self, path: str, start: int, length: int, etag: str) -> Iterator[bytes]:
        condition = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}
        with _explained("read", path):
            yield from self._blob(path).download_blob(offset=start, length=length, **condition).chunks()

    def read(self, path: str) -> bytes:
        return self._read(path)

    def _read(self, path: str, **part: int) -> bytes:
        """The library tries requests again, but not where the answer to a download breaks off that says what
        is wrong."""
        for attempt in count():
            try:
                with _explained("read", path):
                    return bytes(self._blob(path).download_blob(**part).readall())
            except StorageError as error:
                cut = isinstance(error.__cause__, HttpResponseError) and not _status(error)
                if not cut or attempt + 1 >= self._settings.max_attempts:
                    raise
            time.sleep(_pause(attempt))
        raise AssertionError

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        if not length:
            return b""
        try:
            return self._read(path, offset=offset, length=length)
        except StorageError as error:
            if _status(error) == 416:  # the range starts at or after the end
                return b""
            raise

    # -- writing -------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes, expect: str | None = None) -> str:
        return self._put(path, io.BytesIO(data), len(data), expect)

    @contextmanager
    def stage(self, path: str) -> Iterator[Path]:
        with spool(path) as directory, full_explained(str(directory)):
            yield directory / temporary_name(path.rpartition("/")[2])

    def publish(self, local: Path, path: str, expect: str | None = None) -> str:
        if not local.exists():
            raise StorageError(f"cannot write {path}: nothing was written to its temporary file")
        with local.open("rb") as stream:
            return self._put(path, stream, local.stat().st_size, expect)

    def _put(self, path: str, stream: BinaryIO, size: int, expect: str | None) -> str:
        """Upload with one request, or in blocks that a last request joins. Returns the ETag.

        If the answer to a conditional request is lost, the next attempt finds the blob of the first one: a
        mark in the metadata shows that it is our own.
        """
        options: dict[str, Any] = {"length": size, "overwrite": True, "max_concurrency": 1}
        mark = uuid.uuid4().hex
        if expect is not None:
            options |= _condition(expect) | {"metadata": {_MARK: mark}}
        try:
            with _explained("write", path):
                return _etag(self._blob(path).upload_blob(stream, **options)["etag"])
        except StorageError as error:
            if expect is None or _status(error) not in (*_REFUSED, 404):
                raise
        found = self._properties(path)
        if found is not None and (found.metadata or {}).get(_MARK) == mark:
            return _etag(found.etag)
        raise Conflict(path)

    def delete(self, path: str, expect: str | None = None) -> None:
        try:
            with _explained("delete", path):
                self._blob(path).delete_blob(**(_condition(expect) if expect else {}))
        except Missing:
            return
        except StorageError as error:
            if not expect or _status(error) not in _REFUSED:
                raise
            if self._properties(path) is not None:
                raise Conflict(path) from None

    def move(self, old: str, new: str) -> None:
        """Copies through this machine: the service may answer a copy request before the copy is done."""
        info = self.stat(old)
        if info is None:
            raise Missing(f"cannot copy {old}: no such blob")
        with self.open(old) as stream:
            self._put(new, stream, info.size, "")
        self.delete(old)

    def sweep(
        self, prefix_dir: str, upload_age_s: float, ours: Callable[[str], bool] | None, deep: bool
    ) -> int:
        # blocks that were never joined are not listed, and the service drops them after a week
        return clear_spools()

    def check_writable(self, directory: str) -> None:
        # replacing a version that does not exist: checks permissions and changes nothing
        path = f"{directory.rstrip('/')}/{TEMP_PREFIX}probe"
        with suppress(Conflict):
            self.write(path, b"", "0x0")
            self.delete(path)

    # -- connecting ----------------------------------------------------------------------------------

    def _container(self, name: str) -> ContainerClient:
        if self._service is None:
            self._service = _connect(self._settings)
        return self._service.get_container_client(name)

    def _blob(self, path: str) -> Any:
        container, key = _parse(path)
        return self._container(container).get_blob_client(key)


def _parse(path: str) -> tuple[str, str]:
    container, _, key = path.removeprefix("az://").partition("/")
    if not container:
        raise StorageError(f"{path}: no container; write az://container/path")
    return container, key


def _connect(settings: AzureSettings) -> BlobServiceClient:
    """Finds credentials as Azure's own tools do: a connection string, or else an account with a key, a shared
    access signature, or whatever ``DefaultAzureCredential`` finds (a login, a managed identity)."""
    options: dict[str, Any] = {
        "max_single_put_size": SINGLE_PUT,
        "max_block_size": BLOCK,
        "max_single_get_size": PIECE,
        "max_chunk_get_size": PIECE,
        "connection_timeout": settings.timeout_s,
        "read_timeout": settings.timeout_s,
        "retry_policy": _Retry(retry_total=settings.max_attempts - 1),
    }
    given = os.environ.get
    try:
        if (text := given("AZURE_STORAGE_CONNECTION_STRING")) and not settings.account:
            return BlobServiceClient.from_connection_string(text, **options)
        account = settings.account or given("AZURE_STORAGE_ACCOUNT")
        if not account:
            raise StorageError(
                "az:// needs an account: set storage.azure.account or AZURE_STORAGE_ACCOUNT (and "
                "AZURE_STORAGE_KEY or a login), or AZURE_STORAGE_CONNECTION_STRING"
            )
        credential: Any = given("AZURE_STORAGE_KEY") or given("AZURE_STORAGE_SAS_TOKEN")
        if not credential and not settings.anonymous:
            from azure.identity import DefaultAzureCredential

            credential = DefaultAzureCredential()
        url = f"https://{account}.blob.core.windows.net"
        return BlobServiceClient(url, credential=credential or None, **options)
    except (ValueError, ModuleNotFoundError) as error:
        raise StorageError(f"cannot set up az://: {error}") from error


def _condition(expect: str) -> dict[str, Any]:
    if expect:
        return {"etag": f'"{expect}"', "match_condition": MatchConditions.IfNotModified}
    return {"match_condition": MatchConditions.IfMissing}


@contextmanager
def _explained(action: str, path: str) -> Iterator[None]:
    """Turns what the library raises into a StorageError about ``path``."""
    try:
        yield
    except HttpResponseError as error:
        code, status = getattr(error, "error_code", None) or "", error.status_code or 0
        code = str(getattr(code, "value", code))
        message = (error.message or "").splitlines()
        reason = _REASONS.get(code, code or (message[0] if message else f"status {status}"))
        what = f"cannot {action} {path}: {reason}"
        if code == "BlobNotFound" or (status == 404 and code != "ContainerNotFound"):
            raise Missing(what) from error
        raise StorageError(what, retryable=status >= 500 or status == 429) from error
    except AzureError as error:  # no answer at all, or no credentials
        reason = " ".join(str(error).split())[:300]
        raise StorageError(f"cannot {action} {path}: {reason}", retryable=True) from error


def _status(error: StorageError) -> int:
    return getattr(error.__cause__, "status_code", None) or 0


def _etag(etag: str | None) -> str:
    return (etag or "").strip('"')
