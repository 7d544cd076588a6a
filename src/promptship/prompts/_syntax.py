"""What a syntax error of a template means to its author."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2.exceptions import TemplateSyntaxError

from promptship.errors import Problem
from promptship.prompts._marks import has_control
from promptship.prompts._sandbox import PromptEnvironment

if TYPE_CHECKING:
    from jinja2 import nodes

__all__ = ["HANDLEBARS_HINT", "check_syntax", "explain_syntax"]

HANDLEBARS_HINT = "promptctl import dotprompt converts it; in Jinja2 it is {% user %}, {% for %}, {% if %}"
_HANDLEBARS = re.compile(r"\{\{~?\s*(?:[#/>^!@&]|(?:role|media|history|section|json)\b(?!\s*[|.~\[(}-])|else\s*~?\}\})")


def check_syntax(body: str, *, path: str, first_line: int) -> Problem | None:
    """Return what is wrong with a template; None for nothing.

    Args:
        body: The template.
        path: The file, as messages name it.
        first_line: Line of the file on which the template begins.
    """
    if has_control(body):
        at = min(found for found in (body.find("\x02"), body.find("\x03")) if found >= 0)
        line, column = body.count("\n", 0, at) + first_line, at - body.rfind("\n", 0, at)
        message = f"the template holds the control character U+000{ord(body[at])}"
        return Problem(path=path, line=line, column=column, message=message, hint="remove it")
    try:
        _parse(body)
    except TemplateSyntaxError as error:
        return explain_syntax(error, body, path=path, first_line=first_line)
    except RecursionError:
        return Problem(path=path, line=first_line, message="the template is nested too deeply")
    return None


def explain_syntax(error: TemplateSyntaxError, text: str, *, path: str, first_line: int) -> Problem:
    """Say where a template is wrong, and whether it is dotprompt's Handlebars rather than Jinja2."""
    lines = text.split("\n")
    line = min(max(error.lineno, 1), len(lines))
    found = next(((number, mark) for number, mark in _handlebars(lines) if abs(number - line) <= 1), None)
    if found is not None:
        number, mark = found
        message = f"{mark[0].strip()!r} is Handlebars, as in Google's dotprompt; expected Jinja2"
        place = {"line": number + first_line - 1, "column": mark.start() + 1}
        return Problem(path=path, message=message, hint=HANDLEBARS_HINT, **place)
    return Problem(path=path, line=line + first_line - 1, message=f"not a valid template: {error.message}")


def _handlebars(lines: list[str]) -> list[tuple[int, re.Match[str]]]:
    found = ((number, _HANDLEBARS.search(line)) for number, line in enumerate(lines, 1))
    return [(number, mark) for number, mark in found if mark is not None]


def _parse(body: str) -> nodes.Template:
    environment = PromptEnvironment({})
    tree = environment.parse(body)
    # Unknown filters and tests are found by the compiler, not by the parser.
    environment.compile(tree, raw=True)
    return tree
