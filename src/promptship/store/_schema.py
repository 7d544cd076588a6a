"""Which schema a database has, and how it gets the one of this version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from promptship.errors import StorageError, UsageError
from promptship.store._address import hide_password, parse_address, sqlite_path
from promptship.store._engine import WRITES, make_engine
from promptship.store._failures import storage_errors
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["GUARDS", "HEAD", "Upgrade", "check_store", "read_revision", "require_current", "upgrade_store"]

HEAD = "0003"
"""The schema of this version of Promptship."""

_KNOWN = frozenset({"0001", "0002", "0003"})
_REVISIONS = "promptship_schema"
# A migration that leaves what older code reads and writes as it is keeps `works_from`, so that servers of two
# adjacent versions work on one schema while one replaces the other.
_COMPATIBILITY = "promptship_compatibility"
# One number that no other program is likely to lock.
_UPGRADE_LOCK = 7_146_021_503_114
_FROZEN = ("version", "edge", "ledger_event", "evalset_version", "run", "run_variant")
_SHARED_GUARDS = {"ledger_event_in_line", "blob_no_delete", "blob_only_erase"}
GUARDS = {
    "sqlite": frozenset(
        {f"{table}_no_{action}" for table in _FROZEN for action in ("update", "delete")}
        | {"version_no_replace", "blob_no_replace", "token_no_update", "token_no_delete", "token_no_replace"}
        | _SHARED_GUARDS
    ),
    "postgresql": frozenset(
        {f"{table}_no_change" for table in _FROZEN}
        | {f"{table}_no_truncate" for table in (*_FROZEN, "blob")}
        | {"token_no_update", "token_no_delete", "token_no_truncate", "ledger_event_notify"}
        | _SHARED_GUARDS
    ),
}
"""Triggers that must be there, by dialect."""

_GRANTS = (
    "GRANT SELECT ON {tables}, ledger_head, promptship_schema, promptship_compatibility TO {role}",
    "GRANT INSERT ON {tables} TO {role}",
    "GRANT UPDATE ON blob, prompt, label, ledger_head, token, request_key TO {role}",
    "GRANT DELETE ON version_tag, tombstone, label, request_key TO {role}",
    "GRANT USAGE ON SEQUENCE prompt_id_seq, version_id_seq, evalset_version_id_seq TO {role}",
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What an upgrade did: schema before ("" for a blank database) and after."""

    before: str
    after: str


def upgrade_store(address: str, *, grant: str | None = None) -> Upgrade:
    """Bring a database to the schema of this version, all of it or nothing.

    Args:
        address: Path or URL, for the role that owns the tables.
        grant: A PostgreSQL role that may then use the registry, but neither alter nor delete; None for none.

    Raises:
        StorageError: It is newer than this version, damaged or no registry, or cannot be written.
        UsageError: A grant on SQLite.
    """
    if grant is not None and sqlite_path(address) is not None:
        raise UsageError("SQLite has no roles to grant to", hint="leave --grant out")
    engine = make_engine(parse_address(address))
    try:
        with storage_errors("upgrade", hide_password(address)):
            return _upgrade(engine, hide_password(address), grant)
    finally:
        engine.dispose()


def _upgrade(engine: Engine, place: str, grant: str | None) -> Upgrade:
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        _lock_upgrades(connection)
        before = read_revision(connection, place)
        if before > HEAD:
            raise _unknown(place, before)
        if before != HEAD:
            _migrate(connection)
        elif missing := _missing(connection):
            raise _half_applied(place, f"{', '.join(missing[:5])} missing")
        if grant is not None:
            _grant(connection, grant)
    return Upgrade(before=before, after=HEAD)


def _lock_upgrades(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "promptship.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _grant(connection: Connection, role: str) -> None:
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    tables = ", ".join(METADATA.tables.keys() - {"ledger_head"})
    for statement in _GRANTS:
        connection.execute(text(statement.format(role=quote(role), schema=quote(schema), tables=tables)))


def read_revision(connection: Connection, place: str) -> str:
    """Return the schema's revision; "" for a blank database.

    Raises:
        StorageError: It is newer than this version, of no known version, half applied, or another program's.
    """
    tables = set(inspect(connection).get_table_names())
    if _REVISIONS not in tables:
        if found := tables if connection.dialect.name == "sqlite" else tables & METADATA.tables.keys():
            raise StorageError(
                f"{place!r} has tables ({', '.join(sorted(found)[:5])}) and no {_REVISIONS!r}: it is no registry,"
                " or a migration was cut off",
                hint="name another database, or restore a backup: promptctl db restore BACKUP",
            )
        return ""
    rows = list(connection.execute(text(f"SELECT version_num FROM {_REVISIONS}")).scalars())  # noqa: S608 - a constant
    if len(rows) != 1:
        raise _half_applied(place, f"{_REVISIONS!r} has {len(rows)} rows instead of one")
    revision = str(rows[0])
    if revision not in _KNOWN and not _works_with(connection, tables, revision):
        raise _unknown(place, revision)
    return revision


def _works_with(connection: Connection, tables: set[str], revision: str) -> bool:
    """Tell whether a schema that is newer than this version says that this version may use it."""
    if not (revision.isdecimal() and revision > HEAD and _COMPATIBILITY in tables):
        return False
    found = connection.execute(text(f"SELECT works_from FROM {_COMPATIBILITY}")).scalars()  # noqa: S608 - a constant
    return all(str(oldest) <= HEAD for oldest in found)


def require_current(connection: Connection, place: str) -> bool:
    """Check that a database has the schema of this version or a later one that fits, with all tables and triggers.

    Returns:
        False for a blank database, else True.

    Raises:
        StorageError: It has another schema, or something of it is missing.
    """
    revision = read_revision(connection, place)
    if not revision or revision >= HEAD:
        if revision and (missing := _missing(connection)):
            raise _half_applied(place, f"{', '.join(missing[:5])} missing")
        return bool(revision)
    raise StorageError(
        f"{place!r} has schema {revision}; this version of Promptship needs {HEAD}", hint="promptctl db upgrade"
    )


def check_store(address: str) -> list[str]:
    """Compare a database with the tables of this version and return every difference; [] where there is none.

    Raises:
        StorageError: It cannot be read, or has no schema of this version.
    """
    place = hide_password(address)
    engine = make_engine(parse_address(address))
    try:
        with storage_errors("check", place), engine.connect() as connection:
            if not require_current(connection, place):
                raise StorageError(f"{place!r} is blank", hint="promptctl db upgrade")
            return [*_differences(connection), *_integrity(connection)]
    finally:
        engine.dispose()


def _differences(connection: Connection) -> list[str]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def is_ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:  # noqa: FBT001 - alembic calls it
        return kind != "table" or name in METADATA.tables

    options = {"compare_type": True, "version_table": _REVISIONS, "include_object": is_ours}
    context = MigrationContext.configure(connection, opts=options)
    return [str(difference) for difference in compare_metadata(context, METADATA)]


def _integrity(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []
    found = [str(row) for row in connection.execute(text("PRAGMA integrity_check")).scalars() if row != "ok"]
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    return [*found, *(f"{row[0]}: row {row[1]} refers to a missing row of {row[2]}" for row in broken[:20])]


def _missing(connection: Connection) -> list[str]:
    tables = METADATA.tables.keys() - set(inspect(connection).get_table_names())
    dialect = connection.dialect.name
    guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if dialect == "postgresql":
        guards = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE tgenabled <> 'D' AND relnamespace = current_schema()::regnamespace"
        )
    found = set(connection.execute(text(guards)).scalars())
    return sorted([f"table {name}" for name in tables] + [f"trigger {name}" for name in GUARDS[dialect] - found])


def _half_applied(place: str, reason: str) -> StorageError:
    return StorageError(
        f"{place!r} is damaged or half migrated: {reason}",
        hint="nothing was changed; restore a backup: promptctl db restore BACKUP",
    )


def _unknown(place: str, revision: str) -> StorageError:
    if revision.isdecimal() and revision > HEAD:
        return StorageError(
            f"{place!r} has schema {revision}; this version of Promptship knows up to {HEAD}",
            hint="pip install --upgrade promptship",
        )
    return StorageError(
        f"{place!r} has the unknown schema version {revision!r}; this version of Promptship knows up to {HEAD}",
        hint="it was made by another program or a development build; restore a backup: promptctl db restore BACKUP",
    )
