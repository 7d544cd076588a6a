"""Models for tests and documentation: they answer at once, from a script or from a rule in their name."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from promptship.domain import Response, Usage
from promptship.errors import ServerError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from promptship.domain import CompletionRequest

__all__ = ["FakeModel", "open_fake"]

_CHARACTERS_PER_TOKEN = 4
_WORDS = re.compile(r"\s*\S+\s*|\s+")
_KINDS = {"echo": {"latency_s"}, "constant": {"latency_s", "text"}, "error": {"latency_s", "message"}}


class FakeModel:
    """Answers from a script, and remembers what it was asked.

    Args:
        script: A function from a request to an answer, or the answers in order. An answer is text, a `Response`, or an
            exception, which is raised. A list that is used up repeats its last answer.
        latency_s: Seconds that each answer takes.

    Attributes:
        calls: The requests, in order.
        in_flight: Requests being answered.
        peak: Most requests that were ever answered at once.
        closed: True after `aclose`.

    Example:
        >>> import asyncio
        >>> from promptship.domain import CompletionRequest, Message
        >>> model = FakeModel(["one", "two"])
        >>> request = CompletionRequest(messages=(Message(role="user", content="Say it."),))
        >>> asyncio.run(model.complete(request)).text
        'one'
    """

    def __init__(
        self,
        script: Callable[[CompletionRequest], str | Response | Exception] | Iterable[str | Response | Exception],
        *,
        latency_s: float = 0.0,
    ) -> None:
        self._answer = script if callable(script) else _in_order(script)
        self._latency_s = latency_s
        self.calls: list[CompletionRequest] = []
        self.in_flight = 0
        self.peak = 0
        self.closed = False

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        self.calls.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self._latency_s:
                await asyncio.sleep(self._latency_s)
            return self._respond(request)
        finally:
            self.in_flight -= 1

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; a piece is a word."""
        response = await self.complete(request)
        for piece in _WORDS.findall(response.text):
            yield piece
        yield response

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _respond(self, request: CompletionRequest) -> Response:
        answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            sent = sum(len(message.text) for message in request.messages)
            usage = Usage(prompt_tokens=_tokens(sent), completion_tokens=_tokens(len(answer)))
            answer = Response(text=answer, usage=usage, cost_usd=0.0, served_model="fake")
        return replace(answer, latency_s=self._latency_s) if self._latency_s and not answer.latency_s else answer


def open_fake(name: str) -> FakeModel:
    """Open the fake model that `name` describes.

    Args:
        name: `echo` answers with the last user message, or the first choice in it; `constant?text=T` with T;
            `error?message=M` fails as a server does. `latency_s=S` makes any of them take S seconds.

    Raises:
        UsageError: No such fake model.
    """
    kind, _, query = name.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if kind not in _KINDS:
        raise UsageError(
            f"there is no model 'fake/{kind}'{did_you_mean(kind, _KINDS)}",
            hint="known: " + ", ".join(f"fake/{known}" for known in _KINDS),
        )
    unknown = sorted(options.keys() - _KINDS[kind])
    if unknown:
        raise UsageError(f"'fake/{kind}' has no option {unknown[0]!r}{did_you_mean(unknown[0], _KINDS[kind])}")
    return FakeModel(_RULES[kind](options), latency_s=_parse_latency(options.get("latency_s", "0")))


def _parse_latency(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"latency_s={text!r} of a fake model: expected seconds") from None


def _echo(_: dict[str, str]) -> Callable[[CompletionRequest], str | Response | Exception]:
    def answer(request: CompletionRequest) -> str:
        said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
        if not request.choices:
            return said
        return next((choice for choice in request.choices if choice in said), request.choices[0])

    return answer


def _constant(options: dict[str, str]) -> Callable[[CompletionRequest], str | Response | Exception]:
    return lambda _: options.get("text", "")


def _error(options: dict[str, str]) -> Callable[[CompletionRequest], str | Response | Exception]:
    return lambda _: ServerError(f"'fake/error': {options.get('message', 'it fails')}", status=500)


_RULES = {"echo": _echo, "constant": _constant, "error": _error}


def _in_order(
    answers: Iterable[str | Response | Exception],
) -> Callable[[CompletionRequest], str | Response | Exception]:
    left = deque(answers)
    if not left:
        raise UsageError("a fake model's script is empty")
    return lambda _: left.popleft() if len(left) > 1 else left[0]


def _tokens(characters: int) -> int:
    return max(1, -(-characters // _CHARACTERS_PER_TOKEN))
