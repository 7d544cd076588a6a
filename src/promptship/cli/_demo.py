"""`promptctl demo`: a harmless and a bad edit of a prompt, reviewed on recorded answers; no key, model or network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.errors import ExitCode, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["demo"]

_DATA = Path(__file__).parent / "demo_project"
_GIT = ("git", "-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false")
_RECORDED = (
    "Recorded: 72 answers of SmolLM2-135M-Instruct, a small open model, are replayed. Nothing is called; prompts,\n"
    "evaluation, statistics and verdicts are the real ones."
)
_SUMMARY_LINES = 11
_EDITS = (
    ("harmless", "1. A harmless edit: the system message is worded anew."),
    ("bad", "2. A bad edit: somebody shortens the examples. The replies still look polite."),
)


def demo(
    context: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="An empty folder for the project; a temporary one if none.")
    ] = None,
) -> None:
    """Watch a harmless and a bad edit of a prompt being reviewed, on recorded answers; takes seconds."""
    folder = _prepare(Path(context.obj or ".") / directory if directory else None)
    typer.echo(f"{_RECORDED}\n\nproject  {folder}")
    _git(folder, "init", "--quiet", "--initial-branch", "main")
    _commit(folder, "A reply prompt, its evalset and recorded answers")
    _show(folder, "eval", "reply")
    for name, title in _EDITS:
        typer.secho(f"\n{title}\n", bold=True)
        _git(folder, "checkout", "--quiet", "-b", name, "main")
        shutil.copytree(_DATA / name, folder, dirs_exist_ok=True)
        _commit(folder, f"A {name} edit")
        _run(folder, "diff", "--format", "markdown", "--output", f"review-{name}.md")
        _show(folder, "diff", "--level", "text", "--level", "behaviour")
    code = _show(folder, "eval", "reply", most=_SUMMARY_LINES)
    if code != ExitCode.GATE_FAILED:
        raise StorageError(f"the demo's gate ended with {code}, not {ExitCode.GATE_FAILED}", hint="please report this")
    _end(folder)


def _prepare(folder: Path | None) -> Path:
    """Copy the project into an empty folder."""
    if shutil.which("git") is None:
        raise UsageError("the demo needs git, which is not installed", hint="it compares two versions of a prompt")
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="promptship-demo-"))
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{str(folder)!r} is not an empty folder", hint="name one that does not exist yet")
    try:
        shutil.copytree(_DATA / "base", folder, dirs_exist_ok=True)
        (folder / ".gitignore").write_text(".promptship/\nreview-*.md\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write to {str(folder)!r}: {error.strerror}") from None
    return folder.resolve()


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message)


def _git(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run([*_GIT, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - words of ours
    if done.returncode:
        raise StorageError(f"git {arguments[0]} failed: {done.stderr.strip()}")


def _show(folder: Path, *arguments: str, most: int | None = None) -> int:
    """Run a command and show it with what it prints, or the first lines of that; return its exit code."""
    done = _run(folder, *arguments)
    lines = done.stdout.rstrip().split("\n")
    shown = "\n".join([*lines[:most], *(["…"] if most is not None and len(lines) > most else [])])
    typer.echo(f"$ promptctl {' '.join(arguments)}\n{shown}")
    return done.returncode


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this program in the folder; a verdict is fine, any other failure ends the demo."""
    command: Sequence[str] = (sys.executable, "-c", "from promptship.cli import main; main()", *arguments)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PROMPTSHIP_"))}
    environment["COLUMNS"] = str(shutil.get_terminal_size((100, 24)).columns)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - this very program
    if done.returncode not in {ExitCode.PASS, ExitCode.GATE_FAILED}:
        sys.stderr.write(done.stderr)
        raise typer.Exit(done.returncode)
    return done


def _end(folder: Path) -> None:
    typer.secho("\nThe gate failed: in CI the second pull request would be red (exit code 1).\n", bold=True)
    for name, _ in _EDITS:
        typer.echo(f"review comment  {folder / f'review-{name}.md'}")
    typer.echo("next            look at prompts/ and evalsets/ there, change something, and run promptctl diff")
