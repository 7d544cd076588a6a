"""`promptctl mutate`: which instructions of a prompt no evaluation notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.evaluation import MutantResult

__all__ = ["mutate"]

_LONGEST = 70


def mutate(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(metavar="REF", help="A prompt of the working tree.")],
    most: Annotated[int | None, typer.Option("--limit", min=1, help="The first N instructions.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, metavar="USD", help="Stop before more is spent.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the instructions and count the calls.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Drop and negate one instruction of a prompt at a time, and report which ones no evalset notices."""
    import asyncio
    from dataclasses import asdict

    from promptship.assembly import ModelOptions, mutate_all
    from promptship.evaluation import plan_mutants

    workspace = open_workspace(context, ModelOptions(max_cost_usd=max_cost))
    version, mutations, evalsets = plan_mutants(workspace.project, prompt)
    chosen = mutations[: 2 * most] if most else mutations
    calls = sum(evalset.count() for evalset in evalsets) * (len(chosen) + 1)
    if dry_run:
        rows = [(str(one.line), _short(one.instruction)) for one in chosen[::2]]
        print_table(("line", "instruction"), rows)
        note(f"{len(chosen)} mutants on {len(evalsets)} evalsets: {calls} calls at most")
        return
    note(f"{len(chosen)} mutants on {len(evalsets)} evalsets: {calls} calls at most")

    async def work() -> list[MutantResult]:
        async with workspace:
            return await mutate_all(workspace, version, chosen, evalsets, on_result=_tell)

    found = asyncio.run(work())
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(("line", "instruction", "change", "pass rate", "noticed by"), [_row(one) for one in found])
    unnoticed = sum(not one.noticed_by for one in found)
    note(f"{unnoticed} of {len(found)} mutants were not noticed")


def _tell(result: Any) -> None:
    note(f"{result.kind}: {_short(result.instruction)}: {', '.join(result.noticed_by) or 'NOT NOTICED'}")


def _row(one: MutantResult) -> tuple[str, ...]:
    difference = "-" if one.difference is None else f"{100 * one.difference:+.1f}"
    return (str(one.line), _short(one.instruction), one.kind, difference, ", ".join(one.noticed_by) or "NOT NOTICED")


def _short(text: str) -> str:
    from promptship.report import escape_terminal

    line = escape_terminal(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
