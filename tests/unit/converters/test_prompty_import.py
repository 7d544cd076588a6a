import pytest

V1 = """---
name: Basic
description: one --- two
authors: [ann, bob]
tags: [basic]
model:
  api: chat
  configuration:
    type: azure_openai
    azure_deployment: gpt-35-turbo
    api_key: ${env:AZURE_KEY}
  parameters: {max_tokens: 128, temperature: 0.2, response_format: {type: json_object}}
inputs:
  first_name: {type: string}
  question: {type: string, default: Hi?}
sample: {first_name: Jane}
---
system:
You help {{first_name}}.

user:
{% if question %}
{{question}}
{% endif %}
"""


def test_a_version_1_file_keeps_model_inputs_and_messages(source):
    source.write("basic.prompty", V1)
    source.convert("prompty")
    text = source.file("prompts/basic.prompt")
    assert 'description: one --- two\nowner: "ann, bob"\ntags: [basic]\nmodel: azure/gpt-35-turbo\n' in text
    assert "config: {max_tokens: 128, temperature: 0.2}\n" in text
    assert "x-prompty: {sample: {first_name: Jane}}\n" in text
    assert source.render("prompts/basic.prompt", first_name="Jane") == [("system", "You help Jane."), ("user", "Hi?")]


def test_the_environment_is_named_and_never_read(source, monkeypatch):
    monkeypatch.setenv("AZURE_KEY", "sk-very-secret")
    source.write("basic.prompty", V1)
    source.convert("prompty")
    (lost,) = source.remarks("lost")
    assert (lost.code, lost.line) == ("connection", 6)
    assert "api_key_env: AZURE_KEY" in lost.hint
    assert "sk-very-secret" not in "".join(file.text for file in source.conversion.files) + str(source.remarks())


def test_files_outside_are_never_read(source, tmp_path):
    (tmp_path / "secret.json").write_text('{"a": "secret"}')
    source.write(
        "a.prompty", "---\nname: a\nsample: ${file:../secret.json}\noutputs: ${file:../secret.json}\n---\nuser:\nHi\n"
    )
    source.convert("prompty")
    assert "secret" not in source.file("prompts/a.prompt").replace("secret.json", "")
    assert {"sample", "reference"} <= set(source.codes("lost"))


def test_a_version_2_file_with_a_thread_and_tools(source):
    source.write(
        "t.prompty",
        "---\nname: t\nmodel: {id: gpt-4o, provider: openai, apiType: chat, options: {maxOutputTokens: 5}}\n"
        "inputSchema:\n  properties:\n    - {name: q, kind: string, default: Hello}\n    - {name: talk, kind: thread}\n"
        "tools:\n  - {name: find, kind: function, parameters: [{name: id, kind: string, required: true}]}\n"
        "  - {name: web, kind: bing}\n---\nsystem:\nHi\n\n{{talk}}\n\nuser:\n{{q}}\n",
    )
    source.convert("prompty")
    talk = [{"role": "user", "content": "Before"}]
    rendered = source.render("prompts/t.prompt", history=talk)
    assert rendered == [("system", "Hi"), ("user", "Before"), ("user", "Hello")]
    text = source.file("prompts/t.prompt")
    assert "config: {max_tokens: 5}\n" in text
    assert "name: find" in text
    assert (source.codes("changed"), source.codes("lost")) == (["history"], ["tool"])


def test_a_loop_over_messages_becomes_the_history(source):
    source.write(
        "c.prompty",
        "---\ninputs: {chat: []}\n---\nsystem:\nHi\n"
        "{% for item in chat %}\n{{item.role}}:\n{{item.content}}\n{% endfor %}\n",
    )
    source.convert("prompty")
    talk = [{"role": "user", "content": "Before"}]
    assert source.render("prompts/c.prompt", history=talk) == [("system", "Hi"), ("user", "Before")]


def test_mustache_is_translated(source):
    source.write(
        "m.prompty", "---\ntemplate: mustache\ninputs: {a: {type: string}}\n---\nuser:\n{{a}} {{! no }}{{{a}}}\n"
    )
    source.convert("prompty")
    assert source.render("prompts/m.prompt", a="<x>") == [("user", "<x> <x>")]


def test_white_space_of_tags_stays_as_there(source):
    source.write("w.prompty", "---\ninputs: {a: {type: string}}\n---\nuser:\nx\n{% if a %}\n  y\n{% endif %}\nz\n")
    source.convert("prompty")
    assert source.render("prompts/w.prompt", a="1") == [("user", "x\n\n  y\n\nz")]


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("user:\n{% include 'x' %}", 4, "another file"),
        ("x\n{{role}}:\ny", 4, "computed"),
        ("tool:\nx", 3, "tool"),
        ("user:\n{{ a", 4, "not closed"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_its_line(source, body, line, said):
    source.write("a.prompty", f"---\n---\n{body}")
    source.convert("prompty")
    (remark,) = source.remarks("refused")
    assert (remark.line, said in remark.message) == (line, True)
