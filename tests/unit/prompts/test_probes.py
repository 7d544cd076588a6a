"""Probes see every branch, and change nothing of what is rendered."""

import pytest

from promptship.domain import Closure, ModelConfig
from promptship.prompts import ProbedRenderer, Renderer

MODEL = ModelConfig(name="m", model="fake/echo")


def make(template, partials=None, schema=None, trust=None, defaults=None):
    names = {"a": {"type": "string"}, "items": {"type": "array"}, "on": {"type": "boolean"}}
    given = schema or {"type": "object", "properties": names}
    return Closure(
        template=template,
        model=MODEL,
        partials=partials or {},
        input_schema=given,
        trust=trust or {},
        defaults=defaults or {},
    )


def taken(renderer):
    return {(branch.template, branch.line, branch.kind): branch.hits for branch in renderer.branches}


def test_every_way_through_is_a_branch_and_counts_its_cases():
    template = "{% if a == 'x' %}X{% elif a == 'y' %}Y{% endif %}\n{% for item in items %}{{ item }}{% endfor %}\n"
    template += "{{ 'p' if on else 'q' }}"
    renderer = ProbedRenderer(make(template))
    renderer.observe({"a": "x", "items": ["1", "2"], "on": True})
    renderer.observe({"a": "z", "items": ["3"], "on": True})
    assert taken(renderer) == {
        ("", 1, "if"): 1,
        ("", 1, "elif"): 0,
        ("", 1, "else"): 1,
        ("", 2, "loop"): 3,
        ("", 2, "empty"): 0,
        ("", 3, "then"): 2,
        ("", 3, "otherwise"): 0,
    }


def test_partials_are_part_of_it():
    renderer = ProbedRenderer(make('{% include "_p.j2" %}', {"_p.j2": "\n{% if on %}yes{% endif %}"}))
    renderer.observe({"a": "", "items": [], "on": False})
    assert taken(renderer) == {("_p.j2", 2, "if"): 0, ("_p.j2", 2, "else"): 1}


@pytest.mark.parametrize(
    "template",
    [
        "{% if on %}{% system %}s{% endif %}{% user %}{{ a }}",
        "{% for item in items %}{% user %}{{ item }}{% assistant %}ok{% endfor %}",
        "{% user %}{{ a if on else 'none' }} {{ (items | first) if items else a }}",
        "{% macro m(x) %}{% if x %}[{{ x }}]{% else %}-{% endif %}{% endmacro %}{{ m(a) }}{{ m('') }}",
    ],
)
@pytest.mark.parametrize("trust", [{}, {"a": "untrusted"}])
def test_probes_change_no_byte(template, trust):
    closure = make(template, trust=trust)
    for inputs in ({"a": "x", "items": ["1", "2"], "on": True}, {"a": "<y>", "items": [], "on": False}):
        plain = Renderer(closure).render(inputs).messages
        assert ProbedRenderer(closure).render(inputs).messages == plain


def test_inputs_have_domains_by_their_schema():
    schema = {
        "type": "object",
        "properties": {
            "tone": {"type": "string", "enum": ["calm", "brief"]},
            "on": {"type": "boolean"},
            "items": {"type": "array"},
            "note": {"type": "string"},
        },
        "required": ["tone", "on", "items"],
    }
    renderer = ProbedRenderer(make("{{ tone }}", schema=schema))
    renderer.observe({"tone": "calm", "on": True, "items": []})
    assert {(one.name, one.value): one.hits for one in renderer.inputs} == {
        ("tone", "= 'calm'"): 1,
        ("tone", "= 'brief'"): 0,
        ("on", "= True"): 1,
        ("on", "= False"): 0,
        ("items", "empty"): 1,
        ("items", "not empty"): 0,
        ("note", "given"): 0,
        ("note", "absent"): 1,
    }
