"""`promptctl judge`: judges measured, calibrated, compared and trained on people's labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from promptship.cli._console import (
    deliver,
    dump_json,
    note,
    open_workspace,
    print_json,
    print_table,
    require_choice,
    terminal_width,
)
from promptship.cli._judge_bridge import bridge
from promptship.cli._judge_prompts import prompts
from promptship.cli._judge_votes import panel, show_figure, votes
from promptship.cli._label import label
from promptship.cli._progress import open_count

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from promptship.assembly import Workspace
    from promptship.domain import JudgeCard, JudgeFile
    from promptship.judges import (
        CascadePoint,
        JudgeCalibration,
        JudgeComparison,
        LabellingBudget,
        LabelSet,
        OpenJudge,
        Purpose,
        Training,
    )
    from promptship.scorers import ScorerContext

__all__ = ["app"]

_Found = TypeVar("_Found")
_FORMATS = ("terminal", "markdown", "json", "html")

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure judges against people, and train them.")
app.command("bridge")(bridge)
app.command("label")(label)
app.command("prompts")(prompts)
app.command("panel")(panel)
app.command("votes")(votes)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A judge: evalsets/judges/NAME.yaml.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}.")
]
_Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to stdout.")]
_Seed = Annotated[int, typer.Option(help="Of everything that is drawn.")]


@app.command()
def card(
    context: typer.Context,
    name: _Name,
    file_format: _Format = "terminal",
    output: _Output = None,
    retests: Annotated[int, typer.Option(min=0, max=20, help="Ask again so often, without the cache.")] = 0,
    most_probed: Annotated[int, typer.Option("--probed", min=2, metavar="N", help="Outputs per probe, at most.")] = 40,
    seed: _Seed = 0,
    *,
    probes: Annotated[bool, typer.Option(help="Change outputs in ways that should not matter.")] = True,
    saved: Annotated[bool, typer.Option("--saved", help="Show the card as it lies there; ask nothing.")] = False,
    as_json: _Json = False,
) -> None:
    """Measure a judge on its labels, and keep the card beside its file, where gates read it."""
    from promptship.judges import CardOptions, card_path, find_card, make_card
    from promptship.report import write_report

    chosen = "json" if as_json else file_format
    require_choice("--format", chosen, _FORMATS)
    if saved:
        found = find_card(open_workspace(context).project, name)
    else:
        options = CardOptions(probes=probes, most_probed=most_probed, retests=retests, seed=seed)

        async def work(judge: OpenJudge, workspace: Workspace, tell: Callable[[int], None]) -> JudgeCard:
            labels = _labels(workspace, judge.file, "card")
            return await make_card(judge, labels, options, on_progress=tell)

        workspace, judge, found = _ask(context, name, work, retests=retests)
        path = card_path(workspace.project, judge)
        write_report(path, found.model_dump_json(indent=1, exclude_defaults=True).encode() + b"\n")
        note(f"card: {path.relative_to(workspace.project.root)}")
    deliver(_render_card(chosen, found), output)


@app.command()
def calibrate(
    context: typer.Context,
    name: _Name,
    method: Annotated[
        Literal["platt", "isotonic"], typer.Option(help="platt for some ten labels, isotonic from some hundred.")
    ] = "platt",
    retests: Annotated[int, typer.Option(min=0, max=20, help="Ask again so often, without the cache.")] = 0,
    *,
    as_json: _Json = False,
) -> None:
    """Fit a map from the judge's score to the chance that people agree, and a threshold; both change its digest."""
    from promptship.judges import calibrate_judge, calibration_path
    from promptship.report import write_report

    async def work(judge: OpenJudge, workspace: Workspace, tell: Callable[[int], None]) -> JudgeCalibration:
        labels = _labels(workspace, judge.file, "calibrate")
        return await calibrate_judge(judge, labels, method=method, retests=retests, on_progress=tell)

    workspace, judge, found = _ask(context, name, work, retests=retests, is_raw=True)
    path = calibration_path(workspace.project, judge)
    write_report(path, dump_json(found.as_json()))
    if as_json:
        retest = {name: figure.model_dump() for name, figure in found.retest.items()}
        print_json({**found.as_json(), **({"retest": retest} if retest else {})})
        return
    typer.echo(f"map: {method}; good from {found.threshold:.3g} up; fitted on {found.labels} labelled outputs")
    rows = [
        ("kappa", *show_figure(found.kappa)),
        ("agreement", *show_figure(found.agreement)),
        ("calibration error before", *show_figure(found.error_before)),
        ("calibration error after", *show_figure(found.error_after)),
        *((f"asked again: {name.removeprefix('retest_')}", *show_figure(one)) for name, one in found.retest.items()),
    ]
    print_table(("on outputs not seen", "figure", "95 % interval", "n"), rows)
    if found.unscored:
        note(f"{found.unscored} outputs got no score and had no part")
    note(f"written to {path.relative_to(workspace.project.root)}; make the card anew: promptctl judge card {name}")


@app.command()
def compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="JUDGE", help="What is compared with.")],
    second: Annotated[str, typer.Argument(metavar="JUDGE", help="What is compared.")],
    *,
    as_json: _Json = False,
) -> None:
    """Compare two judges by their cards, output by output; nothing is asked."""
    from promptship.judges import compare_cards, find_card

    project = open_workspace(context).project
    found = compare_cards(find_card(project, first), find_card(project, second))
    if as_json:
        print_json(_as_json(found))
        return
    typer.echo(
        f"{found.second} is {found.finding}{'' if found.finding.startswith('no') else f' than {found.first}'}: of "
        f"{found.decided} outputs that both decided, {found.only_second} are right in {found.second} alone and "
        f"{found.only_first} in {found.first} alone (exact McNemar p = {found.p_value:.3g})"
    )
    rows = [(key, *show_figure(getattr(found, key), sign=True)) for key in ("agreement", "kappa", "coverage")]
    print_table(("difference", "figure", "95 % interval", "n"), rows)


@app.command()
def cascade(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="JUDGE...", help="Judges with cards, the cheapest first.")],
    costs: Annotated[
        list[float] | None, typer.Option("--cost", metavar="X", help="Of one question to each judge, in their order.")
    ] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Say what it saves to ask each next judge only where the one before abstains; nothing is asked."""
    from promptship.judges import cascade_frontier, find_card, stages_of

    project = open_workspace(context).project
    cards = [find_card(project, name) for name in names]
    stages, human, clusters = stages_of(cards, costs or [10.0**place for place in range(len(names))])
    found = cascade_frontier(stages, human, clusters)
    if as_json:
        print_json([_as_json(point) for point in found])
        return
    rows = [
        (
            f"{point.error:.0%}",
            *show_figure(point.agreement)[:2],
            f"{point.coverage.estimate or 0:.0%}",
            f"{point.cost:.3g}",
            " > ".join(f"{share:.0%}" for share in point.reached),
        )
        for point in found
    ]
    print_table(("allowed error", "agreement", "95 % interval", "decided", "cost", "asked"), rows)
    alone = ", ".join(f"{stage.name} {stage.cost:.3g}" for stage in stages)
    note(f"cost of one question: {alone}; thresholds were found on outputs other than those they are measured on")


@app.command()
def train(context: typer.Context, name: _Name, seed: _Seed = 0, *, as_json: _Json = False) -> None:
    """Train a judge on its labels, choosing within nested folds, and keep what it learnt beside its file."""
    import asyncio

    from promptship.judges import find_judge, model_path, plan_of, train_judge
    from promptship.report import write_report
    from promptship.scorers import open_feature_tools

    workspace = open_workspace(context)
    judge = find_judge(workspace.project, name)
    plan = plan_of(judge)
    labels = _labels(workspace, judge, "train")

    async def work() -> Training:
        async with workspace:
            tools = open_feature_tools(plan.features, _context(workspace))
            with open_count(f"training {name}") as count:
                return await train_judge(judge, labels, tools, seed=seed, on_fold=count.reach)

    found = asyncio.run(work())
    path = model_path(workspace.project, judge)
    write_report(path, dump_json(found.model.as_json()))
    decided = sum(verdict is not None for verdict in found.verdicts)
    if as_json:
        print_json({"name": name, "chosen": found.chosen[-1], "labels": len(found.verdicts), "decided": decided})
    else:
        typer.echo(f"learnt from {len(found.verdicts)} labelled outputs: {found.chosen[-1]}")
        typer.echo(f"it decides {decided} of them by models that had not seen them")
    note(f"written to {path.relative_to(workspace.project.root)}; what it is worth: promptctl judge card {name}")


@app.command()
def budget(
    context: typer.Context,
    name: _Name,
    labels: Annotated[int, typer.Option("--labels", "-k", min=1, help="Labels to come.")] = 20,
    seed: _Seed = 0,
    *,
    as_json: _Json = False,
) -> None:
    """Name the outputs whose labels tell most next, and the interval they would buy."""
    from dataclasses import asdict

    from promptship.judges import plan_labels

    async def work(judge: OpenJudge, workspace: Workspace, tell: Callable[[int], None]) -> LabellingBudget:
        gathered = _labels(workspace, judge.file, "card")
        return await plan_labels(judge, gathered, labels, seed=seed, on_progress=tell)

    _, _, found = _ask(context, name, work)
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        (one.verdict, str(one.items), str(one.labelled), f"{one.good:.0%}", str(one.to_label)) for one in found.strata
    ]
    print_table(("judge says", "outputs", "labelled", "good by people", "label next"), rows)
    now, then = 100 * found.half_width_now, 100 * found.half_width_then
    typer.echo(f"share of good outputs: {found.rate:.0%}, within {now:.1f} points now and {then:.1f} points then")
    print_table(
        ("case", "output", "judge says", "propensity"),
        [(one.case, one.output_digest[:19], one.verdict, f"{one.propensity:.3f}") for one in found.labels],
    )
    note("log the propensity with each label: then figures can be weighted to stand for all outputs")


def _ask(
    context: typer.Context,
    name: str,
    work: Callable[[OpenJudge, Workspace, Callable[[int], None]], Awaitable[_Found]],
    *,
    retests: int = 0,
    is_raw: bool = False,
) -> tuple[Workspace, JudgeFile, _Found]:
    """Open a judge, let `work` ask it, and close what was opened."""
    import asyncio

    from promptship.judges import find_judge, open_judge

    workspace = open_workspace(context)
    file = find_judge(workspace.project, name)

    async def run() -> _Found:
        async with workspace, _uncached(workspace) as fresh:
            anew = _context(fresh) if retests else None
            judge = open_judge(workspace.project, file, _context(workspace), anew=anew, is_raw=is_raw)
            with open_count(f"asking {name}") as count:
                return await work(judge, workspace, count.advance)

    return workspace, file, asyncio.run(run())


def _context(workspace: Workspace) -> ScorerContext:
    from promptship.evaluation import ProjectPrompts
    from promptship.scorers import ScorerContext

    project = workspace.project
    return ScorerContext(
        project_root=project.root, instruments=workspace.open_instruments(), prompts=ProjectPrompts(project)
    )


def _uncached(workspace: Workspace) -> Workspace:
    from dataclasses import replace

    return type(workspace)(
        project=workspace.project, options=replace(workspace.options, use_cache=False), env=workspace.env
    )


def _labels(workspace: Workspace, judge: JudgeFile, purpose: Purpose) -> LabelSet:
    from promptship.judges import gather_labels

    return gather_labels(judge, root=workspace.project.root, purpose=purpose)


def _render_card(file_format: str, found: JudgeCard) -> bytes:
    from promptship.report import render_card_html, render_card_markdown, render_card_terminal

    if file_format == "json":
        return dump_json(found.model_dump(mode="json"))
    if file_format == "html":
        return render_card_html([found])
    if file_format == "markdown":
        return render_card_markdown(found).encode()
    return render_card_terminal(found, width=terminal_width()).encode()


def _as_json(found: JudgeComparison | CascadePoint) -> dict[str, Any]:
    values = {name: getattr(found, name) for name in found.__slots__}
    return {name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in values.items()}
