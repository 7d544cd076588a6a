"""`promptctl import | export`: other tools' prompts and evalsets to ours, and ours to theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from promptship.cli._console import note, open_workspace, print_json
from promptship.errors import UsageError

if TYPE_CHECKING:
    from promptship.converters import Conversion
    from promptship.settings import Settings

__all__ = ["export", "import_"]

_ImportFormat = Literal["promptfoo", "dotprompt", "prompty", "langfuse", "openai-evals"]
_ExportFormat = Literal["dotprompt", "prompty", "promptfoo"]
_Json = Annotated[bool, typer.Option("--json", help="Print files and remarks as JSON.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")]
_Strict = Annotated[bool, typer.Option("--strict", help="Write nothing and end with 2 unless everything carries over.")]
_Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def import_(
    context: typer.Context,
    format_: Annotated[_ImportFormat, typer.Argument(metavar="FORMAT", help="Whose files they are.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or a folder of the other tool.")],
    *,
    as_json: _Json = False,
    dry_run: _DryRun = False,
    strict: _Strict = False,
    force: _Force = False,
) -> None:
    """Convert another tool's prompts and evalsets into this project; says what could not be carried over."""
    from promptship.converters import SourceFolder, import_files

    root, settings = _project(context)
    folder, name = SourceFolder.of(Path(context.obj or ".") / path, shown=path)
    conversion = import_files(format_, folder, name, project=root, settings=settings)
    _finish(conversion, "import", root, as_json=as_json, dry_run=dry_run, strict=strict, force=force)


def export(
    context: typer.Context,
    format_: Annotated[_ExportFormat, typer.Argument(metavar="FORMAT", help="For which tool.")],
    reference: Annotated[str, typer.Argument(metavar="REF", help="name, name@git:REV, or path to a .prompt file")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder to write to.")] = Path("exported"),
    *,
    as_json: _Json = False,
    dry_run: _DryRun = False,
    strict: _Strict = False,
    force: _Force = False,
) -> None:
    """Convert a prompt, for promptfoo with its evalsets, for another tool; says what could not be carried over."""
    from promptship.converters import export_prompt

    project = open_workspace(context).project
    conversion = export_prompt(format_, project, reference)
    root = Path(context.obj or ".") / output
    _finish(conversion, "export", root, as_json=as_json, dry_run=dry_run, strict=strict, force=force)


def _project(context: typer.Context) -> tuple[Path, Settings]:
    """Return the project's folder and settings; where there is no project yet, the import begins one."""
    from promptship.project import find_root, load_settings
    from promptship.settings import Settings

    here = Path(context.obj or ".")
    try:
        root = find_root(here)
    except UsageError:
        return here, Settings()
    return root, load_settings(root)


def _finish(
    conversion: Conversion, action: str, root: Path, *, as_json: bool, dry_run: bool, strict: bool, force: bool
) -> None:
    from promptship.converters import find_existing, write_files

    writes = not dry_run and not (strict and not conversion.is_faithful)
    if writes:
        write_files(root, conversion.files, force=force)
    if as_json:
        existing = set() if writes else set(find_existing(root, conversion.files))
        print_json(_as_json(conversion, action, written=writes, existing=existing))
    else:
        _print(conversion, root, writes=writes, strict=strict and not dry_run)
    failed = conversion.count("refused") or (strict and not conversion.is_faithful)
    raise typer.Exit(2 if failed else 0)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _as_json(conversion: Conversion, action: str, *, written: bool, existing: set[str]) -> dict[str, object]:
    kinds = ("refused", "lost", "changed", "note")
    return {
        "action": action,
        "format": conversion.format,
        "source": conversion.source,
        "written": written,
        "files": [{"path": file.path, "exists": file.path in existing} for file in conversion.files],
        "counts": {kind: sum(remark.kind == kind for remark in conversion.remarks) for kind in kinds},
        "remarks": [remark.as_json() for remark in conversion.remarks],
    }


def _print(conversion: Conversion, root: Path, *, writes: bool, strict: bool) -> None:
    from promptship.report import escape_terminal

    for file in conversion.files:
        verb = ("extended" if file.extends else "wrote") if writes else "would write"
        typer.echo(f"{verb} {escape_terminal(_shown(root / file.path))}")
    for remark in conversion.remarks:
        note(f"{remark.kind}: {escape_terminal(str(remark))}")
        if remark.hint:
            note(f"  hint: {escape_terminal(remark.hint)}")
    counts = [f"{conversion.count(kind)} {kind}" for kind in ("refused", "lost", "changed")]
    note(f"{len(conversion.files)} files; {', '.join(counts)}")
    if strict and not writes:
        note("nothing was written: --strict asks that everything carries over")
