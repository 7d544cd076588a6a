"""Trees to Nunjucks and to plain Jinja2, whose tags keep the newline after them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptship.converters._to_jinja import render_expression
from promptship.converters._tree import (
    Bare,
    Compare,
    Each,
    Filtered,
    If,
    Join,
    LoopValue,
    Not,
    Path,
    Print,
    Text,
    UntranslatableError,
)

if TYPE_CHECKING:
    from promptship.converters._tree import Expr, Node, Template

__all__ = ["escape_plain", "render_plain"]

_FILTERS: Final[dict[str, dict[str, str]]] = {
    "nunjucks": {
        "tojson": "dump",
        **{name: name for name in ("upper", "lower", "title", "capitalize", "trim", "join", "first", "last", "length")},
        **{name: name for name in ("replace", "reverse", "sort", "string", "int", "float", "round", "abs", "default")},
    },
    "jinja2": {
        **{name: name for name in ("tojson", "upper", "lower", "title", "capitalize", "trim", "join", "first", "last")},
        **{name: name for name in ("length", "replace", "reverse", "sort", "string", "int", "float", "round", "abs")},
        **{name: name for name in ("default", "truncate", "wordcount", "indent", "unique", "sum", "min", "max")},
    },
}
_OPENING: Final = re.compile(r"\{(?=[{%#])|\{\Z")


def render_plain(template: Template, language: str) -> str:
    r"""Render a tree as Nunjucks or Jinja2 of another tool.

    Args:
        template: The tree; role tags are not in it any more.
        language: `nunjucks` or `jinja2`.

    Raises:
        UntranslatableError: A filter that the other language does not have, or that means something else there.

    Example:
        >>> render_plain((If(Path("a"), (Text("\nyes {"),)), Print(Filtered("tojson", Path("b")))), "nunjucks")
        '{% if a %}\nyes {{ "{" }}{% endif %}{{ b | dump }}'
    """
    return "".join(_render(node, language) for node in template)


def escape_plain(text: str) -> str:
    """Return text that either language prints as it is.

    Example:
        >>> escape_plain("a {{ b }}")
        'a {{ "{" }}{ b }}'
    """
    return _OPENING.sub('{{ "{" }}', text)


def _render(node: Node, language: str) -> str:
    match node:
        case Text(text):
            escaped = escape_plain(text)
            # Nunjucks takes the end of a comment for an error wherever it stands.
            return escaped.replace("#}", '#{{ "}" }}') if language == "nunjucks" else escaped
        case Print(value, line):
            return f"{{{{ {_expression(value, language, line)} }}}}"
        case If():
            return _if(node, language, "if")
        case Each(item, over, body, other, key, line):
            source = _expression(over, language, line)
            if key:
                names, source = f"{key}, {item}", source if language == "nunjucks" else f"({source}).items()"
            else:
                names = item
            otherwise = f"{{% else %}}{render_plain(other, language)}" if other else ""
            return f"{{% for {names} in {source} %}}{render_plain(body, language)}{otherwise}{{% endfor %}}"
        case _:
            raise UntranslatableError(
                f"{type(node).__name__.lower()} has no counterpart here", getattr(node, "line", 0)
            )


def _if(node: If, language: str, word: str) -> str:
    test = _expression(node.test, language, node.line)
    made = f"{{% {word} {test} %}}{render_plain(node.body, language)}"
    match node.other:
        case ():
            pass
        case (If() as inner,):
            return made + _if(inner, language, "elif")
        case other:
            made += f"{{% else %}}{render_plain(other, language)}"
    return f"{made}{{% endif %}}"


def _expression(value: Expr, language: str, line: int) -> str:
    return render_expression(_checked(value, language, line))


def _checked(value: Expr, language: str, line: int) -> Expr:
    """Return an expression with filters by the other language's names."""
    match value:
        case Filtered(name, inner, arguments):
            if name not in _FILTERS[language]:
                raise UntranslatableError(f"the filter {name!r} has no counterpart in {language.capitalize()}", line)
            made = tuple(_checked(one, language, line) for one in arguments)
            return Filtered(_FILTERS[language][name], _checked(inner, language, line), made)
        case Not(inner):
            return Not(_checked(inner, language, line))
        case Join(how, left, right):
            return Join(how, _checked(left, language, line), _checked(right, language, line))
        case Compare(how, left, right):
            return Compare(how, _checked(left, language, line), _checked(right, language, line))
        case Bare(Path() as path, _) if language == "nunjucks":
            return path
        case LoopValue() | Path() | Bare() | _:
            return value
