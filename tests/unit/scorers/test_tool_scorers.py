"""Scorers of tool calls and of the steps before an answer."""

from __future__ import annotations

import json

import pytest

from promptship.domain import Output, Step
from promptship.scorers import ScorerContext, score

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}
PING = {"name": "ping"}


def call(name: str = "get_weather", arguments: object = '{"city": "Bonn"}') -> dict[str, object]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


SHAPES = {
    "OpenAI message": {"tool_calls": [call()]},
    "OpenAI list": [call()],
    "OpenAI legacy": {"function_call": {"name": "get_weather", "arguments": '{"city": "Bonn"}'}},
    "OpenAI Responses": {"type": "function_call", "name": "get_weather", "arguments": '{"city": "Bonn"}'},
    "Anthropic": [
        {"type": "text", "text": "Sure."},
        {"type": "tool_use", "name": "get_weather", "input": {"city": "Bonn"}},
    ],
    "Google": {"functionCall": {"name": "get_weather", "args": {"city": "Bonn"}}},
    "Google Live": {"toolCall": {"functionCalls": [{"name": "get_weather", "args": {"city": "Bonn"}}]}},
    "plain": {"name": "get_weather", "arguments": {"city": "Bonn"}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_calls_are_read_in_every_shape_as_text_data_and_prose(shape):
    text = json.dumps(shape)
    outputs = [text, Output(text="", data=shape)]
    if isinstance(shape, dict):
        outputs.append(f"I will call it.\n{text}\n")
    for output in outputs:
        assert score("is-valid-openai-tools-call", output, value=[WEATHER]).passed
        assert score("tool-call-f1", output, value=["get_weather"]).value == 1


def test_calls_are_read_from_the_messages_of_the_answer():
    messages = [{"role": "assistant", "content": None, "tool_calls": [call()]}]
    assert score("is-valid-openai-tools-call", "", value=[WEATHER], messages=messages).passed
    assert score("is-valid-openai-function-call", "", value=[WEATHER], messages=messages).passed
    assert score("is-valid-function-call", "", value=[WEATHER], messages=messages).passed


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ([], "calls no tool"),
        ([call("get_wether")], "calls 'get_wether', which is not a tool; did you mean 'get_weather'?"),
        ([call(arguments="{")], "the arguments of 'get_weather' are not JSON"),
        ([call(arguments="[]")], "the arguments of 'get_weather' are [], not an object"),
        ([call(arguments='{"city": 3}')], "the arguments of 'get_weather' do not fit: $.city: 3 is not"),
        ([call(arguments="")], "the arguments of 'get_weather' do not fit: 'city' is a required property"),
        ([call(), call("nothing")], "calls 'nothing', which is not a tool"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(calls, reason):
    found = score("is-valid-openai-tools-call", {"tool_calls": calls}, tools=[WEATHER, PING])
    assert (found.passed, found.reason[: len(reason)]) == (False, reason)


def test_the_tools_are_those_of_the_prompt(build, item):
    scorer = build("is-valid-openai-tools-call", context=ScorerContext(tools=(WEATHER, PING)))
    assert scorer.score(item(json.dumps([call("ping", "")]))).passed
    assert not scorer.score(item(json.dumps([call("pong")]))).passed


def test_one_function_call_is_one():
    assert not score("is-valid-function-call", {"tool_calls": [call(), call()]}, value=[WEATHER]).passed


@pytest.mark.parametrize(
    ("expected", "called", "f1"),
    [
        # Source: the table of promptfoo's page on tool-call-f1.
        (["get_weather", "book_flight"], ["get_weather", "book_flight"], 1),
        (["get_weather", "book_flight"], ["get_weather"], 2 / 3),
        (["get_weather", "book_flight"], ["get_weather", "book_flight", "search"], 0.8),
        (["get_weather"], ["book_flight"], 0),
        ("get_weather, book_flight", ["book_flight", "get_weather", "get_weather"], 1),
        (["get_weather"], [], 0),
    ],
)
def test_tool_call_f1_known_answers(expected, called, f1):
    found = score("tool-call-f1", {"tool_calls": [call(name) for name in called]}, value=expected)
    assert found.value == pytest.approx(f1)
    assert found.passed is (f1 == 1)


def test_an_object_that_has_a_name_is_no_tool_call():
    assert score("tool-call-f1", '{"name": "Ada", "age": 36}', value=["Ada"]).value == 0


def steps(*names: str) -> list[Step]:
    return [Step(kind="tool", name=name, input={"query": name, "page": 1}) for name in names]


@pytest.mark.parametrize(
    ("order", "called", "passed"),
    [
        ("in-order", ["a", "b"], True),
        ("in-order", ["a", "x", "b"], True),
        ("in-order", ["b", "a"], False),
        ("in-order", [], False),
        ("exact", ["a", "b"], True),
        ("exact", ["a", "x", "b"], False),
        ("any-order", ["b", "x", "a"], True),
        ("any-order", ["b", "b"], False),
    ],
)
def test_trajectory_orders(order, called, passed):
    assert score("trajectory", "", expected=["a", "b"], order=order, steps=steps(*called)).passed is passed
    if order != "any-order":
        mode = order.replace("-", "_")
        value = {"steps": ["a", "b"], "mode": mode}
        assert score("trajectory:tool-sequence", "", value=value, steps=steps(*called)).passed is passed


def test_trajectory_counts_repeated_tools_in_any_order():
    assert not score("trajectory", "", value=["a", "a"], order="any-order", steps=steps("a", "b")).passed
    assert score("trajectory", "", value=["a", "a"], order="any-order", steps=steps("a", "b", "a")).passed


def test_model_and_retrieval_steps_are_no_tools():
    others = [Step(kind="model", name="a"), Step(kind="retrieval", name="b")]
    assert not score("trajectory", "", value=["a"], steps=others).passed
    assert score("trajectory:step-count", "", value={"min": 2, "max": 2}, steps=others).passed
    assert score("trajectory:step-count", "", value={"type": "model", "min": 1, "max": 1}, steps=others).measure == 1


@pytest.mark.parametrize(
    ("value", "passed"),
    [
        ("search_orders", True),
        (["search_orders", "reply"], True),
        (["search_orders", "nothing"], False),
        ({"pattern": "search*"}, True),
        ({"pattern": "search*", "min": 3}, False),
        ({"pattern": "search*", "max": 1}, False),
        ({"pattern": "nothing", "min": 0}, True),
    ],
)
def test_tool_used(value, passed):
    called = steps("search_orders", "search_users", "reply")
    assert score("trajectory:tool-used", "", value=value, steps=called).passed is passed
    assert score("not-trajectory:tool-used", "", value=value, steps=called).passed is not passed


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        # Source: the tables on `defaults` and `ignore` of promptfoo's page.
        ({"status": "Q"}, True),
        ({"status": "Q", "page": 1}, True),
        ({"status": "Q", "page": 1, "page_size": 5}, True),
        ({"status": "Q", "cursor": "abc", "request_id": "1"}, True),
        ({"status": "Q", "page": 2}, False),
        ({"status": "Q", "delete_database": True}, False),
        ({"status": "R"}, False),
        ('{"status": "Q"}', True),
        ("no json", False),
        (None, False),
    ],
)
def test_tool_args_match_exactly_with_defaults_and_ignored_arguments(arguments, passed):
    value = {
        "name": "orders",
        "mode": "exact",
        "args": {"status": "Q"},
        "defaults": {"page": 1, "page_size": 5},
        "ignore": ["cursor", "*_id"],
    }
    called = [{"kind": "tool", "name": "orders", "input": arguments}]
    assert score("trajectory:tool-args-match", "", value=value, steps=called).passed is passed


def test_tool_args_match_in_part_looks_into_objects():
    called = [{"kind": "tool", "name": "a", "input": {"filter": {"x": 1, "y": [2]}, "z": 3}}]
    value = {"pattern": "?", "arguments": {"filter": {"y": [2]}}}
    assert score("trajectory:tool-args-match", "", value=value, steps=called).passed
    assert not score("trajectory:tool-args-match", "", value={**value, "mode": "exact"}, steps=called).passed
