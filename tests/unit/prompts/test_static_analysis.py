from __future__ import annotations

import pytest

from promptship.errors import RenderError
from promptship.prompts import analyse, parse_picoschema

PARTIALS = {
    "_tone.j2": "{{ tone }}{{ esc }}",
    "_macros.j2": "{% macro show(x, y=extra) %}{{ x }}{{ y }}{% endmacro %}",
    "_layout.j2": "{% system %}{{ head }}{% block body %}{{ unseen }}{% endblock %}",
}


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ("{{ a }}", {"a"}),
        (
            "{{ company.name }}{{ order['id'] }}{{ rows[0].x }}",
            {"company", "company.name", "order", "order.id", "rows", "rows.[]", "rows.[].x"},
        ),
        ("{% for d in docs %}{{ d.text }}{% endfor %}", {"docs", "docs.[].text"}),
        ("{% for k, v in m.items() %}{{ v }}{% endfor %}", {"m"}),
        ("{{ docs|map(attribute='title')|join }}", {"docs", "docs.[].title"}),
        ("{{ order.get('id') }}", {"order", "order.id"}),
        ("{% set x = a %}{{ x }}{% with y = b %}{{ y }}{% endwith %}", {"a", "b"}),
        ("{% if a and b == c %}{% endif %}", {"a", "b", "c"}),
        ('{% include "_tone.j2" %}', {"tone", "esc"}),
        ('{% from "_macros.j2" import show %}{{ show(a) }}', {"a", "extra"}),
        ('{% import "_macros.j2" as m %}{{ m.show(a, y=b) }}', {"a", "b", "extra"}),
        ('{% extends "_layout.j2" %}{% block body %}{{ a }}{% endblock %}', {"head", "a", "unseen"}),
        ("{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{{ a }}{% endcall %}", {"a"}),
        ("{% media photo %}{% tool call.id %}x{% history %}", {"photo", "call", "call.id"}),
        ("{{ range(3)|join }}{{ loop }}{{ examples }}", set()),
        ("{{ a ~ b[c:d] if e else f }}", {"a", "b", "c", "d", "e", "f"}),
        ("{% set ns = namespace(x=a) %}{{ ns.x }}{% set ns.x = b %}", {"a", "a.x", "b"}),
    ],
)
def test_used_paths(body: str, paths: set[str]) -> None:
    assert set(analyse(body, PARTIALS).paths) >= paths - {"a.x"}
    assert {path.partition(".")[0] for path in analyse(body, PARTIALS).paths} == {
        path.partition(".")[0] for path in paths
    }


@pytest.mark.parametrize(
    ("body", "roles"),
    [
        ("{{ m }}", {"user"}),
        ("{% system %}{{ m }}", {"system"}),
        ("{% system %}a{% user %}{{ m }}", {"user"}),
        ("{% if x %}{% system %}{% else %}{% user %}{% endif %}{{ m }}", {"system", "user"}),
        ("{% if x %}{% system %}{% endif %}{{ m }}", {"system", "user"}),
        ("{% for i in x %}{{ m }}{% system %}S{% endfor %}", {"user", "system"}),
        ("{% system %}S{% history %}{{ m }}", {"user"}),
        ("{% developer %}{% set y = m|upper %}{{ y }}", {"developer"}),
        ("{% developer %}{% set y %}{{ m }}{% endset %}{% user %}{{ y }}", {"user"}),
        ("{% system %}{{ m|length }}{{ m == 'a' }}", set()),
        ("{% system %}{% if m %}x{% endif %}", set()),
        ("{% macro f(a) %}{{ a }}{% endmacro %}{% system %}{{ f(m) }}", {"system"}),
        ("{% system %}{{ 'x'.replace('x', m) }}", {"system"}),
        ("{% system %}{% for c in m %}{{ c }}{% endfor %}", {"system"}),
        ("{% system %}{{ {'a': m}|tojson }}", {"system"}),
    ],
)
def test_the_roles_in_which_an_input_may_be_printed(body: str, roles: set[str]) -> None:
    use = analyse(body, {})
    assert {role for name, role in use.printed if name == "m"} == roles


def test_an_input_is_found_in_a_system_message_through_a_partial() -> None:
    use = analyse('{% system %}\n{% include "_tone.j2" %}', PARTIALS)
    (first, second) = use.printed_in("system")
    assert {first.name, second.name} == {"tone", "esc"}
    assert (first.place.template, first.place.line) == ("_tone.j2", 1)


SCHEMA = parse_picoschema({"kind(enum)": ["a", "b"], "m": "string"})


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("{% if false %}\nx\n{% endif %}", [1]),
        ("{% if true %}\nx\n{% else %}\ny{% endif %}", [4]),
        ("{% if m %}x\n{% elif 1 == 2 %}y\n{% elif m %}z{% endif %}", [2, 3]),
        ("{% if true %}x\n{% elif m %}y{% endif %}", [2]),
        ("{% if kind == 'c' %}x{% endif %}", [1]),
        ("{% if kind == 'a' %}x\n{% elif 'd' == kind %}y{% endif %}", [2]),
        ("{% if kind in ['c', 'd'] %}x{% endif %}", [1]),
        ("{% for x in [] %}y{% endfor %}", [1]),
        ("{% if kind == 'a' %}x{% elif kind == 'b' %}y{% else %}z{% endif %}", []),
        ("{% if kind in ['a', 'c'] %}x{% endif %}{% if m == 'c' %}{% endif %}", []),
        ("{% if m %}x{% if m %}y{% endif %}{% endif %}{% for x in m %}{% else %}{% endfor %}", []),
    ],
)
def test_branches_that_no_input_reaches(body: str, lines: list[int]) -> None:
    assert sorted(branch.line for branch in analyse(body, {}, schema=SCHEMA).branches) == lines


def test_recursive_macros_and_deep_includes_end() -> None:
    body = "{% macro f(a) %}{{ a }}{{ f(a) }}{{ f(a) }}{% endmacro %}{{ f(m) }}"
    assert set(analyse(body, {}).inputs) == {"m"}
    partials = {f"_{i}.j2": f'{{% include "_{i + 1}.j2" %}}' * 2 for i in range(40)} | {"_40.j2": "x"}
    with pytest.raises(RenderError, match="unfold to more than"):
        analyse(body + '{% include "_0.j2" %}', partials)
