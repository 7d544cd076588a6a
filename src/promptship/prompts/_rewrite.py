"""`lint --fix`: the inputs that a prompt takes without saying so, written out as frontmatter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from promptship.errors import SourceError
from promptship.prompts._closure import implicit_schema
from promptship.prompts._frontmatter import FENCE_LINE, parse_prompt, split_frontmatter
from promptship.prompts._source import normalise_newlines

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["write_frontmatter"]

_READS_AS_NO_TEXT = {"null", "Null", "NULL", "TRUE", "FALSE"}
_BLOCK_INPUT = re.compile(r"input:[ \t]*(?:#.*)?")


def write_frontmatter(document_text: str, path: str, *, partials: Mapping[str, str] | None = None) -> str:
    """Write the inputs of a prompt that declares none into its frontmatter.

    Args:
        document_text: The file's text.
        path: The file, as messages name it.
        partials: Text of the partials that it reaches, by name, so that their inputs are written too.

    Returns:
        The new text, of the same digest; the old one where the prompt declares its inputs. Comments and the order of
        keys stay.

    Raises:
        SourceError: The file is not valid, or `input` is written so that a schema cannot be put into it.

    Example:
        >>> print(write_frontmatter("Hello {{ name }}", "hello.prompt"))
        ---
        input:
          schema:
            name: string
        ---
        Hello {{ name }}
    """
    document = parse_prompt(document_text, path=path)
    if document.declares_inputs:
        return document_text
    parts = split_frontmatter(normalise_newlines(document_text), path=path)
    schema = _schema_lines(implicit_schema(document.body, partials or {}))
    lines = parts.frontmatter.split("\n") if parts.frontmatter else []
    value: Any = document.frontmatter.value if document.frontmatter else None
    if isinstance(value, dict) and "input" in value:
        line, column = document.place(("input",))
        at = line - 2
        if not _BLOCK_INPUT.fullmatch(lines[at]):
            message = "cannot write the schema into 'input' as it is written here"
            raise SourceError.at(path, line, column, message, hint="write input.schema by hand, or 'input:' as a block")
        lines[at + 1 : at + 1] = _indented(schema, _indent_below(lines, at))
    else:
        lines += ["input:", *_indented(schema, "  ")]
    return "\n".join([FENCE_LINE, *lines, FENCE_LINE, parts.body])


def _schema_lines(schema: Mapping[str, Any]) -> list[str]:
    properties = schema["properties"]
    if not properties:
        return ["schema: {}"]
    return ["schema:", *(f"  {_key(name)}: {inner.get('type', 'any')}" for name, inner in properties.items())]


def _key(name: str) -> str:
    return f'"{name}"' if name in _READS_AS_NO_TEXT else name


def _indented(lines: list[str], indent: str) -> list[str]:
    return [indent + line for line in lines]


def _indent_below(lines: list[str], at: int) -> str:
    for line in lines[at + 1 :]:
        text = line.lstrip(" ")
        if text and not text.startswith("#"):
            return line[: len(line) - len(text)] or "  "
    return "  "
