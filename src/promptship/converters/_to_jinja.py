"""Trees to the Jinja2 of our prompt files, so that they render to the very same text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.converters._tree import (
    Bare,
    Compare,
    Const,
    Each,
    Filtered,
    History,
    If,
    Include,
    Join,
    LoopValue,
    Media,
    Not,
    Path,
    Print,
    Role,
    Text,
)

if TYPE_CHECKING:
    from promptship.converters._tree import Expr, Node, Template
    from promptship.domain import JsonValue

__all__ = ["render_expression", "render_jinja", "render_partial"]

_OPENING = re.compile(r"\{(?=[{%#])")
_BRACE = '{{ "{" }}'
_LAST_LINE_BLANK = re.compile(r"(?:^|\n)([ \t]+)\Z")
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")


def render_jinja(template: Template) -> str:
    r"""Render a tree as the body of a prompt file.

    White space survives `trim_blocks` and `lstrip_blocks`, which our environment sets; at the edges of messages it is
    left out, since rendering trims it there.

    Example:
        >>> render_jinja((Role("user"), Text("Hello "), Print(Path("name")), Text("!\n")))
        '{% user %}\nHello {{ name }}!\n'
    """
    writer = _Writer()
    writer.write_all(template)
    return writer.text


def render_partial(template: Template) -> str:
    """Render a tree as a partial; Jinja drops one newline at a file's end, so a newline that counts is doubled."""
    text = render_jinja(template)
    return f"{text}\n" if template and isinstance(template[-1], Text) and text.endswith("\n") else text


def render_expression(value: Expr) -> str:
    """Render an expression as Jinja2.

    Example:
        >>> render_expression(Not(Path("order", ("lines", 0))))
        'not order.lines[0]'
    """
    match value:
        case Path(root, steps):
            made = root + "".join(map(_step, steps))
        case Const(constant):
            made = _constant(constant)
        case LoopValue(what):
            made = f"loop.{what}"
        case Not(inner):
            made = f"not {_operand(inner)}"
        case Join(how, left, right) | Compare(how, left, right):
            made = f"{_operand(left)} {how} {_operand(right)}"
        case Filtered(name, inner, arguments):
            given = f"({', '.join(map(render_expression, arguments))})" if arguments else ""
            made = f"{_operand(inner)} | {name}{given}"
        case Bare(inner, null):
            made = f"{render_expression(inner)} | default(''{', true' if null else ''})"
    return made


def _operand(value: Expr) -> str:
    text = render_expression(value)
    return f"({text})" if isinstance(value, Not | Join | Compare | Filtered | Bare) else text


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() and step.isascii() else f"[{_constant(step)}]"


def _constant(value: JsonValue) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_constant, value))}]"
        case dict():
            return "{" + ", ".join(f"{_constant(key)}: {_constant(item)}" for key, item in value.items()) + "}"
        case str():
            # Jinja reads the escapes of JSON, and a tag may not end inside a literal.
            return json.dumps(value, ensure_ascii=False).replace("%}", '%" ~ "}').replace("}}", '}" ~ "}')
        case _:
            return json.dumps(value)


@dataclass
class _Writer:
    """Writes a body from left to right, knowing what stands before each tag."""

    parts: list[str] = field(default_factory=list)
    pending: str | None = None

    @property
    def text(self) -> str:
        """The body so far."""
        self._flush(None)
        return "".join(self.parts)

    def write_all(self, template: Template) -> None:
        """Write nodes that follow each other."""
        for index, node in enumerate(template):
            before = template[index - 1] if index else None
            after = template[index + 1] if index + 1 < len(template) else None
            self._write(node, before, after)

    def _write(self, node: Node, before: Node | None, after: Node | None) -> None:
        match node:
            case Text(text):
                self._write_text(_trim_edges(text, before, after))
            case Print(value, _):
                self._write_source(f"{{{{ {render_expression(value)} }}}}")
            case If():
                self._write_if(node, "if")
            case Each(item, over, body, other, key, _):
                names = f"{key}, {item}" if key else item
                source = f"({render_expression(over)}).items()" if key else render_expression(over)
                self._tag(f"for {names} in {source}")
                self.write_all(body)
                if other:
                    self._tag("else")
                    self.write_all(other)
                self._tag("endfor")
            case Role(role, _):
                self._tag(role)
            case History():
                self._tag("history")
            case Media():
                self._tag(f"media {_media(node)}")
            case Include(name, names, _):
                self._write_include(name, names)

    def _write_if(self, node: If, word: str) -> None:
        self._tag(f"{word} {render_expression(node.test)}")
        self.write_all(node.body)
        match node.other:
            case (If() as inner,):
                self._write_if(inner, "elif")
                return
            case ():
                pass
            case other:
                self._tag("else")
                self.write_all(other)
        self._tag("endif")

    def _write_include(self, name: str, names: tuple[tuple[str, Expr], ...]) -> None:
        if not names:
            self._tag(f"include {_constant(name)}")
            return
        given = ", ".join(f"{inner} = {render_expression(value)}" for inner, value in names)
        self._tag(f"with {given}")
        self._tag(f"include {_constant(name)}")
        self._tag("endwith")

    def _write_text(self, text: str) -> None:
        if not text:
            return
        # A brace may come from two texts; the second half alone opens nothing.
        source = _OPENING.sub(_BRACE, text)
        if source.endswith("{"):
            source = source[:-1] + _BRACE
        self._write_source(source)

    def _write_source(self, source: str) -> None:
        self._flush(source)
        self.parts.append(source)

    def _tag(self, content: str) -> None:
        self._flush("{")
        self.pending = content

    def _flush(self, following: str | None) -> None:
        """Write the tag that waited for what follows it."""
        if self.pending is None:
            return
        line = _line_so_far(self.parts)
        opening = "{%+ " if _LAST_LINE_BLANK.search(line) else "{% "
        if not line or line.endswith("\n"):
            # Alone on its line: the newline is the tag's, and trimmed with it.
            closing = " %}\n"
        elif following is not None and following.startswith("\n"):
            closing = " +%}"
        else:
            closing = " %}"
        self.parts.append(opening + self.pending + closing)
        self.pending = None


def _line_so_far(parts: list[str]) -> str:
    """Return the end of the text, as far back as the last newline."""
    line = ""
    for part in reversed(parts):
        line = part + line
        if "\n" in part:
            return line[line.rindex("\n") :]
    return line


def _media(node: Media) -> str:
    if node.whole:
        return render_expression(node.value)
    fields = {"url": node.value, **({"mime_type": node.mime_type} if node.mime_type is not None else {})}
    return "{" + ", ".join(f"{_constant(key)}: {render_expression(value)}" for key, value in fields.items()) + "}"


def _trim_edges(text: str, before: Node | None, after: Node | None) -> str:
    if isinstance(before, Role):
        text = _BLANK_LINES.sub("", text)
    if isinstance(after, Role | History):
        text = text.rstrip()
        return f"{text}\n" if text or isinstance(before, Print) else ""
    return text
