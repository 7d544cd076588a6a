"""`promptctl list | show | render | lint`: look at prompts without calling a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import open_workspace, parse_inputs, print_error, print_json, print_table

if TYPE_CHECKING:
    from promptship.errors import PromptshipError
    from promptship.evaluation import LintReport
    from promptship.project import LoadedPrompt, Project

__all__ = ["lint", "list_prompts", "render", "show"]

_Reference = Annotated[str, typer.Argument(metavar="REF", help="name, name@git:REV, or path to a .prompt file")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_prompts(context: typer.Context, *, as_json: _Json = False) -> None:
    """List the prompts of the working tree; one that is broken does not hide the others."""
    from promptship.domain import short_digest

    loaded, broken = _load_all(open_workspace(context).project)
    for error in broken:
        print_error(error)
    if as_json:
        print_json([_describe(prompt) for prompt in loaded])
        raise typer.Exit(broken[0].exit_code if broken else 0)
    rows = [
        (one.version.name, short_digest(one.version.digest), one.version.closure.model.name, one.document.description)
        for one in loaded
    ]
    print_table(("prompt", "digest", "model", "description"), rows)
    raise typer.Exit(broken[0].exit_code if broken else 0)


def show(context: typer.Context, reference: _Reference, *, as_json: _Json = False) -> None:
    """Show a prompt: its file, its digest and what is in its closure."""
    loaded = open_workspace(context).project.load_prompt(reference)
    if as_json:
        print_json({**_describe(loaded), "closure": loaded.version.closure.as_json()})
        return
    version = loaded.version
    model = version.closure.model
    typer.echo(f"prompt   {version.label}\nfile     {loaded.path}\ndigest   {version.digest}")
    if stored := loaded.stored:
        said = f" ({stored.message})" if stored.message else ""
        typer.echo(f"version  {stored.number}, {stored.semver_text}, {stored.created_at[:10]} by {stored.author}{said}")
    typer.echo(f"model    {model.name} ({model.model}) {model.params or ''}".rstrip())
    typer.echo(f"inputs   {', '.join(_input_names(loaded)) or 'none'}")
    if loaded.partials:
        typer.echo(f"partials {', '.join(sorted(loaded.partials))}")
    typer.echo(f"\n{loaded.text.rstrip()}")


def render(
    context: typer.Context,
    reference: _Reference,
    inputs: Annotated[list[str] | None, typer.Option("-i", "--input", metavar="K=V", help="K=V, or K:=JSON.")] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--inputs", metavar="FILE", help="JSON or YAML; - is stdin.")
    ] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Render a prompt's messages without calling a model."""
    from promptship.evaluation import prepare_call
    from promptship.report import escape_terminal

    version = open_workspace(context).project.load_prompt(reference).version
    request = prepare_call(version, parse_inputs(inputs or [], inputs_file))
    if as_json:
        print_json([message.as_json() for message in request.messages])
        return
    for message in request.messages:
        typer.secho(f"--- {message.role}", bold=True)
        typer.echo(escape_terminal(message.text))
        if not isinstance(message.content, str) or message.extra:
            print_json(message.as_json())


def lint(
    context: typer.Context,
    references: Annotated[list[str] | None, typer.Argument(metavar="REF", help="All prompts if none.")] = None,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Write out the inputs of prompts without frontmatter.")] = False,
    as_json: _Json = False,
) -> None:
    """Check prompts: inputs, trust, branches, partials; with the tokens of each message."""
    from promptship.evaluation import lint_prompts

    workspace = open_workspace(context)
    if fix:
        _fix(workspace.project, references or workspace.project.prompt_names())
    report = lint_prompts(workspace.project, references or [], workspace.open_hub())
    if as_json:
        print_json(_lint_json(report))
    else:
        _print_lint(report)
    raise typer.Exit(2 if report.has_errors else 0)


def _fix(project: Project, references: list[str]) -> None:
    from promptship.cli._console import note
    from promptship.prompts import write_frontmatter
    from promptship.report import write_report

    for reference in references:
        loaded = project.load_prompt(reference)
        fixed = write_frontmatter(loaded.text, path=loaded.path)
        if fixed != loaded.text and "@" not in reference:
            write_report(project.root / loaded.path, fixed.encode())
            note(f"{loaded.path}: wrote out its inputs")


def _print_lint(report: LintReport) -> None:
    for problem in report.unreadable:
        typer.echo(f"{problem} [unreadable]")
        if problem.hint:
            typer.echo(f"  hint: {problem.hint}")
    counts = {"error": len(report.unreadable), "warning": 0, "info": 0}
    for findings in report.findings.values():
        for finding in findings:
            counts[finding.severity] += 1
            typer.echo(f"{finding.problem} [{finding.severity}: {finding.code}]")
            if finding.problem.hint:
                typer.echo(f"  hint: {finding.problem.hint}")
    prompts = len(report.findings)
    typer.echo(f"{prompts} prompts read, {counts['error']} errors, {counts['warning']} warnings")


def _lint_json(report: LintReport) -> list[dict[str, Any]]:
    rows = [("", "error", "unreadable", problem) for problem in report.unreadable]
    for reference, findings in report.findings.items():
        rows += [(reference, finding.severity, finding.code, finding.problem) for finding in findings]
    return [
        {
            "prompt": reference,
            "severity": severity,
            "code": code,
            "path": str(problem.path),
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "hint": problem.hint,
        }
        for reference, severity, code, problem in rows
    ]


def _load_all(project: Project) -> tuple[list[LoadedPrompt], list[PromptshipError]]:
    from promptship.errors import PromptshipError

    loaded, broken = [], []
    for name in project.prompt_names():
        try:
            loaded.append(project.load_prompt(name))
        except PromptshipError as error:
            broken.append(error)
    return loaded, broken


def _describe(loaded: LoadedPrompt) -> dict[str, Any]:
    document, version = loaded.document, loaded.version
    return {
        "name": version.name,
        "digest": version.digest,
        "path": loaded.path,
        "model": version.closure.model.name,
        "model_id": version.closure.model.model,
        "inputs": _input_names(loaded),
        "description": document.description,
        "owner": document.owner,
        "tags": list(document.tags),
        **_describe_stored(loaded),
    }


def _describe_stored(loaded: LoadedPrompt) -> dict[str, Any]:
    """Return what the registry knows of a version; nothing of a file."""
    if (stored := loaded.stored) is None:
        return {}
    known = ("number", "message", "author", "git_commit", "created_at", "forked_from")
    return {name: getattr(stored, name) for name in known} | {"ref": stored.ref, "semver": stored.semver_text}


def _input_names(loaded: LoadedPrompt) -> list[str]:
    properties = loaded.document.input_schema.get("properties")
    return list(properties) if isinstance(properties, dict) else []
