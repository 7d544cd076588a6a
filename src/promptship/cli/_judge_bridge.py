"""`promptctl judge bridge`: a sample of a run's outputs judged by its judges and by those of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.domain import JudgeBridge
    from promptship.evaluation import BridgeFigure, BridgePlan
    from promptship.stats import Interval

__all__ = ["bridge"]


def bridge(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or last.")] = "last",
    sample: Annotated[int, typer.Option(min=20, metavar="N", help="Cases to be judged by both.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have the judges of now look at a sample of a run's outputs, so that the run compares with runs of theirs.

    No output is made again. What both judges said is kept in evalsets/judges/bridges, where compare and gates find it.
    """
    from promptship.domain import name_bridge
    from promptship.evalsets import bridge_path
    from promptship.evaluation import measure_bridge
    from promptship.report import write_report
    from promptship.runner import find_run

    workspace = open_workspace(context)
    project = workspace.project
    plan = workspace.prepare_bridge(find_run(project.runs_dir, run), sample=sample, seed=seed)
    asks = ", ".join(f"{name} about {count:,} answers" for name, count in plan.rescoring.asks.items())
    note(f"{len(plan.cases):,} cases of {plan.run.manifest.run_id} judged by both; asked: {asks or 'nobody'}")
    if dry_run:
        return
    found = _make(workspace, plan)
    path = bridge_path(project.evalsets_dir, name_bridge(plan.judges))
    write_report(path, found.model_dump_json(indent=1).encode() + b"\n")
    figures = measure_bridge(plan.run, found)
    if as_json:
        print_json({"run_id": plan.run.manifest.run_id, **_as_json(found, figures)})
    else:
        rows = [(one.metric, one.variant, str(one.cases), *_show(one.shift), *_show(one.kappa)) for one in figures]
        titles = ("metric", "variant", "cases", "shift", "95 % interval", "kappa", "95 % interval")
        print_table(titles, rows)
    note(f"bridge: {path.relative_to(project.root)}; compare and gates take this run as a baseline now")


def _make(workspace: Workspace, plan: BridgePlan) -> JudgeBridge:
    from promptship.cli._progress import open_progress
    from promptship.evaluation import make_bridge
    from promptship.runner import StopSignal, run_blocking

    stop = StopSignal()

    async def work() -> JudgeBridge:
        async with workspace:
            with open_progress(1) as progress:
                workspace.on_pull = progress.pull
                prepared = plan.rescoring.prepared
                progress.start(prepared.evalset, prepared.plan.cells)
                return await make_bridge(workspace.project, plan, on_progress=progress.update, stop=stop)

    return run_blocking(work, stop=stop)


def _show(figure: Interval | None) -> tuple[str, str]:
    if figure is None:
        return "-", "-"
    return f"{figure.estimate:+.3f}", f"{figure.low:+.3f} to {figure.high:+.3f}"


def _as_json(found: JudgeBridge, figures: list[BridgeFigure]) -> dict[str, Any]:
    def shown(figure: Interval | None) -> dict[str, float] | None:
        if figure is None:
            return None
        return {"estimate": figure.estimate, "low": figure.low, "high": figure.high, "n": figure.n}

    rows = [
        {
            "metric": one.metric,
            "variant": one.variant,
            "cases": one.cases,
            "shift": shown(one.shift),
            "kappa": shown(one.kappa),
        }
        for one in figures
    ]
    return {"judges": {name: list(pair) for name, pair in found.judges.items()}, "figures": rows}
