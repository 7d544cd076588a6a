import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from promptship.converters._nunjucks import rewrite_nunjucks
from promptship.converters._tree import UntranslatableError
from promptship.domain import ModelConfig
from promptship.prompts import Renderer, build_closure, parse_prompt


def render(body, **inputs):
    schema = ", ".join(f"{name}: any" for name in inputs)
    document = parse_prompt(f"---\ninput: {{schema: {{{schema}}}}}\n---\n{body}", path="a.prompt")
    closure = build_closure(document, partials={}, examples=(), model=ModelConfig(name="m", model="fake/echo"))
    return "".join(message.text for message in Renderer(closure).render(inputs).messages)


# Rendered with nunjucks 3.2.4, `autoescape: false`, as promptfoo 0.123 sets it; outer white space apart.
ANSWERS = [
    ("Hi {{ name }}", "Hi Ann"),
    ("{% for i in items %}\n  {% if i.length > 2 %}{{ i }}{% endif %}\n{% endfor %}.", "abc\n\n  \n."),
    ("{{ items | dump }}", '["abc","d"]'),
    ("{{ name | upper }} {{ items | join('-') }}", "ANN abc-d"),
    ("{# gone #}{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
    ("{{ 'a' if name === 'Ann' else 'b' }}", "a"),
    ("{% for k, v in order %}{{ k }}={{ v }};{% endfor %}", "id=7;"),
    ("{% if missing == null %}x{% elseif name %}y{% endif %}", "y"),
    ("a {{ open", "a {{ open"),
    ("x {%- if name -%} y {%- endif -%} z", "xyz"),
]


@pytest.mark.parametrize(("source", "answer"), ANSWERS)
def test_a_rewritten_template_renders_to_what_nunjucks_renders(source, answer):
    inputs = {"name": "Ann", "items": ["abc", "d"], "order": {"id": 7}, "missing": 0}
    used = {name: value for name, value in inputs.items() if name in source}
    rendered = render(rewrite_nunjucks(source), **({} if "raw" in source or "open" in source else used))
    assert rendered.strip().replace('", "', '","') == answer


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ env.KEY }}", "environment"),
        ("{{ env['KEY'] }}", "environment"),
        ("{{ name | load }}", "load"),
        ("{{ name.constructor('x')() }}", "call"),
        ("{% include 'x' %}", "include"),
        ("{% asyncEach x in y %}{% endeach %}", "asyncEach"),
        ("{{ a ? b : c }}", "'?'"),
    ],
)
def test_what_reads_the_environment_or_runs_code_is_refused(source, said):
    with pytest.raises(UntranslatableError) as raised:
        rewrite_nunjucks(f"one\n{source}")
    assert said in raised.value.message
    assert raised.value.line == 2


@given(st.text(st.sampled_from("ab {}%#\n'\"-"), max_size=40))
def test_text_without_placeholders_comes_out_as_it_went_in(text):
    assume("{{" not in text and "{%" not in text and "{#" not in text)
    assert render(rewrite_nunjucks(f"|{text}|")) == f"|{text}|"
