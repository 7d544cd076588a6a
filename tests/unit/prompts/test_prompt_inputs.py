from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptship.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = """---
input:
  schema:
    message: string
    count?: integer
    kind(enum): [a, b]
    docs(array): {text: string, score?: number}
  default: {kind: a}
---
{{ message }}
"""
GOOD: dict[str, Any] = {"message": "m", "docs": [{"text": "t"}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"message": 3}, "input 'message': expected string, got integer 3"),
        ({"message": None}, "input 'message': expected string, got null None"),
        ({"count": "3"}, "input 'count': expected integer or null, got string '3'"),
        ({"count": True}, "input 'count': expected integer or null, got boolean True"),
        ({"kind": "c"}, "input 'kind': 'c' is not one of"),
        ({"docs": [{"text": "t"}, {"text": 1}]}, "[1].text: 1 is not of type 'string'"),
        ({"docs": [{"txt": "t"}]}, "input 'docs'"),
        ({"docs": "t"}, "input 'docs': 't' is not of type 'array'"),
        ({"mesage": "x"}, "unexpected input 'mesage'; did you mean 'message'?"),
        ({"message": "a\x02b"}, "control characters U+0002 and U+0003"),
        ({"docs": [{"text": "a\x03b"}]}, "control characters"),
        ({"message": "\ud800"}, "lone surrogate"),
        ({"history": []}, "the template has no {% history %}"),
        ({"examples": []}, "unexpected input 'examples'"),
    ],
)
def test_an_input_that_does_not_fit_is_named(
    renderer: Callable[..., Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        renderer(HEAD).render({**GOOD, **changes})
    assert message in str(caught.value)
    assert str(caught.value).startswith("a.prompt: ")


def test_all_wrong_inputs_are_reported_together(renderer: Callable[..., Any]) -> None:
    with pytest.raises(InputError) as caught:
        renderer(HEAD).render({"mesage": "x", "kind": 1})
    for part in ("missing input 'message'", "missing input 'docs'", "unexpected input 'mesage'", "input 'kind'"):
        assert part in str(caught.value)


def test_a_misspelled_input_is_named_beside_the_missing_one(renderer: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="missing input 'message'; given was 'mesage'"):
        renderer(HEAD).render({"mesage": "x", "docs": []})


@pytest.mark.parametrize(
    "inputs", [GOOD, {**GOOD, "count": 3, "kind": "b"}, {**GOOD, "count": None}, {**GOOD, "count": 2.0}]
)
def test_inputs_that_fit_are_rendered(renderer: Callable[..., Any], inputs: dict[str, Any]) -> None:
    assert renderer(HEAD).render(inputs).messages[0].content == "m"


JSON_SCHEMA_HEAD = """---
input:
  schema:
    type: object
    properties:
      zip: {type: string, pattern: "^[0-9]{5}$"}
      order: {$ref: "#/$defs/order"}
    required: [zip]
    minProperties: 2
    $defs: {order: {type: object, required: [id]}}
---
{{ zip }}{{ order.id }}
"""


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"zip": "1", "order": {"id": 1}}, "input 'zip': '1' does not match"),
        ({"zip": "12345", "order": {}}, "input 'order': 'id' is a required property"),
        ({"zip": "12345"}, "does not have enough properties"),
        ({"zip": "12345", "order": {"id": 1}, "more": 1}, "unexpected input 'more'"),
    ],
)
def test_json_schema_is_checked_whole(renderer: Callable[..., Any], inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        renderer(JSON_SCHEMA_HEAD).render(inputs)
    assert message in str(caught.value)


def test_a_schema_that_refers_to_itself_without_end_is_an_error(renderer: Callable[..., Any]) -> None:
    text = '---\ninput: {schema: {type: object, properties: {a: {$ref: "#/properties/a"}}}}\n---\n{{ a }}'
    with pytest.raises(InputError, match="without end"):
        renderer(text).render({"a": 1})


def test_a_deeply_nested_input_is_an_error_and_no_crash(renderer: Callable[..., Any]) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputError, match="nested deeper than 64 levels"):
        renderer("---\ninput: {schema: {a: any}}\n---\n{{ a }}").render({"a": deep})


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ("x", "expected a list of messages"),
        ([1], r"history\[0\]: expected a message object"),
        (
            [{"role": "user", "content": "a"}, {"role": "root", "content": "x"}],
            r"history\[1\]: a message has the role 'root'",
        ),
        ([{"content": "x"}], r"history\[0\]"),
        ([{"role": "user", "content": 3}], r"history\[0\]: a message has the content 3"),
    ],
)
def test_history_of_another_shape_is_an_error(renderer: Callable[..., Any], history: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        renderer("{% history %}").render({"history": history})


def test_inputs_are_not_changed(renderer: Callable[..., Any]) -> None:
    inputs = {"docs": [{"text": "t"}], "message": "m", "history": [{"role": "user", "content": "a"}]}
    before = repr(inputs)
    renderer(HEAD + "{% history %}").render(inputs)
    assert repr(inputs) == before
