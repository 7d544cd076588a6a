import json

import pytest

from promptship.errors import SourceError, UsageError


def write(source, value, name="p.json"):
    source.write(name, json.dumps(value))
    return source.convert("langfuse")


def test_a_text_prompt_keeps_its_text_variables_and_config(source):
    write(
        source,
        {
            "name": "movie/critic",
            "type": "text",
            "prompt": "As a {{level}} critic: {{ movie }}? {% x %} { {",
            "config": {"model": "gpt-4o", "temperature": 0.5, "languages": ["en"]},
            "version": 3,
            "labels": ["production"],
            "tags": ["films"],
        },
    )
    path = "prompts/movie/critic.prompt"
    assert source.render(path, level="top", movie="{{level}}") == [("user", "As a top critic: {{level}}? {% x %} { {")]
    assert "model: openai/gpt-4o\nconfig: {temperature: 0.5}\ntags: [films]\n" in source.file(path)
    assert (source.codes("changed"), source.codes("lost")) == (["model"], ["config"])


def test_chat_prompts_and_their_placeholder(source):
    write(
        source,
        {
            "name": "chat",
            "type": "chat",
            "prompt": [
                {"role": "system", "content": "Be {{tone}}."},
                {"type": "placeholder", "name": "chat_history"},
                {"role": "user", "content": "{{q}}"},
            ],
        },
    )
    rendered = source.render(
        "prompts/chat.prompt", tone="kind", q="?", history=[{"role": "user", "content": "{{tone}}"}]
    )
    assert rendered == [("system", "Be kind."), ("user", "{{tone}}"), ("user", "?")]
    assert source.codes("changed") == ["history"]


def test_a_page_of_versions_gives_the_newest(source):
    old = {"name": "a", "prompt": "old", "version": 9}
    write(source, {"data": [{"name": "a", "prompt": "new", "version": 10}, old], "meta": {"page": 1}})
    assert source.file("prompts/a.prompt").endswith("new\n")
    assert source.codes("lost") == ["version"]


@pytest.mark.parametrize(
    "prompt",
    [
        "@@@langfusePrompt:name=other|label=production@@@",
        "{{ two words }}",
        [{"role": "tool", "content": "x"}],
        [{"type": "placeholder", "name": "a"}, {"type": "placeholder", "name": "b"}],
    ],
)
def test_what_depends_on_something_else_is_refused(source, prompt):
    assert write(source, {"name": "a", "prompt": prompt}).files == ()
    assert source.codes("refused") == ["template"]


def test_a_file_that_is_no_json_is_an_error_with_its_place(source):
    source.write("p.json", '{"name":\n x}')
    with pytest.raises(SourceError, match=r"p\.json:2"):
        source.convert("langfuse")


def test_an_empty_folder_is_an_error(source):
    with pytest.raises(UsageError, match=r"no \.json file"):
        source.convert("langfuse")
