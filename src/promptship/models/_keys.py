"""Under which key an answer is kept: a digest of everything that decides it, and of nothing secret."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from promptship.errors import InputError

if TYPE_CHECKING:
    from promptship.domain import CompletionRequest, ModelConfig

__all__ = ["KeyMaker", "question_key"]

_FORMAT = "promptship-answer-1"


class KeyMaker:
    """Makes the keys of one model's answers; what all of them share is digested once.

    Args:
        config: Model and endpoint name count; address, key, price and limits do not. Its params are those of requests.
        with_fallbacks: Whether the fallbacks count too, because one of them may have given the answer.
    """

    __slots__ = ("_prefix",)

    def __init__(self, config: ModelConfig, *, with_fallbacks: bool) -> None:
        identity = config.identity()
        # A request carries all params that apply, the config's own among them.
        identity.pop("params", None)
        if not with_fallbacks:
            identity.pop("fallbacks", None)
        self._prefix = hashlib.sha256(orjson.dumps([_FORMAT, identity], option=orjson.OPT_SORT_KEYS) + b"\n")

    def key(self, request: CompletionRequest) -> bytes:
        """Return the key of the answer to `request`: 32 bytes.

        Raises:
            InputError: A text of the request cannot be UTF-8.
        """
        digest = self._prefix.copy()
        digest.update(_encode((request.params, *_question(request), request.prior or None)))
        return digest.digest()


def question_key(request: CompletionRequest) -> bytes:
    """Return a key of what is asked, whoever is asked and with whichever params: 32 bytes.

    Raises:
        InputError: A text of the request cannot be UTF-8.
    """
    return hashlib.sha256(_encode((_FORMAT, *_question(request)))).digest()


def _question(request: CompletionRequest) -> tuple[object, ...]:
    # Tuples take a third of the time that dataclasses take to write.
    messages = [(message.role, message.content, message.extra) for message in request.messages]
    return (messages, request.tools, request.output_schema, request.choices, request.repeat)


def _encode(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=dict, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InputError(
            f"the request cannot be written as JSON: {error}",
            hint="look for lone surrogates and for very large integers",
        ) from None
