"""The page of every command and option is made from the program itself.

`PROMPTSHIP_WRITE_DOCS=1 pytest tests/integration/docs/test_command_line_page.py` writes it anew.
"""

import os
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import typer.main

from promptship.cli._main import app
from promptship.errors import ExitCode

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "command-line.md"
INTRODUCTION = """# Command line

Every command of `promptctl` and every option. `promptctl COMMAND --help` says the same. The wheel installs the program
as `promptship` too. A test makes this page from the program and fails where they differ.

- Data goes to stdout, everything else (progress, notes, errors) to stderr. `--json` prints JSON instead of a table.
- `REF` is a prompt: `name`, `name@git:REV`, the path of a `.prompt` file, or a version of the registry such as `name@7`
  and `name@production` ([references](prompt-files.md#references)).
- `-C DIR` comes before the command: `promptctl -C services/mail eval`.
- An option written with `...` may be given several times.

## Exit codes

| code | means |
|---|---|
"""
EXIT_CODES = {
    ExitCode.PASS: "passed; a warning passes too",
    ExitCode.GATE_FAILED: "a gate failed; `score`: the text does not pass",
    ExitCode.USAGE: "what the user wrote, asked for or forgot; `lint`: there are errors",
    ExitCode.INFRASTRUCTURE: "network, provider, disk; too many errors; no recorded answer; `verify`: a changed row",
    ExitCode.INCONCLUSIVE: "nothing failed but a gate could not be decided",
    ExitCode.OVER_BUDGET: "the next call could cost more than `--max-cost` or `max_cost_usd` allows",
    ExitCode.INTERRUPTED: "interrupted; what is done is kept",
}


def cell(text):
    return " ".join(str(text or "").split()).replace("|", "\\|")


def default_of(parameter):
    value = parameter.default
    plain = isinstance(value, (int, float, str, os.PathLike)) and not isinstance(value, bool)
    return f" Default: `{value}`." if plain and not parameter.required else ""


def kind_of(parameter):
    annotation = parameter.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    plain = {int: "N", float: "X"}.get(annotation)
    return plain or parameter.name.removesuffix("_").upper()


def argument_of(parameter):
    name = parameter.metavar or parameter.name.removesuffix("_").upper()
    shown = name if parameter.required else f"[{name}]"
    return f"{shown}..." if parameter.nargs == -1 else shown


def names_of(parameter):
    if parameter.param_type_name == "argument":
        return f"`{argument_of(parameter)}`"
    names = [*parameter.opts, *parameter.secondary_opts]
    kind = "" if parameter.is_flag else f" {parameter.metavar or kind_of(parameter)}"
    more = "..." if parameter.multiple else ""
    return ", ".join(f"`{name}{kind}{more}`" for name in names)


def render_parameters(command):
    shown = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    if not shown:
        return []
    rows = [
        f"| {cell(names_of(one))} | {cell(one.help)}{cell(default_of(one)) and ' ' + cell(default_of(one))} |"
        for one in shown
    ]
    return ["| argument or option | meaning |", "|---|---|", *rows, ""]


def render_command(command, name):
    lines = [f"## {name}", "", (command.help or "").strip(), ""]
    children = getattr(command, "commands", None)
    if not children:
        arguments = [argument_of(one) for one in command.params if one.param_type_name == "argument"]
        lines += ["```text", " ".join([name, "[OPTIONS]", *arguments]), "```", ""]
    lines += render_parameters(command)
    for child in (children or {}).values():
        lines += render_command(child, f"{name} {child.name}")
    return lines


def render_page():
    codes = "".join(f"| {code.value} | {EXIT_CODES[code]} |\n" for code in ExitCode)
    lines = render_command(typer.main.get_command(app), "promptctl")
    return INTRODUCTION + codes + "\n" + "\n".join(lines).rstrip() + "\n"


@pytest.fixture
def page():
    made = render_page()
    if os.environ.get("PROMPTSHIP_WRITE_DOCS"):
        write_page(made)
    return made


def write_page(text):
    PAGE.write_text(text, encoding="utf-8")


def test_the_page_says_what_the_program_takes(page):
    assert page == PAGE.read_text(encoding="utf-8"), "run again with PROMPTSHIP_WRITE_DOCS=1 and look at the difference"


def test_every_option_has_a_help_text():
    silent = [
        (command.name, parameter.name)
        for command in commands_below(typer.main.get_command(app))
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert silent == []


def commands_below(command):
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from commands_below(child)
