"""Names inside a prompt: inputs, partials, and those that are taken."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["RESERVED_INPUTS", "check_input_name", "check_partial_name"]

RESERVED_INPUTS = {
    "history": "it is the list of messages that {% history %} stands for",
    "examples": "it holds the few-shot rows of the key 'examples'",
    "loop": "Jinja uses it in loops",
    "self": "Jinja uses it for blocks",
    "super": "Jinja uses it for blocks",
    "caller": "Jinja uses it in macros",
    "range": "it is a function",
    "dict": "it is a function",
    "namespace": "it is a function",
}
_KEYWORDS = {"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"}
_PARTIAL = re.compile(r"(?:[^\W_][\w.-]*/)*_[\w.-]*\.j2")


def check_input_name(name: str) -> str | None:
    """Return what is wrong with the name of an input; None for a good one.

    Example:
        >>> check_input_name("order-id")
        "'order-id' is not a name that a template can use: letters, digits and '_', not beginning with a digit"
    """
    if name in RESERVED_INPUTS:
        return f"the name {name!r} is taken: {RESERVED_INPUTS[name]}"
    if not name.isidentifier() or name in _KEYWORDS:
        return f"{name!r} is not a name that a template can use: letters, digits and '_', not beginning with a digit"
    if name.startswith("_"):
        return f"the name {name!r} begins with '_', which templates cannot import"
    if unicodedata.normalize("NFKC", name) != name:
        return f"the name {name!r} is not in Unicode normal form: write {unicodedata.normalize('NFKC', name)!r}"
    return None


def check_partial_name(name: str) -> str | None:
    """Return what is wrong with the name of a partial; None for a good one.

    Example:
        >>> check_partial_name("tone.j2")
        "'tone.j2' is not the name of a partial: expected a path below prompts/ whose file is called like '_tone.j2'"
    """
    if not _PARTIAL.fullmatch(name):
        expected = "a path below prompts/ whose file is called like '_tone.j2'"
        return f"{name!r} is not the name of a partial: expected {expected}"
    if unicodedata.normalize("NFC", name) != name:
        return f"the name {name!r} is not in Unicode NFC"
    return None
