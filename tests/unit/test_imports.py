"""Import budgets: which modules are loaded, never how long it takes."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "litellm", "torch", "transformers", "pandas", "pyarrow", "aiohttp", "sqlglot", "nltk", "sacrebleu", "lxml",
    "sqlmodel", "sqlalchemy", "alembic", "psycopg",
}  # fmt: skip


def loaded_by(code):
    script = (
        f"import sys, json; before = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_promptship_loads_the_standard_library_and_ours_only():
    foreign = loaded_by("import promptship") - sys.stdlib_module_names - {"promptship"}
    assert foreign == set()


@pytest.mark.parametrize(
    "module",
    [
        "cli",
        "assembly",
        "evaluation",
        "models",
        "runner",
        "scorers",
        "evalsets",
        "report",
        "prompts",
        "registry",
        "store",
    ],
)
def test_importing_a_package_loads_nothing_heavy(module):
    assert loaded_by(f"import promptship.{module}") & HEAVY == set()


def test_help_loads_nothing_heavy():
    code = (
        "import contextlib, io, sys\nsys.argv = ['promptctl', '--help']\nfrom promptship.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    )
    loaded = loaded_by(code)
    assert loaded & (HEAVY | {"jinja2", "jsonschema", "pydantic"}) == set()
    assert "typer" in loaded
