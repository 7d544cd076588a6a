"""Schemas, migrations, roles, backups, on SQLite and on PostgreSQL."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from promptship.errors import ReferenceNotFoundError, StorageError, UsageError
from promptship.registry import Registry
from promptship.store import HEAD, backup_store, check_store, hide_password, open_store, restore_store, upgrade_store

FIXTURE = Path(__file__).parent / "registry-0001.sql"
NEWER = "UPDATE promptship_schema SET version_num = '9999'"
UNFIT = "UPDATE promptship_compatibility SET works_from = '9999'"


def test_a_blank_database_becomes_the_schema_of_this_version(database):
    address = database.another()
    assert upgrade_store(address).before == ""
    assert check_store(address) == []
    again = upgrade_store(address)
    assert (again.before, again.after) == (HEAD, HEAD)


def test_the_migrations_end_at_the_schema_that_the_code_names():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "promptship.store:migrations")
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == HEAD
    from promptship.store._schema import _KNOWN

    assert {revision.revision for revision in script.walk_revisions()} == _KNOWN


def test_every_guard_that_is_asked_for_is_one_that_was_made(database):
    from promptship.store._schema import GUARDS

    assert set(database.guards()) == GUARDS[database.dialect]


def test_a_changed_table_is_told_from_the_models(tmp_path):
    address = str(tmp_path / "registry.db")
    upgrade_store(address)
    with sqlite3.connect(address) as connection:
        connection.execute("ALTER TABLE prompt ADD COLUMN colour TEXT")
    connection.close()
    assert "colour" in "".join(check_store(address))


def test_the_oldest_registry_is_upgraded_and_verifies(tmp_path):
    address = tmp_path / "registry.db"
    connection = sqlite3.connect(address)
    connection.executescript(FIXTURE.read_text(encoding="utf-8"))
    connection.close()
    upgrade_store(str(address))
    assert check_store(str(address)) == []
    with Registry.open(str(address)) as registry:
        assert registry.verify().flaws == ()
        assert registry.resolve("support/reply@production").number == 1
        assert len(registry.log()) == 5


@pytest.mark.parametrize(
    ("statement", "message", "hint"),
    [
        (f"{NEWER}; {UNFIT}", "has schema 9999", "pip install --upgrade"),
        (f"{NEWER}; DROP TABLE promptship_compatibility", "has schema 9999", "pip install --upgrade"),
        ("UPDATE promptship_schema SET version_num = 'abc'", "unknown schema version 'abc'", "db restore"),
        ("DELETE FROM promptship_schema", "half migrated: 'promptship_schema' has 0 rows", "db restore"),
        ("DROP TABLE run_variant", "half migrated: table run_variant", "db restore"),
        ("DROP TABLE promptship_schema", "it is no registry, or a migration was cut off", "db restore"),
    ],
)
def test_a_schema_that_is_not_known_is_refused_and_left_alone(tmp_path, statement, message, hint):
    address = tmp_path / "registry.db"
    upgrade_store(str(address))
    connection = sqlite3.connect(address)
    connection.executescript(statement)
    connection.close()
    before = address.read_bytes()
    refusals = []
    for use in (open_store, check_store, upgrade_store):
        with pytest.raises(StorageError) as caught:
            use(str(address))
        refusals.append(caught.value)
    assert all(message in str(error) and hint in error.hint for error in refusals)
    assert address.read_bytes() == before


def test_two_adjacent_versions_work_on_one_schema(database, make_version, ada):
    """The next version's migration adds to the schema and leaves the word on compatibility as it is."""
    address = database.another()
    upgrade_store(address)
    with open_store(address) as store, store.connect(writes=True) as connection:
        connection.exec_driver_sql(NEWER)
        connection.exec_driver_sql("CREATE TABLE of_the_next_version (id INTEGER)")
    with Registry.open(address) as registry:
        registry.push(make_version("support/reply", "one"), actor=ada)
        registry.put_label("support/reply@1", "production", actor=ada)
        assert registry.verify().flaws == ()
    with pytest.raises(StorageError, match="has schema 9999"):
        upgrade_store(address)


def test_a_newer_postgresql_registry_is_refused(cluster, migrated):
    address = cluster.url(cluster.make_database(migrated))
    with open_store(address) as store, store.connect(writes=True) as connection:
        connection.exec_driver_sql(NEWER)
        connection.exec_driver_sql(UNFIT)
    with pytest.raises(StorageError, match="has schema 9999"):
        open_store(address)
    with pytest.raises(StorageError, match="has schema 9999"):
        upgrade_store(address)


def test_a_migration_that_is_cut_off_leaves_nothing(database, monkeypatch):
    from promptship.store import _schema

    address = database.another()
    migrate = _schema._migrate

    def fail(connection):
        migrate(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(_schema, "_migrate", fail)
    with pytest.raises(KeyboardInterrupt):
        upgrade_store(address)
    monkeypatch.undo()
    assert upgrade_store(address).before == ""
    assert check_store(address) == []


def test_another_programs_file_is_no_registry(tmp_path):
    address = tmp_path / "cache.db"
    connection = sqlite3.connect(address)
    connection.execute("CREATE TABLE answer (key TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match=r"tables \(answer\)"):
        open_store(str(address))


def test_a_file_that_is_no_database_is_named(tmp_path):
    address = tmp_path / "registry.db"
    address.write_text("not a database, but long enough to be looked at" * 50, encoding="utf-8")
    with pytest.raises(StorageError, match="not a database") as caught:
        open_store(str(address))
    assert "db restore" in caught.value.hint


def test_a_blank_postgresql_database_waits_for_its_owner(cluster):
    with pytest.raises(StorageError, match="is blank") as caught:
        open_store(cluster.url(cluster.make_database()))
    assert caught.value.hint == "promptctl db upgrade"


def test_reading_makes_no_file(tmp_path):
    with pytest.raises(ReferenceNotFoundError, match="there is no registry"):
        Registry.open(str(tmp_path / "registry.db"), make=False)
    assert list(tmp_path.iterdir()) == []


def test_several_may_open_a_new_file_at_once(tmp_path):
    address = str(tmp_path / "new" / "registry.db")
    program = f"from promptship.store import open_store; open_store({address!r}).close()"
    started = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(4)]
    said = [process.communicate(timeout=60)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    assert check_store(address) == []


def test_the_servers_role_may_use_a_registry_and_not_alter_it(cluster, make_version, ada):
    name = cluster.make_database()
    with cluster.connect(name) as connection:
        connection.execute('DROP ROLE IF EXISTS "app-1"')
        connection.execute('CREATE ROLE "app-1" LOGIN')
    upgrade_store(cluster.url(name), grant="app-1")
    with Registry.open(cluster.url(name, user="app-1")) as registry:
        registry.push(make_version("a", "one"), actor=ada, tags=["x"])
        registry.push(make_version("a", "two"), actor=ada)
        registry.put_label("a@1", "production", actor=ada)
        registry.put_label("a@2", "production", actor=ada)
        registry.roll_back("a", "production", actor=ada)
        registry.withdraw("a@2", actor=ada, reason="leaks")
        registry.reinstate("a@2", actor=ada)
        assert registry.verify().flaws == ()
    refused = [
        "ALTER TABLE version DISABLE TRIGGER ALL",
        "DROP TRIGGER version_no_change ON version",
        "SET session_replication_role = replica",
        "DELETE FROM ledger_event",
        "UPDATE version SET message = ''",
        "TRUNCATE ledger_event CASCADE",
        "DROP TABLE ledger_event CASCADE",
        "UPDATE promptship_schema SET version_num = '0'",
    ]
    with cluster.connect(name, user="app-1") as connection:
        for statement in refused:
            with pytest.raises(Exception, match=r"permission denied|must be owner"):
                connection.execute(statement)


def test_sqlite_has_no_roles(tmp_path):
    with pytest.raises(UsageError, match="no roles"):
        upgrade_store(str(tmp_path / "registry.db"), grant="app")


def test_a_backup_is_a_registry_and_can_be_restored_into_either(database, registry, push, ada, tmp_path):
    push("one", "two", tags=["x"])
    registry.put_label("support/reply@2", "production", actor=ada)
    backup = tmp_path / "backups" / "monday.db"
    backup_store(database.address, backup)
    kept = backup.read_bytes()
    push("three")
    for address in (database.another("restored.db"), str(tmp_path / "plain.db")):
        assert restore_store(address, backup) is None
        with Registry.open(address) as restored:
            assert restored.verify().flaws == ()
            assert restored.resolve("support/reply@production").number == 2
            pushed = restored.push(restored.load("support/reply@1"), actor=ada)
            assert pushed.created is False
            assert restored.fork("support/reply@1", "other", actor=ada).version.number == 1
    assert [path.name for path in backup.parent.iterdir()] == ["monday.db"]
    assert backup.read_bytes() == kept
    with Registry.open(str(backup), make=False) as copy:
        assert copy.verify().flaws == ()
        assert copy.verify().head != registry.verify().head


def test_a_backup_does_not_overwrite(database, tmp_path):
    backup = tmp_path / "backup.db"
    backup.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="exists"):
        backup_store(database.address, backup)
    assert backup.read_text(encoding="utf-8") == "mine"


def test_a_restore_replaces_only_when_told_and_keeps_the_old(tmp_path, make_version, ada):
    address, backup = str(tmp_path / "registry.db"), tmp_path / "backup.db"
    with Registry.open(address) as registry:
        registry.push(make_version("a", "one"), actor=ada)
        backup_store(address, backup)
        registry.push(make_version("a", "two"), actor=ada)
        with pytest.raises(UsageError, match="exists"):
            restore_store(address, backup)
        kept = restore_store(address, backup, replace=True)
        assert len(registry.versions("a")) == 1
    with Registry.open(str(kept), make=False) as old:
        assert len(old.versions("a")) == 2


def test_a_damaged_registry_is_put_aside_by_a_restore(tmp_path, make_version, ada):
    address, backup = tmp_path / "registry.db", tmp_path / "backup.db"
    with Registry.open(str(address)) as registry:
        registry.push(make_version("a", "one"), actor=ada)
    backup_store(str(address), backup)
    address.write_bytes(b"garbage" * 1_000)
    kept = restore_store(str(address), backup, replace=True)
    assert kept.read_bytes().startswith(b"garbage")
    with Registry.open(str(address), make=False) as registry:
        assert registry.verify().flaws == ()


def test_a_postgresql_registry_with_events_is_not_restored_into(database, registry, push, tmp_path):
    if database.dialect == "sqlite":
        pytest.skip("SQLite is asked about in the test above")
    push("one")
    backup = tmp_path / "backup.db"
    backup_store(database.address, backup)
    with pytest.raises(UsageError, match="has 1 events already"):
        restore_store(database.address, backup)


def test_what_is_no_backup_is_not_restored(tmp_path):
    for content in (b"", b"garbage" * 1_000):
        backup = tmp_path / "backup.db"
        backup.write_bytes(content)
        with pytest.raises(StorageError):
            restore_store(str(tmp_path / "registry.db"), backup)
        assert not (tmp_path / "registry.db").exists()


@pytest.mark.parametrize("address", ["mysql://root:secret@db/x", "sqlite://", "sqlite:///:memory:", "http://x/secret"])
def test_other_databases_are_refused_without_showing_a_password(address):
    with pytest.raises(UsageError) as caught:
        open_store(address)
    assert "postgresql+psycopg://" in caught.value.hint
    assert "root:secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_its_password():
    with pytest.raises(StorageError) as caught:
        open_store("postgresql://app:secret@127.0.0.1:1/registry")
    assert "app:***@127.0.0.1:1" in str(caught.value)
    assert "secret" not in f"{caught.value}{caught.value.hint}"
    assert "is PostgreSQL running" in caught.value.hint


def test_addresses_are_shown_as_people_know_them():
    assert hide_password("postgresql://a:b@h/d") == "postgresql+psycopg://a:***@h/d"
    assert hide_password("sqlite:////tmp/x.db") == hide_password("/tmp/x.db") == "/tmp/x.db"  # noqa: S108 - no file
