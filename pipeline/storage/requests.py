"""Requests to S3: connecting, retrying, and explaining failures.

Knows boto3's clients, which failures are transient, and how to explain them. Does not know what the requests
are for (``pipeline.storage.s3`` does).

All retries are made here; those of botocore are switched off, for three reasons. They do not cover a response
that breaks off while its body is read. They draw on a quota that a long series of errors uses up, after which
the first error of a request is final (seen after 132 requests when two connections in five were cut). And
their adaptive mode takes every refusal for a sign of overload: with one request in ten refused at random, a
request took 210 ms, against 66 ms in the standard mode and 12 ms here. Here a request has ``max_attempts``,
and waits between them a random time of up to 0.2 s, 0.4 s, … 20 s ("full jitter", so that workers that were
refused together do not come back together). Ten attempts cover about half a minute.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from typing import Any, NamedTuple

import boto3
import urllib3.exceptions
from botocore import UNSIGNED
from botocore import exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError

from pipeline.storage import pages
from pipeline.storage.errors import Missing, StorageError, StorageFull
from pipeline.storage.settings import S3Settings

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 20.0
CONNECT_TIMEOUT_S = 10.0
#: Attempts at a service that has never answered: its address is probably wrong.
FIRST_CONTACT_ATTEMPTS = 3

#: Exceptions that a request can raise.
FAILURES = (aws.ClientError, aws.BotoCoreError, ResponseParserError, urllib3.exceptions.HTTPError)
_CUT = (aws.HTTPClientError, aws.IncompleteReadError, ResponseParserError, urllib3.exceptions.HTTPError)
_UNREACHABLE = (
    aws.EndpointConnectionError,
    aws.ConnectTimeoutError,
    aws.ProxyConnectionError,
    aws.SSLError,
)
# in addition to every status of 500 and above
_TRANSIENT_CODES = frozenset(
    {
        "429",
        "BandwidthLimitExceeded",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
    }
)
_FULL_CODES = frozenset({"QuotaExceeded", "XMinioStorageFull"})  # Ceph, MinIO

_NO_BUCKET = "there is no such bucket; check its name, and storage.s3.endpoint"
_NO_OBJECT = "there is no such object"
_CHANGED = "it changed while it was read; start again when nothing writes to it"
_REGION = "the bucket is in another region; set storage.s3.region"
_REASONS = {
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": "that is not a valid name for a bucket",
    "NoSuchKey": _NO_OBJECT,
    "404": _NO_OBJECT,
    "PreconditionFailed": _CHANGED,
    "412": _CHANGED,
    "NoSuchUpload": "the upload was aborted, or completed by someone else",
    "InvalidAccessKeyId": "the service does not know these credentials; check them and storage.s3.endpoint",
    "SignatureDoesNotMatch": "the secret key is wrong, or something on the way changes requests",
    "ExpiredToken": "the credentials have expired; get new ones and start again",
    "InvalidToken": "the session token is not valid; get new credentials",
    "TokenRefreshRequired": "the credentials have expired; get new ones and start again",
    "RequestExpired": "the request was signed too long ago: is the clock of this machine wrong?",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it and start again",
    "InvalidObjectState": "it is archived; restore it first, or read a copy in another storage class",
}


_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class Address(NamedTuple):
    """``s3://bucket/key``; the key may be empty."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, path: str) -> Address:
        bucket, _, key = path.removeprefix("s3://").partition("/")
        if not bucket:
            raise StorageError(f"{path}: no bucket; write s3://bucket/key")
        return cls(bucket, key)

    @classmethod
    def directory(cls, path: str) -> Address:
        """With the key as the prefix of everything below: empty, or ending in a slash."""
        bucket, key = cls.parse(path)
        key = key.rstrip("/")
        return cls(bucket, f"{key}/" if key else "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def error_code(error: BaseException | None) -> str:
    """The S3 error code, or the HTTP status if the answer had no body.

    "" for other errors. A ``StorageError`` has the code of what caused it.
    """
    if isinstance(error, StorageError):
        error = error.__cause__
    if not isinstance(error, aws.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error_code(error) in _FULL_CODES or status == 501:
            return False
        return status >= 500 or error_code(error) in _TRANSIENT_CODES
    if isinstance(error, aws.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return isinstance(error, (*_CUT, aws.ConnectionError))


class Requests:
    """Sends requests with one set of settings. Safe to share between threads and across a fork."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[tuple[int, bool], Any] = {}
        self._answered = False
        self._random = random.Random()  # used for pauses only; results do not depend on it

    def send(self, action: str, at: Address, method: str, **options: Any) -> Any:
        """The answer of a client method about ``at.bucket``, after as many attempts as it takes and is
        allowed. ``action`` is the verb of the message: "cannot <action> s3://…"."""
        failures = 0
        while True:
            try:
                return self.send_once(at, method, **options)
            except FAILURES as error:
                failures += 1
                self.wait_or_raise(error, failures, action, at)
                if hasattr(options.get("Body"), "seek"):
                    options["Body"].seek(0)

    def send_once(self, at: Address, method: str, **options: Any) -> Any:
        """The answer to one attempt; raises one of ``FAILURES``."""
        answer = getattr(self._client(at.bucket), method)(Bucket=at.bucket, **options)
        self._answered = True
        return answer

    def wait_or_raise(self, error: Exception, failures: int, action: str, at: Address) -> None:
        """Pauses if another attempt is due after this many failures in a row; else raises StorageError."""
        allowed = self._settings.max_attempts
        if not isinstance(error, _UNREACHABLE):
            self._answered = True
        elif not self._answered:
            allowed = min(allowed, FIRST_CONTACT_ATTEMPTS)
        if not is_transient(error) or failures >= allowed:
            raise self._explain(error, failures, action, at) from error
        time.sleep(self._random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (failures - 1))))

    def _anonymous(self, bucket: str) -> bool:
        anonymous = self._settings.anonymous
        return anonymous if isinstance(anonymous, bool) else bucket in anonymous

    def _client(self, bucket: str) -> Any:
        """The client for a bucket; each process has its own, as connections do not survive a fork."""
        key = (os.getpid(), self._anonymous(bucket))
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._connect(anonymous=key[1])
            return self._clients[key]

    def _connect(self, anonymous: bool) -> Any:
        settings = self._settings
        options: dict[str, Any] = {
            "retries": {"mode": "standard", "total_max_attempts": 1},
            "connect_timeout": min(CONNECT_TIMEOUT_S, settings.timeout_s),
            "read_timeout": settings.timeout_s,
            "max_pool_connections": 16,
            "tcp_keepalive": True,
        }
        if anonymous:
            options["signature_version"] = UNSIGNED
        if settings.endpoint:  # many compatible services refuse the checksums that boto3 adds by default
            options["request_checksum_calculation"] = "when_required"
            options["response_checksum_validation"] = "when_required"
        try:
            client = boto3.session.Session().client(
                "s3", endpoint_url=settings.endpoint, region_name=settings.region, config=Config(**options)
            )
            client.meta.events.register(pages.EVENT, pages.take_objects)
            return client
        except (aws.BotoCoreError, ValueError) as error:
            raise StorageError(f"cannot set up S3: {error}; check storage.s3 and the AWS settings") from error

    def _explain(self, error: Exception, attempts: int, action: str, at: Address) -> StorageError:
        explained = self._explained(error, attempts, action, at)
        explained.args = (_CREDENTIALS.sub("…@", str(explained)),)  # from an endpoint in the environment
        return explained

    def _explained(self, error: Exception, attempts: int, action: str, at: Address) -> StorageError:
        failed = f"cannot {action} {at}"
        code = error_code(error)
        if code in _FULL_CODES:
            return StorageFull(
                f"{failed}: no space or quota left ({code}); free some, or choose another place"
            )
        if isinstance(error, _UNREACHABLE):
            where = self._settings.endpoint or "AWS"
            reason = f"no connection to {where} ({error}); check storage.s3.endpoint and the network"
        elif is_transient(error):
            reason = f"gave up after {attempts} attempts; the last one: {error}"
        elif isinstance(error, aws.ParamValidationError):
            reason = "that is not a valid bucket and key; write s3://bucket/key"
        elif isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError):
            reason = (
                "no credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or a profile or "
                "role), or storage.s3.anonymous for a public bucket"
            )
        elif code not in ("AccessDenied", "AllAccessDisabled", "403"):
            reason = _REASONS.get(code, str(error))
        elif self._anonymous(at.bucket):
            reason = "access denied without credentials; give some, and take it out of storage.s3.anonymous"
        else:
            reason = (
                "access denied; the credentials need s3:ListBucket and s3:GetObject to read, and to write "
                "s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads"
            )
        if code in ("NoSuchKey", "404"):
            return Missing(f"{failed}: {reason}")
        return StorageError(f"{failed}: {reason}", retryable=is_transient(error))
