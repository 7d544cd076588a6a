"""Labels in `promptship.lock`: what label, rollback, promote, resolve and verify do where there is no registry."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from promptship.cli._console import note, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.assembly import Workspace
    from promptship.domain import PromptVersion
    from promptship.registry import ReleasePolicy
    from promptship.release import LockDesk, LockMove
    from promptship.signing import Envelope, Signer

__all__ = ["is_lock_asked", "label", "promote", "resolve", "roll_back", "verify"]


def is_lock_asked(workspace: Workspace, reference: str | None) -> bool:
    """Whether a command is about the lock: labels are in git, and no number or range of a registry is named."""
    from promptship.domain import parse_reference

    if workspace.project.source != "git":
        return False
    return reference is None or parse_reference(reference).kind not in {"version", "range"}


def label(workspace: Workspace, reference: str | None, name: str | None, *, remove: bool, as_json: bool) -> None:
    """Move a label in the lock, take one away, or list them."""
    from promptship.errors import UsageError

    if name is None:
        _list_labels(workspace, reference, as_json=as_json)
        return
    if reference is None:
        raise UsageError("the label of which prompt?", hint="promptctl label NAME staging")
    desk = _open(workspace)
    if remove:
        move = desk.drop_label(reference.partition("@")[0], name)
    else:
        move = desk.put_label(workspace.project.load_prompt(reference).version, name)
    _print_move(move, as_json=as_json)


def _list_labels(workspace: Workspace, prompt: str | None, *, as_json: bool) -> None:
    from promptship.project import load_lock

    wanted = None if prompt is None else prompt.partition("@")[0]
    found = [one for _, one in sorted(load_lock(workspace.project.root).labels.items())]
    found = [one for one in found if wanted in {None, one.prompt}]
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.prompt, one.label, one.digest[7:19], one.at[:19], (one.commit or "-")[:12]) for one in found]
    print_table(("prompt", "label", "digest", "since", "commit"), rows)


def roll_back(workspace: Workspace, name: str, label: str, *, as_json: bool) -> None:
    """Let a label serve what it served before."""
    _print_move(_open(workspace).roll_back(name, label), as_json=as_json)


def promote(
    workspace: Workspace,
    reference: str,
    label: str,
    run: str | None,
    signing: Callable[[], Signer] | None,
    *,
    break_glass: str | None,
    as_json: bool,
) -> None:
    """Move a label in the lock on evidence; without `signing` only say what is missing."""
    from promptship.assembly import load_release_policy, local_actor
    from promptship.release import LockDesk

    version = workspace.project.load_prompt(reference).version
    policy, _ = load_release_policy(workspace.project)
    desk, actor = LockDesk(workspace.project, policy), local_actor(workspace.project, workspace.env)
    if signing is None:
        _print_decision(desk.check(version, label, [], actor=actor).missing, reference, label, as_json=as_json)
        return
    envelopes = _sign_all(workspace, policy, version, run, signing)
    _print_move(desk.promote(version, label, envelopes, actor=actor, break_glass=break_glass), as_json=as_json)


def _sign_all(
    workspace: Workspace,
    policy: ReleasePolicy,
    version: PromptVersion,
    run: str | None,
    signing: Callable[[], Signer],
) -> list[Envelope]:
    """Sign what the disk has about a version; what cannot be signed is told, and missed by the decision if needed."""
    from promptship.errors import PromptshipError
    from promptship.release import evidence_of_run, find_runs_for, sign_evidence
    from promptship.runner import find_run

    runs = [find_run(workspace.project.runs_dir, run)] if run else find_runs_for(workspace.project, version.digest)
    found = []
    for one in runs:
        gates = policy.gates_for(version.name, one.manifest.evalset)
        try:
            evidence = evidence_of_run(workspace.project, one, version.digest, gates=gates)
            found.append(sign_evidence(evidence, signing()))
        except PromptshipError as error:
            note(f"not used: {error}")
    return found


def _print_decision(missing: tuple[str, ...], reference: str, label: str, *, as_json: bool) -> None:
    from promptship.errors import ExitCode

    if as_json:
        print_json({"allowed": not missing, "missing": missing})
    else:
        typer.echo(f"{reference} may {'not ' if missing else ''}become {label!r}{' yet; missing:' if missing else ''}")
        for one in missing:
            typer.echo(f"- {one}")
    raise typer.Exit(ExitCode.GATE_FAILED if missing else ExitCode.PASS)


def resolve(workspace: Workspace, reference: str, *, at: str | None, as_json: bool) -> None:
    """Print the digest that a label serves."""
    from promptship.errors import UsageError
    from promptship.project import LOCK_FILE

    if at is not None:
        raise UsageError("a lock says what is served now", hint=f"git show COMMIT:{LOCK_FILE}")
    version = workspace.project.load_prompt(reference).version
    if as_json:
        print_json({"prompt": version.name, "digest": version.digest})
        return
    typer.echo(f"{version.name} {version.digest}")


def verify(workspace: Workspace, *, as_json: bool) -> None:
    """Check every digest and signature that the lock names."""
    from promptship.errors import ExitCode

    flaws = _open(workspace).verify()
    if as_json:
        print_json({"flaws": flaws})
    else:
        for flaw in flaws:
            typer.echo(flaw)
        typer.echo("NOT VERIFIED" if flaws else "verified: every digest and signature that promptship.lock names")
    raise typer.Exit(ExitCode.INFRASTRUCTURE if flaws else ExitCode.PASS)


def _print_move(move: LockMove, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(move))
        return
    before, after = (f"{move.prompt} {digest[7:19]}" if digest else "nothing" for digest in (move.before, move.after))
    typer.echo(f"{move.label}: {f'{before} -> {after}' if move.moved else f'{after}, as before'}")
    if move.moved:
        note("hint: commit promptship.lock and promptship.lock.d")


def _open(workspace: Workspace) -> LockDesk:
    from promptship.assembly import load_release_policy
    from promptship.release import LockDesk

    policy, _ = load_release_policy(workspace.project)
    return LockDesk(workspace.project, policy)
