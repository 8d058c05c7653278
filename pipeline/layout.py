"""The names of all files of an output, defined once; all are relative to the output.

::

    plan.json                                     what was planned
    stats.json                                    about the run as a whole
    artefacts/<dataset>-<stage>.json              what global stages leave for later runs
    corpus/                                       what its receiver needs, and nothing else
        README.md  croissant.json  blend.json  tokenizer.json  SHA256SUMS
        attribution.parquet  domains.parquet
        <dataset>/train-00000-of-00003.parquet
    work/<dataset>/<segment>/<part>.parquet       documents after a segment
    work/<dataset>/<segment>/rejects/<part>.parquet
    work/<dataset>/<segment>/runs/<part>.runs     what goes through the exchange
    work/<dataset>/<segment>/receipts/<part>.json
    work/<dataset>/<segment>/receipts.pack        of many receipts: all of them, once the group is done
    work/<dataset>/tokens/domains/<part>.parquet  registered domains of a part
    work/<dataset>/<segment>/journal/<part>-<number>.parquet, with receipts/ beside, while the run goes on
    work/<dataset>/<segment>/<round>/<bucket>.runs, with receipts/ beside
    work/<dataset>/shards/receipts/<shard>.json
    work/receipts/manifest, work/receipts/index, work/account.json
    work/receipts/spent                           seconds of the driver, for ``estimate``
    work/receipts/whole                           of a large run that is finished, so that this is seen soon
    work/receipts/trace-00000-of-00001.parquet    where each document comes from, for ``trace``; trace-parts
    dry-run/                                      the same files again, for a dry run

Knows names; does not know what is in the files, nor how they are written.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b

#: Format of the files that a run keeps. Raise it when a run cannot continue from those of earlier versions.
FORMAT = 2

PLAN, STATS = "plan.json", "stats.json"
#: Relative to the folder of a corpus.
BLEND_NAME, SUMS_NAME, TOKENIZER_NAME = "blend.json", "SHA256SUMS", "tokenizer.json"
ATTRIBUTION_NAME = "attribution.parquet"
DOMAINS_NAME, CROISSANT_NAME = "domains.parquet", "croissant.json"
BLEND, TOKENIZER = f"corpus/{BLEND_NAME}", f"corpus/{TOKENIZER_NAME}"
CARD = "corpus/README.md"
#: Where earlier versions wrote what describes a corpus: beside ``corpus/``, not in it.
EARLIER = ("README.md", "blend.json")
#: The only files of a run that people may edit: an edited one is left alone.
EDITED = (CARD, "README.md")
#: What is known so far of a run that did not finish.
ACCOUNT = "work/account.json"
#: Projects with their licences, of documents that carry one.
ATTRIBUTION = f"corpus/{ATTRIBUTION_NAME}"
#: Registered domains with documents and tokens, and what a corpus says of itself to machines.
DOMAINS, CROISSANT = f"corpus/{DOMAINS_NAME}", f"corpus/{CROISSANT_NAME}"
#: Checksums of all files of the corpus, in the format of ``sha256sum --check``, for users who have only these
#: files.
SUMS = f"corpus/{SUMS_NAME}"
#: Names the files of the run that no receipt names.
MANIFEST = "work/receipts/manifest"
#: Names of all receipts of a finished run, so that ``verify`` knows which must exist.
INDEX = "work/receipts/index"
#: The parts that the index of documents counts, one a line.
TRACE_PARTS = "work/receipts/trace-parts"
#: What the driver of a run took besides the tasks.
SPENT = "work/receipts/spent"
#: What the files about the whole were made of, so that it is seen that they are still right.
WHOLE = "work/receipts/whole"
RECEIPTS_NAME = "receipts"
#: How the names of packs end (``ledger.packs``).
PACK = ".pack"
#: Names the driver that may publish.
TOKEN = "work/.token"
DRY_RUN = "dry-run"
CORPUS, WORK, ARTEFACTS, RECEIPTS, ASSETS = "corpus", "work", "artefacts", "work/receipts", "work/.assets"
_RECEIPT = re.compile(r"(work/[^/]+/[^/]+(?:/[^/]+)?)/receipts/(part|bucket|group|train)-[^/]+\.json")

_PACK = re.compile(r"work/[^/]+/[^/]+(?:/[^/]+)?/receipts\.pack")


def work(key: str) -> str:
    """Directory of a segment (``dataset/segment``) or of a round of it."""
    return f"{WORK}/{key}"


def label(directory: str) -> str:
    """The key of a segment or round, for messages."""
    return directory.removeprefix(f"{WORK}/")


def receipts(directory: str) -> str:
    """Directory of the receipts of a segment, a round or a dataset's shards."""
    return f"{directory}/receipts"


def receipt(directory: str, name: str) -> str:
    """The receipt of a part, bucket or shard."""
    return f"{directory}/receipts/{name}.json"


def pack(receipts: str) -> str:
    """All receipts of a directory of receipts, in one file beside it."""
    return f"{receipts}{PACK}"


def part(identity: str, count: int = 1) -> str:
    """A stable name for the part of an input; ``count`` tells apart those that are listed under one name."""
    return "part-" + blake2b(f"{identity}\n{count}".encode(), digest_size=8).hexdigest()


def child_part(dataset: str, name: str) -> str:
    """Name of the part that comes from part ``name`` of a dataset, where a segment takes from several."""
    return part(json.dumps([dataset, name], separators=(",", ":"), ensure_ascii=False))


def documents(directory: str, part: str) -> str:
    """The Parquet file of a part."""
    return f"{directory}/{part}.parquet"


def rejects_directory(directory: str) -> str:
    """Directory of the rejected rows of a segment."""
    return f"{directory}/rejects"


def rejects(directory: str, part: str) -> str:
    """The rejected rows of a part."""
    return f"{rejects_directory(directory)}/{part}.parquet"


def journal(directory: str) -> str:
    """Directory of the journals of parts of a segment that are not finished."""
    return f"{directory}/journal"


def domains(directory: str, part: str) -> str:
    """Registered domains of the documents of a part that became tokens."""
    return f"{directory}/domains/{part}.parquet"


def runs_directory(directory: str) -> str:
    """Directory of the run files of a segment."""
    return f"{directory}/runs"


def runs(directory: str, part: str) -> str:
    """The run file of a part."""
    return f"{runs_directory(directory)}/{part}.runs"


def round_runs(directory: str, name: str) -> str:
    """The run file of a bucket or part of a round."""
    return f"{directory}/{name}.runs"


def shards(dataset: str) -> str:
    """Directory of the tasks of a dataset's shards."""
    return f"{WORK}/{dataset}/shards"


def corpus(dataset: str) -> str:
    """Directory of a dataset's shards."""
    return f"{CORPUS}/{dataset}"


def shard_name(index: int, count: int) -> str:
    """``train-00000-of-00003``, as Hugging Face names them."""
    return f"train-{index:05d}-of-{count:05d}"


def shard(dataset: str, name: str) -> str:
    """A token shard."""
    return f"{CORPUS}/{dataset}/{name}.parquet"


def in_corpus(name: str) -> str:
    """The name of a file of the corpus relative to ``corpus/``."""
    return name.removeprefix(f"{CORPUS}/")


def artefact(dataset: str, label: str) -> str:
    """The artefact of the global stage with that label."""
    return f"{ARTEFACTS}/{dataset}-{label}.json"


def asset(sha256: str, suffix: str) -> str:
    """The run's copy of a file that stages load."""
    return f"{ASSETS}/{sha256[:32]}{suffix}"


def megatron_list(phase: int) -> str:
    """The list of weights for a phase, as Megatron-LM takes it, in the folder of an export."""
    return f"blend-phase{phase}.txt"


def trace_file(index: int, count: int) -> str:
    """A file of the index of documents (``report.trace_index``)."""
    return f"{RECEIPTS}/trace-{index:05d}-of-{count:05d}.parquet"


def is_trace_file(name: str) -> bool:
    """Whether it is a file of the index of documents; the list of parts is not."""
    return name.startswith(f"{RECEIPTS}/trace-") and name.endswith(".parquet")


def is_trace(name: str) -> bool:
    """Whether it belongs to the index of documents."""
    return is_trace_file(name) or name == TRACE_PARTS


def is_receipt(name: str) -> bool:
    """Whether a name has the form of a receipt's name."""
    return _RECEIPT.fullmatch(name) is not None


def belongs(receipt_name: str, name: str) -> bool:
    """Whether a receipt of that name may name that file."""
    match = _RECEIPT.fullmatch(receipt_name)
    directory = match[1] if match else ""
    if directory.endswith("/shards") and name.startswith(f"{corpus(directory.split('/')[1])}/"):
        return True
    return name.startswith(f"{directory}/") and ".." not in name.split("/")


def is_pack(name: str) -> bool:
    """Whether a name has the form of a pack's name."""
    return _PACK.fullmatch(name) is not None


def is_in_receipts(name: str) -> bool:
    """Whether a file lies among receipts."""
    return name.endswith(".json") and "/receipts/" in name
