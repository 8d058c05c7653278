"""A config that lets the sample's checkpoint do its tasks about some of the sample's pages, for benchmarks.

Knows the sample. Does not know who runs the config, nor why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

SAMPLE = Path(__file__).resolve().parents[2] / "configs" / "sample"
TASKS = ("qa", "list", "distill", "rephrase")


def config(chars: int, **settings: Any) -> str:
    """YAML of a config with the dataset ``generated``: of English pages of 700 to ``chars`` characters, with
    ``settings`` of ``synthesize`` beside its tasks, tokenizer and rules."""
    prose = "render.equations = 0 and render.code_blocks = 0"
    synthesize = {
        "task": [f"{SAMPLE}/tasks/{name}.md" for name in TASKS],
        "tokenizer": f"{SAMPLE}/checkpoint",
        "rules": f"{SAMPLE}/tasks/rules.yaml",
        "device": "cpu",
        "context": 512,
        "memory": 500_000_000,
        **settings,
    }
    pages = {
        "read": {"format": "warc", "paths": [f"{SAMPLE}/sample.warc.gz"], "damaged": "keep"},
        "stages": [
            {"render": {"content": "main"}},
            {"language": {"keep": ["en"], "min_score": 0.3}},
            {"exact_dedup": {}},
        ],
    }
    generated = {
        "from": "pages",
        "where": f"render.chars > 700 and render.chars < {chars} and {prose}",
        "stages": [{"synthesize": synthesize}],
    }
    datasets = {"pages": pages, "generated": generated}
    said = {"name": "generation", "output": "out", "limits": {"max_failed": 0.05}, "datasets": datasets}
    return yaml.safe_dump(said, sort_keys=False)
