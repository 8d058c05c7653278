"""Azure Blob Storage, on Azurite: what only it has. What every store promises is in ``test_store.py``."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import call, hashes, toy_config

from pipeline.storage import AzureSettings, Conflict, Missing, Storage, StorageError, StorageSettings
from tests.azurite import Azurite, make_container
from tests.s3_server import FaultProxy

MIB = 1 << 20
VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"


@pytest.fixture(scope="module")
def azurite() -> Iterator[Azurite]:
    with Azurite() as running:
        yield running


@pytest.fixture
def container(azurite: Azurite, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(VARIABLE, azurite.connection(azurite.endpoint))
    return make_container(request.node.name.replace("_", "-")[:60])


def through(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Storage:
    monkeypatch.setattr("pipeline.storage.azure.FIRST_PAUSE_S", 0.002)
    monkeypatch.setenv(VARIABLE, Azurite.connection(proxy.endpoint))
    return Storage()


def test_large_and_small_files_through_faults(
    azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pipeline.storage.azure.SINGLE_PUT", MIB)
    monkeypatch.setattr("pipeline.storage.azure.BLOCK", MIB)
    data = random.Random(0).randbytes(5 * MIB + 1)
    with FaultProxy(azurite.endpoint, unavailable=0.1, cut=0.2, seed=1) as proxy:
        storage = through(proxy, monkeypatch)
        path = f"{container}/big"
        with storage.stage(path) as local:
            local.write_bytes(data)
            first = storage.publish(local, path, "")
            with pytest.raises(Conflict):
                storage.publish(local, path, "")
            second = storage.publish(local, path, first)
        # an answer may get lost, and the next attempt then meets its own blob
        versions = [""]
        for number in range(20):
            versions.append(storage.write(f"{container}/small", str(number).encode(), versions[-1]))
        assert storage.read(path) == data
        with storage.open(path) as stream:
            assert b"".join(iter(lambda: stream.read(300_001), b"")) == data
        for _ in range(30):  # the answer that there is none may break off, too
            with pytest.raises(Missing):
                storage.read(f"{container}/none")
        assert proxy.faults.total() > 10
    monkeypatch.setenv(VARIABLE, Azurite.connection(azurite.endpoint))
    assert len(set(versions)) == 21
    assert second != first
    assert [info.size for info in Storage().list(container)] == [len(data), 2]


def test_a_run_gives_the_bytes_that_it_gives_on_disk(
    azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = toy_config(tmp_path, files=2)
    call("run", "-c", config, "--executor", "inline")
    for path in (tmp_path / "in").iterdir():
        Storage().write(f"{container}/in/{path.name}", path.read_bytes())
    with FaultProxy(azurite.endpoint, unavailable=0.05, cut=0.05, seed=3) as proxy:
        through(proxy, monkeypatch)
        moved = (
            "--set", f"output={container}/out", "--set", f"datasets.web.read.paths=['{container}/in/*.jsonl']"
        )  # fmt: skip
        call("run", "-c", config, "--executor", "inline", *moved)
        assert proxy.faults.total() > 5
        again = call("run", "-c", config, "--executor", "inline", *moved)
        assert "0 parts computed" in again.stderr
    monkeypatch.setenv(VARIABLE, Azurite.connection(azurite.endpoint))
    storage, copy = Storage(), tmp_path / "copy"
    for info in storage.list(f"{container}/out"):
        path = copy / info.path.removeprefix(f"{container}/out/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(storage.read(info.path))
    assert hashes(copy) == hashes(tmp_path / "out")


def test_what_is_wrong_is_named(azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage()
    for ask in (storage.list, storage.stat, storage.read, storage.check_writable):
        with pytest.raises(StorageError, match=r"az://nowhere-here.*there is no such container"):
            ask("az://nowhere-here/file")
    with pytest.raises(StorageError, match="wildcards do not work in the name of a container"):
        storage.glob("az://cont*/x")
    with pytest.raises(StorageError, match="no container"):
        storage.stat("az:///x")
    wrong = azurite.connection(azurite.endpoint).replace("AccountKey=Eby8", "AccountKey=Eby9")
    monkeypatch.setenv(VARIABLE, wrong)
    with pytest.raises(StorageError, match="access denied; check the credentials") as caught:
        Storage().list(container)
    assert not caught.value.retryable


def test_a_service_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azure.storage.blob", reason="needs azure-storage-blob")
    monkeypatch.setattr("pipeline.storage.azure.FIRST_PAUSE_S", 0.002)
    monkeypatch.setenv(VARIABLE, Azurite.connection("http://127.0.0.1:9"))
    with pytest.raises(StorageError, match=r"cannot write az://c/out.*127\.0\.0\.1") as caught:
        Storage().check_writable("az://c/out")
    assert caught.value.retryable


def test_an_account_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azure.storage.blob", reason="needs azure-storage-blob")
    for name in (VARIABLE, "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match=r"set storage\.azure\.account or AZURE_STORAGE_ACCOUNT"):
        Storage().list("az://container/out")
    # reading what is public needs an account and nothing else
    settings = StorageSettings(azure=AzureSettings(account="open", anonymous=True))
    assert Storage(settings).list.__self__.settings.azure.account == "open"


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pipeline.storage.azure", raising=False)
    monkeypatch.setitem(sys.modules, "azure.core", None)
    with pytest.raises(StorageError, match=r"pip install 'nanocorpus\[cloud\]'"):
        Storage().list("az://container/out")
