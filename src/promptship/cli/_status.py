"""`promptctl status`: what changed, and whether there is evidence for it."""

from __future__ import annotations

from typing import Annotated

import typer

from promptship.cli._console import open_workspace, print_json, print_table

__all__ = ["status"]


def status(
    context: typer.Context,
    since: Annotated[str, typer.Option(metavar="REV", help="Git revision to compare with.")] = "HEAD",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say for each prompt what changed since a commit, and what its last evaluation said."""
    from dataclasses import asdict

    from promptship.domain import short_digest
    from promptship.evaluation import compute_status

    found = compute_status(open_workspace(context).project, since=since)
    if as_json:
        print_json([asdict(row) for row in found])
        return
    rows = [
        (
            row.name,
            short_digest(row.digest),
            row.change,
            row.evidence,
            ", ".join(row.evalsets) or "-",
            row.run_id or "-",
        )
        for row in found
    ]
    print_table(("prompt", "digest", f"since {since}", "evidence", "evalsets", "run"), rows)
    for row in found:
        if row.problem:
            typer.echo(f"\n{row.name} does not load:\n{row.problem}")
