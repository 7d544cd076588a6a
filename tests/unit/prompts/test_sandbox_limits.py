from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptship.errors import RenderError

if TYPE_CHECKING:
    from collections.abc import Callable

    Render = Callable[..., list[tuple[str, Any]]]


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ()['__class__'] }}",
        "{{ self._TemplateReference__context }}",
        "{{ self.__init__.__globals__ }}",
        "{{ range.__init__.__globals__ }}",
        "{{ namespace.__init__.__globals__.os }}",
        "{{ dict.mro() }}",
        "{{ dict.fromkeys('ab') }}",
        "{{ dict.__base__ }}",
        "{% macro f() %}{% endmacro %}{{ f._func.__globals__ }}",
        "{% macro f() %}{% endmacro %}{{ f.__call__ }}",
        "{{ ([1]|map('upper')).gi_frame.f_globals }}",
        "{% for i in [1] %}{{ loop._iterable }}{% endfor %}",
        "{% for i in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
        "{{ [1]|map(attribute='__class__')|join }}",
        "{{ ['a']|map(attribute='upper')|first }}",
        "{{ [].append(1) }}",
        "{{ {}.update(a=1) }}",
        "{{ 'a'.format(1) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ 'a'.format_map({}) }}",
        "{{ 'a'.encode() }}",
        "{{ 'a'.translate({}) }}",
        "{{ 1() }}",
        "{% set x = 'a'.upper %}{{ x.__self__ }}",
    ],
)
def test_ways_out_of_the_sandbox_are_errors(render: Render, template: str) -> None:
    with pytest.raises(RenderError, match=r"a\.prompt:1"):
        render(template)


@pytest.mark.parametrize(
    "filter_name", ["attr", "random", "pprint", "urlize", "xmlattr", "safe", "escape", "e", "forceescape"]
)
def test_filters_that_leave_text_or_determinism_are_gone(render: Render, filter_name: str) -> None:
    with pytest.raises(Exception, match=f"No filter named '{filter_name}'"):
        render("{{ 'a' | " + filter_name + " }}")


@pytest.mark.parametrize("name", ["lipsum", "cycler", "joiner", "config", "request"])
def test_globals_of_jinja_and_frameworks_are_gone(render: Render, name: str) -> None:
    with pytest.raises(RenderError, match=f"'{name}' is undefined"):
        render("---\ninput: {schema: {}}\n---\n{{ " + name + " }}")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "template",
    [
        "{{ range(1000000000)|list|length }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 9999999999 * 9999999999 * 9999999999 }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '%*d'|format(1000000000, 1) }}",
        "{{ 'x'|center(1000000000) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ ('a' * 1000000)|replace('a', 'b' * 1000000) }}",
        "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
        "{{ ('a' * 100000)|replace('', 'b' * 100000) }}",
        "{{ (['a' * 100000] * 100000)|join }}",
        "{{ ('x' * 1000000).join('a' * 1000000) }}",
        "{{ ('\\n' * 100000)|indent(100000) }}",
        "{{ ('\\n' * 1000000)|indent('x' * 1000, true, true) }}",
        "{{ ('a ' * 1000000)|wordwrap(1, wrapstring='b' * 1000000) }}",
        "{{ [1]|tojson(indent=100000000) }}",
        "{% set n = namespace(a='aaaa') %}{% for i in range(60) %}{% set n.a = n.a ~ n.a %}{% endfor %}",
        "{% set n = namespace(a='aaaa') %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}",
        "{% set n = namespace(a='a') %}{% for i in range(60) %}{% set n.a = [n.a, n.a]|join %}{% endfor %}",
        "{% set n = namespace(a=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a|tojson }}",
        "{% set n = namespace(a=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a|string }}",
        "{% set n = namespace(a=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a|upper }}",
        "{% set n = namespace(a=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a|title }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% block b %}x{{ self.b() }}{% endblock %}",
        "{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}",
        "{{ 'a' * 4000000 }}{{ 'a' * 4000000 }}",
    ],
)
def test_huge_ranges_and_outputs_end_in_an_error(render: Render, template: str) -> None:
    with pytest.raises(RenderError):
        render(template)


@pytest.mark.timeout(20)
def test_includes_and_calls_that_double_as_they_nest_end_in_an_error(render: Render) -> None:
    macros = "".join(f"{{% macro f{i}() %}}{{% set x = f{i + 1}() ~ f{i + 1}() %}}{{% endmacro %}}" for i in range(40))
    with pytest.raises(RenderError, match="rounds"):
        render("---\ninput: {schema: {}}\n---\n{% macro f40() %}{% endmacro %}" + macros + "{{ f0() }}")


def test_a_value_printed_over_and_over_is_bounded(render: Render) -> None:
    with pytest.raises(RenderError, match="characters of text"):
        render("{% for i in range(1000) %}{{ m }}{% endfor %}", {"m": "x" * 100_000}, untrusted=("m",))


@pytest.mark.parametrize(
    "template",
    ["{{ '\\x02' }}", "{{ '\\x03' }}", "{{ 'a\\x02b' ~ 'c' }}", "{{ '\\x02' + '1' * 39 + ':00:0\\x03' }}"],
)
def test_a_mark_written_by_the_template_itself_is_refused(render: Render, template: str) -> None:
    with pytest.raises(RenderError, match="has cut text"):
        render(template)


def test_the_state_of_a_render_does_not_leak_into_text(render: Render) -> None:
    text = "{% macro f() %}{% user %}x{% endmacro %}{% for c in f() %}{{ c if c != '\\x03' else c }}{% endfor %}"
    assert render(text) == [("user", "x")]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 'a,b'.split(',')|join('-') }}", "a-b"),
        ("{{ '%.2f'|format(1.5) }}", "1.50"),
        (
            "{% for i in [1, 2] %}{{ loop.cycle('a', 'b') }}{{ 'x-y'.split('-')[1] }}{% endfor %}",
            "aybx".replace("x", "y"),
        ),
        ("{{ [3, 1]|sort|first }}", "1"),
        ("{{ range(3)|list|join }}", "012"),
        ("{{ 'abcdef'[1:3] }}{{ 'abc'[::-1] }}", "bccba"),
        ("{{ {'a': 1}.items()|list|length }}", "1"),
        ("{{ 7 // 2 }}{{ 2 ** 3 }}{{ 1 + 1 }}{{ 7 % 4 }}", "3823"),
    ],
)
def test_ordinary_expressions_work(render: Render, template: str, text: str) -> None:
    assert render(template) == [("user", text)]
