"""A team without a registry: labels, evidence and rollbacks in promptship.lock."""

import subprocess
from pathlib import Path

import pytest

POLICY = """
labels:
  production:
    evidence: [{evalset: echo, gates: [observed(pass_rate) >= 0.6]}]
keys:
  release: |
"""


@pytest.fixture
def repo(cli, monkeypatch, tmp_path):
    """A git project whose policy trusts a key of this machine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "x")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "y")
    public = Path(cli.json("keys", "create")["path"]).with_suffix(".pub").read_text()
    cli.write("promptship.policy.yaml", POLICY + "".join(f"    {line}\n" for line in public.splitlines()))
    cli.write(".gitignore", ".promptship/\nconfig/\n")
    for command in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=cli.folder, check=True)
    return cli


def test_a_label_moves_on_evidence_is_served_and_goes_back(repo):
    refused = repo("promote", "echo", "production", code=1)
    assert "- no evidence of echo (" in refused.stderr
    assert "asks for evidence" in repo("label", "echo", "production", code=2).stderr
    repo("eval", "echo")
    assert repo("promote", "echo", "production", "--dry-run", code=1).stdout.startswith("echo may not become")
    first = repo.json("promote", "echo", "production")
    assert (first["before"], first["moved"]) == (None, True)
    assert repo.json("verify")["flaws"] == []

    repo.write("prompts/echo.prompt", "It says: {{ text }}\n")
    assert "production" in repo("status").stdout
    assert repo.json("status")[0]["labels"][0]["current"] is False
    assert repo("render", "echo@production", "-i", "text=hi").stdout.count("It says") == 0
    repo("eval", "echo")
    second = repo.json("promote", "echo", "production")
    assert second["before"] == first["after"]
    assert repo("resolve", "echo@production").stdout == f"echo {second['after']}\n"
    assert repo.json("promote", "echo@production", "production")["moved"] is False

    back = repo.json("rollback", "echo", "production")
    assert back["after"] == first["after"]
    (state,) = repo.json("label")
    assert (state["sequence"], state["history"], state["evidence"]) == (3, [], [])
    assert "nothing to roll" in repo("rollback", "echo", "production", code=2).stderr
    assert not (repo.folder / ".promptship" / "registry.db").exists()


def test_free_labels_come_and_go(repo):
    moved = repo("label", "echo", "staging")
    assert moved.stdout.startswith("staging: nothing -> echo ")
    assert "hint: commit promptship.lock and promptship.lock.d" in moved.stderr
    assert repo("label", "echo", "staging").stdout.endswith(", as before\n")
    assert "staging" in repo("label").stdout
    repo("label", "echo", "staging", "--remove")
    assert repo.json("label") == []
    assert "no label of 'echo'" in repo("show", "echo@staging", code=2).stderr


def test_a_gate_versus_production_reads_the_lock(repo):
    repo("label", "echo", "staging")
    gates = '["pass_rate >= 0.1", {metric: pass_rate, versus: staging}]'
    header = f"prompt: echo\nscorers: [icontains]\ngates: {gates}\ncases: echo.jsonl\n"
    repo.write("evalsets/echo.yaml", header)
    repo.write("prompts/echo.prompt", "never {{ text | length }}\n")
    report = repo.json("eval", "echo", code=1)
    (gate,) = [one for one in report["gates"] if "staging" in one["gate"]]
    assert gate["decided_by"] == "baseline"


def test_evidence_that_was_changed_is_found(repo):
    repo("eval", "echo")
    repo("promote", "echo", "production")
    for path in (repo.folder / "promptship.lock.d").rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    found = repo("verify", code=3)
    assert found.stdout.count("was changed: it is not") == 2
    assert found.stdout.endswith("NOT VERIFIED\n")
    assert "was changed" in repo("show", "echo@production", code=3).stderr


def test_what_a_lock_cannot_do_is_said(repo):
    repo("label", "echo", "staging")
    asked = repo("promote", "echo", "production", "--request", code=2)
    assert "open a pull request" in asked.stderr
    assert "git show COMMIT:promptship.lock" in repo("resolve", "echo@staging", "--at", "2026-01-01", code=2).stderr
    assert "there is no registry" in repo("show", "echo@1", code=2).stderr
    repo.write("promptship.lock", "<<<<<<< HEAD\n")
    assert "promptship.lock:1: git left a merge conflict here" in repo("label", code=2).stderr


def test_a_bundle_of_the_lock_and_one_of_a_registry_serve_the_same(repo):
    repo("eval", "echo")
    repo("promote", "echo", "production")
    repo("bundle", "-o", "lock.tar", "--label", "production")
    found = repo.json("verify", "lock.tar")
    assert found["signed_by"] == ["release"]
    (label,) = [one["digest"] for one in found["labels"]]
    assert "no prompt has the label 'canary'" in repo("bundle", "-o", "x.tar", "--label", "canary", code=2).stderr

    repo("push")
    repo("keys", "trust", "default", "--name", "release")
    repo("promote", "echo@1", "production")
    repo("bundle", "-o", "registry.tar")
    again = repo.json("verify", "registry.tar")
    assert (again["signed_by"], [one["digest"] for one in again["labels"]]) == (["release"], [label])
    with (repo.folder / "registry.tar").open("r+b") as file:
        file.seek(3000)
        file.write(b"x")
    assert "hint:" in repo("verify", "registry.tar", code=2).stderr
    repo("bundle", "-o", "plain.tar", "--unsigned")
    assert "it is not signed" in repo("verify", "plain.tar", code=2).stderr
    assert "not signed" in repo("verify", "plain.tar", "--unsigned").stdout
