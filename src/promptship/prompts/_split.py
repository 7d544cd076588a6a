"""Rendered text to messages: cut at the marks of role tags, then open what the other marks stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from promptship.domain import ROLES, Message
from promptship.errors import RenderError
from promptship.prompts._fence import FENCE_SENTENCE, fenced
from promptship.prompts._marks import HISTORY, MARK, MEDIA, ROLE, TOOL, UNTRUSTED
from promptship.prompts._media import media_part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import JsonObject, Role
    from promptship.prompts._marks import RenderState
    from promptship.prompts._tags import Site

__all__ = ["split_messages"]

_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")
_BLANK = frozenset(" \t\n")
_PIECES = 5  # groups of a mark, and the text after it
_INSTRUCTING = ("system", "developer")


class _Draft:
    """A message that is being put together: its text so far, and the closed parts before it."""

    __slots__ = ("extra", "fenced", "inline", "parts", "role", "site", "text")

    def __init__(self, role: Role, site: Site | None, text: str) -> None:
        self.role = role
        self.site = site
        self.inline = site is None or site.inline
        self.text = text
        self.fenced = False
        self.parts: list[str | JsonObject] = []
        self.extra: JsonObject = {}

    def end_text(self) -> None:
        """Close the text before a media part or the end: edges trimmed as the rules of the format say."""
        text = _trim(self.text, inline=self.inline)
        if text:
            self.parts.append(text)
        self.text = ""
        self.inline = True


def split_messages(
    text: str, state: RenderState, sites: Sequence[Site], history: Sequence[Message], place: Callable[[Site], str]
) -> tuple[Message, ...]:
    """Split rendered text into messages.

    Text before the first tag, and after `{% history %}`, is a user message. At the start of a message blank lines go,
    and for text on the tag's own line the blanks after the tag; at its end all white space goes. Empty messages are
    dropped, but an empty assistant message stays (a prefill). Where a fence was printed, the sentence about fences
    becomes the last paragraph of the first system or developer message; without one, the first paragraph of the first
    user message.

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
    pieces = MARK.split(text)
    _check_marks(text, pieces, state)
    messages: list[Message] = []
    draft = _Draft("user", None, pieces[0])
    has_fence = False
    for at in range(1, len(pieces), _PIECES):
        _, kind, number, site, after = pieces[at : at + _PIECES]
        if kind == UNTRUSTED:
            draft.fenced = has_fence = True
            draft.text += f"\x02{state.nonce}:{kind}{number}:{site}\x03{after}"
        elif kind == MEDIA:
            _take_media(draft, state, int(number))
            draft.text = after
        else:
            _finish(draft, messages, state, place)
            if kind == HISTORY:
                messages.extend(history)
            draft = _Draft(ROLES[int(number)] if kind == ROLE else "user", sites[int(site)], after)
            if kind == TOOL:
                draft.role = "tool"
                draft.extra = {"tool_call_id": state.slots[int(number)][0]}
    _finish(draft, messages, state, place)
    return tuple(_explain_fences(messages) if has_fence else messages)


def _check_marks(text: str, pieces: list[str], state: RenderState) -> None:
    """Refuse text that holds anything but whole marks of this render."""
    marks = len(pieces) // _PIECES
    whole = text.count("\x02") == marks == text.count("\x03")
    if not whole or any(nonce != state.nonce for nonce in pieces[1::_PIECES]):
        raise RenderError(
            "a filter or a method has cut text that holds role tags or untrusted values",
            hint="apply it to the value itself, before the text is captured",
        )


def _take_media(draft: _Draft, state: RenderState, slot: int) -> None:
    if draft.role != "user":
        raise RenderError(
            f"{{% media %}} stands in a {draft.role} message; the protocol has media in user messages only"
        )
    value, name = state.slots[slot]
    draft.end_text()
    draft.parts.append(media_part(cast("JsonObject", value), source=f"input {name!r}" if name else "{% media %}"))


def _finish(draft: _Draft, messages: list[Message], state: RenderState, place: Callable[[Site], str]) -> None:
    draft.end_text()
    parts = draft.parts
    if not parts:
        if draft.role == "assistant":
            messages.append(Message(role="assistant", content=""))
        return
    if draft.fenced:
        parts = [_open_fences(part, draft, state, place) if isinstance(part, str) else part for part in parts]
    only = parts[0]
    if len(parts) == 1 and isinstance(only, str):
        messages.append(Message(role=draft.role, content=only, extra=draft.extra))
        return
    content = tuple({"type": "text", "text": part} if isinstance(part, str) else part for part in parts)
    messages.append(Message(role=draft.role, content=cast("tuple[JsonObject, ...]", content), extra=draft.extra))


def _open_fences(text: str, draft: _Draft, state: RenderState, place: Callable[[Site], str]) -> str:
    def open_one(mark: re.Match[str]) -> str:
        value, name = state.slots[int(mark[3])]
        if draft.role in _INSTRUCTING:
            where = f" (opened in {place(draft.site)})" if draft.site else ""
            raise RenderError(
                f"the untrusted input {name!r} is printed in a {draft.role} message{where}",
                hint="move it to a user message, or state its trust as plain if nobody outside can write it",
            )
        return fenced(str(value))

    return MARK.sub(open_one, text)


def _trim(text: str, *, inline: bool) -> str:
    if text[:1] in _BLANK:
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
        return Message(
            role=message.role, content=({"type": "text", "text": FENCE_SENTENCE}, *content), extra=message.extra
        )
    return Message(role=message.role, content=f"{FENCE_SENTENCE}\n\n{content or ''}", extra=message.extra)
