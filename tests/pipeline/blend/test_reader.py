"""Blend weights and the training-side reader, on real shards of numbered tokens.

Every token of a document is ``document * 16 + dataset``, so that a packed sequence tells of each token where
it came from.
"""

from __future__ import annotations

import json
import math
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
from numbers_corpus import EOS, PHASES, SIZES, lengths, write_corpus

from pipeline.blend import order
from pipeline.blend.groups import Group, Groups
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


def test_sequences_are_documents_with_eos_between(tmp_path: Path) -> None:
    write_corpus(
        tmp_path, {"web": SIZES["web"]}, [Phase(phase=1, weights={"web": 1})], Budget(tokens=2 * 3000)
    )
    flat = [length for shard in SIZES["web"] for length in shard]
    sequences = list(BlendedReader(str(tmp_path), sequence_length=50, eos=EOS, ahead=3))
    assert all(s.dtype == np.int32 and s.shape == (50,) for s in sequences)
    stream = np.concatenate(sequences)
    documents = np.split(stream, np.flatnonzero(stream == EOS) + 1)
    whole = Counter(int(document[0]) // 16 for document in documents[1:-1] if len(document) > 1)
    assert len(whole) == len(flat)  # in two epochs, every document
    for document in documents[1:-1]:
        if (token := int(document[0])) != EOS and len(document) <= flat[token // 16]:
            continue  # a row group is a circle: the document where it starts may be cut there
        assert list(document[:-1]) == [token] * flat[token // 16]
        assert document[-1] == EOS


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("length", [10, None])
def test_weights_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int, length: int | None
) -> None:
    monkeypatch.setattr(order, "_RUN", 1)
    blend = write_corpus(tmp_path, SIZES, PHASES, Budget(tokens=40_000))
    reader = BlendedReader(str(tmp_path), sequence_length=length, eos="none", lanes=lanes)
    assert reader.state_dict()["reader"]["lanes"] == lanes
    counts: Counter[int] = Counter()
    phase, spent = blend["phases"][0], 0
    for item in reader:
        tokens = item if length else item["input_ids"]
        code = int(tokens[0]) % 16
        if length:
            assert set((tokens % 16).tolist()) == {code}
        counts[code] += len(tokens)
        spent += len(tokens)
        if phase is blend["phases"][0] and spent >= phase["until"]:
            for code, name in enumerate(SIZES):
                wanted = phase["datasets"][name]["tokens"]
                # one item for every lane; documents by their average length
                assert abs(counts[code] - wanted) <= (10 * lanes if length else 59 * lanes + 0.15 * wanted)
            phase, counts = blend["phases"][1], Counter()
    assert abs(spent - 40_000) <= (10 if length else 4000)
    assert counts[1] / counts.total() == pytest.approx(0.75, abs=0.03)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shards=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    world_size=st.integers(1, 9),
    lanes=st.sampled_from([1, 2, 8]),
    seed=st.integers(0, 2**64),
)
def test_every_epoch_gives_every_document_once_over_all_ranks(
    tmp_path_factory: pytest.TempPathFactory, shards: list[int], world_size: int, lanes: int, seed: int
) -> None:
    output = tmp_path_factory.mktemp("epochs")
    documents = sum(shards)
    # also of datasets shorter than the ranks; enough tokens that all finish two epochs
    budget = Budget(tokens=(2 * documents + 8 + world_size) * 10)
    write_corpus(
        output, {"web": [[10] * count for count in shards]}, [Phase(phase=1, weights={"web": 1})], budget
    )
    seen: dict[int, Counter[bytes]] = {0: Counter(), 1: Counter()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_RUN", 1)
        for rank in range(world_size):
            for row in BlendedReader(
                str(output), sequence_length=None, rank=rank, world_size=world_size, seed=seed, lanes=lanes
            ):
                if row["epoch"] < 2:
                    seen[row["epoch"]][row["id"]] += 1
    for counts in seen.values():
        assert len(counts) == documents
        assert set(counts.values()) == {1}


@pytest.mark.parametrize("lanes", [1, 4, 32])
def test_every_epoch_gives_every_token_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    monkeypatch.setattr(order, "_RUN", 1)
    sizes = lengths(4, [200, 190])
    tokens = sum(map(sum, sizes))
    length = 7
    budget = Budget(tokens=tokens // length * length)
    write_corpus(tmp_path, {"web": sizes}, [Phase(phase=1, weights={"web": 1})], budget)
    reader = BlendedReader(str(tmp_path), sequence_length=length, eos="none", lanes=lanes)
    assert reader.state_dict()["reader"]["lanes"] == lanes
    found = Counter(np.concatenate(list(reader)).tolist())
    flat = [count for shard in sizes for count in shard]
    missing = [count - found[document * 16] for document, count in enumerate(flat)]
    # the budget ends within a sequence, and one sequence goes over the end of the epoch
    assert sum(count for count in missing if count > 0) < 2 * length
    assert sum(-count for count in missing if count < 0) < length


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
    write_corpus(tmp_path, {"web": [[1] * 30]}, [Phase(phase=1, weights={"web": 1})])
    found = [int(row["input_ids"][0]) // 16 for row in BlendedReader(str(tmp_path), sequence_length=None)]
    assert found == [*range(14), 29, 28, 18, 19, 20, 14, 15, 16, 17, *range(21, 28)]


def plain(item: object) -> object:
    return item.tolist() if isinstance(item, np.ndarray) else (item["id"], item["epoch"])  # type: ignore[index]


def step(ranks: list[BlendedReader], whole: list[object], at: int) -> list[object]:
    """What every rank gives next, which is what one rank gives from ``at`` on; in the order of that one."""
    given = [plain(next(reader)) for reader in ranks]
    expected = whole[at : at + len(ranks)]
    assert sorted(given) == sorted(expected)  # type: ignore[type-var]
    return expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    length=st.sampled_from([None, 1, 17, 64, 250]),
    eos=st.sampled_from(["none", EOS]),
    lanes=st.sampled_from([1, 2, 16]),
    data=st.data(),
)
def test_resuming_gives_what_was_still_to_come_at_any_world_size(
    corpus: Path, length: int | None, eos: int | str, lanes: int, data: st.DataObject
) -> None:
    arguments = {"sequence_length": length, "eos": eos if length else "none", "lanes": lanes}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_RUN", 1)
        everything = [plain(item) for item in BlendedReader(str(corpus), **arguments)]
        got: list[object] = []
        state: str | None = None
        for _ in range(data.draw(st.integers(1, 4))):
            # killed after some steps, and started with as many ranks as there are now
            world = data.draw(st.sampled_from([1, 2, 3, 5, 8]))
            ranks = [BlendedReader(str(corpus), rank=r, world_size=world, **arguments) for r in range(world)]
            for reader in ranks:
                if state is not None:
                    reader.load_state_dict(json.loads(state))
            left = {len(reader) for reader in ranks}
            assert left == {(len(everything) - len(got)) // world}
            for _ in range(data.draw(st.integers(0, min(left)))):
                got += step(ranks, everything, len(got))
            states = {json.dumps(reader.state_dict()) for reader in ranks}
            assert len(states) == 1
            (state,) = states
            assert len(state) < 300
            assert pickle.loads(pickle.dumps(ranks[0])).state_dict() == json.loads(state)
        last = BlendedReader(str(corpus), **arguments)
        last.load_state_dict(json.loads(state))
        got += [plain(item) for item in last]
        assert got == everything
        assert list(last) == []


@pytest.mark.parametrize(("lanes", "ahead"), [(1, 7), (16, 0), (16, 7)])
@pytest.mark.parametrize("worlds", [(1, 3, 64), (64, 3), (64, 1, 3, 64), (3, 64, 48, 1), (63, 65, 3)])
def test_killed_and_started_with_another_number_of_ranks(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, worlds: tuple[int, ...], lanes: int, ahead: int
) -> None:
    """No sequence is lost or doubled, also of those that were loaded ahead when it was killed."""
    monkeypatch.setattr(order, "_RUN", 1)
    arguments = {"sequence_length": 16, "eos": "none", "lanes": lanes, "ahead": ahead}
    whole = [plain(item) for item in BlendedReader(str(corpus), **arguments)]
    got: list[object] = []
    state = None
    for world in worlds:
        ranks = [
            BlendedReader(str(corpus), rank=rank, world_size=world, **arguments) for rank in range(world)
        ]
        for reader in ranks:
            if state is not None:
                reader.load_state_dict(state)
        for _ in range(min(len(ranks[0]), 17 if world == 1 else 3)):
            got += step(ranks, whole, len(got))
        state = json.loads(json.dumps(ranks[0].state_dict()))
    last = BlendedReader(str(corpus), **arguments)
    last.load_state_dict(state)
    assert got + [plain(item) for item in last] == whole


@pytest.mark.parametrize(
    ("lanes", "world"), [(64, 3), (64, 48), (64, 63), (16, 24), (64, 96), (8, 8), (4, 64)]
)
@pytest.mark.parametrize("start", [0, 5])
def test_ranks_stay_with_their_lanes(lanes: int, world: int, start: int) -> None:
    table = order.assigned(lanes, world, start % lanes)
    pairs = set()
    for number, items in enumerate(table.tolist() * lanes):
        assert sorted(items) == list(range(world))
        pairs |= {((start + number * world + item) % lanes, rank) for rank, item in enumerate(items)}
    assert len(pairs) == lanes + world - math.gcd(lanes, world)


def test_a_row_group_is_read_by_few_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ranks share 16 lanes as 5 and a third: without staying with them each would read every row group."""
    monkeypatch.setattr(order, "_RUN", 4)
    write_corpus(tmp_path, {"web": [[9] * 70] * 16}, [Phase(phase=1, weights={"web": 1})])
    loads: list[int] = []
    decode = Groups.decode
    monkeypatch.setattr(Groups, "decode", lambda *at: loads.append(at[1]) or decode(*at))
    for rank in range(3):
        list(BlendedReader(str(tmp_path), sequence_length=9, eos="none", rank=rank, world_size=3, lanes=16))
    assert 160 <= loads.count(0) <= 160 * 18 / 16 + 2 * 16


def test_many_ranks_of_a_lane_stay_with_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the steps of 24 ranks is of one dataset: 8 ranks read it, not all. Where shares are not whole
    numbers of ranks, one rank more."""
    weights = {"code": 1 / 3, "web": 2 / 3}
    write_corpus(tmp_path, {"code": [[9] * 500], "web": [[9] * 1000]}, [Phase(phase=1, weights=weights)])
    read: dict[str, set[int]] = {"code": set(), "web": set()}
    decode = Groups.decode
    for rank in range(24):
        monkeypatch.setattr(
            Groups, "decode", lambda of, *at, rank=rank: read[of.name].add(rank) or decode(of, *at)
        )
        list(BlendedReader(str(tmp_path), sequence_length=9, eos="none", rank=rank, world_size=24, lanes=1))
    assert len(read["code"]) <= 9
    assert len(read["web"]) <= 17
    assert read["code"] | read["web"] == set(range(24))


def test_ranks_are_alike_for_1_3_and_64(corpus: Path) -> None:
    whole = [row.tolist() for row in BlendedReader(str(corpus), sequence_length=16, eos="none")]
    for world in (3, 64):
        ranks = [
            [row.tolist() for row in BlendedReader(
                str(corpus), sequence_length=16, eos="none", rank=rank, world_size=world
            )]
            for rank in range(world)
        ]  # fmt: skip
        assert {len(rows) for rows in ranks} == {len(whole) // world}
        for number, rows in enumerate(zip(*ranks, strict=True)):
            assert sorted(rows) == sorted(whole[number * world : (number + 1) * world])


def test_batches_are_the_sequences(corpus: Path) -> None:
    one = list(BlendedReader(str(corpus), sequence_length=16, eos="none"))
    reader = BlendedReader(str(corpus), sequence_length=16, eos="none")
    batches = list(reader.batches(32))
    assert {batch.shape for batch in batches[:-1]} == {(32, 16)}
    np.testing.assert_array_equal(np.concatenate(batches), one)
    with pytest.raises(ValueError, match="batches are of sequences"):
        next(BlendedReader(str(corpus), sequence_length=None).batches(2))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_torch_loads_the_same_batches_with_any_number_of_workers(corpus: Path, workers: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from pipeline.blend.loader import Batches

    arguments = {"sequence_length": 16, "eos": "none", "rank": 1, "world_size": 2}
    wanted = list(BlendedReader(str(corpus), **arguments).batches(32))
    reader = BlendedReader(str(corpus), **arguments)
    loader = torch.utils.data.DataLoader(Batches(reader, 32), batch_size=None, num_workers=workers)
    got = []
    for batch in loader:
        got.append(batch.numpy().copy())
        if len(got) == 5:
            break
    for ours, theirs in zip(got, wanted, strict=False):
        np.testing.assert_array_equal(ours, theirs)
    state = reader.state_dict(5 * 32)
    if not workers:
        assert reader.state_dict() == state
    resumed = BlendedReader(str(corpus), **arguments)
    resumed.load_state_dict(state)
    rest = torch.utils.data.DataLoader(Batches(resumed, 32), batch_size=None, num_workers=workers)
    for ours, theirs in zip(rest, wanted[5:], strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_each_row_group_is_read_by_one_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the world size divides the lanes: of two neighbouring runs both may read the one where they meet."""
    monkeypatch.setattr(order, "_RUN", 4)
    write_corpus(tmp_path, {"web": [[9] * 70] * 8}, [Phase(phase=1, weights={"web": 1})])
    read: list[Counter[tuple[int, int]]] = []
    decode = Groups.decode

    def counted(self: Groups, epoch: int, index: int, data: bytes) -> Group:
        if not epoch:
            read[-1][epoch, index] += 1
        return decode(self, epoch, index, data)

    monkeypatch.setattr(Groups, "decode", counted)
    for rank in range(8):
        read.append(Counter())
        list(BlendedReader(str(tmp_path), sequence_length=9, eos="none", rank=rank, world_size=8, lanes=8))
    assert all(set(counts.values()) == {1} for counts in read)
    total = sum(read, Counter())
    assert len(total) == 80
    assert sum(total.values()) <= 80 + 8


@pytest.mark.parametrize("ahead", [0, 5])
def test_what_could_not_be_read_is_still_to_come(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    wanted = [row.tolist() for row in BlendedReader(str(corpus), sequence_length=64, eos="none")]
    reader = BlendedReader(str(corpus), sequence_length=64, eos="none", ahead=ahead)
    read, failures = Groups.read, iter([False] * 4 + [True] * 2 + [False] * 1000)

    def failing(self: Groups, index: int) -> bytes:
        if next(failures):
            raise StorageError("the network is down")
        return read(self, index)

    monkeypatch.setattr(Groups, "read", failing)
    got: list[list[int]] = []
    errors = 0
    while len(reader):
        assert reader.state_dict()["given"] == len(got)
        try:
            got.append(next(reader).tolist())
        except StorageError:
            errors += 1
    assert errors
    assert got == wanted


def test_a_state_of_another_reading_is_refused(corpus: Path, tmp_path: Path) -> None:
    state = BlendedReader(str(corpus), sequence_length=64, world_size=2, eos="none").state_dict()
    with pytest.raises(ValueError, match="saved with sequence_length 64, this reader has sequence_length 32"):
        BlendedReader(str(corpus), sequence_length=32, eos="none").load_state_dict(state)
    with pytest.raises(ValueError, match="saved with eos None, this reader has eos 7"):
        BlendedReader(str(corpus), sequence_length=64, eos=EOS).load_state_dict(state)
    write_corpus(tmp_path, SIZES, PHASES, Budget(tokens=13_000))
    reader = BlendedReader(str(tmp_path), sequence_length=64, world_size=2, eos="none")
    with pytest.raises(ValueError, match="saved with blend"):
        reader.load_state_dict(state)
    with pytest.raises(ValueError, match="saved by an earlier version"):
        reader.load_state_dict({"reader": {}, "phase": 0, "spent": 0, "given": 0})


def test_a_dataset_without_any_token_is_an_error(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"web": [[1, 2]]}, [Phase(phase=1, weights={"web": 1})])
    shard = next(tmp_path.rglob("*.parquet"))
    table = pq.read_table(shard)
    empty = pa.array([[]] * len(table), table.schema.field("input_ids").type)
    pq.write_table(table.set_column(table.schema.names.index("input_ids"), "input_ids", empty), shard)
    with pytest.raises(ValueError, match="dataset web: no document has any token"):
        BlendedReader(str(tmp_path), sequence_length=1, eos="none")


def test_default_budget_is_every_document_once(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"web": SIZES["web"]}, [Phase(phase=1, weights={"web": 1})])
    ids = [row["id"] for row in BlendedReader(str(tmp_path), sequence_length=None)]
    assert len(ids) == len(set(ids)) == 73


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
            "12,000 tokens is 0 sequences of 20,000 tokens: not one for each of 1 ranks",
        ),
        ({"lanes": 12}, "lanes is 12; it must be a power of two"),
        ({"ahead": -1}, "ahead is -1"),
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


def test_reads_from_s3(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto.server", reason="moto or Flask is not installed")
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
