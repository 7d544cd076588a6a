"""Lists of chat messages, in JSON or YAML, whose contents are templates, to the body of a prompt file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from promptship.converters._tree import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.converters._ledger import Ledger

__all__ = ["is_chat", "render_chat"]

_ROLES: Final = {"system", "developer", "user", "assistant"}
_PLACEHOLDER: Final = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}")


def is_chat(value: Any) -> bool:
    """Whether a value is a list of messages."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "role" in one for one in value)


def render_chat(messages: list[dict[str, Any]], ledger: Ledger, translate: Callable[[str], str], *, line: int) -> str:
    """Render messages as role tags and their contents.

    Args:
        messages: Objects with `role` and `content`.
        ledger: Where losses are told.
        translate: Makes our template of a content.
        line: Line of the file on which the list begins.

    Raises:
        UntranslatableError: A role or a content that has no counterpart.
    """
    parts = []
    for message in messages:
        role = message["role"]
        if role not in _ROLES:
            raise UntranslatableError(f"messages of the role {role!r} cannot be carried over", line)
        for key in message.keys() - {"role", "content"}:
            ledger.add("lost", "message-key", f"the key {key!r} of a {role} message was left out", line=line)
        parts.append(f"{{% {role} %}}\n{_content(message.get('content'), translate, line)}\n")
    return "".join(parts)


def _content(value: Any, translate: Callable[[str], str], line: int) -> str:
    if isinstance(value, str):
        return translate(value)
    if isinstance(value, list):
        return "\n".join(_part(part, translate, line) for part in value)
    raise UntranslatableError(f"a message's content is {value!r}; expected text or a list of parts", line)


def _part(part: Any, translate: Callable[[str], str], line: int) -> str:
    if isinstance(part, dict) and part.get("type") in {"text", "input_text"} and isinstance(part.get("text"), str):
        return translate(part["text"])
    image = part.get("image_url") if isinstance(part, dict) else None
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str):
        found = _PLACEHOLDER.fullmatch(url.strip())
        if found:
            return f'{{% media {{"url": {found[1]}}} %}}'
        if "{" not in url and '"' not in url and "\\" not in url:
            return f'{{% media {{"url": "{url}"}} %}}'
    raise UntranslatableError(f"the message part {part!r} cannot be carried over", line)
