import pytest

from promptship.domain import StoredToken, parse_scope
from promptship.errors import UsageError


@pytest.mark.parametrize(
    ("scope", "action", "prompt", "label", "allowed"),
    [
        ("read", "read", "support/reply", None, True),
        ("read", "read", None, None, True),
        ("read", "push", "support/reply", None, False),
        ("push:payments/*", "push", "payments/refund", None, True),
        ("push:payments/*", "push", "payments-evil/refund", None, False),
        ("push:payments/*", "push", None, None, False),
        ("promote:payments/*:production", "promote", "payments/refund", "production", True),
        ("promote:payments/*:production", "promote", "payments/refund", "staging", False),
        ("promote:payments/*:production", "label", "payments/refund", "production", False),
        ("admin", "push", "support/reply", None, True),
        ("admin", "promote", "a", "production", True),
    ],
)
def test_a_scope_covers_what_its_patterns_say(scope, action, prompt, label, allowed):
    assert parse_scope(scope).covers(action, prompt, label) is allowed


@pytest.mark.parametrize("text", ["read", "push:support/*", "promote:payments/*:production", "admin", "label:*:beta"])
def test_a_scope_reads_back_as_it_was_written(text):
    assert str(parse_scope(text)) == text


@pytest.mark.parametrize(
    "text", ["", "write", "read:a:b", "admin:*", "push:", "push:a b", "push:[ab]", "label:a:b:c", "read:" + "a" * 201]
)
def test_what_is_no_scope_is_refused(text):
    with pytest.raises(UsageError, match="is no scope"):
        parse_scope(text)


def test_a_token_may_what_any_of_its_scopes_allows():
    token = StoredToken(
        id="1",
        name="ci",
        kind="ci",
        hash="",
        scopes=(parse_scope("read"), parse_scope("push:a/*")),
        created_at="",
        created_by="",
    )
    assert token.may("push", "a/b")
    assert not token.may("push", "b/a")
