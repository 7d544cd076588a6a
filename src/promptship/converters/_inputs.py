"""Inputs of a converted prompt: names that our templates can use, and values that may be missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from promptship.converters._tree import Bare, Each, If, Include, Path, Print

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.converters._ledger import Ledger
    from promptship.converters._tree import Expr, Node, Template
    from promptship.domain import JsonObject, JsonValue

__all__ = ["InputNames", "add_optional", "schema_of", "soften"]

_TAKEN = {
    *("history", "examples", "loop", "self", "super", "caller", "range", "dict", "namespace"),
    *("true", "false", "none", "and", "or", "not", "in", "is", "if", "else"),
}


@dataclass
class InputNames:
    """Names of ours for the inputs of theirs, the same for the same one.

    Attributes:
        given: Ours by theirs, for those that had to change.
    """

    ledger: Ledger
    given: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        """Return our name for an input; a changed one is told of once."""
        if name in self.given:
            return self.given[name]
        made = _usable(name)
        if made != name:
            self.given[name] = made
            message = f"the input {name!r} is called {made!r}: that name cannot be used in a template here"
            self.ledger.add("changed", "input-name", message)
        return made

    def keys(self, values: Mapping[str, JsonValue]) -> JsonObject:
        """Return a mapping with its keys renamed."""
        return {self(key): value for key, value in values.items()}


def _usable(name: str) -> str:
    made = re.sub(r"\W", "_", name).lstrip("_") or "value"
    if not made.isidentifier():
        made = f"value_{made}"
    return f"{made}_" if made in _TAKEN else made


def schema_of(path: Path, schema: JsonObject) -> dict[str, Any] | None:
    """Return the JSON Schema of what a path names; None where the schema does not say."""
    inner: Any = schema
    for step in (path.root, *path.steps):
        if not isinstance(inner, dict):
            return None
        if isinstance(step, int):
            inner = inner.get("items")
        else:
            properties = inner.get("properties")
            inner = properties.get(step) if isinstance(properties, dict) else None
    return inner if isinstance(inner, dict) else None


def soften(
    template: Template, schema: JsonObject, *, partial: Callable[[str], tuple[str, ...] | None] = lambda _: None
) -> Template:
    """Let inputs that are optional print as nothing where they are missing, as other languages do.

    Args:
        template: The tree.
        schema: JSON Schema of the inputs; inputs that it does not name are taken as they are.
        partial: Returns the names that a partial takes from outside.
    """
    return _Softener(schema, partial).soften_all(template, frozenset())


def add_optional(frontmatter: JsonObject, names: Sequence[str]) -> None:
    """Declare further inputs of any type, that need not be given, in frontmatter that has a schema of inputs."""
    declared: Any = frontmatter.get("input")
    if not names or not isinstance(declared, dict):
        return
    schema = declared.get("schema", {})
    if schema.get("type") == "object":
        declared["schema"] = {**schema, "properties": {**schema.get("properties", {}), **{name: {} for name in names}}}
    else:
        declared["schema"] = {**schema, **{f"{name}?": "any" for name in names}}


class _Softener:
    """`known` are the paths of which a condition around has made sure that they are there."""

    def __init__(self, schema: JsonObject, partial: Callable[[str], tuple[str, ...] | None]) -> None:
        self._schema = schema
        self._partial = partial

    def soften_all(self, template: Template, known: frozenset[Path]) -> Template:
        """Soften nodes that follow each other."""
        return tuple(self._soften(node, known) for node in template)

    def _soften(self, node: Node, known: frozenset[Path]) -> Node:
        match node:
            case Print(Path() as path, line):
                return self._printed(path, line, known)
            case If(test, body, other):
                inside = known | {test} if isinstance(test, Path) else known
                return replace(node, body=self.soften_all(body, inside), other=self.soften_all(other, known))
            case Each(item, over, body, other):
                inner = _Softener(_with_item(self._schema, item, over), self._partial)
                softened = replace(node, body=inner.soften_all(body, known), other=self.soften_all(other, known))
                return If(over, (softened,), softened.other, node.line) if self._may_miss(over, known) else softened
            case Include(name, names):
                missing = {one for one in self._partial(name) or () if self._may_miss(Path(one), known)}
                missing -= {one for one, _ in names}
                more = tuple((one, self._bare(Path(one))) for one in sorted(missing))
                return replace(node, names=(*names, *more))
            case _:
                return node

    def _printed(self, path: Path, line: int, known: frozenset[Path]) -> Node:
        for length in range(len(path.steps) + 1):
            part = Path(path.root, path.steps[:length])
            if part not in known and _is_optional(part, self._schema):
                if length < len(path.steps):
                    return If(part, (self._printed(path, line, known | {part}),), (), line)
                return Print(self._bare(path), line)
        return Print(path, line)

    def _bare(self, path: Path) -> Bare:
        return Bare(path, null=_is_text(schema_of(path, self._schema)))

    def _may_miss(self, over: Expr, known: frozenset[Path]) -> bool:
        return isinstance(over, Path) and over not in known and _is_optional(over, self._schema)


def _with_item(schema: JsonObject, item: str, over: Expr) -> JsonObject:
    """Return the schema of what a loop sees: the inputs, and its item as one more that is always there."""
    items = (schema_of(over, schema) or {}).get("items") if isinstance(over, Path) else None
    properties, required = schema.get("properties"), schema.get("required")
    return {
        "properties": {**(properties if isinstance(properties, dict) else {}), item: items or {}},
        "required": [*(required if isinstance(required, list) else []), item],
    }


def _is_optional(path: Path, schema: JsonObject) -> bool:
    parent = schema if not path.steps else schema_of(Path(path.root, path.steps[:-1]), schema)
    name = path.steps[-1] if path.steps else path.root
    if parent is None or not isinstance(name, str):
        return False
    properties, required = parent.get("properties"), parent.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list) or name in required:
        return False
    # An object without further fields has none of this name: it prints nothing elsewhere.
    return name in properties or parent.get("additionalProperties") is False


def _is_text(schema: dict[str, Any] | None) -> bool:
    kind = (schema or {}).get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return not {"number", "integer", "boolean"} & set(kinds)
