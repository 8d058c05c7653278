from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import schema
from pipeline.config.located import ConfigError
from pipeline.config.schema import Config

GOOD = """\
name: small
output: out
seed: 7
datasets:
  web:
    read: {format: jsonl, paths: [in.jsonl]}
    stages:
      - length: {min_chars: 10}
      - exact_dedup: {}
  english:
    from: web
    where: language = 'en'
tokenizer: {path: tokenizer.json}
blend:
  - {phase: 1, until: 0.6, weights: {english: 0.7, web: 0.3}}
  - {phase: 2, weights: {english: 1}}
"""


def read(tmp_path: Path, text: str = GOOD, *overrides: str) -> Config:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return schema.read(path, list(overrides))


def test_reads_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path.parent)
    loaded = read(tmp_path)
    assert (loaded.name, loaded.seed) == ("small", 7)
    assert loaded.output == str(tmp_path.parent / "out")  # outputs: relative to where one stands
    web = loaded.datasets["web"]
    assert web.read is not None
    assert web.read.settings.paths == [str(tmp_path / "in.jsonl")]  # inputs: to the config
    assert web.read.settings.source == "web"
    assert [step.name for step in web.steps] == ["length", "exact_dedup"]
    assert loaded.datasets["english"].parents == ("web",)
    assert loaded.blended == ["web", "english"]
    assert loaded.tokenizer is not None
    assert loaded.tokenizer.settings.path == str(tmp_path / "tokenizer.json")


def test_parents_come_first(tmp_path: Path) -> None:
    text = "name: a\noutput: o\ndatasets:\n  b: {from: c}\n  c: {read: {format: jsonl, paths: [x]}}\n"
    assert list(read(tmp_path, text).datasets) == ["c", "b"]


def test_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path.parent)
    loaded = read(
        tmp_path,
        GOOD,
        "seed=9",
        "datasets.web.stages.length.min_chars=200",
        "datasets.web.read.paths=[other.jsonl]",
        "shards.tokens=5_000",
        "limits.max_failed=0.5",
    )
    assert loaded.seed == 9
    assert loaded.datasets["web"].steps[0].settings.min_chars == 200
    assert loaded.shards.tokens == 5000
    assert loaded.limits.max_failed == 0.5
    # a path on the command line is relative to where the command was given
    assert loaded.datasets["web"].read.settings.paths == [str(tmp_path.parent / "other.jsonl")]


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NC_SEED", "11")
    monkeypatch.delenv("NC_NAME", raising=False)
    text = GOOD.replace("seed: 7", "seed: ${NC_SEED}").replace("name: small", "name: ${NC_NAME:-fallback}")
    loaded = read(tmp_path, text)
    assert (loaded.seed, loaded.name) == (11, "fallback")
    with pytest.raises(ConfigError, match=r"run.yaml:1: \$\{NC_NAME\} is not set"):
        read(tmp_path, GOOD.replace("name: small", "name: ${NC_NAME}"))


WRONG = {
    "unknown key": (("seed: 7", "sede: 7"), r"run.yaml:3: sede: unknown key; did you mean 'seed'\?"),
    "unknown nested key": (("min_chars", "min_chrs"), r":8: .*min_chrs: unknown key; did you mean 'min_chars'"),
    "wrong type": (("seed: 7", "seed: many"), r":3: seed: input should be a valid integer.*given: 'many'"),
    "wrong stage type": (("min_chars: 10", "min_chars: few"), r":8: .*length.min_chars: input should be"),
    "missing key": (("name: small\n", ""), r"run.yaml:1: `name` is missing"),
    "unknown stage": (("- length:", "- lenght:"), r":8: .*unknown stage 'lenght'; did you mean 'length'"),
    "unknown format": (("format: jsonl", "format: josnl"), r":6: .*unknown format 'josnl'; did you mean"),
    "no format": (("format: jsonl, ", ""), r":6: datasets.web.read: .*format"),
    "two keys in a stage": (("- exact_dedup: {}", "- {exact_dedup: {}, length: {}}"), r":9: .*one mapping with one key"),
    "settings no mapping": (("- exact_dedup: {}", "- exact_dedup: 3"), r":9: .*settings of a stage are a mapping"),
    "reader as stage": (("- exact_dedup: {}", "- stages.read.tables:Tables: {}"), r":9: .*belongs under `read`"),
    "stage that is none": (("- exact_dedup: {}", "- os:getcwd: {}"), r":9: .*is not a Stage"),
    "unknown parent": (("from: web", "from: wbe"), r":11: .*no dataset 'wbe'; did you mean 'web'"),
    "cycle": (("read: {format: jsonl, paths: [in.jsonl]}", "from: english"), r"goes in a circle: .*english <- web"),
    "own parent": (("from: web", "from: english"), r"goes in a circle: english <- english"),
    "read and from": (("from: web", "from: web\n    read: {format: jsonl, paths: [x]}"), r"either `read`"),
    "neither": (("    from: web\n", ""), r":10: .*either `read`"),
    "from nothing": (("from: web", "from: []"), r":10: .*either `read`"),
    "from one twice": (("from: web", "from: [web, web]"), r":11: datasets.english.from: names a dataset twice"),
    "where beyond 64 bits": (("language = 'en'", "n > 99999999999999999999"), r":12: .*beyond 64 bits"),
    "bad where": (("language = 'en'", "language == "), r":12: datasets.english.where: expected a value"),
    "blend of unknown": (("english: 0.7", "englsh: 0.7"), r":15: blend.0.weights.englsh: there is no dataset"),
    "negative weight": (("english: 0.7", "english: -1"), r":15: blend.0.weights.english"),
    "phases": (("until: 0.6", "until: 1.0"), r"blend: "),
    "blend without tokenizer": (("tokenizer: {path: tokenizer.json}\n", ""), r"blend: .*give `tokenizer"),
    "dataset name": (("  english:", "  English:"), r":10: .*lower-case"),
    "twice": (("seed: 7", "seed: 7\nseed: 8"), r":4: seed: given twice"),
    "not yaml": (("seed: 7", "seed: [7"), r"run.yaml:\d+: not YAML"),
    "not a mapping": ((GOOD, "- a\n- b\n"), r":1: a config is a mapping"),
    "no datasets": ((GOOD, "name: a\noutput: b\ndatasets: {}\n"), r":3: datasets: "),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_every_mistake_has_its_line(tmp_path: Path, case: str) -> None:
    (old, new), message = WRONG[case]
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, GOOD.replace(old, new))


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("from: web", "from: wbe").replace("- length:", "- lenght:")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert len(str(caught.value).splitlines()) == 2


def test_null_on_the_command_line_leaves_a_dataset_out(tmp_path: Path) -> None:
    more = GOOD.replace("tokenizer:", "  more: {from: web}\ntokenizer:")
    assert "more" in read(tmp_path, more).datasets
    assert "more" not in read(tmp_path, more, "datasets.more=null").datasets
    with pytest.raises(ConfigError, match=r"--set .*: datasets\.mor: there is no such dataset to leave out"):
        read(tmp_path, more, "datasets.mor=null")
    with pytest.raises(ConfigError, match=r"datasets\.more"):
        read(tmp_path, more.replace("more: {from: web}", "more:"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "write it as key.key=value"),
        ("datasets.web.stages.lengthy.x=1", "no item 'lengthy' in this list of 2"),
        ("seed.deep=1", "holds a value, not keys"),
        ("sede=1", "--set sede=1: sede: unknown key"),
        ("seed=[", "not YAML"),
    ],
)
def test_wrong_overrides(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GOOD, override)
    assert message in str(caught.value)


SMALL = "name: t\noutput: out\ndatasets:\n  a:\n    read: {format: jsonl, paths: [a.jsonl]}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: t\noutput: out\ndatasets: &d\n  a: *d\n",
            "an alias (`*`) refers to a mapping or list that contains it",
        ),
        (SMALL + "    stages: &s [*s]\n", "an alias (`*`) refers to a mapping or list that contains it"),
        (SMALL + "blend: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        (
            "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]\n" for i in range(9))
            + SMALL,
            "more than a config may hold",
        ),
        ("x: &x " + "y" * 100_000 + "\nz: [" + "*x, " * 100 + "*x]\n" + SMALL, "more than a config may hold"),
        ("#" * (5 << 20), "larger than 4 MiB"),
        (SMALL.replace("out\n", '"o\\0ut"\n'), "U+0000"),
        (SMALL.replace("output: out", "output: ''"), "output"),
        (SMALL + "    stages: [{language: {keep: [en, no]}}]\n", "put it in quotes"),
        (SMALL.replace("name: t", "name: 2025"), "put it in quotes"),
        (SMALL.replace("name: t", "name: 2025-01-01"), "put it in quotes"),
        (SMALL.replace("  a:\n", "  a[0]:\n"), "datasets.a[0]: a dataset's name is lower-case letters"),
        (SMALL + "    colour[x]: 1\n", "datasets.a.colour[x]: unknown key"),
        (SMALL + "    where: " + "(" * 5000 + "id = 1" + ")" * 5000, "nested more than 50 deep"),
        (SMALL + "    where: " + "not " * 5000 + "id = 1", "nested more than 50 deep"),
        (SMALL + "    where: " + " or ".join(["language = 'en'"] * 5000), "more than 500 comparisons"),
        (
            SMALL + "tokenizer: {path: t.json}\nblend: [{phase: 1, weights: {a: 0.7}}]\n",
            "blend.0.weights: the weights of phase 1 sum to 0.7, not to 1",
        ),
        (SMALL + "storage: {s3: {endpoint: 'http://me:secret@host:9000'}}\n", "credentials do not belong"),
    ],
)
def test_what_no_config_is_meant_to_be(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", "d"),
        ("out #1", "out #1"),
        ("{a: 1}", "{a: 1}"),
        ("*", "*"),
        ("010", "010"),
        ("no", "no"),
        ("1:30", "1:30"),
    ],
)
def test_a_value_of_the_environment_is_one_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, found: str
) -> None:
    monkeypatch.setenv("NC_VALUE", value)
    assert read(tmp_path, SMALL.replace("name: t", "name: ${NC_VALUE:-d}")).name == found
    monkeypatch.setenv("NC_VALUE", "7")
    assert read(tmp_path, SMALL + "seed: ${NC_VALUE}\n").seed == 7


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("datasets.wbe.where=language = 'en'", "there is no dataset 'wbe'; did you mean 'web'?"),
        ("datasets.web.stages.lenght.min_chars=3", "did you mean 'length'?"),
        ("storage.s3.endpoint=http://me:secret@host", "credentials do not belong"),
        ("output=[*x]", "not YAML"),
    ],
)
def test_mistakes_on_the_command_line(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GOOD, override)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_reference_on_the_command_line_is_the_shells(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD, "name=${HOME}").name == "${HOME}"


def test_a_users_own_files_come_before_those_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = schema.find("sample.yaml")
    assert bundled.is_absolute()
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "sample.yaml").write_text("")
    assert schema.find("sample.yaml") == Path("configs/sample.yaml")
    (tmp_path / "sample.yaml").write_text("")
    assert schema.find("sample.yaml") == Path("sample.yaml")
    with pytest.raises(
        ConfigError,
        match=r"nanocorpus comes with cc_math\.yaml, cc_v2\.yaml, code_v1\.yaml, sample\.yaml",
    ):
        schema.find("sampel.yaml")


def test_the_card_says_what_the_publisher_knows(tmp_path: Path) -> None:
    text = (
        GOOD
        + "card: {license: odc-by, date: 2026-11-30, contact: jo@lab.example, teachers: {m: Apache-2.0}}\n"
    )
    loaded = read(tmp_path, text)
    assert loaded.card.model_dump(mode="json")["date"] == "2026-11-30"
    assert loaded.card.teachers == {"m": "Apache-2.0"}
    assert loaded.as_json() == read(tmp_path).as_json()  # it decides nothing


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("license: ODC BY", "card.license"),
        ("date: soon", "card.date"),
        ("url: lab.example", "card.url"),
        ("version: 1", "card.version"),
        ("licence: odc-by", "did you mean 'license'"),
    ],
)
def test_mistakes_in_the_card(tmp_path: Path, card: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, f"{GOOD}card: {{{card}}}\n")
    assert said in str(error.value)
    assert "run.yaml:17" in str(error.value)


@pytest.mark.parametrize("name", ["rules/gopher.yaml", "gopher.yaml"])
def test_rules_of_the_package_are_found_by_name(tmp_path: Path, name: str) -> None:
    text = GOOD.replace("exact_dedup: {}", f"signals: {{}}\n      - heuristics: {{rules: {name}}}")
    rules = Path(read(tmp_path, text).datasets["web"].steps[-1].settings.model_dump()["rules"])
    assert rules.parts[-3:] == ("configs", "rules", "gopher.yaml")
    assert rules.is_file()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")  # a file of one's own comes first
    assert read(tmp_path, text).datasets["web"].steps[-1].settings.model_dump()["rules"] == str(
        tmp_path / name
    )
    gone = read(tmp_path, text.replace(name, "no_such.yaml")).datasets["web"].steps[-1].settings
    assert gone.model_dump()["rules"] == str(tmp_path / "no_such.yaml")
