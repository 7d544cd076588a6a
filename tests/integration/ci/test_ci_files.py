"""What the workflow files promise: pinned actions, the least permissions, nothing untrusted in a shell."""

import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "integrations"
FILES = sorted(FOLDER.rglob("*.yml"))
PIN = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def steps_of(value):
    if isinstance(value, dict):
        if "run" in value or "uses" in value:
            yield value
        for item in value.values():
            yield from steps_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from steps_of(item)


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_there_is_something_to_check():
    assert [path.name for path in FILES] == ["action.yml", "action.yml", "workflow.yml", "promptship.gitlab-ci.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_expression_is_put_into_a_shell(path):
    assert [step["run"] for step in steps_of(load(path)) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_action_is_pinned_to_a_commit(path):
    used = [step["uses"] for step in steps_of(load(path)) if "uses" in step]
    assert [one for one in used if not PIN.fullmatch(one) and not one.startswith("OWNER/promptship/")] == []


def test_the_workflow_asks_for_the_least_and_never_runs_a_fork_with_secrets():
    workflow = load(FOLDER / "github/workflow.yml")
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert set(triggers) == {"pull_request", "push"}
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["check"]["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["comment"]["permissions"] == {"pull-requests": "write"}
    checkout = next(step for step in workflow["jobs"]["check"]["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    assert not any("checkout" in step.get("uses", "") for step in workflow["jobs"]["comment"]["steps"])


def test_a_fork_is_frozen_and_sees_no_cache():
    steps = load(FOLDER / "github/check/action.yml")["runs"]["steps"]
    check = next(step for step in steps if step.get("id") == "check")
    assert "github.event.pull_request.head.repo.fork == true" in check["env"]["CHECK_FROZEN"]
    caches = [step for step in steps if "actions/cache" in step.get("uses", "")]
    assert len(caches) == 2
    assert all("fork != true" in step["if"] for step in caches)


def test_gitlab_runs_the_lines_that_github_runs():
    (script,) = load(FOLDER / "gitlab/promptship.gitlab-ci.yml")["promptship-check"]["script"]
    lines = (FOLDER / "github/check/check.sh").read_text(encoding="utf-8").split("set -euo pipefail\n", 1)[1]
    assert script == f"bash <<'CHECK'\nset -euo pipefail\n{lines.rstrip()}\nCHECK\n"
