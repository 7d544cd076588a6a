"""`promptctl score`: try a scorer on a text."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from promptship.cli._console import print_json

__all__ = ["score"]


def score(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="Scorer type, such as levenshtein or not-contains.")],
    output: Annotated[str, typer.Option(help="The text to score.")],
    expected: Annotated[str | None, typer.Option(help="What the case would expect.")] = None,
    value: Annotated[str | None, typer.Option(metavar="JSON", help="JSON, or plain text.")] = None,
    threshold: Annotated[float | None, typer.Option(metavar="X", help="Instead of the type's own.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score one text; exit code 0 where it passes, 1 where it does not."""
    from dataclasses import asdict

    from promptship.scorers import score as score_text

    found = score_text(kind, output=output, expected=expected, value=_parse(value), threshold=threshold)
    if as_json:
        print_json(asdict(found))
    else:
        verdict = {True: "pass", False: "fail", None: "unscored"}[found.passed]
        figure = "" if found.value is None else f" {found.value:.4g}"
        measure = "" if found.measure is None else f" ({found.measure:g} {found.unit})".replace(" )", ")")
        typer.echo(f"{verdict}{figure}{measure} {found.definition} {found.reason}".rstrip())
    raise typer.Exit(0 if found.passed else 1)


def _parse(value: str | None) -> Any:
    import orjson

    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
