"""The schemas for editors say what the readers say."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from promptship.errors import SourceError
from promptship.evalsets import case_schema, evalset_schema, load_outputs, outputs_schema

CASES = [
    ({"inputs": {}}, True),
    ({"inputs": {"q": [1]}, "expected": None, "tags": {"a": "b"}, "x-y": 1}, True),
    ({"inputs": {}, "id": None, "tags": None, "scorers": None, "turns": None, "tools": None}, True),
    ({"inputs": {}, "scorers": ["is-json", {"type": "regex", "value": 1, "anything": {}}]}, True),
    ({"inputs": {}, "scorers": [{"type": "assert-set", "scorers": ["is-json"], "threshold": 1}]}, True),
    ({"inputs": {}, "turns": [{"user": ""}], "contexts": [{"text": ""}], "references": [""]}, True),
    ({"inputs": {}, "tools": {"a": {"returns": None}, "b": {"raises": "x"}}}, True),
    ({"inputs": {}, "tools": {"a": {"returns": 1, "raises": None}}}, True),
    ({}, False),
    ([], False),
    ({"inputs": []}, False),
    ({"inputs": None}, False),
    ({"inputs": {}, "input": 1}, False),
    ({"inputs": {}, "id": 5}, False),
    ({"inputs": {}, "id": ""}, False),
    ({"inputs": {}, "id": "a\nb"}, False),
    ({"inputs": {}, "id": "x" * 201}, False),
    ({"inputs": {}, "tags": {"a": 1}}, False),
    ({"inputs": {}, "references": [None]}, False),
    ({"inputs": {}, "cluster": ""}, False),
    ({"inputs": {}, "scorers": ["a b"]}, False),
    ({"inputs": {}, "scorers": [{}]}, False),
    ({"inputs": {}, "scorers": [{"type": "a", "threshold": True}]}, False),
    ({"inputs": {}, "scorers": [{"type": "a", "weight": -1}]}, False),
    ({"inputs": {}, "scorers": [{"type": "assert-set"}]}, False),
    ({"inputs": {}, "scorers": [{"type": "not-assert-set", "scorers": []}]}, False),
    ({"inputs": {}, "turns": [{}]}, False),
    ({"inputs": {}, "turns": [{"user": "a", "assert": []}]}, False),
    ({"inputs": {}, "contexts": [{"id": "a"}]}, False),
    ({"inputs": {}, "tools": {"a": {}}}, False),
    ({"inputs": {}, "tools": {"a": {"returns": 1, "raises": "x"}}}, False),
    ({"inputs": {}, "source": "x"}, False),
]
HEADERS = [
    ({"cases": [{"inputs": {}}]}, True),
    ({"cases": [{"inputs": {}}], "prompt": ["a", "b/*"], "kind": "fairness", "promptship": 1, "data": "public"}, True),
    ({"cases": [{"inputs": {}}], "gates": ["pass_rate >= 0.9", "observed(cost_usd) <= .5"], "x-a": []}, True),
    ({"cases": [{"inputs": {}}], "gates": [{"metric": "m", "slice": "a=b", ">=": 1, "decide": "observed"}]}, True),
    ({"cases": [{"inputs": {}}], "target": "python:a.b:c", "tags": ["a"], "description": ""}, True),
    ({"cases": [{"inputs": {}}], "target": {"outputs": "a.jsonl"}}, True),
    ({"cases": [{"inputs": {}}], "defaults": {"scorers": ["a"], "tags": {"a": "b"}, "required": False}}, True),
    (
        {
            "cases": [{"inputs": {}}],
            "prompt": None,
            "scorers": None,
            "defaults": None,
            "kind": None,
            "promptship": None,
        },
        True,
    ),
    ({}, False),
    (None, False),
    ({"cases": []}, False),
    ({"cases": None}, False),
    ({"cases": [5]}, False),
    ({"cases": [{"input": {}}]}, False),
    ({"cases": [{"inputs": {}}], "promptship": 2}, False),
    ({"cases": [{"inputs": {}}], "promptship": "1"}, False),
    ({"cases": [{"inputs": {}}], "prompts": "a"}, False),
    ({"cases": [{"inputs": {}}], "prompt": []}, False),
    ({"cases": [{"inputs": {}}], "prompt": 5}, False),
    ({"cases": [{"inputs": {}}], "name": "a/b"}, False),
    ({"cases": [{"inputs": {}}], "kind": "gold"}, False),
    ({"cases": [{"inputs": {}}], "gates": "pass_rate >= 1"}, False),
    ({"cases": [{"inputs": {}}], "gates": ["pass_rate > 1"]}, False),
    ({"cases": [{"inputs": {}}], "gates": [{"metric": "a"}]}, False),
    ({"cases": [{"inputs": {}}], "gates": [{"metric": "a", "at_least": 1, "at_most": 2}]}, False),
    ({"cases": [{"inputs": {}}], "gates": [{"metric": "a", "at_least": "1"}]}, False),
    ({"cases": [{"inputs": {}}], "gates": [{"metric": "a", "at_least": 1, "slice": "b"}]}, False),
    ({"cases": [{"inputs": {}}], "gates": [{"metric": "a", "at_least": 1, "versus": "production"}]}, False),
    ({"cases": [{"inputs": {}}], "target": "app:f"}, False),
    ({"cases": [{"inputs": {}}], "target": {"http": "x"}}, False),
    ({"cases": [{"inputs": {}}], "target": {"outputs": "a", "b": 1}}, False),
    ({"cases": [{"inputs": {}}], "tags": {"a": "b"}}, False),
    ({"cases": [{"inputs": {}}], "scorers": {"type": "a"}}, False),
    ({"cases": [{"inputs": {}}], "defaults": {"threshold": 1}}, False),
]
OUTPUTS = [
    ({"id": "a", "text": ""}, True),
    ({"id": "a", "data": 1, "usage": {"prompt_tokens": 1}, "cost_usd": 0.5, "finish_reason": None}, True),
    ({"id": "a", "messages": [{}], "steps": [{"kind": "tool", "name": "f"}], "x-a": 1}, True),
    ({"id": "a"}, False),
    ({"text": "a"}, False),
    ({"id": "a", "text": "", "repeat": 0.5}, False),
    ({"id": "a", "text": "", "usage": {"tokens": 1}}, False),
    ({"id": "a", "text": "", "cost_usd": -1}, False),
    ({"id": "a", "text": "", "steps": [{"kind": "x", "name": "f"}]}, False),
]


def accepts(schema, value):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(value)


def reads(load):
    try:
        load()
    except SourceError:
        return False
    return True


@pytest.mark.parametrize(("row", "valid"), CASES)
def test_the_schema_of_a_case_accepts_what_the_reader_accepts(folder, row, valid):
    assert reads(lambda: folder.load_file("a.jsonl", json.dumps(row)).count()) is valid
    assert accepts(case_schema(), row) is valid


@pytest.mark.parametrize(("row", "valid"), CASES)
def test_the_schema_of_an_evalset_knows_cases_too(folder, row, valid):
    assert reads(lambda: folder.load(yaml.safe_dump({"cases": [row]})).count()) is valid
    assert accepts(evalset_schema(), {"cases": [row]}) is valid


@pytest.mark.parametrize(("value", "valid"), HEADERS)
def test_the_schema_of_an_evalset_accepts_what_the_reader_accepts(folder, value, valid):
    assert reads(lambda: folder.load(yaml.safe_dump(value)).count()) is valid
    assert accepts(evalset_schema(), value) is valid


@pytest.mark.parametrize(("row", "valid"), OUTPUTS)
def test_the_schema_of_outputs_accepts_what_the_reader_accepts(folder, row, valid):
    path = folder.write("a.jsonl", json.dumps(row))
    assert reads(lambda: load_outputs(path, root=folder.root)) is valid
    assert accepts(outputs_schema(), row) is valid


@pytest.mark.parametrize("schema", [evalset_schema(), case_schema(), outputs_schema()])
def test_schemas_are_json(schema):
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
