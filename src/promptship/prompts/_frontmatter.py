"""A prompt file's text to a document: where the frontmatter ends, and that the template is one."""

from __future__ import annotations

from typing import NamedTuple

from promptship.errors import Problem, SourceError
from promptship.prompts._closure import implicit_schema
from promptship.prompts._document import PromptDocument
from promptship.prompts._keys import read_keys
from promptship.prompts._source import normalise_newlines
from promptship.prompts._syntax import HANDLEBARS_HINT, check_syntax
from promptship.prompts._yaml import YamlDocument, parse_yaml

__all__ = ["FENCE_LINE", "Parts", "parse_prompt", "split_frontmatter"]

FENCE_LINE = "---"


class Parts(NamedTuple):
    """The two parts of a prompt file, and the line on which the body begins; no frontmatter is None."""

    frontmatter: str | None
    body: str
    body_line: int


def parse_prompt(text: str, *, path: str) -> PromptDocument:
    """Parse a prompt file.

    Args:
        text: The file's text, as `decode_source` returns it.
        path: The file, as messages name it.

    Raises:
        SourceError: Anything wrong in the frontmatter or the template; every problem, with line and column. A
            `.prompty` file and a body in dotprompt's Handlebars are refused with a hint.

    Example:
        >>> parse_prompt("Say hello to {{ name }}.", path="hello.prompt").input_schema["required"]
        ['name']
    """
    if path.endswith(".prompty"):
        message = "a .prompty file is no prompt of this project"
        hint = f"promptctl import prompty {path} converts it"
        raise SourceError.at(path, None, None, message, hint=hint)
    parts = split_frontmatter(normalise_newlines(text), path=path)
    problems: list[Problem] = []
    frontmatter = _read_yaml(parts, path, problems)
    fields = read_keys(frontmatter, problems) if frontmatter is not None else {}
    wrong = check_syntax(parts.body, path=path, first_line=parts.body_line)
    if wrong is not None:
        problems.append(wrong)
    elif not parts.body.strip():
        problems.append(_empty(parts, path))
    if problems:
        raise SourceError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    declares = "input_schema" in fields
    if not declares:
        fields["input_schema"] = implicit_schema(parts.body, {})
    return PromptDocument(
        path=path,
        body=parts.body,
        body_line=parts.body_line,
        has_frontmatter=parts.frontmatter is not None,
        declares_inputs=declares,
        frontmatter=frontmatter,
        **fields,
    )


def split_frontmatter(text: str, *, path: str) -> Parts:
    """Cut the frontmatter off: what stands between a first line and a later line that are both exactly `---`.

    Raises:
        SourceError: Frontmatter that is not closed, or that does not begin where it must.
    """
    lines = text.split("\n")
    if lines[0] != FENCE_LINE:
        _refuse_late_frontmatter(lines, path)
        return Parts(None, text, 1)
    try:
        end = lines.index(FENCE_LINE, 1)
    except ValueError:
        near = next((number for number, line in enumerate(lines[1:], 2) if line.strip() == FENCE_LINE), None)
        message = "the frontmatter that begins here is never closed"
        hint = "close it with a line that is exactly '---'"
        if near is not None:
            hint += f"; line {near} has blanks around it"
        raise SourceError.at(path, 1, 1, message, hint=hint) from None
    return Parts("\n".join(lines[1:end]), "\n".join(lines[end + 1 :]), end + 2)


def _refuse_late_frontmatter(lines: list[str], path: str) -> None:
    first = next((number for number, line in enumerate(lines, 1) if line.strip()), None)
    if first is None or lines[first - 1].strip() != FENCE_LINE or FENCE_LINE not in map(str.strip, lines[first:]):
        return
    message = "this looks like frontmatter, but it begins neither on line 1 nor with a line that is exactly '---'"
    hint = "move it to the first line, without blanks; a text that begins with a rule goes below {% user %}"
    raise SourceError.at(path, first, 1, message, hint=hint)


def _read_yaml(parts: Parts, path: str, problems: list[Problem]) -> YamlDocument | None:
    if parts.frontmatter is None:
        return None
    try:
        return parse_yaml(parts.frontmatter, path=path, first_line=2)
    except SourceError as error:
        problems.extend(_foreign(problem) for problem in error.problems)
        return None


def _foreign(problem: Problem) -> Problem:
    """Add the hint for Handlebars where YAML fails at a template."""
    if "{{" not in problem.message:
        return problem
    return Problem(
        path=problem.path, line=problem.line, column=problem.column, message=problem.message, hint=HANDLEBARS_HINT
    )


def _empty(parts: Parts, path: str) -> Problem:
    return Problem(path=path, line=parts.body_line, column=1, message="the prompt has no text: its template is empty")
