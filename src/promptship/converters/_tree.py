"""Templates as trees that no template language owns: what the languages have in common, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.domain import JsonValue

__all__ = [
    "Bare",
    "Compare",
    "Const",
    "Each",
    "Expr",
    "Filtered",
    "History",
    "If",
    "Include",
    "Join",
    "LoopValue",
    "Media",
    "Node",
    "Not",
    "Path",
    "Print",
    "Role",
    "Template",
    "Text",
    "UntranslatableError",
    "roots_of",
]


class UntranslatableError(Exception):
    """A construct of one language for which the other has nothing.

    Attributes:
        message: What it is.
        line: 1-based line in the template it was found in; 0 where none is known.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Path:
    """`customer.orders.0.id`: an input or a loop's variable, and the steps below it."""

    root: str
    steps: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    value: JsonValue


@dataclass(frozen=True, slots=True)
class LoopValue:
    """What the innermost loop knows of its round."""

    what: Literal["index0", "index", "first", "last"]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Join:
    """Both, or either."""

    how: Literal["and", "or"]
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; `how` is `==`, `!=`, `<`, `<=`, `>`, `>=` or `in`."""

    how: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Filtered:
    """A value sent through a filter, by Jinja's name of the filter."""

    name: str
    value: Expr
    arguments: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Bare:
    """An input that may be missing: it prints as nothing then, and, with `null`, where it is null or empty."""

    value: Path
    null: bool = False


Expr: TypeAlias = "Path | Const | LoopValue | Not | Join | Compare | Filtered | Bare"


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that come out as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """A printed value."""

    value: Expr
    line: int = 0


@dataclass(frozen=True, slots=True)
class If:
    """A choice between two templates."""

    test: Expr
    body: Template
    other: Template = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Each:
    """A loop over a list, or over the keys and values of an object where `key` is given."""

    item: str
    over: Expr
    body: Template
    other: Template = ()
    key: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Role:
    """Opens a message of a role of ours."""

    role: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """Where the messages before this one go."""

    line: int = 0


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound or file: its address and type, or, where it is `whole`, the media object itself."""

    value: Expr
    mime_type: Expr | None = None
    line: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """A partial by its file's name, with names that mean something else inside it."""

    name: str
    names: tuple[tuple[str, Expr], ...] = ()
    line: int = 0


Node: TypeAlias = "Text | Print | If | Each | Role | History | Media | Include"
Template: TypeAlias = "tuple[Node, ...]"


def roots_of(
    template: Template, *, partial: Callable[[str], tuple[str, ...] | None] = lambda _: None
) -> dict[str, int]:
    """Return the names that a template takes from outside, each with the line of its first use.

    Args:
        template: The template.
        partial: Returns the names that a partial takes from outside; None for nothing known.

    Example:
        >>> roots_of((Each("item", Path("items"), (Print(Path("item")), Print(Path("name"), 2))),))
        {'items': 0, 'name': 2}
    """
    finder = _RootFinder(partial)
    finder.visit_all(template, frozenset({"loop"}))
    return finder.found


class _RootFinder:
    """`bound` are the names that loops around give a meaning to."""

    def __init__(self, partial: Callable[[str], tuple[str, ...] | None]) -> None:
        self.found: dict[str, int] = {}
        self._partial = partial

    def visit_all(self, template: Template, bound: frozenset[str]) -> None:
        for node in template:
            self._visit(node, bound)

    def _visit(self, node: Node, bound: frozenset[str]) -> None:
        match node:
            case Print(value, line) | Media(value, None, line):
                self._take(value, bound, line)
            case Media(value, Path() | Const() as mime_type, line):
                self._take(value, bound, line)
                self._take(mime_type, bound, line)
            case If(test, body, other, line):
                self._take(test, bound, line)
                self.visit_all((*body, *other), bound)
            case Each(item, over, body, other, key, line):
                self._take(over, bound, line)
                self.visit_all(body, bound | {item, key or item})
                self.visit_all(other, bound)
            case Include(name, names, line):
                given = {inner for inner, _ in names}
                for _, value in names:
                    self._take(value, bound, line)
                for root in set(self._partial(name) or ()) - given:
                    self._take(Path(root), bound, line)
            case _:
                pass

    def _take(self, value: Expr, bound: frozenset[str], line: int) -> None:
        match value:
            case Path(root, _):
                if root not in bound:
                    self.found.setdefault(root, line)
            case Not(inner) | Bare(inner):
                self._take(inner, bound, line)
            case Join(_, left, right) | Compare(_, left, right):
                self._take(left, bound, line)
                self._take(right, bound, line)
            case Filtered(_, inner, arguments):
                for one in (inner, *arguments):
                    self._take(one, bound, line)
            case _:
                pass
