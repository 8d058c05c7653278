"""Rule files and their verdicts, against a row-by-row reading of the same YAML."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Fault
from stages.heuristics.rules import RuleError, load
from stages.heuristics.stage import Heuristics, HeuristicsConfig
from stages.signals import measure
from stages.signals.table import SCHEMA, SIGNALS

SETS = sorted((Path(__file__).parents[3] / "configs" / "rules").glob("*.yaml"))
COLUMNS = pa.schema([("language", pa.string()), *SCHEMA])
WHOLE = {signal.name for signal in SIGNALS.values() if signal.type == pa.int32()}

EXAMPLE = """\
name: example
source: made up
rules:
  too_few_words: {signal: words, min: 50}
  duplicate_lines: {signal: gopher_duplicate_line_ratio, max: 0.3}
  mean_word_length:
    signal: mean_word_length
    min: 3
    max: 10
    except: [zh]
    by_language: {de: {max: 12}}
  stop_words: {signal: stop_words, min: 2, languages: [en, de]}
"""
GOOD = {"words": 50, "gopher_duplicate_line_ratio": 0.3, "mean_word_length": 5.0, "stop_words": 2}


@pytest.fixture
def example(tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(EXAMPLE)
    return path


def table(*rows, **columns):
    """Documents from (language, signals that are not those of GOOD); ``columns`` are further ones."""
    values = {"language": pa.array([language for language, _ in rows], pa.string())}
    for name in GOOD:
        kind = pa.int32() if name in WHOLE else pa.float32()
        values[f"signal.{name}"] = pa.array([(GOOD | other)[name] for _, other in rows], kind)
    return pa.table(values | columns)


def opened(path, **settings):
    stage = Heuristics(HeuristicsConfig(rules=str(path), **settings))
    stage.open()
    return stage


def reasons(stage, batch):
    return [fault and fault.reason for fault in stage.judge(batch)]


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_every_bundled_set_is_checked_against_the_signals_before_a_run(path):
    assert Heuristics.check(HeuristicsConfig(rules=str(path)), COLUMNS) is None
    assert yaml.safe_load(path.read_text())["name"] == path.stem


def naive(rules, row):
    """The names of the rules that a row breaks, read from the YAML as it stands."""
    for name, rule in rules.items():
        on = row["language"] in rule["languages"] if "languages" in rule else True
        if not on or row["language"] in rule.get("except", []):
            continue
        bounds = rule | rule.get("by_language", {}).get(row["language"], {})
        value = row["signal." + rule["signal"]]
        if value < np.float32(bounds.get("min", -np.inf)) or value > np.float32(bounds.get("max", np.inf)):
            yield name


@settings(max_examples=40, deadline=None)
@given(path=st.sampled_from(SETS), seed=st.integers(0, 2**32 - 1))
def test_a_verdict_is_that_of_every_rule_on_every_row(path, seed):
    rules, random = yaml.safe_load(path.read_text())["rules"], np.random.default_rng(seed)
    near = {}  # of each signal: the bounds, and the values next to them
    for rule in rules.values():
        for bounds in (rule, *rule.get("by_language", {}).values()):
            for bound in (np.float32(bounds[side]) for side in ("min", "max") if side in bounds):
                whole = rule["signal"] in WHOLE
                next_to = [bound - 1, bound + 1] if whole else np.nextafter(bound, np.float32([0, 9e9]))
                near.setdefault("signal." + rule["signal"], []).extend([bound, *next_to])
    columns = {
        name: random.choice(np.array(values, np.int32 if name[7:] in WHOLE else np.float32), 8)
        for name, values in near.items()
    }
    codes = pa.array(random.choice(np.array([None, "en", "zh", "ja", "th", "de", "fi"]), 8), pa.string())
    batch = pa.table({"language": codes} | columns)
    for row, fault in zip(batch.to_pylist(), opened(path).judge(batch), strict=True):
        expected = list(naive(rules, row))
        if expected:
            assert fault.reason == expected[0]
            assert fault.detail.partition("; also ")[2] == ", ".join(expected[1:])
        else:
            assert fault is None


def test_a_value_that_meets_a_bound_stays_and_the_next_one_goes(example):
    above = float(np.nextafter(np.float32(0.3), np.float32(1)))
    batch = table(("en", {}), ("en", {"words": 49}), ("en", {"gopher_duplicate_line_ratio": above}))
    assert opened(example).judge(batch) == [
        None,
        Fault("too_few_words", "signal.words 49 < 50"),
        Fault("duplicate_lines", "signal.gopher_duplicate_line_ratio 0.30000004 > 0.3"),
    ]


def test_the_first_rule_of_the_file_is_the_reason_and_the_others_are_named(example):
    (fault,) = opened(example).judge(table(("en", {"mean_word_length": 11.2, "words": 3, "stop_words": 0})))
    assert fault == Fault("too_few_words", "signal.words 3 < 50; also mean_word_length, stop_words")


def test_rules_go_by_language(example):
    long = {"mean_word_length": 11.2}
    batch = table(*((code, long) for code in ("en", "zh", "de", "fr", None)))
    dropped = "mean_word_length"
    assert reasons(opened(example), batch) == [dropped, None, None, dropped, dropped]
    batch = table(*((code, {"stop_words": 1}) for code in ("en", "zh", "de", None)))
    assert reasons(opened(example), batch) == ["stop_words", None, "stop_words", None]
    (fault,) = opened(example).judge(table(("de", {"mean_word_length": 2})))
    assert fault == Fault("mean_word_length", "signal.mean_word_length 2 < 3")


def test_spared_rows_are_not_judged(example):
    labels = pa.array(["high", "low", None])
    batch = table(*[("en", {"words": 1})] * 3, **{"quality.label": labels})
    stage = opened(example, spare="quality.label in [high]")
    assert reasons(stage, batch) == [None, "too_few_words", "too_few_words"]
    assert Heuristics.needs(stage.config) == ("language", "quality.label")


def test_a_null_signal_is_an_error_and_no_verdict(example):
    with pytest.raises(ValueError, match=r"signal\.stop_words of row 1 is null"):
        opened(example).judge(table(("en", {}), ("en", {"stop_words": None})))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x: {signal: words, minimum: 5}", "4: rules.x.minimum: there is no such key"),
        (
            "x: {signal: wrods, min: 5}",
            "4: rules.x.signal: there is no signal 'wrods'; did you mean 'words'?",
        ),
        ("x: {signal: words, min: '5'}", "4: rules.x.min: Input should be a valid number"),
        ("x: {signal: words, min: .nan}", "4: rules.x.min: Input should be a finite number"),
        ("x: {signal: words}", "4: rules.x: give `min`, `max` or both"),
        ("x: {signal: words, min: 9, max: 5}", "4: rules.x: min 9 is above max 5"),
        ("x: {signal: words, min: 0}", "4: rules.x.min: drops no document"),
        ("x: {signal: gopher_alphabetic_ratio, min: 1.5}", "4: rules.x.min: drops every document"),
        ("x: {signal: gopher_alphabetic_ratio, max: 1}", "4: rules.x.max: drops no document"),
        ("X-1: {signal: words, min: 5}", "4: rules.X-1: String should match pattern"),
        ("x: {signal: words, min: 5}\n  x: {signal: words, max: 9}", "5: rules.x: given twice"),
        ("x: {signal: words, min: 5, except: [EN]}", "4: rules.x.except.0: String should match pattern"),
        ("x: {signal: words, min: 5, except: [no]}", "4: rules.x.except.0: Input should be a valid string"),
        ("x: {signal: words, min: 5, except: [en], languages: [de]}", "4: rules.x: `languages` and `except`"),
        (
            "x:\n    signal: words\n    min: 5\n    by_language:\n      de: {max: 4}",
            "4: rules.x: by_language: de: min 5 is above max 4",
        ),
        (
            "x:\n    signal: words\n    min: 5\n    by_language:\n      de: {min: -1}",
            "8: rules.x.by_language.de.min: drops no document",
        ),
        (
            "x: {signal: words, min: 5, languages: [en], by_language: {de: {min: 4}}}",
            "4: rules.x: by_language: the rule is off for 'de'",
        ),
        ("x: 5", "4: rules.x: must be a mapping of keys to values"),
        ("x: [", "cannot be read as YAML"),
        ("? [a]\n  : 5", "cannot be read as YAML"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path, line, message):
    path = tmp_path / "r.yaml"
    path.write_text(f"name: r\nsource: made up\nrules:\n  {line}\n")
    with pytest.raises(RuleError) as error:
        load(path)
    assert f"{path}:" in str(error.value)
    assert message in str(error.value)
    assert message in (Heuristics.check(HeuristicsConfig(rules=str(path)), COLUMNS) or "")


def test_all_mistakes_are_named_at_once(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: r\nrules:\n  x: {signal: words}\n  y: {signal: words, mni: 1, max: 5}\n")
    with pytest.raises(RuleError) as error:
        load(path)
    assert len(str(error.value).splitlines()) == 3
    path.write_text("")
    with pytest.raises(RuleError, match="name: Field required"):
        load(path)


def test_columns_are_checked_before_a_run(example):
    bare = pa.schema([("language", pa.string())])
    config = HeuristicsConfig(rules=str(example), spare="quality.label = 'high'")
    assert Heuristics.check(config, bare) == "needs the stage `signals` before it"
    assert "no column 'quality.label'" in (Heuristics.check(config, COLUMNS) or "")
    remote = HeuristicsConfig(rules="s3://bucket/rules.yaml")
    assert Heuristics.check(remote, COLUMNS) is None
    with pytest.raises(ValueError, match="expected a value"):
        HeuristicsConfig(rules="r.yaml", spare="quality.label =")


ESSAY = (
    "The lock at the top of the canal was built by hand in four summers, and the two families who live beside it "
    "have kept the books ever since. Every boat that came through is written down there with its load, its "
    "captain and the weather of that morning.\n\nCoal went west until the railway opened. After that you find "
    "timber, then gravel for the new road, and in the last years hardly anything but visitors. The younger "
    "daughter says she learned to read from those pages, because the names of the ships were painted in large "
    "letters on their sides and she could compare."
)


@pytest.mark.parametrize(
    ("name", "short", "spam"),
    [
        ("gopher", "too_few_words", "stop_words"),
        ("c4", "too_few_sentences", "too_few_sentences"),
        ("fineweb", "unpunctuated_lines", "unpunctuated_lines"),
        ("refinedweb", None, None),
        ("nemotron_cc_en", "too_few_words", "unpunctuated_lines"),
        ("nemotron_cc_multilingual", "too_few_words", "unpunctuated_lines"),
    ],
)
def test_measured_texts_are_judged(name, short, spam):
    texts = [ESSAY, ESSAY[:200], "buy now " * 200]
    measured = {f"signal.{signal}": values for signal, values in measure(texts, ["en"] * 3).items()}
    (path,) = (path for path in SETS if path.stem == name)
    assert reasons(opened(path), pa.table({"language": ["en"] * 3} | measured)) == [None, short, spam]
