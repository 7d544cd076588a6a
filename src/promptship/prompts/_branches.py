"""Branches of a template that no input can reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from promptship.prompts._checks import declared_inputs
from promptship.prompts._filters import LOOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import JsonObject

__all__ = ["UnreachableBranch", "find_unreachable"]


@dataclass(frozen=True, slots=True)
class UnreachableBranch:
    """A branch, where it stands, and why it is never taken."""

    template: str | None
    line: int
    reason: str


def find_unreachable(tree: nodes.Template, template: str | None, schema: JsonObject) -> list[UnreachableBranch]:
    """Find branches that are never taken: constant conditions, repeated conditions, values outside an enumeration.

    Args:
        tree: The template.
        template: Its name; None for the prompt's own body.
        schema: JSON Schema of the inputs.
    """
    chained = {id(branch) for node in tree.find_all(nodes.If) for branch in node.elif_}
    found: list[UnreachableBranch] = []
    for node in tree.find_all(nodes.If):
        if id(node) not in chained:
            found += [UnreachableBranch(template, line, reason) for line, reason in _in_chain(node, schema)]
    for loop in tree.find_all(nodes.For):
        if _is_empty(loop.iter):
            found.append(UnreachableBranch(template, loop.lineno, "the list is always empty"))
    return found


def _in_chain(node: nodes.If, schema: JsonObject) -> Iterator[tuple[int, str]]:
    """Yield line and reason for each branch of `if … elif … else` that is never taken."""
    earlier: list[nodes.Expr] = []
    certain = False
    branches: list[nodes.If] = [node, *node.elif_]
    for branch in branches:
        test: Any = branch.test
        value = _constant(test)
        if certain:
            yield branch.lineno, "an earlier condition always holds"
        elif test in earlier:
            yield branch.lineno, "the condition repeats an earlier one"
        elif value is not None and not value[0]:
            yield branch.lineno, "the condition never holds"
        else:
            reason = _outside_enum(test, schema)
            if reason:
                yield branch.lineno, reason
        certain = certain or (value is not None and bool(value[0]))
        earlier.append(test)
    if certain and node.else_:
        yield node.else_[0].lineno, "an earlier condition always holds"


def _constant(node: nodes.Expr) -> tuple[Any] | None:
    """Return the value of an expression without names, in a tuple; None for any other."""
    try:
        return (node.as_const(),)
    except Exception:  # noqa: BLE001 - what fails on constants (`1 / 0`) has no value, and fails again when rendered
        return None


def _is_empty(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Filter) and node.name == LOOP and node.node is not None:
        node = node.node
    return isinstance(node, nodes.List | nodes.Tuple) and not node.items


def _outside_enum(test: nodes.Expr, schema: JsonObject) -> str | None:
    name, compared = _comparison(test)
    declared = declared_inputs(schema).get(name or "")
    allowed = declared.get("enum") if isinstance(declared, dict) else None
    if allowed is None or not compared or any(value in allowed for value in compared):
        return None
    shown = " or ".join(map(repr, compared))
    return f"the input {name!r} is never {shown}; it is one of {', '.join(map(repr, allowed))}"


def _comparison(test: nodes.Expr) -> tuple[str | None, list[Any]]:
    """Read `name == "value"` and `name in ["a", "b"]`; no name for any other condition."""
    if isinstance(test, nodes.Compare) and len(test.ops) == 1 and test.ops[0].op == "eq":
        sides = (test.expr, test.ops[0].expr)
        names = [side.name for side in sides if isinstance(side, nodes.Name)]
        values = [side.value for side in sides if isinstance(side, nodes.Const)]
        return (names[0], values) if names and values else (None, [])
    if isinstance(test, nodes.Test) and test.name == "in" and isinstance(test.node, nodes.Name):
        listed = _constant(test.args[0])
        return test.node.name, list(listed[0]) if listed and isinstance(listed[0], list | tuple) else []
    return None, []
