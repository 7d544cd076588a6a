"""`promptctl push | log | label | rollback | …`: a registry as its users see it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from promptship.store import HEAD

TEXTS = [
    f"---\ndescription: Repeats\n---\n{text}\n"
    for text in ("{{ text }}", "You said: {{ text }}", "Sorry: {{ text | length }}")
]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state folder of a project that pushed three versions, of which the second is in production; made once."""
    folder = tmp_path_factory.mktemp("released")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "models.yaml").write_text("default: {model: fake/echo}\n", encoding="utf-8")
    commands = []
    for number, text in enumerate(TEXTS, start=1):
        commands += [f"promptctl push -m 'Change {number}' --tag mine"]
        (folder / f"{number}.prompt").write_text(text, encoding="utf-8")
    commands += ["promptctl label echo@1 production", "promptctl label echo@2 production --reason 'reads better'"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for number, command in enumerate(commands, start=1):
        if number <= len(TEXTS):
            shutil.copy(folder / f"{number}.prompt", folder / "prompts" / "echo.prompt")
        subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True, env=environment)
    return folder / ".promptship"


@pytest.fixture
def released(cli, state):
    shutil.copytree(state, cli.folder / ".promptship")
    cli.write("prompts/echo.prompt", TEXTS[-1])
    return cli


def tamper(cli, statement):
    connection = sqlite3.connect(cli.folder / ".promptship" / "registry.db")
    with connection:
        guards = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_event'"
        found = connection.execute(guards).fetchall()
        for name, _ in found:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, made in found:
            connection.execute(made)
    connection.close()


def test_push_is_done_once(cli):
    (first,) = cli.json("push", "-m", "First")
    (again,) = cli.json("push", "-m", "Again")
    assert (first["ref"], first["semver"], first["created"]) == ("echo@1", "1.0.0", True)
    assert (again["ref"], again["message"], again["created"]) == ("echo@1", "First", False)
    assert "echo@1" in cli("push").stdout


def test_push_keeps_the_commit_and_who_made_it(cli):
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=y", "commit", "-qm", "z"]):
        subprocess.run(["git", *command], cwd=cli.folder, check=True)
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        subprocess.run(["git", "config", key, value], cwd=cli.folder, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=cli.folder, check=True, capture_output=True, text=True
    ).stdout.strip()
    (pushed,) = cli.json("push", env={"CI": ""})
    assert (pushed["git_commit"], pushed["author"]) == (commit, "Ada <ada@example.org>")
    cli.write("prompts/echo.prompt", "Again: {{ text }}\n")
    (pushed,) = cli.json("push", env={"CI": "true", "GITHUB_ACTOR": "ada-bot"})
    assert (pushed["git_commit"], pushed["author"], pushed["author_kind"]) == (f"{commit}+dirty", "ada-bot", "ci")


def test_nothing_is_pushed_where_one_prompt_is_wrong(cli):
    cli.write("prompts/broken.prompt", "{% if %}")
    cli("push", code=2)
    assert not (cli.folder / ".promptship" / "registry.db").exists()


def test_stored_versions_are_references_everywhere(released):
    released.write("prompts/echo.prompt", "changed {{ text }}\n")
    assert released("run", "echo@1", "-i", "text=x").stdout == "x\n"
    assert released("run", "echo@production", "-i", "text=x").stdout == "You said: x\n"
    assert released.json("render", "echo@^1", "-i", "text=xyz")[0]["content"] == "Sorry: 3"
    shown = released("show", "echo@production").stdout
    assert "version  2, 1.0.1" in shown
    assert "(Change 2)" in shown
    as_json = released.json("show", "echo@production")
    assert (as_json["ref"], as_json["semver"], as_json["message"]) == ("echo@2", "1.0.1", "Change 2")
    digest = released.json("resolve", "echo@2")["digest"]
    assert released.json("show", f"echo@{digest}")["digest"] == digest
    assert "You said" in released("diff", "echo@1", "echo@production", "--level", "text").stdout
    run = released.json("eval", "echo", "--prompt", "echo@1", "--prompt", "echo@production")
    assert run["totals"]["cases"] == 6


def test_a_stored_version_is_called_where_the_project_says(cli, serve, completion):
    server = serve(lambda handler, _: handler.say(completion))
    cli("push")
    done = cli("run", "echo@1", "-i", "text=x", env={"HOUSE_KEY": "k"})
    assert (done.stdout, server.keys) == ("paris\n", ["Bearer k"])


def test_rollback_is_one_command(released):
    assert released("rollback", "echo", "production").stdout == "production: echo@2 -> echo@1\n"
    assert released.json("resolve", "echo@production")["number"] == 1
    refused = released("rollback", "echo", "production", code=2)
    assert "nothing to roll 'production' of 'echo' back to" in refused.stderr
    assert "hint: promptctl log echo" in refused.stderr


def test_labels_are_listed_moved_and_removed(released):
    assert [row["label"] for row in released.json("label")] == ["production"]
    assert released("label", "echo@2", "production").stdout == "production: echo@2, as before\n"
    assert released("label", "echo", "production", "--remove").stdout == "production: echo@2 -> nothing\n"
    assert released.json("label", "echo") == []
    assert "no prompt 'eco'; did you mean 'echo'?" in released("label", "eco", code=2).stderr


def test_the_log_tells_all(released):
    newest, *_ = released.json("log", "echo", "--limit", "3")
    assert (newest["kind"], newest["before"], newest["number"], newest["text"]) == ("label", 1, 2, "reads better")
    table = released("log").stdout
    assert "echo production: 1 -> 2" in table
    assert "Change 3" in table


def test_a_message_cannot_write_to_the_terminal(cli):
    refused = cli("push", "-m", "a\x1b[2Jb", code=2)
    assert "control character" in refused.stderr
    assert "\x1b" not in refused.stderr


def test_search_blame_fork_tag_and_withdraw(released):
    assert [row["ref"] for row in released.json("search", "sorry")] == ["echo@3"]
    assert released.json("search", "said") == []
    assert [row["ref"] for row in released.json("search", "said", "--all", "--tag", "mine")] == ["echo@2"]
    assert released.json("blame", "echo@2")[0]["version"]["number"] == 2
    assert "You said" in released("blame", "echo@2").stdout
    assert released.json("fork", "echo@2", "another")["forked_from"] == "echo@2"
    assert released.json("tag", "echo@3", "--add", "new", "--remove", "mine")["tags"] == ["new"]
    assert "for a reason" in released("withdraw", "echo@3", code=2).stderr
    released("withdraw", "echo@3", "--reason", "too sorry")
    assert "was withdrawn" in released("run", "echo@3", "-i", "text=x", code=2).stderr
    released("withdraw", "echo@3", "--undo")
    assert released("run", "echo@3", "-i", "text=x").stdout == "Sorry: 1\n"


def test_bisect_names_the_version_that_broke_a_case(released):
    found = released.json("bisect", "echo", "echo", "paris")
    assert (found["good"]["ref"], found["bad"]["ref"], found["bad"]["message"]) == ("echo@2", "echo@3", "Change 3")
    assert "echo@1 fails too" in released("bisect", "echo", "echo", "wrong", code=2).stderr
    refused = released("bisect", "echo", "echo", "pariss", code=2)
    assert "did you mean 'paris'?" in refused.stderr
    assert "echo@2 passes" in released("bisect", "echo", "echo", "paris", "--bad", "2", code=2).stderr


def test_bisect_asks_stored_runs_first(released):
    for number in (1, 2, 3):
        released("eval", "echo", "--prompt", f"echo@{number}", code=0 if number < 3 else 1)
        released("push", "--run", "last")
    before = len(released.json("runs", "list"))
    assert released.json("bisect", "echo", "echo", "paris")["bad"]["number"] == 3
    assert len(released.json("runs", "list")) == before


def test_verify_names_the_row_that_was_changed(released):
    assert released("verify").stdout.startswith("verified: 5 events, 3 versions")
    tamper(released, "UPDATE ledger_event SET payload = replace(payload, 'reads better', 'was tested') WHERE seq = 5")
    refused = released("verify", code=3)
    assert refused.stdout.startswith("ledger_event 5: its hash is not that of its payload\nNOT VERIFIED")
    assert released.json("verify", code=3)["flaws"][0]["row"] == "5"


def test_a_gate_compares_with_what_is_in_production(released):
    gate = "gates: [{metric: pass_rate, not_worse_by: 0.5, versus: production, decide: observed}]\n"
    released.write("evalsets/versus.yaml", f"prompt: echo\nscorers: [icontains]\n{gate}cases: echo.jsonl\n")
    (decided,) = released.json("eval", "versus")["gates"]
    assert decided["value"] == pytest.approx(-2 / 3)
    (same,) = released.json("eval", "versus", "--prompt", "echo@production")["gates"]
    assert "labelled" not in same["reason"]


def test_personal_data_can_be_erased_and_all_still_verifies(released):
    released.write("evalsets/mails.yaml", "prompt: echo\nscorers: [icontains]\ngates: [observed(pass_rate) >= 0]\n"
                   "cases:\n  - {inputs: {text: My name is Bob}, expected: bob, tags: {subject: bob}}\n"
                   "  - {inputs: {text: hello}, expected: hello}\n")  # fmt: skip
    released("eval", "mails", "--prompt", "echo@1")
    released("push", "--evalset", "mails", "--run", "last")
    assert released.json("db", "erase", "--subject", "bob", "--yes")["payloads"] == 2
    assert b"My name is Bob" not in (released.folder / ".promptship" / "registry.db").read_bytes()
    assert "(2 erased)" in released("verify").stdout
    assert released.json("db", "erase", "--before", "2100-01-01", "--yes")["payloads"] == 2
    assert released.json("verify")["flaws"] == []
    assert "nothing says what to erase" in released("db", "erase", "--yes", code=2).stderr


def test_a_backup_is_restored(released):
    released("db", "backup", "monday.db")
    released("label", "echo@3", "production")
    assert "exists" in released("db", "restore", "monday.db", code=2).stderr
    assert "restored 5 events, 3 versions; 0 flaws" in released("db", "restore", "monday.db", "--yes").stdout
    assert released.json("resolve", "echo@production")["number"] == 2
    assert released.json("db", "check") == {"differences": []}
    assert f"schema {HEAD}" in released("db", "upgrade").stdout


def test_states_are_repaired_from_the_ledger(released):
    tamper(released, "DELETE FROM label")
    found = released.json("db", "check", code=3)["differences"]
    assert found == ["label echo@production: it is not there; the events say 2"]
    assert released.json("db", "check", "--repair")["differences"] == []
    assert released.json("resolve", "echo@production")["number"] == 2


def test_a_newer_registry_is_refused(released):
    connection = sqlite3.connect(released.folder / ".promptship" / "registry.db")
    with connection:
        connection.execute("UPDATE promptship_schema SET version_num = '9999'")
        connection.execute("UPDATE promptship_compatibility SET works_from = '9999'")
    connection.close()
    for command in (["push"], ["db", "upgrade"]):
        refused = released(*command, code=3)
        assert "has schema 9999" in refused.stderr
        assert "hint: pip install --upgrade promptship" in refused.stderr


@pytest.mark.parametrize("command", [["log"], ["show", "echo@1"]])
def test_where_there_is_no_registry_the_way_to_one_is_named(cli, command):
    refused = cli(*command, code=2)
    assert "there is no registry" in refused.stderr
    assert "hint: promptctl push" in refused.stderr
    assert not (cli.folder / ".promptship" / "registry.db").exists()


def test_the_setting_names_another_registry(cli):
    cli.write("promptship.toml", 'database_url = "shared/team.db"\n')
    cli("push")
    assert (cli.folder / "shared" / "team.db").exists()
    refused = cli("log", code=2, env={"PROMPTSHIP_DATABASE_URL": "mysql://me:secret@db/x"})
    assert "me:***@db" in refused.stderr
    assert "secret" not in refused.stderr


def test_nothing_of_the_database_is_loaded_by_other_commands(cli):
    program = (
        "import sys; sys.argv = ['promptctl', 'render', 'echo', '-i', 'text=x']\n"
        "import contextlib\nfrom promptship.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "sys.exit(len({'sqlalchemy', 'sqlmodel', 'alembic', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=cli.folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
