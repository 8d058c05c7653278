"""A real S3 endpoint on loopback, and a proxy in front of it that misbehaves on purpose.

``S3Server`` runs moto's server in a process of its own. ``FaultProxy`` stands before it (or any S3) and, for
a share of the requests, answers 503 SlowDown, or cuts the connection: in the middle of the request's body
(the server never hears of it), or in the middle of the answer (the server has done it). Which requests is
drawn from a seeded generator, one draw each in order of arrival, so a single-threaded client sees the same
faults every time. Other processes reach both by URL: ``python -m tests.s3_server --unavailable 0.1`` prints
the two addresses as one line of JSON and serves until its standard input closes.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any, NamedTuple, Self
from unittest import SkipTest
from urllib.parse import urlsplit

#: What clients of the server need in their environment; any credentials do.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
#: Keys on one page of a listing: few, so that every test turns pages (AWS: 1000).
PAGE = 50
BLOCK = 64 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length", "server", "date"}
SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


class S3Server:
    """moto's S3 in a process of its own; empty at the start, gone at the end. Use as a context manager."""

    endpoint: str

    def __enter__(self) -> S3Server:
        if not (find_spec("moto") and find_spec("flask")):
            raise SkipTest("needs moto and Flask, a local S3 endpoint")  # pytest skips, a benchmark stops
        for _ in range(3):  # the port may be taken between looking and using it
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | ENVIRONMENT | {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)},
            )
            self.endpoint = f"http://127.0.0.1:{port}"
            if self._answers(port):
                return self
            self.__exit__()
        raise RuntimeError("moto's server does not start; are moto and Flask installed?")

    def _answers(self, port: int) -> bool:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return True
            except OSError:
                time.sleep(0.05)
        return False

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def client(self) -> Any:
        """A plain boto3 client, straight to the server."""
        import boto3

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            region_name=ENVIRONMENT["AWS_DEFAULT_REGION"],
        )

    def make_bucket(self, name: str) -> str:
        """Creates a bucket and returns ``s3://name``."""
        self.client().create_bucket(Bucket=name)
        return f"s3://{name}"


class Handled(NamedTuple):
    """One request as the proxy saw it; ``fault`` is None where it was passed on and answered whole."""

    method: str
    path: str
    signed: bool
    fault: str | None


class FaultProxy:
    """HTTP/1.1 proxy in a thread. ``unavailable`` and ``cut`` are shares of all requests, 0 to 1. Every PUT
    goes on ``delay`` seconds after it came, also if who sent it is gone by then. Every request waits for
    ``latency`` seconds.

    The shares may be changed while it runs. ``handled`` lists what went through.
    """

    def __init__(
        self,
        upstream: str,
        *,
        unavailable: float = 0.0,
        cut: float = 0.0,
        seed: int = 0,
        delay: float = 0.0,
        latency: float = 0.0,
    ) -> None:
        self.delay, self.latency = delay, latency
        self.unavailable = unavailable
        self.cut = cut
        self.upstream = urlsplit(upstream).netloc
        self.handled: list[Handled] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def faults(self) -> Counter[str]:
        """How many requests met which fault."""
        return Counter(one.fault for one in self.handled if one.fault)

    def draw(self, method: str, path: str, signed: bool, has_body: bool) -> tuple[str | None, float]:
        """The fault of the next request, and how much of the body (0 to 1) goes through before a cut."""
        with self._lock:
            chance, kind, share = (self._random.random() for _ in range(3))
            fault = None
            if chance < self.unavailable:
                fault = "unavailable"
            elif chance < self.unavailable + self.cut:
                fault = "cut request" if has_body and kind < 0.5 else "cut answer"
            self.handled.append(Handled(method, path, signed, fault))
            return fault, share


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: FaultProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nobody's mistake here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.send_error(411)
            return
        time.sleep(self.server.proxy.latency)
        if self.command == "PUT" and self.server.proxy.delay:
            body = self.rfile.read(length)
            time.sleep(self.server.proxy.delay)
            self.rfile, self.close_connection = io.BytesIO(body), True
        signed = "Authorization" in self.headers
        fault, share = self.server.proxy.draw(self.command, self.path, signed, length > 0)
        if fault == "cut request":
            self._drop(length, int(length * share))
        elif fault == "unavailable":
            self._drop(length, length)
            self._answer(503, [("Content-Type", "application/xml")], SLOW_DOWN, len(SLOW_DOWN))
        else:
            self._pass_on(length, share if fault else None)
        if fault and fault.startswith("cut"):
            self._cut(abruptly=share < 0.5)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle

    def _drop(self, length: int, until: int) -> None:
        while until > 0 and (block := self.rfile.read(min(BLOCK, until))):
            until -= len(block)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _pass_on(self, length: int, cut_at: float | None) -> None:
        """Sends the request on and the answer back: all of it, or its start if ``cut_at`` is given."""
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        upstream = http.client.HTTPConnection(self.server.proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(length))
            upstream.endheaders()
            left = length
            while left and (block := self.rfile.read(min(BLOCK, left))):
                upstream.send(block)
                left -= len(block)
            answer = upstream.getresponse()
            kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP]
            size = int(answer.headers.get("Content-Length") or 0)
            if (
                answer.length is None and self.command != "HEAD"
            ):  # no length given: it ends with the connection
                body = answer.read()
                self._answer(answer.status, kept, body[: int(len(body) * (cut_at or 1))], len(body))
                return
            has_body = self.command != "HEAD" and size > 0
            if cut_at is not None and not has_body:
                return  # the server has done it, and nobody will know
            until = size if cut_at is None else int(size * cut_at)
            self._answer(answer.status, kept, b"", size)
            while has_body and until > 0 and (block := answer.read(min(BLOCK, until))):
                self.wfile.write(block)
                until -= len(block)
        finally:
            upstream.close()

    def _cut(self, abruptly: bool) -> None:
        """Ends the connection: with a reset, or as if all had been said."""
        self.close_connection = True
        self.wfile.flush()
        if abruptly:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--unavailable", type=float, default=0.0)
    parser.add_argument("--cut", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bucket", action="append", default=[])
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that moto's process goes too
    shares = {"unavailable": options.unavailable, "cut": options.cut}
    with S3Server() as server, FaultProxy(server.endpoint, **shares, seed=options.seed) as proxy:
        for bucket in options.bucket:
            server.make_bucket(bucket)
        print(json.dumps({"endpoint": proxy.endpoint, "direct": server.endpoint}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
