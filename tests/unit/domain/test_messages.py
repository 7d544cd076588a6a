import pytest

from promptship.domain import Message, ToolCall


@pytest.mark.parametrize(
    "value",
    [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "assistant", "content": "", "reasoning_content": "kept", "refusal": None},
    ],
)
def test_a_message_of_the_protocol_passes_through_untouched(value):
    assert Message.from_json(value).as_json() == value


@pytest.mark.parametrize(
    "value", [{"content": "hi"}, {"role": "root", "content": "hi"}, {"role": "user", "content": 3}]
)
def test_what_is_no_message_is_refused(value):
    with pytest.raises(ValueError, match="expected"):
        Message.from_json(value)


def test_the_text_of_a_message_is_that_of_its_text_parts():
    parts = (
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "text", "text": "b"},
    )
    assert Message(role="user", content=parts).text == "ab"
    assert Message(role="assistant", content=None).text == ""


def test_a_tool_call_keeps_arguments_that_do_not_parse():
    call = ToolCall(id="1", name="f", arguments='{"a": ')
    assert call.as_json() == {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": '}}
