"""`promptctl coverage`: what the cases of an evalset reach in a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import PromptCoverage

__all__ = ["coverage"]


def coverage(
    context: typer.Context,
    prompts: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="Names; all if none.")] = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="PERCENT", help="Exit with 1 where a prompt is below.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which branches and kinds of inputs of a prompt no case reaches; nothing is called."""
    from dataclasses import asdict

    from promptship.evaluation import compute_coverage

    project = open_workspace(context).project
    found = [compute_coverage(project, name) for name in prompts or project.prompt_names()]
    if as_json:
        print_json([{**asdict(one), "share": one.share} for one in found])
    else:
        for one in found:
            for line in _lines(one):
                typer.echo(line)
    below = [one.prompt for one in found if fail_under is not None and 100 * one.share < fail_under]
    if below:
        note(f"below {fail_under:g} %: {', '.join(below)}")
        raise typer.Exit(1)


def _lines(found: PromptCoverage) -> Iterator[str]:
    from promptship.report import escape_terminal

    reached, whole = found.reached
    sets = ", ".join(found.evalsets) or "no evalset"
    yield escape_terminal(f"{found.prompt}: {found.share:.0%}, {reached} of {whole}, by {found.cases} cases of {sets}")
    for branch in found.branches:
        if not branch.hits:
            yield escape_terminal(f"  never taken: {branch.kind:<9} {branch.template or 'template'}:{branch.line}")
    for domain in found.inputs:
        if not domain.hits:
            yield escape_terminal(f"  never seen:  {domain.name} {domain.value}")
