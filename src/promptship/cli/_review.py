"""`promptctl review import`: what people said of outputs, back into the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.judges import ImportedLabels
    from promptship.project import Project

__all__ = ["app"]

app = typer.Typer(help="What people say of outputs.", no_args_is_help=True)


@app.callback()
def _review() -> None:
    """Keep `import` a command of its own: a group of one would be that command."""


@app.command("import")
def import_ratings(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="ratings.jsonl of a report page, or a rated .csv or .xlsx.")
    ],
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run that was rated; the one that each row names if none.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add to the labels of this judge; else to the evalset's.")
    ] = None,
    rater: Annotated[str | None, typer.Option(metavar="NAME", help="Who rated, where a file does not say.")] = None,
    *,
    replacing: Annotated[bool, typer.Option("--replace", help="A label that differs replaces the stored one.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add ratings to the project's labels; nothing is written unless every row is of an output of its run."""
    from promptship.evalsets import load_ratings
    from promptship.judges import ImportOptions, find_judge
    from promptship.judges import import_ratings as import_all
    from promptship.runner import find_run

    project = open_workspace(context).project
    read = [load_ratings(path, rater=rater or "") for path in files]
    imported = import_all(
        project,
        read,
        lambda name: find_run(project.runs_dir, name),
        named=run,
        judge=find_judge(project, judge) if judge else None,
        options=ImportOptions(replacing=replacing, dry_run=dry_run),
    )
    rows = [_as_row(project, one) for one in imported]
    unrated = sum(one.unrated for one in read)
    if as_json:
        print_json({"dry_run": dry_run, "unrated": unrated, "imported": rows})
        return
    header = ("evalset", "added", "updated", "unchanged", "outputs", "labels", "items")
    print_table(header, [[str(row[key]) for key in header] for row in rows])
    _explain(unrated, dry_run=dry_run)


def _as_row(project: Project, imported: ImportedLabels) -> dict[str, str | int]:
    changes, files = imported.changes, imported.files
    return {
        "evalset": ", ".join(dict.fromkeys(group.run.manifest.evalset for group in imported.groups)),
        "added": len(changes.added),
        "updated": len(changes.updated),
        "unchanged": changes.unchanged,
        "outputs": len(changes.items),
        "labels": str(files.labels[-1].relative_to(project.root)),
        "items": str(files.items[-1].relative_to(project.root)),
    }


def _explain(unrated: int, *, dry_run: bool) -> None:
    if unrated:
        note(f"{unrated:,} outputs in the tables have no rating: those that have one count as chosen, not as a sample")
    if dry_run:
        note("nothing was written: --dry-run")
