"""What tests of the registry and of its server share: databases."""

import os
import shutil

import pytest

from private_postgres import Cluster, find_programs


@pytest.fixture(scope="session")
def cluster():
    programs = find_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed, and .ci/run should have done that")
        pytest.skip("PostgreSQL (initdb) is not installed")
    made = Cluster(programs)
    yield made
    made.close()


@pytest.fixture(scope="session")
def migrated(cluster):
    """A PostgreSQL database with the tables, which each test begins by emptying; copying it would take longer."""
    from promptship.store import upgrade_store

    name = cluster.make_database()
    upgrade_store(cluster.url(name))
    return name


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite file with the tables, to be copied by each test."""
    from promptship.store import upgrade_store

    path = tmp_path_factory.mktemp("migrated") / "registry.db"
    upgrade_store(str(path))
    return path


class Sqlite:
    """Bare SQL on a SQLite registry, as somebody who goes round us would write it."""

    dialect = "sqlite"

    def __init__(self, folder):
        self.address = str(folder / "registry.db")
        self.folder = folder

    def execute(self, statement, *, guarded=True):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.address)) as connection, connection:
            for trigger in () if guarded else self.guards():
                connection.execute(f"DROP TRIGGER {trigger}")
            return connection.execute(statement).fetchall()

    def guards(self):
        return [name for (name,) in self.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]

    def another(self, name="another.db"):
        return str(self.folder / name)


class Postgres:
    """Bare SQL on a PostgreSQL registry."""

    dialect = "postgresql"

    def __init__(self, cluster, name):
        self._cluster = cluster
        self._name = name
        self.address = cluster.url(name)

    def execute(self, statement, *, guarded=True):
        with self._cluster.connect(self._name) as connection:
            if not guarded:
                connection.execute("SET session_replication_role = replica")
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def guards(self):
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        return [name for (name,) in self.execute(query)]

    def empty(self):
        """Make it as it was after its migration."""
        from promptship.store._models import METADATA

        tables = ", ".join(METADATA.tables)
        self.execute(
            f"TRUNCATE {tables} RESTART IDENTITY; INSERT INTO ledger_head VALUES (1, 0, 'sha256:{'0' * 64}', '')",  # noqa: S608 - names of ours
            guarded=False,
        )

    def another(self, _=None):
        return self._cluster.url(self._cluster.make_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """A registry's database with its tables, of either kind."""
    if request.param == "sqlite":
        made = Sqlite(tmp_path)
        shutil.copy(request.getfixturevalue("migrated_file"), made.address)
        return made
    cluster = request.getfixturevalue("cluster")
    made = Postgres(cluster, request.getfixturevalue("migrated"))
    made.empty()
    return made
