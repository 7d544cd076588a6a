import json

import pytest
import yaml

from promptship.converters import export_prompt
from promptship.errors import UsageError
from promptship.project import Project
from promptship.settings import Settings


@pytest.fixture
def write(tmp_path):
    def write_all(**files):
        for name, text in {
            "prompts/models.yaml": "default: {model: openai/gpt-4o, params: {temperature: 0}}\n",
            **files,
        }.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Project(tmp_path, Settings())

    return write_all


PROMPT = """---
description: Answers.
owner: support
input:
  schema: {mail: string, company: string, vip?: boolean}
  default: {company: Nordwind}
  trust: {mail: untrusted}
examples:
  - {mail: Where?, reply: There.}
---
{% system %}
{% include "_tone.j2" %}
{% for example in examples %}
{% user %}{{ example.mail }}
{% assistant %}{{ example.reply }}
{% endfor %}
{% user %}
{% if vip %}VIP. {% endif %}
{{ mail }}
"""
FILES = {"prompts/reply.prompt": PROMPT, "prompts/_tone.j2": "Be brief at {{ company }}.\n"}


def test_dotprompt_gets_partials_and_examples_written_out(write):
    (file,) = export_prompt("dotprompt", write(**FILES), "reply").files
    assert file.path == "reply.prompt"
    assert file.text.split("---\n", 2)[2] == (
        '{{role "system"~}}\nBe brief at {{company}}.\n{{~role "user"~}}\nWhere?\n{{~role "model"~}}\nThere.\n'
        '{{~role "user"~}}\n{{#if vip}}\nVIP. {{/if}}{{mail}}\n'
    )


def test_prompty_gets_role_lines(write):
    (file,) = export_prompt("prompty", write(**FILES), "reply").files
    head, body = file.text.removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(head)["model"] == {
        "id": "gpt-4o",
        "provider": "openai",
        "apiType": "chat",
        "options": {"temperature": 0},
    }
    assert body == (
        "system:\nBe brief at {{ company }}.\n\nuser:\nWhere?\n\nassistant:\nThere.\n\n"
        "user:\n{% if vip %}VIP. {% endif %}{{ mail }}\n"
    )


def test_promptfoo_gets_messages_and_the_tests_of_its_evalsets(write):
    evalset = (
        "prompt: reply\ngates: [pass_rate >= 0.9]\n"
        "scorers: [icontains, {type: not-contains, name: polite, value: '{{x}}'}]\n"
        "cases:\n  - {id: one, inputs: {mail: Hi}, expected: hello, tags: {lang: en}}\n"
    )
    other = "prompt: other/*\nscorers: [icontains]\ncases: [{inputs: {}, expected: x}]\n"
    conversion = export_prompt(
        "promptfoo", write(**FILES, **{"evalsets/a.yaml": evalset, "evalsets/b.yaml": other}), "reply"
    )
    files = {file.path: file.text for file in conversion.files}
    messages = json.loads(files["prompts/reply.json"])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    config = yaml.safe_load(files["promptfooconfig.yaml"])
    assert config["prompts"] == ["file://prompts/reply.json"]
    assert config["providers"] == [{"id": "openai:gpt-4o", "config": {"temperature": 0}}]
    assert config["tests"] == [
        {
            "description": "one",
            "vars": {"mail": "Hi"},
            "assert": [
                {"type": "icontains", "value": "hello"},
                {"type": "not-contains", "value": "{% raw %}{{x}}{% endraw %}", "metric": "polite"},
            ],
            "metadata": {"lang": "en"},
        }
    ]
    assert [remark.code for remark in conversion.remarks if remark.kind == "lost"] == ["trust", "gates"]


@pytest.mark.parametrize("kind", ["dotprompt", "prompty", "promptfoo"])
def test_a_lost_fence_is_always_told_with_its_line(write, kind):
    (lost,) = [one for one in export_prompt(kind, write(**FILES), "reply").remarks if one.kind == "lost"]
    assert (lost.code, lost.path, lost.line) == ("trust", "prompts/reply.prompt", 7)


@pytest.mark.parametrize(
    ("kind", "body", "line"),
    [
        ("dotprompt", "x\n{{ a | upper }}", 2),
        ("dotprompt", "{% set b = a %}{{ b }}", 1),
        ("promptfoo", "x\n\n{% if a %}{% user %}y{% endif %}", 3),
        ("prompty", "{% macro m() %}x{% endmacro %}", 1),
        ("prompty", '{% user %}x{% tool "c1" %}y', 1),
        ("promptfoo", "{{ a ~ 'x' }}", 1),
    ],
)
def test_what_only_we_can_say_is_refused_with_its_line(write, kind, body, line):
    conversion = export_prompt(kind, write(**{"prompts/p.prompt": body}), "p")
    assert conversion.files == ()
    assert [(one.kind, one.line) for one in conversion.remarks if one.kind == "refused"] == [("refused", line)]


def test_a_text_line_that_prompty_takes_for_a_role_is_refused(write):
    conversion = export_prompt("prompty", write(**{"prompts/p.prompt": "Say:\nsystem:\nno"}), "p")
    assert (conversion.files, conversion.count("refused")) == ((), 1)


def test_an_unknown_format_is_an_error(write):
    with pytest.raises(UsageError, match=r"did you mean 'prompty'"):
        export_prompt("promty", write(**FILES), "reply")


def test_a_judge_goes_out_as_the_provider_of_its_assertion(write):
    scorers = "scorers: [{type: llm-rubric, value: kind, judge: openai/gpt-4o}, {type: factuality, judge: strict}]\n"
    evalset = f"prompt: reply\n{scorers}cases:\n  - {{id: one, inputs: {{mail: Hi}}, expected: hello}}\n"
    conversion = export_prompt("promptfoo", write(**FILES, **{"evalsets/a.yaml": evalset}), "reply")
    (text,) = (file.text for file in conversion.files if file.path == "promptfooconfig.yaml")
    rubric, factual = yaml.safe_load(text)["tests"][0]["assert"]
    assert rubric == {"type": "llm-rubric", "value": "kind", "provider": "openai:gpt-4o"}
    assert "provider" not in factual
    assert any("judge has no counterpart" in remark.message for remark in conversion.remarks)
