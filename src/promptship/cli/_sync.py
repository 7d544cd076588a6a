"""`promptctl sync`: two registries brought together."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json

if TYPE_CHECKING:
    from promptship.release import SyncConflict, SyncPlan, SyncStep

__all__ = ["sync"]


def sync(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="PLACE", help="Another registry: a server, a file, or PostgreSQL.")],
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", metavar="PATTERN", help="Only these; repeatable.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="PATTERN", help="Move only these; repeatable.")
    ] = None,
    *,
    pull: Annotated[bool, typer.Option("--pull", help="From PLACE to here, not from here to PLACE.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what would be done; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Give another registry the versions, evidence and labels that this one has and it lacks.

    A label that moved on both sides is left alone and named. Exit code 1: something is left for a person.
    """
    from promptship.assembly import local_actor, open_place, open_registry
    from promptship.errors import ExitCode
    from promptship.release import apply_sync, plan_sync

    workspace = open_workspace(context)
    project = workspace.project
    with (
        open_registry(project, make=pull and not plan_only) as here,
        open_place(project, place, make=not (pull or plan_only)) as there,
    ):
        source, target = (there, here) if pull else (here, there)
        plan = plan_sync(source, target, prompts=prompts or ("*",), labels=labels or ("*",))
        done: list[SyncStep] = []
        left = list(plan.conflicts)
        if not plan_only:
            actor = local_actor(project, workspace.env)
            left += apply_sync(source, target, plan, actor=actor, on_step=done.append)
    if as_json:
        print_json({**asdict(plan), "done": [asdict(step) for step in done], "left": [asdict(one) for one in left]})
    else:
        _print(plan if plan_only else None, done, left)
    raise typer.Exit(ExitCode.GATE_FAILED if left else ExitCode.PASS)


def _print(plan: SyncPlan | None, done: list[SyncStep], left: list[SyncConflict]) -> None:
    from promptship.report import escape_terminal

    shown = plan.steps if plan else done
    for step in shown:
        typer.echo(escape_terminal(step.what))
    for one in left:
        about = f"{one.label} of {one.prompt}" if one.label else one.prompt
        typer.echo(f"! {escape_terminal(about)}: {escape_terminal(one.reason)}")
    counts = {kind: sum(step.kind == kind for step in shown) for kind in ("push", "attest", "move")}
    note(
        f"{'to do' if plan else 'done'}: {counts['push']} versions, {counts['attest']} pieces of evidence, "
        f"{counts['move']} labels; {len(left)} left for you"
    )
