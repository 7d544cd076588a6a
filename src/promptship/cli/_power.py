"""`promptctl power`: what an evalset can decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.evaluation import GatePower

__all__ = ["power"]


def power(
    context: typer.Context,
    evalsets: Annotated[
        list[str] | None, typer.Argument(metavar="[EVALSET]...", help="Names or files; all if none.")
    ] = None,
    flip_rate: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Share of cases that a change makes pass or fail, either way.")
    ] = 0.1,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what each gate can notice with the cases that are there; nothing is called."""
    from dataclasses import asdict

    from promptship.evaluation import compute_power

    loaded = open_workspace(context).load_evalsets(evalsets or [])
    found = {one.spec.name: compute_power(one, flip_rate=flip_rate) for one in loaded}
    if as_json:
        print_json({name: [asdict(gate) for gate in gates] for name, gates in found.items()})
        return
    rows = [(name, gate.gate, str(gate.cases), str(gate.units), _say(gate)) for name in found for gate in found[name]]
    print_table(("evalset", "gate", "cases", "origins", "in 4 of 5 runs"), rows)
    for name, gates in found.items():
        if not gates:
            note(f"{name} has no gates: every case has to pass")


def _say(gate: GatePower) -> str:
    needed = f"; {gate.needed:,} origins for 5 points" if gate.needed and gate.needed > gate.units else ""
    if gate.kind == "threshold":
        if gate.noticed is None or gate.passes_from is None:
            return f"cannot pass, whatever is observed{needed}"
        edge = "up to" if gate.at_most else "from"
        return f"passes at a true rate of {gate.noticed:.1%}; observed {edge} {gate.passes_from:.1%}{needed}"
    if gate.kind == "baseline":
        noticed = "no loss at all" if gate.noticed is None else f"a loss of {100 * gate.noticed:.1f} points"
        return f"notices {noticed}{needed}"
    if gate.kind == "margin":
        return _say_margin(gate)
    return "the observed figure decides" if gate.kind == "observed" else "not known beforehand"


def _say_margin(gate: GatePower) -> str:
    shown = f"shows equal quality within {gate.noticed:g}"
    if gate.needed is None:
        return f"{shown} with no number of cases"
    if gate.units >= gate.needed:
        return shown
    return f"{shown} in {gate.power or 0.0:.0%} of runs only: 4 of 5 need {gate.needed:,} origins"
