from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptship.domain import OutputContract
from promptship.errors import Problem, SourceError
from promptship.prompts import parse_prompt

if TYPE_CHECKING:
    from promptship.prompts import PromptDocument

WHOLE = """---
promptship: 1
description: one --- two
owner: support-team
tags: [mail, support]
links: {runbook: "https://example.org"}
data: internal
model: fast
config: {temperature: 0.2, max_tokens: 300}
input:
  schema:
    customer_message: string, the e-mail as received
    company: string
    order?: {id: string, "status(enum, where it is)": [open, sent]}
  default: {company: Nordwind}
  trust: {customer_message: untrusted, company: plain}
examples: reply-examples.jsonl
output: {schema: {reply: string, escalate: boolean}}
tools:
  - {name: find_order, description: Looks it up, parameters: {id: string}}
x-team: blue
---
{% system %}
You work for {{ company }}. {{ order.id }}
{% user %}
{{ customer_message }}
"""


def problems_of(text: str, path: str = "a.prompt") -> tuple[Problem, ...]:
    with pytest.raises(SourceError) as caught:
        parse_prompt(text, path=path)
    return caught.value.problems


def with_keys(*lines: str) -> str:
    return "\n".join(["---", *lines, "---", "Hello {{ name }}"])


@pytest.fixture
def whole() -> PromptDocument:
    return parse_prompt(WHOLE, path="prompts/reply.prompt")


def test_every_key_reaches_the_document(whole: PromptDocument) -> None:
    assert (whole.description, whole.owner, whole.tags) == ("one --- two", "support-team", ("mail", "support"))
    assert (whole.model, whole.config) == ("fast", {"temperature": 0.2, "max_tokens": 300})
    assert (whole.links, whole.data, whole.extra) == (
        {"runbook": "https://example.org"},
        "internal",
        {"x-team": "blue"},
    )
    assert whole.defaults == {"company": "Nordwind"}
    assert whole.trust == {"customer_message": "untrusted", "company": "plain"}
    assert whole.examples == "reply-examples.jsonl"
    assert whole.output.format == "json"
    assert whole.tools[0]["type"] == "function"
    assert whole.input_schema["required"] == ["customer_message", "company"]


def test_the_body_begins_after_the_frontmatter(whole: PromptDocument) -> None:
    assert whole.body.startswith("{% system %}\n")
    assert WHOLE.split("\n")[whole.body_line - 1] == "{% system %}"


def test_keys_have_places(whole: PromptDocument) -> None:
    assert whole.place(("input", "schema", "order?")) == (14, 5)
    assert whole.place(("model",)) == (8, 1)


def test_one_line_of_text_is_a_prompt() -> None:
    document = parse_prompt("Say hello to {{ name }}.", path="hello.prompt")
    assert (document.model, document.has_frontmatter, document.declares_inputs) == ("default", False, False)
    assert document.input_schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert document.output == OutputContract()


def test_frontmatter_without_inputs_takes_those_of_the_template() -> None:
    document = parse_prompt(with_keys("model: fast"), path="a.prompt")
    assert document.input_schema["required"] == ["name"]
    assert not document.declares_inputs


def test_names_that_are_looped_over_or_read_into_may_be_anything() -> None:
    document = parse_prompt("{% for d in docs %}{{ d }}{% endfor %}{{ order.id }}{{ x }}", path="a.prompt")
    assert document.input_schema["properties"] == {"docs": {}, "order": {}, "x": {"type": "string"}}


def test_an_empty_frontmatter_is_one() -> None:
    document = parse_prompt("---\n---\nHello", path="a.prompt")
    assert (document.has_frontmatter, document.body, document.body_line) == (True, "Hello", 3)


@pytest.mark.parametrize("line", [" ---", "--- ", "---x", "----", "text --- text"])
def test_the_frontmatter_ends_only_at_a_line_that_is_exactly_three_dashes(line: str) -> None:
    document = parse_prompt(f"---\ndescription: |\n  a\n  {line}\nmodel: fast\n---\nHello", path="a.prompt")
    assert document.model == "fast"
    assert document.description == f"a\n{line}\n"


def test_frontmatter_that_is_never_closed_is_an_error_that_names_the_near_miss() -> None:
    (problem,) = problems_of("---\nmodel: fast\n--- \nHello")
    assert (problem.line, problem.column) == (1, 1)
    assert "line 3" in str(problem.hint)


@pytest.mark.parametrize("text", ["\n---\nmodel: fast\n---\nHello", " ---\nmodel: fast\n---\nHello"])
def test_frontmatter_that_does_not_begin_the_file_is_an_error(text: str) -> None:
    (problem,) = problems_of(text)
    assert "looks like frontmatter" in problem.message


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    text = with_keys("desription: x", "model: [a]", "input:", "  schema: {a: strng}", "  trst: {}", "tags: one")
    found = problems_of(text.replace("Hello {{ name }}", "{% if %}"))
    assert [(problem.line, problem.column) for problem in found] == [(2, 1), (3, 8), (5, 12), (6, 3), (7, 7), (9, None)]
    assert "did you mean 'description'?" in found[0].message
    assert "did you mean 'string'?" in found[2].message
    assert "did you mean 'trust'?" in found[3].message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["model: a", "model: b"], "duplicate key 'model'"),
        (["promptship: 2"], "format version 2 is not known"),
        (["owner: 7"], "owner is 7; expected text"),
        (["config: [1]"], "config is [1]"),
        (["examples: 3"], "examples is 3"),
        (["- a"], "expected keys such as"),
        (["input: x"], "input is 'x'"),
        (["input: {schema: string}"], "is no schema of inputs"),
        (["input: {schema: {history: string}}"], "the name 'history' is taken"),
        (["input: {schema: {a-b: string}}"], "not a name that a template can use"),
        (["input: {schema: {_a: string}}"], "begins with '_'"),
        (["input: {schema: {a: string}, default: {b: x}}"], "default for the unknown input 'b'"),
        (["input: {schema: {a: string}, default: {a: 1}}"], "default of 'a': expected string, got integer 1"),
        (["input: {schema: {a: string}, trust: {b: plain}}"], "trust for the unknown input 'b'"),
        (["input: {schema: {a: string}, trust: {a: untrustd}}"], "did you mean 'untrusted'?"),
        (["output: {format: xml}"], "expected text or json"),
        (["output: {format: text, schema: {a: string}}"], "an output with a schema is json"),
        (["output: {choices: [true, false]}"], "expected a list of different texts"),
        (["output: {choices: [a, a]}"], "expected a list of different texts"),
        (["output: {choices: [a, b], prior: {a: -1}}"], "expected one log-probability for each"),
        (["tools: [{description: x}]"], "a tool's name is None"),
        (["tools: [{name: a}, {name: a}]"], "two tools are called 'a'"),
        (["tools: {name: a}"], "expected a list of tool definitions"),
    ],
)
def test_a_wrong_value_is_an_error_with_a_place(lines: list[str], message: str) -> None:
    found = problems_of(with_keys(*lines))
    assert message in found[0].message
    assert found[0].line is not None
    assert found[0].line >= 2


def test_yaml_errors_name_lines_of_the_file() -> None:
    (problem,) = problems_of(with_keys("model: fast", "config: {temperature: 0.2"))
    assert problem.line in (3, 4)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('{{role "system"}}\nBe kind.', 1),
        ("Hello\n{{#each items}}\n{{this}}\n{{/each}}", 2),
        ("{{>header}} Hello", 1),
        ("a\nb\n{{#if vip}}c{{else}}d{{/if}}", 3),
        ("{{media url=photo}}", 1),
    ],
)
def test_a_dotprompt_body_is_refused_with_a_hint(body: str, line: int) -> None:
    (problem,) = problems_of(f"---\nmodel: googleai/gemini-2.0-flash\n---\n{body}")
    assert "Handlebars" in problem.message
    assert "promptctl import" in str(problem.hint)
    assert problem.line == line + 3


@pytest.mark.parametrize(
    "body", ["{{ role }}: {{ history_text }}", "{% raw %}{{#if x}}{% endraw %} {{ a }}", "{# {{>x}} #}a"]
)
def test_jinja_that_looks_a_little_like_handlebars_is_accepted(body: str) -> None:
    assert parse_prompt(body, path="a.prompt").body == body


def test_a_prompty_file_is_refused_with_a_hint() -> None:
    (problem,) = problems_of("---\nname: x\n---\nsystem:\nhi", path="chat.prompty")
    assert "promptctl import" in str(problem.hint)


def test_prompty_frontmatter_in_a_prompt_file_is_refused_with_a_hint() -> None:
    found = problems_of("---\nmodel: {api: chat, configuration: {type: openai}}\n---\nsystem:\nhi")
    assert "promptctl import" in str(found[0].hint)


@pytest.mark.parametrize("text", ["", "\n \n", "---\nmodel: a\n---\n", "---\nmodel: a\n---"])
def test_a_prompt_without_text_is_an_error(text: str) -> None:
    assert "its template is empty" in problems_of(text)[0].message


@pytest.mark.parametrize("value", ["${env:HOME}", "${file:/etc/passwd}"])
def test_text_is_never_resolved_against_environment_or_disk(value: str) -> None:
    document = parse_prompt(with_keys(f"description: {value}", f"config: {{stop: '{value}'}}"), path="a.prompt")
    assert (document.description, document.config["stop"]) == (value, value)


def test_a_control_character_in_the_template_is_refused() -> None:
    (problem,) = problems_of("Hello\nyou\x02")
    assert (problem.line, problem.column) == (2, 4)


@pytest.mark.parametrize("body", ["(" * 5000, "{{ " + "(" * 5000 + " }}", "{% if a %}" * 3000 + "{% endif %}" * 3000])
def test_a_deeply_nested_template_is_an_error_or_accepted_but_no_crash(body: str) -> None:
    try:
        assert parse_prompt(body, path="a.prompt").body == body
    except SourceError as error:
        assert error.problems  # noqa: PT017 - either way is right; what is not is any other exception
