"""Receipts of a group in one file: what it saves, and that it is never believed when it is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from runs import flip, hashes, launched, toy_inputs

from pipeline.ledger import packs
from pipeline.ledger.receipts import Receipt, load_all
from pipeline.ledger.verify import verify
from pipeline.report.trace import trace
from pipeline.schedule import groups, packing
from pipeline.schedule.loop import RunFailed
from pipeline.schedule.state import Group, State
from pipeline.storage import Storage, StorageError
from pipeline.tasks import part

ROOT = Path(__file__).parents[3]
CONFIG = """
name: toy
output: {output}
execution: {{executor: inline}}
limits: {{max_failed: 0.2}}
datasets:
  web:
    read: {{format: "toys:Lines", paths: ["{inputs}/*.jsonl"]}}
    stages:
      - toys:AtLeast: {{chars: {chars}}}
      - exact_dedup: {{}}
tokenizer: {{path: {tokenizer}}}
shards: {{tokens: 1500}}
blend: [{{phase: 1, weights: {{web: 1}}}}]
"""


@pytest.fixture(autouse=True)
def _all_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LEAST", 1)
    monkeypatch.setattr(packing, "_PAGE", 1)
    monkeypatch.setattr(packing, "_PIECES", 3)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Runs the config and returns its output."""
    toy_inputs(tmp_path / "in", files=5)

    def run(name: str = "out", chars: int = 20) -> Path:
        path = tmp_path / f"{name}.yaml"
        tokenizer = ROOT / "configs/sample/tokenizer.json"
        path.write_text(
            CONFIG.format(output=tmp_path / name, inputs=tmp_path / "in", chars=chars, tokenizer=tokenizer)
        )
        launched(path)
        return tmp_path / name

    return run


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels of the parts that are computed."""
    labels: list[str] = []
    real = part.PartTask.run

    def noted(self: part.PartTask, *arguments: object) -> Receipt:
        labels.append(self.label)
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(part.PartTask, "run", noted)
    return labels


def test_packs_change_nothing_else(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    output = run()
    assert len([*output.glob("work/web/**/*.pack")]) == 6  # four segments, verdicts, shards
    monkeypatch.setattr(packing, "LEAST", 1000)
    plain = run("plain")
    assert not [*plain.glob("work/**/*.pack")]
    assert (output / "corpus/SHA256SUMS").read_bytes() == (plain / "corpus/SHA256SUMS").read_bytes()


def test_a_finished_run_reads_no_receipt_and_writes_nothing(
    run: Callable[..., Path], ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(run())
    ran.clear()
    monkeypatch.setattr(Receipt, "from_json", None)
    # on this storage files are verified by tasks, which read the receipts themselves
    monkeypatch.setattr("pipeline.tasks.check.CheckTask.run", lambda *_: Receipt(""))
    assert hashes(run()) == before
    assert ran == []


def test_a_run_without_packs_is_taken_as_it_is(
    run: Callable[..., Path], ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LEAST", 1000)
    before = hashes(run())
    ran.clear()
    monkeypatch.setattr(packing, "LEAST", 1)
    output = run()
    assert ran == []
    assert hashes(output) == before
    assert [*output.glob("work/web/00*/receipts.pack")]


def test_packed_receipts_are_the_receipts(run: Callable[..., Path]) -> None:
    output = run()
    for pack in output.glob("work/**/*.pack"):
        folder = pack.with_suffix("")
        alone = {path.stem: Receipt.from_bytes(path.read_bytes()) for path in folder.glob("*.json")}
        assert dict(load_all(Storage(), str(folder))) == alone


@pytest.mark.parametrize("kind", ["", "runs/", "rejects/"])
def test_a_lost_file_is_made_again(run: Callable[..., Path], ran: list[str], kind: str) -> None:
    output = run()
    before = hashes(output)
    lost = sorted(output.glob(f"work/web/01*/{kind}part-*") or output.glob(f"work/web/00*/{kind}part-*"))[0]
    lost.unlink()
    ran.clear()
    run()
    assert [label.rpartition("/")[2] for label in ran] == [lost.stem]
    assert hashes(output) == before


def test_a_changed_file_is_made_again(run: Callable[..., Path], ran: list[str]) -> None:
    output = run()
    changed = sorted(output.glob("work/web/00*/part-*.parquet"))[0]
    good = changed.read_bytes()
    flip(changed, len(good) // 2)
    ran.clear()
    run()
    assert changed.read_bytes() == good
    assert {label.rpartition("/")[2] for label in ran} == {changed.stem}
    assert not verify(Storage(), str(output)).damages


def test_a_damaged_pack_is_none(run: Callable[..., Path], ran: list[str]) -> None:
    output = run()
    pack = next(output.glob("work/web/00*/receipts.pack"))
    good = pack.read_bytes()
    for place in (3, 20, 45, len(good) // 2, len(good) - 1):
        pack.write_bytes(good)
        flip(pack, place)
        assert packs.read(Storage(), str(pack)) is None
        assert packs.receipts(Storage(), str(pack)) is None
    ran.clear()
    run()
    assert ran == []
    assert packs.read(Storage(), str(pack)) is not None
    assert not verify(Storage(), str(output)).damages


def test_another_setting_does_what_depends_on_it(run: Callable[..., Path], ran: list[str]) -> None:
    output = run()
    ran.clear()
    run(chars=40)
    assert ran  # what is measured and decided in one segment is done again
    fresh = run("fresh", chars=40)
    assert (output / "corpus/SHA256SUMS").read_bytes() == (fresh / "corpus/SHA256SUMS").read_bytes()
    assert not verify(Storage(), str(output)).damages


def test_a_pack_is_gone_before_anything_changes(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run()
    before = {*output.glob("work/**/*.pack")}

    def stops(self: part.PartTask, *_: object) -> Receipt:
        assert not Path(output, f"{Path(self.receipt_name).parent}.pack").exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(part.PartTask, "run", stops)
        with pytest.raises(KeyboardInterrupt):
            run(chars=40)
    assert {*output.glob("work/**/*.pack")} < before
    run(chars=40)
    assert {*output.glob("work/**/*.pack")} == before


def test_a_receipt_that_stands_in_the_pack_alone_is_written_again(run: Callable[..., Path]) -> None:
    output = run()
    lost = sorted(output.glob("work/web/00*/receipts/part-*.json"))[0]
    good = lost.read_bytes()
    lost.unlink()
    found = verify(Storage(), str(output))
    assert not found.damages
    assert any(str(lost) in note for note in found.notes)
    (next(output.glob("work/web/00*/part-*.parquet")).parent / f"{lost.stem}.parquet").unlink()
    run()
    assert json.loads(lost.read_bytes())["files"] == json.loads(good)["files"]
    assert not verify(Storage(), str(output)).damages


def test_a_part_that_failed_is_tried_again(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(part._Run, "run", lambda self: 1 / 0)
        with pytest.raises(RunFailed):
            run()
    output = run()
    assert not verify(Storage(), str(output)).damages


def test_tokens_of_many_parts_are_merged_first(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run("plain")
    monkeypatch.setattr(groups, "MOST_FILES", 2)
    output = run()
    merged = [*output.glob("work/web/tokens/merged/group-*.runs")]
    assert len(merged) == 3
    for shard in plain.glob("corpus/web/*.parquet"):
        assert (output / "corpus/web" / shard.name).read_bytes() == shard.read_bytes()
    before = hashes(output)
    monkeypatch.setattr(groups, "MERGED_BYTES", 1)
    (output / "work/web/tokens/merged/group-00000.runs").unlink()
    run()
    assert len([*output.glob("work/web/tokens/merged/group-*.runs")]) == 5
    monkeypatch.setattr(groups, "MERGED_BYTES", 1 << 30)
    after = hashes(run())
    assert {n: s for n, s in after.items() if n.startswith("corpus/web")} == {
        n: s for n, s in before.items() if n.startswith("corpus/web")
    }


def _names(output: Path) -> dict[Path, set[str]]:
    """Of each pack, the names of its receipts; and that they are those that are there."""
    found = {}
    for pack in output.glob("work/**/*.pack"):
        folder = pack.with_suffix("")
        found[folder] = {name for name, _ in packs.receipts(Storage(), str(pack)) or ()}
        assert found[folder] == {path.stem for path in folder.glob("*.json")}
    return found


def test_a_group_that_grows_is_packed_anew(run: Callable[..., Path], ran: list[str], tmp_path: Path) -> None:
    output = run()
    for path in sorted(toy_inputs(tmp_path / "more", files=7).glob("*.jsonl"))[5:]:
        path.rename(tmp_path / "in" / path.name)
    ran.clear()
    run()
    assert len({label for label in ran if "/00-" in label}) == 2
    assert {len(names) for names in _names(output).values()} >= {7}
    fresh = run("fresh")
    assert (output / "corpus/SHA256SUMS").read_bytes() == (fresh / "corpus/SHA256SUMS").read_bytes()


def test_the_pack_of_a_group_that_shrinks_below_the_least_is_removed(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packing, "LEAST", 5)
    output = run()
    assert {len(names) for names in _names(output).values()} == {5}
    sorted((tmp_path / "in").glob("*.jsonl"))[0].unlink()
    run()
    assert not _names(output)
    assert not verify(Storage(), str(output)).damages


@pytest.mark.parametrize("least", [1, 1000])
def test_a_pack_that_a_stopped_driver_leaves_is_not_believed(
    run: Callable[..., Path], ran: list[str], monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    output = run()
    late = {path: path.read_bytes() for path in output.glob("work/**/*.pack")}
    monkeypatch.setattr(packing, "LEAST", 1000)
    run(chars=40)
    for path, data in late.items():
        path.write_bytes(data)
    ran.clear()
    monkeypatch.setattr(packing, "LEAST", least)
    run(chars=40)
    assert ran == []
    assert len(_names(output)) == (6 if least == 1 else 1)  # the first segment's is right


def test_a_pack_that_lands_late_is_replaced(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run()
    late = {path: path.read_bytes() for path in output.glob("work/**/*.pack")}
    finish = packing.Packs.finish

    def lands(self: packing.Packs, group: Group, state: State) -> None:
        pack = output / f"{group.receipts}.pack"
        if not pack.exists():
            pack.write_bytes(late[pack])
        finish(self, group, state)

    monkeypatch.setattr(packing.Packs, "finish", lands)
    run(chars=40)
    for pack in late:
        folder = pack.with_suffix("")
        alone = {path.stem: Receipt.from_bytes(path.read_bytes()) for path in folder.glob("*.json")}
        assert dict(load_all(Storage(), str(folder))) == alone


def test_a_part_that_is_mended_while_its_group_goes_on_is_not_packed_as_it_was(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run()
    lost, changed, *_ = sorted(output.glob("work/web/00*/part-*.parquet"))
    lost.unlink()
    flip(changed, 8 * changed.stat().st_size // 2)
    real, tries = part.PartTask.run, list[str]()

    def later(self: part.PartTask, *arguments: object) -> Receipt:
        tries.append(self.part)
        if tries == [lost.stem]:
            raise StorageError("not now", retryable=True)  # so that the other files are looked at first
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(part.PartTask, "run", later)
    run()
    assert tries[:3] == [lost.stem, changed.stem, lost.stem]
    assert not lost.parent.joinpath("receipts.pack").exists()
    run()
    _names(output)
    assert lost.parent.joinpath("receipts.pack").exists()


def test_a_pack_of_another_version_is_no_obstacle(run: Callable[..., Path], ran: list[str]) -> None:
    output = run()
    first, *others = sorted(output.glob("work/web/**/receipts.pack"))
    for pack in (first, *others):
        read, alone = packs.read(Storage(), str(pack)), packs.receipts(Storage(), str(pack))
        assert read is not None
        assert alone is not None
        writer = packs.PackWriter()
        for (name, receipt), row in zip(alone, read.rows, strict=True):
            writer.add(name, receipt | ({"unknown": 1} if pack == first else {}), row)
        pack.write_bytes(writer.as_bytes({n: v for n, v in read.head.items() if n != "census"}))
    assert [*load_all(Storage(), str(first.with_suffix("")))] == []
    ran.clear()
    run()
    assert {label.split("/")[1] for label in ran} <= {first.parent.name}
    assert "census" in json.dumps(packs.read(Storage(), str(others[0])))
    assert not verify(Storage(), str(output)).damages


@pytest.mark.parametrize("name", ["corpus/blend.json", "corpus/README.md", "stats.json"])
def test_a_bit_that_a_disk_flips_is_seen(run: Callable[..., Path], name: str) -> None:
    output = run()
    path = output / name
    good, status = path.read_bytes(), path.stat()
    flip(path, 4 * len(good))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    run()
    if name.endswith("README.md"):  # people may edit it
        assert path.read_bytes() != good
    else:
        assert path.read_bytes() == good


def test_a_changed_receipt_that_stands_in_a_pack_is_said_to_be_removed(run: Callable[..., Path]) -> None:
    output = run()
    receipt = sorted(output.glob("work/web/00*/receipts/part-*.json"))[0]
    flip(receipt, 4 * receipt.stat().st_size)
    (damage,) = verify(Storage(), str(output)).damages
    assert damage.path == str(receipt)
    assert "remove this file" in damage.what
    receipt.unlink()
    assert not verify(Storage(), str(output)).damages


def test_a_document_is_followed_through_parts_whose_receipts_are_lost(run: Callable[..., Path]) -> None:
    output = run()
    first = sorted(output.glob("work/web/00*/part-*.parquet"))[0]
    identity = pq.read_table(first)["id"][0].as_py().hex()
    before = trace(Storage(), str(output), identity).as_json()
    assert before["captures"]
    for receipt in output.glob(f"work/web/*/receipts/{first.stem}.json"):
        receipt.unlink()
    assert trace(Storage(), str(output), identity).as_json() == before


def test_receipts_of_any_size_are_packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packs, "_BYTES", 3000)
    writer = packs.PackWriter()
    receipts = {str(number): Receipt("mark", error="x" * 1000).as_json() for number in range(10)}
    for name, receipt in receipts.items():
        writer.add(name, receipt, "1 0")
        assert len(writer._waiting) < 3
    (tmp_path / "some.pack").write_bytes(writer.as_bytes({}))
    assert dict(packs.receipts(Storage(), str(tmp_path / "some.pack")) or ()) == receipts
