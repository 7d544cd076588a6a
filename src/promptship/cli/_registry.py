"""`promptctl push | label | rollback | withdraw | fork | tag`: what changes a registry."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli import _lock
from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.domain import Actor, StoredVersion
    from promptship.registry import LabelMove, Pushed, Registry

__all__ = ["fork", "label", "push", "rollback", "tag", "withdraw"]

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a prompt.")]
_Version = Annotated[str, typer.Argument(metavar="REF", help="name@7, name@label, name@^2 or name@sha256:…")]


def push(
    context: typer.Context,
    references: Annotated[
        list[str] | None, typer.Argument(metavar="REF", help="Prompts; all of the working tree if nothing is named.")
    ] = None,
    message: Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="What changed, and why.")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="WORD", help="A word to find it by.")] = None,
    evalsets: Annotated[list[str] | None, typer.Option("--evalset", metavar="NAME", help="Store an evalset.")] = None,
    runs: Annotated[list[str] | None, typer.Option("--run", metavar="RUN", help="Store a finished run.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Store prompts as immutable versions; content that the registry has already is not stored again."""
    workspace = open_workspace(context)
    wanted = references or []
    if not (wanted or evalsets or runs):
        wanted = workspace.project.prompt_names()
    # Everything is read before anything is stored.
    loaded = [workspace.project.load_prompt(reference) for reference in wanted]
    with _open(workspace, make=True) as registry:
        actor, commit = _actor(workspace), workspace.project.git_commit()
        pushed = [
            registry.push(
                one.version,
                actor=actor,
                message=message,
                description=one.document.description,
                git_commit=commit,
                tags=[*one.document.tags, *(tags or [])],
            )
            for one in loaded
        ]
        records = _store_records(workspace, registry, actor, evalsets or [], runs or [])
    if as_json:
        print_json([{**_version_json(one.version), "created": one.created} for one in pushed] + records)
        return
    _print_pushed(pushed, records)


def _store_records(
    workspace: Workspace, registry: Registry, actor: Actor, evalsets: list[str], runs: list[str]
) -> list[dict[str, Any]]:
    from promptship.assembly import store_run
    from promptship.runner import find_run

    found = [find_run(workspace.project.runs_dir, run) for run in runs]
    loaded = workspace.load_evalsets(evalsets) if evalsets else []
    stored = [asdict(registry.store_evalset(evalset, actor=actor)) for evalset in loaded]
    return stored + [asdict(store_run(registry, run, actor=actor)) for run in found]


def _print_pushed(pushed: list[Pushed], records: list[dict[str, Any]]) -> None:
    from promptship.domain import short_digest

    rows = [
        (one.version.ref, one.version.semver_text, short_digest(one.version.digest), "new" if one.created else "there")
        for one in pushed
    ]
    rows += [(row.get("run_id") or row["name"], "", short_digest(row["digest"]), "stored") for row in records]
    print_table(("version", "semver", "digest", ""), rows)


def label(
    context: typer.Context,
    reference: Annotated[str | None, typer.Argument(metavar="REF", help="The version, or a prompt's name.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="LABEL", help="production, staging, …")] = None,
    reason: _Reason = "",
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take the label away.")] = False,
    as_json: _Json = False,
) -> None:
    """Let a label point at a version; without a label, list where labels point."""
    from promptship.errors import UsageError

    workspace = open_workspace(context)
    if _lock.is_lock_asked(workspace, reference):
        _lock.label(workspace, reference, name, remove=remove, as_json=as_json)
        return
    with _open(workspace) as registry:
        if name is None:
            _list_labels(registry, reference, as_json=as_json)
            return
        if reference is None:
            raise UsageError("the label of which version?", hint="promptctl label NAME@7 production")
        if remove:
            prompt = reference.partition("@")[0]
            move = registry.drop_label(prompt, name, actor=_actor(workspace), reason=reason)
        else:
            move = registry.put_label(reference, name, actor=_actor(workspace), reason=reason)
    _print_move(move, as_json=as_json)


def _list_labels(registry: Registry, prompt: str | None, *, as_json: bool) -> None:
    if prompt is not None:
        prompt = prompt.partition("@")[0]
        registry.versions(prompt)
    found = registry.labels(prompt)
    if as_json:
        print_json([asdict(state) for state in found])
        return
    rows = [(state.prompt, state.label, str(state.number), state.moved_at[:19]) for state in found]
    print_table(("prompt", "label", "version", "since"), rows)


def rollback(
    context: typer.Context,
    name: _Name,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The label that goes back.")],
    reason: _Reason = "",
    *,
    as_json: _Json = False,
) -> None:
    """Let a label point where it pointed before; again, and it goes one further back."""
    workspace = open_workspace(context)
    if _lock.is_lock_asked(workspace, name):
        _lock.roll_back(workspace, name, label, as_json=as_json)
        return
    with _open(workspace) as registry:
        move = registry.roll_back(name, label, actor=_actor(workspace), reason=reason)
    _print_move(move, as_json=as_json)


def _print_move(move: LabelMove, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(move))
        return
    before, after = (f"{move.prompt}@{number}" if number else "nothing" for number in (move.before, move.after))
    how = f"{before} -> {after}" if move.moved else f"{after}, as before"
    typer.echo(f"{move.label}: {how}")


def withdraw(
    context: typer.Context,
    reference: _Version,
    reason: _Reason = "",
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let it be used again.")] = False,
    as_json: _Json = False,
) -> None:
    """Put a tombstone on a version: nobody can resolve it any more, and its number stays taken."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        change = registry.reinstate if undo else registry.withdraw
        version = change(reference, actor=_actor(workspace), reason=reason)
    _print_version(version, "can be used again" if undo else "is withdrawn", as_json=as_json)


def fork(
    context: typer.Context,
    reference: _Version,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the other prompt.")],
    message: Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="What it is for.")] = "",
    *,
    as_json: _Json = False,
) -> None:
    """Copy a version to another prompt, as that prompt's next version."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        pushed = registry.fork(reference, name, actor=_actor(workspace), message=message)
    _print_version(pushed.version, f"is a copy of {reference}", as_json=as_json)


def tag(
    context: typer.Context,
    reference: _Version,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="WORD", help="Add a tag.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="WORD", help="Take a tag away.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Add tags to a version and take tags away."""
    workspace = open_workspace(context)
    with _open(workspace) as registry:
        version = registry.tag(reference, actor=_actor(workspace), add=add or [], remove=remove or [])
    _print_version(version, f"has the tags {', '.join(version.tags) or 'none'}", as_json=as_json)


def _print_version(version: StoredVersion, said: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_version_json(version))
        return
    note(f"{version.ref} {said}")


def _version_json(version: StoredVersion) -> dict[str, Any]:
    return {**asdict(version), "ref": version.ref, "semver": version.semver_text}


def _open(workspace: Workspace, *, make: bool = False) -> Registry:
    from promptship.assembly import open_registry

    return open_registry(workspace.project, make=make)


def _actor(workspace: Workspace) -> Actor:
    from promptship.assembly import local_actor

    return local_actor(workspace.project, workspace.env)
