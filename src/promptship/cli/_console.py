"""Printing: data on stdout, everything else on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from promptship.cli._streams import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.assembly import ModelOptions, Workspace
    from promptship.errors import PromptshipError

__all__ = [
    "deliver",
    "dump_json",
    "note",
    "open_workspace",
    "parse_inputs",
    "print_error",
    "print_json",
    "print_table",
    "require_choice",
    "terminal_width",
    "wants_color",
]


def open_workspace(context: typer.Context, options: ModelOptions | None = None) -> Workspace:
    """Open the project that `-C DIR` or the current folder is in."""
    from promptship.assembly import Workspace

    return Workspace.open(Path(context.obj or "."), options)


def print_error(error: PromptshipError) -> None:
    """Say what is wrong and what to do, each on lines of its own."""
    from promptship.report import escape_terminal

    for line in str(error).split("\n"):
        sys.stderr.write(f"error: {escape_terminal(line)}\n")
    for line in (error.hint or "").split("\n"):
        if line:
            sys.stderr.write(f"hint: {escape_terminal(line)}\n")


def note(text: str) -> None:
    """Tell the user something that is not data."""
    sys.stderr.write(f"{text}\n")


def print_json(value: Any) -> None:
    """Print one JSON value, indented."""
    write_bytes(dump_json(value))


def deliver(data: bytes, output: Path | None) -> None:
    """Write what was made to a file, and say so; to stdout where no file was asked for."""
    if output is None:
        write_bytes(data)
        return
    from promptship.report import write_report

    write_report(output, data)
    note(f"written to {output}")


def require_choice(option: str, name: str, known: Sequence[str]) -> None:
    """Refuse a value that an option does not take, and name those it does.

    Raises:
        UsageError: `name` is not among `known`.
    """
    if name not in known:
        from promptship.errors import UsageError, did_you_mean

        raise UsageError(f"{option} {name!r}{did_you_mean(name, known)}", hint=f"{option} takes {', '.join(known)}")


def dump_json(value: Any) -> bytes:
    """Return one JSON value, indented, as `print_json` prints it."""
    import orjson

    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as their widest cell."""
    from promptship.report import escape_terminal

    table = [list(header), *([escape_terminal(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def wants_color() -> bool:
    """Whether stdout is a terminal that nobody asked to be plain (no-color.org)."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def terminal_width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def parse_inputs(pairs: Sequence[str], file: Path | None) -> dict[str, Any]:
    """Merge inputs of a JSON or YAML file with `key=value` pairs; a value that is JSON is taken as JSON after `:=`.

    Raises:
        UsageError: A pair has no `=`, or the file holds no mapping.
        SourceError: The file is not YAML.
        StorageError: The file cannot be read.
    """
    from promptship.errors import UsageError

    inputs = _load_inputs(file) if file else {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"-i {pair!r}: expected key=value, or key:=JSON for a number, list or object")
        inputs[key.removesuffix(":")] = _parse_json(pair, value) if key.endswith(":") else value
    return inputs


def _load_inputs(file: Path) -> dict[str, Any]:
    from promptship.errors import StorageError, UsageError
    from promptship.prompts import decode_source, parse_yaml

    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {str(file)!r}: {error.strerror}") from None
    value = parse_yaml(decode_source(data, path=str(file)), path=str(file)).value
    if not isinstance(value, dict):
        raise UsageError(f"{file}: expected a mapping from input names to values")
    return dict(value)


def _parse_json(pair: str, value: str) -> Any:
    import orjson

    from promptship.errors import UsageError

    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"-i {pair!r}: not JSON: {error.msg}") from None
