"""`promptctl runs list | show | rescore | open | export | rm`: stored runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table, terminal_width, wants_color

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.evaluation import Rescoring
    from promptship.project import Project
    from promptship.runner import Run

__all__ = ["app"]

app = typer.Typer(help="Stored runs.", no_args_is_help=True)

_Run = Annotated[str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or last.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_all(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The newest N.")] = 20,
    experiment: Annotated[str | None, typer.Option(metavar="NAME", help="Runs of this experiment.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Runs whose id, evalset, variants, experiment or note has it.")
    ] = None,
    digest: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Runs of a prompt version or evalset; its beginning will do.")
    ] = None,
    *,
    as_json: _Json = False,
) -> None:
    """List runs, newest first."""
    from dataclasses import asdict

    from promptship.runner import filter_runs, list_damaged_runs, list_runs, load_verdict

    runs_dir = open_workspace(context).project.runs_dir
    found = filter_runs(list_runs(runs_dir), experiment=experiment, search=search, digest=digest)
    rows = found[:limit]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = []
    for row in rows:
        verdict = load_verdict(runs_dir / row.run_id) if row.finished else None
        variants = ", ".join(variant.label for variant in row.variants)
        state = "unfinished" if row.finished is None else verdict.finding if verdict else "no verdict"
        about = ": ".join(text for text in (row.experiment, row.note) if text)
        table.append((row.run_id, row.evalset, variants, str(row.cells), state, about))
    print_table(("run", "evalset", "variants", "cells", "verdict", "experiment"), table)
    for damaged in list_damaged_runs(runs_dir):
        note(f"damaged: {damaged.run_id}: {damaged.reason} (promptctl runs rm {damaged.run_id})")


@app.command()
def show(
    context: typer.Context,
    run: _Run = "last",
    failures: Annotated[int, typer.Option(min=0, help="Failing cases to print.")] = 10,
    *,
    as_json: _Json = False,
    cases: Annotated[bool, typer.Option("--cases", help="With --json: every case.")] = False,
) -> None:
    """Show a run's summary as it was printed after it."""
    from promptship.report import render_json, render_terminal
    from promptship.runner import find_run

    found = find_run(open_workspace(context).project.runs_dir, run)
    if as_json:
        print_json(render_json([found], cases=cases))
        return
    text = render_terminal([found], color=wants_color(), width=terminal_width(), failures=failures)
    sys.stdout.write(text)


@app.command()
def rescore(
    context: typer.Context,
    run: _Run = "last",
    *,
    no_call: Annotated[bool, typer.Option("--no-call", help="Refuse where a judge would have to be asked.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and stop.")] = False,
    as_json: _Json = False,
) -> None:
    """Score a run's outputs anew by its evalset as it is now, into a new run.

    No output is made again. Judges that were asked the same before are not asked again: another threshold, weight or
    reducer makes other scores of their votes. The exit code is the verdict, as for eval.
    """
    from promptship.gates import exit_code_of
    from promptship.report import render_json, render_terminal
    from promptship.runner import find_run

    workspace = open_workspace(context)
    rescoring = workspace.prepare_rescoring(find_run(workspace.project.runs_dir, run), calls=not no_call)
    asks = ", ".join(f"{name} about {count:,} answers" for name, count in rescoring.asks.items())
    note(
        f"{rescoring.kept:,} scores of judges stay, {rescoring.from_votes:,} are made anew of their votes; "
        f"asked: {asks or 'nobody'}"
    )
    if dry_run:
        return
    found = _rescore(workspace, rescoring)
    if as_json:
        print_json(render_json([found], cases=False))
    else:
        sys.stdout.write(render_terminal([found], color=wants_color(), width=terminal_width()))
    if found.verdict is not None:
        raise typer.Exit(exit_code_of(found.verdict))


def _rescore(workspace: Workspace, rescoring: Rescoring) -> Run:
    from promptship.cli._progress import open_progress
    from promptship.runner import StopSignal, run_blocking

    stop = StopSignal()

    async def work() -> Run:
        async with workspace:
            with open_progress(1) as progress:
                workspace.on_pull = progress.pull
                progress.start(rescoring.prepared.evalset, rescoring.prepared.plan.cells)
                return await workspace.rescore(rescoring, on_progress=progress.update, stop=stop)

    try:
        return run_blocking(work, stop=stop)
    except KeyboardInterrupt:
        note("interrupted: every finished call is kept; the same command goes on from there")
        raise


@app.command("open")
def open_page(
    context: typer.Context,
    run: _Run = "last",
    judge: Annotated[str | None, typer.Option(metavar="NAME", help="Rate by the policy of this judge.")] = None,
    *,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Write the page and print its path.")] = False,
) -> None:
    """Write a run's page and open it in the browser."""
    import webbrowser

    from promptship.report import render_html, write_report
    from promptship.runner import find_run

    project = open_workspace(context).project
    found = find_run(project.runs_dir, run)
    path = found.directory / "report.html"
    write_report(path, render_html([found], policy=_policy_of(project, judge)))
    typer.echo(str(path))
    if not no_browser and not webbrowser.open(path.as_uri()):
        note("no browser was found; open the file by hand")


@app.command()
def export(
    context: typer.Context,
    run: _Run,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Its ending names the format.")],
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="csv, xlsx, jsonl, parquet, junit, markdown or html; by the ending if none.",
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="csv, xlsx: N outputs drawn at random, for people to rate.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME", help="csv, xlsx, html: rate by the policy of this judge.")
    ] = None,
) -> None:
    """Write a run's rows to a file for other tools, or for people to rate."""
    from promptship.report import RatingSheet, export_run
    from promptship.runner import find_run

    endings = {".md": "markdown", ".xml": "junit"}
    chosen = file_format or endings.get(output.suffix, output.suffix.removeprefix("."))
    project = open_workspace(context).project
    found = find_run(project.runs_dir, run)
    sheet = RatingSheet(policy=_policy_of(project, judge), sample=sample, seed=seed)
    export_run(found, chosen, output, rating=sheet)  # type: ignore[arg-type]  # it refuses what is no format itself
    typer.echo(str(output))


@app.command()
def rm(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run ids.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs."""
    from promptship.runner import remove_run

    runs_dir = open_workspace(context).project.runs_dir
    if not yes:
        typer.confirm(f"delete {', '.join(runs)}?", abort=True, err=True)
    for run in runs:
        note(f"deleted {remove_run(runs_dir, run)}")


def _policy_of(project: Project, judge: str | None) -> str:
    """Return what raters are told by a judge's file; "" where no judge is named."""
    if judge is None:
        return ""
    from promptship.judges import find_judge

    return find_judge(project, judge).policy
