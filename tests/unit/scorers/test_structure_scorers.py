"""Scorers of JSON: what counts as JSON, as a fit, and as equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import Output
from promptship.scorers import UNJUDGED, score
from promptship.scorers._json import find_json, same_json

AGE = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("{}", True),
        (" [1, 2.5e3, null]\n", True),
        ("3", True),
        ('"text"', True),
        ("", False),
        ("NaN", False),
        ("{'a': 1}", False),
        ('{"a": 1,}', False),
        ('```json\n{"a": 1}\n```', False),
        ("\ufeff{}", False),
        ('"\ud800"', False),
        ("[" * 1000 + "]" * 1000, True),
        ("[" * 2000 + "]" * 2000, False),
    ],
)
def test_is_json_takes_json_and_nothing_else(text, passed):
    found = score("is-json", text)
    assert found.passed is passed
    assert bool(found.reason) is not passed


def test_is_json_reads_data_where_there_is_no_text():
    assert score("is-json", Output(text="", data={"age": 3}), value=AGE).passed


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [
        ('Sure! {"age": 3} Bye', None, True),
        ('Sure! {"age": 3} Bye', AGE, True),
        ('{"no": 1} or {"age": 3}', AGE, True),
        ('{"age": "x"}', AGE, False),
        ('[{"age": 3}]', AGE, True),
        ("See [1] and {this}", None, False),
        ("[1, 2]", None, False),
        ("Here: [1, 2]", {"type": "array"}, True),
        ('say "{" and {"a": "}"}', None, True),
        ("{" * 100 + '{"a": 1}', None, True),
        ("{a: 1}", None, False),
        ('{"a": NaN}', None, False),
        ("", None, False),
    ],
)
def test_contains_json_finds_json_in_prose(text, value, passed):
    assert score("contains-json", text, value=value).passed is passed
    assert score("not-contains-json", text, value=value).passed is not passed


def test_contains_json_gives_up_on_brackets_that_never_close():
    for kind in ("contains-json", "not-contains-json"):
        found = score(kind, "[" * 1_000_000, value={"type": "object"})
        assert (found.passed, found.category) == (False, UNJUDGED)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a"}, "1", '"1"'),
        ({"$id": "https://example.com/x", "$defs": {"a": {"$anchor": "b", "type": "null"}}, "$ref": "#b"}, "null", "1"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}, "[1]", '["a"]'),
        ({"format": "email"}, '"a@b.c"', '"nobody"'),
        ({"enum": ["a", "b"]}, '"a"', '"c"'),
        (False, None, "1"),
    ],
)
def test_schemas_of_several_kinds_are_understood(schema, good, bad):
    if good is not None:
        assert score("json-schema", good, value=schema).passed
    assert not score("json-schema", bad, value=schema).passed


def test_a_schema_failure_names_the_place_and_stays_short():
    found = score("json-schema", '{"age": "' + "x" * 5000 + '"}', value=AGE)
    assert found.reason.startswith("does not fit the schema: $.age: ")
    assert len(found.reason) <= 200


def test_a_schema_that_refers_to_itself_for_ever_cannot_judge():
    found = score("not-json-schema", "{}", value={"$ref": "#"})
    assert (found.passed, found.category) == (False, UNJUDGED)


@pytest.mark.parametrize(
    ("text", "expected", "params", "share"),
    [
        ('{"b": 2.0, "a": 1}', {"a": 1, "b": 2}, {}, 1),
        ('{"a": 1, "b": 3}', {"a": 1, "b": 2}, {}, 1 / 2),
        ('{"a": 1}', {"a": 1, "b": 2}, {}, 1 / 2),
        ('{"a": 1, "b": 2, "c": 3}', {"a": 1, "b": 2}, {}, 2 / 3),
        ('{"a": true}', {"a": 1}, {}, 0),
        ('{"a": null}', {"a": None}, {}, 1),
        ("{}", {"a": None}, {}, 0),
        ("{}", {}, {}, 1),
        ("[1, 2]", [1, 2], {}, 1),
        ("[2, 1]", [1, 2], {}, 0),
        ("no", {"a": 1}, {}, 0),
        ("", {"a": 1}, {}, 0),
        ("[]", {"a": 1, "b": 2}, {}, 0),
        ("[]", {"a": 1, "b": 2}, {"fields": ["a"]}, 0),
        ('{"a": 1, "x": 9}', '{"a": 1, "b": 2}', {"fields": ["a"]}, 1),
        ('{"o": {"id": 7, "x": 1}}', {"o": {"id": 7, "x": 2}}, {"fields": ["o.id", "o.x"]}, 1 / 2),
        ('{"o.id": 7}', {"o.id": 7}, {"fields": ["o.id"]}, 1),
    ],
)
def test_json_equals_counts_the_fields_that_are_right(text, expected, params, share):
    found = score("json-equals", text, expected=expected, **params)
    assert (found.value, found.measure, found.passed) == (share, share, share == 1)


def test_json_equals_says_which_fields_are_wrong():
    found = score("json-equals", '{"a": 1, "c": 2}', expected={"a": 2, "b": 1})
    assert found.reason == "wrong: a (1 instead of 2), b (missing), c (not expected)"


def test_json_equals_passes_above_its_threshold():
    assert score("json-equals", '{"a": 1, "b": 3}', expected={"a": 1, "b": 2}, threshold=0.5).passed


@given(JSON)
def test_json_equals_itself_in_every_writing(value):
    import json

    assert same_json(value, json.loads(json.dumps(value)))


@given(JSON, JSON)
def test_json_equality_is_symmetric(left, right):
    assert same_json(left, right) == same_json(right, left)


@given(st.text(), st.dictionaries(st.text(), st.integers()), st.text())
def test_an_object_in_prose_is_found_unless_the_prose_opens_a_bracket(before, value, after):
    import json

    if not set("{[") & set(before):
        assert next(find_json(before + json.dumps(value) + after)) == value
