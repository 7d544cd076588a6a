"""`promptctl judge panel` and `judge votes`: what is known of judges from verdicts that are recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.domain import CardFigure
    from promptship.judges import OrderFigures, PanelFigures, PanelVotes, VoteFigures

__all__ = ["panel", "show_figure", "votes"]

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def panel(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="JUDGE", help="Judges with cards on the same labels.")],
    *,
    as_json: _Json = False,
) -> None:
    """Say what several judges are worth together, and how much each should weigh; nothing is asked."""
    from promptship.judges import find_card, measure_panel

    project = open_workspace(context).project
    found = measure_panel([find_card(project, name) for name in names])
    if as_json:
        print_json(_panel_json(found))
        return
    rows = [
        (one.name, f"{one.coverage.estimate or 0:.0%}", *show_figure(one.agreement)[:2])
        for one in (*found.alone, *found.together)
    ]
    print_table(("judge or rule", "decided", "right of these", "95 % interval"), rows)
    if found.effective is not None:
        count = len(found.judges)
        typer.echo(f"errors of the {count} judges are worth {min(found.effective, 99):.1f} independent ones")
    if found.weights:
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(found.judges, found.weights, strict=True))
        note(f"weights by their votes alone (Dawid and Skene): {weights}; leave out a judge of weight 0")


def votes(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id, its beginning, or last.")] = "last",
    *,
    as_json: _Json = False,
) -> None:
    """Count the votes of a run's judges: without verdict, abstained, a place preferred, and panels with weights."""
    from promptship.judges import measure_votes
    from promptship.runner import find_run

    found = measure_votes(find_run(open_workspace(context).project.runs_dir, run))
    if as_json:
        print_json([_votes_json(one) for one in found])
        return
    rows = [(one.scorer, str(one.scores), str(one.decided), str(one.abstained), _missing(one)) for one in found]
    print_table(("scorer", "scores", "decided", "abstained", "votes without a verdict"), rows)
    pairs = [(one.scorer, one.order) for one in found if one.order is not None]
    if pairs:
        print_table(("judge of pairs", "same in both orders", "95 % interval", "towards the first", "95 % interval"), [
            (name, *show_figure(order.consistent)[:2], *show_figure(order.towards_first, sign=True)[:2])
            for name, order in pairs
        ])  # fmt: skip
    for one in found:
        if one.panel is not None:
            _show_panel(one.scorer, one.panel)
    if not found:
        note("no scorer of this run keeps votes")


def _show_panel(name: str, found: PanelVotes) -> None:
    """Print the members of a panel, and their weights as an evalset takes them."""
    rows = [
        (
            one.name,
            f"{one.votes} of {found.outputs}",
            show_figure(one.passes)[0],
            "-" if one.accuracy is None else f"{one.accuracy:.2f}",
            "-" if one.weight is None else f"{one.weight:.2f}",
        )
        for one in found.members
    ]
    print_table((f"member of {name}", "verdicts", "passes", "right by the votes alone", "weight"), rows)
    unanimous, between, _ = show_figure(found.unanimous)
    worth = "" if found.distinct is None else f"; {found.distinct:.1f} of {len(rows)} votes are no repetition of others"
    typer.echo(f"all members of {name} say the same on {unanimous} of outputs ({between}){worth}")
    if found.reason:
        note(found.reason)
        return
    # JSON is YAML too, and keeps a name that YAML would read as something else.
    typer.echo(f"weights: {json.dumps({member: round(weight, 2) for member, weight in found.weights.items()})}")
    note(
        f"the line above goes into the panel {name!r}. It was found from the votes alone (Dawid and Skene): what most "
        "members agree on passes for the truth, so measure on labels what it gains (promptctl judge panel)"
    )


def show_figure(figure: CardFigure, *, sign: bool = False) -> tuple[str, str, str]:
    """Return a figure, its interval and its n as cells of a table; `-` for what is not known."""
    mark = "+" if sign else ""
    if figure.estimate is None or figure.low is None or figure.high is None:
        return "-" if figure.estimate is None else f"{figure.estimate:{mark}.2f}", "-", str(figure.n)
    return f"{figure.estimate:{mark}.2f}", f"{figure.low:{mark}.2f} to {figure.high:{mark}.2f}", str(figure.n)


def _missing(found: VoteFigures) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in found.without_verdict.items())
    return f"{sum(found.without_verdict.values())} of {found.votes}{f' ({kinds})' if kinds else ''}"


def _panel_json(found: PanelFigures) -> dict[str, Any]:
    rules = {"alone": found.alone, "together": found.together}
    shown = {
        key: [
            {"name": one.name, "agreement": one.agreement.model_dump(), "coverage": one.coverage.model_dump()}
            for one in rows
        ]
        for key, rows in rules.items()
    }
    # JSON has no infinity: errors that exclude each other are worth more than any number of independent ones.
    effective = None if found.effective == float("inf") else found.effective
    return {
        "items": found.items,
        **shown,
        "weights": dict(zip(found.judges, found.weights, strict=False)),
        "effective": effective,
    }


def _votes_json(found: VoteFigures) -> dict[str, Any]:
    return {
        "scorer": found.scorer,
        "scores": found.scores,
        "decided": found.decided,
        "abstained": found.abstained,
        "votes": found.votes,
        "without_verdict": dict(found.without_verdict),
        "order": None if found.order is None else _order_json(found.order),
        "panel": None if found.panel is None else _panel_votes_json(found.panel),
    }


def _panel_votes_json(found: PanelVotes) -> dict[str, Any]:
    return {
        "outputs": found.outputs,
        "unanimous": found.unanimous.model_dump(),
        "distinct": None if found.distinct == float("inf") else found.distinct,
        "weights": found.weights,
        "reason": found.reason,
        "members": [
            {"name": one.name, "votes": one.votes, "passes": one.passes.model_dump(), "accuracy": one.accuracy}
            for one in found.members
        ],
    }


def _order_json(found: OrderFigures) -> dict[str, Any]:
    return {"consistent": found.consistent.model_dump(), "towards_first": found.towards_first.model_dump()}
