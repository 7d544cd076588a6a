"""A PostgreSQL server of the tests' own, on a socket, started once and stopped at the end."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

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
