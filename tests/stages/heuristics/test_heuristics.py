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
from stages.code.signals import table as of_code
from stages.heuristics.rules import RuleError, load
from stages.heuristics.stage import Heuristics, HeuristicsConfig
from stages.signals import measure
from stages.signals.table import SCHEMA, SIGNALS

ALL = sorted((Path(__file__).parents[3] / "configs" / "rules").glob("*.yaml"))
OF_CODE = [path for path in ALL if "sections" in yaml.safe_load(path.read_text())]
SETS = [path for path in ALL if path not in OF_CODE]
COLUMNS = pa.schema([("language", pa.string()), *SCHEMA])
FILES = pa.schema(
    [(name, pa.string()) for name in ("language", "code_language", "code_type", "blob")]
    + list(of_code.SCHEMA)
)
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


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_bundled_set_is_checked_against_the_signals_before_a_run(path):
    columns = FILES if path in OF_CODE else COLUMNS
    assert Heuristics.check(HeuristicsConfig(rules=str(path)), columns) is None
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
    assert Heuristics.check(config, bare) == "needs the stage `signals` or `code_signals` before it"
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


SECTIONS = """\
name: example
source: made up
sections_by: [code_language, code_type]
seed: blob
rules:
  digits: {signal: code_digit_ratio, max: 0.2}
  lines: {signal: code_lines, min: 10, max: 100}
  comments: {signal: code_comment_ratio, max: 0.8}
sections:
  SQL:
    rules:
      digits: {max: 0.3}
      comments: off
  data:
    values: [CSS, data]
    rules:
      lines: {signal: code_code_lines, min: 3}
      tests: {signal: code_go_test, max: 0, drop_share: 0.75}
"""


@pytest.fixture
def sections(tmp_path):
    path = tmp_path / "sections.yaml"
    path.write_text(SECTIONS)
    return path


def files(*rows):
    """Files from (language, type, signals that are not usual ones); each has a blob of its own."""
    usual = {"code_digit_ratio": 0.1, "code_lines": 50, "code_comment_ratio": 0.1, "code_code_lines": 40,
             "code_go_test": 0}  # fmt: skip
    columns = {
        "language": pa.array([None] * len(rows), pa.string()),
        "code_language": pa.array([language for language, _, _ in rows], pa.string()),
        "code_type": pa.array([kind for _, kind, _ in rows], pa.string()),
        "blob": pa.array([f"{number:040x}" for number in range(len(rows))], pa.string()),
    }
    for name in usual:
        values = [(usual | other)[name] for _, _, other in rows]
        columns[f"signal.{name}"] = pa.array(values, of_code.SIGNALS[name].type)
    return pa.table(columns)


def test_sections_change_switch_off_and_add_rules(sections):
    digits, comments = {"code_digit_ratio": 0.25}, {"code_comment_ratio": 0.9}
    batch = files(
        ("C", "programming", digits), ("SQL", "data", digits), ("SQL", "data", {"code_digit_ratio": 0.31}),
        ("C", "programming", comments), ("SQL", "data", comments), (None, None, comments),
    )  # fmt: skip
    assert reasons(opened(sections), batch) == ["digits", None, "digits", "comments", None, "comments"]


def test_a_section_is_that_of_the_first_column_that_has_one(sections):
    few = {"code_code_lines": 2, "code_lines": 5}
    batch = files(("JSON", "data", few), ("CSS", "markup", few), ("SQL", "data", few), ("C", None, few))
    assert [fault.detail for fault in opened(sections).judge(batch)] == [
        "signal.code_code_lines 2 < 3", "signal.code_code_lines 2 < 3",
        "signal.code_lines 5 < 10", "signal.code_lines 5 < 10",
    ]  # fmt: skip


def test_a_signal_of_code_that_is_null_says_nothing(sections):
    assert reasons(opened(sections), files(("C", "programming", {"code_comment_ratio": None}))) == [None]


def test_chance_is_of_the_seed_and_drops_its_share(sections):
    batch = files(*[("JSON", "data", {"code_go_test": 1})] * 1000)
    first = reasons(opened(sections), batch)
    assert 0.7 < first.count("tests") / 1000 < 0.8
    turned = batch.take(list(range(999, -1, -1)))
    assert reasons(opened(sections), turned) == first[::-1]
    assert len(set(reasons(opened(sections), batch.take([7] * 20)))) == 1


@settings(max_examples=25, deadline=None)
@given(path=st.sampled_from(OF_CODE), seed=st.integers(0, 2**32 - 1))
def test_verdicts_by_section_are_those_of_the_file_as_it_stands(path, seed):
    """Read from the YAML: the rules of all, with what a section changes."""
    read, random = yaml.safe_load(path.read_text()), np.random.default_rng(seed)
    by_value = {value: name for name, section in read["sections"].items()
                for value in section.get("values", [name])}  # fmt: skip
    languages = random.choice([*by_value, "Cobol"], 12)
    kinds = random.choice(["data", "prose", "programming"], 12)
    columns = {
        "language": pa.array([None] * 12, pa.string()),
        "code_language": pa.array(languages, pa.string()),
        "code_type": pa.array(kinds, pa.string()),
        "blob": pa.array(languages, pa.string()),
    }
    for name, signal in of_code.SIGNALS.items():
        top = 2 if signal.unit == "0 or 1" else random.choice([1.0, 20.0, 2000.0, 200_000.0])
        values = random.random(12) * top
        values = values.astype(np.int32) if pa.types.is_integer(signal.type) else values
        columns[f"signal.{name}"] = pa.array(values, signal.type)
    batch = pa.table(columns)
    for row, fault in zip(batch.to_pylist(), opened(path).judge(batch), strict=True):
        section = next((by_value[row[of]] for of in read["sections_by"] if row[of] in by_value), None)
        changes = read["sections"][section].get("rules", {}) if section else {}
        broken = set()
        for name in [*read["rules"], *(new for new in changes if new not in read["rules"])]:
            change = changes.get(name, {})
            if change is False:
                continue
            rule = change if "signal" in change else read["rules"][name] | change
            value = row["signal." + rule["signal"]]
            if value < np.float32(rule.get("min", -np.inf)) or value > np.float32(rule.get("max", np.inf)):
                broken.add((name, rule.get("drop_share", 1)))
        certain = {name for name, share in broken if share == 1}
        said = (
            {fault.reason, *filter(None, fault.detail.partition("; also ")[2].split(", "))}
            if fault
            else set()
        )
        assert certain <= said <= {name for name, _ in broken}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sections_by: []", "`sections` and `sections_by` (columns) go together"),
        ("  none: off", "rules.none: there is no such rule to switch off"),
        ("  none: {max: 5}", "there is no such rule to change"),
        ("  digits: {max: 2}", "drops no document"),
        ("  digits: {min: 0.5}", "min 0.5 is above max 0.2"),
        ("  digits: {signal: code_digit_ratios, max: 0.5}", "did you mean 'code_digit_ratio'?"),
        ("  digits: {drop_share: 0}", "Input should be greater than 0"),
        ("  digits: {maxi: 0.5}", "there is no such key"),
    ],
)
def test_mistakes_in_sections_are_named(tmp_path, change, message):
    path = tmp_path / "r.yaml"
    text = SECTIONS.replace(
        "      digits: {max: 0.3}", f"    {change}" if change[0] == " " else "      digits: {max: 0.3}"
    )
    path.write_text(
        text if change[0] == " " else text.replace("sections_by: [code_language, code_type]", change)
    )
    with pytest.raises(RuleError) as error:
        load(path)
    assert message in str(error.value)


def test_a_value_is_in_one_section_only(tmp_path, sections):
    path = tmp_path / "r.yaml"
    path.write_text(SECTIONS.replace("[CSS, data]", "[CSS, SQL]"))
    with pytest.raises(RuleError, match="'SQL' is in the section 'SQL' already"):
        load(path)


def test_columns_of_sections_and_seed_must_be_there(sections):
    without = pa.schema([field for field in FILES if field.name not in ("code_type", "blob")])
    said = Heuristics.check(HeuristicsConfig(rules=str(sections)), without)
    assert said is not None
    assert said.endswith("asks for columns that there are not: code_type, blob")
