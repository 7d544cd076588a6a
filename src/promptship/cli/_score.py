"""`promptctl score`: try a scorer on a text."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from promptship.cli._console import open_workspace, print_json
from promptship.errors import UsageError

__all__ = ["score"]


def score(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="Scorer type, such as levenshtein or not-contains.")],
    output: Annotated[str, typer.Option(help="The text to score.")],
    expected: Annotated[str | None, typer.Option(help="What the case would expect.")] = None,
    value: Annotated[str | None, typer.Option(metavar="JSON", help="JSON, or plain text.")] = None,
    threshold: Annotated[float | None, typer.Option(metavar="X", help="Instead of the type's own.")] = None,
    params: Annotated[
        list[str] | None, typer.Option("--param", metavar="KEY=JSON", help="A further key of the type; repeatable.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score one text; exit code 0 where it passes, 1 where it does not."""
    import asyncio
    from dataclasses import asdict

    from promptship.assembly import ascore_with_models
    from promptship.scorers import InstrumentsNeededError
    from promptship.scorers import score as score_text

    options = {"expected": expected, "value": _parse(value), "threshold": threshold, **_read_params(params or [])}
    try:
        found = score_text(kind, output, **options)
    except InstrumentsNeededError:
        # Only here, so that types which ask no model are tried outside a project too.
        workspace = open_workspace(context)
        found = asyncio.run(ascore_with_models(workspace, kind, output, **options))
    if as_json:
        print_json(asdict(found))
    else:
        verdict = {True: "pass", False: "fail", None: "unscored"}[found.passed]
        figure = "" if found.value is None else f" {found.value:.4g}"
        measure = "" if found.measure is None else f" ({found.measure:g} {found.unit})".replace(" )", ")")
        typer.echo(f"{verdict}{figure}{measure} {found.definition} {found.reason}".rstrip())
    raise typer.Exit(0 if found.passed else 1)


def _read_params(written: list[str]) -> dict[str, Any]:
    pairs = [item.partition("=") for item in written]
    wrong = next((item for item, (key, sign, _) in zip(written, pairs, strict=True) if not (key and sign)), None)
    if wrong is not None:
        raise UsageError(f"--param {wrong!r}; expected KEY=JSON", hint="for example --param model=models/my-classifier")
    return {key: _parse(value) for key, _, value in pairs}


def _parse(value: str | None) -> Any:
    import orjson

    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
