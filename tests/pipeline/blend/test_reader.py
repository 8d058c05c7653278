"""Blend weights and the training-side reader, on real shards of numbered tokens.

Every token of a document is ``document * 16 + dataset``, so that a packed sequence tells of each token where
it came from.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numbers_corpus import EOS, PHASES, SIZES, write_corpus

from pipeline.blend.reader import COLUMNS, BlendedReader
from pipeline.blend.weights import Budget, Phase
from pipeline.storage import S3Settings, Storage, StorageError, StorageSettings
from pipeline.tasks.shards import SHARD


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("corpus")
    write_corpus(output, SIZES, PHASES, Budget(tokens=12_000))
    return output


# reader


def test_rows_are_whole_and_of_the_schema(corpus: Path) -> None:
    row = next(BlendedReader(str(corpus), sequence_length=None))
    assert set(row) == {*SHARD.names, "epoch"}
    assert list(COLUMNS) == SHARD.names
    assert row["input_ids"].dtype == np.int32
    assert len(row["input_ids"]) == row["n_tokens"]
    assert len(set(row["input_ids"])) == 1
    assert row["epoch"] == 0


def test_sequences_are_documents_with_eos_between(corpus: Path) -> None:
    sequences = list(BlendedReader(str(corpus), sequence_length=100, eos=EOS))
    assert len(sequences) == 120
    assert all(s.dtype == np.int32 and s.shape == (100,) for s in sequences)
    stream = np.concatenate(sequences)
    documents = np.split(stream, np.flatnonzero(stream == EOS) + 1)[:-1]
    assert len(documents) > 200
    by_name = dict(enumerate(SIZES.values()))
    for document in documents:
        token = int(document[0])
        assert list(document) == [token] * (len(document) - 1) + [EOS]
        flat = [length for shard in by_name[token % 16] for length in shard]
        assert len(document) - 1 == flat[token // 16]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_token_fractions_follow_the_weights_at_every_moment(corpus: Path, world_size: int) -> None:
    blend = json.loads((corpus / "corpus/blend.json").read_text())
    longest = 59
    for rank in range(world_size):
        counts: Counter[str] = Counter()
        spent = 0
        end = blend["phases"][0]["until"] // world_size
        current = blend["phases"][0]
        for row in BlendedReader(str(corpus), sequence_length=None, rank=rank, world_size=world_size):
            if spent >= end and current is blend["phases"][0]:
                current, counts = blend["phases"][1], Counter()
            assert row["dataset"] in current["datasets"]
            counts[row["dataset"]] += row["n_tokens"]
            spent += row["n_tokens"]
            for name, data in current["datasets"].items():
                wanted = data["weight"] * counts.total()
                # above by one document at most; below by the share of one document of each dataset
                assert counts[name] <= wanted + longest + 1
                assert counts[name] >= wanted - data["weight"] * longest * len(current["datasets"]) - 1
        assert current is blend["phases"][1]
        assert 0 <= spent - blend["tokens"] // world_size <= longest


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shards=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    world_size=st.integers(1, 9),
    seed=st.integers(0, 2**64),
)
def test_every_epoch_gives_every_document_once_over_all_ranks(
    tmp_path_factory: pytest.TempPathFactory, shards: list[int], world_size: int, seed: int
) -> None:
    output = tmp_path_factory.mktemp("epochs")
    documents = sum(shards)
    # enough tokens that every rank finishes two epochs
    budget = Budget(tokens=3 * world_size * (documents + 1) * 10)
    phases = [Phase(phase=1, weights={"web": 1})]
    write_corpus(output, {"web": [[10] * count for count in shards]}, phases, budget)
    if documents < world_size:
        with pytest.raises(ValueError, match=f"has {documents} documents: too few for {world_size} ranks"):
            BlendedReader(str(output), world_size=world_size, sequence_length=None)
        return
    seen: dict[int, Counter[bytes]] = {0: Counter(), 1: Counter()}
    for rank in range(world_size):
        reader = BlendedReader(str(output), sequence_length=None, rank=rank, world_size=world_size, seed=seed)
        for row in reader:
            if row["epoch"] > 1:
                break
            seen[row["epoch"]][row["id"]] += 1
    for counts in seen.values():
        assert len(counts) == documents
        assert set(counts.values()) == {1}


def test_default_budget_is_every_document_once(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"web": SIZES["web"]}, [Phase(phase=1, weights={"web": 1})])
    ids = [row["id"] for row in BlendedReader(str(tmp_path), sequence_length=None)]
    assert len(ids) == len(set(ids)) == 73


def test_epochs_and_seeds_shuffle_differently(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"web": [[1] * 100] * 2}, [Phase(phase=1, weights={"web": 1})], Budget(tokens=400))
    ids = [row["id"] for row in BlendedReader(str(tmp_path), sequence_length=None)]
    assert sorted(ids[:200]) == sorted(ids[200:])
    assert ids[:200] != ids[200:]
    assert ids[:200] != sorted(ids[:200])
    again = [row["id"] for row in BlendedReader(str(tmp_path), sequence_length=None)]
    assert again == ids
    other = [row["id"] for row in BlendedReader(str(tmp_path), sequence_length=None, seed=6)]
    assert other != ids


def test_order_is_that_of_the_raw_generator(tmp_path: Path) -> None:
    """Pinned, so that a change of NumPy or of this code cannot reorder corpora in silence."""
    write_corpus(tmp_path, {"web": [[1] * 9]}, [Phase(phase=1, weights={"web": 1})])
    order = [int(row["input_ids"][0]) // 16 for row in BlendedReader(str(tmp_path), sequence_length=None)]
    assert order == [6, 1, 4, 5, 3, 2, 0, 7, 8]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    world_size=st.integers(1, 4),
    length=st.sampled_from([None, 1, 17, 64, 250]),
    eos=st.sampled_from(["none", EOS]),
    data=st.data(),
)
def test_resuming_gives_what_was_still_to_come(
    corpus: Path, world_size: int, length: int | None, eos: int | str, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(0, world_size - 1))
    arguments = {
        "sequence_length": length,
        "rank": rank,
        "world_size": world_size,
        "eos": eos if length else "none",
    }

    def plain(item: object) -> object:
        return item.tolist() if isinstance(item, np.ndarray) else (item["id"], item["epoch"])  # type: ignore[index]

    everything = [plain(item) for item in BlendedReader(str(corpus), **arguments)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(everything)), min_size=1, max_size=3)))
    got: list[object] = []
    state: str | None = None
    for cut in [*cuts, len(everything)]:
        reader = BlendedReader(str(corpus), **arguments)
        if state is not None:
            reader.load_state_dict(json.loads(state))
        got += [plain(next(reader)) for _ in range(cut - len(got))]
        state = json.dumps(reader.state_dict())
        assert len(state) < 2000
        assert json.dumps(pickle.loads(pickle.dumps(reader)).state_dict()) == state
    assert got == everything
    assert list(reader) == []


def test_ranks_give_equally_many_sequences(corpus: Path) -> None:
    counts = {
        len(list(BlendedReader(str(corpus), sequence_length=128, rank=r, world_size=5, eos="none")))
        for r in range(5)
    }
    assert counts == {12_000 // (128 * 5)}


def test_a_state_of_another_reading_is_refused(corpus: Path, tmp_path: Path) -> None:
    state = BlendedReader(str(corpus), sequence_length=64, world_size=2, eos="none").state_dict()
    with pytest.raises(ValueError, match="saved with world_size 2, this reader has world_size 4"):
        BlendedReader(str(corpus), sequence_length=64, world_size=4, eos="none").load_state_dict(state)
    write_corpus(tmp_path, SIZES, PHASES, Budget(tokens=13_000))
    with pytest.raises(ValueError, match="saved with blend"):
        BlendedReader(str(tmp_path), sequence_length=64, world_size=2, eos="none").load_state_dict(state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 2, "world_size": 2}, "rank 2 of 2"),
        ({"sequence_length": 0}, "sequence_length is 0"),
        ({"sequence_length": None, "eos": 1}, "eos goes between packed documents"),
        ({"eos": -1}, "eos is -1"),
        ({"eos": True}, "eos is True; give the id of a token"),
        ({"eos": None}, "eos is None; give the id of a token"),
        ({}, "does not say which token ends a document"),
        (
            {"sequence_length": 20_000, "eos": "none"},
            "does not give each of 1 ranks one sequence of 20,000 tokens",
        ),
        (
            {"sequence_length": 16, "world_size": 21, "eos": "none"},
            "dataset code has 20 documents: too few for 21 ranks",
        ),
    ],
)
def test_arguments_that_do_not_fit(corpus: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlendedReader(str(corpus), **arguments)


def test_the_end_of_a_document_is_that_of_the_tokenizer(tmp_path: Path) -> None:
    write_corpus(tmp_path, SIZES, PHASES, Budget(tokens=12_000))
    path = tmp_path / "corpus/blend.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer": {"eos_id": EOS}}))
    by_default = np.concatenate(list(BlendedReader(str(tmp_path), sequence_length=100)))
    given = np.concatenate(list(BlendedReader(str(tmp_path), sequence_length=100, eos=EOS)))
    np.testing.assert_array_equal(by_default, given)
    assert EOS in by_default
    assert EOS not in np.concatenate(list(BlendedReader(str(tmp_path), sequence_length=100, eos="none")))


def test_outputs_of_earlier_versions_are_read(corpus: Path, tmp_path: Path) -> None:
    """There ``blend.json`` lay beside ``corpus/``, and shards had no ``url``."""
    shutil.copytree(corpus, tmp_path / "out")
    path = tmp_path / "out/corpus/blend.json"
    blend = json.loads(path.read_text())
    path.unlink()
    for dataset in blend["datasets"].values():
        for shard in dataset["shards"]:
            file = tmp_path / "out/corpus" / shard["path"]
            table = pq.read_table(file).drop_columns(["url"])
            pq.write_table(table, file, compression="zstd", row_group_size=7)
            shard["path"] = f"corpus/{shard['path']}"
    (tmp_path / "out/blend.json").write_text(json.dumps(blend))
    ours, theirs = (
        [(row["id"], row["input_ids"].tolist()) for row in BlendedReader(str(place), sequence_length=None)]
        for place in (corpus, tmp_path / "out")
    )
    assert ours == theirs
    assert "url" not in next(BlendedReader(str(tmp_path / "out"), sequence_length=None))


def test_a_corpus_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"blend\.json"):
        BlendedReader(str(tmp_path))


def test_shards_of_another_run(tmp_path: Path) -> None:
    phases = [Phase(phase=1, weights={"web": 1})]
    write_corpus(tmp_path, {"web": [[100] * 9]}, phases)
    shard = next(tmp_path.glob("corpus/web/*.parquet"))
    pq.write_table(pq.read_table(shard).slice(0, 8), shard)
    with pytest.raises(ValueError, match=r"has 8 documents, blend\.json says 9"):
        next(BlendedReader(str(tmp_path), sequence_length=10, eos="none"))


@pytest.mark.parametrize("world_size", [1, 2, 5])
@pytest.mark.parametrize("tokens", [[0, 3, 0, 0, 2], [0, 0, 0, 0, 0, 4]])
def test_documents_without_tokens(tmp_path: Path, tokens: list[int], world_size: int) -> None:
    """They are documents like others; one that has some is read again and again by every rank."""
    phases = [Phase(phase=1, weights={"web": 1})]
    write_corpus(tmp_path, {"web": [tokens]}, phases, Budget(tokens=100))
    readers = [
        BlendedReader(str(tmp_path), sequence_length=1, rank=rank, world_size=world_size, eos="none")
        for rank in range(world_size)
    ]
    assert [len(list(reader)) for reader in readers] == [100 // world_size] * world_size


def test_a_dataset_without_any_token_is_an_error(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"web": [[1, 2]]}, [Phase(phase=1, weights={"web": 1})])
    shard = next(tmp_path.rglob("*.parquet"))
    table = pq.read_table(shard)
    empty = pa.array([[]] * len(table), table.schema.field("input_ids").type)
    pq.write_table(table.set_column(table.schema.names.index("input_ids"), "input_ids", empty), shard)
    with pytest.raises(ValueError, match="no document of rank 0 has any token"):
        next(BlendedReader(str(tmp_path), sequence_length=1, eos="none"))


def test_reads_from_s3(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        _, port = server.get_host_and_port()
        endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="corpora")
        for file in sorted(corpus.rglob("*")):
            if file.is_file():
                client.upload_file(str(file), "corpora", f"numbers/{file.relative_to(corpus)}")
        storage = Storage(StorageSettings(s3=S3Settings(endpoint=endpoint, region="us-east-1")))
        remote = BlendedReader("s3://corpora/numbers", sequence_length=500, eos="none", storage=storage)
        for ours, theirs in zip(
            remote, BlendedReader(str(corpus), sequence_length=500, eos="none"), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    finally:
        server.stop()
