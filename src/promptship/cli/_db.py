"""`promptctl db upgrade | check | backup | restore | erase`: the database of a registry."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json

__all__ = ["app"]

app = typer.Typer(name="db", help="The database of the registry.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def upgrade(
    context: typer.Context,
    grant: Annotated[
        str | None, typer.Option(metavar="ROLE", help="PostgreSQL: let a role use it, but neither alter nor delete.")
    ] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Bring the database to the schema of this version, all of it or nothing; run it as the tables' owner."""
    from promptship.assembly import registry_address
    from promptship.store import upgrade_store

    done = upgrade_store(registry_address(open_workspace(context).project), grant=grant)
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(
        f"schema {done.before or 'none'} -> {done.after}" if done.before != done.after else f"schema {done.after}"
    )


@app.command()
def check(
    context: typer.Context,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Make states anew from the ledger.")] = False,
    as_json: _Json = False,
) -> None:
    """Compare the tables with this version's, and labels, tags and tombstones with the ledger."""
    from promptship.assembly import open_registry, registry_address
    from promptship.errors import ExitCode
    from promptship.store import check_store

    project = open_workspace(context).project
    with open_registry(project) as registry:
        differences = check_store(registry_address(project))
        if repair:
            registry.rebuild()
        differences += [str(flaw) for flaw in registry.verify().flaws]
    if as_json:
        print_json({"differences": differences})
    else:
        for difference in differences:
            typer.echo(difference)
        typer.echo(f"{len(differences)} differences")
    raise typer.Exit(ExitCode.INFRASTRUCTURE if differences else ExitCode.PASS)


@app.command()
def backup(
    context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist.")]
) -> None:
    """Copy the registry into a SQLite file, as it is at one moment, while others go on writing."""
    from promptship.assembly import registry_address
    from promptship.store import backup_store

    backup_store(registry_address(open_workspace(context).project), file)
    typer.echo(str(file))


@app.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `db backup` wrote.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace a registry that is there.")] = False,
) -> None:
    """Put a backup in the place of the registry; the old one is kept as a copy."""
    from promptship.assembly import open_registry, registry_address
    from promptship.store import restore_store

    project = open_workspace(context).project
    kept = restore_store(registry_address(project), file, replace=yes)
    if kept is not None:
        note(f"the old registry is {kept}")
    with open_registry(project) as registry:
        report = registry.verify()
    typer.echo(f"restored {report.events:,} events, {report.versions:,} versions; {len(report.flaws)} flaws")
    for flaw in report.flaws:
        note(str(flaw))


@app.command()
def erase(
    context: typer.Context,
    subject: Annotated[
        str | None, typer.Option(metavar="WHO", help="Cases with this tag `subject`, or this cluster.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="TIME", help="Stored before then.")] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the ledger.")] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: _Json = False,
) -> None:
    """Erase stored inputs and outputs for good; figures stay, and everything still verifies."""
    from promptship.assembly import local_actor, open_registry

    workspace = open_workspace(context)
    if not yes:
        typer.confirm("erase inputs and outputs for good?", abort=True, err=True)
    actor = local_actor(workspace.project, workspace.env)
    with open_registry(workspace.project) as registry:
        count, size = registry.erase(actor=actor, subject=subject, before=before, reason=reason)
    if as_json:
        print_json({"payloads": count, "bytes": size})
        return
    typer.echo(f"erased {count:,} payloads, {size:,} bytes")
