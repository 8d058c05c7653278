"""The export for Megatron-LM, read back by a reader of the format written here and, where it is installed, by
megatron-core."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numbers_corpus import EOS, PHASES, SIZES, write_corpus
from runs import call

from pipeline.blend.export import export
from pipeline.blend.megatron import blend_list, token_type
from pipeline.blend.weights import Budget, Phase
from pipeline.storage import Storage


def read(prefix: Path) -> list[list[int]]:
    """The documents of a pair of files."""
    raw = prefix.with_name(f"{prefix.name}.idx").read_bytes()
    assert raw[:9] == b"MMIDIDX\x00\x00"
    version, code, count, boundaries = struct.unpack_from("<QBQQ", raw, 9)
    assert version == 1
    lengths = np.frombuffer(raw, "<i4", count, 34)
    starts = np.frombuffer(raw, "<i8", count, 34 + 4 * count)
    ends = np.frombuffer(raw, "<i8", boundaries, 34 + 12 * count)
    assert len(raw) == 34 + 12 * count + 8 * boundaries
    assert ends.tolist() == list(range(count + 1))
    kind = np.dtype({4: "<i4", 8: "<u2"}[code])
    data = prefix.with_name(f"{prefix.name}.bin").read_bytes()
    assert len(data) == int(lengths.sum()) * kind.itemsize
    pairs = zip(lengths.tolist(), starts.tolist(), strict=True)
    return [np.frombuffer(data, kind, length, start).tolist() for length, start in pairs]


def say(corpus: Path, **tokenizer: int) -> None:
    path = corpus / "corpus/blend.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer": tokenizer}))


def expected(corpus: Path) -> dict[str, list[list[int]]]:
    found = {}
    for path in sorted(corpus.glob("corpus/*/*.parquet")):
        name = path.relative_to(corpus / "corpus").with_suffix("").as_posix()
        found[name] = [[*ids, EOS] for ids in pq.read_table(path)["input_ids"].to_pylist()]
    return found


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "run", {**SIZES, "web": [*SIZES["web"], [0, 5, 0]]}, PHASES, Budget(tokens=9000))
    path = tmp_path / "run/corpus/blend.json"
    blend = json.loads(path.read_text())
    for dataset in blend["datasets"].values():
        for shard in dataset["shards"]:
            shard["sha256"] = shard["path"]
    path.write_text(json.dumps(blend))
    say(tmp_path / "run", eos_id=EOS, vocabulary=1300)
    return tmp_path / "run"


@pytest.mark.parametrize(("vocabulary", "size"), [(1300, 2), (65499, 2), (65500, 4)])
def test_every_token_is_there(corpus: Path, tmp_path: Path, vocabulary: int, size: int) -> None:
    say(corpus, eos_id=EOS, vocabulary=vocabulary)
    made = export("megatron", Storage(), str(corpus), str(tmp_path / "out"))
    wanted = expected(corpus)
    assert {name: read(tmp_path / "out" / name) for name in wanted} == wanted
    assert made.documents == sum(map(len, wanted.values()))
    assert made.tokens == sum(len(one) for documents in wanted.values() for one in documents)
    bins = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.bin"))
    assert bins == size * made.tokens


def test_lists_name_files_that_are_there(corpus: Path, tmp_path: Path) -> None:
    export("megatron", Storage(), str(corpus), str(tmp_path / "out"))
    words = (tmp_path / "out/blend-phase1.txt").read_text().split()
    share = dict(zip(words[1::2], map(float, words[::2]), strict=True))
    assert len(share) == 7
    for prefix in share:
        assert Path(f"{prefix}.bin").exists()
        assert Path(f"{prefix}.idx").exists()
    assert sum(share.values()) == pytest.approx(1)
    web = {prefix: value for prefix, value in share.items() if "/web/" in prefix}
    assert sum(web.values()) == pytest.approx(0.6)
    sizes = {prefix: Path(f"{prefix}.bin").stat().st_size for prefix in web}
    for prefix, value in web.items():
        assert value / 0.6 == pytest.approx(sizes[prefix] / sum(sizes.values()))
    assert "/code/" not in (tmp_path / "out/blend-phase2.txt").read_text()
    with pytest.raises(ValueError, match="no phase 3; there are: 1, 2"):
        blend_list(json.loads((corpus / "corpus/blend.json").read_text()), 3)


def test_it_goes_on_where_it_stopped(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = export("megatron", Storage(), str(corpus), str(out))
    assert first.reused == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "math/train-00000-of-00001.json").unlink()  # stopped before it was recorded
    (out / "code/train-00000-of-00003.bin").write_bytes(b"cut off")
    seen = []
    again = export("megatron", Storage(), str(corpus), str(out), said=seen.append)
    assert again._replace(reused=0) == first
    assert again.reused == first.shards - 2
    assert sorted(line.partition(":")[0] for line in seen) == [
        "code/train-00000-of-00003", "math/train-00000-of-00001"
    ]  # fmt: skip
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert export("megatron", Storage(), str(corpus), str(out), eos=23).reused == 0  # other settings


def test_no_list_without_its_files(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export("megatron", Storage(), str(corpus), str(out))
    (out / "math/train-00000-of-00001.json").unlink()
    shutil.rmtree(corpus / "corpus/math")
    with pytest.raises(Exception, match="math"):
        export("megatron", Storage(), str(corpus), str(out))
    assert not list(out.glob("blend-phase*"))


def test_what_cannot_be_exported(corpus: Path, tmp_path: Path) -> None:
    storage = Storage()
    with pytest.raises(ValueError, match="lies in the corpus"):
        export("megatron", storage, str(corpus), str(corpus / "corpus/megatron"))
    with pytest.raises(ValueError, match="splits its lists at blanks"):
        export("megatron", storage, str(corpus), str(tmp_path / "my out"))
    with pytest.raises(ValueError, match="it cannot be 'none'"):
        export("megatron", storage, str(corpus), str(tmp_path / "out"), eos="none")
    say(corpus, vocabulary=100, eos_id=EOS)
    shard = next(corpus.glob("corpus/web/*.parquet"))
    table = pq.read_table(shard)
    large = pq.read_table(shard).to_pylist()
    large[0]["input_ids"] = [70_000]
    pq.write_table(type(table).from_pylist(large, table.schema), shard)
    with pytest.raises(ValueError, match="token ids that are no uint16"):
        export("megatron", storage, str(corpus), str(tmp_path / "out"))
    say(corpus)
    answer = call("export", "megatron", corpus, tmp_path / "out", check=2).stderr
    assert "does not say which token ends a document" in answer
    assert "no blend.json" in call("export", "megatron", tmp_path, tmp_path / "out", check=2).stderr


def test_the_command(corpus: Path, tmp_path: Path) -> None:
    done = call("export", "megatron", corpus, tmp_path / "out")
    assert done.stdout.split() == [str(tmp_path / "out" / f"blend-phase{phase}.txt") for phase in (1, 2)]
    assert "7 shards (0 of them there already)" in done.stderr


def test_megatron_core_reads_it(corpus: Path, tmp_path: Path) -> None:
    indexed = pytest.importorskip(
        "megatron.core.datasets.indexed_dataset", reason="megatron-core is not installed"
    )
    export("megatron", Storage(), str(corpus), str(tmp_path / "out"))
    words = (tmp_path / "out/blend-phase1.txt").read_text().split()
    wanted = expected(corpus)
    for prefix in words[1::2]:
        dataset = indexed.IndexedDataset(prefix)
        documents = wanted[Path(prefix).relative_to(tmp_path / "out").as_posix()]
        assert [dataset[i].tolist() for i in range(len(dataset))] == documents
        assert dataset.document_indices.tolist() == list(range(len(documents) + 1))
    from megatron.core.datasets.utils import get_blend_from_list

    prefixes, weights = get_blend_from_list(words)
    assert prefixes == words[1::2]
    assert sum(weights) == pytest.approx(1)


def test_the_type_is_the_one_that_megatron_would_take() -> None:
    assert token_type(None) == np.int32
    indexed = pytest.importorskip(
        "megatron.core.datasets.indexed_dataset", reason="megatron-core is not installed"
    )
    for size in (1, 65499, 65500, 65536, 200_000):
        assert token_type(size) == indexed.DType.optimal_dtype(size)


def test_reads_from_and_writes_to_s3(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto.server", reason="moto or Flask is not installed")
    import boto3

    from pipeline.storage import S3Settings, StorageSettings

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        _, port = server.get_host_and_port()
        endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="corpora")
        for file in sorted((corpus / "corpus").rglob("*")):
            if file.is_file():
                client.upload_file(str(file), "corpora", f"received/{file.relative_to(corpus / 'corpus')}")
        storage = Storage(StorageSettings(s3=S3Settings(endpoint=endpoint, region="us-east-1")))
        export("megatron", storage, "s3://corpora/received", "s3://corpora/megatron")
        again = export("megatron", storage, "s3://corpora/received", "s3://corpora/megatron")
        assert again.reused == again.shards == 7
        export("megatron", Storage(), str(corpus), str(tmp_path / "out"))
        for file in (tmp_path / "out").rglob("*.[bi]*"):
            name = f"megatron/{file.relative_to(tmp_path / 'out')}"
            if file.suffix in (".bin", ".idx"):
                assert client.get_object(Bucket="corpora", Key=name)["Body"].read() == file.read_bytes()
        text = client.get_object(Bucket="corpora", Key="megatron/blend-phase2.txt")["Body"].read().decode()
        assert text.split()[1] == "s3://corpora/megatron/web/train-00000-of-00003"
    finally:
        server.stop()


def test_a_phase_of_one_dataset(tmp_path: Path) -> None:
    blend = write_corpus(tmp_path, {"web": [[3], [1]]}, [Phase(phase=1, weights={"web": 1})])
    assert blend_list(blend, 1) == "0.666666667 web/train-00000-of-00002 0.333333333 web/train-00001-of-00002"
