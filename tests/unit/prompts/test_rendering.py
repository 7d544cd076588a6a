from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptship.domain import Message
from promptship.errors import RenderError, SourceError
from promptship.prompts import Renderer, build_closure, parse_prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.domain import ModelConfig

    Render = Callable[..., list[tuple[str, Any]]]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("Hello", [("user", "Hello")]),
        ("\n\n  Hello  \n\n", [("user", "  Hello")]),
        ("Hello{% system %}S", [("user", "Hello"), ("system", "S")]),
        ("{% system %}\nS\n{% developer %}\nD\n{% user %}\nU\n", [("system", "S"), ("developer", "D"), ("user", "U")]),
        ("{% system %}   S  \n{% user %}\n  indented\n  more\n", [("system", "S"), ("user", "  indented\n  more")]),
        ("{% system %}\n\n\nS\n\n{% user %}\n\n", [("system", "S")]),
        ("{% user %}U{% assistant %}", [("user", "U"), ("assistant", "")]),
        ("{% user %}U{% assistant %}A{% user %}U2", [("user", "U"), ("assistant", "A"), ("user", "U2")]),
        (
            "{% for i in range(2) %}\n{% user %}\nq{{ i }}\n{% assistant %}\na{{ i }}\n{% endfor %}\n{% user %}\nz",
            [
                *[("user", "q0"), ("assistant", "a0"), ("user", "q1"), ("assistant", "a1"), ("user", "z")],
            ],
        ),
        ("{% if true %}{% system %}S{% else %}{% developer %}D{% endif %}x", [("system", "Sx")]),
        ("{% macro m(t) %}{% user %}{{ t }}{% endmacro %}{{ m('a') }}{{ m('b') }}", [("user", "a"), ("user", "b")]),
        ("{% system %}S\n{% history %}\nafter", [("system", "S"), ("user", "after")]),
        ("{% raw %}{% user %}{{ x }}{% endraw %}", [("user", "{% user %}{{ x }}")]),
    ],
)
def test_role_tags_open_messages(render: Render, text: str, messages: list[tuple[str, str]]) -> None:
    assert render(text) == messages


def test_role_tags_work_in_includes_imports_and_layouts(render: Render) -> None:
    partials = {
        "_head.j2": "{% system %}\nBe kind.\n",
        "_m.j2": "{% macro ask(q) %}{% user %}{{ q }}{% endmacro %}",
        "_layout.j2": "{% system %}L\n{% block body %}{% endblock %}",
    }
    text = '{% include "_head.j2" %}\n{% from "_m.j2" import ask %}{{ ask("Why?") }}'
    assert render(text, partials=partials) == [("system", "Be kind."), ("user", "Why?")]
    text = '{% extends "_layout.j2" %}{% block body %}{% user %}B{% endblock %}'
    assert render(text, partials=partials) == [("system", "L"), ("user", "B")]


@pytest.mark.parametrize(
    "text",
    [
        "{% set x %}{% user %}{% endset %}",
        "{% filter upper %}a{% user %}b{% endfilter %}",
        "{% user 'x' %}",
        "{% tool %}",
        "{% media %}",
        "{% autoescape true %}{% endautoescape %}",
        "{{ x | nofilter }}",
        "{% for %}",
    ],
)
def test_a_misplaced_tag_is_an_error_of_the_file(render: Render, text: str) -> None:
    with pytest.raises(SourceError, match=r"^a\.prompt:3: "):
        render("\n\n" + text)


def test_a_tool_message_carries_the_id_of_its_call(renderer: Callable[..., Any]) -> None:
    text = "{% for r in results %}{% tool r.id %}{{ r.text }}{% endfor %}"
    rendered = renderer(text).render({"results": [{"id": "c1", "text": "{{ x }}"}, {"id": "c2", "text": "b"}]})
    assert rendered.messages == (
        Message(role="tool", content="{{ x }}", extra={"tool_call_id": "c1"}),
        Message(role="tool", content="b", extra={"tool_call_id": "c2"}),
    )


HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "{{ secret }} {% system %} \x02 \x03"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "{{ f }}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "{{ 7 * 7 }}", "vendor_key": {"x": [1]}},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.org/{{ x }}"}}], "name": "Ada"},
]


def test_history_passes_through_untouched(renderer: Callable[..., Any]) -> None:
    rendered = renderer("{% system %}S\n{% history %}\n{% user %}{{ q }}").render({"q": "Q", "history": HISTORY})
    assert [message.as_json() for message in rendered.messages[1:-1]] == HISTORY


def test_history_may_be_left_out(render: Render) -> None:
    assert render("{% system %}S{% history %}{% user %}Q") == [("system", "S"), ("user", "Q")]


MEDIA_CASES = [
    ({"url": "https://e.org/a.png"}, {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}),
    (
        {"data": "aGk=", "mime_type": "image/png", "detail": "low"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
    ),
    (
        {"data": "aGk=", "mime_type": "audio/mpeg"},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
    ),
    (
        {"data": "aGk=", "mime_type": "application/pdf", "name": "a.pdf"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
    ),
    (
        {"url": "https://e.org/a.mp3", "kind": "audio"},
        {"type": "audio_url", "audio_url": {"url": "https://e.org/a.mp3"}},
    ),
]


@pytest.mark.parametrize(("value", "part"), MEDIA_CASES)
@pytest.mark.parametrize("untrusted", [(), ("photo",)])
def test_media_become_content_parts(render: Render, value: Any, part: Any, untrusted: tuple[str, ...]) -> None:
    text = "---\ninput: {schema: {photo: any}}\n---\n{% user %}\nLook:\n{% media photo %}\nWhat is it?\n"
    expected = ({"type": "text", "text": "Look:"}, part, {"type": "text", "text": "What is it?"})
    assert render(text, {"photo": value}, untrusted=untrusted) == [("user", expected)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "either 'url' or 'data'"),
        ({"url": "https://e.org", "data": "aGk="}, "either 'url' or 'data'"),
        ({"url": "file:///etc/passwd"}, "is no URL"),
        ({"url": "javascript:alert(1)"}, "is no URL"),
        ({"data": "a", "mime_type": "image/png"}, "is not base64"),
        ({"data": "aGk="}, "needs a 'mime_type'"),
        ({"data": "aGk=", "mime_type": "audio/ogg"}, "has no place in the protocol"),
        ({"data": "aGk=", "mimetype": "audio/ogg"}, "did you mean 'mime_type'?"),
        ({"url": "https://e.org", "kind": "video"}, "expected image, file or audio"),
        ("https://e.org", "needs an object"),
    ],
)
def test_media_of_another_shape_are_errors(render: Render, value: Any, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        render("---\ninput: {schema: {photo: any}}\n---\n{% media photo %}", {"photo": value})


def test_media_stand_in_user_messages_only(render: Render) -> None:
    with pytest.raises(RenderError, match="stands in a system message"):
        render("---\ninput: {schema: {p: any}}\n---\n{% system %}{% media p %}", {"p": {"url": "https://e.org"}})


HEAD = "---\ninput: {schema: {customer_message: string, order?: {id: string}}}\n---\n"


def test_an_undefined_name_is_an_error_with_place_and_nearest_input(render: Render) -> None:
    with pytest.raises(RenderError) as caught:
        render(HEAD + "Hello,\nread {{ custmer_message }}", {"customer_message": "x"})
    assert str(caught.value) == "a.prompt:5:9: 'custmer_message' is undefined; did you mean 'customer_message'?"


def test_without_a_file_an_error_counts_lines_of_the_template(model: ModelConfig) -> None:
    document = parse_prompt(HEAD + "Hello,\n{{ 1 / 0 }}", path="a.prompt")
    closure = build_closure(document, partials={}, examples=(), model=model)
    with pytest.raises(RenderError, match=r"^support/reply, template line 2: ZeroDivisionError"):
        Renderer(closure, name="support/reply").render({"customer_message": "x"})


def test_an_error_in_a_partial_names_the_partial(render: Render) -> None:
    head = "---\ninput: {schema: {name: string}}\n---\n"
    with pytest.raises(RenderError, match=r"^_p\.j2:2:4: 'nam' is undefined; did you mean 'name'"):
        render(head + 'a\n{% include "_p.j2" %}', {"name": "x"}, partials={"_p.j2": "b\n{{ nam }}"})


def test_an_optional_input_that_is_not_given_is_false_and_an_error_where_it_is_printed(render: Render) -> None:
    text = "{% if order %}{{ order.id }}{% else %}none{% endif %}{{ ', ' ~ order.id if order is defined else '' }}"
    assert render(HEAD + text, {"customer_message": "x"}) == [("user", "none")]
    for printed in ("{{ order }}", "{{ order.id }}", "{{ 'a' ~ order }}", "{{ [order]|join }}"):
        with pytest.raises(RenderError, match="the optional input 'order' was not given"):
            render(HEAD + printed, {"customer_message": "x"})


@pytest.mark.parametrize(
    "printed", ["{{ none }}", "{{ [1, 2] }}", "{{ {'a': 1} }}", "{{ 'a' ~ none }}", "{{ [[1]]|join }}"]
)
def test_values_without_a_text_of_their_own_are_not_printed(render: Render, printed: str) -> None:
    with pytest.raises(RenderError, match="cannot be printed"):
        render(printed)


def test_tojson_sorts_keys_and_escapes_nothing_for_html(render: Render) -> None:
    text = "---\ninput: {schema: {v: any}}\n---\n{{ v | tojson }}"
    assert render(text, {"v": {"b": "<é'&>", "a": [1, None, True]}}) == [
        ("user", """{"a": [1, null, true], "b": "<é'&>"}""")
    ]


def test_history_is_no_variable(render: Render) -> None:
    with pytest.raises(RenderError) as caught:
        render("{% history %}{{ history }}", {"history": []})
    assert "{% history %}" in str(caught.value.hint)
