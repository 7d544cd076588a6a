"""Registries in both databases. PostgreSQL is a private cluster on a socket, started once and stopped at the end."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from promptship.domain import Actor, ModelConfig, PromptVersion
from promptship.prompts import build_closure, parse_prompt
from promptship.registry import Registry

PATIENCE_S = 60
# The machine's crash is not what is tested here.
_QUICK = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=50"]


def find_programs():
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Cluster:
    """A PostgreSQL server of our own; as root it runs as the user postgres, since it refuses to run as root."""

    def __init__(self, programs: Path):
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="promptship-pg-"))
        self._account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._account:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        data = str(self.folder / "data")
        made = ["-D", data, "-A", "trust", "-U", "owner", "-E", "UTF8", "--locale=C", "-N"]
        self._run("initdb", *made)
        self._log = (self.folder / "log").open("wb")
        self._server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", str(self.folder), *_QUICK],
            stdout=self._log,
            stderr=self._log,
            cwd=self.folder,
            **self._account,
        )
        self._names = itertools.count()
        self._wait()

    def _run(self, program, *arguments):
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120, **self._account
        )
        assert done.returncode == 0, done.stderr

    def _wait(self):
        import psycopg

        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                psycopg.connect(f"host={self.folder} user=owner dbname=postgres").close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.1)
            else:
                return

    def connect(self, database="postgres", user="owner"):
        import psycopg

        return psycopg.connect(f"host={self.folder} user={user} dbname={database}", autocommit=True)

    def url(self, database, user="owner"):
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def make_database(self, template="template0"):
        name = f"registry{next(self._names)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def close(self):
        # At once: what it would write down on its way out is thrown away.
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(PATIENCE_S)
        self._log.close()
        shutil.rmtree(self.folder)


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


@dataclass
class Clock:
    """Tells the time that a test sets, a millisecond later each time."""

    now: object

    def __call__(self):
        from datetime import timedelta

        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def clock():
    from datetime import UTC, datetime

    return Clock(datetime(2026, 11, 1, 12, tzinfo=UTC))


@pytest.fixture
def registry(database, clock):
    with Registry.open(database.address, clock=clock) as opened:
        yield opened


@pytest.fixture
def ada():
    return Actor(name="Ada <ada@example.org>")


@pytest.fixture
def make_version():
    """Closes a prompt from its text."""

    def make(name, text, *, model="fake/echo", partials=None):
        document = parse_prompt(text, path=f"prompts/{name}.prompt")
        config = ModelConfig(name="default", model=model)
        closure = build_closure(document, partials=partials or {}, examples=(), model=config)
        return PromptVersion(name=name, closure=closure, origin=name, label=name)

    return make


@pytest.fixture
def push(registry, make_version, ada):
    """Pushes texts of one prompt, each a version."""

    def push(*texts, name="support/reply", **options):
        return [registry.push(make_version(name, text), actor=ada, **options).version for text in texts]

    return push
