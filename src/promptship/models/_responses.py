"""What the chat-completions protocol answers, as a `Response`. Nothing that a server sends is taken on trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import Response, TokenLogprob, ToolCall, Usage
from promptship.errors import BadResponseError
from promptship.models._requests import CHOICE_KEY

if TYPE_CHECKING:
    from promptship.domain import CompletionRequest, FinishReason
    from promptship.models._prices import Rates

__all__ = ["parse_completion", "parse_json"]

_SHOWN = 200
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "context_length": "context_length",
}
_NO_USAGE = Usage()


def parse_json(payload: bytes, *, shown: str) -> dict[str, Any]:
    """Parse the body of an answer.

    Args:
        payload: As received.
        shown: Model and origin, as messages name them.

    Raises:
        BadResponseError: Not a JSON object.
    """
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        begin = payload[:_SHOWN].decode("utf-8", "backslashreplace")
        raise BadResponseError(
            f"{shown} answered with something that is not JSON ({error.msg}): {begin!r}",
            hint="is base_url the address of an OpenAI-compatible API, with its /v1?",
        ) from None
    if not isinstance(value, dict):
        raise BadResponseError(f"{shown} answered with a JSON {type(value).__name__}, expected an object")
    return value


def parse_completion(
    body: dict[str, Any], request: CompletionRequest, *, rates: Rates | None, latency_s: float, shown: str
) -> Response:
    """Turn a chat completion into a response.

    Args:
        body: The protocol's object.
        request: What was asked.
        rates: Prices; None where unknown.
        latency_s: Seconds from sending to the last byte.
        shown: Model and origin, as messages name them.

    Raises:
        BadResponseError: There is no choice with a message in it, or a part has the wrong type.
    """
    try:
        return _parse(body, request, rates, latency_s)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"
        text = str(body)[:_SHOWN]
        raise BadResponseError(f"{shown} answered with JSON that is no chat completion ({reason}): {text!r}") from None


def _parse(body: dict[str, Any], request: CompletionRequest, rates: Rates | None, latency_s: float) -> Response:
    choice = body["choices"][0]
    message = choice["message"]
    content = message.get("content")
    text = content if isinstance(content, str) else _join_parts(content)
    calls = tuple(map(_parse_tool_call, message.get("tool_calls") or ()))
    finish = _finish_reason(choice.get("finish_reason"), has_calls=bool(calls))
    # A refusal of structured output is the model's answer, to be scored like any other.
    if not text and message.get("refusal"):
        text = _check_text(message["refusal"])
    elif request.choices and finish in ("stop", "length"):
        text, finish = _unwrap_choice(text, request.choices, finish)
    usage = _parse_usage(body.get("usage"))
    logprobs = choice.get("logprobs")
    return Response(
        text=text,
        tool_calls=calls,
        usage=usage or _NO_USAGE,
        cost_usd=None if rates is None or usage is None else rates.cost(usage),
        latency_s=latency_s,
        finish_reason=finish,
        served_model=_check_text(body.get("model") or ""),
        logprobs=tuple(map(_parse_logprob, logprobs.get("content") or ())) if logprobs else (),
    )


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r:.80}")
    return value


def _join_parts(content: object) -> str:
    if content is None:
        return ""
    if not isinstance(content, list):
        raise TypeError(f"content is a {type(content).__name__}, expected text, a list or null")
    return "".join(_check_text(part.get("text", "")) for part in content if part.get("type") == "text")


def _parse_tool_call(call: dict[str, Any]) -> ToolCall:
    function = call["function"]
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        # Some local servers send the object instead of its text.
        arguments = orjson.dumps(arguments).decode()
    return ToolCall(id=_check_text(call.get("id") or ""), name=_check_text(function["name"]), arguments=arguments)


def _finish_reason(reason: str | None, *, has_calls: bool) -> FinishReason:
    if reason is None:
        return "tool_calls" if has_calls else "stop"
    return _FINISH_REASONS.get(reason, "other")


def _unwrap_choice(text: str, choices: tuple[str, ...], finish: FinishReason) -> tuple[str, FinishReason]:
    """Take the choice out of its JSON object; plain text that is a choice is one, from servers without schemas."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text.strip()
    chosen = value.get(CHOICE_KEY) if isinstance(value, dict) else value
    if isinstance(chosen, str) and chosen in choices:
        return chosen, "stop"
    return text, finish if finish == "length" else "invalid_output"


def _parse_usage(usage: dict[str, Any] | None) -> Usage | None:
    if not usage:
        return None
    # Without cached tokens some servers send null where others send an object.
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if details else 0
    return Usage(
        prompt_tokens=_parse_count(usage.get("prompt_tokens")),
        completion_tokens=_parse_count(usage.get("completion_tokens")),
        cached_tokens=_parse_count(cached),
    )


def _parse_count(value: object) -> int:
    # A negative count would be a negative cost, and give a budget money back.
    count = int(value) if isinstance(value, int | float) else 0 if value is None else None
    if count is None or count < 0:
        raise ValueError(f"expected a number of tokens, found {value!r:.80}")
    return count


def _parse_logprob(entry: dict[str, Any]) -> TokenLogprob:
    top = entry.get("top_logprobs") or ()
    return TokenLogprob(
        token=_check_text(entry["token"]),
        logprob=float(entry["logprob"]),
        top=tuple((_check_text(one["token"]), float(one["logprob"])) for one in top),
    )
