"""One model call: what is asked, what comes back, and the seam behind which every model stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from promptship.domain.json_types import JsonObject
    from promptship.domain.messages import Message, ToolCall

__all__ = [
    "CompletionModel",
    "CompletionRequest",
    "FinishReason",
    "Provenance",
    "RecallingModel",
    "Response",
    "TokenLogprob",
    "Usage",
]

Provenance = Literal["called", "cached", "replayed", "stored"]
"""Where an answer came from: a call now, our cache, a cassette, or a file of outputs."""

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "context_length", "invalid_output", "other"]
"""Why the model stopped. What the model or the input caused is an answer, not an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """Everything that decides an answer, and nothing else: equal requests may share one.

    Attributes:
        messages: The conversation, at least one message.
        params: Sampling parameters by their protocol names: `temperature`, `max_tokens`, `seed`, `stop`, `logprobs` …
        tools: Tool definitions in the protocol's shape.
        output_schema: JSON Schema that the answer must fit; None for free text.
        choices: The answers allowed, by likelihood where the model can, by constraint elsewhere; empty for free text.
        prior: Log-probability of each choice without an input, subtracted from its likelihood; empty for none.
        repeat: 0-based index of this sample among repeats of the same question; part of the cache key.
    """

    messages: tuple[Message, ...]
    params: JsonObject = field(default_factory=dict)
    tools: tuple[JsonObject, ...] = ()
    output_schema: JsonObject | None = None
    choices: tuple[str, ...] = ()
    prior: Mapping[str, float] = field(default_factory=dict)
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer; `cached_tokens` of the prompt were served from the provider's prefix cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """One generated token, its natural log-probability, and the likeliest alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer.

    Attributes:
        text: The text, "" where the model only called tools or refused by filter.
        tool_calls: Tool calls in order.
        usage: Token counts as the provider states them.
        cost_usd: Price of the call in USD; None where no price is known; 0 for local models.
        latency_s: Seconds from sending to the last byte of the successful attempt.
        finish_reason: Why the model stopped.
        served_model: The model that really answered, as the provider names it.
        logprobs: One entry per generated token, where asked for and given.
        choice_logprobs: Log-probability of each choice (after the prior), where the model decides by likelihood.
        attempts: Calls sent for this answer, retries included.
        provenance: Where the answer came from.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    latency_s: float = 0.0
    finish_reason: FinishReason = "stop"
    served_model: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    choice_logprobs: Mapping[str, float] = field(default_factory=dict)
    attempts: int = 1
    provenance: Provenance = "called"


class CompletionModel(Protocol):
    """A model that completes requests. Transports and what wraps them (cache, limits, budget) are all of this shape."""

    async def complete(self, request: CompletionRequest) -> Response:
        """Answer `request`.

        Raises:
            ModelError: No usable answer.
            BudgetExceededError: The call was not sent because it could cost too much.
        """
        ...

    def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """Yield the answer's text piece by piece, then the whole `Response`.

        Raises:
            ModelError: No usable answer.
        """
        ...

    async def aclose(self) -> None:
        """Close connections and free memory. Harmless when called twice."""
        ...


@runtime_checkable
class RecallingModel(CompletionModel, Protocol):
    """A model that may know answers without a call."""

    def recall(self, requests: Sequence[CompletionRequest]) -> Sequence[Response | None]:
        """Return what is known, in the order of the requests; None where it takes `complete`. Nothing is raised."""
        ...
