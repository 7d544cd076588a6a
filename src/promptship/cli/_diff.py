"""`promptctl diff` and `promptctl affected`: what a change does, for its reviewer and for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import (
    deliver,
    dump_json,
    note,
    open_workspace,
    print_json,
    require_choice,
    terminal_width,
    wants_color,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import PromptDiff
    from promptship.project import Project

__all__ = ["affected", "diff"]

_LEVELS = ("text", "contract", "rendered", "behaviour")
_FORMATS = ("terminal", "markdown", "json", "html")


def diff(
    context: typer.Context,
    baseline: Annotated[
        str | None, typer.Argument(metavar="[A]", help="What was: a prompt's reference, or a run; see below.")
    ] = None,
    candidate: Annotated[str | None, typer.Argument(metavar="[B]", help="What is proposed.")] = None,
    level: Annotated[
        list[str] | None, typer.Option(metavar="LEVEL", help=f"{', '.join(_LEVELS)}; repeatable. All if none.")
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}.")
    ] = "terminal",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to stdout.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="REV", help="The base revision; where the default branch was left if none.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, metavar="USD", help="Stop before more is spent.")] = None,
    *,
    frozen: Annotated[bool, typer.Option("--frozen", help="Replay cassettes; call nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a change of a prompt does: text, contract, messages, behaviour, and the evidence that judges it.

    Without arguments, every prompt that differs from the base revision. With one, that prompt against the base. With
    two, any two references (support/reply@git:main support/reply), or two runs.
    """
    import asyncio

    from promptship.assembly import ModelOptions

    for name in level or ():
        require_choice("--level", name, _LEVELS)
    levels = tuple(level or ()) or _LEVELS
    chosen = "json" if as_json else file_format
    require_choice("--format", chosen, _FORMATS)
    if baseline and candidate and _is_run(baseline) and _is_run(candidate):
        from promptship.cli._compare import compare

        compare(context, baseline, candidate, file_format=chosen, output=output)
        return
    workspace = open_workspace(context, ModelOptions(max_cost_usd=max_cost, frozen=frozen))
    pairs, base = _pairs(workspace.project, baseline, candidate, since)
    found = asyncio.run(_work(workspace, pairs, levels, base))
    deliver(_render(found, chosen, color=wants_color() and output is None), output)


def affected(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(metavar="REV", help="Git revision; where the default branch was left if none.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    paths: Annotated[bool, typer.Option("--paths", help="Print the paths of the evalsets alone, one a line.")] = False,
) -> None:
    """Name the prompts and evalsets that a change touches, also through partials, examples and model configs."""
    from dataclasses import asdict

    from promptship.evaluation import find_affected

    found = find_affected(open_workspace(context).project, since)
    if as_json:
        print_json(asdict(found))
        return
    if paths:
        for evalset in found.evalsets:
            typer.echo(evalset.path)
        return
    for prompt in found.prompts:
        typer.echo(f"prompt   {prompt.name}  {prompt.change}")
    for evalset in found.evalsets:
        typer.echo(f"evalset  {evalset.path}  {', '.join(evalset.because)}")
    for evalset in found.removed:
        typer.echo(f"evalset  {evalset.path}  removed")
    note(f"{len(found.prompts)} prompts and {len(found.evalsets)} evalsets affected since {found.since[:12]}")


async def _work(
    workspace: Any, pairs: Sequence[tuple[str | None, str | None]], levels: Sequence[Any], base: str | None
) -> list[PromptDiff]:
    from promptship.assembly import diff_all
    from promptship.cli._progress import open_progress

    async with workspace:
        with open_progress(len(pairs)) as progress:
            workspace.on_pull = progress.pull
            return await diff_all(workspace, pairs, levels=levels, base=base)


def _pairs(
    project: Project, baseline: str | None, candidate: str | None, since: str | None
) -> tuple[list[tuple[str | None, str | None]], str | None]:
    """Return the references to compare, and the revision whose evalsets are the evidence's baseline."""
    from promptship.evaluation import find_affected, resolve_since

    if baseline and not candidate and "@git:" in baseline:
        candidate = baseline.partition("@")[0]
    if baseline and candidate:
        _, _, revision = baseline.partition("@git:")
        return [(baseline, candidate)], revision or since
    base = resolve_since(project, since)
    if baseline:
        name = project.load_prompt(baseline).version.name if baseline.endswith(".prompt") else baseline
        existed, exists = name in project.prompt_names_at(base), name in project.prompt_names()
        return [(f"{name}@git:{base[:12]}" if existed else None, baseline if exists or not existed else None)], base
    found: list[tuple[str | None, str | None]] = []
    for prompt, change in find_affected(project, base).reviewed.items():
        before = None if change in {"added", "mended"} else f"{prompt}@git:{base[:12]}"
        found.append((before, None if change == "removed" else prompt))
    return found, base


def _render(found: Sequence[PromptDiff], chosen: str, *, color: bool) -> bytes:
    from promptship.report import render_diff_html, render_diff_json, render_diff_markdown, render_diff_terminal

    if chosen == "json":
        return dump_json(render_diff_json(found))
    if chosen == "html":
        return render_diff_html(found)
    if chosen == "markdown":
        return render_diff_markdown(found).encode()
    return render_diff_terminal(found, color=color, width=terminal_width()).encode()


def _is_run(text: str) -> bool:
    return text == "last" or (text[:8].isdecimal() and "/" not in text)
