"""The Jinja environment of prompts: a sandbox of what is allowed, with untrusted values followed through it."""

from __future__ import annotations

import operator
from types import BuiltinMethodType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import BlockReference, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from promptship.errors import RenderError
from promptship.prompts._filters import (
    CONCAT,
    LOOP,
    SLICE,
    allowed_filters,
    allowed_tests,
    check_arguments,
    check_product,
    text_of,
)
from promptship.prompts._marks import STATE, check_length, has_mark
from promptship.prompts._names import check_partial_name
from promptship.prompts._tags import RoleTags, read_tag
from promptship.prompts._taint import Untrusted, find_untrusted, raw_value, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import Template
    from jinja2.runtime import Context

__all__ = ["NotGiven", "PromptEnvironment"]

_MOST_RANGE = 100_000
_LARGEST_WHOLE = 2**64
_LARGEST_EXPONENT = 64

_TEXT_METHODS = frozenset(
    (
        *("capitalize", "casefold", "center", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii"),
        *("isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower"),
        *("lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition"),
        *("rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill"),
    )
)
_METHODS: dict[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
}
_DATA_TYPES = (str, int, float, list, tuple, type(None))
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


class NotGiven(Undefined):
    """An optional input that was not given: false, empty and not `defined`, but an error where it is printed."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The environment in which one prompt and its partials are compiled.

    Args:
        partials: Text of each partial by name.
    """

    intercepted_binops: ClassVar[frozenset[str]] = frozenset(_OPERATORS)  # type: ignore[misc]  # Jinja declares it on the instance

    def __init__(self, partials: Mapping[str, str]) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=_finalize,
            loader=_PartialLoader(partials),
            extensions=[RoleTags],
            auto_reload=False,
            # What fails on a constant shall fail with a line, when it is rendered, not when it is compiled.
            optimized=False,
            cache_size=-1,
        )
        self.filters = {**allowed_filters()}
        self.tests = {**allowed_tests()}
        self.globals = {"range": _bounded_range, "dict": dict, "namespace": Namespace}

    @property
    def tags(self) -> RoleTags:
        """The extension that parsed the role tags."""
        found = self.extensions[RoleTags.identifier]
        if not isinstance(found, RoleTags):  # pragma: no cover - put there by the constructor
            raise TypeError(found)
        return found

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja's signature
        _count_step()
        return super()._load_template(name, globals)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _check_tree(tree, name)
        _Rewriter().visit(tree)
        tree.set_environment(self)
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute, a method that is allowed, or an item of that name."""
        kind = type(obj)
        if kind is dict and attribute not in _METHODS[dict]:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if kind is Untrusted:
            return self._wrapped(obj, self.getattr(raw_value(obj), attribute))
        # The rows of `groupby` are tuples with names.
        if attribute in _METHODS.get(kind, ()) or attribute in getattr(obj, "_fields", ()):
            return getattr(obj, attribute)
        if isinstance(obj, _DATA_TYPES):
            return self.undefined(obj=obj, name=attribute)
        if attribute.startswith("_"):
            raise SecurityError(f"the attribute {attribute!r} of a {kind.__name__} cannot be read")
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item of a list, an object or text; undefined where there is none."""
        if type(obj) is Untrusted:
            return self._wrapped(obj, self.getitem(raw_value(obj), unwrap(argument)))
        if has_mark(obj):
            raise RenderError("text with tags or untrusted values in it cannot be indexed: index the value itself")
        if isinstance(obj, Undefined):
            return obj[argument]
        if not isinstance(obj, str | list | tuple | dict):
            return super().getitem(obj, argument)
        try:
            return obj[unwrap(argument)]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063 - Jinja's signature
        """Call what a template may call: macros, blocks, loops, our globals, and allowed methods."""
        kind = type(__obj)
        if kind is MethodType and type(__obj.__self__) is RoleTags:
            return __obj(*args)
        of_loop = kind is MethodType and isinstance(__obj.__self__, LoopContext)
        if of_loop or isinstance(__obj, Macro | BlockReference | LoopContext | Undefined):
            _count_step()
            return __context.call(__obj, *args, **kwargs)
        for variables in ("_loop_vars", "_block_vars"):
            kwargs.pop(variables, None)
        if kind is Untrusted:
            return __self._call_method(raw_value(__obj), args, kwargs, __obj._name)  # noqa: SLF001 - hidden from templates only
        if kind is BuiltinMethodType:
            return __self._call_method(__obj, args, kwargs, None)
        if __obj is _bounded_range or __obj is dict or __obj is Namespace:
            return __obj(*args, **kwargs)
        raise SecurityError(f"a {kind.__name__} cannot be called")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        """Compute `left operator right` within bounds; untrusted if one of the two is."""
        source = find_untrusted(left, right)
        if source is not None:
            if operator == "%" and isinstance(unwrap(left), str):
                raise RenderError("an untrusted value cannot be used with '%': write {{ }} or '~'")
            left, right = unwrap(left), unwrap(right)
        elif operator != "+" and (has_mark(left) or has_mark(right)):
            raise RenderError(f"{operator!r} cannot be applied to text with tags or untrusted values in it")
        _check_operands(operator, left, right)
        result = _OPERATORS[operator](left, right)
        if type(result) is int and abs(result) > _LARGEST_WHOLE:
            raise RenderError(f"{operator!r} makes a whole number beyond 2^64")
        return result if source is None else wrap(result, source)

    def _wrapped(self, obj: Untrusted, found: Any) -> Any:
        return found if isinstance(found, Undefined) else wrap(found, obj._name)  # noqa: SLF001 - hidden from templates only

    def _call_method(self, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any], source: str | None) -> Any:
        name = getattr(method, "__name__", "")
        owner = getattr(method, "__self__", None)
        if name not in _METHODS.get(type(owner), ()):
            raise SecurityError(f"a {type(method).__name__} cannot be called")
        if source is None and not isinstance(owner, str):
            # What a trusted container gives back is what stands in it: trusted, marked or a proxy.
            return method(*args, **kwargs)
        # A mark in the owner would stand inside the fence of what untrusted arguments make of it.
        is_marked = source is None and has_mark(owner)
        source = source or find_untrusted(*args, *kwargs.values())
        if is_marked or (source is None and any(map(has_mark, args))):
            raise RenderError(f"{name!r} cannot be applied to text with tags or untrusted values in it")
        if source is not None:
            args, kwargs = unwrap(args), unwrap(kwargs)
        check_arguments(name, (owner, *args, *kwargs.values()))
        result = method(*args, **kwargs)
        if isinstance(result, str):
            check_length(len(result))
        return result if source is None else wrap(result, source)


class _PartialLoader(BaseLoader):
    def __init__(self, partials: Mapping[str, str]) -> None:
        self._partials = partials

    def get_source(self, environment: Any, template: str) -> tuple[str, str | None, None]:
        del environment
        if template not in self._partials:
            raise TemplateNotFound(template)
        return self._partials[template], template, None


class _Rewriter(NodeTransformer):
    """Replaces what passes by no hook of the environment by filters of ours, which do."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja's visitor calls it so
        self.generic_visit(node)
        return self._filter(CONCAT, nodes.List(node.nodes, lineno=node.lineno), [], node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - Jinja's visitor calls it so
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = [part or nodes.Const(None) for part in (node.arg.start, node.arg.stop, node.arg.step)]
        return self._filter(SLICE, node.node, bounds, node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's visitor calls it so
        self.generic_visit(node)
        node.iter = self._filter(LOOP, node.iter, [], node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - Jinja's visitor calls it so
        self.generic_visit(node)
        if len(node.ops) != 1 or node.ops[0].op not in {"in", "notin"}:
            return node
        test = nodes.Test(node.expr, "in", [node.ops[0].expr], [], None, None, lineno=node.lineno)
        return test if node.ops[0].op == "in" else nodes.Not(test, lineno=node.lineno)

    def _filter(self, name: str, node: Any, arguments: list[nodes.Expr], line: int) -> nodes.Filter:
        return nodes.Filter(node, name, arguments, [], None, None, lineno=line)


def _count_step() -> None:
    """Count a call or an include of this render like a round of a loop: they can double as often as they nest."""
    state = STATE.get(None)
    if state is not None:
        state.count_rounds(1)


def _finalize(value: Any) -> str:
    return value if type(value) is str else text_of(value)


def _bounded_range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > _MOST_RANGE:
        raise RenderError(f"range({', '.join(map(str, bounds))}) has more than {_MOST_RANGE:,} numbers")
    return found


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
        check_length(len(left) + len(right))
    elif operator == "*":
        check_product(left, right)
    elif operator == "**" and isinstance(right, int | float) and abs(right) > _LARGEST_EXPONENT:
        raise RenderError(f"the exponent {right} is beyond {_LARGEST_EXPONENT}")
    elif operator == "%" and isinstance(left, str):
        raise RenderError("'%' formats no text here", hint="use '| format(...)' or '~'")


def _check_tree(tree: nodes.Template, name: str | None) -> None:
    for block in tree.find_all((nodes.FilterBlock, nodes.AssignBlock)):
        kind = "filter" if isinstance(block, nodes.FilterBlock) else "set"
        for call in block.find_all(nodes.Call):
            if read_tag(call) is not None:
                message = f"a role tag cannot stand inside {{% {kind} %}} … {{% end{kind} %}}"
                raise TemplateSyntaxError(message, call.lineno, name)
    for scope in tree.find_all((nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)):
        raise TemplateSyntaxError("{% autoescape %} is not allowed: prompts are no HTML", scope.lineno, name)
    for reference in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        _check_reference(reference, name)


def _check_reference(node: nodes.Node, name: str | None) -> None:
    keyword = {"FromImport": "from"}.get(type(node).__name__, type(node).__name__.lower())
    target = getattr(node, "template", None)
    if not isinstance(target, nodes.Const) or not isinstance(target.value, str):
        raise TemplateSyntaxError(f"{{% {keyword} %}} needs the name of one partial in quotes", node.lineno, name)
    if getattr(node, "ignore_missing", False):
        raise TemplateSyntaxError("'ignore missing' is not allowed: a version is closed", node.lineno, name)
    problem = check_partial_name(target.value)
    if problem:
        raise TemplateSyntaxError(problem, node.lineno, name)
