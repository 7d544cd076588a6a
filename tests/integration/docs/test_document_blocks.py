"""Every fenced block of the README and of docs/ is executed, document by document, top to bottom.

An HTML comment in the line before a block says what is special about it:
    <!-- file: prompts/greet.prompt -->   the block is written to this file of the scratch project
    <!-- exit: 1 -->                      the command's exit code
    <!-- in: checkout -->                 run in a copy of this repository instead of the scratch folder
    <!-- not run: reason -->              shown only
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from forked_cli import ForkServer

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"(?:^<!-- (?P<key>file|exit|in|not run): (?P<value>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN_ONLY = {"text", "json", "console"}
RUNNABLE = {"sh", "python"}


@dataclass
class Block:
    line: int
    language: str
    body: str
    key: str | None
    value: str | None


def blocks_of(document):
    text = document.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text[: match.start("body")].count("\n")
        yield Block(line, match["language"], match["body"], match["key"], match["value"])


def environment(folder, programs):
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    # make finds the environment that is under test, already installed, instead of making another.
    installed = folder / ".installed"
    installed.touch()
    made = {"VENV": sys.prefix, "INSTALLED": str(installed), "INSTALLED_DEV": str(installed)}
    return {**os.environ, **made, "PATH": path, "HF_HUB_OFFLINE": "1", "COLUMNS": "110"}


def checkout(folder):
    kept = ["Makefile", "pyproject.toml", "constraints.txt", "prompts", "evalsets", "README.md", "cassettes"]
    folder.mkdir()
    for name in kept:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        elif source.exists():
            shutil.copy2(source, folder / name)
    return folder


def run(block, document, folder, programs):
    command = ["bash", "-euo", "pipefail", "-c", block.body]
    if block.language == "python":
        command = [sys.executable, "-c", block.body]
    surroundings = environment(folder, programs)
    done = subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False, timeout=900
    )
    expected = int(block.value) if block.key == "exit" else 0
    place = f"{document.relative_to(ROOT)}:{block.line}"
    assert done.returncode == expected, f"{place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder with the command, which is forked from a process that has it loaded."""
    with contextlib.closing(ForkServer()) as server:
        yield server.install(tmp_path_factory.mktemp("programs"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_of_the_document_runs(document, tmp_path, programs):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    repository = None
    for block in blocks_of(document):
        if block.key == "file":
            path = scratch / block.value
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
        elif block.key != "not run" and block.language in RUNNABLE:
            if block.key == "in":
                repository = repository or checkout(tmp_path / "checkout")
            run(block, document, repository if block.key == "in" else scratch, programs)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_says_its_language(document):
    for block in blocks_of(document):
        known = block.language in RUNNABLE | SHOWN_ONLY or block.key == "file"
        assert known, f"{document.relative_to(ROOT)}:{block.line}: a block in {block.language!r} that nothing runs"
