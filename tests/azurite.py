"""Azurite, Microsoft's emulator of Azure Blob Storage, on loopback.

    npm install -g azurite

Where it is not on the path, or azure-storage-blob is not installed, what needs it is skipped.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from typing import Self
from unittest import SkipTest

#: The account that every Azurite has, and its key, which is public.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite:
    """Azurite in a process of its own; empty at the start, gone at the end. Use as a context manager."""

    endpoint: str

    @staticmethod
    def connection(endpoint: str) -> str:
        """What AZURE_STORAGE_CONNECTION_STRING is for it, or for a proxy before it."""
        return f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint}/{ACCOUNT};"

    def __enter__(self) -> Self:
        program = shutil.which("azurite-blob")
        if program is None or not find_spec("azure") or not find_spec("azure.storage.blob"):
            raise SkipTest("needs azurite-blob (npm install -g azurite) and azure-storage-blob")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [program, "--blobPort", str(port), "--silent", "--inMemoryPersistence", "--skipApiVersionCheck",
             "--disableTelemetry"],
            cwd=self._folder.name, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.1)
                continue
            self.endpoint = f"http://127.0.0.1:{port}"
            return self
        self.__exit__()
        raise RuntimeError("Azurite does not start")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def make_container(name: str) -> str:
    """A new empty container of the account in AZURE_STORAGE_CONNECTION_STRING; its address."""
    from azure.storage.blob import BlobServiceClient

    BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"]).create_container(
        name
    )
    return f"az://{name}"
