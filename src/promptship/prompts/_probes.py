"""Rendering with probes: which branches of a template, and which kinds of inputs, a case takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from promptship.domain import Branch, InputDomain
from promptship.prompts._render import Renderer
from promptship.prompts._sandbox import PromptEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptship.domain import Closure, JsonObject

__all__ = ["ProbedRenderer"]

_HIT, _PASS = "promptship_hit", "promptship_pass"
_BlockKind = Literal["if", "elif", "else", "loop", "empty"]


class ProbedRenderer(Renderer):
    """Renders as `Renderer` does, a fifth slower, and remembers which branches were taken.

    Args:
        closure: The prompt.
        name: What messages call it.

    Raises:
        RenderError: The template or a partial cannot be compiled.
    """

    def __init__(self, closure: Closure, *, name: str = "prompt") -> None:
        self._domains = tuple(_domains_of(closure))
        self._seen: Counter[InputDomain] = Counter()
        super().__init__(closure, name=name)

    def _make_environment(self, partials: Mapping[str, str]) -> PromptEnvironment:
        self._probes = _Probes()
        return _ProbedEnvironment(partials, self._probes)

    def observe(self, inputs: JsonObject) -> None:
        """Render a case for what it reaches.

        Raises:
            InputError: The inputs do not fit the prompt.
            RenderError: The template fails on them.
        """
        self.render(inputs)
        for domain in self._domains:
            if _is_in(domain, inputs):
                self._seen[domain] += 1

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Every branch with how often it was taken, by template and line."""
        found = (replace(branch, hits=self._probes.hits[index]) for index, branch in enumerate(self._probes.sites))
        return tuple(sorted(found, key=lambda branch: (branch.template, branch.line)))

    @property
    def inputs(self) -> tuple[InputDomain, ...]:
        """Every domain of every input with how many cases were in it."""
        return tuple(replace(domain, hits=self._seen[domain]) for domain in self._domains)


class _Probes:
    """Numbers branches while templates are parsed, and counts them while they are rendered."""

    def __init__(self) -> None:
        self.sites: list[Branch] = []
        self.hits: Counter[int] = Counter()

    def add(self, template: str | None, line: int, kind: Any) -> int:
        self.sites.append(Branch(template=template or "", line=line, kind=kind))
        return len(self.sites) - 1

    def hit(self, number: int) -> str:
        self.hits[number] += 1
        return ""

    def pass_on(self, value: Any, number: int) -> Any:
        self.hits[number] += 1
        return value


class _ProbedEnvironment(PromptEnvironment):
    def __init__(self, partials: Mapping[str, str], probes: _Probes) -> None:
        super().__init__(partials)
        self._probes = probes
        self.filters = {**self.filters, _HIT: probes.hit, _PASS: probes.pass_on}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _Inserter(self._probes, name).visit(tree)
        tree.set_environment(self)
        return tree


class _Inserter(NodeVisitor):
    """Puts a probe into each branch; one that is not written is made for it."""

    def __init__(self, probes: _Probes, template: str | None) -> None:
        self._probes = probes
        self._template = template

    def visit_If(self, node: nodes.If) -> None:  # noqa: N802 - Jinja's visitor calls it so
        self._mark(node, node.body, "if")
        for branch in node.elif_:
            self._mark(branch, branch.body, "elif")
            # Not the branch itself: as an `if` of its own it would get an `else` that cannot be taken.
            self.generic_visit(branch)
        self._mark(node, node.else_, "else")
        for part in (node.test, *node.body, *node.else_):
            self.visit(part)

    def visit_For(self, node: nodes.For) -> None:  # noqa: N802 - Jinja's visitor calls it so
        self._mark(node, node.body, "loop")
        self._mark(node, node.else_, "empty")
        self.generic_visit(node)

    def visit_CondExpr(self, node: nodes.CondExpr) -> None:  # noqa: N802 - Jinja's visitor calls it so
        self.generic_visit(node)
        node.expr1 = self._passing(node.expr1, node.lineno, "then")
        if node.expr2 is not None:
            node.expr2 = self._passing(node.expr2, node.lineno, "otherwise")

    def _mark(
        self, node: nodes.Node, body: list[nodes.Node], kind: Literal["if", "elif", "else", "loop", "empty"]
    ) -> None:
        number = nodes.Const(self._probes.add(self._template, node.lineno, kind), lineno=node.lineno)
        probe = nodes.Filter(number, _HIT, [], [], None, None, lineno=node.lineno)
        body.insert(0, nodes.ExprStmt(probe, lineno=node.lineno))

    def _passing(self, arm: nodes.Expr, line: int, kind: Literal["then", "otherwise"]) -> nodes.Expr:
        number = nodes.Const(self._probes.add(self._template, line, kind), lineno=line)
        return nodes.Filter(arm, _PASS, [number], [], None, None, lineno=line)


def _domains_of(closure: Closure) -> Iterator[InputDomain]:
    """Return the kinds of values that the inputs of a prompt can have, as their schema tells them apart."""
    properties = closure.input_schema.get("properties")
    required = closure.input_schema.get("required", [])
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(required, list) or name not in required or name in closure.defaults:
            yield from (InputDomain(name=name, value=value) for value in ("given", "absent"))
        yield from (InputDomain(name=name, value=value) for value in _kinds_of(schema))


def _kinds_of(schema: Any) -> list[str]:
    if not isinstance(schema, dict):
        return []
    if isinstance(schema.get("enum"), list):
        return [f"= {value!r}" for value in schema["enum"]]
    kinds = {"boolean": ["= True", "= False"], "array": ["empty", "not empty"]}
    kind = schema.get("type")
    return kinds.get(kind, []) if isinstance(kind, str) else []


def _is_in(domain: InputDomain, inputs: Mapping[str, Any]) -> bool:
    if domain.value in {"given", "absent"}:
        return (domain.name in inputs) == (domain.value == "given")
    if domain.name not in inputs:
        return False
    value = inputs[domain.name]
    if domain.value in {"empty", "not empty"}:
        return bool(value) == (domain.value == "not empty")
    return domain.value == f"= {value!r}"
