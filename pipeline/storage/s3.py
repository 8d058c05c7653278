"""S3 objects: listing, reading by ranges, publishing with one request.

What the service guarantees: an object appears whole or not at all, with one PUT or with the request that
completes a multipart upload. A PUT or DELETE with a condition (``If-Match``, ``If-None-Match``) is refused if
another version is there. Reads and listings see every write that was answered. The ETag of an object that was
written with one PUT is the MD5 of its bytes. If a service answers that it does not support conditions,
versions are compared just before each write instead, so a short moment is not covered. If it ignores
conditions without saying so (Google's endpoint for S3 clients), writes are unconditional.

Knows which requests make up a listing, a read and an upload, and how to continue a response that broke off.
Does not know how a request is retried (``pipeline.storage.requests``), or what is in the objects. Other
modules use it through ``pipeline.storage.store``.
"""

from __future__ import annotations

import builtins
import datetime
import io
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import urllib3.exceptions

from pipeline.storage import flat
from pipeline.storage.errors import Conflict, Missing, StorageError, full_explained
from pipeline.storage.names import TEMP_PREFIX, temporary_name
from pipeline.storage.patterns import MAGIC
from pipeline.storage.requests import FAILURES, Address, Requests, error_code
from pipeline.storage.settings import S3Settings
from pipeline.storage.spool import clear_spools, spool
from stages.base import MIB, FileInfo

#: Larger files are uploaded in parts, which S3 joins in one step at the end.
SINGLE_PUT = 64 * MIB
PART = 16 * MIB
MAX_PARTS = 10_000  # S3 limit
PIECE = 256 * 1024

#: Codes for a condition that does not hold, and from services without conditional writes.
_REFUSED = frozenset({"PreconditionFailed", "412", "NoSuchKey", "404"})
_NO_CONDITIONS = frozenset({"NotImplemented", "501"})

_Options = Mapping[str, Any]
_RANGE = re.compile(r"bytes \d+-(\d+)/.*")


class S3:
    """S3 with one set of settings; methods as in ``pipeline.storage.store.Storage``."""

    def __init__(self, settings: S3Settings) -> None:
        self._requests = Requests(settings)
        self._buckets: set[str] = set()  # buckets known to exist
        self._conditions = True  # whether the service supports conditional writes, as far as is known

    # -- listing -------------------------------------------------------------------------------------

    def _objects(self, prefix: Address, after: str = "") -> Iterator[FileInfo]:
        """Every object whose key starts with ``prefix.key``, without unfinished files of ours; with
        ``after``, those with larger keys."""
        more: dict[str, str] = {"StartAfter": after} if after else {}
        while True:
            page = self._requests.send("list", prefix, "list_objects_v2", Prefix=prefix.key, **more)
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                # some tools create keys that end in a slash to represent directories
                if not key.endswith("/") and f"/{TEMP_PREFIX}" not in f"/{key}":
                    yield FileInfo(str(Address(prefix.bucket, key)), entry["Size"], _etag(entry))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def glob(self, pattern: str) -> list[FileInfo]:
        at = Address.parse(pattern)
        if MAGIC.search(at.bucket):
            raise StorageError(f"{pattern}: wildcards do not work in the name of a bucket")
        matching = flat.glob(*self._parted(at), lambda prefix: self._objects(Address(at.bucket, prefix)))
        if matching is None:
            found = self.stat(pattern)
            return [found] if found else []
        return matching

    def base(self, pattern: str) -> str:
        return flat.base(*self._parted(Address.parse(pattern)))

    def _parted(self, at: Address) -> tuple[str, str, flat.Exists]:
        """The address of the bucket, the key, and whether there is something of another key."""

        def exists(key: str) -> bool:
            below = self._requests.send("list", at, "list_objects_v2", Prefix=f"{key}/", MaxKeys=1)
            return bool(below.get("Contents")) or self._head(Address(at.bucket, key)) is not None

        return str(Address(at.bucket, "")), at.key, exists

    def list(self, prefix_dir: str) -> builtins.list[FileInfo]:
        return sorted(self._objects(Address.directory(prefix_dir)))

    ranged = True

    def begins(self, prefix: str, after: str, until: str) -> builtins.list[FileInfo]:
        found = []
        for info in self._objects(Address.parse(prefix), Address.parse(after).key if after else ""):
            if until and info.path > until:
                break
            found.append(info)
            if info.path == until:
                break  # the next page is of others
        return sorted(found)

    def scan(self, directory: str) -> Iterator[FileInfo]:
        return self._objects(Address.directory(directory))

    def stat(self, path: str) -> FileInfo | None:
        at = Address.parse(path)
        head = self._head(at) if at.key else None
        return FileInfo(path, head["ContentLength"], _etag(head)) if head else None

    def _head(self, at: Address) -> Any:
        """The answer to HEAD; None if there is no such object."""
        try:
            return self._requests.send("look at", at, "head_object", Key=at.key)
        except StorageError as error:
            if error_code(error) in ("400", "403"):
                self._ask_why(at)
            if error_code(error) not in ("404", "NoSuchKey"):
                raise
            self._require_bucket(at)
            return None

    def _ask_why(self, at: Address) -> None:
        """Find out why HEAD failed: unlike GET, its answers have no body that says so."""
        with closing(self._requests.send("look at", at, "get_object", Key=at.key, Range="bytes=0-0")["Body"]):
            pass

    def _require_bucket(self, at: Address) -> None:
        """Tells a missing bucket from a missing object: HEAD on the object answers 404 for both."""
        if at.bucket in self._buckets:
            return
        try:
            self._requests.send("look at", at, "head_bucket")
        except StorageError as error:
            if error_code(error) in ("404", "NoSuchBucket"):
                raise StorageError(
                    f"cannot look at {at}: there is no such bucket; check its name, and storage.s3.endpoint"
                ) from error
            if error_code(error) != "403":  # the bucket exists, but we may not list it
                raise
        self._buckets.add(at.bucket)

    # -- reading -------------------------------------------------------------------------------------

    def pieces(self, at: Address, start: int, stop: int | None, etag: str | None) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop`` (or the end), in pieces; continues if an answer breaks off.

        Fewer if the object ends before. ``etag`` names the version; without it, that of the first answer is
        used for all.
        """
        failures = 0
        while stop is None or start < stop:
            options: dict[str, Any] = {} if etag is None else {"IfMatch": f'"{etag}"'}
            options["Range"] = f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"
            body = None
            try:
                answer = self._requests.send_once(at, "get_object", Key=at.key, **options)
                body, etag = answer["Body"], _etag(answer)
                if start and "ContentRange" not in answer:
                    raise StorageError(f"cannot read {at}: the service does not support byte ranges")
                # compares with what was asked for, since a proxy may cut an answer and adapt its length
                promised = _RANGE.fullmatch(answer.get("ContentRange", ""))
                end = int(promised[1]) + 1 if promised else start + answer["ContentLength"]
                stop = end if stop is None else min(stop, end)
                while start < stop and (piece := body.read(min(PIECE, stop - start))):
                    start += len(piece)
                    failures = 0
                    yield piece
                if start < stop:
                    raise urllib3.exceptions.ProtocolError(f"the answer ends at byte {start} of {stop}")
            except FAILURES as error:
                if error_code(error) in ("InvalidRange", "416"):
                    return  # the range starts at or after the end
                failures += 1
                self._requests.wait_or_raise(error, failures, "read", at)
            finally:
                if body is not None:
                    body.close()

    def open(self, path: str) -> BinaryIO:
        info = self.stat(path)
        if info is None:
            raise Missing(f"cannot read {path}: there is no such object")
        at = Address.parse(path)
        return flat.stream(info, lambda start, stop, etag: self.pieces(at, start, stop, etag))

    def read(self, path: str) -> bytes:
        return b"".join(self.pieces(Address.parse(path), 0, None, None))

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        return b"".join(self.pieces(Address.parse(path), offset, offset + length, None))

    # -- writing -------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes, expect: str | None = None) -> str:
        return self._put(Address.parse(path), io.BytesIO(data), len(data), expect)

    @contextmanager
    def stage(self, path: str) -> Iterator[Path]:
        with spool(path) as directory, full_explained(str(directory)):
            yield directory / temporary_name(Address.parse(path).key.rpartition("/")[2])

    def publish(self, local: Path, path: str, expect: str | None = None) -> str:
        if not local.exists():
            raise StorageError(f"cannot write {path}: nothing was written to its temporary file")
        with local.open("rb") as stream:
            return self._put(Address.parse(path), stream, local.stat().st_size, expect)

    def _put(self, at: Address, stream: BinaryIO, size: int, expect: str | None) -> str:
        """Upload with one request, or in parts that a last request joins. Returns the etag.

        If the answer to a conditional request is lost, the next attempt finds the object of the first one: a
        mark in the metadata shows that it is our own.
        """
        put = self._put_once if size <= SINGLE_PUT else self._upload
        if expect is None:
            return put(at, stream, size, {}, {})
        mark = {"nanocorpus-put": uuid.uuid4().hex}
        condition = {"IfMatch": f'"{expect}"'} if expect else {"IfNoneMatch": "*"}
        try:
            if self._conditions:
                return put(at, stream, size, {"Metadata": mark}, condition)
        except StorageError as error:
            if error_code(error) not in (*_REFUSED, *_NO_CONDITIONS):
                raise
            self._conditions = error_code(error) in _REFUSED
        head = self._head(at)
        if head is not None and head.get("Metadata", {}).items() >= mark.items():
            return _etag(head)
        if self._conditions or ("" if head is None else _etag(head)) != expect:
            raise Conflict(str(at))
        stream.seek(0)
        return put(at, stream, size, {}, {})

    def _put_once(self, at: Address, stream: BinaryIO, size: int, more: _Options, condition: _Options) -> str:
        answer = self._requests.send("write", at, "put_object", Key=at.key, Body=stream, **more, **condition)
        return _etag(answer)

    def _upload(self, at: Address, stream: BinaryIO, size: int, more: _Options, condition: _Options) -> str:
        """Multipart upload, part after part.

        If the answer to the last request is lost, the service has completed the upload and no longer knows
        it; then everything is uploaded again, which gives the same object.
        """
        part_size = max(PART, -(-size // MAX_PARTS))
        left = 2
        while True:
            stream.seek(0)
            try:
                return self._upload_once(at, stream, part_size, more, condition)
            except StorageError as error:
                if error_code(error) != "NoSuchUpload" or not left:
                    raise
            left -= 1

    def _upload_once(
        self, at: Address, stream: BinaryIO, part_size: int, more: _Options, condition: _Options
    ) -> str:
        send = self._requests.send
        upload = {"Key": at.key}
        upload["UploadId"] = send("write", at, "create_multipart_upload", **upload, **more)["UploadId"]
        parts: list[dict[str, Any]] = []
        try:
            while body := stream.read(part_size):
                number = len(parts) + 1
                part = send("write", at, "upload_part", **upload, PartNumber=number, Body=body)
                parts.append({"PartNumber": number, "ETag": part["ETag"]})
            whole = {"MultipartUpload": {"Parts": parts}}
            return _etag(send("write", at, "complete_multipart_upload", **upload, **whole, **condition))
        except BaseException:
            with suppress(StorageError):  # if this fails, ``sweep`` removes the upload later
                send("write", at, "abort_multipart_upload", **upload)
            raise

    def delete(self, path: str, expect: str | None = None) -> None:
        at = Address.parse(path)
        condition = {"IfMatch": f'"{expect}"'} if expect and self._conditions else {}
        try:
            self._requests.send("delete", at, "delete_object", Key=at.key, **condition)
        except StorageError as error:
            if not condition or error_code(error) not in (*_REFUSED, *_NO_CONDITIONS):
                raise
            head = self._head(at)
            if head is None:
                return
            if error_code(error) in _REFUSED or _etag(head) != expect:
                raise Conflict(str(at)) from None
            self._conditions = False
            self._requests.send("delete", at, "delete_object", Key=at.key)

    def move(self, old: str, new: str) -> None:
        source, target = Address.parse(old), Address.parse(new)
        if self._head(target) is not None:
            raise Conflict(str(target))
        copied = {"Bucket": source.bucket, "Key": source.key}
        self._requests.send("copy", target, "copy", Key=target.key, CopySource=copied)
        self.delete(old)

    def sweep(
        self, prefix_dir: str, upload_age_s: float, ours: Callable[[str], bool] | None, deep: bool
    ) -> int:
        at = Address.directory(prefix_dir)
        found = clear_spools()
        if not deep:
            return found
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=upload_age_s)
        more: dict[str, str] = {}
        while True:
            page = self._requests.send("list", at, "list_multipart_uploads", Prefix=at.key, **more)
            for upload in page.get("Uploads", ()):
                path = str(Address(at.bucket, upload["Key"]))
                if upload["Initiated"] > before or not (ours is None or ours(path)):
                    continue
                names = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                try:
                    self._requests.send("delete", at, "abort_multipart_upload", **names)
                except StorageError as error:
                    if error_code(error) != "NoSuchUpload":
                        raise
                found += 1
            if not page.get("IsTruncated"):
                return found
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def check_writable(self, directory: str) -> None:
        # replacing a version that does not exist: checks permissions and changes nothing
        at = Address.parse(f"{Address.directory(directory)}{TEMP_PREFIX}probe")
        try:
            self._requests.send("write", at, "put_object", Key=at.key, Body=b"", IfMatch=f'"{"0" * 32}"')
        except StorageError as error:
            if error_code(error) not in (*_REFUSED, *_NO_CONDITIONS):
                raise
            if error_code(error) in _NO_CONDITIONS:
                self._conditions = False
                self.write(str(at), b"")
        self.delete(str(at))


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')
