"""Trees to Handlebars, as Google's dotprompt reads it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from promptship.converters._tree import (
    Bare,
    Compare,
    Const,
    Each,
    Filtered,
    History,
    If,
    Join,
    LoopValue,
    Media,
    Not,
    Path,
    Print,
    Role,
    Text,
    UntranslatableError,
)

if TYPE_CHECKING:
    from promptship.converters._tree import Expr, Node, Template

__all__ = ["render_handlebars"]

_ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "model"}
_LOOP: Final = {"index0": "@index", "first": "@first", "last": "@last"}
_HELPERS: Final = {
    "if",
    "unless",
    "each",
    "with",
    "lookup",
    "log",
    "role",
    "history",
    "media",
    "json",
    "section",
    "else",
}
_BLANK_LINES: Final = re.compile(r"\A(?:[ \t]*\n)+")
_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


def render_handlebars(template: Template) -> str:
    r"""Render a tree as the body of a dotprompt file.

    Raises:
        UntranslatableError: A filter, comparison or nesting that Handlebars has nothing for, with its line.

    Example:
        >>> render_handlebars((Role("system"), Text("Be kind.\n"), Role("user"), Print(Path("q")), Text("\n")))
        '{{role "system"~}}\nBe kind.\n{{~role "user"~}}\n{{q}}\n'
    """
    writer = _Writer()
    writer.write_all(template)
    return "".join(writer.parts)


class _Writer:
    """`loops` are the loops around, the outermost first, each with the names of its key and its item."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._loops: list[tuple[str | None, str]] = []

    def write_all(self, template: Template) -> None:
        """Write nodes that follow each other."""
        for index, node in enumerate(template):
            before = template[index - 1] if index else None
            after = template[index + 1] if index + 1 < len(template) else None
            self._write(node, before, after)

    def _write(self, node: Node, before: Node | None, after: Node | None) -> None:
        match node:
            case Text(text):
                self._write_text(text, before, after)
            case Print(value, line):
                self._put(self._printed(value, line))
            case If(test, body, other, line):
                self._write_if(test, body, other, line, after)
            case Each():
                self._write_each(node, after)
            case Role(role, _):
                self._write_role(role, after)
            case History():
                self._put("{{history}}")
                if not isinstance(after, Role):
                    self._write_role("user", after)
            case Media(value, mime_type, line):
                self._write_media(value, mime_type, line, whole=node.whole)
            case _:
                raise UntranslatableError("a partial has to be put in its place first")

    # Text

    def _write_text(self, text: str, before: Node | None, after: Node | None) -> None:
        if isinstance(before, Role):
            text = _BLANK_LINES.sub("", text)
        if isinstance(after, Role | History):
            text = text.rstrip()
        if re.search(r"\\\{\{", text):
            raise UntranslatableError("a backslash before braces cannot be written in Handlebars")
        if text.endswith("{") and after is not None:
            raise UntranslatableError("a brace before a tag cannot be written in Handlebars")
        source = text.replace("{{", r"\{{")
        if isinstance(after, Print) and text.endswith("\\"):
            source += "\\"
        if source.startswith("}") and self.parts and self.parts[-1].endswith("}}"):
            # Three braces would close what two have opened; an empty comment stands between.
            source = f"{{{{! }}}}{source}"
        self._put(source)

    def _put(self, source: str) -> None:
        if source:
            self.parts.append(source)

    def _write_role(self, role: str, after: Node | None) -> None:
        text = _BLANK_LINES.sub("", after.text) if isinstance(after, Text) else ""
        is_first = not self.parts
        if not is_first and not self._at_line_start():
            self._put("\n")
        opening = "{{" if is_first else "{{~"
        # A first line's indentation counts, and '~' would take it.
        closing = "}}" if text[:1] in {" ", "\t"} else "~}}\n"
        self._put(f'{opening}role "{_ROLES[role]}"{closing}')

    def _at_line_start(self) -> bool:
        return not self.parts or self.parts[-1].endswith("\n")

    def _line_is_blank(self) -> bool:
        line = "".join(self.parts[-3:]).rpartition("\n")[2]
        return not line.strip(" \t")

    def _tag(self, content: str, following: str) -> None:
        """Write a block tag; alone on its line it takes the newline that is put after it along."""
        source = f"{{{{{content}}}}}"
        if self._at_line_start():
            self._put(f"{source}\n")
        elif following.lstrip(" \t").startswith("\n") and self._line_is_blank():
            self._put(f"{source}{{{{! }}}}")
        else:
            self._put(source)

    # Blocks

    def _write_if(self, test: Expr, body: Template, other: Template, line: int, after: Node | None) -> None:
        match test:
            case Not(Not() | Join() | Compare() as inner):
                self._write_if(inner, other, body, line, after)
            case Join("and", left, right):
                self._write_if(left, (If(right, body, other, line),), other, line, after)
            case Join("or", left, right):
                self._write_if(left, body, (If(right, body, other, line),), line, after)
            case _:
                self._block(*self._test(test, line), body, other, after)

    def _test(self, test: Expr, line: int) -> tuple[str, str]:
        match test:
            case Not(inner):
                return "unless", self._value(inner, line)
            case Compare("==" | "!=" as how, left, right):
                name = "ifEquals" if how == "==" else "unlessEquals"
                return name, f"{self._value(left, line)} {self._value(right, line)}"
            case _:
                return "if", self._value(test, line)

    def _write_each(self, node: Each, after: Node | None) -> None:
        over = self._value(node.over, node.line)
        self._loops.append((node.key, node.item))
        self._tag(f"#each {over}", _start(node.body))
        self.write_all(node.body)
        self._loops.pop()
        self._end("each", node.other, after)

    def _block(self, name: str, value: str, body: Template, other: Template, after: Node | None) -> None:
        self._tag(f"#{name} {value}", _start(body))
        self.write_all(body)
        self._end(name, other, after)

    def _end(self, name: str, other: Template, after: Node | None) -> None:
        if other:
            self._tag("else", _start(other))
            self.write_all(other)
        self._tag(f"/{name}", _start((after,) if after is not None else ()))

    def _write_media(self, value: Expr, mime_type: Expr | None, line: int, *, whole: bool) -> None:
        url = Path(value.root, (*value.steps, "url")) if whole and isinstance(value, Path) else value
        kind = f" contentType={self._value(mime_type, line)}" if mime_type is not None else ""
        self._put(f"{{{{media url={self._value(url, line)}{kind}}}}}")

    # Values

    def _printed(self, value: Expr, line: int) -> str:
        match value:
            case Filtered("tojson", inner, ()):
                return f"{{{{json {self._value(inner, line)}}}}}"
            case Filtered("tojson", inner, (Const(int() as indent),)):
                return f"{{{{json {self._value(inner, line)} indent={indent}}}}}"
            case Path() | Bare() | LoopValue():
                return f"{{{{{self._value(value, line)}}}}}"
        raise UntranslatableError("only inputs as they are, and tojson, can be printed in Handlebars", line)

    def _value(self, value: Expr, line: int) -> str:
        match value:
            case Bare(inner):
                return self._path(inner)
            case Path():
                return self._path(value)
            case LoopValue(what) if what in _LOOP and self._loops:
                return _LOOP[what]
            case Const(None | bool() | int() | float() as constant):
                return json.dumps(constant)
            case Const(str() as text) if '"' not in text or "'" not in text:
                return f'"{text}"' if '"' not in text else f"'{text}'"
        raise UntranslatableError("this condition or value has no counterpart in Handlebars", line)

    def _path(self, path: Path) -> str:
        for up, (key, item) in enumerate(reversed(self._loops)):
            if path.root == key and not path.steps and not up:
                return "@key"
            if path.root == item:
                return _join_steps("../" * up, path.steps) if up or path.steps else "this"
        depth = len(self._loops)
        steps = (path.root, *path.steps)
        return _join_steps("../" * depth if depth else ("this." if path.root in _HELPERS else ""), steps, this=False)


def _join_steps(prefix: str, steps: tuple[str | int, ...], *, this: bool = True) -> str:
    named = ".".join(_step(step) for step in steps)
    if not prefix:
        return f"this.{named}" if this else named
    return f"{prefix}{named}" if named else prefix.rstrip("/")


def _step(step: str | int) -> str:
    return step if isinstance(step, str) and _PLAIN.fullmatch(step) else f"[{step}]"


def _start(template: Template) -> str:
    first = template[0] if template else None
    return first.text if isinstance(first, Text) else "x"
