"""For every name of the registry what is put in, and with which settings.

A case has few documents: it is to notice that something changed, not to say what is right.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import code_trees
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import version_inputs as inputs
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from version_outputs import TOKENIZER, Case

from stages import registry

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "configs" / "sample"
RULES = ROOT / "configs" / "rules"

NAMES = (*registry.READERS, *registry.STAGES, TOKENIZER)


def cases(name: str, folder: Path) -> dict[str, Case]:
    """By a word for each. Files that they need are made in ``folder``."""
    return _CASES[name](folder) if name in _CASES else {}


def _write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _with_null() -> pa.Table:
    return inputs.documents([*inputs.TEXTS, None])


def _in_parts() -> list[pa.Table]:
    table = inputs.documents()
    return [table.slice(0, 20), table.slice(20)]


def _of_earlier() -> list[pa.Table]:
    return [inputs.documents([inputs.TEXTS[3], inputs.HARBOUR, "Something else."], source="earlier")]


def _warc(folder: Path) -> dict[str, Case]:
    members = inputs.warc_members()
    whole, damaged = folder / "whole.warc.gz", folder / "damaged.warc.gz"
    whole.write_bytes(b"".join(members))
    middle = bytearray(members[2])
    middle[-9] ^= 1  # the checksum no longer fits
    damaged.write_bytes(b"".join([*members[:2], bytes(middle), *members[3:6], members[6][:200]]))
    starts = np.cumsum([0, *map(len, members)])
    rows = {
        "warc_filename": ["/whole.warc.gz"] * 4,
        "warc_record_offset": starts[[2, 1, 4, 0]],
        "warc_record_length": [len(members[i]) for i in (2, 1, 4, 0)],
        "url": ["http://site.test/2", None, "http://site.test/4", "http://site.test/0"],
    }
    pq.write_table(pa.table(rows), folder / "index.parquet")
    return {
        "captures": Case({"paths": [whole], "source": "crawl"}),
        "truncated ones too": Case({"paths": [whole], "truncated": "keep", "max_bytes": 300}),
        "damage": Case({"paths": [damaged], "damaged": "keep"}),
        "an index": Case({"index": [folder / "index.parquet"], "prefix": str(folder)}),
    }


def _parquet(folder: Path) -> dict[str, Case]:
    names = ("text", "html", "url", "date", "language_score", "license")
    table = pa.table({name: pa.array([row.get(name) for row in inputs.ROWS]) for name in names})
    pq.write_table(table, folder / "rows.parquet", row_group_size=3)
    renamed = table.rename_columns(["content" if name == "text" else name for name in names])
    pq.write_table(renamed.append_column("number", pa.array(range(len(renamed)))), folder / "renamed.parquet")
    mapped = {"columns": {"text": "content", "id": "number"}, "max_bytes": 1000, "source": "tables"}
    return {
        "columns of ours": Case({"format": "parquet", "paths": [folder / "rows.parquet"]}),
        "columns of theirs": Case({"format": "parquet", "paths": [folder / "renamed.parquet"], **mapped}),
    }


def _jsonl(folder: Path) -> dict[str, Case]:
    lines = [json.dumps(row) for row in inputs.ROWS]
    rows = _write(folder / "rows.jsonl", *lines[:3], "", "{no json", "[1]", *lines[3:])
    mapped = {"columns": {"text": "html", "html": "text"}, "max_bytes": 1000, "source": "tables"}
    return {
        "columns of ours": Case({"format": "jsonl", "paths": [rows]}),
        "columns of theirs": Case({"format": "jsonl", "paths": [rows], **mapped}),
    }


def _repositories(folder: Path) -> dict[str, Case]:
    commit = code_trees.mirror(folder / "o" / "a.git", inputs.TREE)
    code_trees.mirror(folder / "o" / "a.git", {"b.py": b"b = 1\n"}, [("160000", "1" * 40, "module")])
    code_trees.mirror(folder / "b.git", {"b.py": b"b = 1\n"})
    about = _write(folder / "about.csv", "repo,stars,license", "o/a,5,MIT")
    out = _write(folder / "out", "b")
    one = {"paths": [str(folder)], "source": "code"}
    return {
        "heads": Case(one),
        "an earlier commit": Case(
            {
                **one,
                "revision": commit,
                "max_bytes": 500,
                "metadata": about,
                "opt_out": out,
                "host": "https://h",
            }
        ),
    }


def _tarball(folder: Path) -> dict[str, Case]:
    whole = code_trees.tarball(
        inputs.TREE, prefix="a-main/", comment="1" * 40, links={"link": "src/count.py"}
    )
    (folder / "a.tar.gz").write_bytes(gzip.compress(whole, mtime=0))
    (folder / "b.tar").write_bytes(whole[:4000])
    (folder / "c.zip").write_bytes(code_trees.zipped(inputs.TREE))
    return {"archives": Case({"paths": [folder / "a.tar.gz", folder / "b.tar", folder / "c.zip"]})}


def _code_folder(folder: Path) -> dict[str, Case]:
    for name, data in inputs.TREE.items():
        (folder / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "a" / name).write_bytes(data)
    return {"a folder": Case({"paths": [str(folder)], "depth": 1})}


def _stack(folder: Path) -> dict[str, Case]:
    texts = {
        name: data.decode() for name, data in inputs.TREE.items() if data.isascii() and b"\0" not in data
    }
    v1 = {
        "max_stars_repo_name": ["o/a"] * len(texts),
        "max_stars_repo_path": list(texts),
        "max_stars_repo_licenses": [["MIT"]] * len(texts),
        "content": list(texts.values()),
    }
    pq.write_table(pa.table(v1), folder / "v1.parquet")
    names = [hashlib.sha1(data).hexdigest() for data in inputs.TREE.values()]
    v2 = {"repo_name": ["o/a"] * len(names), "path": [f"/{name}" for name in inputs.TREE], "blob_id": names}
    pq.write_table(pa.table(v2), folder / "v2.parquet")
    (folder / "contents").mkdir()
    for name, data in list(zip(names, inputs.TREE.values(), strict=True))[1:]:
        (folder / "contents" / name).write_bytes(gzip.compress(data, mtime=0))
    return {
        "version 1": Case({"paths": [folder / "v1.parquet"]}),
        "version 2": Case({"paths": [folder / "v2.parquet"], "contents": str(folder / "contents")}),
    }


def _nemotron_code(folder: Path) -> dict[str, Case]:
    commit = code_trees.mirror(folder / "mirrors" / "o" / "a.git", inputs.TREE)
    paths = [*inputs.TREE, "not/there.py"]
    rows = {"repo": ["o/a"] * len(paths), "commit_id": [commit[:7]] * len(paths), "rel_path": paths}
    pq.write_table(pa.table(rows), folder / "rows.parquet")
    return {"rows": Case({"paths": [folder / "rows.parquet"], "mirrors": str(folder / "mirrors")})}


def _repository_notices(folder: Path) -> dict[str, Case]:
    paths = [name for name, data in inputs.TREE.items() if data.isascii() and b"\0" not in data]
    documents = inputs.documents([inputs.TREE[path].decode() for path in paths] * 2)
    columns = {
        "repo": ["o/a"] * len(paths) + ["o/b"] * len(paths),
        "commit": ["1" * 40] * len(paths) * 2,
        "path": paths * 2,
    }
    for name, values in columns.items():
        documents = documents.append_column(name, pa.array(values))
    return {"two repositories": Case({}, [documents.slice(0, 7), documents.slice(7)])}


def _render(folder: Path) -> dict[str, Case]:
    """The extractors of others are not here: what they give changes with them."""
    parts = [inputs.pages()]
    return {
        "full": Case({}, parts),
        "main": Case({"content": "main"}, parts),
        "full from equations": Case({"content": "main", "full_from_equations": 2}, parts),
    }


def _urls(folder: Path) -> dict[str, Case]:
    domains = _write(folder / "domains", "example.org", "# a comment", "allowed.example.com")
    addresses = _write(folder / "urls", "example.com/a")
    expressions = _write(folder / "expressions", "free-?boats")
    allow = _write(folder / "allow", "shop.example.org")
    parts = [inputs.documents(["x"] * len(inputs.URLS))]
    settings = {"domains": {"d": domains}, "urls": {"u": addresses}, "expressions": {"e": expressions}}
    return {"lists": Case(settings, parts), "but for some": Case({**settings, "allow": [allow]}, parts)}


def _language(folder: Path) -> dict[str, Case]:
    parts = [_with_null()]
    kept = {"keep": ["en", "de", "zh", "ja", "ru"], "min_score": 0.4, "scripts": True}
    return {"measured": Case({}, parts), "decided": Case(kept, parts)}


def _length(folder: Path) -> dict[str, Case]:
    return {"bounds": Case({"min_chars": 100, "max_chars": 800}, [_with_null()])}


def _exact_dedup(folder: Path) -> dict[str, Case]:
    return {
        "bytes": Case({}, _in_parts()),
        "after an earlier run": Case({}, _in_parts(), _of_earlier()),
        "words": Case({"normalize": "whitespace", "action": "annotate"}, _in_parts()),
        "preferred and carried": Case(
            {"prefer": ["license_rank desc"], "carry": {"license_rank": "max"}},
            [pa.concat_tables([inputs.judged(), inputs.judged()])],
        ),
    }


def _fuzzy_dedup(folder: Path) -> dict[str, Case]:
    loose = {"ngram": 8, "bands": 20, "rows": 4}
    stars = {"ngram": 2, "unit": "words", "threshold": 0.5, "permutations": 128, "single_process_edges": 0}
    return {
        "defaults": Case({}, _in_parts()),
        "signatures": Case({**loose, "verify": "signatures"}, _in_parts(), _of_earlier()),
        "jaccard": Case({**loose, "verify": "jaccard", "prefer": ["length asc"]}, _in_parts()),
        "stars": Case({**stars, "action": "annotate"}, _in_parts()),
        "within": Case({**loose, "within": "language"}, _in_parts(), _of_earlier()),
    }


def _line_dedup(folder: Path) -> dict[str, Case]:
    """Lines are compared within a site."""
    parts = [_at_site(part) for part in _in_parts()]
    earlier = [_at_site(part) for part in _of_earlier()]
    return {
        "lines": Case({"min_documents": 2}, parts, earlier),
        "paragraphs": Case({"unit": "paragraph", "min_documents": 2, "keep": "none"}, parts),
    }


def _at_site(part: pa.Table) -> pa.Table:
    return part.set_column(2, "url", pa.array([f"http://site.test/{row}" for row in range(len(part))]))


def _passage_dedup(folder: Path) -> dict[str, Case]:
    return {
        "first": Case({"min_tokens": 12}, _in_parts()),
        "none": Case({"min_tokens": 20, "keep": "none", "min_left": 5}, _in_parts()),
        "annotate": Case({"min_tokens": 8, "action": "annotate"}, _in_parts()),
    }


def _signals(folder: Path) -> dict[str, Case]:
    return {"all": Case({}, [_with_null()])}


def _heuristics(folder: Path) -> dict[str, Case]:
    stage = registry.find_stage("signals")({})
    stage.open()
    table = inputs.documents()
    for column, values in stage.annotate(table).columns.items():
        table = table.append_column(column, values)
    rules = _write(
        folder / "rules.yaml",
        "name: small",
        "source: made for this case",
        "rules:",
        "  short: {signal: words, min: 20, by_language: {ja: {min: 60}}, except: [zh]}",
        "  long_words: {signal: mean_word_length, min: 2.5, max: 7.25, languages: [en, de, ru]}",
    )
    return {
        "of the configs": Case({"rules": RULES / "nemotron_cc_en.yaml"}, [table]),
        "by language": Case({"rules": rules, "spare": "language in [fr, ko]"}, [table]),
    }


def _fasttext(folder: Path) -> dict[str, Case]:
    return {
        name: Case({"model": SAMPLE / "classifiers" / f"{name}.bin", "name": name}, [_with_null()])
        for name in ("clean", "instructive")
    }


def _word_piece() -> Tokenizer:
    words = sorted({word for text in inputs.TEXTS[:3] for word in text.lower().split()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", *words]
    ids = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def _regressor(folder: Path) -> dict[str, Case]:
    import torch
    from safetensors.torch import save_file

    from stages.quality.regressor.bert import EncoderConfig

    tokenizer = _word_piece()
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    rest = {
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "id2label": {"0": "a"},
    }
    kind = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
    _write(
        folder / "config.json",
        json.dumps({**kind, **shape, **rest, "vocab_size": tokenizer.get_vocab_size()}),
    )
    random = np.random.default_rng(3)
    weights = {}
    for name, size in EncoderConfig.load(folder).tensor_shapes().items():
        noise = 0.4 * random.standard_normal(size).astype(np.float32)
        weights[name] = torch.from_numpy(noise + name.endswith("LayerNorm.weight"))
    weights["classifier.bias"] += 2.5  # the middle of the scores
    save_file(weights, folder / "model.safetensors")
    return {"cpu": Case({"model": folder, "name": "edu"}, [_with_null()])}


def _ensemble(folder: Path) -> dict[str, Case]:
    count = len(inputs.TEXTS)
    scores = {
        "quality.a": [None if number % 9 == 4 else number * 37 % 100 / 100 for number in range(count)],
        "quality.b": [None if number % 9 == 4 else number * number % 53 / 10 for number in range(count)],
    }
    scores["quality.b"][2] = None
    parts = _in_parts()
    for name, values in scores.items():
        at, column = 0, pa.array(values, pa.float32())
        for number, part in enumerate(parts):
            parts[number] = part.append_column(name, column.slice(at, len(part)))
            at += len(part)
    known = {name: {"cuts": [step / 4 for step in range(19)]} for name in scores}
    calibration = _write(
        folder / "calibration.json",
        json.dumps({"kind": "quality calibration", "format": 1, "scores": known}),
    )
    fit = {"scores": list(scores), "fraction": 0.7}
    return {
        "bytes": Case({"scores": list(scores)}, parts),
        "tokens": Case({**fit, "tokenizer": SAMPLE / "tokenizer.json"}, parts),
        "known": Case({**fit, "calibration": calibration, "labels": {"good": 10, "bad": 0}}, parts),
    }


def _decontaminate(folder: Path) -> dict[str, Case]:
    items = _write(
        folder / "items.jsonl",
        json.dumps({"question": inputs.QUESTION, "answer": "2240"}),
        json.dumps({"question": "港の管理人は船を二度数えます。朝に一度、夜に一度。何度ですか。"}),
        json.dumps({"question": "How many?"}),
    )
    choices = _write(
        folder / "choices.jsonl",
        json.dumps({"stem": "Nobody reads what he writes down", "options": ["a", "b"]}),
    )
    benchmarks = {"benchmarks": {"sums": items}}
    two = {"benchmarks": {"sums": items, "boats": choices}, "fields": {"boats": ["stem", "options"]}}
    return {
        "drop": Case(benchmarks, [_with_null()]),
        "annotate": Case({**two, "ngram": 5, "shortest": 4, "action": "annotate"}, [_with_null()]),
    }


def _pii(folder: Path) -> dict[str, Case]:
    return {
        "redacted": Case({}, [_with_null()]),
        "counted": Case(
            {"kinds": ["email", "ip"], "action": "annotate", "documentation": True}, [_with_null()]
        ),
    }


def _license(folder: Path) -> dict[str, Case]:
    table = _write(folder / "groups.yaml", "licenses: {MIT: proprietary, BSD-2-Clause: public_domain}")
    return {
        "ours": Case({}, [inputs.licensed()]),
        "own groups": Case({"groups": table, "bundles": "all"}, [inputs.licensed()]),
    }


def _license_filter(folder: Path) -> dict[str, Case]:
    return {
        "permissive": Case({}, [inputs.judged()]),
        "copyleft": Case(
            {"keep": ["permissive", "strong_copyleft"], "unknown": "keep", "conflict": "keep"},
            [inputs.judged()],
        ),
    }


def _code_language(folder: Path) -> dict[str, Case]:
    parts = [inputs.code_files()]
    drop = dict.fromkeys(("vendored", "generated", "minified", "test"), "drop")
    return {"measured": Case({}, parts), "decided": Case({"keep": ["nemotron43"], **drop}, parts)}


def _code_signals(folder: Path) -> dict[str, Case]:
    table = inputs.code_files()
    stage = registry.find_stage("code_language")(registry.find_stage("code_language").Config())
    for column, values in stage.annotate(table).columns.items():  # type: ignore[attr-defined]
        table = table.append_column(column, values)
    return {"all": Case({}, [table])}


def _notebook(folder: Path) -> dict[str, Case]:
    parts = [inputs.notebooks()]
    return {
        "script": Case({"outputs": 3}, parts),
        "markdown": Case({"as": "markdown"}, parts),
    }


def _secrets(folder: Path) -> dict[str, Case]:
    parts = [inputs.secrets()]
    return {
        "redacted": Case({}, parts),
        "dropped": Case({"action": "drop", "examples": True}, parts),
    }


def _repository_order(folder: Path) -> dict[str, Case]:
    files = inputs.repositories()
    parts = [files.slice(0, 5), files.slice(5)]
    return {
        "imports": Case({}, parts),
        "small ones by path": Case({"order": "path", "max_bytes": 60, "within": ["language"]}, parts),
    }


def _tokenize(folder: Path) -> dict[str, Case]:
    return {"byte level": Case({"path": SAMPLE / "tokenizer.json"}, [_with_null()])}


def _synthesis(folder: Path, upto: str, *names: str) -> dict[str, Case]:
    """Cases of a stage of synthesis: documents that went through the stages before it, with a model that is
    made up."""
    from synthesis_cases import documents, run, tokenizer

    copy = folder / "tokenizer.json"
    copy.write_text(Path(tokenizer()).read_text(encoding="utf-8"), encoding="utf-8")

    found = {}
    texts = [
        *(text for text in inputs.TEXTS if text),
        "The harbour was built in 1888 and has two cranes. It holds 40 boats, and $x^2$ is a formula.",
    ]
    table = documents(*texts)
    for word, task, more in (
        ("pairs", "diverse_qa", {}),
        ("facts", "knowledge_list", {"samples": 2}),
        ("translations", "translate", {"to": ["de", "fr"]}),
        ("mathematics", "math_cleanup", {}),
    ):
        before = run(table, task, upto=upto, **more)[0] if upto else table
        settings = {"tasks": [task]} if "tasks" in names else {}
        if "tokenizer" in names:
            settings["tokenizer"] = copy
        if "backend" in names:
            settings |= {"backend": "fake_engine:make", "device": "cpu"}
        found[word] = Case({**settings, **(more if "samples" in names else {})}, [before])
    return found


def _segments(folder: Path) -> dict[str, Case]:
    return _synthesis(folder, "", "tasks", "tokenizer", "samples")


def _complete(folder: Path) -> dict[str, Case]:
    return _synthesis(folder, "segments", "tasks", "tokenizer", "backend")


def _parse(folder: Path) -> dict[str, Case]:
    return _synthesis(folder, "complete", "tasks")


def _accept(folder: Path) -> dict[str, Case]:
    return _synthesis(folder, "parse")


def _assemble(folder: Path) -> dict[str, Case]:
    return _synthesis(folder, "accept", "tasks")


_CASES: dict[str, Callable[[Path], dict[str, Case]]] = {
    "warc": _warc,
    "parquet": _parquet,
    "jsonl": _jsonl,
    "repositories": _repositories,
    "tarball": _tarball,
    "code_folder": _code_folder,
    "stack": _stack,
    "nemotron_code": _nemotron_code,
    "render": _render,
    "urls": _urls,
    "language": _language,
    "length": _length,
    "exact_dedup": _exact_dedup,
    "fuzzy_dedup": _fuzzy_dedup,
    "line_dedup": _line_dedup,
    "passage_dedup": _passage_dedup,
    "signals": _signals,
    "heuristics": _heuristics,
    "fasttext": _fasttext,
    "regressor": _regressor,
    "ensemble": _ensemble,
    "decontaminate": _decontaminate,
    "pii": _pii,
    "license": _license,
    "license_filter": _license_filter,
    "repository_notices": _repository_notices,
    "code_language": _code_language,
    "code_signals": _code_signals,
    "notebook": _notebook,
    "secrets": _secrets,
    "repository_order": _repository_order,
    "segments": _segments,
    "complete": _complete,
    "parse": _parse,
    "accept": _accept,
    "assemble": _assemble,
    TOKENIZER: _tokenize,
}
