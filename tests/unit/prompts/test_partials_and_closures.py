from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptship.domain import Limits, ModelConfig, Price
from promptship.errors import SourceError
from promptship.prompts import build_closure, collect_partials, decode_source, parse_prompt

if TYPE_CHECKING:
    from promptship.domain import Closure


def test_partials_are_collected_transitively() -> None:
    files = {
        "_a.j2": '{% from "x/_b.j2" import f %}',
        "x/_b.j2": '{% import "_c.j2" as c %}{% macro f() %}{% endmacro %}',
        "_c.j2": "c",
        "_layout.j2": "{% block b %}{% endblock %}",
    }
    body = '{% extends "_layout.j2" %}{% block b %}{% include "_a.j2" %}{% include "_c.j2" %}{% endblock %}'
    assert collect_partials(body, files.get, path="p") == files


def test_a_missing_partial_is_named_where_it_is_included_with_the_chain() -> None:
    files = {"_a.j2": 'one\n  {% include "_b.j2" %}'}
    with pytest.raises(SourceError) as caught:
        collect_partials('x\n{% include "_a.j2" %}{% include "_c.j2" %}', files.get, path="p.prompt", body_line=4)
    first, second = caught.value.problems
    assert (first.path, first.line, first.column) == ("_a.j2", 2, 15)
    assert "p.prompt -> _a.j2" in first.message
    assert (second.path, second.line, second.column) == ("p.prompt", 5, 34)


@pytest.mark.parametrize(
    ("files", "chain"),
    [
        ({"_a.j2": '{% include "_a.j2" %}'}, "_a.j2 -> _a.j2"),
        ({"_a.j2": '{% import "_b.j2" as b %}', "_b.j2": '{% include "_a.j2" %}'}, "_a.j2 -> _b.j2 -> _a.j2"),
    ],
)
def test_a_cycle_is_an_error_with_its_chain(files: dict[str, str], chain: str) -> None:
    with pytest.raises(SourceError, match=f"includes itself: {chain}"):
        collect_partials('{% include "_a.j2" %}', files.get, path="p")


def test_a_partial_that_is_no_template_is_an_error_at_its_own_line() -> None:
    with pytest.raises(SourceError, match=r"^_a\.j2:2: not a valid template"):
        collect_partials('{% include "_a.j2" %}', {"_a.j2": "x\n{% if %}"}.get, path="p")


@pytest.mark.parametrize(
    "tag",
    [
        '{% include "a.j2" %}',
        '{% include "../_a.j2" %}',
        '{% include "/_a.j2" %}',
        '{% include "_a.txt" %}',
        '{% include "x/../_a.j2" %}',
        '{% include ["_a.j2", "_b.j2"] %}',
        '{% include "_a" ~ ".j2" %}',
        "{% include name %}",
        '{% include "_a.j2" ignore missing %}',
        "{% extends name %}",
        '{% import "a.j2" as a %}',
    ],
)
def test_only_literal_names_of_partials_can_be_included(tag: str) -> None:
    with pytest.raises(SourceError, match=r"a\.prompt:1"):
        parse_prompt(tag, path="a.prompt")


def close(text: str, model: ModelConfig, **partials: str) -> Closure:
    document = parse_prompt(text, path="a.prompt")
    return build_closure(
        document, partials={f"_{key}.j2": value for key, value in partials.items()}, examples=(), model=model
    )


TEXT = '---\nconfig: {temperature: 0.5}\n---\n{% include "_tone.j2" %}\nHello {{ name }}\n'


def test_the_digest_is_equal_on_every_newline_style_and_with_a_byte_order_mark(model: ModelConfig) -> None:
    digests = {
        close(decode_source(data, path="a"), model, tone=tone).digest
        for data, tone in [
            (TEXT.encode(), "a\nb"),
            (TEXT.replace("\n", "\r\n").encode(), "a\r\nb"),
            (TEXT.replace("\n", "\r").encode(), "a\rb"),
            (b"\xef\xbb\xbf" + TEXT.encode(), "a\nb"),
        ]
    }
    assert len(digests) == 1


def test_what_does_not_change_an_answer_does_not_change_the_digest(model: ModelConfig) -> None:
    other = model.model_copy(
        update={
            "name": "other",
            "base_url": "http://127.0.0.1:1/v1",
            "api_key_env": "KEY",
            "price": Price(input_usd_per_mtok=1, output_usd_per_mtok=2),
            "limits": Limits(retries=0),
        }
    )
    described = TEXT.replace("---\nconfig", "---\ndescription: other\nowner: me\nx-a: 1\nconfig", 1)
    assert close(TEXT, model, tone="a").digest == close(described, other, tone="a").digest


@pytest.mark.parametrize(
    "changed",
    [
        TEXT.replace("Hello", "Hallo"),
        TEXT.replace("0.5", "0.6"),
        TEXT + "\n",
        TEXT.replace("---\nc", "---\ntools: [{name: f}]\nc"),
    ],
)
def test_what_changes_an_answer_changes_the_digest(changed: str, model: ModelConfig) -> None:
    assert close(TEXT, model, tone="a").digest != close(changed, model, tone="a").digest


def test_a_partial_is_part_of_the_digest(model: ModelConfig) -> None:
    assert close(TEXT, model, tone="a").digest != close(TEXT, model, tone="b").digest


def test_the_digest_is_pinned(model: ModelConfig) -> None:
    # A changed value means that every version anyone has stored gets another name.
    assert close("Hello {{ name }}\n", model).digest == (
        "sha256:a9598851c340b882dd961fc81bfb42785401e5a9a9af10cada51c3ed1d305ac0"
    )


def test_config_overrides_params_key_by_key() -> None:
    model = ModelConfig(name="m", model="a/b", params={"temperature": 0, "top_p": 1})
    assert close(TEXT, model, tone="a").model.params == {"temperature": 0.5, "top_p": 1}
    assert model.params == {"temperature": 0, "top_p": 1}


def test_implicit_inputs_of_partials_are_inputs_of_the_prompt(model: ModelConfig) -> None:
    assert close(TEXT, model, tone="{{ tone }}").input_schema["required"] == ["name", "tone"]


def test_plain_trust_is_left_out_of_the_closure(model: ModelConfig) -> None:
    head = "---\ninput: {{schema: {{name: string}}{}}}\n---\nHello {{{{ name }}}}"
    assert close(head.format(""), model).digest == close(head.format(", trust: {name: plain}"), model).digest
