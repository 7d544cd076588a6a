"""`promptctl init`: the smallest project that evaluates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptship.cli._console import note

__all__ = ["init"]

_FILES = {
    "prompts/hello.prompt": "{{ question }} Answer in one short sentence.\n",
    "prompts/models.yaml": (
        "# Which model a prompt means by `model: NAME`. Keys are never written here: api_key_env names a variable.\n"
        "default: {model: local/smollm2-135m-instruct, params: {temperature: 0, max_tokens: 64}}\n"
    ),
    "evalsets/hello.yaml": (
        "prompt: hello\n"
        "scorers: [icontains]\n"
        "gates:\n"
        "  - observed(pass_rate) >= 0.5\n"
        "  # Red where the default branch's version is shown to be better: exact McNemar test, one-sided, alpha 0.05.\n"
        "  - {metric: pass_rate, versus: base}\n"
        "cases:\n"
        "  - {inputs: {question: What is the capital of France?}, expected: Paris}\n"
        "  - {inputs: {question: What is the capital of Italy?}, expected: Rome}\n"
    ),
    "promptship.toml": "# Settings of this project; everything has a default.\n",
}
_IGNORED = ".promptship/"


def init(
    context: typer.Context,
    directory: Annotated[Path | None, typer.Argument(metavar="DIR", help="The current folder if none.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
) -> None:
    """Write a first prompt, its evalset and a model config; files that exist are left alone."""
    from promptship.report import write_report

    root = Path(context.obj or ".") / (directory or Path())
    for name, content in _FILES.items():
        path = root / name
        if path.exists():
            note(f"kept    {path}")
            continue
        if not dry_run:
            write_report(path, content.encode())
        typer.echo(f"{'would write' if dry_run else 'wrote'} {path}")
    if not dry_run:
        _ignore(root / ".gitignore")
        note("next: promptctl eval hello")


def _ignore(path: Path) -> None:
    """Keep the machine's data out of git."""
    from promptship.report import write_report

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if _IGNORED not in text.split("\n"):
        separator = "" if not text or text.endswith("\n") else "\n"
        write_report(path, f"{text}{separator}{_IGNORED}\n".encode())
