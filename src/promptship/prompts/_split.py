"""Rendered text to messages: cut at the marks of role tags, then open what the other marks stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from promptship.domain import ROLES, Message
from promptship.errors import RenderError
from promptship.prompts._fence import FENCE_SENTENCE, fenced
from promptship.prompts._marks import HISTORY, MARK, MEDIA, ROLE, TOOL, UNTRUSTED, has_control
from promptship.prompts._media import media_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptship.domain import JsonObject, Role
    from promptship.prompts._marks import RenderState
    from promptship.prompts._tags import Site

__all__ = ["split_messages"]

_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")
_INSTRUCTING = ("system", "developer")


class _Draft:
    """A message that is being put together."""

    __slots__ = ("extra", "parts", "pieces", "role", "site")

    def __init__(self, role: Role, site: Site | None, extra: JsonObject | None = None) -> None:
        self.role = role
        self.site = site
        self.extra = extra or {}
        self.pieces: list[str] = []
        self.parts: list[str | JsonObject] = []

    def end_text(self) -> None:
        """Close the text before a media part or the end: edges trimmed as the rules of the format say."""
        inline = self.site is None or self.site.inline or bool(self.parts)
        text = _trim("".join(self.pieces), inline=inline)
        self.pieces.clear()
        if text:
            self.parts.append(text)


def split_messages(
    text: str, state: RenderState, sites: Sequence[Site], history: Sequence[Message], place: Callable[[Site], str]
) -> tuple[Message, ...]:
    """Split rendered text into messages.

    Text before the first tag, and after `{% history %}`, is a user message. At the start of a message blank lines go, and
    for text on the tag's own line the blanks after the tag; at its end all white space goes. Empty messages are dropped,
    but an empty assistant message stays (a prefill). Where a fence was printed, the sentence about fences becomes the
    last paragraph of the first system or developer message; without one, the first paragraph of the first user message.

    Args:
        text: What the template rendered, with marks.
        state: The render's state.
        sites: The tags by the site number in their marks.
        history: Messages for `{% history %}`.
        place: Names a site for messages.

    Raises:
        RenderError: A mark was cut, untrusted text stands in a system or developer message, or media in a message that
            is not the user's.
    """
    if "\x02" not in text and "\x03" not in text:
        content = _trim(text, inline=True)
        return (Message(role="user", content=content),) if content else ()
    messages: list[Message] = []
    fences = [0]
    for item in _drafts(text, state, sites):
        if item is None:
            messages.extend(history)
            continue
        message = _finish(item, state, place, fences)
        if message is not None:
            messages.append(message)
    return tuple(_explain_fences(messages) if fences[0] else messages)


def _drafts(text: str, state: RenderState, sites: Sequence[Site]) -> Iterator[_Draft | None]:
    """Yield drafts in order, and None where the history goes."""
    draft = _Draft("user", None)
    end = 0
    for mark in MARK.finditer(text):
        nonce, kind, number, site = mark.groups()
        if nonce != state.nonce:
            raise _cut_mark()
        _take_text(draft, text[end : mark.start()])
        end = mark.end()
        if kind == UNTRUSTED:
            draft.pieces.append(mark[0])
        elif kind == MEDIA:
            _take_media(draft, state, int(number))
        else:
            yield draft
            draft = _next_draft(kind, int(number), sites[int(site)], state)
            if kind == HISTORY:
                yield None
    _take_text(draft, text[end:])
    yield draft


def _take_text(draft: _Draft, text: str) -> None:
    if has_control(text):
        raise _cut_mark()
    draft.pieces.append(text)


def _take_media(draft: _Draft, state: RenderState, slot: int) -> None:
    if draft.role != "user":
        raise RenderError(f"{{% media %}} stands in a {draft.role} message; the protocol has media in user messages only")
    value, name = state.slots[slot]
    draft.end_text()
    draft.parts.append(media_part(cast("JsonObject", value), source=f"input {name!r}" if name else "{% media %}"))


def _next_draft(kind: str, number: int, site: Site, state: RenderState) -> _Draft:
    if kind == TOOL:
        return _Draft("tool", site, {"tool_call_id": state.slots[number][0]})
    return _Draft(ROLES[number] if kind == ROLE else "user", site)


def _finish(draft: _Draft, state: RenderState, place: Callable[[Site], str], fences: list[int]) -> Message | None:
    draft.end_text()
    if not draft.parts:
        return Message(role="assistant", content="") if draft.role == "assistant" else None

    def open_slot(mark: re.Match[str]) -> str:
        value, name = state.slots[int(mark[3])]
        if draft.role in _INSTRUCTING:
            where = f" (opened in {place(draft.site)})" if draft.site else ""
            raise RenderError(
                f"the untrusted input {name!r} is printed in a {draft.role} message{where}",
                hint="move it to a user message, or state its trust as plain if nobody outside can write it",
            )
        fences[0] += 1
        return fenced(str(value))

    parts = [MARK.sub(open_slot, part) if isinstance(part, str) else part for part in draft.parts]
    if len(parts) == 1 and isinstance(parts[0], str):
        return Message(role=draft.role, content=parts[0], extra=draft.extra)
    content = tuple({"type": "text", "text": part} if isinstance(part, str) else part for part in parts)
    return Message(role=draft.role, content=cast("tuple[JsonObject, ...]", content), extra=draft.extra)


def _trim(text: str, *, inline: bool) -> str:
    blank = _BLANK_LINES.match(text)
    if blank:
        text = text[blank.end() :]
    elif inline:
        text = text.lstrip(" \t")
    return text.rstrip()


def _explain_fences(messages: list[Message]) -> list[Message]:
    roles = [message.role for message in messages]
    for index, role in enumerate(roles):
        if role in _INSTRUCTING and isinstance(messages[index].content, str):
            content = f"{messages[index].content}\n\n{FENCE_SENTENCE}"
            messages[index] = Message(role=role, content=content, extra=messages[index].extra)
            return messages
    first = roles.index("user") if "user" in roles else 0
    messages[first] = _with_first_paragraph(messages[first])
    return messages


def _with_first_paragraph(message: Message) -> Message:
    content = message.content
    if isinstance(content, tuple):
        return Message(role=message.role, content=({"type": "text", "text": FENCE_SENTENCE}, *content), extra=message.extra)
    return Message(role=message.role, content=f"{FENCE_SENTENCE}\n\n{content or ''}", extra=message.extra)


def _cut_mark() -> RenderError:
    return RenderError(
        "a filter or a method has cut text that holds role tags or untrusted values",
        hint="apply it to the value itself, before the text is captured",
    )
