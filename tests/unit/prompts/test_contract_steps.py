"""The step of a contract's semantic version."""

import pytest

from promptship.domain import Closure, ModelConfig, OutputContract
from promptship.prompts import diff_contract, diff_fields, diff_lines, diff_texts, semver_step

MODEL = ModelConfig(name="m", model="fake/echo")
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}


def make(template="t", required=("a",), output=None, tools=(), defaults=None, **properties):
    schema = {"type": "object", "properties": {"a": {"type": "string"}, **properties}, "required": list(required)}
    return Closure(
        template=template,
        model=MODEL,
        input_schema=schema,
        output=output or OutputContract(),
        tools=tools,
        defaults=defaults or {},
    )


def answer(required=("x",), **properties):
    return OutputContract(
        format="json", schema={"type": "object", "properties": properties, "required": list(required)}
    )


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (make(), make(), "none"),
        (make(), make(template="u"), "patch"),
        (make(b=TEXT), make(), "major"),
        (make(), make(b=TEXT), "minor"),
        (make(), make(required=("a", "b"), b=TEXT), "major"),
        (make(), make(required=("a", "b"), b=TEXT, defaults={"b": "x"}), "minor"),
        (make(b=TEXT), make(required=("a", "b"), b=TEXT), "major"),
        (make(required=("a", "b"), b=TEXT), make(b=TEXT), "minor"),
        (make(b=TEXT), make(b=NUMBER), "major"),
        (make(b=TEXT), make(b={"type": ["string", "null"]}), "minor"),
        (make(b=TEXT), make(b={"type": "string", "description": "the b"}), "patch"),
        (make(), make(output=answer(x=TEXT)), "major"),
        (make(output=answer(x=TEXT)), make(output=answer(x=TEXT, y=TEXT)), "minor"),
        (make(output=answer(x=TEXT, y=TEXT)), make(output=answer(x=TEXT)), "major"),
        (make(output=answer(x=TEXT)), make(output=answer(x=NUMBER)), "major"),
        (make(output=answer(x=TEXT)), make(output=answer(required=(), x=TEXT)), "major"),
        (make(output=OutputContract(choices=("a", "b"))), make(output=OutputContract(choices=("a",))), "minor"),
        (make(output=OutputContract(choices=("a",))), make(output=OutputContract(choices=("a", "b"))), "major"),
        (make(), make(tools=(TOOL,)), "minor"),
        (make(tools=(TOOL,)), make(), "major"),
        (make(tools=(TOOL,)), make(tools=({"type": "function", "function": {"name": "find"}},)), "major"),
    ],
)
def test_a_change_takes_the_step_that_callers_feel(before, after, level):
    assert semver_step(diff_contract(before, after)) == level


def test_settings_are_told_by_their_path():
    after = Closure(template="t", model=ModelConfig(name="m", model="fake/echo", params={"temperature": 0.5}))
    before = Closure(template="t", model=MODEL)
    assert [(one.name, one.before, one.after) for one in diff_fields(before, after)] == [
        ("model.params.temperature", None, "0.5")
    ]


def test_words_that_changed_are_marked_and_the_rest_is_not():
    gone, came = diff_lines("be very kind to all", "be quite kind to all")
    assert [piece for changed, piece in gone.pieces if changed] == ["very"]
    assert [piece for changed, piece in came.pieces if changed] == ["quite"]
    assert (gone.text, came.text) == ("be very kind to all", "be quite kind to all")


def test_texts_that_are_equal_are_left_out_and_new_ones_are_whole():
    found = diff_texts({"a": "same", "b": "x\ny"}, {"a": "same", "b": "x\nz", "c": "new"})
    assert [text.name for text in found] == ["b", "c"]
    assert [line.sign for line in found[1].hunks[0]] == ["+"]
