"""Chat messages as models take and give them, in the shape of the chat-completions protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from promptship.domain.json_types import JsonObject

__all__ = ["ROLES", "Content", "Message", "Role", "ToolCall"]

Role = Literal["system", "developer", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")

Content: TypeAlias = "str | tuple[JsonObject, ...] | None"
"""Text, or content parts (`{"type": "text" | "image_url" | "input_audio" | "file", …}`), or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to call a tool.

    Attributes:
        id: Given by the model; answers cite it.
        name: The tool's name.
        arguments: JSON text exactly as the model wrote it; it need not parse.
    """

    id: str
    name: str
    arguments: str

    def as_json(self) -> JsonObject:
        """Return the protocol's object."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.

    Attributes:
        role: Who speaks.
        content: Text, content parts, or None (an assistant message that only calls tools).
        extra: Every other key, untouched: `tool_calls`, `tool_call_id`, `name`, and what providers add.
    """

    role: Role
    content: Content
    extra: JsonObject = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of the content, its text parts joined; "" for None."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text", "")) for part in self.content or () if part.get("type") == "text")

    def as_json(self) -> JsonObject:
        """Return the protocol's object; equal to the one that `from_json` took."""
        content = list(self.content) if isinstance(self.content, tuple) else self.content
        return {"role": self.role, "content": cast("str | None", content), **self.extra}

    @classmethod
    def from_json(cls, value: JsonObject) -> Message:
        """Build a message from the protocol's object without changing anything in it.

        Raises:
            ValueError: No known `role`, or a `content` that is neither text, nor a list of objects, nor null.
        """
        role = value.get("role")
        if role not in ROLES:
            msg = f"a message has the role {role!r}; expected one of {', '.join(ROLES)}"
            raise ValueError(msg)
        content = value.get("content")
        if isinstance(content, list) and all(isinstance(part, dict) for part in content):
            content = cast("str", tuple(content))
        elif not (content is None or isinstance(content, str)):
            msg = f"a message has the content {content!r}; expected text, a list of content parts, or null"
            raise ValueError(msg)
        extra = {key: item for key, item in value.items() if key not in {"role", "content"}}
        return cls(role=role, content=content, extra=extra)
