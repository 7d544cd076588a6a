"""Answers as bytes, for the cache and for cassettes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import Response, TokenLogprob, ToolCall, Usage

if TYPE_CHECKING:
    from promptship.domain import JsonObject, Provenance

__all__ = ["decode_response", "encode_response", "response_as_json", "response_from_json"]


def encode_response(response: Response) -> bytes:
    """Return the answer as JSON, with what is at its default left out."""
    row = response_as_json(response)
    if response.latency_s:
        row["latency_s"] = response.latency_s
    if response.attempts != 1:
        row["attempts"] = response.attempts
    return orjson.dumps(row)


def decode_response(data: bytes, provenance: Provenance) -> Response:
    """Read what `encode_response` wrote.

    Raises:
        ValueError: Not such bytes.
    """
    return response_from_json(orjson.loads(data), provenance)


def response_as_json(response: Response) -> JsonObject:
    """Return the answer without what differs from one call to the next: time and attempts."""
    usage = response.usage
    row: dict[str, Any] = {"text": response.text, "finish_reason": response.finish_reason}
    if usage.prompt_tokens or usage.completion_tokens:
        row["usage"] = [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens]
    if response.tool_calls:
        row["tool_calls"] = [[call.id, call.name, call.arguments] for call in response.tool_calls]
    if response.cost_usd is not None:
        row["cost_usd"] = response.cost_usd
    if response.served_model:
        row["served_model"] = response.served_model
    if response.logprobs:
        row["logprobs"] = [[one.token, one.logprob, one.top] for one in response.logprobs]
    if response.choice_logprobs:
        row["choice_logprobs"] = dict(response.choice_logprobs)
    return row


def response_from_json(row: dict[str, Any], provenance: Provenance) -> Response:
    """Build the answer that `row` describes.

    Raises:
        ValueError: `row` describes none.
    """
    try:
        prompt, completion, cached = row.get("usage", (0, 0, 0))
        return Response(
            text=row["text"],
            tool_calls=tuple(ToolCall(id=one[0], name=one[1], arguments=one[2]) for one in row.get("tool_calls", ())),
            usage=Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached),
            cost_usd=row.get("cost_usd"),
            latency_s=row.get("latency_s", 0.0),
            finish_reason=row["finish_reason"],
            served_model=row.get("served_model", ""),
            logprobs=tuple(map(_parse_logprob, row.get("logprobs", ()))),
            choice_logprobs=row.get("choice_logprobs", {}),
            attempts=row.get("attempts", 1),
            provenance=provenance,
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"not a stored answer: {error!r}") from None


def _parse_logprob(entry: list[Any]) -> TokenLogprob:
    token, logprob, top = entry
    return TokenLogprob(token=token, logprob=logprob, top=tuple((text, value) for text, value in top))
