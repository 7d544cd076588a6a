"""Role tags: `{% system %}`, `{% user %}` and the others, as a Jinja extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes
from jinja2.ext import Extension

from promptship.domain import ROLES
from promptship.errors import RenderError
from promptship.prompts._marks import HISTORY, MEDIA, ROLE, STATE, TOOL
from promptship.prompts._taint import Untrusted, unwrap

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.parser import Parser

__all__ = ["RoleTags", "Site", "read_tag"]

_NAMES: tuple[str, ...] = ROLES
_WITH_EXPRESSION = {"tool", "media"}


class Site:
    """Where a tag stands in its template.

    Attributes:
        template: Name of the template; None for the prompt's own body.
        line: 1-based line in it.
        inline: Whether text follows the tag on its own line.
    """

    __slots__ = ("inline", "line", "template")

    def __init__(self, template: str | None, line: int, *, inline: bool) -> None:
        self.template = template
        self.line = line
        self.inline = inline


class RoleTags(Extension):
    """Parses role tags. Each prints a mark at which the rendered text is split into messages."""

    tags = {*ROLES, "history", "media"}  # noqa: RUF012 - Jinja declares it on the instance

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.sites: list[Site] = []
        self.seen: set[str] = set()

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse one tag, which the stream stands at."""
        token = next(parser.stream)
        tag: str = token.value
        self.seen.add(tag)
        expression: nodes.Expr = nodes.Const(None, lineno=token.lineno)
        if tag in _WITH_EXPRESSION:
            if parser.stream.current.type == "block_end":
                expected = "the id of the tool call" if tag == "tool" else "the name of an input"
                parser.fail(f"the tag {{% {tag} %}} needs {expected}: {{% {tag} NAME %}}", token.lineno)
            expression = parser.parse_expression()
        elif parser.stream.current.type != "block_end":
            parser.fail(f"the tag {{% {tag} %}} takes nothing: write the text after it", token.lineno)
        inline = parser.stream.look().lineno == parser.stream.current.lineno
        self.sites.append(Site(parser.name, token.lineno, inline=inline))
        call = self._call(tag, len(self.sites) - 1, expression, token.lineno)
        return nodes.Output([call], lineno=token.lineno)

    def _call(self, tag: str, site: int, expression: nodes.Expr, line: int) -> nodes.Call:
        if tag in _WITH_EXPRESSION:
            arguments = [nodes.Const(tag), nodes.Const(site), expression]
            return self.call_method("_mark_value", arguments, lineno=line)
        kind = f"{HISTORY}0" if tag == "history" else f"{ROLE}{_NAMES.index(tag)}"
        return self.call_method("_mark", [nodes.Const(tag), nodes.Const(f"{kind}:{site}\x03")], lineno=line)

    def _mark(self, _tag: str, end: str) -> str:
        return f"\x02{STATE.get().nonce}:{end}"

    def _mark_value(self, tag: str, site: int, value: object) -> str:
        name = value._name if isinstance(value, Untrusted) else ""  # noqa: SLF001 - the proxy hides it from templates
        raw = unwrap(value)
        if tag == "tool":
            if not isinstance(raw, str) or not raw:
                raise RenderError(f"{{% tool %}} needs the id of the tool call as text, not {raw!r}")
            return STATE.get().keep(TOOL, raw, name, site)
        if not isinstance(raw, dict):
            raise RenderError(f"{{% media %}} needs an object with 'url' or 'data', not {raw!r}")
        return STATE.get().keep(MEDIA, raw, name, site)


def read_tag(node: nodes.Node) -> tuple[str, nodes.Expr] | None:
    """Return the tag and its expression if `node` is what a role tag was parsed to; None otherwise."""
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.ExtensionAttribute):
        return None
    if node.node.identifier != RoleTags.identifier:
        return None
    return node.args[0].as_const(), node.args[-1]
