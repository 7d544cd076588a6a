import pytest

HEAD = """---
model: googleai/gemini-2.0-flash
input:
  schema:
    name: string
    user: {city: string}
    items(array): {label: string, on: boolean}
    flag: boolean
    n: integer
    opt?: string
---
"""
INPUTS = {
    "name": "Ann {{x}}",
    "user": {"city": "Oslo"},
    "items": [{"label": "L1", "on": True}, {"label": "L2", "on": False}],
    "flag": True,
    "n": 3,
}

# What npm's dotprompt 1.1.2 (Handlebars 4.7) renders from these bodies and the inputs above; white space at the edges
# of messages apart. Besides these, 391 random templates were compared.
ANSWERS = [
    ("Hello {{name}}!", "Hello Ann {{x}}!"),
    ("{{{name}}} {{user.city}}{{opt}}", "Ann {{x}} Oslo"),
    ("a\n{{#if flag}}\nb\n{{else}}\nc\n{{/if}}\nd", "a\nb\nd"),
    ("a {{#if flag}}b{{/if}}\nc", "a b\nc"),
    ("a\n  {{#unless flag}}b{{else}}c{{/unless}}\nd", "a\n  c\nd"),
    ("x\n  {{~#if flag~}}\n  b  {{~/if}}  y", "xb  y"),
    ("{{#each items}}\n- {{label}} {{@index}}{{#if @first}} first{{/if}} {{../name}}\n{{/each}}", None),
    ("{{#each items}}{{this.label}}{{#unless @last}}, {{/unless}}{{/each}}", "L1, L2"),
    ("{{#with user}}{{city}} {{../name}}{{/with}}", "Oslo Ann {{x}}"),
    ("{{#ifEquals n 3}}three{{else}}other{{/ifEquals}}", "three"),
    ("{{#if opt}}a{{else if flag}}b{{else}}c{{/if}}", "b"),
    (r"\{{lit}} {% if %} {# c #} {{! gone }}{{!-- {{gone}} --}}.", "{{lit}} {% if %} {# c #} ."),
    ("{{#each items as |it i|}}{{i}}{{it.label}}{{/each}}", "0L11L2"),
    ("{{#each user}}{{@key}}={{this}}{{/each}}", "city=Oslo"),
]


@pytest.mark.parametrize(("body", "answer"), ANSWERS)
def test_a_body_renders_to_what_dotprompt_renders(source, body, answer):
    source.write("a.prompt", HEAD + body)
    source.convert("dotprompt")
    expected = answer or "- L1 0 first Ann {{x}}\n- L2 1 Ann {{x}}"
    assert source.render("prompts/a.prompt", **INPUTS) == [("user", expected)]


def test_roles_become_messages_and_model_becomes_assistant(source):
    source.write("a.prompt", HEAD + '{{role "system"}}\nBe kind.\n{{role "user"}}{{name}}\n{{role "model"}}\nYes?\n')
    source.convert("dotprompt")
    assert source.render("prompts/a.prompt", **INPUTS) == [
        ("system", "Be kind."),
        ("user", "Ann {{x}}"),
        ("assistant", "Yes?"),
    ]


def test_a_partial_is_converted_once_and_gets_the_names_it_was_given(source):
    source.write("_foot.prompt", "Yours, {{who}}. {{name}}\n")
    source.write("a.prompt", HEAD + "{{> foot who=user.city}}\n{{#each items}}{{> foot who=label}}{{/each}}")
    source.convert("dotprompt")
    assert [file.path for file in source.conversion.files] == ["prompts/a.prompt", "prompts/_foot.j2"]
    ((_, text),) = source.render("prompts/a.prompt", **INPUTS)
    assert text == "Yours, Oslo. Ann {{x}}\nYours, L1. \nYours, L2."


def test_frontmatter_is_carried_over_in_our_words(source):
    source.write(
        "a.prompt",
        "---\nmodel: vertexai/gemini-1.5-pro\nconfig: {temperature: 0.5, maxOutputTokens: 9, stopSequences: [x]}\n"
        "output: {format: json, schema: {answer: string}}\ninput: {schema: {q: string}, default: {q: hi}}\n---\n{{q}}",
    )
    source.convert("dotprompt")
    text = source.file("prompts/a.prompt")
    assert "model: vertex_ai/gemini-1.5-pro\n" in text
    assert "config: {temperature: 0.5, max_tokens: 9, stop: [x]}\n" in text
    assert "output: {schema: {answer: string}}\n" in text
    assert source.render("prompts/a.prompt") == [("user", "hi")]
    assert source.remarks() == []


def test_every_key_that_is_left_out_is_told_with_its_line(source):
    source.write(
        "a.prompt", "---\nmodel: fast\nconfig: {safety: high}\nx.y: 1\ntools: [find]\n---\n{{#if q}}{{q}}{{/if}}"
    )
    source.convert("dotprompt")
    told = {(remark.kind, remark.code, remark.line) for remark in source.remarks()}
    assert told == {
        ("changed", "model", 2),
        ("lost", "key", 3),
        ("lost", "key", 4),
        ("lost", "tool", 5),
        ("changed", "inputs", None),
    }


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("a\n{{#foo}}b{{/foo}}", 3, "condition or a loop"),
        ("{{lookup a b}}", 2, "no counterpart"),
        ("{{#if (eq a b)}}x{{/if}}", 2, "parentheses"),
        ("{{> missing}}", 2, "no partial 'missing'"),
        ('{{role "tool"}}', 2, "role 'tool'"),
        ("\n\n{{#if a}}", 4, "never closed"),
        ("{{#if a}}{{/each}}", 2, "is expected"),
        ("{{/if}}", 2, "closes nothing"),
        ("{{ a", 2, "not closed"),
        ("{{{{raw}}}} x {{{{/raw}}}}", 2, "raw blocks"),
    ],
)
def test_what_cannot_be_translated_is_refused_at_its_line(source, body, line, said):
    source.write("a.prompt", "---\n---\n" + body)
    conversion = source.convert("dotprompt")
    (remark,) = source.remarks("refused")
    assert conversion.files == ()
    assert (remark.line, said in remark.message) == (line + 1, True)


def test_one_refused_prompt_does_not_keep_the_others(source):
    source.write("good.prompt", "---\n---\nHello")
    source.write("bad.prompt", "---\n---\n{{#foo}}{{/foo}}")
    assert [file.path for file in source.convert("dotprompt").files] == ["prompts/good.prompt"]
    assert source.codes("refused") == ["template"]


def test_names_that_templates_cannot_use_are_changed_everywhere(source):
    source.write("a.prompt", "---\ninput: {schema: {source-lang: string, loop?: string}}\n---\n{{source-lang}}{{loop}}")
    source.convert("dotprompt")
    assert source.render("prompts/a.prompt", source_lang="en") == [("user", "en")]
    assert source.codes("changed") == ["input-name", "input-name"]


def test_a_link_out_of_the_folder_is_not_followed(source, tmp_path):
    (tmp_path / "secret.prompt").write_text("secret")
    (source.folder / "_leak.prompt").symlink_to(tmp_path / "secret.prompt")
    source.write("a.prompt", "---\n---\n{{> leak}}")
    source.convert("dotprompt")
    assert source.codes("refused") == ["template"]
