import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import parse_prompt_name, parse_reference
from promptship.errors import UsageError


@pytest.mark.parametrize(
    ("text", "kind", "name", "selector"),
    [
        ("hello", "working", "hello", ""),
        ("support/reply", "working", "support/reply", ""),
        ("support/reply@7", "version", "support/reply", "7"),
        ("support/reply@production", "label", "support/reply", "production"),
        ("support/reply@git:main~1", "git", "support/reply", "main~1"),
        ("support/reply@sha256:9f3cabcd", "digest", "support/reply", "sha256:9f3cabcd"),
        ("prompts/support/reply.prompt", "path", "prompts/support/reply.prompt", ""),
        ("./hello.prompt", "path", "./hello.prompt", ""),
        ("grüße", "working", "grüße", ""),
    ],
)
def test_each_form_of_reference_is_told_apart_and_prints_as_it_was_written(text, kind, name, selector):
    reference = parse_reference(text)
    assert (reference.kind, reference.name, reference.selector, str(reference)) == (kind, name, selector, text)


@pytest.mark.parametrize(
    "text",
    ["", "a//b", "/a", "a/", "../a", "a/../b", "a b", "a@", "a@0", "a@Production!", "a@git:", "-a", "_partial", "a\n"],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UsageError):
        parse_reference(text)


def test_a_name_that_is_not_nfc_is_refused_with_the_right_spelling():
    with pytest.raises(UsageError, match="NFC") as caught:
        parse_prompt_name("e\u0301lan")
    assert "élan" in (caught.value.hint or "")


@given(st.text(max_size=30))
def test_parsing_any_text_ends_in_a_reference_or_a_usage_error(text):
    try:
        parsed = parse_reference(text)
    except UsageError:
        return
    assert str(parsed) == text
