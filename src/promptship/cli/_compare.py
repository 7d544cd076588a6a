"""`promptctl compare`: two runs, or the variants of one, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import deliver, dump_json, open_workspace, require_choice, terminal_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import Comparison
    from promptship.runner import Run

__all__ = ["compare"]

_FORMATS = ("terminal", "markdown", "json", "html")


def compare(
    context: typer.Context,
    baseline: Annotated[str, typer.Argument(metavar="RUN", help="What was: run id, the beginning of one, or last.")],
    candidate: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="What is proposed; without it, the variants of the first run."),
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}.")
    ] = "terminal",
    least_overlap: Annotated[
        float,
        typer.Option(
            "--min-overlap", min=0, max=1, metavar="SHARE", help="Refuse runs that share fewer of the smaller's cases."
        ),
    ] = 0.5,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two runs over the cases that they share; no call is made."""
    from promptship.evaluation import Bridges, compare_runs, compare_variants, find_quarantined, require_scored
    from promptship.runner import find_run

    chosen = "json" if as_json else file_format
    require_choice("--format", chosen, _FORMATS)
    project = open_workspace(context).project
    left = find_run(project.runs_dir, baseline)
    right = left if candidate is None else find_run(project.runs_dir, candidate)
    left_out = find_quarantined(project, right)
    if candidate is None:
        found = compare_variants(left, left_out=left_out)
    else:
        found = compare_runs(left, right, left_out=left_out, least_overlap=least_overlap, bridges=Bridges(project))
    require_scored(found)
    deliver(_render(chosen, found, left, right), output)


def _render(file_format: str, found: Sequence[Comparison], left: Run, right: Run) -> bytes:
    from promptship.evaluation import collect_examples
    from promptship.report import (
        render_comparison_html,
        render_comparison_json,
        render_comparison_markdown,
        render_comparison_terminal,
    )

    if file_format == "json":
        return dump_json(render_comparison_json(found))
    if file_format == "html":
        return render_comparison_html(found, [collect_examples(one, left, right) for one in found])
    if file_format == "markdown":
        return render_comparison_markdown(found).encode()
    return render_comparison_terminal(found, width=terminal_width()).encode()
