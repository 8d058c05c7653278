"""The stage ``license``: measures the licence of every file of a repository.

Knows the columns of files and of their notices. Does not know how a licence is told (``stages.licenses``),
nor which licences are wanted (``stages.license.keep``).
"""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from stages.base import MIB, Annotation, Annotator, AssetFile, Resources, StageConfig
from stages.license.scancode import Scancode
from stages.licenses.groups import RANK, UNKNOWN
from stages.licenses.resolve import Notice, Resolved, resolve
from stages.licenses.table import table

#: What a reader of repositories gives for each file: what may speak for it, the nearest first.
NOTICES = pa.list_(pa.struct([("path", pa.string()), ("text", pa.string())]))
#: A text that is looked at for a licence: characters at its head, and as many at its end.
LONGEST = 256 << 10


class LicenseConfig(StageConfig):
    #: A table of groups in place of ours (``stages/licenses/licenses.yaml``, with the same keys).
    groups: AssetFile | None = None
    #: Of a file with several licences that are no choice, such as LICENSE followed by those of bundled
    #: libraries: whether the first counts, which is that of the work, or all of them.
    bundles: Literal["first", "all"] = "first"
    #: The Python of an environment with scancode-toolkit: it is asked about files of terms (LICENSE, COPYING)
    #: that are not recognised, once for each, in a process of its own (1.4 GB of memory, 0.6 s a file). Its
    #: pluggy must be 1.6.
    scancode: str | None = None
    #: Seconds that scancode may take for one file of terms.
    scancode_seconds: float = Field(default=60.0, gt=0)


class License(Annotator):
    """``license`` is an SPDX expression, null where nothing is said; ``LicenseRef-unknown`` stands for terms
    that were stated and not recognised.

    ``license_group`` is the group of the expression: of OR the best, of AND the worst, WITH an exception that
    of the licence. From best to worst: ``public_domain``, ``permissive``, ``weak_copyleft``,
    ``strong_copyleft``, ``network_copyleft``, ``noncommercial``, ``source_available``, ``proprietary``,
    ``unknown``. ``license_rank`` is its place in this order, from 0: to prefer by, and to carry over copies
    (``exact_dedup: {carry: {license_rank: max}}``).

    ``license_by`` says where it was found: ``tag`` (SPDX, REUSE), ``header`` (a comment of the file),
    ``file`` (LICENSE and the like), ``manifest``, ``notice`` (README, NOTICE), ``repository`` (what the host
    says); ``license_path`` is the file that says it. ``license_conflict`` is what file and folder say where
    they are in different groups, and null otherwise.
    """

    name = "license"
    Config = LicenseConfig
    reads = ("text", "path", "notices", "repo_license")
    adds = pa.schema(
        [
            ("license", pa.string()),
            ("license_group", pa.string()),
            ("license_rank", pa.int64()),
            ("license_by", pa.string()),
            ("license_path", pa.string()),
            ("license_conflict", pa.string()),
        ]
    )
    consumes = ("notices",)
    resources = Resources(memory=256 * MIB)

    def __init__(self, config: LicenseConfig) -> None:
        super().__init__(config)
        self._table = None if config.groups is None else table(config.groups)
        self._scancode: Scancode | None = None

    @classmethod
    def requires(cls, config: LicenseConfig) -> Resources:
        return cls.resources if config.scancode is None else Resources(cpus=2.0, memory=1792 * MIB)

    @classmethod
    def check(cls, config: LicenseConfig, schema: pa.Schema) -> str | None:
        if "notices" in schema.names and schema.field("notices").type != NOTICES:
            return f"column `notices` is {schema.field('notices').type}; it must be {NOTICES}"
        return None

    def open(self) -> None:
        """Loads the table and the texts. ValueError for a table that is none, or a scancode that does not
        start."""
        self._table = table(self.config.groups)
        if self.config.scancode is not None:
            self._scancode = Scancode(self.config.scancode, self.config.scancode_seconds)
        resolve("LICENSE", "MIT License")  # loads the texts

    def annotate(self, batch: pa.Table) -> Annotation:
        if self._table is None:
            raise RuntimeError("License.open() comes before annotate()")
        names = ("text", "path", "notices", "repo_license")
        found = [
            self._resolved(*row) for row in zip(*(batch[name].to_pylist() for name in names), strict=True)
        ]
        groups = [one.expression.group(self._table.group) if one.expression else UNKNOWN for one in found]
        columns: dict[str, list[Any]] = {
            "license": [str(one.expression) if one.expression else None for one in found],
            "license_group": groups,
            "license_rank": [RANK[group] for group in groups],
            "license_by": [one.by for one in found],
            "license_path": [one.path for one in found],
            "license_conflict": [one.conflict for one in found],
        }
        return Annotation(
            {name: pa.array(values, self.adds.field(name).type) for name, values in columns.items()}
        )

    def _resolved(
        self, text: str | None, path: str | None, notices: list[dict[str, Any]] | None, repository: str | None
    ) -> Resolved:
        text = text or ""
        if len(text) > 2 * LONGEST:
            text = f"{text[:LONGEST]}\n{text[-LONGEST:]}"
        around = [Notice(item["path"] or "", item["text"] or "") for item in notices or ()]
        found = resolve(path or "", text, around, repository, self._table, self.config.bundles)
        if self._scancode is not None and (told := self._scancode.instead(found, path or "", text, around)):
            return told
        return found
