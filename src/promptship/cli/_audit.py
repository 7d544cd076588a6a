"""`promptctl audit export | anchor`: what stays outside the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json

__all__ = ["anchor", "app"]

app = typer.Typer(name="audit", help="What happened, for people outside.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


# Typer would else make a group of one command that command itself.
@app.callback()
def _audit() -> None:
    """What happened, for people outside."""


@app.command("export")
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The archive; a new file.")],
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="Of prompts that had this label.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From then on.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to then.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Write events, evidence, keys and versions into one archive that can be read and checked without Promptship."""
    from promptship.assembly import open_registry
    from promptship.release import write_audit

    with open_registry(open_workspace(context).project) as registry:
        count = write_audit(registry, output, label=label, since=since, until=until)
    if as_json:
        print_json({"file": str(output), "events": count})
        return
    note(f"{count:,} events written to {output}")


def anchor(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(metavar="FILE|URL", help="The head is added as a line, for you to commit; or posted as JSON."),
    ],
    *,
    as_json: _Json = False,
) -> None:
    """Write down the ledger's head outside the database; verify --anchor FILE then finds a chain that was made anew."""
    from dataclasses import asdict

    from promptship.assembly import open_registry
    from promptship.release import Anchor, save_anchor, send_anchor

    with open_registry(open_workspace(context).project) as registry:
        head = registry.evidence.head()
    made = Anchor(seq=head.seq, hash=head.hash, at=head.at)
    if "://" in place:
        send_anchor(place, made)
    else:
        save_anchor(Path(place), made)
    if as_json:
        print_json(asdict(made))
        return
    note(f"event {made.seq} ({made.hash[:19]}…) is anchored in {place}")
