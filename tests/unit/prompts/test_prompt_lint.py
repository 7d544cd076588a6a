from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptship.errors import SourceError
from promptship.prompts import build_closure, lint_prompt, parse_prompt, write_frontmatter

if TYPE_CHECKING:
    from promptship.domain import ModelConfig

HEAD = "---\ninput:\n  schema: {m: string, kind(enum): [a, b], n: integer}\n  trust: %s\n---\n"
USED = "{% user %}{{ m }}{{ kind }}{{ n }}"


def lint(text: str, **options: Any) -> list[tuple[str, str, int | None, int | None]]:
    findings = lint_prompt(parse_prompt(text, path="a.prompt"), **{"partials": {}, **options})
    return [(item.code, item.severity, item.problem.line, item.problem.column) for item in findings]


@pytest.mark.parametrize(
    ("trust", "body", "finding"),
    [
        ("{}", "{{ mm }}" + USED, ("undeclared-input", "error", 6, 4)),
        ("{}", "{% user %}{{ m }}{{ kind }}", ("unused-input", "warning", 3, 43)),
        ("{m: untrusted}", "{% system %}\nx {{ m }}\n" + USED, ("untrusted-in-system", "error", 7, 6)),
        ("{}", "{% system %}\nx {{ m }}\n" + USED, ("unstated-trust-in-system", "warning", 7, 6)),
        ("{}", "{% if kind == 'c' %}x{% endif %}" + USED, ("unreachable-branch", "warning", 6, None)),
        ("{}", 'x\n{% include "_no.j2" %}' + USED, ("missing-partial", "error", 7, 13)),
        ("{}", "{% for e in examples %}{% endfor %}" + USED, ("missing-examples", "error", 6, 13)),
        ("{}", "re\u0301sume\u0301" + USED, ("not-nfc", "warning", 6, 2)),
    ],
)
def test_findings(trust: str, body: str, finding: tuple[str, str, int, int | None]) -> None:
    found = lint(HEAD % trust + body)
    assert found == [finding]


@pytest.mark.parametrize(
    ("trust", "body"),
    [
        ("{m: plain}", "{% system %}{{ m }}{{ kind }}{{ n }}"),
        ("{m: untrusted}", USED),
        ("{}", "{% system %}{{ n }}{{ kind }}" + USED),
    ],
)
def test_a_clean_prompt_has_no_findings(trust: str, body: str) -> None:
    assert lint(HEAD % trust + body) == []


def test_a_finding_in_a_partial_names_the_partial() -> None:
    document = parse_prompt('{% system %}{% include "_t.j2" %}', path="a.prompt")
    (finding,) = lint_prompt(document, partials={"_t.j2": "one\n{{ who }}"})
    assert (finding.code, finding.problem.path, finding.problem.line, finding.problem.column) == (
        "unstated-trust-in-system",
        "_t.j2",
        2,
        4,
    )


def test_examples_that_the_template_never_reads_are_found() -> None:
    assert lint("---\nexamples: [{q: a}]\n---\nHello")[0][0] == "unused-examples"


def test_tokens_are_counted_per_message_with_the_first_example() -> None:
    loop = "{% for e in examples %}{{ e.q }}{% endfor %}"
    text = "---\nexamples: [{q: one two three}]\n---\n{% system %}Be kind.\n{% user %}{{ q }}" + loop
    document = parse_prompt(text, path="a.prompt")
    found = lint_prompt(document, partials={}, count_tokens=lambda words: len(words.split()))
    assert [(item.severity, item.problem.message) for item in found] == [
        ("info", "message 1 (system): 2 tokens"),
        ("info", "message 2 (user): 5 tokens"),
        ("info", "all 2 messages: 7 tokens"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {{ name }}", "---\ninput:\n  schema:\n    name: string\n---\nHello {{ name }}"),
        ("Hello", "---\ninput:\n  schema: {}\n---\nHello"),
        (
            "{% for d in docs %}{{ d }}{% endfor %}\n",
            "---\ninput:\n  schema:\n    docs: any\n---\n{% for d in docs %}{{ d }}{% endfor %}\n",
        ),
        (
            "---\n# why\nmodel: fast\n---\n{{ b }}{{ a }}",
            "---\n# why\nmodel: fast\ninput:\n  schema:\n    a: string\n    b: string\n---\n{{ b }}{{ a }}",
        ),
        (
            "---\ninput:  # in\n    trust: {a: untrusted}\nmodel: x\n---\n{{ a }}",
            "---\ninput:  # in\n    schema:\n      a: string\n    trust: {a: untrusted}\nmodel: x\n---\n{{ a }}",
        ),
        (
            "{{ null_ }}{{ NULL }}",
            '---\ninput:\n  schema:\n    "NULL": string\n    null_: string\n---\n{{ null_ }}{{ NULL }}',
        ),
    ],
)
def test_implicit_inputs_are_written_out_without_a_change_of_digest(
    text: str, expected: str, model: ModelConfig
) -> None:
    written = write_frontmatter(text, "a.prompt")
    assert written == expected
    digests = {
        build_closure(parse_prompt(source, path="a"), partials={}, examples=(), model=model).digest
        for source in (text, written)
    }
    assert len(digests) == 1
    assert write_frontmatter(written, "a.prompt") == written


def test_inputs_of_partials_are_written_out_too() -> None:
    assert "tone: string" in write_frontmatter('{% include "_t.j2" %}', "a", partials={"_t.j2": "{{ tone }}"})


def test_an_input_key_that_cannot_take_a_schema_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"a\.prompt:2:1: cannot write the schema"):
        write_frontmatter("---\ninput: {default: {a: x}}\n---\n{{ a }}", "a.prompt")
