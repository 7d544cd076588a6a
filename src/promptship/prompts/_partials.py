"""The partials that a template reaches, read through a function of the caller's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from promptship.errors import Problem, SourceError
from promptship.prompts._sandbox import PromptEnvironment
from promptship.prompts._source import normalise_newlines
from promptship.prompts._syntax import explain_syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["collect_partials"]


def collect_partials(body: str, load: Callable[[str], str | None], *, path: str, body_line: int = 1) -> dict[str, str]:
    """Collect every partial that a template reaches by include, import, from or extends.

    Args:
        body: The prompt's template.
        load: Returns the text of a partial by its name (a path below the prompts folder), None where there is none.
        path: The prompt's file, as messages name it.
        body_line: Line of the file on which the template begins.

    Returns:
        Text by name, sorted by name.

    Raises:
        SourceError: Partials that are missing, not valid, or that include themselves; every problem, each at the tag
            that names the partial, with the chain that led there.

    Example:
        >>> collect_partials('{% include "_tone.j2" %}', {"_tone.j2": "Be kind."}.get, path="hello.prompt")
        {'_tone.j2': 'Be kind.'}
    """
    collector = _Collector(load, path, body_line)
    collector.visit(body, None, ())
    if collector.problems:
        raise SourceError(collector.problems)
    return dict(sorted(collector.found.items()))


class _Collector:
    def __init__(self, load: Callable[[str], str | None], path: str, body_line: int) -> None:
        self.found: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._load = load
        self._path = path
        self._body_line = body_line
        self._environment = PromptEnvironment({})

    def visit(self, text: str, name: str | None, chain: tuple[str, ...]) -> None:
        """Collect what the template `name` with this text reaches; `chain` are the partials that led to it."""
        first = self._body_line if name is None else 1
        try:
            tree = self._environment.parse(text, name)
        except TemplateSyntaxError as error:
            self.problems.append(explain_syntax(error, text, path=name or self._path, first_line=first))
            return
        for line, target in _references(tree):
            column = _column(text, line, target)
            problem = self._follow(target, chain)
            if problem:
                place = {"path": name or self._path, "line": line + first - 1, "column": column}
                self.problems.append(Problem(message=problem, hint=_hint(problem), **place))  # type: ignore[arg-type]  # three fields by name

    def _follow(self, target: str, chain: tuple[str, ...]) -> str | None:
        if target in chain:
            return f"the partial {target!r} includes itself: {' -> '.join((*chain, target))}"
        if target in self.found:
            return None
        text = self._load(target)
        if text is None:
            via = f" (reached by {' -> '.join((self._path, *chain))})" if chain else ""
            return f"there is no partial {target!r}{via}"
        self.found[target] = normalise_newlines(text)
        self.visit(self.found[target], target, (*chain, target))
        return None


def _references(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        template = getattr(node, "template", None)
        if isinstance(template, nodes.Const):
            yield node.lineno, str(template.value)


def _column(text: str, line: int, target: str) -> int | None:
    found = re.search(re.escape(target), text.split("\n")[line - 1])
    return found.start() + 1 if found else None


def _hint(problem: str) -> str | None:
    return "names are paths below the prompts folder" if problem.startswith("there is no") else None
