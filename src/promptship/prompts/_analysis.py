"""Static analysis: which inputs a template uses, where their text may flow, and in messages of which roles.

An abstract interpreter over the syntax tree of the prompt and its partials. A local name stands for the set of input
paths whose text it may hold; branches are all taken; loops run twice, so that a role opened at the end of a round is
seen at the beginning of the next.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from jinja2 import nodes

from promptship.errors import RenderError
from promptship.prompts._branches import UnreachableBranch, find_unreachable
from promptship.prompts._checks import declared_inputs
from promptship.prompts._sandbox import PromptEnvironment
from promptship.prompts._tags import read_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptship.domain import JsonObject

__all__ = ["Printed", "TemplateUse", "UsePlace", "analyse"]

InputPath: TypeAlias = tuple[str, ...]
Flow: TypeAlias = frozenset[InputPath]

_NOTHING: Flow = frozenset()
_ITEM = "[]"
_GLOBALS = {"range", "dict", "namespace", "loop", "self", "super", "caller", "varargs", "kwargs", "examples"}
_COUNTING_FILTERS = {"length", "count", "int", "float", "wordcount", "abs", "round", "filesizeformat"}
_ITEM_FILTERS = {"first", "last", "max", "min"}
_MOST_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class UsePlace:
    """Where something stands: a template (None for the prompt's own body) and a 1-based line in it."""

    template: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Printed:
    """An input whose text may be printed in messages of a role."""

    name: str
    role: str
    place: UsePlace


@dataclass(slots=True)
class TemplateUse:
    """What a template and its partials use.

    Attributes:
        paths: Input paths that are read, such as `order.id` or `docs.[].text`, and the first place of each.
        inputs: Inputs that are read, and the first place of each.
        structured: Inputs of which an item, an attribute or a method is read, or that are looped over.
        printed: Inputs whose text may be printed, by role, each pair once.
        tags: Tags that occur.
        branches: Branches that no input can reach.
        missing: Partials that are named but not given, and where.
        examples: Where the few-shot rows are read first; None where they are not.
    """

    paths: dict[str, UsePlace] = field(default_factory=dict)
    inputs: dict[str, UsePlace] = field(default_factory=dict)
    structured: set[str] = field(default_factory=set)
    printed: dict[tuple[str, str], Printed] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    branches: list[UnreachableBranch] = field(default_factory=list)
    missing: dict[str, UsePlace] = field(default_factory=dict)
    examples: UsePlace | None = None

    def undeclared(self, schema: JsonObject) -> dict[str, UsePlace]:
        """Return inputs that are read but not in `schema`, and where first."""
        declared = declared_inputs(schema)
        return {name: place for name, place in self.inputs.items() if name not in declared}

    def unused(self, schema: JsonObject) -> list[str]:
        """Return inputs that are in `schema` but never read."""
        return [name for name in declared_inputs(schema) if name not in self.inputs]

    def printed_in(self, *roles: str) -> list[Printed]:
        """Return the inputs that may be printed in messages of one of `roles`."""
        return [item for (_, role), item in self.printed.items() if role in roles]


def analyse(body: str, partials: Mapping[str, str], *, schema: JsonObject | None = None) -> TemplateUse:
    """Analyse a template and the partials it reaches.

    Args:
        body: The prompt's template.
        partials: Text of partials by name; those that are not there are reported in `missing`.
        schema: JSON Schema of the inputs; its enumerations tell which comparisons can never hold.

    Raises:
        RenderError: Includes and macros unfold to more than 100,000 statements.
        jinja2.TemplateSyntaxError: A template is not valid; `parse_prompt` and `collect_partials` report that first.

    Example:
        >>> sorted(analyse("{% for d in docs %}{{ d.text }}{% endfor %}", {}).paths)
        ['docs', 'docs.[].text']
    """
    walker = _Walker(partials, schema or {})
    walker.run(body)
    return walker.use


@dataclass(slots=True)
class _MacroValue:
    node: nodes.Macro
    template: str | None
    scope: _Scope


@dataclass(slots=True)
class _ModuleValue:
    macros: dict[str, _MacroValue]


_Value: TypeAlias = "Flow | _MacroValue | _ModuleValue"
_Scope: TypeAlias = "dict[str, _Value]"


class _Walker:
    """One analysis. `roles` are those that the current message may have; `captures` collect what `{% set %}` prints."""

    def __init__(self, partials: Mapping[str, str], schema: JsonObject) -> None:
        self.use = TemplateUse()
        self._partials = partials
        self._schema = schema
        self._environment = PromptEnvironment(partials)
        self._trees: dict[str, nodes.Template] = {}
        self._roles: set[str] = {"user"}
        self._template: str | None = None
        self._captures: list[set[InputPath]] = []
        self._blocks: dict[str, nodes.Block] = {}
        self._branches_of: set[str | None] = set()
        self._calling: set[int] = set()
        self._including: set[str] = set()
        self._steps = 0

    def run(self, body: str) -> None:
        """Walk the whole prompt."""
        self._walk_template(self._environment.parse(body), None, {})

    def _walk_template(self, tree: nodes.Template, name: str | None, scope: _Scope) -> None:
        if name not in self._branches_of:
            self._branches_of.add(name)
            self.use.branches += find_unreachable(tree, name, self._schema)
        for block in tree.find_all(nodes.Block):
            self._blocks.setdefault(block.name, block)
        with self._inside(name):
            self._including.add(name or "")
            self._walk_all(tree.body, scope)
            self._including.discard(name or "")

    @contextmanager
    def _inside(self, template: str | None) -> Iterator[None]:
        before, self._template = self._template, template
        yield
        self._template = before

    def _tree(self, name: str, line: int) -> nodes.Template | None:
        if name not in self._partials:
            self.use.missing.setdefault(name, UsePlace(self._template, line))
            return None
        if name in self._including:
            return None
        if name not in self._trees:
            self._trees[name] = self._environment.parse(self._partials[name], name)
        return self._trees[name]

    # Statements

    def _walk_all(self, body: list[nodes.Node], scope: _Scope) -> None:
        for node in body:
            self._walk(node, scope)

    def _walk(self, node: nodes.Node, scope: _Scope) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            message = f"the template's includes and macros unfold to more than {_MOST_STEPS:,} statements"
            raise RenderError(message, hint="include each partial once, outside loops of includes")
        walk = getattr(self, f"_walk_{type(node).__name__.lower()}", None)
        if walk is not None:
            walk(node, scope)
            return
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Expr):
                self._flow(child, scope)
            else:
                self._walk(child, scope)

    def _walk_output(self, node: nodes.Output, scope: _Scope) -> None:
        for child in node.nodes:
            tag = read_tag(child)
            if tag is not None:
                self._take_tag(tag[0], tag[1], scope)
            elif not isinstance(child, nodes.TemplateData):
                self._print(self._flow(child, scope), child.lineno)

    def _take_tag(self, tag: str, expression: nodes.Expr, scope: _Scope) -> None:
        self.use.tags.add(tag)
        self._flow(expression, scope)
        if tag != "media":
            self._roles = {"user" if tag == "history" else tag}

    def _print(self, flow: Flow, line: int) -> None:
        if self._captures:
            self._captures[-1] |= flow
            return
        for path in flow:
            for role in self._roles:
                item = Printed(path[0], role, UsePlace(self._template, line))
                self.use.printed.setdefault((path[0], role), item)

    def _walk_for(self, node: nodes.For, scope: _Scope) -> None:
        flow = self._flow(node.iter, scope)
        items = frozenset((*path, _ITEM) for path in flow)
        self.use.structured |= {path[0] for path in flow}
        inner = dict(scope)
        for name in node.target.find_all(nodes.Name) if not isinstance(node.target, nodes.Name) else [node.target]:
            inner[name.name] = items
        if node.test is not None:
            self._flow(node.test, inner)
        for _ in range(2):
            before = set(self._roles)
            self._walk_all(node.body, inner)
            self._roles |= before
        self._walk_all(node.else_, dict(scope))

    def _walk_if(self, node: nodes.If, scope: _Scope) -> None:
        self._flow(node.test, scope)
        before, after = set(self._roles), set()
        for body in (node.body, node.elif_, node.else_):
            self._roles = set(before)
            self._walk_all(list(body), scope)
            after |= self._roles
        self._roles = after

    def _walk_assign(self, node: nodes.Assign, scope: _Scope) -> None:
        self._bind(node.target, self._flow(node.node, scope), scope)

    def _walk_assignblock(self, node: nodes.AssignBlock, scope: _Scope) -> None:
        with self._captured() as flow:
            self._walk_all(node.body, scope)
        self._bind(node.target, frozenset(flow), scope)

    def _bind(self, target: nodes.Node, flow: Flow, scope: _Scope) -> None:
        if isinstance(target, nodes.NSRef):
            self._widen(target.name, flow, scope)
        for name in [target] if isinstance(target, nodes.Name) else target.find_all(nodes.Name):
            if isinstance(name, nodes.Name):
                self._widen(name.name, flow, scope)

    def _widen(self, name: str, flow: Flow, scope: _Scope) -> None:
        # An assignment in a branch may not happen, so what the name stood for before counts too.
        known = scope.get(name)
        scope[name] = (known | flow) if isinstance(known, frozenset) else flow

    @contextmanager
    def _captured(self) -> Iterator[set[InputPath]]:
        self._captures.append(set())
        yield self._captures[-1]
        self._captures.pop()

    def _walk_with(self, node: nodes.With, scope: _Scope) -> None:
        inner = dict(scope)
        for target, value in zip(node.targets, node.values, strict=True):
            self._bind(target, self._flow(value, scope), inner)
        self._walk_all(node.body, inner)

    def _walk_macro(self, node: nodes.Macro, scope: _Scope) -> None:
        scope[node.name] = _MacroValue(node, self._template, scope)

    def _walk_callblock(self, node: nodes.CallBlock, scope: _Scope) -> None:
        caller = nodes.Macro("caller", node.args, node.defaults, node.body, lineno=node.lineno)
        value = _MacroValue(caller, self._template, scope)
        self._print(self._flow(node.call, {**scope, "caller": value}, caller=value), node.lineno)

    def _walk_include(self, node: nodes.Include, scope: _Scope) -> None:
        name = node.template.as_const()
        tree = self._tree(name, node.lineno)
        if tree is not None:
            self._walk_template(tree, name, dict(scope) if node.with_context else {})

    def _walk_import(self, node: nodes.Import, scope: _Scope) -> None:
        scope[node.target] = _ModuleValue(self._macros_of(node, scope))

    def _walk_fromimport(self, node: nodes.FromImport, scope: _Scope) -> None:
        macros = self._macros_of(node, scope)
        for item in node.names:
            name, alias = (item, item) if isinstance(item, str) else item
            scope[alias] = macros.get(name, _NOTHING)

    def _macros_of(self, node: nodes.Import | nodes.FromImport, scope: _Scope) -> dict[str, _MacroValue]:
        name = node.template.as_const()
        tree = self._tree(name, node.lineno)
        inner: _Scope = dict(scope) if node.with_context else {}
        if tree is not None:
            with self._captured():
                self._walk_template(tree, name, inner)
        return {key: value for key, value in inner.items() if isinstance(value, _MacroValue)}

    def _walk_extends(self, node: nodes.Extends, scope: _Scope) -> None:
        name = node.template.as_const()
        tree = self._tree(name, node.lineno)
        if tree is not None:
            self._walk_template(tree, name, scope)

    def _walk_block(self, node: nodes.Block, scope: _Scope) -> None:
        chosen = self._blocks.get(node.name, node)
        self._walk_all(chosen.body, dict(scope))
        if chosen is not node:
            self._walk_all(node.body, dict(scope))

    # Expressions: each returns the inputs whose text may be in the value.

    def _flow(self, node: nodes.Node | None, scope: _Scope, caller: _MacroValue | None = None) -> Flow:
        match node:
            case None | nodes.Const() | nodes.TemplateData():
                found = _NOTHING
            case nodes.Name():
                found = self._flow_of_name(node, scope)
            case nodes.Getattr() | nodes.Getitem():
                found = self._flow_of_item(node, scope)
            case nodes.Call():
                found = self._flow_of_call(node, scope, caller)
            case nodes.Filter():
                found = self._flow_of_filter(node, scope)
            case nodes.Compare() | nodes.Test() | nodes.Not():
                self._flow_of_children(node, scope)
                found = _NOTHING
            case nodes.CondExpr():
                self._flow(node.test, scope)
                found = self._flow(node.expr1, scope) | self._flow(node.expr2, scope)
            case _:
                found = self._flow_of_children(node, scope)
        return found

    def _flow_of_children(self, node: nodes.Node, scope: _Scope) -> Flow:
        found = _NOTHING
        for child in node.iter_child_nodes():
            found |= self._flow(child, scope)
        return found

    def _flow_of_name(self, node: nodes.Name, scope: _Scope) -> Flow:
        value = scope.get(node.name)
        if value is not None:
            return value if isinstance(value, frozenset) else _NOTHING
        if node.name == "examples" and self.use.examples is None:
            self.use.examples = UsePlace(self._template, node.lineno)
        if node.name in _GLOBALS:
            return _NOTHING
        path = (node.name,)
        self._note(path, node.lineno)
        return frozenset([path])

    def _note(self, path: InputPath, line: int) -> None:
        place = UsePlace(self._template, line)
        self.use.paths.setdefault(".".join(path), place)
        self.use.inputs.setdefault(path[0], place)

    def _flow_of_item(self, node: nodes.Getattr | nodes.Getitem, scope: _Scope) -> Flow:
        base = self._flow(node.node, scope)
        key: object = _ITEM
        if isinstance(node, nodes.Getattr):
            key = node.attr
        elif isinstance(node.arg, nodes.Const):
            key = node.arg.value
        else:
            self._flow(node.arg, scope)
        return self._below(base, key if isinstance(key, str) else _ITEM, node.lineno)

    def _below(self, base: Flow, key: str, line: int) -> Flow:
        found = frozenset((*path, key) for path in base)
        for path in found:
            self.use.structured.add(path[0])
            self._note(path, line)
        return found

    def _flow_of_filter(self, node: nodes.Filter, scope: _Scope) -> Flow:
        base = self._flow(node.node, scope)
        others = _NOTHING
        for child in (*node.args, *(keyword.value for keyword in node.kwargs)):
            others |= self._flow(child, scope)
        named = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
        if node.name in _COUNTING_FILTERS:
            return _NOTHING
        if node.name in _ITEM_FILTERS:
            base = frozenset((*path, _ITEM) for path in base)
        if named and isinstance(named[0], nodes.Const) and node.name in {"map", "join", "sum"}:
            base = self._below(frozenset((*path, _ITEM) for path in base), str(named[0].value), node.lineno)
        return base | others

    def _flow_of_call(self, node: nodes.Call, scope: _Scope, caller: _MacroValue | None) -> Flow:
        arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
        target = self._callable_of(node.node, scope)
        if target is not None:
            return self._call_macro(target, node, scope, caller)
        passed = _NOTHING
        for argument in arguments:
            passed |= self._flow(argument, scope)
        if not isinstance(node.node, nodes.Getattr):
            return passed | self._flow(node.node, scope)
        base = self._flow(node.node.node, scope)
        self.use.structured |= {path[0] for path in base if node.node.attr in {"get", "items", "keys", "values"}}
        if node.node.attr == "get" and node.args and isinstance(node.args[0], nodes.Const):
            return passed | self._below(base, str(node.args[0].value), node.lineno)
        return passed | base

    def _callable_of(self, node: nodes.Expr, scope: _Scope) -> _MacroValue | None:
        if isinstance(node, nodes.Name):
            found = scope.get(node.name)
            return found if isinstance(found, _MacroValue) else None
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            module = scope.get(node.node.name)
            return module.macros.get(node.attr) if isinstance(module, _ModuleValue) else None
        return None

    def _call_macro(self, macro: _MacroValue, node: nodes.Call, scope: _Scope, caller: _MacroValue | None) -> Flow:
        bound: _Scope = dict(macro.scope)
        names = [argument.name for argument in macro.node.args]
        passed = [self._flow(argument, scope) for argument in node.args]
        keywords = {keyword.key: self._flow(keyword.value, scope) for keyword in node.kwargs}
        for name, default in zip(reversed(names), reversed(macro.node.defaults), strict=False):
            bound[name] = self._flow(default, bound)
        bound.update(dict.fromkeys(set(names) - set(bound), _NOTHING))
        bound.update(zip(names, passed, strict=False))
        bound.update({name: flow for name, flow in keywords.items() if name in names})
        if caller is not None:
            bound["caller"] = caller
        if id(macro.node) in self._calling:
            return _NOTHING
        self._calling.add(id(macro.node))
        with self._captured() as flow, self._inside(macro.template):
            self._walk_all(macro.node.body, bound)
        self._calling.discard(id(macro.node))
        return frozenset(flow)
