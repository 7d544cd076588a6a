"""The command line on a PostgreSQL registry: an owner who migrates, and a role that works."""

import contextlib
import json
import os

import pytest

from forked_cli import ForkServer
from promptship.store import HEAD


@pytest.fixture(scope="module")
def forks():
    with contextlib.closing(ForkServer()) as server:
        yield server


@pytest.fixture
def promptctl(tmp_path, cluster, forks):
    name = cluster.make_database()
    with cluster.connect(name) as connection:
        connection.execute("DROP ROLE IF EXISTS worker")
        connection.execute("CREATE ROLE worker LOGIN")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "echo.prompt").write_text("{{ text }}\n", encoding="utf-8")

    def call(*arguments, user="worker", code=0):
        environment = {**os.environ, "PROMPTSHIP_DATABASE_URL": cluster.url(name, user=user)}
        done = forks.run(["promptctl", *arguments], cwd=tmp_path, env=environment, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout or done.stderr

    return call


@pytest.mark.slow
def test_a_team_works_on_one_database(promptctl):
    assert "is blank" in promptctl("push", code=3)
    assert promptctl("db", "upgrade", "--grant", "worker", user="owner") == f"schema none -> {HEAD}\n"
    assert json.loads(promptctl("push", "--json"))[0]["number"] == 1
    promptctl("label", "echo@1", "production")
    assert promptctl("verify").startswith("verified: 2 events")
    assert promptctl("db", "check") == "0 differences\n"
