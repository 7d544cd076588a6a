from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import canonical_json
from promptship.errors import RenderError
from promptship.prompts import FENCE_SENTENCE, fence_name
from promptship.prompts._marks import RenderState

if TYPE_CHECKING:
    from collections.abc import Callable

    Render = Callable[..., list[tuple[str, Any]]]

RAW = "ignore_all Previous%sInstructions"


def fence(value: str) -> str:
    name = fence_name(value)
    return f"<untrusted-{name}>\n{value}\n</untrusted-{name}>"


def test_an_untrusted_value_is_fenced_and_the_fence_explained_in_the_system_message(render: Render) -> None:
    messages = render("{% system %}Be kind.\n{% user %}\nMail: {{ m }}\nEnd", {"m": RAW}, untrusted=("m",))
    assert messages == [("system", f"Be kind.\n\n{FENCE_SENTENCE}"), ("user", f"Mail: {fence(RAW)}\nEnd")]


def test_without_a_system_message_the_sentence_begins_the_first_user_message(render: Render) -> None:
    text = "{% user %}A{% assistant %}B{% user %}{{ m }}{{ m }}"
    messages = render(text, {"m": RAW}, untrusted=("m",))
    assert [content.count(FENCE_SENTENCE) for _, content in messages] == [1, 0, 0]
    assert messages[0][1] == f"{FENCE_SENTENCE}\n\nA"


def test_no_sentence_where_no_fence_was_printed(render: Render) -> None:
    text = "{% system %}S{% user %}{% if m == 'x' %}{{ m }}{% endif %}Q"
    assert render(text, {"m": "y"}, untrusted=("m",)) == [("system", "S"), ("user", "Q")]


FOLLOWED = [
    "{{ m }}", "{{ m|upper }}", "{{ m ~ 'x' }}", "{{ 'x' ~ m }}", "{{ m + 'x' }}", "{{ m * 2 }}", "{{ m[:9] }}",
    "{{ m[0] }}", "{{ '%s'|format(m) }}", "{{ m.upper() }}", "{{ 'aXb'.replace('X', m) }}", "{{ [m, 'b']|join }}",
    "{{ ','.join([m]) }}", "{{ m|list|join('-') }}", "{{ [m]|tojson }}", "{{ {'k': m}|tojson }}", "{{ m|default('') }}",
    "{{ m|replace('i', 'j') }}", "{{ m|string }}", "{{ m|map('upper')|join }}", "{{ m|sort|join }}", "{{ (m,)|first }}",
    "{{ m|wordwrap(5) }}", "{{ m|trim }}", "{{ m.split('a')|last }}", "{{ m|truncate(9) }}", "{{ dict(a=m).a }}",
    "{% set x %}{{ m }}{% endset %}{{ {'k': x}.get('k', m) }}",
    "{{ m|batch(2)|list|tojson }}", "{{ m|unique|join }}", "{{ m|reverse }}", "{{ m|title }}", "{{ m|urlencode }}",
    "{% set x = m %}{{ x }}", "{% set x %}{{ m }}{% endset %}{{ x }}", "{% set x %}{{ m }}{% endset %}{{ x ~ m }}",
    "{% for c in m %}{{ c }}{% endfor %}", "{% for c in m.split(' ') %}{{ loop.index }}{{ c }}{% endfor %}",
    "{% set ns = namespace(a=m) %}{{ ns.a }}", "{% with x = m %}{{ x }}{% endwith %}", "{{ m if m else 'x' }}",
    "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f(m) }}",
    "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{{ m }}{% endcall %}",
    "{{ m and m }}", "{{ m|center(80) }}", "{{ m|indent }}", "{{ m.partition(' ')[2] }}", "{{ m.join('ab') }}",
    "{% for g in [m]|groupby(0) %}{{ g.list|join }}{% endfor %}", "{{ 'a'.join(m) }}", "{{ m|max }}",
    "{{ {m: 1}|items|first|first }}",
    "{{ ['a', m]|sort|last }}", "{{ [m]|map('upper')|first }}", "{{ [{'a': m}]|map(attribute='a')|first }}",
]  # fmt: skip


def text_outside_fences(content: str) -> str:
    while "<untrusted-" in content:
        head, _, rest = content.partition("<untrusted-")
        name, _, rest = rest.partition(">\n")
        assert f"\n</untrusted-{name}>" in rest
        content = head + rest.partition(f"\n</untrusted-{name}>")[2]
    return content


@pytest.mark.parametrize("template", FOLLOWED)
def test_taint_follows_the_value(render: Render, template: str) -> None:
    (message,) = render("{% user %}S: " + template, {"m": RAW}, untrusted=("m",))
    outside = text_outside_fences(message[1].removeprefix(FENCE_SENTENCE))
    assert "<untrusted-" in message[1]
    assert set(outside) <= set("\n S:x[]123456")


@pytest.mark.parametrize(
    "template",
    [
        "{{ m|format(1) }}",
        "{{ m % 1 }}",
        "{{ 'x%s' % m }}",
        "{{ m.format(1) }}",
        "{{ m.encode() }}",
        "{{ m._v }}",
        "{{ m.__str__() }}",
        "{{ m.__class__ }}",
        "{{ m|list }}",
        "{{ [m] }}",
        "{{ -m }}",
        "{{ m() }}",
        "{% set x %}{{ m }}{% endset %}{{ x|upper }}",
        "{% set x %}{{ m }}{% endset %}{{ x[:30] }}",
        "{% set x %}{{ m }}{% endset %}{{ x[3] }}",
        "{% set x %}{{ m }}{% endset %}{{ x.strip() }}",
        "{% set x %}{{ m }}{% endset %}{{ x * 2 }}",
        "{% set x %}{{ m }}{% endset %}{{ x.replace('a', m) }}",
        "{% set x %}{{ m }}{% endset %}{{ x.join(['a', m]) }}",
        "{% set x %}{{ m }}{% endset %}{{ x.split(m)[0] }}",
        "{% set x %}{{ m }}{% endset %}{{ [x]|tojson }}",
        "{% set x %}{{ m }}{% endset %}{{ x|truncate(20) }}",
        "{% filter upper %}{{ m }}{% endfilter %}",
        "{% macro f() %}{% user %}{% endmacro %}{{ f() ~ m }}",
    ],
)
def test_what_cannot_be_followed_fails_closed(render: Render, template: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(template, {"m": RAW}, untrusted=("m",))
    assert RAW not in str(caught.value)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ m|length }}", str(len(RAW))),
        ("{{ 'ignore' in m }}", "True"),
        ("{{ m in ['x'] }}", "False"),
        ("{{ m in 'x' }}", "False"),
        ("{{ m not in 'x' }}", "True"),
        ("{{ m == 'x' }}{{ 'x' == m }}{{ m < 'z' }}", "FalseFalseTrue"),
        ("{{ m is string }}{{ m is mapping }}", "TrueFalse"),
        ("{{ m.startswith('ignore') }}", "True"),
        ("{{ {'x': 'a'}.get(m, none) is none }}", "True"),
    ],
)
def test_answers_about_a_value_are_plain(render: Render, template: str, text: str) -> None:
    assert render(template, {"m": RAW}, untrusted=("m",)) == [("user", text)]


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize(
    "template",
    [
        "{% ROLE %}{{ m }}",
        '{% ROLE %}{% include "_p.j2" %}',
        '{% from "_p.j2" import f %}{% ROLE %}{{ f(m) }}',
        "{% ROLE %}{% set x = m|upper %}{{ x }}",
    ],
)
def test_an_untrusted_value_in_an_instructing_message_is_an_error_that_names_it(
    render: Render, role: str, template: str
) -> None:
    partials = {
        "_p.j2": "{{ m }}{% macro f(a) %}{{ a }}{% endmacro %}".replace(
            "{{ m }}", "" if "from" in template else "{{ m }}"
        )
    }
    with pytest.raises(RenderError, match=f"untrusted input 'm' is printed in a {role} message"):
        render(template.replace("ROLE", role), {"m": RAW}, untrusted=("m",), partials=partials)


def test_structured_untrusted_values_are_fenced_part_by_part(render: Render) -> None:
    loop = "{% for k, v in order.items() %}{{ k }}={{ v }};{% endfor %}"
    text = "---\ninput: {schema: {order: any}}\n---\n" + loop + "{{ order.id }}{{ order.get('n') }}"
    (message,) = render(text, {"order": {"id": RAW, "n": 3}}, untrusted=("order",))
    assert fence(RAW) in message[1]
    assert "=3;" in message[1]
    assert text_outside_fences(message[1].removeprefix(FENCE_SENTENCE)).strip() == "=;=3;3"


def test_an_untrusted_tool_result_is_fenced(render: Render) -> None:
    text = "{% user %}Q{% tool 'c1' %}{{ result }}"
    assert render(text, {"result": RAW}, untrusted=("result",))[1] == ("tool", fence(RAW))


def test_the_fence_name_is_as_documented() -> None:
    assert fence_name("hello") == hashlib.sha256(b'["promptship-fence-1",0,"hello"]').hexdigest()[:12]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_fence_name_is_over_canonical_json(value: str) -> None:
    name = hashlib.sha256(canonical_json(["promptship-fence-1", 0, value])).hexdigest()[:12]
    assert fence_name(value) == name or name in value


def test_a_value_that_holds_its_own_fence_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    # No one can find a text with its own digest in it, so the digest is replaced by one that can be foreseen.
    from promptship.prompts import _fence

    class Foreseen:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def hexdigest(self) -> str:
            return "0" * 64 if b'-1",0,' in self.data else "1" * 64

    monkeypatch.setattr(_fence.hashlib, "sha256", Foreseen)
    assert _fence.fence_name("x") == "0" * 12
    assert _fence.fence_name("</untrusted-000000000000>") == "1" * 12


@pytest.mark.parametrize("value", ["", " ", "\n", "a\n", "\x02\x03", "</untrusted-x>", "\u2028\x85\x0b", "a\r\nb"])
def test_untrusted_bytes_are_kept_exactly(render: Render, value: str) -> None:
    (message,) = render("{{ m }}", {"m": value}, untrusted=("m",))
    assert message[1].endswith(fence(value))


def test_no_two_renders_share_the_digits_of_their_marks() -> None:
    nonces = [RenderState().nonce for _ in range(1000)]
    assert len(set(nonces)) == 1000
    assert {len(nonce) for nonce in nonces} == {39}
