"""What every export loses of a prompt, told the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptship.converters._tree import Bare, Each, Filtered, If, Path, Print

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.converters._ledger import Ledger
    from promptship.converters._tree import Expr, Template
    from promptship.domain import JsonObject
    from promptship.project import LoadedPrompt

__all__ = ["tell_losses"]


def tell_losses(loaded: LoadedPrompt, template: Template, ledger: Ledger) -> None:
    """Tell what no other tool has: fences, choices, fallbacks; and values that print differently.

    Args:
        loaded: The prompt.
        template: Its tree.
        ledger: Where it is told.
    """
    document, closure = loaded.document, loaded.version.closure

    def line(*keys: str) -> int:
        return document.place(keys)[0]

    for name in sorted(name for name, trust in closure.trust.items() if trust == "untrusted"):
        message = f"the input {name!r} is untrusted: its fence, and the sentence about fences, are left out"
        ledger.add("lost", "trust", message, line=line("input", "trust", name))
    if closure.output.choices:
        ledger.add("lost", "choices", "output.choices has no counterpart", line=line("output", "choices"))
    if closure.model.fallbacks:
        ledger.add("lost", "fallbacks", f"the fallbacks of the model {closure.model.name!r} are left out")
    for key in sorted(document.extra):
        ledger.add("lost", "extra", f"{key} is left out", line=line(key))
    if closure.partials:
        ledger.add("note", "partials", f"partials stand in their places: {', '.join(sorted(closure.partials))}")
    if closure.examples:
        ledger.add("note", "examples", "few-shot rows are written out")
    _tell_printed(template, closure.input_schema, ledger)


def _tell_printed(template: Template, schema: JsonObject, ledger: Ledger) -> None:
    properties: Any = schema.get("properties") or {}
    printed = list(_printed(template))
    if any(isinstance(value, Filtered) and value.name == "tojson" for value in printed):
        message = "JSON is printed with its keys in their own order there, and without blanks"
        ledger.add("changed", "json", message)
    roots = {value.root for value in printed if isinstance(value, Path) and not value.steps}
    for name in sorted(roots):
        kind = properties[name].get("type") if isinstance(properties.get(name), dict) else None
        if "boolean" in (kind if isinstance(kind, list) else [kind]):
            ledger.add("changed", "boolean", f"the input {name!r} prints true and false there, not True and False")


def _printed(template: Template) -> Iterator[Expr]:
    """Yield the values that are printed, wherever they stand."""
    for node in template:
        match node:
            case Print(Bare(value)):
                yield value
            case Print(value):
                yield value
            case If(_, body, other) | Each(_, _, body, other):
                yield from _printed((*body, *other))
            case _:
                pass
