"""The script that the GitHub action and the GitLab job run, by bash, in a repository with a history."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "integrations/github/check/check.sh"


class Repository:
    def __init__(self, folder: Path):
        self.folder = folder
        self.write("prompts/models.yaml", "default: {model: fake/echo}\n")
        self.write("prompts/echo.prompt", "Say {{ word }}.\n")
        self.write("prompts/other.prompt", "Other {{ word }}.\n")
        for name in ("echo", "other"):
            cases = "cases: [{id: hi, inputs: {word: hello}, expected: hello}]\n"
            self.write(f"evalsets/{name}.yaml", f"prompt: {name}\nscorers: [icontains]\n{cases}")
        self.write(".gitignore", ".promptship/\nreport/\n")
        self.git("init", "-q", "-b", "main")
        self.commit("first")
        self.git("checkout", "-q", "-b", "change")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def git(self, *arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True)

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)

    def check(self, code=0, **settings):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CHECK_"))}
        done = subprocess.run(
            ["bash", str(SCRIPT)],
            cwd=self.folder,
            env={**environment, "PATH": path, "CHECK_OUTPUT": "report", **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def report(self, name):
        return (self.folder / "report" / name).read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_only_what_a_change_touches_is_evaluated_and_its_diff_is_written(repository):
    repository.write("prompts/echo.prompt", "Please say {{ word }}.\n")
    repository.commit("edit")
    repository.check(CHECK_BASE="main")
    assert repository.report("evalsets.txt") == "evalsets/echo.yaml\n"
    assert 'name="' in repository.report("junit.xml")
    assert "Please" in repository.report("diff.md")
    assert json.loads(repository.report("report.json"))


def test_a_change_that_no_evalset_judges_passes_without_pytest(repository):
    repository.write("README.md", "Hello\n")
    repository.commit("words")
    assert "nothing that an evalset judges" in repository.check(CHECK_BASE="main").stdout
    assert not (repository.folder / "report/junit.xml").exists()


def test_a_failing_case_fails_the_check_and_its_diff_is_written_all_the_same(repository):
    repository.write("prompts/echo.prompt", "Say nothing. {{ word | length }}\n")
    repository.commit("bad edit")
    repository.check(code=1, CHECK_BASE="main")
    assert "nothing" in repository.report("diff.md")


def test_the_default_branch_evaluates_everything_and_compares_with_nothing(repository):
    repository.check()
    assert repository.report("evalsets.txt") == "evalsets\n"
    assert not (repository.folder / "report/diff.md").exists()


def test_a_fork_replays_cassettes_and_calls_nobody(repository):
    repository.write("prompts/echo.prompt", "Please say {{ word }}.\n")
    repository.commit("edit")
    assert "there is no cassette" in repository.check(code=2, CHECK_BASE="main", CHECK_FROZEN="true").stdout
    assert "Please" in repository.report("diff.md")
    subprocess.run([Path(sys.executable).parent / "promptctl", "eval", "--record"], cwd=repository.folder, check=True)
    repository.check(CHECK_BASE="main", CHECK_FROZEN="true")


@pytest.mark.parametrize("base", ["$(touch pwned)", "`touch pwned`", "main; touch pwned", "--upload-pack=x", "nowhere"])
def test_a_base_is_a_revision_and_never_a_command(repository, base):
    assert "there is no revision" in repository.check(code=2, CHECK_BASE=base).stderr
    assert not (repository.folder / "pwned").exists()


def test_a_file_called_like_a_command_is_a_file(repository):
    name = "evalsets/$(touch pwned) ;x.yaml"
    repository.write(name, "prompt: echo\nname: odd\nscorers: [icontains]\ncases: [{inputs: {word: a}, expected: a}]\n")
    repository.commit("odd name")
    repository.check(CHECK_BASE="main")
    assert name in repository.report("evalsets.txt")
    assert not (repository.folder / "pwned").exists()
