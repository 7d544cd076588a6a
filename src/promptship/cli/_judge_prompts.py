"""`promptctl judge prompts`: what judges are told, and a copy of it to change."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import deliver, note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.project import Project

__all__ = ["prompts"]

_PACKAGED = "the package"
_OWN = "the project"


def prompts(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One of them; all are listed if none.")] = None,
    *,
    copy: Annotated[bool, typer.Option("--copy", help="Write it to prompts/judges/NAME.prompt, to change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show how the project's differs from the package's.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the prompts of judges, print one, or copy it into the project, where it takes the package's place."""
    from promptship.errors import UsageError, did_you_mean
    from promptship.scorers import JUDGE_PROMPTS_FOLDER, packaged_prompts

    packaged = packaged_prompts()
    project = open_workspace(context).project
    if name is None:
        if copy or diff:
            raise UsageError("which prompt?", hint=f"known: {', '.join(packaged)}")
        _list(project, packaged, as_json=as_json)
        return
    name = name.removeprefix(f"{JUDGE_PROMPTS_FOLDER}/")
    if name not in packaged:
        raise UsageError(
            f"no judge has a prompt {name!r}{did_you_mean(name, packaged)}", hint="promptctl judge prompts"
        )
    own = _own_text(project, name)
    if copy:
        _copy(project, name, packaged[name])
    elif diff:
        _diff(name, packaged[name], own or packaged[name])
    elif as_json:
        print_json({"name": name, "from": _OWN if own else _PACKAGED, "text": own or packaged[name]})
    else:
        deliver((own or packaged[name]).encode(), None)


def _path(name: str, project: Project) -> str:
    from promptship.scorers import JUDGE_PROMPTS_FOLDER

    return f"{project.settings.prompts_dir}/{JUDGE_PROMPTS_FOLDER}/{name}.prompt"


def _own_text(project: Project, name: str) -> str:
    path = project.root / _path(name, project)
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _list(project: Project, packaged: dict[str, str], *, as_json: bool) -> None:
    from promptship.prompts import parse_prompt

    rows = [
        {
            "name": name,
            "from": _OWN if _own_text(project, name) else _PACKAGED,
            "description": parse_prompt(text, path=f"{name}.prompt").description,
        }
        for name, text in packaged.items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(("prompt", "from", "what it does"), [(row["name"], row["from"], row["description"]) for row in rows])


def _copy(project: Project, name: str, text: str) -> None:
    from promptship.errors import UsageError
    from promptship.report import write_report

    place = _path(name, project)
    if (project.root / place).exists():
        raise UsageError(
            f"there is {place} already, and what was changed in it would be lost",
            hint=f"promptctl judge prompts {name} --diff shows how it differs",
        )
    write_report(project.root / place, text.encode())
    note(f"written to {place}; judges that ask it are other judges as soon as it changes: measure them anew")


def _diff(name: str, packaged: str, own: str) -> None:
    lines = difflib.unified_diff(
        packaged.splitlines(keepends=True), own.splitlines(keepends=True), f"{_PACKAGED}/{name}", f"{_OWN}/{name}"
    )
    deliver("".join(lines).encode(), None)
