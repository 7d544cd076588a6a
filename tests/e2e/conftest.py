import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "promptctl"


class Cli:
    """Runs the command in a folder, as a user would."""

    def __init__(self, folder: Path):
        self.folder = folder

    def command(self, *arguments):
        return [str(PROGRAM), *map(str, arguments)]

    def __call__(self, *arguments, code=0, env=None, stdin=None):
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "120", **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments, code=0, env=None):
        return json.loads(self(*arguments, "--json", code=code, env=env).stdout)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def cli(tmp_path):
    """A project whose model echoes the last user message."""
    found = Cli(tmp_path)
    found.write("prompts/models.yaml", "default: {model: fake/echo}\n")
    found.write("prompts/echo.prompt", "{{ text }}\n")
    found.write(
        "evalsets/echo.yaml",
        "prompt: echo\nscorers: [icontains]\ngates: [observed(pass_rate) >= 0.5]\ncases: echo.jsonl\n",
    )
    rows = [
        {"id": "paris", "inputs": {"text": "Paris it is"}, "expected": "paris", "tags": {"language": "en"}},
        {"id": "berlin", "inputs": {"text": "Berlin ist es"}, "expected": "berlin", "tags": {"language": "de"}},
        {"id": "wrong", "inputs": {"text": "something else"}, "expected": "madrid", "tags": {"language": "en"}},
    ]
    found.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return found
