"""The exports for nanotron and as flat arrays, read back with NumPy and, where it is installed, datatrove."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numbers_corpus import EOS, PHASES, SIZES, write_corpus
from runs import call

from pipeline.blend.export import export
from pipeline.blend.weights import Budget, Phase
from pipeline.storage import Storage


def say(corpus: Path, **tokenizer: object) -> None:
    path = corpus / "corpus/blend.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer": tokenizer}))


def expected(corpus: Path, end: list[int]) -> dict[str, list[list[int]]]:
    found = {}
    for path in sorted(corpus.glob("corpus/*/*.parquet")):
        name = path.relative_to(corpus / "corpus").with_suffix("").as_posix()
        found[name] = [[*ids, *end] for ids in pq.read_table(path)["input_ids"].to_pylist()]
    return found


def cut(tokens: np.ndarray, ends: np.ndarray) -> list[list[int]]:
    """Documents of a file."""
    assert not len(ends) or ends[-1] == len(tokens)
    return [part.tolist() for part in np.split(tokens, ends[:-1].astype(np.int64))] if len(ends) else []


def flat(prefix: Path) -> list[list[int]]:
    return cut(np.load(f"{prefix}.npy", mmap_mode="r"), np.load(f"{prefix}.ends.npy", mmap_mode="r"))


def datatrove(prefix: Path) -> list[list[int]]:
    name, tokens, _ = Path(f"{prefix}.ds.metadata").read_text().split("\n")
    kind = {"2": "<u2", "4": "<u4"}[name.rpartition("|")[2]]
    data = np.fromfile(f"{prefix}.ds", kind)
    assert len(data) == int(tokens)
    return cut(data, np.fromfile(f"{prefix}.ds.index", "<u8"))


def dolma(prefix: Path) -> list[list[int]]:
    """As ``iter_document_indices`` and ``load_array_slice`` of OLMo-core do."""
    size = json.loads(Path(f"{prefix}.npy.json").read_text())["dtype"]
    tokens = np.memmap(f"{prefix}.npy", dtype=f"<{size[:1]}{np.dtype(size).itemsize}", mode="r")
    with gzip.open(f"{prefix}.csv.gz", "rt") as file:
        places = [[int(number) for number in line.split(",")] for line in file]
    assert [start for start, _ in places] == [0, *(end for _, end in places)][:-1]
    assert not places or places[-1][1] == len(tokens)
    return [tokens[start:end].tolist() for start, end in places]


FORMS = [
    ("npy", flat, "npy"),
    ("nanotron", datatrove, "ds"),
    ("olmo", dolma, "npy"),
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "run", {**SIZES, "web": [*SIZES["web"], [0, 5, 0]]}, PHASES, Budget(tokens=9000))
    path = tmp_path / "run/corpus/blend.json"
    blend = json.loads(path.read_text())
    for dataset in blend["datasets"].values():
        for shard in dataset["shards"]:
            shard["sha256"] = shard["path"]
    path.write_text(json.dumps(blend))
    say(tmp_path / "run", name="gpt2", eos_id=EOS, vocabulary=1300)
    return tmp_path / "run"


@pytest.mark.parametrize(("form", "read", "suffix"), FORMS)
@pytest.mark.parametrize(("vocabulary", "size"), [(1300, 2), (65536, 2), (65537, 4), (None, 4)])
@pytest.mark.parametrize("eos", ["tokenizer", "none"])
def test_every_token_is_there(
    corpus: Path, tmp_path: Path, form: str, read, suffix: str, vocabulary: int | None, size: int, eos: str
) -> None:
    say(corpus, eos_id=EOS, vocabulary=vocabulary)
    made = export(form, Storage(), str(corpus), str(tmp_path / "out"), eos)
    wanted = expected(corpus, [EOS] if eos == "tokenizer" else [])
    assert {name: read(tmp_path / "out" / name) for name in wanted} == wanted
    assert made.documents == sum(map(len, wanted.values()))
    assert made.tokens == sum(len(one) for documents in wanted.values() for one in documents)
    records = [json.loads(path.read_text()) for path in (tmp_path / "out").rglob("*.json")]
    assert {np.dtype(record["dtype"]).itemsize for record in records} == {size}
    for record in records:
        assert record[suffix]["bytes"] >= record["tokens"] * size


@pytest.mark.parametrize(("form", "read", "suffix"), FORMS)
def test_it_goes_on_where_it_stopped(corpus: Path, tmp_path: Path, form: str, read, suffix: str) -> None:
    out = tmp_path / "out"
    first = export(form, Storage(), str(corpus), str(out))
    assert first.reused == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / f"math/train-00000-of-00001.{suffix}.json").unlink()  # stopped before it was recorded
    (out / f"code/train-00000-of-00003.{suffix}").write_bytes(b"cut off")
    again = export(form, Storage(), str(corpus), str(out))
    assert again == first._replace(reused=first.shards - 2)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert export(form, Storage(), str(corpus), str(out), eos="none").reused == 0  # other settings


def test_forms_in_one_folder_leave_each_other_alone(corpus: Path, tmp_path: Path) -> None:
    places = str(corpus), str(tmp_path / "out")
    for form in ("npy", "nanotron", "megatron"):
        export(form, Storage(), *places)
    for form in ("npy", "nanotron", "megatron"):
        made = export(form, Storage(), *places)
        assert made.reused == made.shards


def test_a_shard_of_another_run(corpus: Path, tmp_path: Path) -> None:
    shard = sorted(corpus.glob("corpus/web/*.parquet"))[-1]
    pq.write_table(pq.read_table(shard).slice(1), shard)
    with pytest.raises(ValueError, match=r"other documents or tokens than blend\.json says"):
        export("npy", Storage(), str(corpus), str(tmp_path / "out"))
    assert not list((tmp_path / "out/web").rglob(f"{shard.stem}*.npy*"))


def test_the_commands(corpus: Path, tmp_path: Path) -> None:
    for form, suffix in (("npy", "npy"), ("nanotron", "ds"), ("olmo", "csv.gz")):
        done = call("export", form, corpus, tmp_path / form)
        assert "7 shards (0 of them there already)" in done.stderr
        assert (tmp_path / form / f"web/train-00000-of-00003.{suffix}").exists()
    inside = call("export", "npy", corpus, corpus / "corpus/flat", check=2).stderr
    assert "lies in the corpus" in inside


def test_memory_does_not_grow_with_the_shard(tmp_path: Path) -> None:
    """One row group of it at a time, here 7 documents."""
    peaks = []
    for number, rows in enumerate((70, 700)):
        corpus = tmp_path / str(number)
        write_corpus(corpus, {"web": [[20_000] * rows]}, [Phase(phase=1, weights={"web": 1})])
        say(corpus, eos_id=EOS, vocabulary=1 << 20)
        tracemalloc.start()
        export("npy", Storage(), str(corpus), str(tmp_path / f"out{number}"), workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_datatrove_reads_it(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    dataset = pytest.importorskip("datatrove.utils.dataset", reason="datatrove is not installed")
    export("nanotron", Storage(), str(corpus), str(tmp_path / "out"))
    for name, documents in expected(corpus, [EOS]).items():
        flat = [token for document in documents for token in document]
        starts = np.cumsum([0, *map(len, documents)])[:-1].tolist()
        read = dataset.DatatroveFileDataset(
            str(tmp_path / "out" / f"{name}.ds"), seq_len=15, token_size=2, return_positions=True
        )
        assert len(read) == len(flat) // 16
        for number in range(len(read)):
            window = range(number * 16, number * 16 + 16)
            row = read[number]
            assert row["input_ids"].tolist() == [flat[place] for place in window]
            began = [max([number * 16, *(s for s in starts if s <= place)]) for place in window]
            assert row["positions"].tolist() == [p - b for p, b in zip(window, began, strict=True)]
    folder = dataset.DatatroveFolderDataset(str(tmp_path / "out"), seq_len=15, filename_pattern="*/*.ds")
    assert len(folder) >= 5
