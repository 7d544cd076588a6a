"""Whoever changes a row is found out, on SQLite and on PostgreSQL."""

import pytest

from promptship.errors import StorageError
from promptship.registry import Registry


@pytest.fixture
def filled(registry, push, ada, make_version):
    push("one", "two", "three", tags=["x"])
    registry.push(make_version("b", "{% include '_x.j2' %}", partials={"_x.j2": "inside"}), actor=ada)
    registry.put_label("support/reply@1", "production", actor=ada)
    registry.put_label("support/reply@2", "production", actor=ada, reason="passed")
    registry.roll_back("support/reply", "production", actor=ada)
    registry.withdraw("support/reply@3", actor=ada, reason="leaks")
    registry.tag("support/reply@2", actor=ada, add=["y"], remove=["x"])
    return registry


def test_an_untouched_registry_verifies(filled):
    report = filled.verify()
    assert report.flaws == ()
    assert (report.events, report.versions, report.blobs) == (9, 4, 4)
    assert report.head.startswith("sha256:")


TAMPERED = [
    (
        "UPDATE ledger_event SET payload = replace(payload, 'passed', 'failed') WHERE seq = 6",
        "ledger_event 6",
        "its hash",
    ),
    ("UPDATE ledger_event SET evidence = 'sha256:00' WHERE seq = 6", "ledger_event 6", "a column differs"),
    ("UPDATE ledger_event SET prompt = 'b' WHERE seq = 6", "ledger_event 6", "a column differs"),
    ("UPDATE ledger_event SET prev_hash = hash WHERE seq = 6", "ledger_event 6", "does not follow"),
    ("DELETE FROM ledger_event WHERE seq = 8", "ledger_event 9", "event 8 is missing"),
    ("DELETE FROM version_tag", "version_tag support/reply@1", "the events say"),
    ("UPDATE version SET author = 'Eve' WHERE number = 2", "version support/reply@2", "author or time"),
    ("UPDATE version SET message = 'harmless' WHERE number = 2", "version support/reply@2", "message"),
    ("UPDATE version SET number = 9 WHERE number = 2", "version support/reply@9", "no event says"),
    ("UPDATE edge SET partial = '_y.j2'", "edge b@1", "partials"),
    ("UPDATE prompt SET next_number = 2 WHERE name = 'support/reply'", "prompt support/reply", "next number is 2"),
    ("UPDATE label SET version_id = 2", "label support/reply@production", "the events say 1"),
    ("DELETE FROM label", "label support/reply@production", "not there"),
    ("DELETE FROM tombstone", "tombstone support/reply@3", "not there"),
    ("UPDATE tombstone SET reason = 'none'", "tombstone support/reply@3", "none"),
    ("UPDATE ledger_head SET seq = 8", "ledger_head 1", "event 8"),
    ("UPDATE blob SET size = 1", "blob sha256:", "not what its digest says"),
    ("UPDATE blob SET content = NULL, erased_at = '2026'", "blob sha256:", "none that may be erased"),
]


@pytest.mark.parametrize(("statement", "row", "message"), TAMPERED, ids=[case[0][:40] for case in TAMPERED])
def test_verify_names_the_first_bad_row(filled, database, statement, row, message):
    database.execute(statement, guarded=False)
    flaws = filled.verify().flaws
    assert flaws
    assert str(flaws[0]).startswith(row)
    assert message in str(flaws[0])


def test_a_chain_made_anew_from_one_event_on_is_found(filled, database):
    """An event rewritten together with its own hash is betrayed by the next one."""
    from promptship.registry._change import hash_payload

    ((payload,),) = database.execute("SELECT payload FROM ledger_event WHERE seq = 6")
    forged = payload.replace("passed", "failed")
    database.execute(
        f"UPDATE ledger_event SET payload = '{forged}', hash = '{hash_payload(forged)}' WHERE seq = 6",  # noqa: S608 - forged
        guarded=False,
    )
    assert str(filled.verify().flaws[0]) == "ledger_event 7: it does not follow the event before it"


def test_changed_content_is_not_served(filled, database):
    changed = "X'7B7D'" if database.dialect == "sqlite" else "'{}'::bytea"
    database.execute(f"UPDATE blob SET content = {changed}", guarded=False)  # noqa: S608 - ours
    with pytest.raises(StorageError, match="not what its digest says") as caught:
        filled.load("support/reply@1")
    assert caught.value.hint == "promptctl verify"


_COPY = (
    "INSERT INTO ledger_event SELECT {}, kind, prompt, label, evidence, at, payload, prev_hash, 'x' FROM ledger_event"
    " WHERE seq = 1"
)
REFUSED = [
    "UPDATE version SET message = 'x'",
    "DELETE FROM version",
    "UPDATE ledger_event SET payload = '{}'",
    "DELETE FROM ledger_event",
    "UPDATE edge SET digest = 'x'",
    "DELETE FROM blob",
    "UPDATE blob SET content = NULL, salt = NULL, erased_at = 'now'",
    _COPY.format(99),
    _COPY.format(10),
]


@pytest.mark.parametrize("statement", REFUSED, ids=[case[:45] for case in REFUSED])
def test_the_database_itself_refuses(filled, database, statement):
    with pytest.raises(Exception, match=r"append-only|may be erased|follows the last one"):
        database.execute(statement)
    assert filled.verify().flaws == ()


@pytest.mark.parametrize("table", ["version", "ledger_event", "blob"])
def test_sqlite_does_not_replace_what_is_there(filled, database, table):
    if database.dialect != "sqlite":
        with pytest.raises(Exception, match="append-only"):
            database.execute(f"TRUNCATE {table} CASCADE")
        return
    with pytest.raises(Exception, match=r"never replaced|follows the last one"):
        database.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")  # noqa: S608 - ours


def test_the_states_are_made_anew_from_the_ledger(filled, database, ada):
    before = (filled.labels(), filled.versions("support/reply"))
    for statement in ("DELETE FROM label", "DELETE FROM tombstone", "DELETE FROM version_tag"):
        database.execute(statement)
    database.execute("UPDATE prompt SET next_number = 1")
    database.execute("UPDATE ledger_head SET seq = 1")
    assert filled.verify().flaws
    filled.rebuild()
    assert filled.verify().flaws == ()
    assert (filled.labels(), filled.versions("support/reply")) == before


def test_a_wrong_ledger_is_nothing_to_make_states_from(filled, database):
    database.execute("UPDATE ledger_event SET kind = 'push' WHERE seq = 6", guarded=False)
    with pytest.raises(StorageError, match="the ledger is wrong: ledger_event 6"):
        filled.rebuild()
    assert [state.number for state in filled.labels()] == [1]


def test_a_registry_whose_guards_are_gone_is_not_opened(database):
    disable, enable = "DROP TRIGGER version_no_update", "SELECT 1"
    if database.dialect == "postgresql":
        disable, enable = (f"ALTER TABLE version {word} TRIGGER version_no_change" for word in ("DISABLE", "ENABLE"))
    database.execute(disable)
    try:
        with pytest.raises(StorageError, match="trigger version_no_"):
            Registry.open(database.address)
    finally:
        database.execute(enable)
