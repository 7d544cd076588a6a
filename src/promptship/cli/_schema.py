"""`promptctl schema`: JSON Schemas for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json

__all__ = ["schema"]


def schema(
    context: typer.Context,
    *,
    show: Annotated[bool, typer.Option("--print", help="Print the evalset schema instead of writing files.")] = False,
) -> None:
    """Write JSON Schemas of evalsets, cases, judges and labels beside them, so that editors complete and check them."""
    import orjson

    from promptship.evalsets import case_schema, evalset_schema, items_schema, judge_schema, labels_schema
    from promptship.report import write_report

    if show:
        print_json(evalset_schema())
        return
    folder = open_workspace(context).project.evalsets_dir / ".schema"
    made = {
        "evalset": evalset_schema(),
        "case": case_schema(),
        "judge": judge_schema(),
        "judge-item": items_schema(),
        "label": labels_schema(),
    }
    for name, content in made.items():
        path = folder / f"{name}.schema.json"
        write_report(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        typer.echo(str(path))
    note("first line of an evalset for editors: # yaml-language-server: $schema=.schema/evalset.schema.json")
