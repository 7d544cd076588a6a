"""What a session pays that evaluates nothing: which modules are loaded, never how long it takes."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = {"pydantic", "jinja2", "yaml", "orjson", "numpy", "scipy", "pandas", "torch", "litellm", "aiohttp", "typer"}


def loaded_by(code, cwd):
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=cwd, env=environment
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_entry_module_imports_pytest_alone(tmp_path):
    plain = loaded_by("import pytest", tmp_path)
    found = loaded_by("import promptship.pytest_plugin", tmp_path) - plain
    assert found == {"promptship", "promptship.pytest_plugin"}


@pytest.mark.parametrize("arguments", [[], ["tests"], ["--markers"], ["tests/data.yaml", "tests"]])
def test_a_session_without_evalsets_loads_nothing_heavy(tmp_path, arguments):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "data.yaml").write_text("stages: []\n")
    (tmp_path / "tests" / "test_plain.py").write_text("def test_plain(): assert [1] == [1]\n")
    code = f"import pytest; pytest.main({['-p', 'promptship.pytest_plugin', '-q', *arguments]!r})"
    loaded = {name.partition(".")[0] for name in loaded_by(code, tmp_path)}
    assert loaded & HEAVY == set()


def test_a_session_that_sees_no_yaml_does_not_even_load_the_package(tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_plain(): assert [1] == [1]\n")
    loaded = loaded_by("import pytest; pytest.main(['-p', 'promptship.pytest_plugin', '-q'])", tmp_path)
    assert "promptship.pytest_plugin" in loaded
    assert "promptship.testing" not in loaded


def test_helpers_for_tests_import_nothing_heavy(tmp_path):
    loaded = {name.partition(".")[0] for name in loaded_by("from promptship.testing import assert_eval", tmp_path)}
    assert loaded & HEAVY == set()
