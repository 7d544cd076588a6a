"""`promptctl status`: what changed, and whether there is evidence for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.evaluation import PromptStatus
    from promptship.release import LabelStatus

__all__ = ["status"]


def status(
    context: typer.Context,
    since: Annotated[str, typer.Option(metavar="REV", help="Git revision to compare with.")] = "HEAD",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say for each prompt what changed since a commit, what its last evaluation said, and what its labels serve."""
    from dataclasses import asdict

    from promptship.domain import short_digest
    from promptship.evaluation import compute_status

    workspace = open_workspace(context)
    found = compute_status(workspace.project, since=since)
    labels = _find_labels(workspace, found)
    if as_json:
        print_json([{**asdict(row), "labels": [asdict(one) for one in labels.get(row.name, ())]} for row in found])
        return
    rows = [
        (
            row.name,
            short_digest(row.digest),
            row.change,
            row.evidence,
            ", ".join(row.evalsets) or "-",
            row.run_id or "-",
            ", ".join(map(_say, labels.get(row.name, ()))) or "-",
        )
        for row in found
    ]
    print_table(("prompt", "digest", f"since {since}", "evidence", "evalsets", "run", "labels"), rows)
    for row in found:
        if row.problem:
            typer.echo(f"\n{row.name} does not load:\n{row.problem}")
    for name, states in labels.items():
        for state in states:
            for one in state.missing:
                typer.echo(f"{state.label} of {name}{f'@{state.number}' if state.number else ''}: {one}")


def _find_labels(workspace: Workspace, found: list[PromptStatus]) -> dict[str, tuple[LabelStatus, ...]]:
    """Return what labels serve; nothing where there is no registry, which this command does not make."""
    from promptship.assembly import local_actor, open_registry
    from promptship.errors import MissingExtraError, ReferenceNotFoundError, StorageError
    from promptship.release import find_label_states, find_locked_states

    digests = {row.name: row.digest for row in found}
    if workspace.project.source == "git":
        return find_locked_states(workspace.project, digests)
    try:
        with open_registry(workspace.project) as registry:
            return find_label_states(registry, digests, actor=local_actor(workspace.project, workspace.env))
    except (ReferenceNotFoundError, MissingExtraError):
        return {}
    except StorageError as error:
        # What the working tree says can be said without the registry.
        note(f"labels are not known: {error}")
        return {}


def _say(state: LabelStatus) -> str:
    version = str(state.number) if state.number else state.digest[7:19]
    return f"{state.label} {version}" if state.current else f"{state.label} {version} (another version)"
