"""Writes the bundled sample: ``sample.warc.gz``, ``truth.jsonl``, ``tokenizer.json``, the archives in
``repositories/`` with ``repositories.jsonl``, ``code_truth.jsonl``, and ``phrases.jsonl``.

    python configs/sample/make_sample.py [--out DIRECTORY]

Everything is original text from ``generator/texts``. The same code gives the same bytes: nothing depends on
the clock, the machine or a random number. This file knows the order of the captures and the tokenizer; what
a page or a repository is and what should become of it is known in ``generator``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

from generator import hostile, pages, poor, repositories, texts, variants, warc
from lessons import phrases

HERE = Path(__file__).parent
VOCABULARY = 4096
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def captures() -> list[pages.Capture]:
    """All captures in file order.

    They are ordered by a hash of their URL, so that languages and kinds mix as in a crawl; the corrupt record
    stands in the middle and the cut-off one at the end.
    """
    entries = {(entry.store, entry.slug): entry for entry in texts.load_all()}
    copied = {(store, slug) for store, slug, _ in variants.EXACT}
    ordinary = [
        pages.make_capture(entry)
        for key, entry in entries.items()
        if key not in copied and entry.store != "en_odd"
    ]
    found = [
        *ordinary,
        *variants.exact_duplicates(entries),
        *variants.near_duplicates(entries),
        *poor.poor_pages(entries),
        *hostile.hostile_pages(entries),
        *hostile.turned_away(),
    ]
    found.sort(key=lambda capture: hashlib.blake2b(capture.url.encode()).digest())
    corrupt, cut = hostile.damaged_pages(entries)
    found = [*found[: len(found) // 2], corrupt, *found[len(found) // 2 :], cut]
    urls = [capture.url for capture in found]
    if len(set(urls)) != len(urls):
        raise ValueError(f"two captures of one URL: {sorted(url for url in urls if urls.count(url) > 1)}")
    return found


def truth_lines(found: list[pages.Capture]) -> str:
    """One JSON object a capture, keys sorted, in file order."""
    return "".join(json.dumps(c.truth, ensure_ascii=False, sort_keys=True) + "\n" for c in found)


def tokenizer() -> str:
    """A byte-level BPE tokenizer trained on the texts, as the content of a ``tokenizer.json``."""
    # One thread: the order in which words are counted must not depend on the machine.
    os.environ["RAYON_NUM_THREADS"] = "1"
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator([texts.body_text(entry) for entry in texts.load_all()], trainer)
    return str(model.to_str(pretty=False)) + "\n"


def phrase_lines() -> str:
    """One JSON object a text in the closed vocabulary that the sample's checkpoint can translate."""
    rows = [{"id": f"phrases-{n:02}", "text": text} for n, text in enumerate(phrases.documents(), 1)]
    return "".join(json.dumps(row) + "\n" for row in rows)


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="directory to write to")
    out: Path = parser.parse_args().out
    found = captures()
    (out / "sample.warc.gz").write_bytes(warc.warc_file(found))
    (out / "truth.jsonl").write_text(truth_lines(found), encoding="utf-8")
    (out / "tokenizer.json").write_text(tokenizer(), encoding="utf-8")
    (out / "phrases.jsonl").write_text(phrase_lines(), encoding="utf-8")
    sources = repositories.load_all()
    for name, content in map(repositories.archive, sources):
        path = out / "repositories" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (out / "repositories.jsonl").write_text(repositories.metadata(sources), encoding="utf-8")
    (out / "code_truth.jsonl").write_text(repositories.truth_lines(sources), encoding="utf-8")
    print(f"{len(found)} captures and {len(sources)} repositories written to {out}")


if __name__ == "__main__":
    main()
