"""Two registries of one team: what one has and the other lacks, planned, done, done again, and in conflict."""

import pytest

POLICY = """
labels:
  production:
    evidence:
      - evalset: echo
"""


@pytest.fixture
def team(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CI", "")
    cli.write("promptship.policy.yaml", POLICY)
    cli("push", "-m", "One")
    cli("label", "echo@1", "staging")
    cli.write("prompts/echo.prompt", "It says: {{ text }}\n")
    cli("push", "-m", "Two")
    return cli


def there(cli, *arguments, code=0):
    return cli(*arguments, code=code, env={"PROMPTSHIP_DATABASE_URL": "other.db"})


def test_a_plan_changes_nothing_and_what_is_done_is_not_done_again(team):
    assert "there is no registry at 'other.db' yet" in team("sync", "other.db", "--plan", code=2).stderr
    there(team, "db", "upgrade")
    planned = team("sync", "other.db", "--plan")
    assert [line[:9] for line in planned.stdout.splitlines()] == ["+ version", "+ version", "~ staging"]
    assert "to do: 2 versions, 0 pieces of evidence, 1 labels" in planned.stderr
    assert there(team, "list", "--json").stdout
    assert there(team, "log", "--json").stdout == "[]\n"
    assert team("sync", "other.db").stdout == planned.stdout
    again = team("sync", "other.db")
    assert (again.stdout, "done: 0 versions" in again.stderr) == ("", True)
    assert there(team, "verify").stdout.startswith("verified")
    (_, second) = sorted(team.json("log"), key=lambda one: one["seq"])[::2]
    assert "Two" in there(team, "log", "--json").stdout
    assert second["text"] == "Two"


def test_evidence_travels_and_decides_there(team):
    team("keys", "create")
    team("keys", "trust", "default")
    team("eval", "echo")
    team("promote", "echo@2", "production")
    refused = team("sync", "other.db", code=1)
    assert "! production of echo: echo@2 may not become 'production' yet" in refused.stdout
    there(team, "keys", "trust", "default")
    done = team("sync", "other.db")
    assert [line.split(" of ")[0] for line in done.stdout.splitlines()] == ["+ evidence", "~ production"]
    assert "echo@2" in there(team, "resolve", "echo@production").stdout
    assert team.json("sync", "other.db")["steps"] == []


def test_a_label_that_moved_on_both_sides_is_left_to_a_person(team):
    team("sync", "other.db")
    team("label", "echo@2", "staging")
    team.write("prompts/echo.prompt", "Three: {{ text }}\n")
    there(team, "push")
    there(team, "label", "echo@3", "staging")
    found = team("sync", "other.db", code=1)
    assert found.stdout.startswith("! staging of echo: it moved to echo@2 here and elsewhere there")
    assert "echo@3" in there(team, "resolve", "echo@staging").stdout
    assert team("sync", "other.db", "--label", "production").stdout == ""


def test_what_moved_on_there_comes_here_by_pull(team):
    team("sync", "other.db")
    there(team, "label", "echo@2", "staging")
    assert team("sync", "other.db").stdout == ""
    pulled = team("sync", "other.db", "--pull")
    assert pulled.stdout.startswith("~ staging of echo: 1b870ea799d9 -> echo@2")
    team("rollback", "echo", "staging")
    assert team("sync", "other.db").stdout.startswith("~ staging of echo")
    assert team("sync", "other.db", "--prompt", "sales/*").stdout == ""
