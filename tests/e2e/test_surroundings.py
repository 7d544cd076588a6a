"""The command does its work whatever its streams, locale, terminal, folder and home are like."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def shell(cli, line, **env):
    """Run a line of bash in which `promptctl` is the command; returns it with the exit code of its first program."""
    folder = cli.command()[0].rpartition("/")[0]
    return subprocess.run(
        ["bash", "-c", line + "; exit ${PIPESTATUS[0]}"],
        cwd=cli.folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def failing(cli):
    """The same project with a gate that fails."""
    text = (cli.folder / "evalsets/echo.yaml").read_text()
    cli.write("evalsets/echo.yaml", text.replace("0.5", "0.9"))
    return cli


@pytest.mark.parametrize("arguments", ["", "--json", "--report markdown"])
def test_a_reader_that_leaves_early_does_not_change_the_verdict(failing, arguments):
    done = shell(failing, f"promptctl eval echo {arguments} | true")
    assert done.returncode == 1
    assert "Broken" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error_of_other_commands(cli):
    done = shell(cli, "promptctl list | true")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_stdout_on_a_full_disk_is_an_error_that_says_so(cli):
    done = shell(cli, "promptctl eval echo > /dev/full")
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert cli.json("eval", "echo")["totals"]["cached"] == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_stderr_on_a_full_disk_does_not_change_the_verdict(failing):
    done = shell(failing, "promptctl eval echo 2> /dev/full")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_change_the_verdict(failing, closed):
    done = shell(failing, f"promptctl eval echo {closed}")
    assert done.returncode == 1
    assert len(list((failing.folder / ".promptship/runs").glob("*/verdict.json"))) == 1


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_a_locale_without_unicode_changes_no_data(cli, env):
    cli.write("evalsets/echo.jsonl", '{"inputs": {"text": "Grüße — 東京"}, "expected": "東京"}\n')
    assert cli("eval", "echo", env=env).stdout.startswith("PASS")
    done = shell(cli, "promptctl eval echo --json --cases", **env)
    (case,) = json.loads(done.stdout)["cases"]
    assert "Grüße — 東京" in json.dumps(case, ensure_ascii=False)


def test_a_terminal_of_40_columns_gets_no_longer_lines(cli):
    found = cli("eval", "echo", env={"COLUMNS": "40"})
    assert max(map(len, found.stdout.splitlines())) <= 40
    assert found.stdout.startswith("PASS")


@pytest.mark.skipif(shutil.which("script") is None, reason="script(1) gives the terminal that this test needs")
@pytest.mark.parametrize(("env", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_heeded_on_a_terminal(cli, env, colored):
    # stderr goes to a file: a progress bar moves the cursor, which is no colour.
    line = f"stty cols 100; {' '.join(cli.command('eval', 'echo'))} 2> err"
    surroundings = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    done = subprocess.run(
        ["script", "-qec", line, "/dev/null"],
        cwd=cli.folder,
        env={**surroundings, "TERM": "xterm-256color", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "PASS" in done.stdout
    assert ("\x1b[" in done.stdout) is colored


def test_no_color_escape_reaches_a_pipe(cli):
    done = cli("eval", "echo")
    assert "\x1b" not in done.stdout + done.stderr


def test_without_home_and_nearly_without_environment_it_runs(cli):
    done = subprocess.run(
        cli.command("eval", "echo", "--json"), cwd=cli.folder, env={}, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "pass")


def test_a_path_with_spaces_and_other_scripts_is_named_as_it_is(cli):
    folder = cli.folder / "my prøject — 日本 [x]"
    folder.mkdir()
    for name in ("prompts", "evalsets"):
        (cli.folder / name).rename(folder / name)
    cli.folder = folder
    found = cli.json("eval", "echo", "--report", "html")
    assert found["verdict"] == "pass"
    assert len(list(folder.glob(".promptship/runs/*/report.html"))) == 1
    cli.write("prompts/echo.prompt", "{{ text \n")
    assert "prompts/echo.prompt:1:" in cli("eval", "echo", code=2).stderr
    cli.write("prompts/echo.prompt", "{{ text }}\n")
    cli.write("prompts/grüße.prompt", "{{ text }}\n")
    assert [row["name"] for row in cli.json("list")] == ["echo", "grüße"]


def test_without_git_it_runs_and_a_revision_is_refused_with_the_remedy(cli):
    assert not (cli.folder / ".git").exists()
    cli("eval", "echo")
    assert "git init" in cli("render", "echo@git:main", "-i", "text=x", code=2).stderr


def test_where_git_is_not_installed_it_runs(cli):
    done = subprocess.run(
        cli.command("eval", "echo"), cwd=cli.folder, env={"PATH": "/nonexistent"}, capture_output=True, check=False
    )
    assert done.returncode == 0


def test_importing_warns_of_nothing_prints_nothing_and_reads_no_environment(tmp_path):
    (tmp_path / ".env").write_text("PROMPTSHIP_CONCURRENCY=nonsense\nSEEN_BY_DOTENV=1\n")
    code = (
        "import os; before = dict(os.environ)\n"
        "import promptship, promptship.cli, promptship.assembly, promptship.models, promptship.report\n"
        "assert dict(os.environ) == before"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
