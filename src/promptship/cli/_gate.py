"""`promptctl gate`: judge a stored run again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import open_workspace, print_json, terminal_width, wants_color

if TYPE_CHECKING:
    from promptship.domain import Verdict

__all__ = ["gate"]


def gate(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or last.")] = "last",
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Gates and limits; without it the evalset's own gates.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="RUN", help="Decide gates versus a baseline against this run.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide gates for a stored run; nothing is called, and the run stays as it is.

    The exit code is the verdict, as for eval.
    """
    from promptship.evaluation import judge_run
    from promptship.gates import exit_code_of, load_policy
    from promptship.runner import find_run

    project = open_workspace(context).project
    found = find_run(project.runs_dir, run)
    before = None if baseline is None else find_run(project.runs_dir, baseline)
    verdict = judge_run(project, found, policy=load_policy(policy) if policy else None, baseline=before)
    if as_json:
        print_json(_as_json(found.manifest.run_id, verdict))
    else:
        from promptship.report import render_verdict

        sys.stdout.write(render_verdict(found, verdict, color=wants_color(), width=terminal_width()))
    raise typer.Exit(exit_code_of(verdict))


def _as_json(run_id: str, verdict: Verdict) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "run_id": run_id,
        "verdict": verdict.finding,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "gates": [asdict(one) for one in verdict.gates],
    }
