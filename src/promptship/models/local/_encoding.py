"""Requests as tokens. No text of a message becomes a mark of the chat format, whatever it says."""

from __future__ import annotations

import itertools
import re
import secrets
from typing import TYPE_CHECKING, Any

from promptship.errors import BadResponseError, UsageError
from promptship.models.local._jobs import Job, parse_sampling, parse_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import CompletionRequest, Message

__all__ = ["Encoder"]


class Encoder:
    """Turns requests into jobs for one model.

    Args:
        tokenizer: The model's tokenizer with its chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        marks = _find_marks(tokenizer)
        # Looks ahead without consuming, so that marks that overlap are all found.
        self._marks = re.compile(f"(?={'|'.join(map(re.escape, marks))})") if marks else None

    def encode(self, request: CompletionRequest) -> Job:
        """Turn a request into tokens.

        Raises:
            UsageError: A parameter or a message that this model does not take.
            BadResponseError: The model's chat template cannot render the messages.
        """
        if any(part.get("type") != "text" for message in request.messages for part in _parts(message)):
            raise UsageError("this local model reads text only, and a message has other content parts")
        plain = parse_template(request.params) == "plain"
        tokens = self._encode_plain(request) if plain else self._encode_chat(request)
        # After a prompt that ends in "Intent:" a word begins with its space; after a chat header it does not.
        choices = [self._encode_value(f" {choice}" if plain else choice) for choice in request.choices]
        return Job(tokens=tokens, sampling=parse_sampling(request), choices=choices)

    def _encode_plain(self, request: CompletionRequest) -> list[int]:
        text = "\n".join(message.text for message in request.messages)
        return self._encode_value(text.rstrip(" ")) or [0]

    def _encode_chat(self, request: CompletionRequest) -> list[int]:
        messages = [{**message.as_json(), "content": message.text} for message in request.messages]
        values: list[str] = []
        nonce = secrets.token_hex(16)

        def hide(text: str) -> str:
            if self._marks is None or not self._marks.search(text):
                return text
            values.append(text)
            return f"{nonce}x{len(values) - 1}x"

        text = self._render([_map_texts(message, hide) for message in messages], request)
        if not values:
            return self._tokens_of(text)
        tokens: list[int] = []
        for index, piece in enumerate(re.split(f"{nonce}x([0-9]+)x", text)):
            tokens += self._encode_value(values[int(piece)]) if index % 2 else self._tokens_of(piece)
        return tokens

    def _render(self, messages: list[Any], request: CompletionRequest) -> str:
        continues = request.messages[-1].role == "assistant"
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    messages,
                    tools=list(request.tools) or None,
                    tokenize=False,
                    add_generation_prompt=not continues,
                    continue_final_message=continues,
                )
            )
        except Exception as error:
            raise BadResponseError(f"the model's chat template failed: {type(error).__name__}: {error}") from error

    def _encode_value(self, text: str) -> list[int]:
        """Encode text in which marks of the chat format are letters like any other."""
        cuts = [] if self._marks is None else [found.start() + 1 for found in self._marks.finditer(text)]
        if not cuts:
            return self._tokens_of(text)
        # A piece that ends inside a mark does not hold it, and tokens of two pieces are never joined.
        edges = [0, *cuts, len(text)]
        return [token for start, end in itertools.pairwise(edges) for token in self._tokens_of(text[start:end])]

    def _tokens_of(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


def _find_marks(tokenizer: Any) -> list[str]:
    """Return the texts that the tokenizer would read as marks: special tokens, and those that its template writes."""
    template = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else ""
    added = tokenizer.added_tokens_decoder.values()
    marks = {token.content for token in added if token.special or token.content in template}
    return sorted(mark for mark in marks if len(mark) > 1 and not mark.isspace())


def _parts(message: Message) -> Sequence[Any]:
    return message.content if isinstance(message.content, tuple) else ()


def _map_texts(value: Any, change: Any) -> Any:
    """Return a copy of a JSON value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_texts(item, change) for key, item in value.items()}
    return [_map_texts(item, change) for item in value] if isinstance(value, list) else value
