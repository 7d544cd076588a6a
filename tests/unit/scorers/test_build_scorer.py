"""Set-up: what is wrong with a scorer is said before anything is paid, and is never inverted."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from promptship.domain import Case, ScorerSpec
from promptship.errors import ScorerSetupError
from promptship.scorers import (
    InstrumentsNeededError,
    ScorerContext,
    ScorerFactory,
    ScorerInfo,
    _build,
    _registry,
    build_scorer,
    list_scorers,
    require_instruments,
    score,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        ("contain", {"value": "x"}, "there is no scorer type 'contain'; did you mean 'contains'?"),
        ("not-not-contains", {"value": "x"}, "there is no scorer type 'not-contains'"),
        ("regex", {"value": "("}, "the regular expression '(' is broken: missing )"),
        ("regex", {"value": "a{2,1}"}, "is broken"),
        ("is-json", {"value": {"type": "objct"}}, "the JSON Schema is invalid"),
        ("is-json", {"value": {"pattern": "("}}, "the JSON Schema is invalid"),
        ("is-json", {"value": "schema.json"}, "'schema.json' is not a JSON Schema"),
        ("is-json", {"value": {"$ref": "https://example.com/s.json"}}, "refers to 'https://example.com/s.json'"),
        ("is-json", {"value": {"$ref": "#/$defs/nothing"}}, "refers to '/$defs/nothing', which is not in it"),
        ("json-schema", {"value": {"$ref": "output"}}, "output contract, but there is none"),
        ("json-schema", {}, "output contract, but there is none"),
        ("contains", {"value": ["a", "b"]}, "cannot look for the list ['a', 'b']"),
        ("contains", {"value": True}, "cannot compare with True"),
        ("contains", {"value": math.nan}, "cannot compare with nan"),
        ("contains", {"value": ""}, "cannot look for an empty text"),
        ("contains-any", {"value": []}, "the list of texts to compare with is empty"),
        ("contains-all", {"value": ["a", ""]}, "cannot look for an empty text"),
        ("contains", {"has_value": True}, "the value is null; expected text or a number"),
        ("contains", {"value": "x", "threshold": 0.5}, "contains takes no threshold, got 0.5"),
        ("contains", {"value": "x", "cases": 1}, "contains does not know the key 'cases'"),
        ("levenshtein", {"value": "x", "treshold": 1}, "does not know the key 'treshold'; did you mean 'threshold'?"),
        ("levenshtein", {"value": "x", "threshold": -1}, "out of range; expected edits allowed, 0 or more"),
        ("levenshtein", {"value": "x", "threshold": math.nan}, "the threshold nan is not a number"),
        ("levenshtein", {"value": "x", "threshold": True}, "the threshold True is not a number"),
        ("bleu", {"value": "x", "threshold": 50}, "the threshold 50 is out of range; expected least score, 0 to 1"),
        ("bleu", {"value": " "}, "bleu cannot compare with an empty text"),
        ("bleu", {"value": "x", "tokenize": "13"}, "tokenize is '13'; expected one of 13a, intl"),
        ("bleu", {"value": "x", "lowercase": "yes"}, "lowercase is 'yes'; expected true or false"),
        ("rouge-n", {"value": "x", "n": 0}, "n is 0; expected a whole number, 1 to 9"),
        ("rouge-n", {"value": "x", "measure": "f1"}, "measure is 'f1'; expected one of fmeasure"),
        ("meteor", {"value": "x", "alpha": 2}, "alpha is 2; expected a number, 0 to 1"),
        ("word-count", {"value": {"min": 3, "max": 2}}, "no number of words fits"),
        ("word-count", {"value": {"mim": 3}}, "a word count has no 'mim'"),
        ("word-count", {"value": "many"}, "'many' is not a number of words"),
        ("word-count", {"value": 2.5}, "2.5 is not a number of words"),
        ("word-count", {"value": {}}, "no number of words fits {}"),
        ("finish-reason", {"value": "stopped"}, "'stopped' is no finish reason; expected one of stop, length"),
        ("latency", {"value": 5}, "latency takes no value, got 5"),
        ("not-cost", {}, "not-cost needs a threshold: without one cost only measures"),
        ("not-perplexity-score", {}, "not-perplexity-score needs a threshold"),
        ("is-xml", {"value": {"required": []}}, "expected {requiredElements: [root.child, …]}"),
        ("is-sql", {"value": {"databaseType": "MySQLL"}}, "databaseType is 'MySQLL'"),
        ("is-sql", {"value": {"allowedTables": ["("]}}, "allowedTables holds a broken regular expression"),
        ("is-sql", {"value": {"tables": []}}, "the value has the key 'tables'"),
        ("is-sql", {"value": "MySQL"}, "the value is 'MySQL'"),
        ("is-valid-openai-tools-call", {}, "knows no tools to check calls against"),
        ("is-valid-openai-tools-call", {"value": [{"type": "function"}]}, "is no tool definition"),
        ("tool-call-f1", {"value": []}, "the list of expected tools is empty"),
        ("tool-call-f1", {"value": 3}, "3 is not a list of tool names"),
        ("trajectory", {"value": ["a"], "order": "random"}, "order is 'random'; expected one of in-order"),
        ("trajectory:tool-used", {}, "trajectory:tool-used needs a `value`"),
        ("trajectory:tool-used", {"value": {"pattern": "a", "min": 3, "max": 1}}, "min 3 is more than max 1"),
        ("trajectory:tool-used", {"value": {"name": "a"}}, "the value has the key 'name'; expected pattern, min, max"),
        ("trajectory:step-count", {"value": {"type": "tool"}}, "has neither min nor max"),
        ("trajectory:step-count", {"value": {"type": "command", "max": 1}}, "type is 'command'"),
        ("trajectory:step-count", {"value": {"max": 1.5}}, "expected whole numbers"),
        ("trajectory:tool-args-match", {"value": {"args": {}}}, "pattern is None; expected a tool name"),
        ("trajectory:tool-args-match", {"value": {"name": "a"}}, "arguments is None; expected an object"),
        ("trajectory:tool-sequence", {"value": {"steps": ["a"], "mode": "exactly"}}, "mode is 'exactly'"),
        ("json-equals", {"value": {"a": 1}, "fields": "a"}, "fields is 'a'; expected a list of field names"),
        ("json-equals", {"value": {"a": 1}, "fields": ["b"]}, "has no field 'b' to compare with"),
        ("json-equals", {"value": "{"}, "'{' is not JSON"),
        ("assert-set", {"scorers": []}, "an assert-set needs `scorers`"),
    ],
)
def test_a_setup_mistake_is_an_error_with_its_place_and_is_never_inverted(build, kind, written, message):
    with pytest.raises(ScorerSetupError) as caught:
        build(kind, **written)
    assert str(caught.value).startswith("evalsets/a.yaml:7: scorer ")
    with pytest.raises(ScorerSetupError):
        build(f"not-{kind}", **written)
    assert message in str(caught.value)


def test_a_missing_output_schema_says_what_to_write(build):
    with pytest.raises(ScorerSetupError, match=re.escape("{$ref: output} means the schema")) as caught:
        build("json-schema")
    assert "output: {format: json" in (caught.value.hint or "")


def test_the_output_schema_of_the_prompt_is_what_ref_output_means(build, item):
    context = ScorerContext(output_schema={"type": "object", "required": ["reply"]})
    for scorer in (
        build("json-schema", context=context),
        build("json-schema", context=context, value={"$ref": "output"}),
        build("is-json", context=context, value={"$ref": "output"}),
        build("contains-json", context=context, value={"$ref": "output"}),
    ):
        assert scorer.score(item('{"reply": ""}')).passed
        assert not scorer.score(item("{}")).passed


@pytest.mark.parametrize(
    ("kind", "expected", "message"),
    [
        ("regex", "(", "is broken"),
        ("contains", ["a"], "cannot look for the list"),
        ("word-count", "Paris", "'Paris' is not a number of words"),
        ("json-equals", "no json", "is not JSON"),
        ("finish-reason", "Paris", "is no finish reason"),
        ("bleu", "", "cannot compare with an empty text"),
        ("icontains", None, "there is nothing to compare with"),
        ("not-icontains", None, "there is nothing to compare with"),
        ("tool-call-f1", 3, "is not a list of tool names"),
    ],
)
def test_check_finds_what_a_case_cannot_be_compared_with(build, kind, expected, message):
    scorer = build(kind)
    with pytest.raises(ScorerSetupError, match=re.escape(message)) as caught:
        scorer.check(Case(id="c", inputs={}, expected=expected))
    assert f"scorer {kind!r}" in str(caught.value)


def test_check_accepts_a_case_whose_references_alone_say_what_is_good(build, item):
    scorer = build("equals")
    asked = item("blue", references=("red", "blue"))
    scorer.check(asked.case)
    assert scorer.score(asked).passed


def test_check_asks_nothing_of_the_case_where_the_scorer_has_a_value(build):
    build("contains", value="x").check(Case(id="c", inputs={}))
    build("is-json").check(Case(id="c", inputs={}))


def test_name_and_required_are_those_of_the_scorer(build):
    scorer = build("contains", value="x", name="polite", required=False)
    assert (scorer.name, scorer.required) == ("polite", False)


def test_a_scorer_without_a_threshold_to_decide_by_is_needed_by_no_case(build):
    assert not build("cost").required
    assert build("cost", threshold=1).required
    assert not build("perplexity-score").required
    assert build("contains", value="x").required


def test_a_null_value_of_a_type_that_needs_none_is_no_value(build, item):
    assert build("is-json", has_value=True).score(item("[]")).passed


def test_list_scorers_is_sorted_and_describes_every_type():
    infos = list_scorers()
    assert [info.type for info in infos] == sorted({info.type for info in infos})
    assert all(info.summary.endswith(".") and info.examples for info in infos)
    for info in infos:
        assert (info.value != "") == (info.value_is != "none")


def test_built_in_types_are_those_that_pyproject_declares():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][_registry.GROUP]
    assert declared == {point.name: point.value for point in _registry._BUILT_IN}


def test_built_in_types_work_without_installed_metadata(monkeypatch):
    monkeypatch.setattr(_registry, "entry_points", lambda group: [])
    assert score("contains", "abc", value="b").passed


PLUG_IN = """
from promptship.scorers import PASSED, Criterion, ScorerFactory, ScorerInfo, fail

class Shouts(Criterion):
    def score(self, item):
        return PASSED if item.output.text.isupper() else fail("does not shout")

INFO = ScorerInfo(type="shouts", summary="It shouts.")
SCORERS = {"shouts": ScorerFactory(info=INFO, build=lambda spec, context: Shouts())}
"""


def test_a_plug_in_adds_a_type_by_entry_point(plug_in):
    plug_in("shouting", PLUG_IN)
    assert score("shouts", "HELLO").passed
    assert score("not-shouts", "hello").passed
    assert "shouts" in [info.type for info in list_scorers()]


def test_a_plug_in_is_loaded_only_when_none_of_our_types_has_the_name(plug_in):
    plug_in("loud", "raise RuntimeError('loaded')")
    assert score("assert-set", "a", scorers=[{"type": "contains", "value": "a"}]).passed
    assert "loud" not in sys.modules


def test_a_broken_plug_in_names_itself_and_breaks_no_other(plug_in):
    plug_in("a_broken", "import nothing_of_this_name")
    plug_in("b_empty", "")
    plug_in("c_shouting", PLUG_IN)
    assert score("shouts", "HELLO").passed
    with pytest.raises(ScorerSetupError) as caught:
        score("whispers", "hello")
    assert "there is no scorer type 'whispers'" in str(caught.value)
    assert "'a_broken' (a_broken) could not be loaded: ModuleNotFoundError" in str(caught.value)
    assert "'b_empty' (b_empty) declares no SCORERS" in str(caught.value)
    with pytest.warns(UserWarning, match=r"a_broken|b_empty"):
        assert "shouts" in [info.type for info in list_scorers()]


def test_a_plug_in_that_fails_in_set_up_is_a_setup_error(plug_in):
    plug_in("shouting", PLUG_IN.replace("Shouts())}", "1 / 0)}"))
    with pytest.raises(ScorerSetupError, match="shouts could not be set up: ZeroDivisionError"):
        score("shouts", "HELLO")


def test_a_type_of_ours_cannot_be_replaced_by_a_plug_in(plug_in):
    plug_in("shouting", PLUG_IN.replace('"shouts"', '"contains"'))
    assert not score("contains", "HELLO", value="x").passed


def test_metric_libraries_are_imported_only_when_a_scorer_needs_them():
    code = (
        "import sys, promptship.scorers as s; s.list_scorers(); s.score('contains', 'a', value='a');"
        "heavy = ('nltk', 'sacrebleu', 'sqlglot', 'lxml', 'rapidfuzz', 'regex', 'numpy', 'jsonschema', 'yaml');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_spec_without_a_file_has_no_place_in_its_message():
    with pytest.raises(ScorerSetupError, match=r"^scorer 'mine': "):
        build_scorer(ScorerSpec(type="regex", name="mine", value="(", has_value=True))


def test_a_scorer_that_asks_a_model_says_so_where_none_may_be_opened(build, monkeypatch):
    def make(spec, context):
        return require_instruments(context, "an embedder")

    info = ScorerInfo(type="asker", summary="It asks.", asks="an embedder")
    monkeypatch.setattr(_build, "find_factory", lambda _: ScorerFactory(info=info, build=make))
    with pytest.raises(
        InstrumentsNeededError, match=r"evalsets/a.yaml:7: scorer 'asker': it asks an embedder"
    ) as caught:
        build("asker")
    assert "instruments=" in caught.value.hint
