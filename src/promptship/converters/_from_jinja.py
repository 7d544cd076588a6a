"""Our own templates to trees: partials put in their places, few-shot rows written out, message edges trimmed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, nodes
from jinja2.ext import Extension

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
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2.parser import Parser

    from promptship.converters._tree import Expr, Node, Template
    from promptship.domain import Closure, JsonObject

__all__ = ["read_closure", "trim_messages"]

_ROLES: Final = ("system", "developer", "user", "assistant")
_TAG: Final = "~tag"
_COMPARE: Final = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in"}
_DEEPEST: Final = 50


def read_closure(closure: Closure, *, first_line: int = 1) -> Template:
    """Read the template of a prompt.

    Args:
        closure: The prompt; its partials are put where they are included, its examples where they are looped over.
        first_line: Line of the file on which the template begins.

    Raises:
        UntranslatableError: A construct that only Jinja2 has, with its line.
    """
    return _Reader(closure.partials, closure.examples, first_line - 1).read(closure.template)


class _Tags(Extension):
    """Parses role tags to statements that say which they are."""

    tags = {*_ROLES, "tool", "history", "media"}  # noqa: RUF012 - Jinja declares it on the instance

    def parse(self, parser: Parser) -> nodes.Node:
        token = next(parser.stream)
        inside: nodes.Expr = nodes.Const(None)
        if parser.stream.current.type != "block_end":
            inside = parser.parse_expression()
        call = nodes.Call(nodes.Name(_TAG, "load"), [nodes.Const(token.value), inside], [], None, None)
        return nodes.ExprStmt(call, lineno=token.lineno)


class _Reader:
    """One template. `names` gives a meaning to names that `with`, or a written-out loop, has set."""

    def __init__(self, partials: Mapping[str, str], examples: Sequence[JsonObject], above: int) -> None:
        self._partials = partials
        self._examples = examples
        self._above = above
        self._depth = 0
        self._environment = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_Tags])  # noqa: S701 - only parses

    def read(self, source: str) -> Template:
        return _merge(self._nodes(self._environment.parse(source).body, {}))

    def _nodes(self, body: Sequence[nodes.Node], names: Mapping[str, Expr]) -> Iterator[Node]:
        for node in body:
            yield from self._node(node, names)

    def _node(self, node: nodes.Node, names: Mapping[str, Expr]) -> Iterator[Node]:
        line = node.lineno + self._above
        match node:
            case nodes.Output():
                for inner in node.nodes:
                    yield from self._printed(inner, names)
            case nodes.ExprStmt(node=nodes.Call(node=nodes.Name(name="~tag"))):
                yield self._tag(node.node, names, line)
            case nodes.If():
                yield from self._if(node, names, line)
            case nodes.For():
                yield from self._for(node, names, line)
            case nodes.Include():
                yield from self._include(node, names, line)
            case nodes.With():
                values = (self._expr(value, names) for value in node.values)
                targets = [self._target(target, line) for target in node.targets]
                yield from self._nodes(node.body, {**names, **dict(zip(targets, values, strict=True))})
            case _:
                word = type(node).__name__.lower()
                raise UntranslatableError(f"'{{% {_WORDS.get(word, word)} %}}' has no counterpart elsewhere", line)

    def _tag(self, call: Any, names: Mapping[str, Expr], line: int) -> Node:
        tag, inside = call.args
        match tag.value:
            case "history":
                return History(line)
            case "media":
                return Media(self._expr(inside, names), None, line, whole=True)
            case "tool":
                raise UntranslatableError("answers of tools have no counterpart elsewhere", line)
            case role:
                return Role(role, line)

    def _printed(self, node: nodes.Node, names: Mapping[str, Expr]) -> Iterator[Node]:
        line = node.lineno + self._above
        if isinstance(node, nodes.TemplateData):
            yield Text(node.data)
        elif isinstance(node, nodes.CondExpr):
            other = self._printed(node.expr2, names) if node.expr2 is not None else ()
            yield from _choose(
                self._expr(node.test, names), tuple(self._printed(node.expr1, names)), tuple(other), line
            )
        else:
            value = self._expr(node, names)
            yield Text(_text(value.value, line)) if isinstance(value, Const) else Print(value, line)

    def _if(self, node: nodes.If, names: Mapping[str, Expr], line: int) -> Iterator[Node]:
        other: Sequence[nodes.Node] = node.else_
        if node.elif_:
            first, *rest = node.elif_
            other = [nodes.If(first.test, first.body, rest, node.else_, lineno=first.lineno)]
        body = _merge(self._nodes(node.body, names))
        yield from _choose(self._expr(node.test, names), body, _merge(self._nodes(other, names)), line)

    def _for(self, node: nodes.For, names: Mapping[str, Expr], line: int) -> Iterator[Node]:
        if node.test is not None or node.recursive:
            raise UntranslatableError("loops with conditions of their own have no counterpart elsewhere", line)
        if isinstance(node.iter, nodes.Name) and node.iter.name == "examples" and "examples" not in names:
            yield from self._write_out(node, names, line)
            return
        over, key, item = self._loop(node, names, line)
        bound = {name: value for name, value in names.items() if name not in {key, item}}
        body = _merge(self._nodes(node.body, bound))
        yield Each(item, over, body, _merge(self._nodes(node.else_, names)), key, line)

    def _loop(self, node: nodes.For, names: Mapping[str, Expr], line: int) -> tuple[Expr, str | None, str]:
        if not isinstance(node.target, nodes.Tuple):
            return self._expr(node.iter, names), None, self._target(node.target, line)
        match node.iter, node.target.items:
            case nodes.Call(node=nodes.Getattr(attr="items", node=inner)), [key, item]:
                return self._expr(inner, names), self._target(key, line), self._target(item, line)
            case nodes.Filter(name="items", node=nodes.Expr() as inner), [key, item]:
                return self._expr(inner, names), self._target(key, line), self._target(item, line)
        raise UntranslatableError("a loop over several names has no counterpart elsewhere", line)

    def _write_out(self, node: nodes.For, names: Mapping[str, Expr], line: int) -> Iterator[Node]:
        item = self._target(node.target, line)
        last = len(self._examples) - 1
        for index, row in enumerate(self._examples):
            loop: Expr = Const({"index0": index, "index": index + 1, "first": index == 0, "last": index == last})
            yield from self._nodes(node.body, {**names, item: Const(row), "loop": loop})
        if not self._examples:
            yield from self._nodes(node.else_, names)

    def _include(self, node: nodes.Include, names: Mapping[str, Expr], line: int) -> Iterator[Node]:
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(name, str) or name not in self._partials or self._depth > _DEEPEST:
            raise UntranslatableError(f"the partial {name!r} cannot be put in its place", line)
        self._depth += 1
        above, self._above = self._above, line - 1
        yield from self._nodes(self._environment.parse(self._partials[name]).body, names)
        self._above = above
        self._depth -= 1

    def _target(self, node: nodes.Node, line: int) -> str:
        if not isinstance(node, nodes.Name):
            raise UntranslatableError("a loop over several names has no counterpart elsewhere", line)
        return node.name

    # Expressions

    def _expr(self, node: nodes.Node, names: Mapping[str, Expr]) -> Expr:
        line = node.lineno + self._above
        match node:
            case nodes.Name():
                found: Expr = names.get(node.name, Path(node.name))
            case nodes.Const() | nodes.TemplateData():
                found = Const(node.as_const())
            case nodes.Getattr(node=nodes.Name(name="loop")) if "loop" not in names:
                found = _loop_value(node.attr, line)
            case nodes.Getattr():
                found = _step(self._expr(node.node, names), node.attr, line)
            case nodes.Getitem(arg=nodes.Const(value=str() | int() as step)):
                found = _step(self._expr(node.node, names), step, line)
            case nodes.Filter():
                found = self._filter(node, names, line)
            case _:
                found = self._condition(node, names, line)
        return found

    def _condition(self, node: nodes.Node, names: Mapping[str, Expr], line: int) -> Expr:
        match node:
            case nodes.Not():
                value = self._expr(node.node, names)
                return Const(not value.value) if isinstance(value, Const) else Not(value)
            case nodes.And():
                return Join("and", self._expr(node.left, names), self._expr(node.right, names))
            case nodes.Or():
                return Join("or", self._expr(node.left, names), self._expr(node.right, names))
            case nodes.Compare(ops=[operand]) if operand.op in _COMPARE:
                return Compare(_COMPARE[operand.op], self._expr(node.expr, names), self._expr(operand.expr, names))
        word = type(node).__name__.lower()
        raise UntranslatableError(f"the expression ({word}) has no counterpart elsewhere", line)

    def _filter(self, node: nodes.Filter, names: Mapping[str, Expr], line: int) -> Expr:
        if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise UntranslatableError(f"the filter {node.name!r} with named arguments has no counterpart", line)
        value = self._expr(node.node, names)
        arguments = tuple(self._expr(one, names) for one in node.args)
        if node.name in {"default", "d"} and isinstance(value, Path) and arguments[:1] in {(), (Const(""),)}:
            return Bare(value, null=len(arguments) > 1)
        return Filtered(node.name, value, arguments)


_WORDS: Final = {
    "assign": "set",
    "assignblock": "set",
    "callblock": "call",
    "filterblock": "filter",
    "fromimport": "from",
}


def _step(value: Expr, step: str | int, line: int) -> Expr:
    match value:
        case Path(root, steps):
            return Path(root, (*steps, step))
        case Const(dict() as row) if step in row:
            return Const(row[str(step)])
        case Const(list() as row) if isinstance(step, int) and -len(row) <= step < len(row):
            return Const(row[step])
    raise UntranslatableError(f"{step!r} of this value has no counterpart elsewhere", line)


def _loop_value(name: str, line: int) -> LoopValue:
    if name not in {"index0", "index", "first", "last"}:
        raise UntranslatableError(f"'loop.{name}' has no counterpart elsewhere", line)
    return LoopValue(name)  # type: ignore[arg-type]  # one of the four


def _choose(test: Expr, body: Template, other: Template, line: int) -> Iterator[Node]:
    """Yield the branch that a constant picks, or both behind the test."""
    if isinstance(test, Const):
        yield from body if test.value else other
    else:
        yield If(test, body, other, line)


def _text(value: Any, line: int) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise UntranslatableError(f"{value!r} cannot be printed", line)


def _merge(found: Iterator[Node]) -> Template:
    """Put texts that follow each other together."""
    made: list[Node] = []
    for node in found:
        if isinstance(node, Text) and made and isinstance(made[-1], Text):
            made[-1] = Text(made[-1].text + node.text)
        elif not (isinstance(node, Text) and not node.text):
            made.append(node)
    return tuple(made)


def trim_messages(template: Template) -> list[tuple[str, Template]]:
    """Cut a tree into messages, as rendering would, white space at their edges trimmed.

    Returns:
        Role and content of each; `history` with an empty content stands for the messages before.

    Raises:
        UntranslatableError: A role tag inside a condition or a loop.
    """
    messages: list[tuple[str, list[Node]]] = [("user", [])]
    for node in template:
        match node:
            case Role(role):
                messages.append((role, []))
            case History():
                messages += [("history", []), ("user", [])]
            case _:
                _refuse_roles(node)
                messages[-1][1].append(node)
    trimmed = [(role, trim_edges(tuple(content))) for role, content in messages]
    return [(role, content) for role, content in trimmed if content or role in {"history", "assistant"}]


def trim_edges(content: Template) -> Template:
    """Trim the text at both ends of a message; what conditions print there is trimmed inside them."""
    return _trim_end(_trim_start(content))


def _trim_start(content: Template) -> Template:
    if not content:
        return ()
    first, *rest = content
    match first:
        case Text(text):
            kept = text.lstrip("\n") if text.strip() else text.lstrip()
            lines = kept.split("\n")
            while len(lines) > 1 and not lines[0].strip():
                del lines[0]
            kept = "\n".join(lines)
            return (Text(kept), *rest) if kept else _trim_start(tuple(rest))
        case If():
            return (replace(first, body=_trim_start(first.body), other=_trim_start(first.other)), *rest)
        case _:
            return content


def _trim_end(content: Template) -> Template:
    if not content:
        return ()
    *rest, last = content
    match last:
        case Text(text):
            kept = text.rstrip()
            return (*rest, Text(kept)) if kept else _trim_end(tuple(rest))
        case If():
            return (*rest, replace(last, body=_trim_end(last.body), other=_trim_end(last.other)))
        case _:
            return content


def _refuse_roles(node: Node) -> None:
    match node:
        case If(_, body, other, line) | Each(_, _, body, other, _, line):
            for inner in (*body, *other):
                if isinstance(inner, Role | History):
                    raise UntranslatableError("a role tag inside a condition or a loop has no counterpart", line)
                _refuse_roles(inner)
        case _:
            pass
