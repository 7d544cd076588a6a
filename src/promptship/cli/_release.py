"""`promptctl promote | attest | evidence | approve | keys | release`: labels that move on evidence."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli import _lock
from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.domain import Actor, Attestation
    from promptship.registry import LabelMove, PromotionRequest, Registry, TrustedKey
    from promptship.runner import Run
    from promptship.signing import Signer

__all__ = ["approve", "attest", "evidence", "keys_app", "promote", "release_app"]

keys_app = typer.Typer(name="keys", help="Keys that sign evidence, and which of them count.", no_args_is_help=True)
release_app = typer.Typer(name="release", help="Several prompts that move together.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")]
_Version = Annotated[str, typer.Argument(metavar="REF", help="name@7, name@label, name@^2 or name@sha256:…")]
_Label = Annotated[str, typer.Argument(metavar="LABEL", help="production, staging, …")]
_Glass = Annotated[
    str | None,
    typer.Option("--break-glass", metavar="REASON", help="Do it although something is missing; it is recorded."),
]
_Key = Annotated[str, typer.Option("--key", metavar="NAME", help="Key that signs; see promptctl keys.")]


def promote(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REF", help="name@7, name@label, …; without a registry a name.")],
    label: _Label,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Evidence from this run alone.")] = None,
    reason: _Reason = "",
    break_glass: _Glass = None,
    key: _Key = "default",
    *,
    request: Annotated[bool, typer.Option("--request", help="Ask others to approve; move nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing; sign and move nothing.")] = False,
    as_json: _Json = False,
) -> None:
    """Let a label point at a version for which there is all the evidence that the policy asks.

    Finished runs of this very version are signed and kept as evidence first. Exit code 1: something is missing.
    """
    workspace = open_workspace(context)
    if _lock.is_lock_asked(workspace, reference):
        _refuse_request(asked=request)
        signing = None if dry_run else partial(_signer, workspace, key)
        _lock.promote(workspace, reference, label, run, signing, break_glass=break_glass, as_json=as_json)
        return
    with _open(workspace) as registry:
        actor = _actor(workspace)
        if not dry_run:
            _attest_all(workspace, registry, reference, run, key, actor)
        if dry_run:
            _print_decision(registry, reference, label, actor, as_json=as_json)
        elif request:
            _print_request(registry.evidence.request(reference, label, actor=actor, reason=reason), as_json=as_json)
        else:
            move = registry.evidence.promote(reference, label, actor=actor, reason=reason, break_glass=break_glass)
            _print_move(move, as_json=as_json)


def _refuse_request(*, asked: bool) -> None:
    if asked:
        from promptship.errors import UsageError

        hint = "promote on a branch and open a pull request: whoever merges it approves"
        raise UsageError("without a registry there is nobody to ask", hint=hint)


def _attest_all(
    workspace: Workspace, registry: Registry, reference: str, run: str | None, key: str, actor: Actor
) -> None:
    """Sign what the disk has about a version and the registry has not, where there is a key to sign with."""
    from promptship.errors import PromptshipError, ReferenceNotFoundError
    from promptship.release import find_runs_for
    from promptship.runner import find_run

    version = registry.resolve(reference)
    project = workspace.project
    if run is not None:
        _attest(workspace, registry, find_run(project.runs_dir, run), version.digest, _signer(workspace, key), actor)
        return
    kept = {one.evidence.run_id for one in registry.evidence.attestations(version.prompt, digest=version.digest)}
    found = [one for one in find_runs_for(project, version.digest) if one.manifest.run_id not in kept]
    if not found:
        return
    try:
        signer = _signer(workspace, key)
    except ReferenceNotFoundError as error:
        note(f"not signed: {error} ({error.hint})")
        return
    for one in found:
        try:
            _attest(workspace, registry, one, version.digest, signer, actor)
        except PromptshipError as error:
            # Whether it was needed is what the decision says.
            note(f"not used: {error}")


def _attest(
    workspace: Workspace, registry: Registry, run: Run, digest: str, signer: Signer, actor: Actor
) -> Attestation:
    from promptship.release import evidence_of_run, sign_evidence

    prompt = next((one.prompt for one in run.manifest.variants if one.digest == digest), "")
    gates = registry.evidence.policy.gates_for(prompt, run.manifest.evalset)
    found = evidence_of_run(workspace.project, run, digest, gates=gates)
    return registry.evidence.attest(sign_evidence(found, signer), actor=actor)


def _print_decision(registry: Registry, reference: str, label: str, actor: Actor, *, as_json: bool) -> None:
    from promptship.errors import ExitCode

    decision = registry.evidence.check(reference, label, actor=actor)
    if as_json:
        print_json({**asdict(decision), "allowed": decision.allowed})
    elif decision.allowed:
        typer.echo(f"{reference} may become {label!r}")
    else:
        typer.echo(f"{reference} may not become {label!r} yet; missing:")
        for one in decision.missing:
            typer.echo(f"- {one}")
    raise typer.Exit(ExitCode.PASS if decision.allowed else ExitCode.GATE_FAILED)


def _print_move(move: LabelMove, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(move))
        return
    before, after = (f"{move.prompt}@{number}" if number else "nothing" for number in (move.before, move.after))
    typer.echo(f"{move.label}: {f'{before} -> {after}' if move.moved else f'{after}, as before'}")


def attest(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or last.")] = "last",
    key: _Key = "default",
    *,
    as_json: _Json = False,
) -> None:
    """Sign what a run showed about the versions it evaluated, and keep it as evidence."""
    from promptship.runner import find_run

    workspace = open_workspace(context)
    found = find_run(workspace.project.runs_dir, run)
    signer = _signer(workspace, key)
    digests = [one.digest for one in found.manifest.variants if one.digest]
    with _open(workspace) as registry:
        made = [_attest(workspace, registry, found, one, signer, _actor(workspace)) for one in digests]
    _print_evidence(made, as_json=as_json)


def evidence(context: typer.Context, reference: _Version, *, as_json: _Json = False) -> None:
    """List the evidence about a version that counts, the newest first."""
    with _open(open_workspace(context)) as registry:
        version = registry.resolve(reference)
        found = registry.evidence.attestations(version.prompt, digest=version.digest)
    _print_evidence(found, as_json=as_json)


def _print_evidence(found: list[Attestation], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (
            *(one.evidence.evalset, one.evidence.outcome, one.evidence.created_at[:16]),
            *(one.evidence.run_id, one.evidence.served_model or one.evidence.model, one.key_name),
        )
        for one in found
    ]
    print_table(("evalset", "outcome", "of (UTC)", "run", "model", "signed with"), rows)


def approve(
    context: typer.Context,
    request: Annotated[
        int | None, typer.Argument(metavar="[REQUEST]", help="Its number; all are listed if none.")
    ] = None,
    reject: Annotated[str | None, typer.Option("--reject", metavar="REASON", help="Refuse it.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Agree that a label moves as somebody asked, or refuse it; without a number, list what was asked."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        if request is None:
            _print_requests(registry.evidence.requests(), as_json=as_json)
            return
        answered = registry.evidence.answer(request, actor=_actor(workspace), reject=reject)
    _print_request(answered, as_json=as_json)


def _print_requests(found: list[PromotionRequest], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (str(one.id), f"{one.prompt}@{one.number} {one.label}", one.actor.name, one.expires_at[:16], _state(one))
        for one in found
    ]
    print_table(("request", "of", "by", "until (UTC)", "answers"), rows)


def _print_request(request: PromotionRequest, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(request))
        return
    typer.echo(f"request {request.id}: {request.prompt}@{request.number} as {request.label!r}, {_state(request)}")


def _state(request: PromotionRequest) -> str:
    if request.rejected_by:
        return f"rejected by {request.rejected_by}: {request.rejection}"
    names = ", ".join(one.actor.name for one in request.approvals)
    return f"approved by {names}" if names else "open"


@keys_app.command("create")
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="What people call it.")] = "default",
    path: Annotated[Path | None, typer.Option("--path", metavar="FILE", help="Where the private key is put.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Make a key pair; the private key stays on this machine, and nothing counts before the public one is trusted."""
    from promptship import signing
    from promptship.assembly import signing_key_path

    del context
    place = path or signing_key_path(name)
    key = signing.create_key(place, name)
    if as_json:
        print_json({**asdict(key), "path": str(place)})
        return
    typer.echo(f"{key.keyid}")
    note(f"private key: {place}\npublic key:  {place.with_suffix('.pub')}\nhint: promptctl keys trust {name}")


@keys_app.command("trust")
def trust_key(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A key of this machine, or a public key's file.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people call it.")] = "",
    *,
    as_json: _Json = False,
) -> None:
    """Let evidence count that is signed with a key."""
    from promptship import signing
    from promptship.assembly import signing_key_path

    path = Path(key) if Path(key).suffix else signing_key_path(key).with_suffix(".pub")
    workspace = open_workspace(context)
    public = signing.load_public_key(path, name or path.stem)
    with _open(workspace, make=True) as registry:
        found = registry.evidence.trust(public, actor=_actor(workspace))
    _print_keys([found], as_json=as_json)


@keys_app.command("revoke")
def revoke_key(
    context: typer.Context,
    keyid: Annotated[str, typer.Argument(metavar="KEY", help="Its id, or the beginning of it.")],
    reason: _Reason = "",
    *,
    as_json: _Json = False,
) -> None:
    """Let nothing count any more that a key signed."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        found = registry.evidence.revoke(keyid, actor=_actor(workspace), reason=reason)
    _print_keys([found], as_json=as_json)


@keys_app.command("list")
def list_keys(context: typer.Context, *, as_json: _Json = False) -> None:
    """List the registry's trust list."""
    with _open(open_workspace(context)) as registry:
        _print_keys(registry.evidence.keys(), as_json=as_json)


def _print_keys(found: list[TrustedKey], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (
            one.key.name,
            one.key.keyid[:12],
            one.at[:16],
            f"revoked {one.revoked_at[:16]}" if one.revoked_at else "trusted",
        )
        for one in found
    ]
    print_table(("key", "id", "since (UTC)", ""), rows)


@release_app.command("create")
def create_release(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the release; never given again.")],
    references: Annotated[list[str], typer.Argument(metavar="REF...", help="The versions.")],
    label: Annotated[str, typer.Option("--label", metavar="LABEL", help="The label that moves.")] = "production",
    reason: _Reason = "",
    break_glass: _Glass = None,
    key: _Key = "default",
    *,
    as_json: _Json = False,
) -> None:
    """Promote several versions together, all of them or none."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        actor = _actor(workspace)
        for reference in references:
            _attest_all(workspace, registry, reference, None, key, actor)
        made = registry.evidence.release(name, references, label, actor=actor, reason=reason, break_glass=break_glass)
    if as_json:
        print_json(asdict(made))
        return
    for prompt, number, before in made.members:
        typer.echo(f"{made.label}: {f'{prompt}@{before}' if before else 'nothing'} -> {prompt}@{number}")


@release_app.command("rollback")
def roll_back_release(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the release.")],
    reason: _Reason = "",
    *,
    as_json: _Json = False,
) -> None:
    """Let every label of a release point where it pointed before it; no evidence is needed."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        moves = registry.evidence.roll_back_release(name, actor=_actor(workspace), reason=reason)
    if as_json:
        print_json([asdict(move) for move in moves])
        return
    for move in moves:
        _print_move(move, as_json=False)


@release_app.command("list")
def list_releases(context: typer.Context, *, as_json: _Json = False) -> None:
    """List releases, the newest first."""
    with _open(open_workspace(context)) as registry:
        found = registry.evidence.releases()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (
            one.name,
            one.label,
            one.at[:16],
            one.actor,
            ", ".join(f"{prompt}@{number}" for prompt, number, _ in one.members),
        )
        for one in found
    ]
    print_table(("release", "label", "when (UTC)", "by", "versions"), rows)


def _signer(workspace: Workspace, key: str) -> Signer:
    from promptship.assembly import signing_key_path
    from promptship.signing import load_signer

    return load_signer(workspace.env, signing_key_path(key))


def _open(workspace: Workspace, *, make: bool = False) -> Registry:
    from promptship.assembly import open_registry

    return open_registry(workspace.project, make=make)


def _actor(workspace: Workspace) -> Actor:
    from promptship.assembly import local_actor

    return local_actor(workspace.project, workspace.env)
