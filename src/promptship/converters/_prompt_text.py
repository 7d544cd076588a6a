"""The text of prompt files, evalsets and model configs: YAML that our own reader reads back to the same value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from promptship.prompts import parse_prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import JsonObject, JsonValue

__all__ = ["render_prompt_file", "render_yaml", "yaml_scalar"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@()-]+)*|[A-Za-z][A-Za-z0-9_]*(?:\?|\([a-z]+\))")
_READS_AS_NO_TEXT = {"null", "true", "false", "nan", "inf"}
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONGEST_FLOW = 100


def render_prompt_file(frontmatter: JsonObject, body: str, *, path: str) -> str:
    """Render a prompt file, and read it back to be sure that it is one.

    Args:
        frontmatter: Its keys; empty for a file without frontmatter.
        body: Its template.
        path: The file, for messages.

    Raises:
        SourceError: The template or the frontmatter is not one of ours.
    """
    # What stands at the end of a message is trimmed, so a file ends with one newline.
    text = (f"---\n{render_yaml(frontmatter)}---\n{body}" if frontmatter else body).rstrip("\n") + "\n"
    parse_prompt(text, path=path)
    return text


def render_yaml(value: Mapping[str, JsonValue], indent: str = "") -> str:
    """Render a mapping as block YAML; short lists and mappings stand on one line.

    Example:
        >>> print(render_yaml({"model": "fast", "config": {"temperature": 0.2}, "tags": ["no", "a b"]}), end="")
        model: fast
        config: {temperature: 0.2}
        tags: ["no", a b]
    """
    return "".join(_entry(key, item, indent) for key, item in value.items())


def _entry(key: str, value: JsonValue, indent: str) -> str:
    name = f"{indent}{yaml_scalar(key)}:"
    flow = _flow(value)
    if not isinstance(value, dict | list) or not value or len(indent) + len(name) + len(flow) < _LONGEST_FLOW:
        return f"{name} {flow}\n"
    if isinstance(value, dict):
        return f"{name}\n{render_yaml(value, indent + '  ')}"
    return f"{name}\n" + "".join(_item(item, indent + "  ") for item in value)


def _item(value: JsonValue, indent: str) -> str:
    flow = _flow(value)
    if not isinstance(value, dict) or not value or len(indent) + len(flow) < _LONGEST_FLOW:
        return f"{indent}- {flow}\n"
    return f"{indent}- {render_yaml(value, indent + '  ').lstrip(' ')}"


def _flow(value: JsonValue) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_flow, value))}]"
        case dict():
            return "{" + ", ".join(f"{yaml_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        case str():
            return yaml_scalar(value)
        case _:
            return json.dumps(value)


def yaml_scalar(text: str) -> str:
    """Render text as a YAML scalar, quoted wherever some reader could take it for something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _READS_AS_NO_TEXT | {"yes", "no", "on", "off", "y", "n"}:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
