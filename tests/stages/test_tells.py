"""What stages tell of is there: a column that they add with these settings."""

from __future__ import annotations

import pytest

from stages import registry
from stages.base import StageConfig
from stages.code.secrets import Secrets
from stages.pii.stage import Pii
from stages.quality.ensemble import Ensemble
from stages.read.warc import Warc
from stages.synthesis.assemble import Assemble

CASES = {
    "pii": (Pii, {"kinds": ["email", "iban"]}, ["redacted", "redacted"]),
    "pii that counts": (Pii, {"action": "annotate"}, []),
    "secrets": (Secrets, {}, ["redacted"]),
    "secrets that drop": (Secrets, {"action": "drop"}, []),
    "ensemble": (Ensemble, {"scores": ["quality.a"]}, ["rank"]),
    "warc": (Warc, {"paths": ["x"]}, ["opt_out"] * 3),
    "assemble": (Assemble, {"tasks": ["distill"]}, ["teacher", "task"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_stage_tells_of_columns_that_it_adds(name: str) -> None:
    cls, settings, wanted = CASES[name]
    config = cls.Config.model_validate(settings)
    told = cls.tells(config)
    assert [one.what for one in told] == wanted
    assert {one.column for one in told} <= set(cls.added(config).names)


def test_all_others_tell_nothing() -> None:
    classes = [registry.load(name) for name in (*registry.READERS, *registry.STAGES, registry.TOKENIZE)]
    silent = [cls for cls in classes if cls not in {case[0] for case in CASES.values()}]
    assert len(silent) == len(classes) - len({case[0] for case in CASES.values()})
    assert all(cls.tells(StageConfig()) == () for cls in silent)
