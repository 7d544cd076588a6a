"""Tokens in both databases."""

import hashlib
from datetime import timedelta

import pytest

from promptship.errors import ReferenceNotFoundError, StorageError, UsageError
from promptship.registry import match_token


def known(registry):
    return {one.id: one for one in registry.tokens.list_all()}


def test_a_token_is_known_by_the_hash_of_its_secret_alone(registry, ada, database):
    made = registry.tokens.create("ci-main", ["read", "push:support/*"], actor=ada, kind="ci")
    secret = made.text.rpartition(f"{made.token.id}_")[2]
    (row,) = database.execute("SELECT hash, scopes FROM token")
    assert row == (hashlib.sha256(secret.encode()).hexdigest(), "read push:support/*")
    assert not any(secret in event.payload for event in registry.evidence.events())
    assert match_token(made.text, known(registry), now=made.token.created_at) == made.token


@pytest.mark.parametrize("damage", [lambda text: text[:-1] + "!", lambda text: text + "a", lambda _: "", str.upper])
def test_another_text_is_no_token(registry, ada, damage):
    made = registry.tokens.create("ci", ["read"], actor=ada)
    assert match_token(damage(made.text), known(registry), now="") is None


def test_a_token_ends_when_it_is_revoked_and_when_it_expires(registry, ada, clock):
    first = registry.tokens.create("a", ["read"], actor=ada)
    second = registry.tokens.create("b", ["read"], actor=ada, lifetime_s=60)
    registry.tokens.revoke(first.token.id, actor=ada, reason="Leaked")
    now, later = clock.now.isoformat(), (clock.now + timedelta(seconds=61)).isoformat()
    assert match_token(first.text, known(registry), now=now) is None
    assert match_token(second.text, known(registry), now=now) == second.token
    assert match_token(second.text, known(registry), now=later) is None
    assert [entry.kind for entry in registry.log()] == ["untoken", "token", "token"]
    assert registry.verify().flaws == ()


def test_a_token_that_sql_slipped_in_is_found_by_verify(registry, ada, database):
    registry.tokens.create("ci", ["read"], actor=ada)
    database.execute(
        "INSERT INTO token VALUES ('evil', 'evil', 'human', 'x', 'admin', '2026', 'x', NULL, NULL, 1)", guarded=False
    )
    assert [(flaw.table, flaw.row) for flaw in registry.verify().flaws] == [("token", "evil@evil")]


@pytest.mark.parametrize(
    "statement", ["UPDATE token SET scopes = 'admin'", "UPDATE token SET revoked_at = NULL", "DELETE FROM token"]
)
def test_the_database_refuses_to_change_a_token(registry, ada, database, statement):
    registry.tokens.create("ci", ["read"], actor=ada)
    with pytest.raises(Exception, match="only its end may be written"):
        database.execute(statement)


@pytest.mark.parametrize(
    ("name", "scopes", "lifetime"),
    [("", ["read"], None), ("a\nb", ["read"], None), ("a", [], None), ("a", ["read"], 0)],
)
def test_a_token_without_name_scope_or_life_is_refused(registry, ada, name, scopes, lifetime):
    with pytest.raises(UsageError):
        registry.tokens.create(name, scopes, actor=ada, lifetime_s=lifetime)
    assert registry.log() == []


def test_an_unknown_token_cannot_be_revoked(registry, ada):
    with pytest.raises(ReferenceNotFoundError, match="no token 'abc'"):
        registry.tokens.revoke("abc", actor=ada)


def test_the_watch_sees_what_another_connection_writes(registry, database, push):
    import time

    from promptship.store import open_store

    with open_store(database.address) as store:
        watch = store.watch()
        deadline = time.monotonic() + 20
        while watch.seq() != 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        push("One.", "Two.")
        while watch.seq() != 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert watch.seq() == 2
        watch.close()


def test_a_request_is_claimed_once(registry, database):
    from promptship.store import open_store

    with open_store(database.address) as store:
        with store.write() as unit:
            unit.requests.claim("t", "key", fingerprint="f", at="2026")
            assert unit.requests.find("t", "key") == ("f", None, None)
        with store.write() as unit:
            unit.requests.answer("t", "key", status=200, body=b"{}")
        with pytest.raises(StorageError), store.write() as unit:
            unit.requests.claim("t", "key", fingerprint="f", at="2026")
        with store.write() as unit:
            unit.requests.forget("2027")
            assert unit.requests.find("t", "key") is None
