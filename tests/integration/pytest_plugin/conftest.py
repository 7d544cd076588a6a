"""A project to run pytest in. Its target counts what it is asked, over all processes."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys

import pytest

import promptship

APP = """
import asyncio, os

async def answer(inputs, context):
    with open(os.environ.get("CALLS", "calls.txt"), "a") as file:
        file.write(inputs["text"] + "\\n")
    await asyncio.sleep(float(inputs.get("wait_s", 0)))
    if inputs["text"].startswith("crash"):
        raise RuntimeError("it broke")
    return inputs["text"]
"""
CASES = [
    {"id": "paris", "inputs": {"text": "Paris it is"}, "expected": "paris", "tags": {"language": "en"}},
    {"id": "berlin", "inputs": {"text": "Berlin ist es"}, "expected": "berlin", "tags": {"language": "de"}},
    {"id": "wrong", "inputs": {"text": "something else"}, "expected": "madrid", "tags": {"language": "en"}},
]


class Project:
    def __init__(self, pytester):
        self.pytester = pytester
        self.path = pytester.path
        self.write("pytest.ini", "[pytest]\n")
        self.write("app.py", APP)
        self.write("prompts/models.yaml", 'default: {model: fake/echo}\nfast: {model: "fake/constant?text=Paris"}\n')
        self.write("prompts/echo.prompt", "{{ text }}\n")

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def evalset(self, name="echo", cases=CASES, **keys):
        """Write an evalset of the target that counts; `prompt=` makes it one of a prompt."""
        target = {} if "prompt" in keys else {"target": "python:app:answer"}
        header = {"scorers": ["icontains"], "cases": f"{name}.jsonl", **target, **keys}
        self.write(f"evalsets/{name}.yaml", json.dumps(header))
        self.write(f"evalsets/{name}.jsonl", "".join(json.dumps(case) + "\n" for case in cases))

    def run(self, *arguments, randomly=False):
        """Run pytest in this process, every warning an error."""
        order = () if randomly else ("-p", "no:randomly")
        options = (
            "-W",
            "error",
            "-o",
            "asyncio_default_fixture_loop_scope=function",
            "-p",
            "no:hypothesispytest",
            *order,
        )
        return self.pytester.runpytest_inprocess(*options, *arguments)

    def start(self, *arguments, env=None):
        """Start pytest in a process of its own."""
        command = [sys.executable, "-m", "pytest", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]
        command += ["-p", "no:hypothesispytest", *arguments]
        # This suite may run under xdist itself; the session that is started is nobody's worker.
        outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return subprocess.Popen(
            command,
            cwd=self.path,
            env={**outer, "CALLS": str(self.path / "calls.txt"), "COLUMNS": "160", **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run_apart(self, *arguments, env=None):
        process = self.start(*arguments, env=env)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out

    @property
    def calls(self):
        path = self.path / "calls.txt"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def runs(self):
        return sorted((self.path / ".promptship" / "runs").glob("[0-9]*"))


@pytest.fixture(scope="session", autouse=True)
def loaded(tmp_path_factory):
    """Load what the sessions within this process load lazily, which each of them would otherwise do anew."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "models.yaml").write_text("default: {model: fake/echo}\n")
    (folder / "prompts" / "echo.prompt").write_text("{{ text }}\n")
    evalset = folder / "one.yaml"
    evalset.write_text("{prompt: echo, scorers: [icontains], cases: [{inputs: {text: a}, expected: b}]}")
    run = promptship.evaluate(evalset, project=folder)
    for name in ("promptship.testing", "promptship.stats", "promptship.report"):
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{name}.{module.name}")
    return run


@pytest.fixture
def project(pytester, monkeypatch):
    for name in ("CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    found = Project(pytester)
    monkeypatch.setenv("CALLS", str(found.path / "calls.txt"))
    yield found
    sys.modules.pop("app", None)
